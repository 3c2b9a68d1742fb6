"""`python -m tests.chaos`: all of the harness, or one trial again by the name that the report gave it."""

import argparse
import asyncio
import random
import sys

from tests.chaos.harness import Order, pool, shake
from tests.chaos.scenarios import SCENARIOS


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=55.0)
    options.add_argument("--shards", type=int, default=6)
    options.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    options.add_argument("--scenario", action="append", choices=SCENARIOS, help="only this one; may be given more than once")
    options.add_argument("--replay", metavar="TRIAL", help='such as "text: before jobs.start#1, any#17"')
    said = options.parse_args()
    if said.replay:
        return asyncio.run(replay(said.replay))
    names = said.scenario or list(SCENARIOS)
    report = asyncio.run(shake(shards=said.shards, seconds=said.minutes * 60, seed=said.seed, names=names, tell=True))
    print(report)
    return 1 if report.broken else 0


async def replay(name: str) -> int:
    scenario, _, targets = name.partition(":")
    order = Order(scenario.strip(), tuple(part.strip() for part in targets.split(", ") if part.strip() not in ("", "nothing")))
    async with pool(1) as trials:
        told = await trials.run(order)
    print(told["log"], *told["broken"], sep="\n")
    print(f"died: {told['fired']}; ended: {told['ends']}; violations: {len(told['broken'])}")
    return 1 if told["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
