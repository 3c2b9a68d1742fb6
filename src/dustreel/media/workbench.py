"""Work on pictures and videos, done in processes of their own (`bench.py`): codecs are C, and what they are fed comes from strangers."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dustreel.base.errors import Unavailable
from dustreel.base.log import logger
from dustreel.base.vocabulary import AspectRatio, Frame
from dustreel.base.workshop import Answer, Broke, Declined, Workshop
from dustreel.media.failures import BrokenBench, BrokenVideo, ImageTooLarge, ImageUnsupported
from dustreel.media.vtt import Layout

log = logger(__name__)

# Two at a time of each: more would only take each other's processor. Callers wait for pictures and never for a video.
PLACES = 2
# A 50-megapixel PNG takes two seconds to decode and encode; a picture that takes this long was made to.
PICTURE_SECONDS = 20.0
# With its wait for a place; who waits longer is told to come back.
PICTURE_WAIT_SECONDS = 30.0
# Fifteen seconds of 2160p decode in about ten on one slow core.
VIDEO_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that can't hurt anybody: upright, sRGB, without metadata, encoded by us."""

    file: Path
    content_type: str
    width: int
    height: int
    sha256: str


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What a video is, by its own frames."""

    duration_seconds: float
    width: int
    height: int
    fps: float
    frames: int
    bytes: int
    sha256: str
    codec: str


@dataclass(frozen=True, slots=True)
class Examined:
    """What a video is, and what was made of it. Where something is None, `failed` says why."""

    facts: VideoFacts
    thumbnail: bytes
    """A JPEG, at most 640 pixels on its longer side."""
    preview: bytes | None
    """A silent MP4 of some seconds that loops, at most 480 pixels on its longer side."""
    sprite: bytes | None
    """A JPEG of tiles, laid out as `layout` says."""
    layout: Layout | None
    thumbhash: str | None
    """In base64."""
    failed: Mapping[str, str]
    """What could not be made (thumbnail: a stand-in is there), and why not, for the operator."""


class Workbench:
    def __init__(self) -> None:
        self._pictures = Workshop("dustreel.media.bench", places=PLACES)
        self._videos = Workshop("dustreel.media.bench", places=PLACES)

    async def warm(self) -> None:
        await self._videos.warm()
        await self._pictures.warm()

    async def close(self) -> None:
        await asyncio.gather(self._videos.close(), self._pictures.close())

    async def tidy(self, file: Path, into: Path) -> Picture:
        """Make a stranger's picture harmless, as the file `into`. Raises ImageUnsupported, ImageTooLarge, Unavailable."""
        try:
            async with asyncio.timeout(PICTURE_WAIT_SECONDS):
                answer = await self._pictures.run({"do": "tidy", "file": str(file), "into": str(into)}, within=PICTURE_SECONDS)
        except Declined as declined:
            if declined.kind == "unwritten":
                log.error("a picture was not written", error=str(declined))
                raise Unavailable from declined
            kind = ImageTooLarge if declined.kind == "too_large" else ImageUnsupported
            raise kind(str(declined)) from None
        except Broke as broke:
            log.error("a picture broke its process", error=str(broke))
            raise ImageUnsupported("The picture can't be read.") from broke
        except OSError as failed:  # TimeoutError is one
            raise Unavailable from failed
        return Picture(file=into, **answer.values)

    async def crop(self, data: bytes, to: AspectRatio) -> bytes:
        """One of our own pictures, cut about its centre to this shape, as a JPEG. Raises Unavailable."""
        across, down = to.parts
        try:
            return (await self._videos.run({"do": "crop", "across": across, "down": down}, data, within=PICTURE_SECONDS)).data
        except (Broke, OSError) as failed:
            raise Unavailable from failed

    async def adapt(self, file: Path, into: Path, *, to: Frame, seconds: int, max_upscale: float) -> Mapping[str, Any]:
        """Trim and scale a provider's video, where it isn't what was asked for already. Raises BrokenVideo, BrokenBench.

        Returns what was done, for the video's metadata; where that is nothing, nothing was written.
        """
        work = {"do": "adapt", "file": str(file), "into": str(into), "width": to.width, "height": to.height}
        return (await self._on_video(work | {"seconds": seconds, "max_upscale": max_upscale})).values

    async def examine(self, file: Path, *, expect: Frame, seconds: int) -> Examined:
        """Decode all of an MP4, see that it is what was asked for, and make what is made of it. Raises BrokenVideo, BrokenBench.

        Where making it breaks the process (a codec that crashes, memory that is short), the video is checked again without.
        """
        work = {"do": "examine", "file": str(file), "width": expect.width, "height": expect.height, "seconds": seconds}
        try:
            return _examined(await self._on_video(work | {"plainly": False}))
        except BrokenBench as broke:
            log.warning("a video is looked at once more, with nothing made of it but a thumbnail", error=str(broke))
            return _examined(await self._on_video(work | {"plainly": True}))

    async def _on_video(self, work: Mapping[str, Any]) -> Answer:
        try:
            return await self._videos.run(work, within=VIDEO_SECONDS)
        except Declined as declined:
            raise BrokenVideo(str(declined)) from None
        except Broke as broke:
            raise BrokenBench(f"a video broke its process: {broke}") from broke


def _examined(answer: Answer) -> Examined:
    said, parts, begin = answer.values, dict[str, bytes](), 0
    for name, length in said["parts"].items():
        parts[name] = answer.data[begin : begin + length]
        begin += length
    return Examined(
        facts=VideoFacts(**said["facts"]),
        thumbnail=parts["thumbnail"],
        preview=parts.get("preview"),
        sprite=parts.get("sprite"),
        layout=None if said["layout"] is None else Layout(**said["layout"]),
        thumbhash=said["thumbhash"],
        failed=said["failed"],
    )
