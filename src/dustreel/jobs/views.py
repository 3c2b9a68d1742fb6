"""Reading jobs: who may see one, and what is read so often that it is read together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dustreel.base.db import Connection, Database, Row, Statements, every, one
from dustreel.base.errors import NotYours
from dustreel.base.gather import Gather
from dustreel.base.vocabulary import GenerationType, Mode, Seconds
from dustreel.jobs.estimates import remaining
from dustreel.jobs.job import Job, JobExpired, JobNotFound
from dustreel.jobs.states import Status, Step

SQL = Statements(__package__, "jobs.sql")


@dataclass(frozen=True, slots=True)
class Glance:
    """What a poll tells."""

    job_id: UUID
    status: Status
    progress: float | None
    current_step: str | None
    """None when final."""
    remaining_seconds: Seconds | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Active:
    job_id: UUID
    status: Status
    generation_type: GenerationType
    created_at: datetime
    estimated_seconds: Seconds


@dataclass(frozen=True, slots=True)
class Statistics:
    """The whole service, expired jobs included."""

    is_running: bool
    processed: int
    queued: int
    in_progress: int
    last_completed_at: datetime | None
    average_seconds: float


class JobReads:
    """The reads that a front end repeats."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._rows: Gather[UUID, Row] = Gather(self._read_rows)
        self._active: Gather[tuple[UUID, Mode], list[Active]] = Gather(self._read_active)
        self._statistics: Gather[None, Statistics] = Gather(self._read_statistics)

    async def glance(self, job_id: UUID, user_id: UUID, mode: Mode) -> Glance:
        """Raises JobNotFound, NotYours, JobExpired, Unavailable."""
        row = _visible(await self._rows.get(job_id), user_id, mode)
        return _glance(row)

    async def active(self, user_id: UUID, mode: Mode) -> list[Active]:
        """A caller's live jobs, oldest first."""
        return await self._active.get((user_id, mode)) or []

    async def statistics(self) -> Statistics:
        """Of the whole service. Those who ask at the same time share one look at every job."""
        found = await self._statistics.get(None)
        assert found is not None
        return found

    async def _read_rows(self, ids: Sequence[UUID]) -> Mapping[UUID, Row]:
        async with self._db.connection() as connection:
            return {row["id"]: row for row in await every(connection, SQL["by_ids"], ids=list(ids))}

    async def _read_active(self, owners: Sequence[tuple[UUID, Mode]]) -> Mapping[tuple[UUID, Mode], list[Active]]:
        users, modes = [user_id for user_id, _ in owners], [mode.value for _, mode in owners]
        found: dict[tuple[UUID, Mode], list[Active]] = {}
        async with self._db.connection() as connection:
            for row in await every(connection, SQL["active"], user_ids=users, modes=modes):
                found.setdefault((row["user_id"], Mode(row["mode"])), []).append(
                    Active(
                        job_id=row["id"],
                        status=Status(row["status"]),
                        generation_type=GenerationType(row["generation_type"]),
                        created_at=row["created_at"],
                        estimated_seconds=Seconds(row["estimated_seconds"]),
                    )
                )
        return found

    async def _read_statistics(self, asked: Sequence[None]) -> Mapping[None, Statistics]:
        async with self._db.connection() as connection:
            row = await one(connection, SQL["statistics"])
        assert row is not None
        return dict.fromkeys(
            asked,
            Statistics(
                is_running=row["is_running"],
                processed=row["processed"],
                queued=row["queued"],
                in_progress=row["in_progress"],
                last_completed_at=row["last_completed_at"],
                average_seconds=row["average_seconds"],
            ),
        )


async def find(db: Connection, job_id: UUID, user_id: UUID, mode: Mode) -> Job:
    """A caller's own job. Raises JobNotFound, NotYours, JobExpired."""
    return Job.from_row(_visible(await one(db, SQL["by_id"], job_id=job_id), user_id, mode))


async def history(db: Connection, user_id: UUID, mode: Mode, *, limit: int, offset: int) -> tuple[list[Job], int]:
    """One page of a caller's jobs that have not expired, newest first, and the number of all."""
    rows = await every(db, SQL["history"], user_id=user_id, mode=mode, limit=limit, offset=offset)
    counted = await one(db, SQL["count_history"], user_id=user_id, mode=mode)
    assert counted is not None
    return [Job.from_row(row) for row in rows], counted["total"]


def _visible(row: Row | None, user_id: UUID, mode: Mode) -> Row:
    if row is None:
        raise JobNotFound
    if row["user_id"] != user_id:
        raise NotYours("This job belongs to somebody else.")
    if row["mode"] != mode:
        raise JobNotFound(f"There is no such job among your {mode.value} jobs.")
    if row["expired_at"] is not None:
        raise JobExpired
    return row


def _glance(row: Row) -> Glance:
    status = Status(row["status"])
    current_step = None if status.is_final else _STEPS_SHOWN[status]
    if status is Status.PROCESSING and Step(row["step"]) in (Step.RENDERED, Step.STORED):
        current_step = "Saving video"
    started_at = row["started_at"]
    return Glance(
        job_id=row["id"],
        status=status,
        progress=row["progress"],
        current_step=current_step,
        remaining_seconds=None
        if status.is_final
        else remaining(
            estimated=row["estimated_seconds"],
            since_accept=(row["seen_at"] - row["created_at"]).total_seconds(),
            since_start=None if started_at is None else (row["seen_at"] - started_at).total_seconds(),
            progress=row["progress"],
        ),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


_STEPS_SHOWN = {Status.QUEUED: "Waiting in queue", Status.STARTING: "Starting the model", Status.PROCESSING: "Generating frames"}
