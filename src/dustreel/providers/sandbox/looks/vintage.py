"""Vintage film: faded warm colours, an uneasy gate, flicker, scratches, hairs, and rounded corners."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.kit import Picture
from dustreel.providers.sandbox.scene import Shot

# Old cameras were cranked slowly: dirt changes at this rate.
_FPS = 16
# Red, green and blue of what is seen: mostly grey, toned like sepia, with a little of its own colour left; dark lifted, light dulled.
_TONE = np.array([[0.52, 0.42, 0.10, 22.0], [0.26, 0.56, 0.08, 13.0], [0.20, 0.34, 0.22, 10.0]], np.float64)


class Vintage:
    def __init__(self, shot: Shot, rng: np.random.Generator) -> None:
        self._shot = shot
        self._seed = int(rng.integers(1 << 30))
        x = np.linspace(-1, 1, shot.width, dtype=np.float32)[None]
        y = np.linspace(-1, 1, shot.height, dtype=np.float32)[:, None]
        frame = np.clip((1.0 - (np.abs(x) ** 7 + np.abs(y) ** 7)) * 9, 0, 1)
        shade = np.clip(1.12 - 0.44 * (x**2 + y**2) ** 0.95, 0.22, 1) * frame
        self._frame = np.asarray(np.clip(shade[..., None] * np.array((255, 246, 228), np.float32), 0, 255), np.uint8)
        self._scratches = rng.uniform((0.05, 0, 0.5), (0.95, 6.28, 1.4), (3, 3))
        self._work: Picture = np.empty((shot.height, shot.width, 3), np.uint8)

    def apply(self, picture: Picture, t: float) -> Picture:
        number = int(t * _FPS + 1e-6)
        rng = np.random.default_rng((self._seed, number))
        flicker = 1.0 + 0.05 * (rng.random() - 0.5) + 0.03 * math.sin(t * 7.3)
        cv2.transform(picture, _TONE * flicker, dst=self._work)
        down, across = int(rng.integers(-1, 2)), int(rng.integers(-1, 2))
        step = max(1, round(self._shot.height / 540))
        self._shift(picture, down * step, across * step)
        self._dirt(picture, rng, t)
        cv2.multiply(picture, self._frame, dst=picture, scale=1 / 255)
        return picture

    def _shift(self, picture: Picture, down: int, across: int) -> None:
        """The film sits a little differently in the gate at every frame."""
        height, width = picture.shape[:2]
        y0, x0 = max(down, 0), max(across, 0)
        rows, columns = height - abs(down), width - abs(across)
        if down or across:
            picture[...] = self._work
        picture[y0 : y0 + rows, x0 : x0 + columns] = self._work[
            max(-down, 0) : max(-down, 0) + rows, max(-across, 0) : max(-across, 0) + columns
        ]

    def _dirt(self, picture: Picture, rng: np.random.Generator, t: float) -> None:
        height, width = picture.shape[:2]
        thin = max(1, round(height / 900))
        for x, phase, pace in self._scratches:
            if math.sin(t * pace + phase) < 0.15:
                continue
            left = int((x + 0.004 * math.sin(t * 3 + phase) + 0.002 * rng.normal()) * width)
            tone = (214, 200, 170) if phase > 3 else (52, 40, 30)
            strip = picture[:, max(0, left) : left + thin]
            strip[...] = (strip * 0.55 + np.array(tone) * 0.45).astype(np.uint8)
        for _ in range(int(rng.integers(2, 7))):
            centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
            radius = max(1, round(height * rng.uniform(0.0012, 0.0042)))
            tone = (232, 222, 196) if rng.random() < 0.4 else (38, 28, 20)
            cv2.ellipse(
                picture, centre, (radius, max(1, round(radius * rng.uniform(0.4, 1)))), rng.uniform(0, 180), 0, 360, tone, -1, cv2.LINE_AA
            )
        if rng.random() < 0.22:
            start = rng.uniform((0.1, 0.1), (0.9, 0.9)) * (width, height)
            bend = np.cumsum(rng.normal(0, height * 0.008, (9, 2)) + rng.normal(0, height * 0.006, 2), axis=0)
            cv2.polylines(picture, [np.round(start + bend).astype(np.int32)], False, (40, 30, 22), thin, cv2.LINE_AA)
