"""One trial: a scenario, the messages at which something dies, and what was found afterwards."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from dustreel.base.ids import RandomIds
from dustreel.base.tls import trusted
from dustreel.base.vocabulary import Mode
from dustreel.callers import Role, make_key
from tests.chaos.checks import settled, still_open, violations
from tests.chaos.front import Front
from tests.chaos.mutants import MUTANTS
from tests.chaos.points import Point, Target, Trigger
from tests.chaos.scenarios import Scenario
from tests.chaos.stage import Play, Stage

STARTING_DUST = 100
LOG_SHOWN = 20_000


@dataclass
class Outcome:
    scenario: str
    targets: list[Target]
    fired: list[Point] = field(default_factory=list)
    passed: dict[Point, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    """The statuses that the jobs ended in."""
    log: str = ""
    """What the services wrote: warnings and worse."""
    seconds: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.scenario}: {', '.join(map(str, self.targets)) or 'nothing'}"


async def run(stage: Stage, scenario: Scenario, targets: list[Target], *, mutant: str | None = None) -> Outcome:
    outcome = Outcome(scenario.name, targets)
    trigger = Trigger(targets)
    swift = await stage.swift() if scenario.in_bucket else None
    play = Play(stage, trigger, lambda: scenario.victim, await scenario.vendor(stage), mutant, swift=swift)
    plot = Plot(lambda front: scenario.tell(play, front), Mode(scenario.mode), STARTING_DUST, scenario.workers, scenario.settings)
    async with play.set():
        if mutant is not None and MUTANTS[mutant].break_database:
            async with play.db.transaction() as connection:
                await connection.execute(MUTANTS[mutant].break_database.encode())
        await act(play, plot, outcome)
    outcome.passed = dict(trigger.passed)
    return outcome


@dataclass(frozen=True)
class Plot:
    """What callers do, and with what services."""

    tell: Callable[[Front], Awaitable[None]]
    mode: Mode
    start: int
    """The caller's DUST."""
    workers: int
    settings: dict[str, str]


async def act(play: Play, plot: Plot, outcome: Outcome) -> None:
    """Let the callers tell their story, wait until all of it has ended, and write down what was found."""
    began = time.monotonic()
    user_id = uuid4()
    async with play.db.transaction() as connection:
        _, key = await make_key(connection, RandomIds(), user_id, mode=plot.mode, role=Role.USER)
    settings = {"DUSTREEL_STARTING_DUST": str(plot.start)} | plot.settings
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        play.running(workers=plot.workers, settings=settings),
        httpx.AsyncClient(base_url=play.url, headers=headers, timeout=10.0, verify=trusted()) as api,
    ):
        front = Front(api, user_id)
        try:
            await plot.tell(front)
            await front.until_all_final()
            await settled(play)
        except (TimeoutError, KeyError) as failed:
            await play.calm()
            outcome.broken += [f"it did not come to an end: {failed!r}", *await still_open(play)]
        await play.calm()
        outcome.broken += await violations(play, front, start=plot.start)
    outcome.ends = [shown[-1][0] for shown in front.seen.values() if shown]
    outcome.log = play.log.read_text("utf-8", errors="replace")[-LOG_SHOWN:] if play.log.exists() else ""
    outcome.fired = play.trigger.fired
    outcome.seconds = time.monotonic() - began
