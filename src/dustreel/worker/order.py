"""What a renderer is told of a job."""

import asyncio
from pathlib import Path

from dustreel.base.vocabulary import Mode
from dustreel.jobs import Job
from dustreel.providers import Order
from dustreel.worker.crew import Crew

OWN_PICTURE_AT_MOST = 64 << 20


async def order_of(job: Job, crew: Crew, folder: Path, *, cropped: bool) -> Order:
    """The order, with its picture as a file in `folder`; cropped to the video's shape where the renderer doesn't do that itself."""
    assert job.prompt is not None
    return Order(
        job_id=job.id,
        attempt=job.attempt,
        generation_type=job.generation_type,
        prompt=job.prompt,
        seconds=job.duration.seconds,
        resolution=job.resolution,
        aspect_ratio=job.aspect_ratio,
        camera_fixed=job.camera_fixed,
        picture=await _picture(job, crew, folder, cropped=cropped),
        reference_person=job.reference_person is not None,
        directives=job.mode is Mode.TEST,
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
