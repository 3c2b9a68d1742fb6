"""Banks of fog that pass before everything, thicker below."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Picture, clouds, mix
from dustreel.providers.sandbox.scene import Shot

_ROWS = 90
# How many pictures wide the sheet is; it swings back at its ends.
_LONG = 2.2


class Fog:
    def __init__(self, shot: Shot, light: Light, rng: np.random.Generator, *, amount: float = 0.62) -> None:
        self._columns = max(16, round(_ROWS * shot.aspect))
        self._banks = [
            np.asarray(clouds(_ROWS, round(self._columns * _LONG), rng, octaves=4, cells=2, stretch=shot.aspect * 1.6) * 255, np.uint8)
            for _ in range(2)
        ]
        y = np.linspace(-0.5, 0.5, _ROWS, dtype=np.float32)[:, None]
        thick = (0.34 + 0.66 / (1 + np.exp(-(y - 0.06) * 9))) * (1 - 0.45 * np.clip((y - 0.30) * 5, 0, 1)) * amount
        self._thick = np.asarray(np.broadcast_to(thick * 255, (_ROWS, self._columns)), np.float32).astype(np.uint8)
        self._tint = mix(light.haze, light.horizon, 0.35)
        self._shade: Picture = np.empty((shot.height, shot.width, 3), np.uint8)
        self._tone: Picture = np.empty((shot.height, shot.width, 3), np.uint8)

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        size = (picture.shape[1], picture.shape[0])
        first, second = self._bank(0, 0.030 * t + 0.1, camera), self._bank(1, 0.7 - 0.018 * t, camera)
        both = cv2.addWeighted(first, 0.75, second, 0.75, 0)
        share = cv2.multiply(both, self._thick, scale=1 / 255)
        clear = cv2.merge([cv2.bitwise_not(share)] * 3)
        tone = cv2.merge([cv2.convertScaleAbs(share, alpha=float(part) / 255) for part in self._tint])
        cv2.resize(clear, size, dst=self._shade, interpolation=cv2.INTER_LINEAR)
        cv2.resize(tone, size, dst=self._tone, interpolation=cv2.INTER_LINEAR)
        cv2.multiply(picture, self._shade, dst=picture, scale=1 / 255)
        cv2.add(picture, self._tone, dst=picture)

    def _bank(self, number: int, moved: float, camera: Camera) -> Picture:
        room = self._banks[number].shape[1] - self._columns - 2
        way = (moved + camera.x * 0.5) % 2.0
        left = 1 + room * (way if way < 1 else 2 - way)
        middle = (left + self._columns / 2, _ROWS / 2 + 2.0 * math.sin(moved * 9))
        return np.asarray(cv2.getRectSubPix(self._banks[number], (self._columns, _ROWS), middle), np.uint8)
