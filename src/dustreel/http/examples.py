"""One example of each body, as the contract shows it. A test holds them to the contract's own files."""

from typing import Any

_JOB = "0b54a1de-52d8-4c22-a3a4-6d7c7ea4a3cb"
_USER = "6f2c0a52-3a4e-4d0e-9a54-3d6a1b0c9f11"
_VIDEO = "c9a0f5f2-6f3f-4b29-8a1e-0d7a3a0e5b77"
_PERSON = "2f1f7b9c-3c38-4d2b-b7a6-0c8d1a5e9f42"

USER_VIDEO: dict[str, Any] = {
    "id": _VIDEO,
    "user_id": _USER,
    "url": "https://cdn.example.com/videos/abc123.mp4",
    "thumbnail_url": "https://cdn.example.com/thumbnails/abc123.jpg",
    "prompt": "A cat playing piano in a jazz club",
    "generation_type": "text_to_video",
    "source_image_url": None,
    "duration_seconds": 5,
    "resolution": "hd_1080p",
    "aspect_ratio": "16:9",
    "reference_person": None,
    "metadata": {},
    "is_favorited": False,
    "created_at": "2024-01-10T12:00:00Z",
    "updated_at": "2024-01-10T12:00:00Z",
}
_PAGINATION = {"total": 50, "limit": 20, "offset": 0, "has_more": True}
_DUST = {"balance": 1000, "held": 10, "available": 990}

REQUESTS: dict[str, Any] = {
    "generate": {
        "user_id": _USER,
        "prompt": "A cat playing piano in a jazz club",
        "duration": "short",
        "resolution": "hd_720p",
        "aspect_ratio": "16:9",
        "reference_person": {"person_id": _PERSON, "relationship": "my sister"},
        "camera_fixed": True,
    },
    "animate": {
        "user_id": _USER,
        "image_url": "https://example.com/image.jpg",
        "prompt": "Make the person in the image dance",
        "duration": "short",
        "resolution": "hd_720p",
        "camera_fixed": False,
    },
    "update_video": {"is_favorited": True},
    "grant": {"user_id": _USER, "amount": 100, "mode": "live", "reference": "invoice-2024-0117"},
}

ANSWERS: dict[str, Any] = {
    "generate": {
        "success": True,
        "job_id": _JOB,
        "status": "queued",
        "estimated_completion_seconds": 240,
        "message": "Video generation started. Use the job_id to check status.",
    },
    "animate": {
        "success": True,
        "job_id": _JOB,
        "status": "queued",
        "estimated_completion_seconds": 180,
        "message": "Video animation started. Use the job_id to check status.",
    },
    "status": {
        "success": True,
        "job_id": _JOB,
        "status": "processing",
        "progress": 0.75,
        "generation_info": {"current_step": "Generating frames", "estimated_remaining_seconds": 60},
        "created_at": "2024-01-10T12:00:00Z",
        "updated_at": "2024-01-10T12:01:30Z",
    },
    "result": {
        "success": True,
        "video": USER_VIDEO,
        "generation_info": {"model_used": "replicate/minimax-video-01", "generation_time_ms": 180000},
    },
    "result_failed": {"success": False, "job_id": _JOB, "status": "failed", "error": "Video generation failed: Model timeout"},
    "result_under_way": {"success": True, "job_id": _JOB, "status": "processing", "message": "Video generation still in progress"},
    "result_cancelled": {"success": False, "job_id": _JOB, "status": "cancelled", "error": "Video generation was cancelled"},
    "cancel": {"success": True, "job_id": _JOB, "status": "cancelled", "message": "Video generation job cancelled successfully"},
    "active": {
        "success": True,
        "active_jobs": [
            {
                "job_id": _JOB,
                "status": "processing",
                "generation_type": "text_to_video",
                "created_at": "2024-01-10T12:00:00Z",
                "estimated_completion_seconds": 240,
            }
        ],
        "count": 1,
    },
    "history": {
        "jobs": [
            {
                "job_id": _JOB,
                "status": "completed",
                "generation_type": "text_to_video",
                "prompt": "A cat playing piano in a jazz club",
                "video_id": _VIDEO,
                "error": None,
                "estimated_completion_seconds": 240,
                "created_at": "2024-01-10T12:00:00Z",
                "updated_at": "2024-01-10T12:03:00Z",
            }
        ],
        "pagination": _PAGINATION,
    },
    "list_videos": {"videos": [USER_VIDEO], "pagination": _PAGINATION},
    "get_video": {"video": USER_VIDEO},
    "update_video": {"video": USER_VIDEO | {"is_favorited": True}},
    "delete_video": {"deleted_from_storage": True},
    "stats": {
        "is_running": True,
        "jobs_processed": 156,
        "jobs_queued": 3,
        "jobs_in_progress": 1,
        "last_job_completed_at": "2024-01-10T12:00:00Z",
        "average_processing_time_seconds": 185.4,
    },
    "models": {
        "models": [
            {
                "model": "replicate/minimax-video-01",
                "generation_types": ["text_to_video", "image_to_video"],
                "aspect_ratios": ["16:9"],
                "camera_fixed": False,
                "reference_person": False,
                "expected_seconds": 200,
                "makes": [{"duration": "short", "resolution": "hd_720p", "native": False}],
            }
        ]
    },
    "me": {"user_id": _USER, "mode": "test", "dust": _DUST},
    "dust_entries": {
        "entries": [
            {
                "id": 42,
                "kind": "hold",
                "amount": 10,
                "from_account": "wallet",
                "to_account": "held",
                "job_id": _JOB,
                "reference": None,
                "created_at": "2024-01-10T12:00:00Z",
            }
        ],
        "pagination": _PAGINATION,
    },
    "grant": {"granted": True, "user_id": _USER, "mode": "live", "dust": {"balance": 100, "held": 0, "available": 100}},
    "upload": {"url": "https://cdn.example.com/uploads/abc123.jpg", "width": 1920, "height": 1080, "content_type": "image/jpeg"},
    "healthz": {"status": "ok"},
    "readyz": {"status": "ok"},
}
