"""The contract's own words for what a video is to be, and what they mean in seconds and pixels."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

Seconds = NewType("Seconds", int)
Dust = NewType("Dust", int)


class Mode(StrEnum):
    """Whether a caller's key spends live or test DUST."""

    LIVE = "live"
    TEST = "test"


class GenerationType(StrEnum):
    TEXT_TO_VIDEO = "text_to_video"
    IMAGE_TO_VIDEO = "image_to_video"


class Duration(StrEnum):
    SHORT = "short"
    MEDIUM = "medium"
    LONG = "long"

    @property
    def seconds(self) -> Seconds:
        """Length as promised: 5, 10 or 15."""
        return _SECONDS[self]


class Resolution(StrEnum):
    """Named after the short side."""

    SD_480P = "sd_480p"
    HD_720P = "hd_720p"
    HD_1080P = "hd_1080p"
    UHD_2160P = "4k_2160p"

    @property
    def short_side(self) -> int:
        """Pixels."""
        return _SHORT_SIDES[self]


class AspectRatio(StrEnum):
    WIDE = "16:9"
    TALL = "9:16"
    SQUARE = "1:1"
    CLASSIC = "4:3"
    PORTRAIT = "3:4"

    @property
    def parts(self) -> tuple[int, int]:
        """Width and height as small integers: (16, 9)."""
        width, height = self.value.split(":")
        return int(width), int(height)

    @classmethod
    def nearest(cls, width: int, height: int) -> "AspectRatio":
        """The one of the five whose shape a picture of this many pixels is closest to, compared as factors (2:1 is as far as 1:2)."""

        def apart(aspect: AspectRatio) -> float:
            across, down = aspect.parts
            factor = (width * down) / (height * across)
            return max(factor, 1 / factor)

        return min(cls, key=apart)


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture's size in pixels."""

    width: int
    height: int

    @classmethod
    def of(cls, resolution: Resolution, aspect: AspectRatio) -> "Frame":
        """The name is the short side; the long side is rounded to the nearest even number, which H.264's 4:2:0 needs."""
        across, down = aspect.parts
        short = resolution.short_side
        long = 2 * round(short * max(across, down) / min(across, down) / 2)
        return cls(long, short) if across >= down else cls(short, long)


_SECONDS = {Duration.SHORT: Seconds(5), Duration.MEDIUM: Seconds(10), Duration.LONG: Seconds(15)}
_SHORT_SIDES = {Resolution.SD_480P: 480, Resolution.HD_720P: 720, Resolution.HD_1080P: 1080, Resolution.UHD_2160P: 2160}
