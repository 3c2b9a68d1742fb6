"""One job's way, read top to bottom. A worker that takes over calls this again: each step begins where the row says."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from dustreel import videos
from dustreel.base.errors import Unavailable
from dustreel.base.log import logger
from dustreel.base.vocabulary import Frame, Mode
from dustreel.jobs import Job, Step, life
from dustreel.media import BrokenVideo, Examined
from dustreel.providers import Order, Refused, Stumbled, model_used
from dustreel.storage import new_key
from dustreel.videos import NewVideo
from dustreel.worker.crew import Crew

log = logger(__name__)

# A local attempt that stumbles is made again; a third failure is no accident.
ATTEMPTS_AT_MOST = 3
# Progress is for eyes: more often than twice a second nobody sees it, and every write costs.
PROGRESS_SECONDS = 0.5
# Beyond the longest that a job may take, so that no sweep removes what is about to be filed.
ABANDONED_SECONDS = 3_600.0


async def carry(job: Job, crew: Crew) -> None:
    """Take a started job to its end. Raises Overtaken when the row went on without us."""
    try:
        while not job.is_final:
            job = await STEPS[job.step](job, crew)
    except (Refused, BrokenVideo) as no:
        # The renderer or its file said no: final, and the user gets the DUST back.
        await crew.write(partial(life.fail, job=job, because=str(no)))
    except Stumbled as stumbled:
        log.warning("an attempt stumbled", job_id=str(job.id), attempt=job.attempt, error=str(stumbled))
        if job.attempt < ATTEMPTS_AT_MOST:
            await crew.write(partial(life.hand_over, job=job))
        else:
            await crew.write(partial(life.fail, job=job, because=str(stumbled)))


async def render_and_store(job: Job, crew: Crew) -> Job:
    """Render, check all of it, and keep our own copy."""
    async with crew.workplace(job.id) as folder:
        file = folder / "video.mp4"
        job = await _render(job, crew, folder, file)
        examined = await crew.bench.examine(file, expect=Frame.of(job.resolution, job.aspect_ratio), seconds=job.duration.seconds)
        made = await _store(crew, file, examined)
    return await crew.write(lambda db: life.stored(db, job, made))


async def file_video(job: Job, crew: Crew) -> Job:
    """The video's row and `completed`, in one transaction."""
    assert job.made is not None and job.prompt is not None and job.started_at is not None
    now = crew.clock.now()
    video = NewVideo(
        id=crew.ids.uuid(),
        job_id=job.id,
        user_id=job.user_id,
        mode=job.mode,
        video_key=job.made["video_key"],
        thumbnail_key=job.made["thumbnail_key"],
        prompt=job.prompt,
        generation_type=job.generation_type,
        source_image_url=job.source_image_url,
        picture_id=job.picture_id,
        duration_seconds=job.duration.seconds,
        resolution=job.resolution,
        aspect_ratio=job.aspect_ratio,
        reference_person=None if job.reference_person is None else job.reference_person.as_json(),
        metadata=job.made["metadata"],
        model_used=model_used(job.provider, job.model),
        generation_time_ms=max(0, round((now - job.started_at).total_seconds() * 1000)),
    )

    async def both(db: Any) -> Job:
        finished = await life.finish(db, job, video_id=video.id)
        await videos.file_video(db, video)
        return finished

    return await crew.write(both)


STEPS: dict[Step, Callable[[Job, Crew], Awaitable[Job]]] = {
    Step.ACCEPTED: render_and_store,
    Step.RENDERED: render_and_store,  # what was rendered died with its worker: a local file is rendered again
    Step.STORED: file_video,
}


async def _render(job: Job, crew: Crew, folder: Path, into: Path) -> Job:
    """Have the video rendered into a file, telling the row how far it is."""
    assert job.prompt is not None
    provider = crew.registry.provider(job.provider)
    order = Order(
        job_id=job.id,
        attempt=job.attempt,
        generation_type=job.generation_type,
        prompt=job.prompt,
        seconds=job.duration.seconds,
        resolution=job.resolution,
        aspect_ratio=job.aspect_ratio,
        camera_fixed=job.camera_fixed,
        picture=await _picture(job, crew, folder),
        reference_person=job.reference_person is not None,
        directives=job.mode is Mode.TEST,
    )
    teller = _Teller(job, crew)
    await provider.render(order, into, teller.tell)
    return await crew.write(lambda db: life.rendered(db, job))


async def _picture(job: Job, crew: Crew, folder: Path) -> Path | None:
    if job.picture_id is None:
        return None
    picture = await crew.album.find(job.picture_id)
    data = await crew.store.read(picture.key, at_most=OWN_PICTURE_AT_MOST)
    path = folder / "picture"
    await asyncio.to_thread(path.write_bytes, data)
    return path


OWN_PICTURE_AT_MOST = 64 << 20


class _Teller:
    """Writes a renderer's progress down: the first word makes the job `processing`, the rest at most twice a second."""

    def __init__(self, job: Job, crew: Crew) -> None:
        self._job, self._crew = job, crew
        self._began = False
        self._wrote_at = 0.0

    async def tell(self, share: float) -> None:
        if not self._began:
            self._began = True
            await self._crew.write(lambda db: life.render(db, self._job, share, deadlines=self._crew.deadlines))
        elif time.monotonic() - self._wrote_at >= PROGRESS_SECONDS:
            try:
                async with self._crew.db.transaction() as connection:
                    await life.progress(connection, self._job, share)
            except Unavailable:
                return  # the next word will do
        else:
            return
        self._wrote_at = time.monotonic()


async def _store(crew: Crew, file: Path, examined: Examined) -> dict[str, object]:
    """Put the video and its thumbnail into storage; returns what the row remembers of it."""
    video_key = new_key("videos", "mp4", crew.ids.secret)
    thumbnail_key = new_key("thumbnails", "jpg", crew.ids.secret)
    # Before the first byte: whatever becomes of this attempt, nothing stays that no video names.
    after = crew.deadlines.job + ABANDONED_SECONDS
    await crew.write(lambda db: videos.remove_later(db, [video_key, thumbnail_key], after=after))
    await crew.store.put_file(video_key, file, "video/mp4")
    await crew.store.put_bytes(thumbnail_key, examined.thumbnail, "image/jpeg")
    facts = examined.facts
    return {
        "video_key": video_key,
        "thumbnail_key": thumbnail_key,
        "metadata": {
            "duration": facts.duration_seconds,
            "width": facts.width,
            "height": facts.height,
            "fps": facts.fps,
            "bytes": facts.bytes,
            "sha256": facts.sha256,
            "codec": facts.codec,
        },
    }
