"""What `dustreel serve` prints when it is ready, and the video that it makes on the first start."""

import shlex
from importlib.resources import as_file, files
from uuid import UUID

from dustreel.base.errors import DomainError
from dustreel.base.log import logger
from dustreel.base.vocabulary import AspectRatio, Duration, Mode, Resolution
from dustreel.callers import development_key
from dustreel.jobs import Wish, history
from dustreel.wiring import Service

log = logger(__name__)

WELCOME_PROMPT = "A hot-air balloon drifts over snowy mountains at sunrise"

_TEXT = """
  Dustreel is running:  {url}
  API docs:             {url}/docs

  Development user:     {user}
  Test key:             {key}

  Make a video:

    KEY={key}

    curl -s {url}/videos/generate -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
      -d '{{"user_id": "{user}", "prompt": "A cat playing piano in a jazz club",
           "duration": "short", "resolution": "hd_720p", "aspect_ratio": "16:9"}}'

    curl -s {url}/videos/jobs/JOB_ID/status -H "Authorization: Bearer $KEY"
    curl -s {url}/videos/jobs/JOB_ID/result -H "Authorization: Bearer $KEY"

  Animate a picture:

    curl -s {url}/uploads -H "Authorization: Bearer $KEY" -H 'Content-Type: image/jpeg' \\
      --data-binary @{picture}

    curl -s {url}/videos/animate -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
      -d '{{"user_id": "{user}", "image_url": "URL_OF_THE_UPLOAD", "prompt": "Slowly zoom in",
           "duration": "short", "resolution": "hd_720p"}}'

  Ctrl-C stops everything, the database too.
"""


async def welcome(service: Service) -> None:
    """Print where things are and how to begin; make the first video where there is none yet."""
    user, key = await development_key(service.db, service.ids, service.settings.home.absolute())
    with as_file(files("dustreel") / "assets" / "sample.jpg") as picture:
        print(_TEXT.format(url=service.settings.base_url, user=user, key=key, picture=shlex.quote(str(picture))), flush=True)
    await _first_video(service, user)


async def _first_video(service: Service, user: UUID) -> None:
    async with service.db.connection() as db:
        _, jobs = await history(db, user, Mode.TEST, limit=1, offset=0)
    marker = service.settings.home.absolute() / "welcomed"
    if jobs or marker.exists():
        return
    wish = Wish(
        user_id=user,
        mode=Mode.TEST,
        prompt=WELCOME_PROMPT,
        duration=Duration.SHORT,
        resolution=Resolution.SD_480P,
        aspect_ratio=AspectRatio.WIDE,
        camera_fixed=False,
        reference_person=None,
        image_url=None,
    )
    try:
        job = await service.desk.submit(wish, idempotency=None, admit=_admit)
    except DomainError as refused:
        log.warning("the welcome video was not made", error=refused.detail)
        return
    marker.touch()
    print(f"  A welcome video is being made for the development user: job {job.job_id}\n", flush=True)


async def _admit() -> None:
    """Nobody counts the house's own request."""
