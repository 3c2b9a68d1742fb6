"""Up in the sky: heaped clouds below and around, at several distances, sliding past."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Colour, Picture, mix
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets.clouds import ball
from dustreel.providers.sandbox.sets.distance import Distance, far_shot
from dustreel.providers.sandbox.sets.glow import Lights, Rays
from dustreel.providers.sandbox.sets.light import luma, sun_is_seen
from dustreel.providers.sandbox.sets.plate import lay
from dustreel.providers.sandbox.sets.scenery import Layer, Scenery, flying
from dustreel.providers.sandbox.sets.sea import Gulls
from dustreel.providers.sandbox.sets.sky import Sky
from dustreel.providers.sandbox.storyboard import Hour, Storyboard

# Clouds are soft, so that a sheet of so many rows is enough for every picture.
_ROWS = 150


def build(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Scenery:
    head, foot = _tones(storyboard, light)
    far = far_shot(shot)
    distance: list[Layer] = [Sky(far, storyboard, light, rng, until=0.5)]
    for number, (y, size, depth, near) in enumerate(((0.22, 0.055, 0.25, 0.30), (0.31, 0.085, 0.45, 0.58), (0.40, 0.12, 0.70, 0.82))):
        distance.append(Billows(rng, y, size, depth, mix(light.horizon, head, near), mix(light.haze, foot, near), 0.012 * 1.9**number))
    back: list[Layer] = [Distance(far, distance)]
    if sun_is_seen(storyboard):
        if storyboard.hour in (Hour.GOLDEN, Hour.DAWN):
            back.append(Lights(shot, rng, rays=Rays(shot, rng, light.sun, light.horizon * np.float32(0.42))))
        if not light.dark:
            back.append(Gulls(light, rng, 4, -0.05))
    front = (Billows(rng, 0.52, 0.13, 1.3, head, mix(foot, light.middle, 0.2), 0.11),)
    air = flying(shot, -0.02, 0.17)
    return Scenery(tuple(back), front, air, air)


def _tones(storyboard: Storyboard, light: Light) -> tuple[Colour, Colour]:
    if storyboard.hour is Hour.NIGHT:
        return mix(light.middle, light.shine, 0.34), mix(light.zenith, light.middle, 0.55)
    if not sun_is_seen(storyboard):
        return mix(light.horizon, light.shine, 0.3), mix(light.zenith, light.middle, 0.4)
    if storyboard.hour is Hour.DAY:
        return light.shine, mix(light.middle, light.horizon, 0.35)
    return mix(light.horizon, light.shine, 0.55), mix(light.middle, light.zenith, 0.30 if luma(light.middle) > 90 else 0.0)


class Billows:
    """A bank of cloud that slides past; its sheet meets itself at the ends."""

    def __init__(self, rng: np.random.Generator, y: float, size: float, depth: float, head: Colour, foot: Colour, speed: float) -> None:
        self._y, self._depth, self._speed = y, depth, speed
        self._tall, self._wide = 0.62, 3.6
        rows, columns = _ROWS, round(_ROWS * self._wide / self._tall)
        unit = rows / self._tall
        cover, bright = np.zeros((rows, columns), np.float32), np.zeros((rows, columns), np.float32)
        for x, top, radius in self._balls(rng, size):
            for turn in (-1, 0, 1):
                ball(cover, bright, (x + turn * self._wide) * unit, top * unit, radius * unit)
        down = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
        tone = foot + (head - foot) * np.clip(bright * (1.12 - 0.55 * down), 0, 1)[..., None]
        self._sheet = np.dstack([np.clip(tone * cover[..., None], 0, 255).astype(np.uint8), ((1 - cover) * 255).astype(np.uint8)])

    def _balls(self, rng: np.random.Generator, size: float) -> list[tuple[float, float, float]]:
        """Heads above, and below them row upon row, so that no gap is left."""
        found = []
        for row in range(7):
            step = size * (0.62 + 0.05 * row)
            for number in range(round(self._wide / step)):
                x = (number + rng.uniform(-0.4, 0.4)) * step
                swell = 0.5 + 0.5 * math.sin(x / self._wide * 2 * math.pi * 3 + 2) * math.sin(x / self._wide * 2 * math.pi * 5)
                top = 0.14 + size * 1.3 * (1 - swell) + row * size * 0.55 + rng.uniform(-0.2, 0.2) * size
                found.append((x, top, size * rng.uniform(0.55, 1.0) * (0.8 + 0.5 * swell if row == 0 else 1.0)))
        return found

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        height, width = picture.shape[:2]
        (first,) = camera.see([(0, self._y - 0.16)], self._depth)
        top = max(0, math.floor(first[1]))
        if top >= height - 2:
            return
        rows, columns = self._sheet.shape[:2]
        scale = rows / (self._tall * camera.scale(self._depth))
        left = columns / 2 - width / 2 * scale + (camera.x * self._depth + self._speed * t) * height * scale
        matrix = np.array([[scale, 0, left], [0, scale, (top - first[1]) * scale]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(self._sheet, matrix, (width, height - top), flags=flags, borderMode=cv2.BORDER_REFLECT)
        lay(picture[top:], np.asarray(moved, np.uint8))
