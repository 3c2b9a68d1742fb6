"""`python -m tests.chaos.shard`: runs the trials that it is given on a stage of its own. One a line in, what it found a line out."""

import asyncio
import json
import logging
import sys
from typing import Any

from tests.chaos import trial
from tests.chaos.points import Target
from tests.chaos.scenarios import SCENARIOS
from tests.chaos.soak import soak
from tests.chaos.stage import Stage, staged

# No trial that ends takes as long.
TRIAL_SECONDS = 240.0


async def main() -> None:
    # Connections to what was killed are lost all the time, and each loss would be a line.
    logging.disable(logging.WARNING)
    loop = asyncio.get_running_loop()
    async with staged() as stage:
        print("ready", flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            order = json.loads(line)
            async with asyncio.timeout(TRIAL_SECONDS + (order["soak_seconds"] or 0.0)):
                outcome = await _run(stage, order)
            told = {
                "fired": [str(point) for point in outcome.fired],
                "passed": {str(point): count for point, count in outcome.passed.items()},
                "broken": outcome.broken,
                "ends": outcome.ends,
                "log": outcome.log,
            }
            print(json.dumps(told), flush=True)


async def _run(stage: Stage, order: dict[str, Any]) -> trial.Outcome:
    if order["soak_seconds"] is not None:
        return await soak(stage, seed=int(order["targets"][0]), seconds=order["soak_seconds"])
    targets = [Target.parse(text) for text in order["targets"]]
    return await trial.run(stage, SCENARIOS[order["scenario"]], targets, mutant=order["mutant"])


if __name__ == "__main__":
    asyncio.run(main())
