"""What a worker does beside its jobs: it shows that it lives, takes over from those that don't, and keeps the house in order."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from dustreel import videos
from dustreel.base.db import Database, Statements
from dustreel.base.errors import Unavailable
from dustreel.base.log import logger
from dustreel.base.waiting import told_to_stop
from dustreel.jobs import life, submissions
from dustreel.storage import ObjectStore, Purger, RemoteStore, remove
from dustreel.worker.crew import Crew

log = logger(__name__)
SQL = Statements(__package__, "worker.sql")

HOUSE_SECONDS = 30.0
UPLOADS_SWEPT_SECONDS = 3_600.0

type Attempt = tuple[UUID, int]


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds."""

    beat: float
    dead_after: float
    job_ttl: float


async def beat(crew: Crew) -> None:
    """Show that this worker lives. However busy its other connections are: one that seems dead has its work done twice."""
    async with crew.db.reserve.connection() as connection:
        await connection.execute(SQL["beat"], {"id": crew.worker_id, "host": socket.gethostname(), "pid": os.getpid()})


async def leave(crew: Crew) -> None:
    """Say that this worker is gone, so that nobody waits for it."""
    try:
        async with crew.db.connection() as connection:
            await connection.execute(SQL["leave"], {"id": crew.worker_id})
    except Unavailable:
        log.info("the database is away; others will notice that this worker has gone")


async def keep_beating(
    crew: Crew, pace: Pace, mine: Callable[[], Iterable[Attempt]], lost: Callable[[UUID, int], None], stopping: asyncio.Event
) -> None:
    """Beats until told to stop; lets go of jobs that the rows say are no longer ours; sweeps for jobs that nobody carries."""
    # The start has beaten already.
    beaten_at = crew.clock.monotonic()
    beating_since: float | None = beaten_at
    while not await told_to_stop(stopping, pace.beat):
        try:
            await beat(crew)
        except Unavailable:
            beating_since = None
            continue
        except Exception:
            # A worker without a beat is taken for dead, and its jobs are rendered twice: whatever this was, the next beat comes.
            log.exception("a beat went wrong")
            beating_since = None
            continue
        now = crew.clock.monotonic()
        # Whatever held us up so long may have held up everybody.
        if beating_since is None or now - beaten_at > pace.dead_after - pace.beat:
            beating_since = now
        beaten_at = now
        try:
            await _let_go_of_lost(crew, list(mine()), lost)
            await _reclaim(crew, pace, list(mine()))
            # After the database was away every worker looks dead, so nobody is declared so before all had time to beat again.
            await _sweep(crew, pace, may_take_over=now - beating_since >= pace.dead_after)
        except Unavailable:
            log.info("a sweep waited too long; the next beat makes it again")
        except Exception:
            log.exception("a sweep went wrong")


async def keep_house(crew: Crew, pace: Pace, stopping: asyncio.Event) -> None:
    """Expires jobs, forgets old keys, removes unused pictures and objects that storage did not give up at once, and half-sent uploads."""
    uploads = _UploadSweep(crew.store)
    chores: list[Callable[[], Awaitable[None]]] = [
        lambda: _expire(crew, pace),
        lambda: _forget(crew),
        lambda: _sweep_pictures(crew),
        lambda: remove_objects(crew.store, crew.db, crew.purger),
        uploads.sweep,
    ]
    while not await told_to_stop(stopping, min(HOUSE_SECONDS, pace.job_ttl)):
        for chore in chores:
            try:
                await chore()
            except Unavailable:
                break
            except Exception:
                log.exception("a chore went wrong")


async def remove_objects(store: ObjectStore, db: Database, purger: Purger | None = None) -> None:
    """Try again to remove from storage and from the CDN what a delete could not."""
    async with db.transaction() as connection:
        keys = await videos.removals_due(connection)
    if not keys:
        return
    gone = await remove(store, keys, purger)
    async with db.transaction() as connection:
        await videos.removed(connection, gone)
        await videos.try_again_later(connection, [key for key in keys if key not in gone])


async def _let_go_of_lost(crew: Crew, mine: list[Attempt], lost: Callable[[UUID, int], None]) -> None:
    if not mine:
        return
    async with crew.db.connection() as connection:
        still = await life.still_mine(connection, [job_id for job_id, _ in mine], worker_id=crew.worker_id)
    for job_id, attempt in mine:
        if still.get(job_id) != attempt:
            lost(job_id, attempt)


async def _reclaim(crew: Crew, pace: Pace, mine: list[Attempt]) -> None:
    async with crew.db.transaction() as connection:
        reclaimed = await life.reclaim(connection, [job_id for job_id, _ in mine], worker_id=crew.worker_id, dead_after=pace.dead_after)
    if reclaimed:
        log.warning("put back jobs whose start had been lost", job_ids=[str(job_id) for job_id in reclaimed])


async def _sweep(crew: Crew, pace: Pace, *, may_take_over: bool) -> None:
    async with crew.db.transaction() as connection:
        overdue = await life.fail_overdue(connection)
    async with crew.db.transaction() as connection:
        requeued = await life.requeue_lost(connection, dead_after=pace.dead_after)
    taken: list[UUID] = []
    if may_take_over:
        async with crew.db.transaction() as connection:
            taken = await life.take_over(connection, dead_after=pace.dead_after)
    for what, ids in (("failed overdue jobs", overdue), ("put lost jobs back", requeued), ("took jobs over", taken)):
        if ids:
            log.warning(what, job_ids=[str(job_id) for job_id in ids])


async def _expire(crew: Crew, pace: Pace) -> None:
    count = 0
    while True:
        async with crew.db.transaction() as connection:
            expired = await life.expire(connection, keep_seconds=pace.job_ttl)
        count += len(expired)
        if len(expired) < life.SWEEP_AT_MOST:
            break
    if count:
        log.info("expired jobs", count=count)


async def _forget(crew: Crew) -> None:
    async with crew.db.transaction() as connection:
        await life.forget_idempotency_keys(connection)
        await submissions.forget_webhooks(connection)
        await connection.execute(SQL["forget_dead"])


async def _sweep_pictures(crew: Crew) -> None:
    swept = await crew.album.sweep()
    if swept:
        log.info("let go of unused pictures", count=len(swept))


class _UploadSweep:
    """Now and then, at the start first: each look into a bucket costs its operator something."""

    def __init__(self, store: ObjectStore) -> None:
        self._store, self._next = store, 0.0

    async def sweep(self) -> None:
        if isinstance(self._store, RemoteStore) and time.monotonic() >= self._next:
            self._next = time.monotonic() + UPLOADS_SWEPT_SECONDS
            try:
                await self._store.sweep()
            except OSError as failed:
                log.warning("half-sent uploads could not be swept; the next hour does it", error=str(failed))
