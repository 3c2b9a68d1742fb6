"""The worker of one process: takes errands from the queue, keeps count of what runs, stops what must stop, and hands over at the end."""

import asyncio
import os
import random
import shutil
import socket
from uuid import UUID

from dustreel.base.bell import Bell
from dustreel.base.errors import Unavailable
from dustreel.base.log import logger
from dustreel.jobs import Job, Overtaken, life
from dustreel.queue import Engine, Errand, Lane
from dustreel.worker import chores
from dustreel.worker.crew import Crew
from dustreel.worker.lookout import TICK_SECONDS, Lookout
from dustreel.worker.pipeline import carry, try_again_or_fail

log = logger(__name__)

# Longer than a render process takes to die and a row to be written; the whole service has ten seconds to stop.
LET_GO_SECONDS = 4.0
# Before a job whose worker could not go on is taken up again.
AWAY_SECONDS = 2.0
LONGEST_STORAGE_PAUSE_SECONDS = 30.0


class Foreman:
    def __init__(self, crew: Crew, bell: Bell, *, lanes: dict[Lane, int], pace: chores.Pace) -> None:
        self._crew, self._pace = crew, pace
        self._running: dict[tuple[UUID, int], asyncio.Task[None]] = {}
        """By job and attempt: one that lost its attempt may still be ending while the next one runs."""
        self._errands: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._handing_over = False
        self._chores: list[asyncio.Task[None]] = []
        self._engine = Engine(crew.db, lanes=lanes, handler=self._run, node=f"{socket.gethostname()}.{os.getpid()}.{crew.worker_id}")
        self._lookout = Lookout(crew, dead_after=pace.dead_after)
        bell.on("stop", lambda job_id: self._stop_job(UUID(job_id)))
        # A cancelled job's order is to be cancelled, too.
        for topic in ("look", "stop"):
            bell.on(topic, lambda _: self._lookout.ring())

    async def start(self) -> None:
        shutil.rmtree(self._crew.scratch, ignore_errors=True)
        await chores.beat(self._crew)
        await self._engine.start()
        self._chores = [
            asyncio.create_task(
                chores.keep_beating(self._crew, self._pace, self._running.keys, self._stop_attempt, self._stopping), name="beat"
            ),
            asyncio.create_task(chores.keep_house(self._crew, self._pace, self._stopping), name="house"),
            asyncio.create_task(self._lookout.keep(self._stopping, tick=min(TICK_SECONDS, self._pace.beat)), name="lookout"),
        ]

    async def stop(self) -> None:
        """Hand every running job to whoever comes next, then let go of the queue."""
        await self._engine.pause()
        self._handing_over = True
        until = self._crew.clock.monotonic() + LET_GO_SECONDS
        # An errand that was fetched a moment ago may still be on its way to becoming a running job.
        while self._errands and self._crew.clock.monotonic() < until:
            for task in list(self._running.values()):
                # Once each: a second cancel would cut off the writing that hands the job over.
                if not task.cancelling():
                    task.cancel()
            await asyncio.wait(self._errands, timeout=0.2)
        await self._engine.stop()
        self._stopping.set()
        await asyncio.gather(*self._chores)
        await chores.leave(self._crew)

    async def _run(self, errand: Errand) -> None:
        """What the queue calls. Never raises for a job's sake: the row says how it went."""
        errand_task = asyncio.current_task()
        assert errand_task is not None
        self._errands.add(errand_task)
        errand_task.add_done_callback(self._errands.discard)
        try:
            job = await self._take(errand)
        except Overtaken:
            return
        task = self._running[job.id, job.attempt] = asyncio.create_task(self._carry(job), name=f"job {job.id}")
        try:
            await asyncio.wait([task])
        finally:
            del self._running[job.id, job.attempt]

    async def _take(self, errand: Errand) -> Job:
        crew = self._crew
        if errand.attempt == 0:
            return await crew.say(lambda db: life.start(db, errand.job_id, worker_id=crew.worker_id, deadlines=crew.deadlines))
        return await crew.say(lambda db: life.resume(db, errand.job_id, errand.attempt, worker_id=crew.worker_id))

    async def _carry(self, job: Job) -> None:
        try:
            await carry(job, self._crew)
        except Overtaken:
            log.info("a job went on without us", job_id=str(job.id), attempt=job.attempt)
        except asyncio.CancelledError:
            if self._handing_over:
                await self._hand_over(job)
        except Unavailable:
            # Nobody's fault, so no stumble: the database or the disk is away for a moment, and the job's own deadline ends the trying.
            await self._hand_over(job, after=AWAY_SECONDS)
        except OSError as failed:
            # The storage fails, or a disk is full: what was paid for is worth a wait, and here too the job's deadline ends it.
            log.warning("a job waits for the storage", job_id=str(job.id), attempt=job.attempt, error=str(failed))
            await self._hand_over(job, after=_storage_pause(job))
        except Exception:
            log.exception("a job broke its worker", job_id=str(job.id), attempt=job.attempt)
            await self._recover(job)

    async def _hand_over(self, job: Job, *, after: float = 0.0) -> None:
        try:
            await self._crew.say(lambda db: life.hand_over(db, job, after=after))
        except (Overtaken, Unavailable):
            return  # somebody else has it, or will see that we have gone

    async def _recover(self, job: Job) -> None:
        try:
            await try_again_or_fail(job, self._crew, because="Something went wrong on our side")
        except Overtaken:
            return

    def _stop_job(self, job_id: UUID) -> None:
        for running, attempt in list(self._running):
            if running == job_id:
                self._stop_attempt(job_id, attempt)

    def _stop_attempt(self, job_id: UUID, attempt: int) -> None:
        task = self._running.get((job_id, attempt))
        if task is not None:
            task.cancel()


def _storage_pause(job: Job) -> float:
    """Seconds; each attempt waits twice as long, and never all at once."""
    return min(2.0 ** min(job.attempt, 10), LONGEST_STORAGE_PAUSE_SECONDS) * random.uniform(0.5, 1.0)
