"""Outlines onto a picture: filled into a layer of their own, lit there from key and fill, then laid over what is behind."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from dustreel.providers.sandbox.engine.figure import Outline
from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Colour, Picture, Plane, Points, add_glow, disc, mix

_SHIFT = 5
# Soft light is worked out at this fraction of the size.
_SHRINK = 4
# Pixels around a figure for its rim.
_MARGIN = 6


@dataclass(frozen=True, slots=True)
class Frame:
    """A part of the picture, in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        return self.right - self.left, self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Shine:
    """The light on the edge of what lies over a shape of the same colour."""

    tint: Colour
    aim: tuple[float, float]
    strength: float

    def shift(self, unit: float) -> NDArray[np.int32]:
        reach = max(0.75 * unit, 0.6) * (1 << _SHIFT)
        return np.array((round(self.aim[0] * reach), round(self.aim[1] * reach)), np.int32)


class Layer:
    """One figure at a time, red, green, blue and coverage. Its buffers are as large as the picture and used again with each figure."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._paint: Picture = np.zeros((height, width, 4), np.uint8)
        self._rgb: Picture = np.empty((height, width, 3), np.uint8)
        self._cover: Picture = np.empty((height, width, 3), np.uint8)
        self._soft: Picture = np.empty((height, width, 3), np.uint8)

    def frame_of(self, pixels: Points) -> Frame | None:
        """What of the picture these points cover; None: nothing."""
        low, high = pixels.min(0), pixels.max(0)
        left, top = max(0, math.floor(low[0]) - _MARGIN), max(0, math.floor(low[1]) - _MARGIN)
        right, bottom = min(self._width, math.ceil(high[0]) + _MARGIN), min(self._height, math.ceil(high[1]) + _MARGIN)
        # Whole steps of the soft light, so that it doesn't swim over the figure.
        left, top = left - left % _SHRINK, top - top % _SHRINK
        return Frame(left, top, right, bottom) if right - left > 2 and bottom - top > 2 else None

    def fill(
        self, frame: Frame, outlines: Sequence[Outline], pixels: Points, inks: Sequence[Colour], unit: float, shine: Shine | None
    ) -> None:
        """`pixels`: of all outlines, one after the other. `unit`: pixels a drawing's unit, for strokes."""
        width, height = frame.size
        paint = self._paint[:height, :width]
        paint[...] = 0
        fixed = np.round((pixels - (frame.left, frame.top)) * (1 << _SHIFT)).astype(np.int32)
        start = 0
        for outline, ink in zip(outlines, inks, strict=True):
            shape = [fixed[start : start + len(outline.points)]]
            start += len(outline.points)
            scalar = (float(ink[0]), float(ink[1]), float(ink[2]), 255.0)
            if outline.line:
                cv2.polylines(paint, shape, False, scalar, max(1, round(outline.line * unit)), cv2.LINE_AA, _SHIFT)
                continue
            if outline.lit and shine is not None:
                bright = mix(ink, shine.tint, outline.lit * shine.strength)
                edge = (float(bright[0]), float(bright[1]), float(bright[2]), 255.0)
                cv2.fillPoly(paint, [shape[0] + shine.shift(unit)], edge, cv2.LINE_AA, _SHIFT)
            cv2.fillPoly(paint, shape, scalar, cv2.LINE_AA, _SHIFT)

    def light(self, frame: Frame, light: Light, aim: tuple[float, float], size: float, rims: float, *, plain: bool) -> None:
        """Round the figure off and give it its rims. `aim`: the way to the main light; `size`: the figure's height in pixels.

        `plain`: rims alone, for the many of a crowd.
        """
        width, height = frame.size
        paint, rgb = self._paint[:height, :width], self._rgb[:height, :width]
        cover = self._cover[:height, :width]
        cv2.cvtColor(paint, cv2.COLOR_RGBA2RGB, dst=rgb)
        alpha = np.asarray(cv2.extractChannel(paint, 3), np.uint8)
        cv2.merge([alpha] * 3, dst=cover)
        if not plain:
            self._round_off(frame, alpha, light, aim, size)
        wide = max(1.0, size * 0.012)
        near = cv2.convertScaleAbs(_edge(alpha, aim, wide), alpha=rims)
        far = cv2.convertScaleAbs(_edge(alpha, (-aim[0], -0.35), wide * 0.9), alpha=0.0 if plain else rims * 0.62)
        # Painted, not added: they must not burn out where the figure is bright.
        soft = self._soft[:height, :width]
        cv2.merge([cv2.bitwise_not(cv2.max(near, far))] * 3, dst=soft)
        cv2.multiply(rgb, soft, dst=rgb, scale=1 / 255.0)
        tints = zip(light.key / 255, light.fill / 255, strict=True)
        cv2.merge([cv2.addWeighted(near, float(key), far, float(fill), 0.0) for key, fill in tints], dst=soft)
        cv2.add(rgb, soft, dst=rgb)

    def _round_off(self, frame: Frame, alpha: Picture, light: Light, aim: tuple[float, float], size: float) -> None:
        """Darker where the figure turns away from the light, lighter where it turns to it."""
        width, height = frame.size
        rgb, cover, soft = self._rgb[:height, :width], self._cover[:height, :width], self._soft[:height, :width]
        small_size = (math.ceil(width / _SHRINK), math.ceil(height / _SHRINK))
        small = cv2.resize(alpha, small_size, interpolation=cv2.INTER_AREA)
        reach = max(1.0, size * 0.055 / _SHRINK)
        blurred = np.asarray(cv2.GaussianBlur(small, (0, 0), reach, borderType=cv2.BORDER_REPLICATE), np.uint8)
        dark = cv2.subtract(small, _shifted(blurred, aim, -reach * 0.9))
        bright = cv2.subtract(small, _shifted(blurred, aim, reach * 0.9))
        shade = 0.62 * (1 - mix(light.fill, np.full(3, 255, np.float32), 0.15) / 255 * 0.55)
        keep = cv2.merge([cv2.convertScaleAbs(dark, alpha=-float(part), beta=255.0) for part in shade])
        cv2.resize(keep, (width, height), dst=soft, interpolation=cv2.INTER_LINEAR)
        cv2.multiply(rgb, soft, dst=rgb, scale=1 / 255.0)
        glow = light.key * ((0.10 + 0.30 * light.exposure * (1 - 0.4 * light.exposure)) / 255)
        warm = cv2.merge([cv2.convertScaleAbs(bright, alpha=float(part)) for part in glow])
        cv2.resize(warm, (width, height), dst=soft, interpolation=cv2.INTER_LINEAR)
        cv2.multiply(soft, cover, dst=soft, scale=1 / 255.0)
        cv2.add(rgb, soft, dst=rgb)

    def lay(self, frame: Frame, picture: Picture) -> None:
        width, height = frame.size
        cover = self._cover[:height, :width]
        region = picture[frame.top : frame.bottom, frame.left : frame.right]
        cv2.bitwise_not(cover, dst=cover)
        cv2.multiply(region, cover, dst=region, scale=1 / 255.0)
        cv2.add(region, self._rgb[:height, :width], dst=region)

    def mirror(self, frame: Frame, picture: Picture, line: float, strength: float, t: float) -> None:
        """What stands above a line in pixels, upside down below it, rippled in bands."""
        width, height = frame.size
        top = round(line)
        rows = min(height, self._height - top, round(line) - frame.top)
        if rows < 3 or top < 0:
            return
        start = top - frame.top
        rgb, cover = self._rgb[:height, :width], self._cover[:height, :width]
        band = 2 if self._height < 1000 else 4
        for down in range(0, rows, band):
            above = start - down - band
            if above < 0:
                break
            fade = strength * (1 - 0.75 * down / rows)
            slide = round((0.6 + 3.2 * down / rows) * self._height / 360 * math.sin(down * 190 / self._height - t * 3.1))
            self._band(picture, frame, rgb, cover, above, top + down, band, slide, fade)

    def _band(
        self, picture: Picture, frame: Frame, rgb: Picture, cover: Picture, above: int, y: int, band: int, slide: int, fade: float
    ) -> None:
        left, right = max(0, frame.left + slide), min(self._width, frame.right + slide)
        if right - left < 2 or y + band > self._height:
            return
        region = picture[y : y + band, left:right]
        part = slice(left - frame.left - slide, right - frame.left - slide)
        source, mask = rgb[above : above + band, part], cover[above : above + band, part]
        kept = cv2.convertScaleAbs(mask, alpha=-fade, beta=255.0)
        cv2.multiply(region, kept, dst=region, scale=1 / 255.0)
        cv2.scaleAdd(source, fade, region, dst=region)


