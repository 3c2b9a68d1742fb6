"""For prompts in which nothing is recognised: slow veils of light whose colours and rhythm follow the words."""

import colorsys
import math

import cv2
import numpy as np

from dustreel.providers.sandbox.finish import Finish
from dustreel.providers.sandbox.kit import Colour, Picture, Plane, clouds
from dustreel.providers.sandbox.scene import Shot

# Veils are soft: drawn small and enlarged they look the same and cost a ninth.
SHRINK = 3
VEILS = 5


class Abstract:
    def __init__(self, shot: Shot) -> None:
        self._shot = shot
        rng = np.random.default_rng(shot.seed)
        self._finish = Finish(shot, rng)
        self._width, self._height = max(2, shot.width // SHRINK), max(2, shot.height // SHRINK)
        self._colours = _palette(rng)
        # Plain numbers: one of NumPy's would make every plane that it touches twice as large.
        self._speed = float(rng.uniform(0.5, 1.1))
        self._turns: list[float] = rng.uniform(-1, 1, VEILS).tolist()
        self._phases: list[float] = rng.uniform(0, 2 * math.pi, VEILS).tolist()
        y, x = np.mgrid[: self._height, : self._width].astype(np.float32)
        self._x: Plane = (x - self._width / 2) / self._height
        self._y: Plane = (y - self._height / 2) / self._height
        self._warp = [clouds(self._height, self._width, rng, octaves=4, cells=2, stretch=shot.aspect) - 0.5 for _ in range(2)]

    def frame(self, t: float) -> Picture:
        flow = 0.15 * t * self._speed
        drift = 0.0 if self._shot.camera_fixed else 0.06 * math.sin(0.4 * t)
        # A base that falls from the first colour to the second.
        fall = np.clip(self._y + 0.5 + 0.35 * self._warp[0], 0, 1)[..., None]
        picture = self._colours[0] * (1 - fall) + self._colours[1] * fall
        for number in range(VEILS):
            turn = self._turns[number]
            along = self._x * math.cos(turn) + self._y * math.sin(turn) + drift
            across = -self._x * math.sin(turn) + self._y * math.cos(turn)
            wave = 0.22 * np.sin(2.4 * along + self._phases[number] + flow * (2 + number)) + 0.5 * self._warp[number % 2]
            centre = 0.5 * math.sin(self._phases[number] * 1.7 + 0.3 * flow * (number + 1))
            light = np.exp(-(((across + wave - centre) / (0.10 + 0.04 * number)) ** 2))
            shimmer = 0.75 + 0.25 * np.sin(9 * along + 1.6 * t * self._speed + self._phases[number])
            picture = picture + self._colours[2 + number % 3] * (0.42 * light * shimmer)[..., None]
        small = np.clip(picture, 0, 255).astype(np.uint8)
        large = cv2.resize(small, (self._shot.width, self._shot.height), interpolation=cv2.INTER_CUBIC)
        return self._finish.apply(np.asarray(large, np.uint8), t)


def _palette(rng: np.random.Generator) -> list[Colour]:
    """Two dark colours for the ground and three light ones that go with them."""
    hue = rng.random()
    hues = [hue, hue + 0.08, hue + 0.45, hue + 0.55, hue + 0.12]
    tones = [(0.75, 0.10), (0.70, 0.24), (0.70, 0.95), (0.55, 0.90), (0.60, 0.98)]
    return [np.array(colorsys.hsv_to_rgb(h % 1, s, v), np.float32) * 255 for h, (s, v) in zip(hues, tones, strict=True)]
