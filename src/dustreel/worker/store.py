"""Our own copy of a finished video: in storage, checked to the last frame, with what is made of it."""

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dustreel import videos
from dustreel.base.log import logger
from dustreel.jobs import Job, life
from dustreel.media import Examined, webvtt
from dustreel.storage import new_key
from dustreel.worker.crew import Crew
from dustreel.worker.order import ABANDONED_SECONDS

log = logger(__name__)


async def keep(job: Job, crew: Crew, file: Path) -> Job:
    """Put what was rendered here into storage before anything else: whoever takes over need not render it again. Raises Overtaken."""
    key = new_key("videos", "mp4", crew.ids.secret)
    await _announce(crew, key)
    await crew.store.put_file(key, file, "video/mp4")
    return await crew.say(partial(life.rendered, job=job, made={"video_key": key}))


async def store(job: Job, crew: Crew, file: Path, *, adapted: Mapping[str, Any] | None = None) -> Job:
    """Check a file that is, or is to be, our own copy; store what is not stored yet, and what was made of it on the way.

    `adapted` is what was done to a provider's video. What can't be made or stored beside video and thumbnail is left out, and noted.
    Raises BrokenVideo, BrokenBench, Overtaken.
    """
    examined = await crew.bench.examine(file, expect=job.frame, seconds=job.duration.seconds)
    kept = (job.made or {}).get("video_key")
    video_key = kept or new_key("videos", "mp4", crew.ids.secret)
    thumbnail_key = new_key("thumbnails", "jpg", crew.ids.secret)
    extras = _extras(examined, crew)
    await _announce(crew, video_key, thumbnail_key, *(key for extra in extras.values() for key, _, _ in extra.values()))
    if kept is None:
        await crew.store.put_file(video_key, file, "video/mp4")
    await crew.store.put_bytes(thumbnail_key, examined.thumbnail, "image/jpeg")
    failed = dict(examined.failed) | await _put_extras(crew, extras)
    for what, because in failed.items():
        log.warning("a video goes without one of its derivatives", job_id=str(job.id), what=what, because=because)
    stored = {name: key for what, extra in extras.items() if what not in failed for name, (key, _, _) in extra.items()}
    metadata = _metadata(examined, sorted(failed), adapted)
    made = {"video_key": video_key, "thumbnail_key": thumbnail_key, **stored, "metadata": metadata}
    return await crew.say(partial(life.stored, job=job, made=made))


type Extra = dict[str, tuple[str, bytes, str]]
"""By their names in `made`: the key, the bytes and the content type of objects that are of use together only."""


def _extras(examined: Examined, crew: Crew) -> dict[str, Extra]:
    extras: dict[str, Extra] = {}
    if examined.preview is not None:
        extras["preview"] = {"preview_key": (new_key("previews", "mp4", crew.ids.secret), examined.preview, "video/mp4")}
    if examined.sprite is not None and examined.layout is not None:
        sprite_key = new_key("sprites", "jpg", crew.ids.secret)
        # Both are in one folder, so the name alone leads from one to the other.
        text = webvtt(examined.layout, sprite_key.rpartition("/")[2], examined.facts.duration_seconds)
        extras["sprite"] = {
            "sprite_key": (sprite_key, examined.sprite, "image/jpeg"),
            "vtt_key": (new_key("sprites", "vtt", crew.ids.secret), text.encode(), "text/vtt"),
        }
    return extras


async def _put_extras(crew: Crew, extras: dict[str, Extra]) -> dict[str, str]:
    """Store them; returns which could not be, and why not. What was stored of those stays announced, and is swept."""

    async def put(extra: Extra) -> str | None:
        try:
            for key, data, content_type in extra.values():
                await crew.store.put_bytes(key, data, content_type)
        except OSError as failed:
            return f"storage: {failed}"
        return None

    answers = await asyncio.gather(*(put(extra) for extra in extras.values()))
    return {what: because for what, because in zip(extras, answers, strict=True) if because is not None}


def _metadata(examined: Examined, failed: list[str], adapted: Mapping[str, Any] | None) -> dict[str, Any]:
    """As the API shows it, but for the links to preview, sprite and WebVTT: those are made from their keys at each read."""
    facts = examined.facts
    metadata: dict[str, Any] = {
        "duration": facts.duration_seconds,
        "width": facts.width,
        "height": facts.height,
        "fps": facts.fps,
        "bytes": facts.bytes,
        "sha256": facts.sha256,
        "codec": facts.codec,
    }
    if examined.thumbhash is not None:
        metadata["thumbhash"] = examined.thumbhash
    if failed:
        metadata["derivatives_failed"] = failed
    if adapted:
        metadata["adapted"] = dict(adapted)
    return metadata


async def _announce(crew: Crew, *keys: str) -> None:
    """Before the first byte: whatever becomes of this attempt, nothing stays that no video names."""
    after = crew.deadlines.job + ABANDONED_SECONDS
    await crew.say(partial(videos.remove_later, keys=list(keys), after=after))
