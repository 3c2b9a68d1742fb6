"""The life of a job: one function per event of the table in `states.py`. None takes a status; none swallows Overtaken."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from dustreel.base.db import Connection, Statements, every, one
from dustreel.base.vocabulary import AspectRatio, Duration, Dust, GenerationType, Mode, Resolution, Seconds
from dustreel.dust import InsufficientDust, balance
from dustreel.jobs.job import IdempotencyKeyReused, Job, JobNotCancellable, Overtaken, Person, TooManyActiveJobs
from dustreel.jobs.states import Status

SQL = Statements(__package__, "jobs.sql")

# A sweep takes this many rows at most, so that one transaction stays short; the next turn takes the rest.
SWEEP_AT_MOST = 200


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a job may wait or work before it fails and its DUST goes back. Seconds."""

    queue: float
    job: float
    render: float
    settle: float
    """How long it may stay unknown whether a provider took a job."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A job about to be accepted."""

    id: UUID
    user_id: UUID
    mode: Mode
    generation_type: GenerationType
    prompt: str
    duration: Duration
    resolution: Resolution
    aspect_ratio: AspectRatio
    camera_fixed: bool
    reference_person: Person | None
    source_image_url: str | None
    picture_id: UUID | None
    provider: str
    model: str
    lane: str
    price: Dust
    estimated_seconds: Seconds

    def as_json(self) -> dict[str, Any]:
        """The columns of the job's row."""
        person = self.reference_person
        return {
            **{field.name: getattr(self, field.name) for field in fields(self)},
            "id": str(self.id),
            "user_id": str(self.user_id),
            "reference_person": None if person is None else person.as_json(),
            "picture_id": None if self.picture_id is None else str(self.picture_id),
        }


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A caller's Idempotency-Key and the SHA-256 of what was sent with it."""

    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a submit is answered with; the same again for the same Idempotency-Key."""

    job_id: UUID
    generation_type: GenerationType
    estimated_seconds: Seconds


@dataclass(frozen=True, slots=True)
class Terms:
    """What a job is accepted on."""

    starting: Dust
    """What a newcomer's account begins with."""
    live_at_most: int
    queue_seconds: float


async def accept(db: Connection, draft: Draft, terms: Terms) -> Accepted:
    """Make a queued job, hold its price and put it into the queue, in one statement. Raises TooManyActiveJobs, InsufficientDust."""
    row = await one(
        db,
        SQL["accept"],
        draft=Jsonb(draft.as_json()),
        starting=terms.starting,
        live_at_most=terms.live_at_most,
        queue_seconds=terms.queue_seconds,
    )
    assert row is not None
    if row["outcome"] == "too_many":
        raise TooManyActiveJobs(terms.live_at_most)
    if row["outcome"] == "insufficient":
        raise InsufficientDust(available=Dust(row["available"]), price=draft.price)
    return Accepted(draft.id, draft.generation_type, draft.estimated_seconds)


async def accept_once(db: Connection, draft: Draft, terms: Terms, idempotency: Idempotency) -> Accepted:
    """As `accept`, within the caller's transaction; where another request has just used the key, answers as that did.

    Raises IdempotencyKeyReused too.
    """
    # Locks the account till the end of the transaction: of two requests with one key the second finds what the first wrote.
    await balance(db, draft.user_id, draft.mode, starting=terms.starting)
    earlier = await recall(db, draft.user_id, draft.mode, idempotency)
    if earlier is not None:
        return earlier
    accepted = await accept(db, draft, terms)
    remembered = await one(
        db,
        SQL["remember"],
        user_id=draft.user_id,
        mode=draft.mode,
        key=idempotency.key,
        fingerprint=idempotency.fingerprint,
        job_id=draft.id,
    )
    assert remembered is not None, "the account is locked, and the key was not there"
    return accepted


async def count_live(db: Connection, user_id: UUID, mode: Mode) -> int:
    """How many jobs of a user are queued, starting or processing."""
    row = await one(db, SQL["count_live"], user_id=user_id, mode=mode)
    assert row is not None
    live: int = row["live"]
    return live


async def recall(db: Connection, user_id: UUID, mode: Mode, idempotency: Idempotency) -> Accepted | None:
    """What an earlier request with this key was answered. Raises IdempotencyKeyReused when that was another request."""
    row = await one(db, SQL["recall"], user_id=user_id, mode=mode, key=idempotency.key)
    if row is None:
        return None
    if row["fingerprint"] != idempotency.fingerprint:
        raise IdempotencyKeyReused
    return Accepted(row["job_id"], GenerationType(row["generation_type"]), Seconds(row["estimated_seconds"]))


async def start(db: Connection, job_id: UUID, *, worker_id: UUID, deadlines: Deadlines) -> Job:
    """Move a queued job to `starting` and charge its owner.

    Raises Overtaken when the job is no longer queued: cancelled a moment ago, or taken by another worker.
    """
    return _moved(await one(db, SQL["start"], job_id=job_id, worker_id=worker_id, job_seconds=deadlines.job), job_id)


async def resume(db: Connection, job_id: UUID, attempt: int, *, worker_id: UUID) -> Job:
    """Take the attempt that a take-over has opened. Raises Overtaken when it is no longer open."""
    return _moved(await one(db, SQL["resume"], job_id=job_id, attempt=attempt, worker_id=worker_id), job_id, attempt)


async def render(db: Connection, job: Job, progress: float, *, deadlines: Deadlines) -> Job:
    """The renderer has begun. Raises Overtaken."""
    row = await one(db, SQL["render"], **_mine(job), progress=min(progress, 0.99), render_seconds=deadlines.render)
    return _moved(row, job.id, job.attempt)


