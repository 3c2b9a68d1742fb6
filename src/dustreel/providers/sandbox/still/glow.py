"""The light on a picture: what it would do to what stands in it, a sheen that wanders, dust that shines."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Picture, Plane, add_glow, disc, mix, smooth
from dustreel.providers.sandbox.scene import Shot

# A sheen is smooth: this fraction of the size is enough.
_SHRINK = 16
_MOTES, _SPARKS = 40, 70
_WARM = np.array((255, 238, 210), np.float32)
_GREYS = np.array((0.299, 0.587, 0.114), np.float32)


def light_of(small: Picture) -> Light:
    """A light by which weather fits into the picture."""
    third = max(1, small.shape[0] // 3)
    zenith, middle, horizon = (
        np.asarray(part.reshape(-1, 3).mean(0), np.float32) for part in (small[:third], small[third:-third], small[-third:])
    )
    greys = small.reshape(-1, 3).astype(np.float32) @ _GREYS
    shine = np.asarray(small.reshape(-1, 3)[greys >= np.percentile(greys, 97)].mean(0), np.float32)
    ink = np.asarray(small.reshape(-1, 3)[greys <= np.percentile(greys, 5)].mean(0), np.float32)
    row, column = np.unravel_index(int(cv2.GaussianBlur(greys.reshape(small.shape[:2]), (0, 0), 8).argmax()), small.shape[:2])
    exposure = float(greys.mean()) / 255
    return Light(
        zenith=zenith,
        middle=middle,
        horizon=horizon,
        shine=shine,
        key=mix(shine, np.full(3, 255, np.float32), 0.4),
        fill=zenith,
        ink=ink,
        haze=mix(middle, shine, 0.35),
        exposure=min(1.0, 0.25 + exposure),
        sun=((float(column) / small.shape[1] - 0.5) * small.shape[1] / small.shape[0], float(row) / small.shape[0] - 0.5),
        dark=exposure < 0.33,
    )


class Sheen:
    def __init__(self, shot: Shot, small: Picture, rng: np.random.Generator, *, sparkling: bool) -> None:
        self._shot, self._sparkling = shot, sparkling
        rows, columns = math.ceil(shot.height / _SHRINK), math.ceil(shot.width / _SHRINK)
        y, x = np.mgrid[:rows, :columns].astype(np.float32)
        self._where: Plane = np.asarray(x / columns + 0.45 * y / rows, np.float32)
        # The darker the picture, the more.
        self._strength = 24 * (1 - float(small.mean()) / 255) ** 1.2
        self._light = np.empty((shot.height, shot.width, 3), np.uint8)
        count = _SPARKS if sparkling else _MOTES
        self._motes = rng.uniform((0, 0, 0.5, 0, 0.2), (1, 1, 1.6, 2 * math.pi, 1), (count, 5))
        self._sprites = [self._sprite(size) for size in np.linspace(0.5, 1.6, 5)]

    def draw(self, picture: Picture, t: float) -> None:
        distance = self._where - (-0.35 + 1.9 * smooth(t / self._shot.seconds * 0.96 + 0.02))
        light = np.exp(-((distance / 0.34) ** 2)) * self._strength
        warm = cv2.merge([light, light * 0.86, light * 0.62]).astype(np.uint8)
        cv2.resize(warm, (self._shot.width, self._shot.height), dst=self._light)
        cv2.add(picture, self._light, dst=picture)
        width, height = self._shot.width, self._shot.height
        for x, y, depth, phase, brightness in self._motes:
            across = (x + 0.012 * t * depth + 0.012 * math.sin(t * 0.5 + phase)) % 1 * width
            down = (y - 0.010 * t * depth + 0.010 * math.sin(t * 0.7 + phase * 2)) % 1 * height
            # Dust glimmers slowly; a spark is dark for most of its time.
            shining = max(0.0, math.sin(t * 2.1 + phase)) ** 6 if self._sparkling else 0.35 + 0.65 * math.sin(t * 0.9 + phase) ** 2
            self._shine(picture, across, down, depth, shining * brightness)

    def _shine(self, picture: Picture, x: float, y: float, depth: float, brightness: float) -> None:
        steps = self._sprites[min(4, int((depth - 0.5) / 1.1 * 5))]
        number = int(brightness * len(steps))
        if number:
            add_glow(picture, steps[min(number, len(steps)) - 1], x, y)

    def _sprite(self, size: float) -> list[Picture]:
        """A mote in eight brightnesses, or a spark with its rays."""
        short = min(self._shot.width, self._shot.height)
        if not self._sparkling:
            glow = disc(max(2.0, short * 0.0042 * size), 1.4)
        else:
            radius = max(4.0, short * 0.014 * size)
            y, x = np.mgrid[: int(radius) * 2 + 1, : int(radius) * 2 + 1].astype(np.float32) - int(radius)
            x, y = np.abs(x) / radius, np.abs(y) / radius
            rays = np.maximum(np.exp(-x * 3.2 - y * 26), np.exp(-y * 3.2 - x * 26))
            glow = np.clip(rays + 0.8 * disc(radius, 4.0), 0, 1) * disc(radius, 0.5)
        strength = 1.0 if self._sparkling else 0.30
        return [np.asarray(glow[..., None] * (_WARM * (strength * step / 8)), np.uint8) for step in range(1, 9)]
