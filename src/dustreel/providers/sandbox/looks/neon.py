"""Neon: the world sunk in violet dark, its edges drawn in glowing tubes whose colour runs across the picture."""

import colorsys
import math

import cv2
import numpy as np

from dustreel.providers.sandbox.kit import Picture
from dustreel.providers.sandbox.looks.small import Small, less
from dustreel.providers.sandbox.scene import Shot

# Down to violet and blue, with little of the green left.
_NIGHT = np.array([[0.40, 0.06, 0.06, 6.0], [0.02, 0.22, 0.06, 0.0], [0.12, 0.10, 0.50, 16.0]], np.float64)


class NeonLook:
    def __init__(self, shot: Shot, rng: np.random.Generator) -> None:
        self._small = small = Small(shot)
        # Twice as wide as seen, so that the colours can run along.
        share = np.linspace(0, 2, small.columns * 2)
        hues = 0.83 + 0.30 * np.sin(share * math.pi * 2 / 1.0 + float(rng.uniform(0, 6.28))) * 0.9 - 0.14
        row = np.array([colorsys.hsv_to_rgb(float(hue) % 1, 0.86, 1.0) for hue in hues], np.float32) * 255
        self._tints = np.ascontiguousarray(np.broadcast_to(row.astype(np.uint8), (small.rows, small.columns * 2, 3)))
        self._large: Picture = np.empty((shot.height, shot.width, 3), np.uint8)

    def apply(self, picture: Picture, t: float) -> Picture:
        small = self._small
        grey = cv2.blur(cv2.cvtColor(small.shrink(picture), cv2.COLOR_RGB2GRAY), (3, 3))
        edge = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        tube = cv2.convertScaleAbs(less(edge, 10), alpha=5.5)
        size = (small.columns // 3, small.rows // 3)
        far = cv2.resize(tube, size, interpolation=cv2.INTER_AREA)
        far = cv2.resize(cv2.blur(cv2.blur(far, (7, 7)), (7, 7)), (small.columns, small.rows), interpolation=cv2.INTER_LINEAR)
        burning = cv2.addWeighted(cv2.blur(tube, (3, 3)), 0.80, far, 0.85 + 0.10 * math.sin(t * 2.1), 0)
        left = int((t * 0.05 % 1.0) * small.columns)
        light = cv2.multiply(cv2.cvtColor(burning, cv2.COLOR_GRAY2RGB), self._tints[:, left : left + small.columns], scale=1 / 255)
        # The heart of a tube is nearly white.
        heart = cv2.convertScaleAbs(less(tube, 150), alpha=0.8)
        cv2.add(light, cv2.cvtColor(heart, cv2.COLOR_GRAY2RGB), dst=light)
        cv2.transform(picture, _NIGHT, dst=self._large)
        small.enlarge(np.asarray(light, np.uint8), picture)
        cv2.add(picture, self._large, dst=picture)
        return picture