def _shifted(mask: Picture, aim: tuple[float, float], way: float) -> Picture:
    """A mask as it is found `way` pixels towards the light."""
    matrix = np.array([[1, 0, -aim[0] * way], [0, 1, -aim[1] * way]], np.float32)
    size = (mask.shape[1], mask.shape[0])
    return np.asarray(cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _edge(mask: Picture, aim: tuple[float, float], wide: float) -> Picture:
    """What of a figure borders on the light."""
    return np.asarray(cv2.subtract(mask, _stepped(mask, round(aim[0] * wide), round(aim[1] * wide))), np.uint8)


def _stepped(mask: Picture, across: int, down: int) -> Picture:
    """A mask as it is found so many whole pixels away: OpenCV 5 warps one channel ten times as slowly."""
    height, width = mask.shape
    reach = max(abs(across), abs(down))
    large = cv2.copyMakeBorder(mask, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    return np.asarray(large[reach + down : reach + down + height, reach + across : reach + across + width], np.uint8)


def puff(picture: Picture, shape: Points, tint: Colour, opacity: float) -> None:
    """A soft round of smoke."""
    (left, top), (right, bottom) = shape.min(0), shape.max(0)
    size = max(2, math.ceil((right - left) / 2) * 2)
    x0, y0 = round((left + right) / 2 - size / 2), round((top + bottom) / 2 - size / 2)
    across = slice(max(0, x0), min(picture.shape[1], x0 + size))
    down = slice(max(0, y0), min(picture.shape[0], y0 + size))
    if across.stop - across.start < 2 or down.stop - down.start < 2:
        return
    share = _round(size)[down.start - y0 : down.stop - y0, across.start - x0 : across.stop - x0]
    region = picture[down, across]
    mask = cv2.merge([cv2.convertScaleAbs(share, alpha=opacity)] * 3)
    colour = np.empty_like(region)
    colour[...] = tint.astype(np.uint8)
    cv2.multiply(colour, mask, dst=colour, scale=1 / 255.0)
    cv2.bitwise_not(mask, dst=mask)
    cv2.multiply(region, mask, dst=region, scale=1 / 255.0)
    cv2.add(region, colour, dst=region)


@lru_cache(maxsize=96)
def _round(size: int) -> Picture:
    y, x = np.mgrid[:size, :size].astype(np.float32) - (size - 1) / 2
    share = np.clip((1 - np.hypot(x, y) / (size / 2)) * 2.2, 0, 1)
    return np.asarray(share * share * (3 - 2 * share) * 255, np.uint8)


def shadow(picture: Picture, x: float, y: float, across: float, down: float, ink: Colour, opacity: float) -> None:
    """Where a figure stands: a soft oval, darkest in its middle. Pixels."""
    left, right = max(0, math.floor(x - across)), min(picture.shape[1], math.ceil(x + across))
    top, bottom = max(0, math.floor(y - down)), min(picture.shape[0], math.ceil(y + down))
    if right - left < 4 or bottom - top < 2:
        return
    scale = (128 / (2 * across), 64 / (2 * down))
    matrix = np.array([[1 / scale[0], 0, x - across - left], [0, 1 / scale[1], y - down - top]], np.float32)
    mask = cv2.warpAffine(_oval(), matrix, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    region = picture[top:bottom, left:right]
    keep = cv2.merge([cv2.convertScaleAbs(mask, alpha=-opacity * (1 - float(part) / 255), beta=255.0) for part in ink])
    cv2.multiply(region, keep, dst=region, scale=1 / 255.0)


@lru_cache(maxsize=1)
def _oval() -> Picture:
    y, x = np.mgrid[:64, :128].astype(np.float32)
    distance = np.hypot((x - 63.5) / 64, (y - 31.5) / 32)
    return np.asarray(np.clip(1 - distance, 0, 1) ** 0.9 * 255, np.uint8)


def halo(picture: Picture, shape: Points, tint: Colour, radius: float, strength: float) -> None:
    """The light around a lamp, in pixels."""
    x, y = (shape.min(0) + shape.max(0)) / 2
    glow: Plane = disc(max(2.0, float(round(radius))), 2.0)
    add_glow(picture, (glow[..., None] * (tint * strength)).astype(np.uint8), float(x), float(y))


def inks_of(outlines: Sequence[Outline], lit: Mapping[str, Colour], own: Mapping[str, Colour]) -> list[Colour]:
    """What shines by itself keeps its own colour."""
    return [mix(lit[outline.tint], own[outline.tint], outline.glow) if outline.glow else lit[outline.tint] for outline in outlines]
