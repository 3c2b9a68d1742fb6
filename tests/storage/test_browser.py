"""What a person's browser does with our links: plays them, seeks in them by ranges, and may draw them on a canvas."""

import pytest
from playwright.async_api import Page, Response

from dustreel.base.settings import env_name
from tests.browser import chromium
from tests.conftest import eventually
from tests.storage.harness import ACCESS_KEY, BUCKET, SECRET_KEY
from tests.storage.proxy import StrictProxy
from tests.storage.test_killed import Served, served

# Raised where the link doesn't play; resolves with what was seen.
PLAY = """
async ([url, anonymous]) => {
  const video = document.createElement('video')
  const until = (name) => new Promise((resolve, reject) => {
    video.addEventListener(name, resolve, {once: true})
    video.addEventListener('error', () => reject(new Error(`${name}: ${video.error?.message}`)), {once: true})
  })
  if (anonymous) video.crossOrigin = 'anonymous'
  video.muted = true
  video.preload = 'auto'
  document.body.append(video)
  const ready = until('loadeddata')
  video.src = url
  await ready
  const glimpse = () => {
    const canvas = document.createElement('canvas')
    canvas.width = 32
    canvas.height = 18
    const pen = canvas.getContext('2d')
    pen.drawImage(video, 0, 0, 32, 18)
    return anonymous ? Array.from(pen.getImageData(0, 0, 32, 18).data) : []
  }
  const seen = []
  for (const at of [4.5, 1]) {
    const there = until('seeked')
    video.currentTime = at
    await there
    seen.push({at: video.currentTime, picture: glimpse()})
  }
  const ended = until('ended')
  video.currentTime = video.duration - 0.5
  await video.play()
  await ended
  return {duration: video.duration, width: video.videoWidth, height: video.videoHeight, seen}
}
"""


async def video_of(service: Served) -> dict[str, str]:
    """The body of a finished one."""
    wish = {"prompt": "A boat [sandbox:instant]", "duration": "short", "resolution": "sd_480p", "aspect_ratio": "16:9"}
    job_id = (await service.api.post("/videos/generate", json=wish)).json()["job_id"]

    async def is_there() -> bool:
        return "video" in (await service.api.get(f"/videos/jobs/{job_id}/result")).json()

    await eventually(is_there, "the video")
    found: dict[str, str] = (await service.api.get(f"/videos/jobs/{job_id}/result")).json()["video"]
    return found


@pytest.mark.parametrize("media", ["public", "private"])
async def test_a_link_plays_in_a_browser_and_can_be_seeked_in(
    database_url: str, tmp_path_factory: pytest.TempPathFactory, proxy: StrictProxy, prefix: str, media: str
) -> None:
    """Public links lead through the API; private ones are presigned and lead to the bucket itself."""
    home = tmp_path_factory.mktemp("home")
    (home / "welcomed").touch()
    said = {"storage_url": f"s3://{BUCKET}/{prefix}", "aws_endpoint_url": proxy.url, "media": media}
    said |= {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
    settings = {"DUSTREEL_HOME": str(home), "DUSTREEL_PORT": "0", "DUSTREEL_DATABASE_URL": database_url}
    settings |= {env_name(name): value for name, value in said.items()}
    async with served(settings) as service, chromium() as browser:
        video = await video_of(service)
        page = await browser.new_page()
        statuses = _statuses(page, video["url"])
        # A page of another origin, as a front end is. What a bucket says of origins is its owner's to set.
        await page.goto(f"{service.api.base_url}/healthz".replace("127.0.0.1", "localhost"))
        seen = await page.evaluate(PLAY, [video["url"], media == "public"])
    assert (seen["duration"], seen["width"], seen["height"]) == (pytest.approx(5.0, abs=0.05), 854, 480)
    assert [one["at"] for one in seen["seen"]] == [pytest.approx(4.5), pytest.approx(1.0)]
    assert statuses and set(statuses) == {206}
    if media == "public":
        assert max(seen["seen"][0]["picture"][0::4]) > 60, "a picture is not black"


def _statuses(page: Page, url: str) -> list[int]:
    """Filled as the page asks for the link."""
    found: list[int] = []

    def note(response: Response) -> None:
        if response.url == url:
            found.append(response.status)

    page.on("response", note)
    return found
