"""The whole of it: every scenario once undisturbed, then once more for every message that it showed, with a death at that message."""

import asyncio
import json
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from tests.chaos.scenarios import SCENARIOS
from tests.chaos.stage import BUCKET

ROOT = Path(__file__).parents[2]
# What comes by the clock, not by the story: there are as many as the trial has seconds, and dying at the second tells what the first told.
BY_THE_CLOCK = re.compile(
    r"begin|rollback|worker\.beat|oban\.(?!ack|insert)|submissions\.(claim|look_again)|select sha256|"
    r"jobs\.(by_ids|fail_overdue|requeue_lost|reclaim|take_over|still_mine)"
)
# What every start says, and so a second one too.
AT_THE_START = re.compile(r"migrate\.|db\.limits|listen ")
# After these deaths: how often another follows, and within how many messages.
MORE_DEATHS = 0.1
WITHIN_MESSAGES = 160


@dataclass(frozen=True)
class Order:
    scenario: str
    targets: tuple[str, ...] = ()
    mutant: str | None = None
    soak_seconds: float | None = None
    """None for a trial."""

    @classmethod
    def soak(cls, seed: int, seconds: float) -> "Order":
        return cls("soak", (str(seed),), soak_seconds=seconds)

    def __str__(self) -> str:
        return f"{self.scenario}: {', '.join(self.targets) or 'nothing'}"


@dataclass
class Report:
    seed: int
    trials: int = 0
    kills: int = 0
    points: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[Order, list[str], str]] = field(default_factory=list)
    planned: int = 0
    deaths: int = 0
    """Kills that were planned; the soak plans none, and its count as they came."""
    seconds: float = 0.0

    def add(self, order: Order, told: dict[str, Any]) -> None:
        self.trials += 1
        self.kills += len(told["fired"])
        self.points.update(told["fired"])
        self.ends.update(told["ends"])
        if told["broken"]:
            self.broken.append((order, told["broken"], told["log"]))

    def __str__(self) -> str:
        lines = [
            f"trials      {self.trials:>6,} of {self.planned:,} planned",
            f"kills       {self.kills:>6,} of {self.deaths:,} planned",
            f"kill points {len(self.points):>6,} distinct",
            f"violations  {sum(len(what) for _, what, _ in self.broken):>6,}",
            f"jobs ended  {', '.join(f'{count:,} {status}' for status, count in self.ends.most_common())}",
            f"seed        {self.seed}",
            f"seconds     {self.seconds:>6,.0f}",
        ]
        return "\n".join([*lines, *map(violation, self.broken)])


def violation(found: tuple[Order, list[str], str]) -> str:
    order, what, log = found
    lines = ["", f"VIOLATION in «{order}»", *(f"  - {one}" for one in what), *(f"  | {line}" for line in log.splitlines()[-40:])]
    return "\n".join(lines)


class Pool:
    """Shards that run trials at the same time, each on a stage of its own."""

    def __init__(self, shards: list[asyncio.subprocess.Process]) -> None:
        self._idle: asyncio.Queue[asyncio.subprocess.Process] = asyncio.Queue()
        for shard in shards:
            self._idle.put_nowait(shard)

    async def run(self, order: Order) -> dict[str, Any]:
        """What the trial found: the fields of `trial.Outcome`, as text."""
        shard = await self._idle.get()
        assert shard.stdin is not None and shard.stdout is not None
        shard.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        line = await shard.stdout.readline()
        if not line:
            raise RuntimeError(f"a shard died over «{order}»")
        self._idle.put_nowait(shard)
        told: dict[str, Any] = json.loads(line)
        return told


@asynccontextmanager
async def pool(size: int) -> AsyncIterator[Pool]:
    shards = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.chaos.shard",
            cwd=ROOT,
            # Measuring what is killed in the middle tells nothing, and slows it down.
            env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 22,
        )
        for _ in range(size)
    ]
    try:
        for shard in shards:
            assert shard.stdout is not None
            if await shard.stdout.readline() != b"ready\n":
                raise RuntimeError("a shard did not start")
        yield Pool(shards)
    finally:
        for shard in shards:
            assert shard.stdin is not None
            shard.stdin.close()
        await asyncio.gather(*(shard.wait() for shard in shards))


async def every_message(trials: Pool, names: Iterable[str], dice: random.Random, report: Report) -> list[Order]:
    """A death at each message of each scenario, in an order that the dice decide; some have more deaths to come."""
    undisturbed = [Order(name) for name in names]
    planned = []
    for order, told in zip(undisturbed, await asyncio.gather(*(trials.run(order) for order in undisturbed)), strict=True):
        report.add(order, told)
        passed = sorted(told["passed"].items())
        # What comes again after a restart can be what the next death is at: each trial tells more of one scenario.
        story: list[str] = []
        again: list[str] = []
        scenario = SCENARIOS[order.scenario]
        for point, count in passed:
            if scenario.in_bucket and BUCKET not in point:
                continue
            if scenario.only_its_story and (BY_THE_CLOCK.search(point) or AT_THE_START.search(point)):
                continue
            if BY_THE_CLOCK.search(point):
                again.append(f"{point}#1")
            else:
                place = again if AT_THE_START.search(point) else story
                place += [f"{point}#{nth}" for nth in range(1, count + 1)]
        dice.shuffle(story)
        dice.shuffle(again)
        for deaths in zip_longest(story, again[::2], again[1::2]):
            targets = [target for target in deaths if target is not None]
            while len(targets) < 4 and dice.random() < MORE_DEATHS:
                targets.append(f"any#{dice.randint(1, WITHIN_MESSAGES)}")
            planned.append(Order(order.scenario, tuple(targets)))
    dice.shuffle(planned)
    return planned


async def shake(
    *, shards: int, seconds: float, seed: int, names: Iterable[str] = SCENARIOS, soak_seconds: float = 0.0, tell: bool = False
) -> Report:
    """Soak every shard first, where it is asked for; then run trials until all are done or the time is up."""
    began = time.monotonic()
    report = Report(seed)
    async with pool(shards) as trials:
        if soak_seconds:
            soaks = [Order.soak(seed + number, soak_seconds) for number in range(shards)]
            for order, told in zip(soaks, await asyncio.gather(*(trials.run(order) for order in soaks)), strict=True):
                _note(report, order, told, tell=tell)
        planned = await every_message(trials, names, random.Random(seed), report)
        report.planned = len(planned) + report.trials
        report.deaths = sum(len(order.targets) for order in planned) + report.kills
        if tell:
            print(f"{report.planned:,} trials and {report.deaths:,} kills are planned", flush=True)
        waiting = iter(planned)

        async def work() -> None:
            for order in waiting:
                if time.monotonic() - began > seconds:
                    return
                _note(report, order, await trials.run(order), tell=tell)
                if tell and report.trials % 50 == 0:
                    took = time.monotonic() - began
                    print(f"{took:6.0f} s: {report.trials} trials, {report.kills} kills, {len(report.broken)} broken", flush=True)

        await asyncio.gather(*(work() for _ in range(shards)))
    report.seconds = time.monotonic() - began
    return report


def _note(report: Report, order: Order, told: dict[str, Any], *, tell: bool) -> None:
    report.add(order, told)
    if tell and told["broken"]:
        print(violation(report.broken[-1]), flush=True)
