"""Paper cut-out: flat layers of coloured card, each with a pale cut edge and a soft shadow on what lies beneath."""

import cv2
import numpy as np

from dustreel.providers.sandbox.kit import Picture
from dustreel.providers.sandbox.looks.small import Small, as_shade, moved
from dustreel.providers.sandbox.scene import Shot


class Paper:
    def __init__(self, shot: Shot, rng: np.random.Generator) -> None:
        self._small = small = Small(shot)
        fibre = small.texture(rng, fine=0.016, coarse=0.03, cells=9)
        self._card = as_shade(np.clip(fibre * 0.95, 0, 1))
        self._drop = max(2, round(4 * small.step))

    def apply(self, picture: Picture, t: float) -> Picture:
        small = cv2.medianBlur(cv2.medianBlur(self._small.shrink(picture), 5), 3)
        # Forty levels a step: gradients become sheets that lie on one another.
        flat = cv2.convertScaleAbs(cv2.convertScaleAbs(small, alpha=1 / 40.0), alpha=40)
        flat = cv2.add(flat, np.array((20, 20, 20, 0), np.float64))
        level = np.asarray(cv2.medianBlur(cv2.cvtColor(flat, cv2.COLOR_RGB2GRAY), 3), np.uint8)
        # Light comes from the upper left, and what is brighter lies higher.
        shadow = cv2.subtract(cv2.max(moved(level, self._drop, self._drop), moved(level, self._drop // 2, self._drop)), level)
        shadow = cv2.blur(
            cv2.convertScaleAbs(cv2.threshold(shadow, 70, 0, cv2.THRESH_TRUNC)[1], alpha=1.05), (self._drop + 2, self._drop + 2)
        )
        edge = cv2.subtract(level, cv2.erode(level, np.ones((2, 2), np.uint8)))
        edge = cv2.threshold(cv2.convertScaleAbs(edge, alpha=0.9), 46, 0, cv2.THRESH_TRUNC)[1]
        cv2.subtract(flat, cv2.cvtColor(shadow, cv2.COLOR_GRAY2RGB), dst=flat)
        cv2.add(flat, cv2.cvtColor(edge, cv2.COLOR_GRAY2RGB), dst=flat)
        cv2.multiply(flat, self._card, dst=flat, scale=1 / 242)
        return self._small.enlarge(np.asarray(flat, np.uint8), picture)
