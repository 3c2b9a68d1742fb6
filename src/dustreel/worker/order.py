"""What a renderer is told of a job."""

import asyncio
from functools import partial
from pathlib import Path

from dustreel import videos
from dustreel.base.vocabulary import Mode
from dustreel.jobs import Job
from dustreel.providers import Borrowing, Order, Shot
from dustreel.storage import new_key
from dustreel.worker.crew import Crew

OWN_PICTURE_AT_MOST = 64 << 20
# Beyond the longest that a job may take, so that no sweep removes what is about to be used.
ABANDONED_SECONDS = 3_600.0


async def order_of(job: Job, crew: Crew, folder: Path, *, shot: Shot | None = None) -> Order:
    """The order, with its picture as a file in `folder`; with a `shot` it is a remote provider's, whose picture is cropped and lent."""
    assert job.prompt is not None
    picture = await _picture(job, crew, folder, cropped=shot is not None)
    return Order(
        job_id=job.id,
        attempt=job.attempt,
        generation_type=job.generation_type,
        prompt=job.prompt,
        seconds=job.duration.seconds,
        resolution=job.resolution,
        aspect_ratio=job.aspect_ratio,
        camera_fixed=job.camera_fixed,
        picture=picture,
        reference_person=job.reference_person is not None,
        directives=job.mode is Mode.TEST,
        picture_url=await _lent(picture, job, crew) if shot is not None and picture is not None else None,
        shot=shot,
    )


async def _picture(job: Job, crew: Crew, folder: Path, *, cropped: bool) -> Path | None:
    if job.picture_id is None:
        return None
    picture = await crew.album.find(job.picture_id)
    data = await crew.store.read(picture.key, at_most=OWN_PICTURE_AT_MOST)
    if cropped:
        data = await crew.bench.crop(data, job.aspect_ratio)
    path = folder / "picture"
    await asyncio.to_thread(path.write_bytes, data)
    return path


async def _lent(picture: Path, job: Job, crew: Crew) -> str | None:
    """Its address, where the provider wants one and reaches ours; gone again when no job can need it any more."""
    if crew.links is None or not isinstance(crew.registry.remote(job.provider), Borrowing):
        return None
    key = new_key("pictures", "jpg", crew.ids.secret)
    await crew.say(partial(videos.remove_later, keys=[key], after=crew.deadlines.job + ABANDONED_SECONDS))
    await crew.store.put_file(key, picture, "image/jpeg")
    return crew.links.url(key)
