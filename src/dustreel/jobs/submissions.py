"""Orders to providers on the other side of a network: written down before they are sent, so that none is ever sent twice on hope.

intent ──▶ accepted ──▶ succeeded | failed | cancelled | lost
   ├─────▶ refused                     (provably not taken: another may follow)
   └─────▶ lost ──▶ accepted           (given up, and then a webhook told of it: it is to be cancelled)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from dustreel.base.db import Connection, Row, Statements, every, one
from dustreel.jobs.job import Job, Overtaken
from dustreel.jobs.life import Deadlines
from dustreel.jobs.states import Status

SQL = Statements(__package__, "submissions.sql")

NOTHING = Decimal(0)
KEPT = "kept:"
"""Begins an output that is in our own storage already; the rest is its key."""


class State(StrEnum):
    INTENT = "intent"
    """Perhaps sent, perhaps taken: nobody knows until the provider says so."""
    ACCEPTED = "accepted"
    REFUSED = "refused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


TRANSITIONS = {
    State.INTENT: {State.ACCEPTED, State.REFUSED, State.LOST},
    State.LOST: {State.ACCEPTED},
    State.ACCEPTED: {State.SUCCEEDED, State.FAILED, State.CANCELLED, State.LOST},
}


def may_move(old: State, new: State) -> bool:
    return new in TRANSITIONS.get(old, set())


@dataclass(frozen=True, slots=True)
class Submission:
    id: UUID
    job_id: UUID
    provider: str
    model: str
    sent: Mapping[str, Any] | None
    """The renderer's input, word for word, while the submission is open."""
    state: State
    upstream_id: str | None
    output: str | None
    """Where the provider keeps the video for a while."""
    told: Mapping[str, Any] | None
    """How it stands, by what a provider that can't be looked at has told: `phase`, `progress`, `output`, `error`."""
    looks: int
    created_at: datetime

    @classmethod
    def from_row(cls, row: Row) -> "Submission":
        return cls(
            id=row["id"],
            job_id=row["job_id"],
            provider=row["provider"],
            model=row["model"],
            sent=row["sent"],
            state=State(row["state"]),
            upstream_id=row["upstream_id"],
            output=row["output"],
            told=row["told"],
            looks=row["looks"],
            created_at=row["created_at"],
        )


@dataclass(frozen=True, slots=True)
class Due:
    """A submission that is to be looked at now."""

    submission: Submission
    job_is_live: bool
    is_overdue: bool
    """Whether it has been unknown for too long."""


async def intend(
    db: Connection, job: Job, submission_id: UUID, sent: Mapping[str, Any], *, lease: float, deadlines: Deadlines, usd: Decimal = NOTHING
) -> Job:
    """Write down that an order is about to be sent; said again under the same id it stays as it is. Raises Overtaken.

    It costs the operator `usd`, and is looked at in `lease` seconds, should nobody say more.
    """
    mine = {"id": submission_id, "job_id": job.id, "attempt": job.attempt, "worker_id": job.worker_id}
    row = await one(db, SQL["intend"], **mine, sent=Jsonb(dict(sent)), usd=usd, lease=lease, settle_seconds=deadlines.settle)
    row = row or await one(db, SQL["intended"], **mine)
    if row is None:
        raise Overtaken(job.id, job.attempt)
    return Job.from_row(row)


async def accepted(db: Connection, submission_id: UUID, upstream_id: str, *, after: float) -> bool:
    """The provider has it, under this name; the first look is in `after` seconds.

    False, and nothing changes, when that was known already, it is known under another name, or the name is another submission's.
    """
    try:
        # A savepoint of its own: two that lost their answers may reach for one name at the same moment, and the second looks on.
        async with db.transaction():
            return await one(db, SQL["accepted"], id=submission_id, upstream_id=upstream_id, after=after) is not None
    except UniqueViolation:
        return False


async def refused(db: Connection, job: Job, submission_id: UUID, *, because: str, provider: str, model: str) -> Job:
    """It was provably not taken; the job goes on with this provider and model. Raises Overtaken."""
    row = await one(
        db,
        SQL["refused"],
        id=submission_id,
        error=because,
        attempt=job.attempt,
        worker_id=job.worker_id,
        provider=provider,
        model=model,
    )
    if row is None:
        raise Overtaken(job.id, job.attempt)
    return Job.from_row(row)


