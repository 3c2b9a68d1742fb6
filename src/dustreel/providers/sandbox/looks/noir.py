"""Film noir: black and white with hard contrast, glowing lights, and the shadow of a blind that wanders across."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.kit import Picture, smooth
from dustreel.providers.sandbox.looks.small import less
from dustreel.providers.sandbox.scene import Shot

_SHRINK = 4


class Noir:
    def __init__(self, shot: Shot, rng: np.random.Generator) -> None:
        self._shot = shot
        level = np.arange(256) / 255
        # Dark stays dark, the middle is steep, and highlights glow.
        curve = np.array([smooth(float(v) * 1.22 - 0.02) * 0.60 + float(v) ** 0.62 * 0.40 for v in level])
        self._curve = np.asarray(np.clip(curve * 248 + 4, 0, 255), np.uint8)
        rows, columns = shot.height, shot.width
        x = np.linspace(-shot.aspect / 2, shot.aspect / 2, columns, dtype=np.float32)[None]
        y = np.linspace(-0.5, 0.5, rows, dtype=np.float32)[:, None]
        corner = np.clip(1.10 - 0.72 * ((x / max(0.9, shot.aspect / 2 + 0.2)) ** 2 + (y / 0.66) ** 2), 0.20, 1)
        self._vignette = np.asarray(corner * 255, np.uint8)
        slats = y + 0.16 * x
        blind = np.clip(1.5 * np.sin(slats * 42) + 0.7, 0, 1)
        near = np.exp(-(((x - 0.30 * shot.aspect) / 0.55) ** 2)) * np.clip((0.55 - y) * 2, 0, 1)
        self._blind = np.asarray((1 - 0.34 * (1 - blind) * near) * 255, np.uint8)

    def apply(self, picture: Picture, t: float) -> Picture:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        grey = cv2.LUT(grey, self._curve)
        small = cv2.resize(grey, (self._shot.width // _SHRINK, self._shot.height // _SHRINK), interpolation=cv2.INTER_LINEAR)
        bright = cv2.blur(cv2.convertScaleAbs(less(small, 150), alpha=0.85), (9, 9))
        glow = cv2.blur(bright, (17, 17))
        # The blind is far out of focus, and moves as slowly as clouds do.
        shift = round(self._shot.height * 0.010 * math.sin(t * 0.5))
        blind = self._blind if shift == 0 else np.roll(self._blind, shift, axis=0)
        cv2.multiply(grey, blind, dst=grey, scale=1 / 255)
        cv2.multiply(grey, self._vignette, dst=grey, scale=(1.0 + 0.015 * math.sin(t * 11) * math.sin(t * 3.1)) / 255)
        cv2.add(grey, cv2.resize(glow, (self._shot.width, self._shot.height), interpolation=cv2.INTER_LINEAR), dst=grey)
        cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB, dst=picture)
        return picture
