"""A busy hour in a minute: many callers, a moody provider, a full disk, clocks that jump, and a death every few hundred messages."""

import asyncio
import contextlib
import random
import resource
import time

import psutil
import psycopg

from dustreel.base.db import Database
from dustreel.base.vocabulary import Mode
from tests.chaos.front import Front
from tests.chaos.points import Moment, Point, Trigger
from tests.chaos.scenarios import PUBLIC, jpeg
from tests.chaos.stage import Play, Stage, Victim
from tests.chaos.trial import Outcome, Plot, act
from tests.fakes.scripted import Fault
from tests.fakes.vendors import Replicate

STARTING_DUST = 100_000
CALLERS = 4
# A process lives for so many messages, on average.
MESSAGES_PER_DEATH = 700
VICTIMS = {Victim.PROCESS: 8, Victim.CONNECTION: 5, Victim.STOPPED: 3, Victim.DATABASE: 1}
# How far a clock jumps: forwards beyond every lease and short of a job's half hour; back only as far as anybody would wait for it.
JUMP_SECONDS = (-8.0, 120.0)
# Smaller than any video and larger than a log line.
FULL_AT_BYTES = 8_192

_JUMP = """
update workers set beaten_at = beaten_at - %(by)s;
update jobs set deadline_at = deadline_at - %(by)s, started_at = started_at - %(by)s where finished_at is null;
update submissions set wake_at = wake_at - %(by)s, settle_by = settle_by - %(by)s where wake_at is not null;
update oban_jobs set scheduled_at = scheduled_at - %(by)s, attempted_at = attempted_at - %(by)s
 where state in ('available', 'scheduled', 'retryable', 'executing');
"""


class Dice(Trigger):
    """Something dies at a message that chance picks."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__([])
        self._dice = dice

    def reached(self, message: str, moment: Moment) -> bool:
        if not self.is_open or self._dice.random() >= 1 / MESSAGES_PER_DEATH:
            return False
        self.fired.append(Point(message, moment))
        return True


async def soak(stage: Stage, *, seed: int, seconds: float) -> Outcome:
    """Two workers, four callers, and everything that can go wrong, for so many seconds; then what was found."""
    dice = random.Random(seed)
    outcome = Outcome("soak", [])
    play = Play(stage, Dice(dice), lambda: dice.choices(list(VICTIMS), list(VICTIMS.values()))[0], Replicate())
    plot = Plot(lambda front: _trouble(play, front, dice, seconds), Mode.LIVE, STARTING_DUST, workers=2, settings=PUBLIC)
    async with play.set():
        await act(play, plot, outcome)
    return outcome


async def _trouble(play: Play, front: Front, dice: random.Random, seconds: float) -> None:
    """Callers call while the weather changes, until the time is up; then the sun shines."""
    until = time.monotonic() + seconds
    async with asyncio.TaskGroup() as all_at_once:
        for number in range(CALLERS):
            all_at_once.create_task(_call(play, front, random.Random(dice.random()), number, until=until))
        all_at_once.create_task(_moods(play, random.Random(dice.random()), until=until))
        all_at_once.create_task(_jumps(play.db, random.Random(dice.random()), until=until))
        all_at_once.create_task(_full_disk(play, random.Random(dice.random()), until=until))
    await play.calm()
    play.upstream.faults.clear()


async def _call(play: Play, front: Front, dice: random.Random, number: int, *, until: float) -> None:
    """One caller after the other, each with a job: looked at till it ends, or cancelled before."""
    count = 0
    while time.monotonic() < until:
        count += 1
        name = f"{number}.{count}"
        fate = dice.choice(["A lighthouse", "A lighthouse", "A lighthouse", "It fails", "It is moderated"])
        if dice.random() < 0.25:
            job = await front.animate(f"{fate} {name}", jpeg())
        else:
            job = await front.generate(f"{fate} {name}", copies=dice.choice([1, 1, 3]))
        if dice.random() < 0.25:
            await asyncio.sleep(dice.uniform(0.0, 1.5))
            await front.cancel(job)
        if dice.random() < 0.8:
            with contextlib.suppress(TimeoutError):  # it must end, but not before the trouble does
                async with asyncio.timeout(until - time.monotonic()):
                    await front.until(job, "completed", "failed", "cancelled")


async def _moods(play: Play, dice: random.Random, *, until: float) -> None:
    """The provider: slow, cut off, broken, half, garbled, and deaf to cancels."""
    upstream = play.upstream
    while time.monotonic() < until:
        upstream.boot_seconds, upstream.render_seconds = dice.uniform(0.0, 0.5), dice.uniform(0.1, 1.0)
        upstream.cancels_ignored = dice.choice([0, 0, 3])
        upstream.webhook_copies = dice.choice([1, 1, 2])
        kind = dice.choice(["create", "create", "look", "list", "cancel", "output", "file", "secret"])
        fault = dice.choice(
            [
                Fault(seconds=dice.uniform(0.5, 3.0)),
                Fault(cut=True),
                Fault(cut=True, done_first=True),
                Fault(status=500),
                Fault(status=500, done_first=True),
                Fault(status=429),
                Fault(half=True),
                Fault(garbage=True, done_first=True),
            ]
        )
        upstream.fail_next(kind, fault)
        await asyncio.sleep(dice.uniform(0.1, 0.8))


async def _jumps(db: Database, dice: random.Random, *, until: float) -> None:
    """The database's clock, forwards and back. To the service, every moment written down is suddenly another distance away."""
    while time.monotonic() < until:
        await asyncio.sleep(dice.uniform(3.0, 8.0))
        by = f"{dice.uniform(*JUMP_SECONDS)} seconds"
        with contextlib.suppress(psycopg.Error, TimeoutError):  # while the database is the one that dies
            async with db.pool.connection(timeout=5.0) as connection, connection.transaction():
                for statement in _JUMP.split(";\n"):
                    if statement.strip():
                        await connection.execute(statement.replace("%(by)s", "%(by)s::interval").encode(), {"by": by})


async def _full_disk(play: Play, dice: random.Random, *, until: float) -> None:
    """For a second now and then the kernel refuses every write of a process beyond some bytes, as a full disk does."""
    while time.monotonic() < until:
        await asyncio.sleep(dice.uniform(2.0, 6.0))
        pid = dice.choice(play.actors).pid
        play.disk_was_full = True
        _limit_files(pid, FULL_AT_BYTES)
        await asyncio.sleep(1.0)
        _limit_files(pid, resource.RLIM_INFINITY)


def _limit_files(pid: int, at_most: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).rlimit(resource.RLIMIT_FSIZE, (at_most, resource.RLIM_INFINITY))
