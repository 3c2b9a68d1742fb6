"""Clouds: heaped ones with lit heads and flat feet in fair weather, a torn deck in foul."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Picture, Plane, clouds, mix
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets.light import luma, sun_is_seen
from dustreel.providers.sandbox.sets.plate import lay
from dustreel.providers.sandbox.storyboard import Hour, Storyboard, Weather

_DEPTH = 0.16
# How far past the picture's sides the sheet reaches, in units: what drifts in during the longest video.
_SPARE = 0.42


class Deck:
    def __init__(self, shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator, unit: float) -> None:
        """`unit`: pixels of the small sky to a unit."""
        self._unit = unit
        self._speed = (0.024 if Weather.WIND in storyboard.weather or Weather.STORM in storyboard.weather else 0.009) * (
            1 if storyboard.seed & 4 else -1
        )
        across = shot.aspect / 2 + _SPARE
        self._rows, self._columns = round(unit * 1.16), round(2 * across * unit)
        x = np.linspace(-across, across, self._columns, dtype=np.float32)[None]
        y = np.linspace(-0.58, 0.58, self._rows, dtype=np.float32)[:, None]
        cover, bright = (
            self._heaps(x, y, storyboard, rng) if sun_is_seen(storyboard) else _torn(self._rows, self._columns, y, shot.aspect, rng)
        )
        head, foot = _tones(light, storyboard)
        tone = foot + (head - foot) * np.clip(bright, 0, 1)[..., None]
        colour = np.asarray(np.clip(tone * cover[..., None], 0, 255), np.uint8)
        self._sheet = np.dstack([colour, np.asarray((1 - cover) * 255, np.uint8)])

    def draw(self, small: Picture, camera: Camera, t: float, flash: float) -> None:
        rows, columns = small.shape[:2]
        zoom = 1 + (camera.zoom - 1) * _DEPTH
        left = self._columns / 2 - columns / 2 / zoom + (camera.x * _DEPTH - self._speed * t) * self._unit
        top = self._rows / 2 - self._unit / 2 / zoom + camera.y * _DEPTH * self._unit
        matrix = np.array([[1 / zoom, 0, left], [0, 1 / zoom, top]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(self._sheet, matrix, (columns, rows), flags=flags, borderMode=cv2.BORDER_REFLECT)
        lay(small, np.asarray(moved, np.uint8))
        if flash > 0.02:
            cv2.convertScaleAbs(small, dst=small, alpha=1 + 0.8 * flash, beta=26 * flash)

    def _heaps(self, x: Plane, y: Plane, storyboard: Storyboard, rng: np.random.Generator) -> tuple[Plane, Plane]:
        many = Weather.CLOUDS in storyboard.weather
        count = 17 if many else 3 if storyboard.hour is Hour.NIGHT else 7
        cover, bright = np.zeros((self._rows, self._columns), np.float32), np.zeros((self._rows, self._columns), np.float32)
        across = self._columns / self._unit / 2
        for number in range(count):
            # Evenly spread with some chance, so that no seed leaves the sky bare on one side.
            middle = -across + 2 * across * ((number + rng.uniform(0.1, 0.9)) / count)
            foot = float(rng.uniform(-0.30, 0.06))
            size = float(rng.uniform(0.55, 1.15)) * (0.35 + 1.1 * np.clip(0.16 - foot, 0, 0.46) / 0.46) * (1.25 if many else 1.0)
            _heap(cover, bright, self._unit, middle, foot, size, rng)
        wisps = clouds(self._rows, self._columns, rng, octaves=5, cells=2, stretch=0.9)
        streaks = np.clip(wisps - 0.52, 0, 1) * 1.5 * np.exp(-(((y + 0.28) / 0.26) ** 2)) * (0.8 if many else 0.5)
        total = np.maximum(cover, streaks)
        shade = np.where(cover > 0.02, bright / np.maximum(cover, 0.02), 0.85)
        return np.asarray(np.clip(total, 0, 1), np.float32), np.asarray(np.maximum(shade, 0.85 * (streaks > cover)), np.float32)


def _heap(cover: Plane, bright: Plane, unit: float, middle: float, foot: float, size: float, rng: np.random.Generator) -> None:
    """Balls on a line, the largest in the middle, each lit from above."""
    half = 0.17 * size
    for number in range(13):
        share = number / 12 * 2 - 1
        radius = (0.030 + 0.052 * (1 - share * share)) * size * rng.uniform(0.75, 1.15)
        cx, cy = middle + share * half + rng.normal(0, 0.01), foot - radius * rng.uniform(0.25, 0.9) * (1.25 - abs(share))
        rows, columns = cover.shape
        ball(cover, bright, cx * unit + columns / 2, cy * unit + rows / 2, radius * unit, foot * unit + rows / 2)


def ball(cover: Plane, bright: Plane, x: float, y: float, radius: float, foot: float = math.inf) -> None:
    """A soft ball, lit from above, in pixels; cut flat at its `foot`."""
    rows, columns = cover.shape
    reach = radius * 1.15
    x0, y0 = max(int(x - reach), 0), max(int(y - reach), 0)
    x1, y1 = min(int(x + reach) + 2, columns), min(int(y + reach) + 2, rows)
    if x1 <= x0 or y1 <= y0:
        return
    across = (np.arange(x0, x1, dtype=np.float32)[None] - x) / radius
    down = np.arange(y0, y1, dtype=np.float32)[:, None]
    dy = (down - y) / radius
    inside = np.clip((1 - np.hypot(across, dy)) * 3.2 + 0.2, 0, 1)
    flat = np.clip((foot - down) * 0.15 + 0.5, 0, 1)
    share = (inside * flat * 0.96).astype(np.float32)
    lit = np.clip(0.62 - 0.45 * dy - 0.10 * across, 0.05, 1)
    region, tone = cover[y0:y1, x0:x1], bright[y0:y1, x0:x1]
    tone[...] = tone * (1 - share) + lit * share
    region[...] = region + share * (1 - region)


def _torn(rows: int, columns: int, y: Plane, aspect: float, rng: np.random.Generator) -> tuple[Plane, Plane]:
    stretch = max(1.0, columns / rows * 0.55)
    first = clouds(rows, columns, rng, octaves=6, cells=3, stretch=stretch)
    second = clouds(rows, columns, rng, octaves=5, cells=2, stretch=stretch)
    high = np.clip(0.24 - y, 0, 1)
    cover = np.clip((first - 0.26) * 2.6, 0, 1) * np.clip(high * 2.4, 0, 0.92)
    return np.asarray(cover, np.float32), np.asarray(np.clip(second * 1.5 - first * 0.6 + 0.25 * y + 0.1, 0, 1), np.float32)


def _tones(light: Light, storyboard: Storyboard) -> tuple[Plane, Plane]:
    """Of lit heads and shaded feet."""
    if not sun_is_seen(storyboard):
        return mix(light.horizon, light.shine, 0.25), mix(light.zenith, light.ink, 0.35)
    if storyboard.hour is Hour.NIGHT:
        return mix(light.horizon, light.shine, 0.22), mix(light.zenith, light.middle, 0.8)
    if storyboard.hour is Hour.DAY:
        return mix(light.shine, light.horizon, 0.08), mix(light.middle, light.horizon, 0.45)
    head = mix(light.horizon, light.shine, 0.45)
    foot = mix(light.middle, light.zenith, 0.35)
    return head, foot * np.float32(1.0 if luma(foot) > 40 else 1.3)
