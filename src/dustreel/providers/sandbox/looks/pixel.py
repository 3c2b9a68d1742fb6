"""Pixel art: large square pixels in few colours, ordered dither between them."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from dustreel.providers.sandbox.kit import Picture, colour
from dustreel.providers.sandbox.scene import Shot

# How many pixels the shorter side has.
_SHORT = 132
_PALETTE = (
    "#181425 #262b44 #3a4466 #5a6988 #8b9bb4 #c0cbdc #ffffff #3e2731 #733e39 #b86f50 #d77643 #e4a672 #ead4aa #be4a2f "
    "#a22633 #e43b44 #f77622 #feae34 #fee761 #63c74d #3e8948 #265c42 #193c3e #124e89 #0099db #2ce8f5 #68386c #b55088 "
    "#f6757a #e8b796 #c28569 #ff4f8b #0b0b1a #0f2350 #1f4f9f #3f7fd0 #7fb8e8 #bfe3f5 #2a1b4d #5a3f86 #8f5fa8 #d98aa0 "
    "#ffc9a0 #fff0c8 #a8d878 #5c4a3a #8a7a6a #1a3328"
)
_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32) / 16 - 0.47
# How far apart, in levels, two colours may be that are dithered into each other.
_SPREAD = 15.0


class Pixel:
    def __init__(self, shot: Shot, rng: np.random.Generator) -> None:
        self._size = max(2, round(min(shot.width, shot.height) / _SHORT))
        self._rows, self._columns = -(-shot.height // self._size), -(-shot.width // self._size)
        tiles = np.tile(_BAYER, (-(-self._rows // 4), -(-self._columns // 4)))[: self._rows, : self._columns]
        offset = np.round(tiles * _SPREAD).astype(np.int16)
        self._up = cv2.merge([np.maximum(offset, 0).astype(np.uint8)] * 3)
        self._down = cv2.merge([np.maximum(-offset, 0).astype(np.uint8)] * 3)
        self._table = _table()
        self._full: Picture = np.empty((self._rows * self._size, self._columns * self._size, 3), np.uint8)

    def apply(self, picture: Picture, t: float) -> Picture:
        height, width = picture.shape[:2]
        half = cv2.resize(picture, (self._columns * 2, self._rows * 2), interpolation=cv2.INTER_LINEAR)
        small = cv2.resize(half, (self._columns, self._rows), interpolation=cv2.INTER_AREA)
        # A little more contrast and colour, as a palette would be chosen.
        cv2.addWeighted(small, 1.16, cv2.blur(small, (5, 5)), -0.12, -3, dst=small)
        cv2.subtract(cv2.add(small, self._up), self._down, dst=small)
        parts = small.astype(np.int32) >> 3
        chosen = self._table[(parts[..., 0] << 10) | (parts[..., 1] << 5) | parts[..., 2]]
        cv2.resize(chosen, (self._full.shape[1], self._full.shape[0]), dst=self._full, interpolation=cv2.INTER_NEAREST)
        picture[...] = self._full[:height, :width]
        return picture


@lru_cache(maxsize=1)
def _table() -> NDArray[np.uint8]:
    """The palette's nearest for each of 32 768 colours, as the eye sees nearness."""
    palette = np.array([colour(code) for code in _PALETTE.split()], np.float32)
    steps = np.arange(32, dtype=np.float32) * 8 + 4
    every = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 1, 3)
    lab = cv2.cvtColor(every / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    own = cv2.cvtColor(palette.reshape(-1, 1, 3) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    nearest = np.argmin((lab**2).sum(1)[:, None] - 2 * lab @ own.T + (own**2).sum(1)[None], axis=1)
    return np.asarray(palette[nearest], np.uint8)
