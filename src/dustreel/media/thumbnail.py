"""The one picture that stands for a film: the frame that shows most, or, where none can be chosen, what there is."""

import io

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw

from dustreel.media.sampling import Rgb, Sample, fitted, levels, plane, rgb

# Pixels on the longer side.
SIDE = 640
QUALITY = 84
# A fade of half a second changes the light by some fifteen levels from sample to sample; wind and water change it by one or two.
FADE_LEVELS = 6.0
# What is neither black nor white.
USABLE_LEVELS = (30.0, 230.0)
# Rows and columns that are looked at to tell: one of so many.
COARSE = 16


class Choice:
    """The best frame of those seen so far. Holds that one, and the one before the last: whether it fades is told by what follows."""

    def __init__(self) -> None:
        self._score = -1.0
        self._best: VideoFrame | None = None
        self._last: tuple[Sample, VideoFrame] | None = None

    def see(self, sample: Sample, frame: VideoFrame) -> None:
        self._judge(fading=abs(sample.brighter))
        self._last = sample, frame

    def best(self) -> VideoFrame:
        """Raises LookupError when nothing was seen."""
        self._judge(fading=0.0)
        if self._best is None:
            raise LookupError("no frame was seen")
        return self._best

    def _judge(self, *, fading: float) -> None:
        if self._last is None:
            return
        sample, frame = self._last
        fading = max(fading, abs(sample.brighter))
        score = sample.worth / (1 + (fading / FADE_LEVELS) ** 2)
        if score > self._score:
            self._score, self._best = score, frame
        self._last = None


class Plain:
    """The first frame that is neither black nor white, or the first at all: for when nothing better can be had."""

    def __init__(self) -> None:
        self._frame: VideoFrame | None = None
        self._is_usable = False

    def see(self, frame: VideoFrame) -> None:
        if self._is_usable:
            return
        light = levels(float(plane(frame, 0)[::COARSE, ::COARSE].mean()))
        self._is_usable = USABLE_LEVELS[0] <= light <= USABLE_LEVELS[1]
        if self._is_usable or self._frame is None:
            self._frame = frame

    def best(self) -> VideoFrame:
        """Raises LookupError when nothing was seen."""
        if self._frame is None:
            raise LookupError("no frame was seen")
        return self._frame


def shrunk(frame: VideoFrame) -> Rgb:
    """A whole frame at a thumbnail's size."""
    return rgb(frame, fitted(frame.width, frame.height, SIDE), film_height=frame.height)


def card(width: int, height: int) -> Rgb:
    """A grey card with the sign for a film, in the video's shape."""
    across, down = fitted(width, height, SIDE)
    picture = Image.new("RGB", (across, down), (58, 62, 68))
    x, y, r = across / 2, down / 2, min(across, down) / 8
    ImageDraw.Draw(picture).polygon([(x - r * 0.8, y - r), (x - r * 0.8, y + r), (x + r, y)], fill=(128, 133, 140))
    return np.asarray(picture, np.uint8)


def jpeg(picture: Rgb, quality: int = QUALITY) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=quality, optimize=True, progressive=True)
    return out.getvalue()
