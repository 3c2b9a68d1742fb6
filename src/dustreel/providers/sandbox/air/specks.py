"""Points of light that float: dust, fireflies, embers, plankton, powder. Any number of them costs the same.

They are set at fractions of a pixel into a small plane, which is blurred, tinted and enlarged.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Colour, Picture, Plane, colour, mix
from dustreel.providers.sandbox.scene import Shot

_ROWS = 300


@dataclass(frozen=True, slots=True)
class Swarm:
    """How a kind of speck moves. Speeds in units a second."""

    start: Plane
    """(count, 6): x, y, depth, phase, brightness, pace."""
    drift: tuple[float, float]
    wander: float
    tint: Colour
    twinkle: float
    """How fast each brightens and dims; 0 not at all."""
    dark: float = 0.0
    """The share of its time that it doesn't shine."""
    size: float = 1.0
    hot: Colour | None = None
    """A glow from below, as over a fire."""
    lit: tuple[float, float] | None = None
    """Where the light falls, and how wide: dust elsewhere is hardly seen."""


def motes(rng: np.random.Generator, light: Light) -> Swarm:
    tint = mix(light.key, light.shine, 0.3) * np.float32(0.85)
    return Swarm(_start(rng, 130), (0.004, -0.010), 0.022, tint, 1.3, 0.1, lit=(light.sun[0] * 0.6, 0.55))


def plankton(rng: np.random.Generator, light: Light) -> Swarm:
    return Swarm(_start(rng, 150), (0.006, -0.006), 0.020, mix(light.shine, light.zenith, 0.4) * np.float32(0.62), 0.9)


def fireflies(rng: np.random.Generator) -> Swarm:
    start = _start(rng, 46)
    start[:, 1] = rng.uniform(-0.06, 0.46, 46)
    return Swarm(start, (0.0, -0.003), 0.060, colour("#e8ff7a"), 1.5, 0.5, size=1.9)


def embers(rng: np.random.Generator, *, few: bool = False) -> Swarm:
    return Swarm(
        _start(rng, 42 if few else 150), (0.02, -0.17), 0.036, colour("#ff8a32"), 5.0, 0.0, size=1.5, hot=None if few else colour("#6e2408")
    )


def powder(rng: np.random.Generator, tint: Colour) -> Swarm:
    """Sand, spray or snow that the wind chases along."""
    return Swarm(_start(rng, 260), (0.62, 0.035), 0.030, tint * np.float32(0.75), 2.0)


def _start(rng: np.random.Generator, count: int) -> Plane:
    return rng.uniform((-1.1, -0.56, 0.5, 0, 0.3, 0.6), (1.1, 0.56, 1.8, 2 * math.pi, 1, 1.4), (count, 6)).astype(np.float32)


class Specks:
    def __init__(self, shot: Shot, swarm: Swarm) -> None:
        self._shot, self._swarm = shot, swarm
        self._scale = min(0.5, _ROWS / shot.height)
        self._rows, self._columns = math.ceil(shot.height * self._scale), math.ceil(shot.width * self._scale)
        self._plane: Plane = np.empty((self._rows + 1, self._columns + 1), np.float32)
        self._large: Picture = np.empty((shot.height, shot.width, 3), np.uint8)
        self._blur = max(0.6, self._rows * 0.0026 * swarm.size)
        self._reach = shot.aspect / 2 + 0.12
        rise = np.linspace(0, 1, 24, dtype=np.float32)[:, None, None] ** 2
        self._heat = None if swarm.hot is None else np.repeat((rise * swarm.hot).astype(np.uint8), 2, axis=1)

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        if self._heat is not None:
            self._draw_heat(picture, t)
        self._plane[...] = 0
        self._set(camera, t)
        points = cv2.convertScaleAbs(self._plane[: self._rows, : self._columns], alpha=250.0)
        soft = cv2.GaussianBlur(points, (0, 0), self._blur)
        # A blurred point is as much dimmer as it is wider.
        glow = cv2.convertScaleAbs(soft, alpha=min(9.0, 0.75 * 2 * math.pi * self._blur**2))
        light = cv2.merge([cv2.convertScaleAbs(glow, alpha=float(part) / 255) for part in self._swarm.tint])
        cv2.resize(light, (picture.shape[1], picture.shape[0]), dst=self._large, interpolation=cv2.INTER_LINEAR)
        cv2.add(picture, self._large, dst=picture)

    def _set(self, camera: Camera, t: float) -> None:
        swarm, reach = self._swarm, self._reach
        x, y, depth, phase, bright, pace = swarm.start.T
        across = x * reach / 1.1 + swarm.drift[0] * t * pace * depth + swarm.wander * np.sin(t * 0.55 * pace + phase)
        down = y + swarm.drift[1] * t * pace * depth + swarm.wander * 0.7 * np.sin(t * 0.8 * pace + 2.3 * phase)
        across = (across + reach) % (2 * reach) - reach
        down = (down + 0.56) % 1.12 - 0.56
        level = bright * 1.0
        if swarm.twinkle:
            wave = 0.5 + 0.5 * np.sin(t * swarm.twinkle * pace + 5 * phase)
            level = level * np.clip((wave - swarm.dark) / (1 - swarm.dark), 0, 1) ** (1.5 if swarm.dark else 0.8)
        if swarm.lit is not None:
            level = level * (0.30 + 0.70 * np.exp(-(((across - swarm.lit[0]) / swarm.lit[1]) ** 2)))
        scale = (1 + (camera.zoom - 1) * depth) * camera.height * self._scale
        left = (across - camera.x * depth) * scale + self._columns / 2
        top = (down - camera.y * depth) * scale + self._rows / 2
        seen = (left >= 0) & (left < self._columns - 1) & (top >= 0) & (top < self._rows - 1)
        left, top, level = left[seen], top[seen], (level * np.clip(depth, 0.6, 1.5))[seen]
        column, row = left.astype(int), top.astype(int)
        right, low = left - column, top - row
        for dx, dy, share in ((0, 0, (1 - right) * (1 - low)), (1, 0, right * (1 - low)), (0, 1, (1 - right) * low), (1, 1, right * low)):
            np.add.at(self._plane, (row + dy, column + dx), (level * share).astype(np.float32))

    def _draw_heat(self, picture: Picture, t: float) -> None:
        assert self._heat is not None
        height = picture.shape[0]
        top = round(height * 0.45)
        flicker = 0.82 + 0.12 * math.sin(t * 6.1) * math.sin(t * 3.7) + 0.06 * math.sin(t * 11)
        warm = cv2.resize(cv2.convertScaleAbs(self._heat, alpha=flicker), (picture.shape[1], height - top), interpolation=cv2.INTER_LINEAR)
        cv2.add(picture[top:], warm, dst=picture[top:])
