"""One trial: a scenario, the messages at which something dies, and what was found afterwards."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from dustreel.base.db import Database
from dustreel.base.ids import RandomIds
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
    play = Play(stage, trigger, lambda: scenario.victim, mutant)
    settings = {"DUSTREEL_STARTING_DUST": str(STARTING_DUST)} | scenario.settings
    async with play.running(workers=scenario.workers, settings=settings), opened(play) as db:
        if mutant is not None and MUTANTS[mutant].break_database:
            async with db.transaction(wait=30.0) as connection:
                await connection.execute(MUTANTS[mutant].break_database.encode())
        await act(play, db, outcome, lambda front: scenario.tell(play, front), mode=Mode(scenario.mode), start=STARTING_DUST)
    outcome.passed = dict(trigger.passed)
    return outcome


@asynccontextmanager
async def opened(play: Play) -> AsyncIterator[Database]:
    """The harness's own way to the database, past every proxy."""
    db = Database(play.stage.database_url(play.database), max_size=3)
    await db.open()
    try:
        yield db
    finally:
        await db.close()


async def act(play: Play, db: Database, outcome: Outcome, tell: Callable[[Front], Awaitable[None]], *, mode: Mode, start: int) -> None:
    """Let the callers tell their story, wait until all of it has ended, and write down what was found."""
    began = time.monotonic()
    user_id = uuid4()
    async with db.transaction(wait=30.0) as connection:
        _, key = await make_key(connection, RandomIds(), user_id, mode=mode, role=Role.USER)
    async with httpx.AsyncClient(base_url=play.url, headers={"Authorization": f"Bearer {key}"}, timeout=10.0) as api:
        front = Front(api, user_id)
        try:
            await tell(front)
            await front.until_all_final()
            await settled(play, db)
        except (TimeoutError, KeyError) as failed:
            await play.calm()
            outcome.broken += [f"it did not come to an end: {failed!r}", *await still_open(db)]
        await play.calm()
        outcome.broken += await violations(play, front, db, start=start)
    outcome.ends = [shown[-1][0] for shown in front.seen.values() if shown]
    outcome.log = play.log.read_text("utf-8", errors="replace")[-LOG_SHOWN:] if play.log.exists() else ""
    outcome.fired = play.trigger.fired
    outcome.seconds = time.monotonic() - began
