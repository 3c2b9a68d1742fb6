"""Jobs for tests that speak to the database directly."""

from typing import Any
from uuid import UUID, uuid4

from dustreel.base.db import Connection, Database
from dustreel.base.vocabulary import AspectRatio, Duration, Dust, GenerationType, Mode, Resolution, Seconds
from dustreel.jobs import Deadlines, Draft, Job, Terms, life, submissions

DEADLINES = Deadlines(queue=1_000, job=1_000, render=1_000, settle=300)
STARTING = Dust(1_000)


def draft(user_id: UUID, **changes: Any) -> Draft:
    values: dict[str, Any] = {
        "id": uuid4(),
        "user_id": user_id,
        "mode": Mode.TEST,
        "generation_type": GenerationType.TEXT_TO_VIDEO,
        "prompt": "A pond",
        "duration": Duration.SHORT,
        "resolution": Resolution.SD_480P,
        "aspect_ratio": AspectRatio.WIDE,
        "camera_fixed": False,
        "reference_person": None,
        "source_image_url": None,
        "picture_id": None,
        "provider": "sandbox",
        "model": "animatic-1",
        "lane": "light",
        "price": Dust(10),
        "estimated_seconds": Seconds(240),
    }
    return Draft(**(values | changes))


async def accepted(db: Database, user_id: UUID | None = None, *, deadlines: Deadlines = DEADLINES, **changes: Any) -> UUID:
    async with db.connection() as connection:
        made = await life.accept(connection, draft(user_id or uuid4(), **changes), Terms(STARTING, 1_000, deadlines.queue))
    return made.job_id


async def started(db: Database, worker_id: UUID, job_id: UUID | None = None) -> Job:
    async with db.transaction() as connection:
        return await life.start(connection, job_id or await accepted(db), worker_id=worker_id, deadlines=DEADLINES)


async def processing(db: Database, worker_id: UUID) -> Job:
    job = await started(db, worker_id)
    async with db.transaction() as connection:
        return await life.render(connection, job, 0.0, deadlines=DEADLINES)


async def intended(db: Database, worker_id: UUID, *, settle: float = 300.0) -> tuple[Job, UUID]:
    """A job that is about to be sent to a provider, and its submission."""
    job = await started(db, worker_id)
    submission_id = uuid4()
    deadlines = Deadlines(queue=1_000, job=1_000, render=1_000, settle=settle)
    async with db.transaction() as connection:
        job = await submissions.intend(connection, job, submission_id, {"prompt": "A pond"}, lease=60.0, deadlines=deadlines)
    return job, submission_id


async def taken(db: Database, worker_id: UUID) -> tuple[Job, UUID]:
    """A job that a provider has, due to be looked at now."""
    job, submission_id = await intended(db, worker_id)
    async with db.transaction() as connection:
        assert await submissions.accepted(connection, submission_id, f"upstream {submission_id}", after=0.0)
        return await life.reread(connection, job.id), submission_id


async def beat(connection: Connection, worker_id: UUID, *, seconds_ago: float = 0.0) -> None:
    await connection.execute(
        "insert into workers (id, host, pid, beaten_at) values (%s, 'here', 1, now() - make_interval(secs => %s)) "
        "on conflict (id) do update set beaten_at = excluded.beaten_at",
        (worker_id, seconds_ago),
    )
