"""Watercolour: washes that run together, pigment that pools at edges and settles in the paper's tooth, a white border left unpainted."""

import cv2
import numpy as np

from dustreel.providers.sandbox.kit import Picture, clouds
from dustreel.providers.sandbox.looks.small import Small, as_shade
from dustreel.providers.sandbox.scene import Shot

_PAPER = (252.0, 248.0, 238.0)


class Watercolour:
    def __init__(self, shot: Shot, rng: np.random.Generator) -> None:
        self._small = small = Small(shot)
        tooth = small.texture(rng, fine=0.022, coarse=0.12, cells=5)
        self._paper = as_shade(np.clip(tooth * 0.95, 0, 1))
        rows, columns = small.rows, small.columns
        wander = clouds(rows, columns, rng, octaves=5, cells=4, stretch=columns / rows) - 0.5
        x = np.linspace(-shot.aspect / 2, shot.aspect / 2, columns, dtype=np.float32)[None]
        y = np.linspace(-0.5, 0.5, rows, dtype=np.float32)[:, None]
        # How far inside the painted field: its edge wanders, and brush ends stick out at the sides.
        inside = np.minimum(shot.aspect / 2 - np.abs(x), 0.5 - np.abs(y)) - 0.030 + wander * 0.075
        inside += 0.006 * np.sin(y * 47 + 40 * wander) * (np.abs(x) > shot.aspect / 2 - 0.12)
        field = np.clip(inside * 90, 0, 1)
        # Pigment gathers where a wash ends.
        rim = np.exp(-((inside / 0.010) ** 2)) * 0.26 * field
        self._field = as_shade(np.asarray(field * (1 - rim), np.float32))
        self._bare = np.asarray(
            np.clip((1 - field)[..., None] * np.array(_PAPER, np.float32) * np.clip(tooth, 0.9, 1.0)[..., None], 0, 255), np.uint8
        )
        bleed = [clouds(rows, columns, rng, octaves=4, cells=14, stretch=columns / rows) - 0.5 for _ in range(2)]
        across, down = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
        reach = 7.0 * small.step
        self._map_x, self._map_y = cv2.convertMaps(across + bleed[0] * reach, down + bleed[1] * reach, cv2.CV_16SC2, nninterpolation=True)

    def apply(self, picture: Picture, t: float) -> Picture:
        small = self._small.shrink(picture)
        bled = cv2.remap(small, self._map_x, self._map_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT)
        small = np.asarray(cv2.medianBlur(cv2.medianBlur(bled, 3), 5), np.uint8)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        edge = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        edge = cv2.blur(edge, (3, 3))
        wash = cv2.convertScaleAbs(small, alpha=0.90, beta=40)
        cv2.subtract(wash, cv2.cvtColor(cv2.convertScaleAbs(edge, alpha=0.62), cv2.COLOR_GRAY2RGB), dst=wash)
        cv2.multiply(wash, self._paper, dst=wash, scale=1 / 242)
        cv2.multiply(wash, self._field, dst=wash, scale=1 / 255)
        cv2.add(wash, self._bare, dst=wash)
        return self._small.enlarge(np.asarray(wash, np.uint8), picture)
