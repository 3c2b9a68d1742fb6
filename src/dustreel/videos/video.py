"""A video as its row says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from dustreel.base.db import Row
from dustreel.base.errors import DomainError
from dustreel.base.vocabulary import AspectRatio, GenerationType, Mode, Resolution


class VideoNotFound(DomainError):
    code = "video_not_found"
    sentence = "There is no such video."


@dataclass(frozen=True, slots=True)
class NewVideo:
    """Everything about a video that is known when it is filed."""

    id: UUID
    job_id: UUID
    user_id: UUID
    mode: Mode
    video_key: str
    thumbnail_key: str
    preview_key: str | None
    """A short loop; None, as for the next two, where it could not be made, and for videos from before there were any."""
    sprite_key: str | None
    vtt_key: str | None
    prompt: str
    generation_type: GenerationType
    source_image_url: str | None
    picture_id: UUID | None
    duration_seconds: int
    resolution: Resolution
    aspect_ratio: AspectRatio
    reference_person: Mapping[str, str] | None
    metadata: Mapping[str, Any]
    model_used: str
    generation_time_ms: int

    @property
    def keys(self) -> tuple[str, ...]:
        """Every object in storage that is this video's alone."""
        keys = (self.video_key, self.thumbnail_key, self.preview_key, self.sprite_key, self.vtt_key)
        return tuple(key for key in keys if key is not None)


@dataclass(frozen=True, slots=True)
class Video(NewVideo):
    is_favorited: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def from_row(cls, row: Row) -> "Video":
        return cls(
            id=row["id"],
            job_id=row["job_id"],
            user_id=row["user_id"],
            mode=Mode(row["mode"]),
            video_key=row["video_key"],
            thumbnail_key=row["thumbnail_key"],
            preview_key=row["preview_key"],
            sprite_key=row["sprite_key"],
            vtt_key=row["vtt_key"],
            prompt=row["prompt"],
            generation_type=GenerationType(row["generation_type"]),
            source_image_url=row["source_image_url"],
            picture_id=row["picture_id"],
            duration_seconds=row["duration_seconds"],
            resolution=Resolution(row["resolution"]),
            aspect_ratio=AspectRatio(row["aspect_ratio"]),
            reference_person=row["reference_person"],
            metadata=row["metadata"],
            model_used=row["model_used"],
            generation_time_ms=row["generation_time_ms"],
            is_favorited=row["is_favorited"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        )
