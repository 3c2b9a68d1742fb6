"""One trial: a scenario, the messages at which something dies, and what was found afterwards."""

import asyncio
import time
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from dustreel.base.db import Database
from dustreel.base.ids import RandomIds
from dustreel.base.vocabulary import Mode
from dustreel.callers import Role, make_key
from tests.chaos.checks import settled, violations
from tests.chaos.front import Front
from tests.chaos.mutants import MUTANTS
from tests.chaos.points import Point, Target, Trigger
from tests.chaos.scenarios import Scenario
from tests.chaos.stage import Play, Stage

STARTING_DUST = 100
LOG_SHOWN = 4_000


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
    began = time.monotonic()
    outcome = Outcome(scenario.name, targets)
    trigger = Trigger(targets)
    play = Play(stage, trigger, scenario.victim, mutant)
    async with play.running(workers=scenario.workers, settings=scenario.settings):
        db = Database(stage.database_url(play.database), max_size=3)
        await db.open()
        try:
            await _tell(play, db, scenario, outcome, mutant)
        finally:
            await db.close()
        outcome.log = play.log.read_text("utf-8", errors="replace")[-LOG_SHOWN:] if play.log.exists() else ""
    outcome.fired, outcome.passed = trigger.fired, dict(trigger.passed)
    outcome.seconds = time.monotonic() - began
    return outcome


async def _tell(play: Play, db: Database, scenario: Scenario, outcome: Outcome, mutant: str | None) -> None:
    user_id = uuid4()
    async with db.transaction(wait=30.0) as connection:
        if mutant is not None and MUTANTS[mutant].break_database:
            await connection.execute(MUTANTS[mutant].break_database.encode())
        _, key = await make_key(connection, RandomIds(), user_id, mode=Mode(scenario.mode), role=Role.USER)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=play.url, headers=headers, timeout=10.0) as api:
        front = Front(api, user_id)
        try:
            await scenario.tell(play, front)
            await front.until_all_final()
            await settled(play, db)
        except (TimeoutError, KeyError) as failed:
            outcome.broken.append(f"it did not come to an end: {failed!r}")
        await play.calm()
        outcome.broken += await violations(play, front, db, start=STARTING_DUST)
        outcome.ends = [shown[-1][0] for shown in front.seen.values() if shown]


async def recorded(stage: Stage, scenario: Scenario) -> Outcome:
    """A run in which nothing dies: what messages there are, and how many of each."""
    return await asyncio.wait_for(run(stage, scenario, []), 180)
