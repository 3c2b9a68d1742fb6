"""Up in the sky: heaped clouds below and around, at several distances, sliding past."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Colour, Picture, clouds, ellipse, mix
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets.glow import Rays
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
    back: list[Layer] = [Sky(shot, storyboard, light, rng, until=0.5)]
    for number, (y, size, depth, near) in enumerate(((0.22, 0.055, 0.25, 0.30), (0.31, 0.085, 0.45, 0.58), (0.40, 0.12, 0.70, 0.82))):
        back.append(Billows(rng, y, size, depth, mix(light.horizon, head, near), mix(light.haze, foot, near), 0.012 * 1.9**number, light.sun[0]))
    if sun_is_seen(storyboard):
        if storyboard.hour in (Hour.GOLDEN, Hour.DAWN):
            back.append(Rays(shot, rng, light.sun, light.horizon * np.float32(0.42)))
        if not light.dark:
            back.append(Gulls(light, rng, 4, -0.05))
    front = (Billows(rng, 0.52, 0.13, 1.3, head, mix(foot, light.middle, 0.2), 0.11, light.sun[0]),)
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
    """A bank of cloud that slides past. Painted as balls on balls, lit from the sun's side; its sheet meets itself at the ends."""

    def __init__(self, rng: np.random.Generator, y: float, size: float, depth: float, head: Colour, foot: Colour, speed: float, sun: float) -> None:
        self._y, self._depth, self._speed = y, depth, speed
        self._tall, self._wide = 0.62, 3.6
        rows, columns = _ROWS, round(_ROWS * self._wide / self._tall)
        unit = rows / self._tall
        sheet, cover = np.zeros((rows, columns, 3), np.uint8), np.zeros((rows, columns), np.uint8)
        side = 1.0 if sun > 0 else -1.0
        balls = []
        for _ in range(round(9.5 / size)):
            x, share = rng.uniform(0, self._wide), rng.random()
            swell = 0.5 + 0.5 * math.sin(x / self._wide * 2 * math.pi * 3 + 2) * math.sin(x / self._wide * 2 * math.pi * 5)
            balls.append((x, 0.10 + size * 1.6 * (1 - swell) + share**0.8 * (self._tall - 0.15), size * rng.uniform(0.55, 1.15) * (0.6 + 0.6 * share)))
        for x, top, radius in sorted(balls, key=lambda ball: ball[1]):
            share = min(1.0, max(0.0, (top - 0.10) / (self._tall - 0.2)))
            for turn in (-1, 0, 1):
                middle = (x + turn * self._wide) * unit
                if -radius * unit < middle < columns + radius * unit:
                    _ball(sheet, cover, middle, (top + radius * 0.4) * unit, radius * unit, head, foot, share, side)
        below = np.clip((np.arange(rows) / unit - self._tall * 0.45) / 0.10, 0, 1)[:, None]
        cover = np.maximum(cover, (below * 255).astype(np.uint8))
        soft = cv2.GaussianBlur(cover, (0, 0), 1.3).astype(np.float32)[..., None] / 255
        tone = cv2.GaussianBlur(np.where(cover[..., None] > 0, sheet, 0), (0, 0), 1.3).astype(np.float32)
        tone = np.maximum(tone, foot * below[..., None] * 0.96)
        noise = 0.93 + 0.14 * clouds(rows, columns, rng, octaves=4, cells=6, stretch=5.0)[..., None]
        self._sheet = np.dstack([np.clip(np.minimum(tone * noise, 255 * soft + tone * (soft > 0.98)), 0, 255).astype(np.uint8), ((1 - soft[..., 0]) * 255).astype(np.uint8)])

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


def _ball(sheet: Picture, cover: Picture, x: float, y: float, radius: float, head: Colour, foot: Colour, share: float, side: float) -> None:
    """Three discs inside one another, each a little nearer to the sun and brighter."""
    for step in range(5):
        inner = step / 5
        tint = mix(foot, head, (0.30 + 0.70 * inner) * (1 - 0.60 * share))
        disc = ellipse(x + side * radius * 0.26 * inner, y - radius * 0.34 * inner, radius * (1 - 0.72 * inner), radius * (1 - 0.74 * inner), steps=28)
        cv2.fillPoly(sheet, [np.round(disc * 32).astype(np.int32)], [float(part) for part in tint], cv2.LINE_AA, 5)
    cv2.fillPoly(cover, [np.round(ellipse(x, y, radius, radius, steps=28) * 32).astype(np.int32)], (255,), cv2.LINE_AA, 5)


