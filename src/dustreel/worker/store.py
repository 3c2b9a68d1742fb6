"""Our own copy of a finished video: checked to the last frame, then put into storage with its thumbnail."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dustreel import videos
from dustreel.jobs import Job, life
from dustreel.storage import new_key
from dustreel.worker.crew import Crew

# Beyond the longest that a job may take, so that no sweep removes what is about to be filed.
ABANDONED_SECONDS = 3_600.0


async def store(job: Job, crew: Crew, file: Path, *, adapted: Mapping[str, Any] | None = None) -> Job:
    """Check it, keep it, write that down. `adapted`: what was done to a provider's video. Raises BrokenVideo, Overtaken."""
    examined = await crew.bench.examine(file, expect=job.frame, seconds=job.duration.seconds)
    video_key = new_key("videos", "mp4", crew.ids.secret)
    thumbnail_key = new_key("thumbnails", "jpg", crew.ids.secret)
    # Before the first byte: whatever becomes of this attempt, nothing stays that no video names.
    after = crew.deadlines.job + ABANDONED_SECONDS
    await crew.write(lambda db: videos.remove_later(db, [video_key, thumbnail_key], after=after))
    await crew.store.put_file(video_key, file, "video/mp4")
    await crew.store.put_bytes(thumbnail_key, examined.thumbnail, "image/jpeg")
    facts = examined.facts
    metadata: dict[str, object] = {
        "duration": facts.duration_seconds,
        "width": facts.width,
        "height": facts.height,
        "fps": facts.fps,
        "bytes": facts.bytes,
        "sha256": facts.sha256,
        "codec": facts.codec,
    }
    if adapted:
        metadata["adapted"] = dict(adapted)
    made = {"video_key": video_key, "thumbnail_key": thumbnail_key, "metadata": metadata}
    return await crew.write(lambda db: life.stored(db, job, made))
