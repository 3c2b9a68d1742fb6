"""Styles work on a smaller picture: strokes, grains and layers then look the same at every size, and cost little."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dustreel.providers.sandbox.kit import Picture, Plane, clouds
from dustreel.providers.sandbox.scene import Shot

_LEAST, _MOST = 360, 720


class Small:
    """The size that a style works at."""

    def __init__(self, shot: Shot) -> None:
        self.rows = min(shot.height, max(_LEAST, min(shot.height // 2, _MOST)))
        self.columns = max(2, round(shot.width * self.rows / shot.height))
        self._size = (shot.width, shot.height)
        # Strokes and shadows are measured in units of it.
        self.step = self.rows / 360

    def shrink(self, picture: Picture) -> Picture:
        return np.asarray(cv2.resize(picture, (self.columns, self.rows), interpolation=cv2.INTER_LINEAR), np.uint8)

    def enlarge(self, small: Picture, into: Picture) -> Picture:
        cv2.resize(small, self._size, dst=into, interpolation=cv2.INTER_LINEAR)
        return into

    def texture(self, rng: np.random.Generator, *, fine: float, coarse: float, cells: int = 6) -> Plane:
        """Around 1: fine tooth and coarse blotches, by so much each."""
        noise = rng.normal(0, 1, (self.rows, self.columns)).astype(np.float32)
        tooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.8 * self.step), np.float32)
        tooth = tooth / max(float(tooth.std()), 1e-6)
        blotch = clouds(self.rows, self.columns, rng, octaves=4, cells=cells, stretch=self.columns / self.rows) - 0.5
        return np.asarray(1 + fine * tooth + coarse * 2 * blotch, np.float32)


def as_shade(share: Plane, tint: tuple[float, float, float] = (1, 1, 1)) -> Picture:
    """A texture to multiply by, at 1/255; up to 1."""
    return np.asarray(np.clip(share[..., None] * np.array(tint, np.float32) * 255, 0, 255), np.uint8)


def moved(plane: Picture, across: int, down: int) -> Picture:
    """Shifted by whole pixels; what comes in at the edge repeats it."""
    rows, columns = plane.shape[:2]
    padded = cv2.copyMakeBorder(plane, max(down, 0), max(-down, 0), max(across, 0), max(-across, 0), cv2.BORDER_REPLICATE)
    return np.asarray(padded[max(-down, 0) : max(-down, 0) + rows, max(-across, 0) : max(-across, 0) + columns], np.uint8)


def less(picture: NDArray[Any], amount: float) -> Picture:
    """Every level lower by so much, and none below 0."""
    return np.asarray(cv2.subtract(picture, np.full(4, amount, np.float64)), np.uint8)
