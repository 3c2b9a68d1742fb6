"""One job's way, read top to bottom. A worker that takes over calls this again: each step begins where the row says."""

import random
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from dustreel import videos
from dustreel.base.errors import Unavailable
from dustreel.base.log import logger
from dustreel.base.waiting import uncut
from dustreel.jobs import Job, Step, life
from dustreel.media import BrokenBench, BrokenVideo
from dustreel.providers import Refused, Stumbled, model_used
from dustreel.videos import NewVideo
from dustreel.worker.crew import Crew
from dustreel.worker.order import order_of
from dustreel.worker.remote import collect, submit, submit_again
from dustreel.worker.store import keep, store

log = logger(__name__)

# An attempt that stumbles is made again; a third failure is no accident.
STUMBLES_AT_MOST = 3
# A provider that would not take an order, or a network that broke, needs a moment. Four times as long the next time.
REMOTE_PAUSE_SECONDS = 2.0
# Progress is for eyes: more often than twice a second nobody sees it, and every write costs.
PROGRESS_SECONDS = 0.5

# A copy on a disk takes less; storage that hangs must not keep a stopping worker from handing its job over.
KEEP_SECONDS = 3.0


async def carry(job: Job, crew: Crew) -> None:
    """Take a started job as far as it is ours: to its end, or to a provider. Raises Overtaken when the row went on without us."""
    try:
        while job.worker_id == crew.worker_id and not job.is_final:
            job = await STEPS[job.step](job, crew)
    except (Refused, BrokenVideo) as no:
        # The renderer or its file said no: final, and the user gets the DUST back.
        await crew.say(partial(life.fail, job=job, because=str(no)))
    except (Stumbled, BrokenBench) as stumbled:
        log.warning("an attempt stumbled", job_id=str(job.id), attempt=job.attempt, error=str(stumbled))
        because = str(stumbled) if isinstance(stumbled, Stumbled) else "The video could not be checked"
        await try_again_or_fail(job, crew, because=because)


async def try_again_or_fail(job: Job, crew: Crew, *, because: str) -> None:
    """What becomes of a job whose attempt broke. Raises Overtaken."""
    if job.stumbles + 1 < STUMBLES_AT_MOST:
        after = 0.0 if crew.registry.local(job.provider) else REMOTE_PAUSE_SECONDS * 4**job.stumbles * random.uniform(0.5, 1.0)
        await crew.say(partial(life.hand_over, job=job, after=after, stumbled=True))
    else:
        await crew.say(partial(life.fail, job=job, because=because))


async def begin(job: Job, crew: Crew) -> Job:
    """Render it here, or send it to where it is rendered."""
    return await (submit(job, crew) if crew.registry.local(job.provider) is None else render_and_store(job, crew))


async def go_on_rendered(job: Job, crew: Crew) -> Job:
    """A provider keeps what it made for a while; what was rendered here is in storage, and was perhaps not checked yet."""
    return await (collect(job, crew) if crew.registry.local(job.provider) is None else check_kept(job, crew))


async def check_kept(job: Job, crew: Crew) -> Job:
    assert job.made is not None
    async with crew.workplace(job.id) as folder:
        file = folder / "video.mp4"
        await crew.store.fetch(job.made["video_key"], file)
        return await store(job, crew, file)


async def render_and_store(job: Job, crew: Crew) -> Job:
    """Render, keep our own copy, and check all of it."""
    provider = crew.registry.local(job.provider)
    assert provider is not None
    async with crew.workplace(job.id) as folder:
        file = folder / "video.mp4"
        order = await order_of(job, crew, folder)
        await provider.render(order, file, _Teller(job, crew).tell)
        # A stop that comes now waits for this: a finished render is not made twice.
        job = await uncut(keep(job, crew, file), within=KEEP_SECONDS)
        return await store(job, crew, file)


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
        preview_key=job.made.get("preview_key"),
        sprite_key=job.made.get("sprite_key"),
        vtt_key=job.made.get("vtt_key"),
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
    Step.ACCEPTED: begin,
    Step.SUBMITTED: submit_again,
    Step.RENDERED: go_on_rendered,
    Step.STORED: file_video,
}


class _Teller:
    """Writes a renderer's progress down: the first word makes the job `processing`, the rest at most twice a second."""

    def __init__(self, job: Job, crew: Crew) -> None:
        self._job, self._crew = job, crew
        self._began = False
        self._wrote_at = 0.0

    async def tell(self, share: float) -> None:
        if not self._began:
            self._began = True
            await self._crew.say(lambda db: life.render(db, self._job, share, deadlines=self._crew.deadlines))
        elif time.monotonic() - self._wrote_at >= PROGRESS_SECONDS:
            try:
                async with self._crew.db.connection() as connection:
                    await life.progress(connection, self._job, share)
            except Unavailable:
                return  # the next word will do
        else:
            return
        self._wrote_at = time.monotonic()
