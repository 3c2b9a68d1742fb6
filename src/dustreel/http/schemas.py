"""The answers' shapes, for `openapi.json`. The bodies themselves are made in `wire.py`; tests hold the two together."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dustreel.base.vocabulary import AspectRatio, GenerationType, Resolution
from dustreel.http.requests import Uuid
from dustreel.jobs import Status

Timestamp = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$", json_schema_extra={"format": "date-time"})]


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AcceptedJob(Answer):
    success: Literal[True]
    job_id: Uuid
    status: Literal["queued"]
    estimated_completion_seconds: int
    message: str


class GenerationProgress(Answer):
    current_step: str
    estimated_remaining_seconds: int


class JobStatus(Answer):
    success: Literal[True]
    job_id: Uuid
    status: Status
    progress: float = Field(0.0, ge=0, le=1, description="0.0 to 1.0; left out while the provider says nothing.")
    generation_info: GenerationProgress | None = Field(None, description="Left out when the job is final.")
    created_at: Timestamp
    updated_at: Timestamp


class Person(Answer):
    person_id: Uuid
    relationship: str


class UserVideo(Answer):
    id: Uuid
    user_id: Uuid
    url: str
    thumbnail_url: str
    prompt: str
    generation_type: GenerationType
    source_image_url: str | None
    duration_seconds: int
    resolution: Resolution
    aspect_ratio: AspectRatio
    reference_person: Person | None
    metadata: dict[str, Any]
    is_favorited: bool
    created_at: Timestamp
    updated_at: Timestamp


class HowItWasMade(Answer):
    model_used: str
    generation_time_ms: int


class CompletedResult(Answer):
    success: Literal[True]
    video: UserVideo
    generation_info: HowItWasMade


class UnderWayResult(Answer):
    success: Literal[True]
    job_id: Uuid
    status: Literal["queued", "starting", "processing"]
    message: str


class UnmadeResult(Answer):
    success: Literal[False]
    job_id: Uuid
    status: Literal["failed", "cancelled"]
    error: str


class CancelledJob(Answer):
    success: Literal[True]
    job_id: Uuid
    status: Literal["cancelled"]
    message: str


class ActiveJob(Answer):
    job_id: Uuid
    status: Literal["queued", "starting", "processing"]
    generation_type: GenerationType
    created_at: Timestamp
    estimated_completion_seconds: int


class ActiveJobs(Answer):
    success: Literal[True]
    active_jobs: list[ActiveJob]
    count: int


class PastJob(Answer):
    job_id: Uuid
    status: Status
    generation_type: GenerationType
    prompt: str
    video_id: Uuid | None
    error: str | None
    estimated_completion_seconds: int
    created_at: Timestamp
    updated_at: Timestamp


class Pagination(Answer):
    total: int
    limit: int
    offset: int
    has_more: bool


class JobHistory(Answer):
    jobs: list[PastJob]
    pagination: Pagination


class VideoPage(Answer):
    videos: list[UserVideo]
    pagination: Pagination


class OneVideo(Answer):
    video: UserVideo


class DeletedVideo(Answer):
    deleted_from_storage: bool


class ProcessorStats(Answer):
    is_running: bool
    jobs_processed: int
    jobs_queued: int
    jobs_in_progress: int
    last_job_completed_at: Timestamp | None
    average_processing_time_seconds: float


class Making(Answer):
    duration: Literal["short", "medium", "long"]
    resolution: Resolution
    native: bool
    """Whether it comes out of the model so; otherwise it is trimmed, scaled down, or enlarged within the operator's limit."""


class Model(Answer):
    model: str
    """As `model_used` names it."""
    generation_types: list[GenerationType]
    aspect_ratios: list[AspectRatio]
    camera_fixed: bool
    reference_person: bool
    expected_seconds: int | None
    makes: list[Making]


class Models(Answer):
    models: list[Model]


class DustBalance(Answer):
    balance: int
    held: int
    available: int


class Me(Answer):
    user_id: Uuid
    mode: Literal["test", "live"]
    dust: DustBalance


class DustEntry(Answer):
    id: int
    kind: Literal["grant", "hold", "capture", "release", "refund"]
    amount: int
    from_account: Literal["treasury", "wallet", "held", "sales"]
    to_account: Literal["treasury", "wallet", "held", "sales"]
    job_id: Uuid | None
    reference: str | None
    created_at: Timestamp


class DustEntries(Answer):
    entries: list[DustEntry]
    pagination: Pagination


class Granted(Answer):
    granted: bool = Field(description="False when a grant of this reference had been given before; nothing was given again.")
    user_id: Uuid
    mode: Literal["test", "live"]
    dust: DustBalance


class Upload(Answer):
    url: str = Field(description="Use it as image_url. An unused upload is kept for a day, a used one as long as its video.")
    width: int
    height: int
    content_type: Literal["image/jpeg", "image/png", "image/webp"]


class Health(Answer):
    status: Literal["ok"]


class FieldError(BaseModel):
    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457, and the contract's `success` and `error`."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    success: Literal[False]
    error: str
    code: str
    request_id: str
    errors: list[FieldError] = Field(default=[], description="For 422: the fields that do not fit; the first twenty, and how many more.")
    balance: int | None = Field(None, description="For 402: the DUST that can be spent, which is `available` at `/me`.")
    available: int | None = Field(None, description="For 402: the same, under the name that it has at `/me`.")
    price: int | None = Field(None, description="For 402: what was asked for costs this much.")
    alternatives: list[dict[str, Any]] | None = Field(None, description="For unsupported_combination: what could be had instead.")
