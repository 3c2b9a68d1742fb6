"""A job as its row says, and what can be wrong about one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from dustreel.base.db import Row
from dustreel.base.errors import DomainError
from dustreel.base.vocabulary import AspectRatio, Duration, Dust, Frame, GenerationType, Mode, Resolution, Seconds
from dustreel.jobs.states import Status, Step


@dataclass(frozen=True, slots=True)
class Person:
    """Who is to be recognisable, and how they relate to the caller, in the caller's words."""

    person_id: UUID
    relationship: str

    def as_json(self) -> dict[str, str]:
        return {"person_id": str(self.person_id), "relationship": self.relationship}

    @classmethod
    def from_json(cls, value: Mapping[str, str] | None) -> "Person | None":
        return None if value is None else cls(UUID(value["person_id"]), value["relationship"])


@dataclass(frozen=True, slots=True)
class Job:
    id: UUID
    user_id: UUID
    mode: Mode
    generation_type: GenerationType
    prompt: str | None
    """None once the job has expired."""
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
    status: Status
    step: Step
    made: Mapping[str, Any] | None
    """What the steps `rendered` and `stored` left behind: keys, and then facts."""
    attempt: int
    """Counts starts, rescues and tries; what an older one writes is refused."""
    stumbles: int
    """How many attempts broke by themselves."""
    worker_id: UUID | None
    """None while nobody carries it: queued, handed over, or waiting for a provider."""
    progress: float | None
    error: str | None
    video_id: UUID | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expired_at: datetime | None

    @classmethod
    def from_row(cls, row: Row) -> "Job":
        return cls(
            id=row["id"],
            user_id=row["user_id"],
            mode=Mode(row["mode"]),
            generation_type=GenerationType(row["generation_type"]),
            prompt=row["prompt"],
            duration=Duration(row["duration"]),
            resolution=Resolution(row["resolution"]),
            aspect_ratio=AspectRatio(row["aspect_ratio"]),
            camera_fixed=row["camera_fixed"],
            reference_person=Person.from_json(row["reference_person"]),
            source_image_url=row["source_image_url"],
            picture_id=row["picture_id"],
            provider=row["provider"],
            model=row["model"],
            lane=row["lane"],
            price=Dust(row["price"]),
            estimated_seconds=Seconds(row["estimated_seconds"]),
            status=Status(row["status"]),
            step=Step(row["step"]),
            made=row["made"],
            attempt=row["attempt"],
            stumbles=row["stumbles"],
            worker_id=row["worker_id"],
            progress=row["progress"],
            error=row["error"],
            video_id=row["video_id"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            expired_at=row["expired_at"],
        )

    @property
    def is_final(self) -> bool:
        return self.status.is_final

    @property
    def frame(self) -> Frame:
        """The video's size in pixels."""
        return Frame.of(self.resolution, self.aspect_ratio)


class JobNotFound(DomainError):
    code = "job_not_found"
    sentence = "There is no such job."


class JobExpired(DomainError):
    code = "job_expired"
    sentence = "This job has expired: jobs are kept for a while after they end. Its video, if it made one, is still among your videos."


class JobNotCancellable(DomainError):
    code = "job_not_cancellable"

    def __init__(self, status: Status) -> None:
        super().__init__(f"This job has already {status.value} and can't be cancelled.")


class TooManyActiveJobs(DomainError):
    code = "too_many_active_jobs"

    def __init__(self, at_most: int) -> None:
        super().__init__(f"You have {at_most} jobs under way, which is as many as is allowed at once. Wait for one to end, or cancel one.")
        self.quota = at_most

    @property
    def retry_after(self) -> int:
        return 5


class IdempotencyKeyReused(DomainError):
    code = "idempotency_key_reused"
    sentence = "This Idempotency-Key was used with another request. Use a fresh key for a fresh request."


class Overtaken(Exception):
    """The row has gone on without this worker: cancelled, out of time, or taken over. The row decides, never the worker."""

    def __init__(self, job_id: UUID, attempt: int | None = None) -> None:
        super().__init__(f"job {job_id} went on without attempt {attempt}")
        self.job_id, self.attempt = job_id, attempt
