"""A film's frames as they are decoded, made small once: everything that is derived from a film is derived from these."""

from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

# The longer side of a sample in pixels: as large as the preview, and enough to see what is sharp.
SIDE = 480
SAMPLES_A_SECOND = 12
# ITU-T H.273, tables 2 to 4: "unspecified", and what browsers take an unspecified film of this height and more for.
UNSPECIFIED, BT709 = 2, 1
HD_HEIGHT = 720
# Television noise is sharper than anything worth looking at.
SHARPEST = 800.0

type Rgb = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame of the film, small, and what it is like. Lightness and differences are in levels, 0 to 255."""

    time: float
    """Seconds from the film's beginning."""
    small: VideoFrame
    """4:2:0, at most 480 pixels on its longer side."""
    worth: float
    """How much it shows: contrast, sharpness and colour, neither dark nor burnt out. Some 10 for a good picture, near 0 for none."""
    brighter: float
    """How much lighter it is than the sample before; much of it is a fade or a flash."""
    change: float
    """The mean difference to the sample before."""


class Sampler:
    def __init__(self, width: int, height: int) -> None:
        self._size = fitted(width, height, SIDE)
        # They keep what they set up for one size.
        self._scaler = VideoReformatter()
        self._light: float | None = None
        self._before: NDArray[np.uint8] | None = None

    def sample(self, frame: VideoFrame) -> Sample:
        width, height = self._size
        small = self._scaler.reformat(frame, width, height, "yuv420p", interpolation=Interpolation.AREA, threads=1)
        luma = plane(small, 0)
        light, contrast = (float(value[0, 0]) for value in cv2.meanStdDev(luma))
        light = levels(light)
        # At half the size film grain is gone, and motion isn't.
        half = cv2.resize(luma, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        change = 0.0 if self._before is None else cv2.norm(half, self._before, cv2.NORM_L1) / half.size
        brighter = 0.0 if self._light is None else light - self._light
        self._light, self._before = light, np.asarray(half, np.uint8)
        return Sample(frame.time or 0.0, small, _worth(small, light, contrast), brighter, change)


def sampled_every(rate: Fraction) -> int:
    """Every how many frames of a film with this many a second there is a sample."""
    return max(1, round(rate / SAMPLES_A_SECOND))


def fitted(width: int, height: int, side: int) -> tuple[int, int]:
    """The size, even both ways as 4:2:0 wants it, of this shape within `side` pixels; never larger than it is."""
    scale = min(1.0, side / max(width, height))
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def plane(frame: VideoFrame, number: int) -> NDArray[np.uint8]:
    """A view of one plane of a 4:2:0 frame, without the filling at its rows' ends."""
    found = frame.planes[number]
    return np.frombuffer(found, np.uint8).reshape(-1, found.line_size)[: found.height, : found.width]


def levels(luma: float) -> float:
    """Limited-range luma (ITU-R BT.709-6, 4.6: 16 to 235) as levels from 0 to 255."""
    return min(255.0, max(0.0, (luma - 16) * 255 / 219))


def rgb(frame: VideoFrame, size: tuple[int, int], *, film_height: int) -> Rgb:
    """A frame of a film of this height in a browser's colours, height × width × 3."""
    known = frame.colorspace != UNSPECIFIED
    source = None if known else Colorspace.ITU709 if film_height >= HD_HEIGHT else Colorspace.ITU601
    made = frame.reformat(*size, "rgb24", src_colorspace=source, interpolation=Interpolation.LANCZOS, threads=1)
    return np.asarray(made.to_ndarray(), np.uint8)


def _worth(small: VideoFrame, light: float, contrast: float) -> float:
    # Of each edge only the darker side, which fits into bytes: in half the time, and it tells as much.
    sharpness = float(cv2.meanStdDev(cv2.Laplacian(plane(small, 0), cv2.CV_8U))[1][0, 0]) ** 2
    colour = sum(float(cv2.meanStdDev(plane(small, number))[1][0, 0]) for number in (1, 2))
    usable = min(1.0, light / 40.0, (255.0 - light) / 25.0)
    return (contrast / 16 + float(np.log1p(min(sharpness, SHARPEST))) + colour / 16) * max(0.02, usable)
