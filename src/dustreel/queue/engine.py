"""Oban, held so that it does what was measured: no rescue by age, our own names for queues, one handler for every errand."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

import psycopg
from oban import Oban
from oban.job import Job as ObanJob
from oban.schema import install_sql
from oban.worker import _registry
from psycopg_pool import PoolTimeout

from dustreel.base.db import Database
from dustreel.base.log import logger
from dustreel.base.migrate import Migration

log = logger(__name__)

# Written into every row by the SQL function queue_put's callers; resolved here.
WORKER_NAME = "dustreel.errand"
# Oban's lifeline rescues by age alone and would run a long render twice. Take-over is ours (worker/chores.py), so this is only a broom.
RESCUE_AFTER_SECONDS = 7 * 86_400.0
# Finished rows are of use to nobody but a debugging operator.
KEEP_FINISHED_SECONDS = 3_600
# With the database away the engine would wait half a minute for a connection; the whole service has ten seconds to stop.
STOP_STEP_SECONDS = 1.5


class Lane(StrEnum):
    """Oban's queues. Heavy work keeps a processor busy, so few run at once; light work mostly waits, so many may."""

    HEAVY = "heavy"
    LIGHT = "light"


@dataclass(frozen=True, slots=True)
class Errand:
    """What a queue row says: bring this job on, if it is still at this attempt. Attempt 0 is a job that was never started."""

    job_id: UUID
    attempt: int


type Handler = Callable[[Errand], Awaitable[None]]

# The engine's registry of workers is one for the process, so rows find the handler of the engine that took them by its node.
_handlers: dict[str, Handler] = {}


class _Runner:
    async def process(self, row: ObanJob) -> None:
        args: dict[str, Any] = row.args
        await _handlers[row.attempted_by[0]](Errand(UUID(args["job"]), args["attempt"]))


# `register_worker` would name it after the class; rows carry a name that outlives any refactoring.
_registry[WORKER_NAME] = _Runner


def engine_schema() -> Migration:
    return Migration("0000_oban_0.7.0", install_sql())


class Engine:
    """Takes rows from the queue and hands each to the handler. Finds its way back by itself when the database was away."""

    def __init__(self, db: Database, *, lanes: Mapping[Lane, int], handler: Handler, node: str) -> None:
        self._handler, self._node = handler, node
        self._oban = Oban(
            pool=db.pool,
            node=node,
            queues={lane.value: limit for lane, limit in lanes.items()},
            lifeline={"rescue_after": RESCUE_AFTER_SECONDS},
            pruner={"max_age": KEEP_FINISHED_SECONDS},
            # The worker lets go of its running jobs before it stops the engine: nothing is left to wait for but acknowledgements.
            shutdown_grace_period=1.0,
        )

    async def start(self) -> None:
        _handlers[self._node] = self._handler
        await self._oban.start()

    async def pause(self) -> None:
        """Take nothing more from the queue: what is put from now on is for others, or for the next start."""
        for lane in Lane:
            await self._within(STOP_STEP_SECONDS, self._oban.pause_queue(lane.value, node=self._node))

    async def stop(self) -> None:
        await self._within(2 * STOP_STEP_SECONDS, self._oban.stop())
        _handlers.pop(self._node, None)

    async def _within(self, seconds: float, step: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(seconds):
                await step
        except (TimeoutError, psycopg.Error, PoolTimeout) as failed:
            log.warning("the engine could not tell the database that it stops", error=str(failed))
