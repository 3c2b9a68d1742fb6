"""`python -m tests.chaos`: all of the harness, or one trial again by the name that the report gave it."""

import argparse
import asyncio
import random
import sys

from tests.chaos.harness import Order, pool, shake
from tests.chaos.scenarios import SCENARIOS


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=57.0)
    options.add_argument("--shards", type=int, default=7)
    options.add_argument("--soak-minutes", type=float, default=3.0, help="of the minutes, so many are a soak")
    options.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    options.add_argument("--scenario", action="append", choices=SCENARIOS, help="only this one; may be given more than once")
    options.add_argument("--replay", metavar="TRIAL", help='such as "text: before jobs.start#1, any#17", or "soak: 42"')
    said = options.parse_args()
    if said.replay:
        return asyncio.run(replay(said.replay, soak_seconds=said.soak_minutes * 60))
    names = said.scenario or list(SCENARIOS)
    soak_seconds = said.soak_minutes * 60
    report = asyncio.run(
        shake(shards=said.shards, seconds=said.minutes * 60, seed=said.seed, names=names, soak_seconds=soak_seconds, tell=True)
    )
    print(report)
    return 1 if report.broken else 0


async def replay(name: str, *, soak_seconds: float) -> int:
    scenario, _, rest = name.partition(":")
    targets = tuple(part.strip() for part in rest.split(", ") if part.strip() not in ("", "nothing"))
    order = Order.soak(int(targets[0]), soak_seconds) if scenario.strip() == "soak" else Order(scenario.strip(), targets)
    async with pool(1) as trials:
        told = await trials.run(order)
    print(told["log"], *told["broken"], sep="\n")
    print(f"died: {told['fired']}; ended: {told['ends']}; violations: {len(told['broken'])}")
    return 1 if told["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
