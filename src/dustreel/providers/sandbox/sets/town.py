"""What streets are made of: fronts with windows, street lamps, wet ground, windows that go on and off, lights that drive by."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Colour, Picture, colour, ellipse, fill, mix
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets.canvas import Canvas
from dustreel.providers.sandbox.sets.glow import add_soft, sprite
from dustreel.providers.sandbox.storyboard import Storyboard, Weather

LAMPLIGHT = tuple(colour(code) for code in ("#ffd890", "#ffc46a", "#ffe9b8", "#ffb85c", "#cfe6ff"))


def wetness(storyboard: Storyboard) -> float:
    wet = {Weather.RAIN: 0.78, Weather.STORM: 0.85, Weather.SNOW: 0.15, Weather.FOG: 0.35}
    return max(wet.get(weather, 0.16) for weather in storyboard.weather)


@dataclass(frozen=True, slots=True)
class Pane:
    x: float
    y: float
    half: float
    tall: float


def block(
    canvas: Canvas,
    rng: np.random.Generator,
    x: float,
    half: float,
    top: float,
    wall: Colour,
    edge: Colour,
    glass: Colour,
    *,
    lit: float,
    step: float,
    side: float,
    bottom: float = 0.5,
) -> list[Pane]:
    """A tall house: a lit edge towards the main light, a roof, rows of windows of which a share is lit. Returns the dark ones."""
    canvas.shape([(x - half, bottom), (x - half, top), (x + half, top), (x + half, bottom)], wall)
    rim = half * 0.10
    near = x + side * (half - rim / 2)
    canvas.shape([(near - rim / 2, bottom), (near - rim / 2, top), (near + rim / 2, top), (near + rim / 2, bottom)], edge)
    canvas.shape([(x - half, top + 0.004), (x - half, top), (x + half, top), (x + half, top + 0.004)], edge)
    _roof(canvas, rng, x, half, top, wall, edge)
    columns, rows = max(2, int(2 * half / step)), max(2, int((bottom - top - 0.02) / (step * 1.35)))
    pitch = 2 * half / (columns + 0.5)
    dark: list[Pane] = []
    for row in range(rows):
        # Whole floors are at work, others are not.
        busy = lit * rng.uniform(0.4, 1.6)
        for column in range(columns):
            pane = Pane(x - half + pitch * (column + 0.75), top + 0.022 + row * step * 1.35, pitch * 0.28, step * 0.40)
            if rng.random() < busy:
                lamp = LAMPLIGHT[int(rng.integers(len(LAMPLIGHT)))]
                _pane(canvas, pane, mix(wall, lamp, rng.uniform(0.62, 1.0)))
            else:
                _pane(canvas, pane, glass)
                dark.append(pane)
    return dark


def _pane(canvas: Canvas, pane: Pane, tint: Colour) -> None:
    canvas.shape(_corners(pane), tint)


def _corners(pane: Pane) -> list[tuple[float, float]]:
    left, right, top, bottom = pane.x - pane.half, pane.x + pane.half, pane.y - pane.tall, pane.y + pane.tall
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _roof(canvas: Canvas, rng: np.random.Generator, x: float, half: float, top: float, wall: Colour, edge: Colour) -> None:
    kind = int(rng.integers(4))
    if kind == 0:
        canvas.shape([(x - half * 0.55, top), (x - half * 0.55, top - 0.022), (x + half * 0.55, top - 0.022), (x + half * 0.55, top)], wall)
        canvas.shape(
            [(x - half * 0.25, top - 0.022), (x - half * 0.25, top - 0.04), (x + half * 0.25, top - 0.04), (x + half * 0.25, top - 0.022)],
            wall,
        )
    elif kind == 1:
        canvas.shape([(x - 0.0015, top), (x - 0.0006, top - 0.075), (x + 0.0006, top - 0.075), (x + 0.0015, top)], edge)
        canvas.shape([(x - half * 0.3, top), (x - half * 0.12, top - 0.02), (x + half * 0.12, top - 0.02), (x + half * 0.3, top)], wall)
    elif kind == 2:
        tank = x + half * 0.35
        canvas.shape(
            [
                (tank - 0.014, top - 0.012),
                (tank - 0.014, top - 0.036),
                (tank, top - 0.046),
                (tank + 0.014, top - 0.036),
                (tank + 0.014, top - 0.012),
            ],
            wall,
        )
        for leg in (-0.011, 0.0, 0.011):
            canvas.shape(
                [
                    (tank + leg - 0.001, top),
                    (tank + leg - 0.001, top - 0.014),
                    (tank + leg + 0.001, top - 0.014),
                    (tank + leg + 0.001, top),
                ],
                wall,
            )


class Twinkle:
    """Windows that go on and off, one here, one there."""

    def __init__(self, panes: list[Pane], depth: float, wall: Colour, rng: np.random.Generator, count: int = 16) -> None:
        chosen = rng.permutation(len(panes))[:count]
        self._panes = [(panes[int(at)], rng.uniform(0, 12), rng.uniform(3, 8), LAMPLIGHT[int(rng.integers(5))]) for at in chosen]
        self._depth, self._wall = depth, wall

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        for pane, start, length, lamp in self._panes:
            age = (t + start) % 12
            share = min(1.0, age / 0.25) * min(1.0, max(0.0, (length - age) / 0.4))
            if share > 0.02:
                fill(picture, camera.see(_corners(pane), self._depth), mix(self._wall, lamp, share * 0.9))


def lamp_post(
    canvas: Canvas, x: float, foot: float, tall: float, tint: Colour, bright: Colour, *, side: float, lit: bool
) -> tuple[float, float]:
    """An old street lamp; returns where its light is."""
    half = tall * 0.013
    canvas.shape([(x - half, foot), (x - half * 0.7, foot - tall * 0.86), (x + half * 0.7, foot - tall * 0.86), (x + half, foot)], tint)
    canvas.shape(
        [
            (x + side * half * 0.2, foot),
            (x + side * half * 0.2, foot - tall * 0.86),
            (x + side * half * 0.7, foot - tall * 0.86),
            (x + side * half, foot),
        ],
        mix(tint, bright, 0.35),
    )
    canvas.shape(
        [(x - half * 2.6, foot), (x - half * 1.6, foot - tall * 0.09), (x + half * 1.6, foot - tall * 0.09), (x + half * 2.6, foot)], tint
    )
    canvas.shape(ellipse(x, foot - tall * 0.62, half * 2, half * 1.1), tint)
    top, wide = foot - tall * 0.86, tall * 0.052
    canvas.shape(
        [(x - wide * 0.62, top), (x - wide, top - tall * 0.10), (x + wide, top - tall * 0.10), (x + wide * 0.62, top)],
        mix(bright, np.full(3, 255, np.float32), 0.4) if lit else mix(tint, bright, 0.25),
    )
    canvas.shape([(x - wide * 1.25, top - tall * 0.10), (x, top - tall * 0.155), (x + wide * 1.25, top - tall * 0.10)], tint)
    canvas.shape(ellipse(x, top - tall * 0.158, half, half), tint)
    for bar in (-0.8, 0.0, 0.8):
        canvas.line([(x + bar * wide * 0.62, top), (x + bar * wide, top - tall * 0.10)], tint, tall * 0.006)
    return x, top - tall * 0.05


class Wet:
    """Ground that mirrors what is above it, smeared downwards: how wet asphalt, and polished boards, look."""

    def __init__(self, shot: Shot, rng: np.random.Generator, *, line: float, depth: float, amount: float, until: float = 0.66) -> None:
        self._line, self._depth, self._until = line, depth, until
        self._columns, self._rows = math.ceil(shot.width / 5), 26
        near = np.linspace(0, 1, self._rows, dtype=np.float32)[:, None]
        puddles = 0.55 + 0.45 * np.sin(np.linspace(0, 19, self._columns)[None] * (0.4 + near) + rng.uniform(0, 6)) * np.sin(near * 13 + 1)
        share = np.clip(amount * (1.02 - 0.62 * near) * puddles, 0, 1)
        self._share = cv2.merge([np.asarray(share * 255, np.uint8)] * 3)
        self._ripple = rng.uniform(0, 6.28, self._rows)

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        height = picture.shape[0]
        top, bottom = (round(float(camera.see([(0, y)], self._depth)[0][1])) for y in (self._line, self._until))
        bottom = min(bottom, height)
        if bottom - top < 6 or top < 6:
            return
        above = picture[max(0, top - round((bottom - top) * 1.5)) : top]
        small = cv2.flip(cv2.resize(above, (self._columns, self._rows), interpolation=cv2.INTER_LINEAR), 0)
        small = cv2.blur(small, (3, 5))
        for row in range(self._rows):
            shift = round(1.1 * math.sin(t * 2.4 + self._ripple[row]) * row / self._rows)
            if shift:
                small[row] = np.roll(small[row], shift, axis=0)
        cv2.multiply(small, self._share, dst=small, scale=1 / 255)
        region = picture[top:bottom]
        cv2.add(region, cv2.resize(small, (picture.shape[1], bottom - top), interpolation=cv2.INTER_LINEAR), dst=region)


class Traffic:
    """Headlights one way, tail lights the other, far down the road."""

    def __init__(self, shot: Shot, rng: np.random.Generator, y: float, depth: float, light: Light) -> None:
        self._y, self._depth = y, depth
        self._white = sprite(shot.height * 0.017, 1.8, colour("#fff2d0"))
        self._red = sprite(shot.height * 0.014, 1.8, colour("#ff4a38"))
        self._cars = [(rng.uniform(0, 2.8), rng.uniform(0.09, 0.17), bool(number % 2)) for number in range(10)]
        self._body = mix(light.ink, light.haze, 0.12)

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        for start, speed, coming in self._cars:
            way = 1 if coming else -1
            x = ((start + way * t * speed) % 2.8) - 1.4
            y = self._y + (0.007 if coming else 0.0)
            body = [
                (x - 0.030, y + 0.004),
                (x - 0.028, y - 0.008),
                (x - 0.014, y - 0.017),
                (x + 0.014, y - 0.017),
                (x + 0.028, y - 0.008),
                (x + 0.030, y + 0.004),
            ]
            fill(picture, camera.see(body, self._depth), self._body)
            for offset, light in ((0.029 * way, self._white), (-0.029 * way, self._red)):
                (where,) = camera.see([(x + offset, y - 0.003)], self._depth)
                add_soft(picture, light, where[0], where[1])
