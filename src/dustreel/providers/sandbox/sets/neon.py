"""Letters as glass tubes, with their glow. They flicker when they are switched on, and now and then."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.kit import Camera, Colour, Picture, lettering, smooth
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets.glow import add_soft

# Far glow is blurred at this many pixels of letter height, whatever the picture's size.
_BLUR_ROWS = 60


class Neon:
    def __init__(
        self,
        shot: Shot,
        text: str,
        x: float,
        y: float,
        size: float,
        tint: Colour,
        *,
        depth: float,
        phase: float = 0.0,
        uneasy: bool = False,
    ) -> None:
        """`size` in units. `uneasy`: it stutters, as old tubes do."""
        self.x, self.y, self._depth, self._phase, self._uneasy = x, y, depth, phase, uneasy
        pixels = size * shot.height
        letters = lettering(text, pixels, tracking=0.10).mask
        core = cv2.erode(letters, np.ones((3, 3), np.uint8), iterations=max(1, int(pixels / 34)))
        tube = cv2.GaussianBlur(cv2.subtract(letters, core), (0, 0), pixels * 0.010 + 0.4)
        edge = np.asarray(cv2.convertScaleAbs(tube, alpha=1.5), np.uint8)
        near, far = _spread(edge, pixels, 0.045, 2.2), _spread(edge, pixels, 0.20, 2.6)
        lit = [
            cv2.addWeighted(cv2.addWeighted(near, part * 0.85 / 255, far, part * 0.75 / 255, 0), 1.0, edge, white * 0.95 / 255, 0)
            for part, white in zip((float(part) for part in tint), (255.0, 225.0, 232.0), strict=True)
        ]
        self._lit: Picture = np.asarray(cv2.merge([*lit, edge]), np.uint8)

    def burning(self, t: float) -> float:
        """How bright, 0 to 1."""
        started = t + 0.3 * math.sin(self._phase)
        burning = 1.0 if started > 0.9 else (0.25 + 0.75 * (math.sin(t * 41 + self._phase) > -0.2)) * smooth((started + 0.4) / 0.7)
        if self._uneasy and math.sin(t * 0.9 + self._phase) > 0.72:
            burning *= 0.72 + 0.28 * (math.sin(t * 17 + self._phase) > -0.3)
        return burning * (0.95 + 0.05 * math.sin(t * 23 + self._phase) * math.sin(t * 5))

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        (where,) = camera.see([(self.x, self.y)], self._depth)
        zoom = camera.scale(self._depth) / camera.height
        lit = self._lit
        if zoom > 1.004:
            lit = np.asarray(cv2.resize(lit, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_LINEAR), np.uint8)
        add_soft(picture, lit, where[0], where[1], self.burning(t))


def _spread(edge: Picture, pixels: float, reach: float, gain: float) -> Picture:
    shrink = max(1.0, pixels / _BLUR_ROWS)
    rows, columns = edge.shape
    small = cv2.resize(edge, (max(2, round(columns / shrink)), max(2, round(rows / shrink))), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), pixels * reach / shrink)
    return np.asarray(cv2.convertScaleAbs(cv2.resize(soft, (columns, rows), interpolation=cv2.INTER_LINEAR), alpha=gain), np.uint8)
