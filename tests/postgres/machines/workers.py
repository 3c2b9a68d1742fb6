"""What workers do: each step of a job's way, by a worker that may long have been replaced."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dustreel import videos
from dustreel.base.db import Database
from dustreel.jobs import Job, Status, Step, life
from dustreel.videos import NewVideo
from tests.postgres.machines.acts import Act, Said
from tests.postgres.machines.world import DEADLINES, Fact, Seen, World


class Work(Act[World]):
    """A write by a worker that goes by what it knows of the job, which may be long out of date."""

    job: Job

    @abstractmethod
    async def write(self, connection: Any) -> Job | None: ...

    @abstractmethod
    def may(self, row: Fact) -> bool: ...

    @abstractmethod
    def change(self, world: World) -> Seen | None: ...

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            job = await self.write(connection)
        return None if job is None else Seen(job.status, job.step, job.attempt, job.worker_id)

    def foretell(self, world: World) -> object:
        row = world.jobs[self.job.id]
        return self.change(world) if row.belongs_to(self.job) and self.may(row) else Said.OVERTAKEN


@dataclass(frozen=True)
class Start(Act[World]):
    job_id: UUID
    worker: UUID

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            job = await life.start(connection, self.job_id, worker_id=self.worker, deadlines=DEADLINES)
        return Seen(job.status, job.step, job.attempt, job.worker_id)

    def foretell(self, world: World) -> object:
        row = world.jobs[self.job_id]
        if row.status is not Status.QUEUED:
            return Said.OVERTAKEN
        world.post(self.job_id, "capture")
        return world.move(self.job_id, status=Status.STARTING, attempt=row.attempt + 1, worker=self.worker, progress=None, is_overdue=False)


@dataclass(frozen=True)
class Resume(Act[World]):
    job_id: UUID
    attempt: int
    worker: UUID

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            job = await life.resume(connection, self.job_id, self.attempt, worker_id=self.worker)
        return Seen(job.status, job.step, job.attempt, job.worker_id)

    def foretell(self, world: World) -> object:
        row = world.jobs[self.job_id]
        open_to_it = row.is_started and row.worker is None and row.attempt == self.attempt
        return world.move(self.job_id, worker=self.worker) if open_to_it else Said.OVERTAKEN


@dataclass(frozen=True)
class Render(Work):
    job: Job
    share: float

    async def write(self, connection: Any) -> Job:
        return await life.render(connection, self.job, self.share, deadlines=DEADLINES)

    def may(self, row: Fact) -> bool:
        return row.worker is not None and row.is_started

    def change(self, world: World) -> Seen:
        return world.forward(self.job.id, min(self.share, 0.99), status=Status.PROCESSING)


class OfProcessing(Work):
    def may(self, row: Fact) -> bool:
        return row.worker is not None and row.status is Status.PROCESSING


@dataclass(frozen=True)
class Progress(OfProcessing):
    job: Job
    share: float

    async def write(self, connection: Any) -> None:
        await life.progress(connection, self.job, self.share)

    def change(self, world: World) -> None:
        world.forward(self.job.id, min(self.share, 0.99))


@dataclass(frozen=True)
class Rendered(OfProcessing):
    job: Job

    async def write(self, connection: Any) -> Job:
        return await life.rendered(connection, self.job, {"video_key": f"videos/{self.job.id}"})

    def change(self, world: World) -> Seen:
        return world.forward(self.job.id, 0.99, step=Step.RENDERED)


@dataclass(frozen=True)
class Stored(OfProcessing):
    job: Job

    async def write(self, connection: Any) -> Job:
        return await life.stored(connection, self.job, {"video_key": f"videos/{self.job.id}"})

    def change(self, world: World) -> Seen:
        return world.move(self.job.id, step=Step.STORED)


@dataclass(frozen=True)
class Finish(OfProcessing):
    job: Job
    video_id: UUID

    async def write(self, connection: Any) -> Job:
        finished = await life.finish(connection, self.job, video_id=self.video_id)
        await videos.file_video(connection, self._video)
        return finished

    @property
    def _video(self) -> NewVideo:
        job = self.job
        return NewVideo(
            id=self.video_id,
            job_id=job.id,
            user_id=job.user_id,
            mode=job.mode,
            video_key=f"videos/{self.video_id}.mp4",
            thumbnail_key=f"thumbnails/{self.video_id}.jpg",
            preview_key=f"previews/{self.video_id}.mp4",
            sprite_key=f"sprites/{self.video_id}.jpg",
            vtt_key=f"sprites/{self.video_id}.vtt",
            prompt="A pond",
            generation_type=job.generation_type,
            source_image_url=None,
            picture_id=None,
            duration_seconds=5,
            resolution=job.resolution,
            aspect_ratio=job.aspect_ratio,
            reference_person=None,
            metadata={},
            model_used="sandbox/animatic-1",
            generation_time_ms=1,
        )

    def may(self, row: Fact) -> bool:
        return super().may(row) and row.step is Step.STORED

    def change(self, world: World) -> Seen:
        return world.end(self.job.id, Status.COMPLETED, gives_back=False, step=Step.FILED, progress=1.0, is_filed=True)


@dataclass(frozen=True)
class Fail(Work):
    """By the worker that has the job, or by one that looked at it while nobody had."""

    job: Job

    async def write(self, connection: Any) -> Job:
        return await life.fail(connection, self.job, because="the model timed out")

    def may(self, row: Fact) -> bool:
        return not row.status.is_final

    def change(self, world: World) -> Seen:
        return world.end(self.job.id, Status.FAILED)


@dataclass(frozen=True)
class HandOver(Work):
    job: Job
    after: float
    stumbled: bool

    async def write(self, connection: Any) -> None:
        await life.hand_over(connection, self.job, after=self.after, stumbled=self.stumbled)

    def may(self, row: Fact) -> bool:
        return row.worker is not None and row.is_started

    def change(self, world: World) -> None:
        world.put_back(self.job.id, stumbled=self.stumbled)
