"""Our own copy of a finished video: in storage, checked to the last frame, with its thumbnail."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dustreel import videos
from dustreel.jobs import Job, life
from dustreel.storage import new_key
from dustreel.worker.crew import Crew
from dustreel.worker.order import ABANDONED_SECONDS


async def keep(job: Job, crew: Crew, file: Path) -> Job:
    """Put what was rendered here into storage before anything else: whoever takes over need not render it again. Raises Overtaken."""
    key = new_key("videos", "mp4", crew.ids.secret)
    await _announce(crew, key)
    await crew.store.put_file(key, file, "video/mp4")
    return await crew.write(partial(life.rendered, job=job, made={"video_key": key}))


async def store(job: Job, crew: Crew, file: Path, *, adapted: Mapping[str, Any] | None = None) -> Job:
    """Check a file that is, or is to be, our own copy; store what is not stored yet, and its thumbnail.

    `adapted` is what was done to a provider's video. Raises BrokenVideo, BrokenBench, Overtaken.
    """
    examined = await crew.bench.examine(file, expect=job.frame, seconds=job.duration.seconds)
    kept = (job.made or {}).get("video_key")
    video_key = kept or new_key("videos", "mp4", crew.ids.secret)
    thumbnail_key = new_key("thumbnails", "jpg", crew.ids.secret)
    await _announce(crew, video_key, thumbnail_key)
    if kept is None:
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
    return await crew.write(partial(life.stored, job=job, made=made))


async def _announce(crew: Crew, *keys: str) -> None:
    """Before the first byte: whatever becomes of this attempt, nothing stays that no video names."""
    after = crew.deadlines.job + ABANDONED_SECONDS
    await crew.write(partial(videos.remove_later, keys=list(keys), after=after))