async def progress(db: Connection, job: Job, share: float) -> None:
    """Note how much of the rendering is done, 0.0 to 1.0. Raises Overtaken."""
    if await one(db, SQL["progress"], **_mine(job), progress=share) is None:
        raise Overtaken(job.id, job.attempt)


async def rendered(db: Connection, job: Job, made: Mapping[str, Any]) -> Job:
    """The file is in storage under the key that `made` names, and is about to be checked. Raises Overtaken."""
    return _moved(await one(db, SQL["rendered"], **_mine(job), made=Jsonb(dict(made))), job.id, job.attempt)


async def stored(db: Connection, job: Job, made: Mapping[str, Any]) -> Job:
    """Our own copy and its thumbnail are in storage under the keys that `made` names. Raises Overtaken."""
    return _moved(await one(db, SQL["stored"], **_mine(job), made=Jsonb(dict(made))), job.id, job.attempt)


async def finish(db: Connection, job: Job, *, video_id: UUID) -> Job:
    """Complete a stored job, within the transaction that makes the video's row. Raises Overtaken."""
    return _moved(await one(db, SQL["finish"], **_mine(job), video_id=video_id), job.id, job.attempt)


async def fail(db: Connection, job: Job, *, because: str) -> Job:
    """Fail a job and give its DUST back. `because` is for the user, without the leading "Video generation failed: ". Raises Overtaken."""
    return _moved(await one(db, SQL["fail"], **_mine(job), error=failure_text(because)), job.id, job.attempt)


async def hand_over(db: Connection, job: Job, *, after: float = 0.0, stumbled: bool = False) -> None:
    """Give the job's work back to the queue under a new attempt, to be taken up in so many seconds. Raises Overtaken."""
    if await one(db, SQL["hand_over"], **_mine(job), after=after, stumbled=stumbled) is None:
        raise Overtaken(job.id, job.attempt)


async def reroute(db: Connection, job: Job, *, provider: str, model: str) -> Job:
    """Have another provider make it, before anything was sent. Raises Overtaken."""
    row = await one(db, SQL["reroute"], **_mine(job), provider=provider, model=model)
    if row is None:
        raise Overtaken(job.id, job.attempt)
    return Job.from_row(row)


async def cancel(db: Connection, job: Job, *, refund_charge: bool) -> None:
    """Cancel a live job; cancelling a cancelled one changes nothing. Raises JobNotCancellable when it has completed or failed."""
    if await one(db, SQL["cancel"], job_id=job.id, refund_charge=refund_charge) is None:
        row = await one(db, SQL["by_id"], job_id=job.id)
        assert row is not None
        if Status(row["status"]) is not Status.CANCELLED:
            raise JobNotCancellable(Status(row["status"]))


async def reread(db: Connection, job_id: UUID) -> Job:
    """The job as its row says now."""
    row = await one(db, SQL["by_id"], job_id=job_id)
    assert row is not None, "jobs are kept"
    return Job.from_row(row)


async def fail_overdue(db: Connection) -> list[UUID]:
    """Fail every job whose deadline has passed, and give the DUST back."""
    error = failure_text("It took longer than is allowed")
    return [row["id"] for row in await every(db, SQL["fail_overdue"], error=error, at_most=SWEEP_AT_MOST)]


async def take_over(db: Connection, *, dead_after: float) -> list[UUID]:
    """Open a new attempt for every started job whose worker has not beaten for `dead_after` seconds."""
    return [row["id"] for row in await every(db, SQL["take_over"], dead_after=dead_after, at_most=SWEEP_AT_MOST)]


async def reclaim(db: Connection, carried: list[UUID], *, worker_id: UUID, dead_after: float) -> list[UUID]:
    """Open a new attempt for every job that is this worker's by its row but that it has not carried for `dead_after` seconds."""
    return [row["id"] for row in await every(db, SQL["reclaim"], carried=carried, worker_id=worker_id, dead_after=dead_after)]


async def requeue_lost(db: Connection, *, dead_after: float) -> list[UUID]:
    """Put a new queue row for every queued job that has none which anybody would act on."""
    return [row["id"] for row in await every(db, SQL["requeue_lost"], dead_after=dead_after, at_most=SWEEP_AT_MOST)]


async def expire(db: Connection, *, keep_seconds: float) -> list[UUID]:
    """Turn jobs that ended longer ago into private tombstones; their videos stay."""
    return [row["id"] for row in await every(db, SQL["expire"], keep_seconds=keep_seconds, at_most=SWEEP_AT_MOST)]


async def forget_idempotency_keys(db: Connection) -> None:
    await db.execute(SQL["forget_idempotency_keys"])


async def still_mine(db: Connection, ids: list[UUID], *, worker_id: UUID) -> dict[UUID, int]:
    """Of these jobs, the ones that the worker still has, with their attempts."""
    return {row["id"]: row["attempt"] for row in await every(db, SQL["still_mine"], ids=ids, worker_id=worker_id)}


def failure_text(because: str) -> str:
    return f"Video generation failed: {because}"


def _mine(job: Job) -> dict[str, object]:
    """What every write by a worker names: the job, and the attempt that it belongs to."""
    return {"job_id": job.id, "attempt": job.attempt, "worker_id": job.worker_id}


def _moved(row: dict[str, Any] | None, job_id: UUID, attempt: int | None = None) -> Job:
    if row is None:
        raise Overtaken(job_id, attempt)
    return Job.from_row(row)
