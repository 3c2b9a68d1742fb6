"""Claymation: rounded forms that catch a lamp from one side, thumb prints in the clay, and the small jitter of frames set by hand."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.kit import Picture, Plane, clouds
from dustreel.providers.sandbox.looks.small import Small, less, moved
from dustreel.providers.sandbox.scene import Shot

# Stop motion is shot on twos, and the surface changes with every setting.
_SETTINGS = 12
_SPARE = 24


class Clay:
    def __init__(self, shot: Shot, rng: np.random.Generator) -> None:
        self._small = small = Small(shot)
        rows, columns = small.rows + _SPARE, small.columns + _SPARE
        self._prints = np.asarray(np.clip(128 + 15 * _thumbs(rows, columns, rng, small.step), 0, 255), np.uint8)
        self._seed = int(rng.integers(1 << 30))
        self._round = max(3, round(5 * small.step) | 1)

    def apply(self, picture: Picture, t: float) -> Picture:
        small = cv2.medianBlur(cv2.medianBlur(self._small.shrink(picture), 5), 5)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        soft = np.asarray(cv2.blur(grey, (self._round, self._round)), np.uint8)
        step = max(1, round(1.5 * self._small.step))
        # What faces the lamp at the upper left is brighter, what turns away darker: 128 is flat.
        relief = cv2.addWeighted(moved(soft, -step, -step), 1.5, moved(soft, step, step), -1.5, 128)
        setting = int(t * _SETTINGS + 1e-6)
        x, y = (setting * 7 + self._seed) % _SPARE, (setting * 13 + self._seed // 64) % _SPARE
        prints = self._prints[y : y + self._small.rows, x : x + self._small.columns]
        relief = cv2.addWeighted(relief, 1.0, prints, 1.0, -128)
        # Clay is coloured through and through: more colour, no deep black.
        solid = cv2.addWeighted(small, 1.24, cv2.cvtColor(soft, cv2.COLOR_GRAY2RGB), -0.30, 22)
        solid = cv2.addWeighted(solid, 1.0, cv2.cvtColor(relief, cv2.COLOR_GRAY2RGB), 0.85, -109)
        gloss = cv2.convertScaleAbs(less(relief, 168), alpha=0.9)
        cv2.add(solid, cv2.cvtColor(gloss, cv2.COLOR_GRAY2RGB), dst=solid)
        return self._small.enlarge(np.asarray(solid, np.uint8), picture)


def _thumbs(rows: int, columns: int, rng: np.random.Generator, step: float) -> Plane:
    """Whorls of fine ridges, each print with its own direction, and dents between them; around 0."""
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    found = (clouds(rows, columns, rng, octaves=5, cells=7, stretch=columns / rows) - 0.5) * 2.2
    for _ in range(26):
        cx, cy, size = rng.uniform(0, columns), rng.uniform(0, rows), rng.uniform(16, 30) * step
        turn = rng.uniform(0, math.pi)
        dx, dy = (x - cx) * math.cos(turn) + (y - cy) * math.sin(turn), -(x - cx) * math.sin(turn) + (y - cy) * math.cos(turn)
        whorl = np.hypot(dx * 0.8, dy + 0.3 * size)
        found += np.sin(whorl / (1.25 * step)) * np.exp(-((dx / size) ** 2 + (dy / (0.75 * size)) ** 2) * 1.5) * 0.75
    return np.asarray(found, np.float32)
