"""Anime: ink lines, clear saturated colour in steps, light that blooms, and a flare across the picture."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.kit import Picture
from dustreel.providers.sandbox.looks.small import less
from dustreel.providers.sandbox.scene import Shot

_SHRINK = 4


class Anime:
    def __init__(self, shot: Shot, rng: np.random.Generator) -> None:
        self._shot = shot
        self._thick = max(3, round(shot.height / 240) | 1)
        rows, columns = shot.height // _SHRINK, shot.width // _SHRINK
        x = np.linspace(0, 1, columns, dtype=np.float32)[None]
        y = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
        # Sky light from above, as backgrounds are painted.
        wash = np.clip(1.0 - 1.5 * y, 0, 1)[..., None] * np.array((0, 5, 16), np.float32)
        streak = np.exp(-(((x - 0.25 - 0.35 * y) / 0.10) ** 2)) + 0.6 * np.exp(-(((x - 0.62 - 0.35 * y) / 0.05) ** 2))
        self._streak = np.asarray(
            np.clip((streak * np.clip(1.1 - y, 0, 1))[..., None] * np.array((20, 17, 11), np.float32), 0, 255), np.uint8
        )
        self._wash = np.asarray(np.broadcast_to(wash, (rows, columns, 3)), np.float32).astype(np.uint8)
        self._large: Picture = np.empty((shot.height, shot.width, 3), np.uint8)

    def apply(self, picture: Picture, t: float) -> Picture:
        width, height = self._shot.width, self._shot.height
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        # Lines lie on the dark side of every edge.
        around = cv2.blur(grey, (self._thick, self._thick))
        ink = cv2.convertScaleAbs(less(cv2.subtract(around, grey), 7), alpha=5.0)
        cv2.addWeighted(picture, 1.36, cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), -0.34, 0, dst=picture)
        cv2.subtract(picture, cv2.cvtColor(ink, cv2.COLOR_GRAY2RGB), dst=picture)
        small = cv2.resize(picture, (width // _SHRINK, height // _SHRINK), interpolation=cv2.INTER_LINEAR)
        bright = less(small, 208)
        bloom = cv2.blur(cv2.blur(bright, (15, 15)), (15, 15))
        light = cv2.addWeighted(bloom, 1.0, self._streak, 0.75 + 0.25 * math.sin(t * 0.8), 0)
        cv2.add(light, self._wash, dst=light)
        cv2.resize(light, (width, height), dst=self._large, interpolation=cv2.INTER_LINEAR)
        cv2.add(picture, self._large, dst=picture)
        return picture
