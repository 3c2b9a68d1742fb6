"""The contract's bodies, field for field. Nothing is added to them but what the design says."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dustreel.base.clock import stamp
from dustreel.base.vocabulary import AspectRatio, GenerationType
from dustreel.jobs import Accepted, Active, Glance, Job, Statistics, Status
from dustreel.providers import Offer
from dustreel.storage import Links
from dustreel.videos import Video

CANCELLED_TEXT = "Video generation was cancelled"

_MESSAGES = {
    GenerationType.TEXT_TO_VIDEO: "Video generation started. Use the job_id to check status.",
    GenerationType.IMAGE_TO_VIDEO: "Video animation started. Use the job_id to check status.",
}


def accepted(job: Accepted) -> dict[str, Any]:
    return {
        "success": True,
        "job_id": str(job.job_id),
        "status": Status.QUEUED.value,
        "estimated_completion_seconds": job.estimated_seconds,
        "message": _MESSAGES[job.generation_type],
    }


def status(glance: Glance) -> dict[str, Any]:
    body: dict[str, Any] = {"success": True, "job_id": str(glance.job_id), "status": glance.status.value}
    if glance.progress is not None:
        body["progress"] = round(glance.progress, 4)
    if glance.current_step is not None:
        body["generation_info"] = {"current_step": glance.current_step, "estimated_remaining_seconds": glance.remaining_seconds}
    return body | {"created_at": stamp(glance.created_at), "updated_at": stamp(glance.updated_at)}


def completed(found: Video, links: Links) -> dict[str, Any]:
    return {
        "success": True,
        "video": video(found, links),
        "generation_info": {"model_used": found.model_used, "generation_time_ms": found.generation_time_ms},
    }


def not_completed(job: Job) -> dict[str, Any]:
    """The result of a job that failed, was cancelled, or is still under way."""
    body: dict[str, Any] = {"success": not job.is_final, "job_id": str(job.id), "status": job.status.value}
    if job.status is Status.FAILED:
        return body | {"error": job.error}
    if job.status is Status.CANCELLED:
        return body | {"error": CANCELLED_TEXT}
    return body | {"message": "Video generation still in progress"}


def cancelled(job: Job) -> dict[str, Any]:
    return {
        "success": True,
        "job_id": str(job.id),
        "status": Status.CANCELLED.value,
        "message": "Video generation job cancelled successfully",
    }


def active(jobs: list[Active]) -> dict[str, Any]:
    return {
        "success": True,
        "active_jobs": [
            {
                "job_id": str(job.job_id),
                "status": job.status.value,
                "generation_type": job.generation_type.value,
                "created_at": stamp(job.created_at),
                "estimated_completion_seconds": job.estimated_seconds,
            }
            for job in jobs
        ],
        "count": len(jobs),
    }


def history_entry(job: Job) -> dict[str, Any]:
    """A job in `GET /videos/jobs`: what the active list says, and how it ended."""
    return {
        "job_id": str(job.id),
        "status": job.status.value,
        "generation_type": job.generation_type.value,
        "prompt": job.prompt,
        "video_id": None if job.video_id is None else str(job.video_id),
        "error": CANCELLED_TEXT if job.status is Status.CANCELLED else job.error,
        "estimated_completion_seconds": job.estimated_seconds,
        "created_at": stamp(job.created_at),
        "updated_at": stamp(job.updated_at),
    }


def video(found: Video, links: Links) -> dict[str, Any]:
    """A UserVideo."""
    return {
        "id": str(found.id),
        "user_id": str(found.user_id),
        "url": links.url(found.video_key),
        "thumbnail_url": links.url(found.thumbnail_key),
        "prompt": found.prompt,
        "generation_type": found.generation_type.value,
        "source_image_url": found.source_image_url,
        "duration_seconds": found.duration_seconds,
        "resolution": found.resolution.value,
        "aspect_ratio": found.aspect_ratio.value,
        "reference_person": None if found.reference_person is None else dict(found.reference_person),
        "metadata": dict(found.metadata) | _links_to_derivatives(found, links),
        "is_favorited": found.is_favorited,
        "created_at": stamp(found.created_at),
        "updated_at": stamp(found.updated_at),
    }


def _links_to_derivatives(found: Video, links: Links) -> dict[str, str]:
    """Made afresh at each read, as all links are; what could not be made has none."""
    keys = {"preview_url": found.preview_key, "sprite_url": found.sprite_key, "vtt_url": found.vtt_key}
    return {name: links.url(key) for name, key in keys.items() if key is not None}


def pagination(*, total: int, limit: int, offset: int, shown: int) -> dict[str, Any]:
    return {"total": total, "limit": limit, "offset": offset, "has_more": offset + shown < total}


def statistics(found: Statistics) -> dict[str, Any]:
    return {
        "is_running": found.is_running,
        "jobs_processed": found.processed,
        "jobs_queued": found.queued,
        "jobs_in_progress": found.in_progress,
        "last_job_completed_at": _moment(found.last_completed_at),
        "average_processing_time_seconds": round(found.average_seconds, 3),
    }


def models(offers: Sequence[Offer]) -> dict[str, Any]:
    return {"models": [_model(offer) for offer in offers]}


def _model(offer: Offer) -> dict[str, Any]:
    can = offer.capability
    return {
        "model": offer.model_used,
        "generation_types": [kind.value for kind in GenerationType if kind in offer.generation_types],
        "aspect_ratios": [aspect.value for aspect in AspectRatio if aspect in can.aspect_ratios],
        "camera_fixed": can.camera_fixed,
        "reference_person": can.reference_person,
        "expected_seconds": can.expected_seconds,
        "makes": [{"duration": made.duration.value, "resolution": made.resolution.value, "native": made.is_native} for made in offer.makes],
    }


def _moment(value: datetime | None) -> str | None:
    return None if value is None else stamp(value)