async def claim_due(db: Connection, *, at_most: int, lease: float) -> list[Due]:
    """Submissions whose time has come; all workers together get so many at most. Nobody else is given them for `lease` seconds."""
    return await _claimed(db, await every(db, SQL["claim_due"], at_most=at_most, lease=lease))


async def claim_urgent(db: Connection, *, at_most: int, lease: float) -> list[Due]:
    """Submissions that are to be looked at whatever else waits. Nobody else is given them for `lease` seconds."""
    return await _claimed(db, await every(db, SQL["claim_urgent"], at_most=at_most, lease=lease))


async def _claimed(db: Connection, rows: list[Row]) -> list[Due]:
    if not rows:
        return []
    claimed = await every(db, SQL["claimed"], ids=[row["id"] for row in rows])
    return [Due(Submission.from_row(row), not Status(row["job_status"]).is_final, row["is_overdue"]) for row in claimed]


async def look_again(db: Connection, submission_id: UUID, *, after: float) -> None:
    """Set its next look, in seconds from now; a closed one has none."""
    await db.execute(SQL["look_again"], {"id": submission_id, "after": after})


async def rendering(db: Connection, submission: Submission, share: float | None, *, deadlines: Deadlines) -> None:
    """The provider works on it. `share` is 0.0 to 1.0, or None where it does not say."""
    values = {"id": submission.id, "job_id": submission.job_id, "progress": share, "render_seconds": deadlines.render}
    await db.execute(SQL["rendering"], values)


async def succeeded(db: Connection, submission: Submission, output: str) -> bool:
    """The video is there to be fetched, and the job goes back to the queue for it. False when the job has ended meanwhile."""
    return await one(db, SQL["succeeded"], id=submission.id, output=output) is not None


async def ended(db: Connection, submission_id: UUID, state: State, *, because: str | None) -> bool:
    """It failed, was cancelled or is lost. False when that was known. The caller says in the same transaction what becomes of its job."""
    return await one(db, SQL["ended"], id=submission_id, state=state, error=because) is not None


async def ask_again(db: Connection, submission_id: UUID, *, lease: float) -> bool:
    """Have it sent once more under the same id, for providers that know it by that. False when it is no longer unknown."""
    return await one(db, SQL["ask_again"], id=submission_id, lease=lease) is not None


async def heard(
    db: Connection, submission_id: UUID, *, provider: str, webhook_id: str, upstream_id: str, is_under_way: bool = False
) -> None:
    """A provider's webhook: kept once, it names an order that was unknown, or brings the next look forward.

    Of an order that is known, one that tells `is_under_way` tells nothing new.
    """
    said = {"id": submission_id, "provider": provider, "webhook_id": webhook_id, "upstream_id": upstream_id, "is_under_way": is_under_way}
    if not await accepted(db, submission_id, upstream_id, after=0.0):
        await one(db, SQL["heard"], **said)


async def told(db: Connection, submission_id: UUID, sighting: Mapping[str, Any]) -> None:
    """Keep what a provider that can't be looked at says of an order: `phase`, `progress`, `output`, `error`."""
    await db.execute(SQL["told"], {"id": submission_id, "told": Jsonb(dict(sighting))})


async def find(db: Connection, submission_id: UUID) -> Submission | None:
    row = await one(db, SQL["by_id"], id=submission_id)
    return None if row is None else Submission.from_row(row)


async def of_job(db: Connection, job_id: UUID) -> Submission | None:
    """The job's one submission that was not refused."""
    row = await one(db, SQL["of_job"], job_id=job_id)
    return None if row is None else Submission.from_row(row)


async def tried(db: Connection, job_id: UUID) -> frozenset[str]:
    """The providers that have refused this job."""
    return frozenset(row["provider"] for row in await every(db, SQL["tried"], job_id=job_id))


async def forget_webhooks(db: Connection) -> None:
    await db.execute(SQL["forget_webhooks"])
