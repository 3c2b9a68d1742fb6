"""A beach: the sea behind, waves that run up the sand and leave it wet, palms that lean."""

import math

import numpy as np
from numpy.typing import NDArray

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Colour, Picture, Points, colour, ellipse, fill, mix
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets import ground, trees
from dustreel.providers.sandbox.sets.canvas import Canvas
from dustreel.providers.sandbox.sets.distance import Distance, far_shot
from dustreel.providers.sandbox.sets.light import lit, sun_is_seen
from dustreel.providers.sandbox.sets.plate import Plate
from dustreel.providers.sandbox.sets.scenery import Layer, Scenery, flying, standing
from dustreel.providers.sandbox.sets.sea import Gulls, floating, sea_colour
from dustreel.providers.sandbox.sets.sky import Sky
from dustreel.providers.sandbox.sets.water import Water
from dustreel.providers.sandbox.storyboard import Hour, Storyboard

_LINE, _SHORE = 0.045, 0.225
_SAND = colour("#ecd0a0")
_DEPTH = 0.86


def build(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Scenery:
    deep = sea_colour(storyboard, light)
    if storyboard.hour is Hour.DAY:
        deep = mix(deep, lit(light, colour("#2fb8c0")), 0.5)
    far = far_shot(shot)
    distance: list[Layer] = [Sky(far, storyboard, light, rng, until=_LINE), ground.Still(_headland(far, storyboard, light, rng))]
    back: list[Layer] = [Distance(far, distance, until=_LINE + 0.02)]
    if sun_is_seen(storyboard) and not light.dark:
        back.append(Gulls(light, rng, 4))
    back += [
        Water(
            shot,
            light,
            rng,
            line=_LINE,
            deep=deep,
            clarity=0.50,
            rough=0.9,
            glitter=0.8 if sun_is_seen(storyboard) else 0.22,
            until=_SHORE + 0.06,
        ),
        ground.Still(_sand(shot, storyboard, light, rng)),
        Surf(light, deep, rng, ground.wind(storyboard)),
        _palm(shot, storyboard, light, rng),
    ]
    front = (_grass(shot, storyboard, light, rng),)
    return Scenery(tuple(back), front, standing(shot, 0.365, 0.20), flying(shot, -0.14, 0.16), water=floating(shot, 0.135, 0.03))


def _headland(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Plate:
    canvas = Canvas(shot)
    side = -1 if light.sun[0] > 0 else 1
    green = ground.leaf_colours(storyboard)[0]
    for near, middle, half, tall in ((0.22, 0.75, 0.75, 0.11), (0.42, 1.0, 0.45, 0.12)):
        x, y = ground.crest(canvas, rng, 0.0, tall, octaves=6, cells=2.0)
        hump = np.clip(1 - np.abs(x - side * middle * min(1.0, shot.aspect / 1.6)) / half, 0, 1) ** 0.75
        y = np.minimum(_LINE + 0.002 + (y - tall * 0.3) * hump, _LINE + 0.002)
        tint = lit(light, mix(green, colour("#6a7a80"), 0.4), near)
        ground.ridge(canvas, x, y, tint, mix(tint, light.shine, 0.3), width=0.0018, bottom=_LINE + 0.02)
    return Plate(canvas, 0.26)


def _shore(x: Points) -> Points:
    """Where sand begins, a shallow bay."""
    return _SHORE + 0.016 * np.sin(x * 2.1 + 0.6) + 0.006 * np.sin(x * 5.3)


def _sand(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Plate:
    canvas = Canvas(shot)
    sand = mix(_SAND, ground.SNOW, 0.7) if ground.snowy(storyboard) else _SAND
    x = np.linspace(-canvas.across - 0.02, canvas.across + 0.02, 300)
    y = _shore(x)
    ground.meadow(canvas, rng, x, y, lit(light, sand), lit(light, sand * np.float32(0.92)), lit(light, sand * np.float32(0.85)), light)
    across, down = canvas.grid()
    wet = np.clip(1 - (down - np.interp(across[0], x, y).astype(np.float32)) / 0.075, 0, 1) ** 0.8
    canvas.tint(np.asarray(wet * 0.72, np.float32), mix(lit(light, sand * np.float32(0.55)), light.horizon, 0.32))
    for _ in range(60):
        at, share = rng.uniform(-canvas.across, canvas.across), rng.random() ** 1.3
        size = 0.0015 + 0.006 * share
        canvas.shape(
            ellipse(at, 0.30 + 0.25 * share, size, size * 0.5, steps=12),
            lit(light, colour(("#f6e4d0", "#c89a78", "#f0b8a0")[int(rng.integers(3))]), 0.95),
        )
    canvas.grain(rng, 0.045)
    return Plate(canvas, _DEPTH)


class Surf:
    """Two waves in turn: they run up the sand, foam, and slide back."""

    def __init__(self, light: Light, deep: Colour, rng: np.random.Generator, wind: float) -> None:
        self._foam = mix(mix(light.horizon, light.shine, 0.6), lit(light, colour("#ffffff")), 0.6)
        self._sheet = mix(mix(deep, light.horizon, 0.45), self._foam, 0.20)
        self._x: Points = np.linspace(-1.3, 1.3, 120)
        self._lace = [(rng.uniform(4, 26), rng.uniform(0, 6.28)) for _ in range(6)]
        self._reach = 0.034 * min(1.5, wind)

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        for number in range(2):
            share = (t / 5.2 + number * 0.5) % 1.0
            # Up fast, back slowly.
            up = math.sin(math.pi * share**0.72)
            self._wave(picture, camera, -0.030 + (0.030 + self._reach) * up, up, number, t)
        # Breakers on their way in.
        for number in range(3):
            share = (t / 7.5 + number / 3) % 1.0
            y = _shore(self._x) - 0.105 * (1 - share) ** 1.4 - 0.022
            wave = 0.0035 * np.sin(self._x * 13 + number * 2.0 + t * 0.8) + 0.003 * np.sin(self._x * 5 - number)
            thick = (
                (0.0006 + 0.0036 * share)
                * np.clip(0.55 + 0.9 * np.sin(self._x * (4 + number) + number * 1.7 + t * 0.3), 0.0, 1.3)
                * math.sin(math.pi * share)
            )
            for first, last in _runs(thick > 0.0004):
                x, crest, deep = self._x[first:last], (y + wave - thick)[first:last], (y + wave + thick * 0.6)[first:last]
                outline = np.concatenate([np.stack([x, crest], -1), np.stack([x, deep], -1)[::-1]])
                fill(picture, camera.see(outline, _DEPTH), self._foam)

    def _wave(self, picture: Picture, camera: Camera, reach: float, up: float, number: int, t: float) -> None:
        x = self._x
        lace = sum(0.0022 * np.sin(x * pace + phase + number * 2 + 0.35 * t) for pace, phase in self._lace)
        edge = _shore(x) + reach + np.asarray(lace) + 0.010 * np.sin(x * 3.1 + number * 1.4)
        water = np.concatenate([np.stack([x, edge], -1), np.stack([x, _shore(x) - 0.035], -1)[::-1]])
        foam = 0.0028 + 0.0042 * up * (0.6 + 0.4 * np.sin(x * 31 + number * 3))
        front = np.concatenate([np.stack([x, edge + foam * 0.4], -1), np.stack([x, edge - foam], -1)[::-1]])
        if reach > -0.02:
            fill(picture, camera.see(water, _DEPTH), self._sheet)
        fill(picture, camera.see(front, _DEPTH), self._foam)


def _runs(seen: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where it is true: from the first to after the last, at least three long."""
    turns = np.flatnonzero(np.diff(np.concatenate([[False], seen, [False]]).astype(int))).tolist()
    return [(first, last) for first, last in zip(turns[::2], turns[1::2], strict=True) if last - first > 2]


def _palm(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> ground.Swaying:
    canvas = Canvas(shot)
    side = -1.0 if light.sun[0] > 0 else 1.0
    bark, leaf = lit(light, colour("#7a5a40"), 0.94, shade=0.3), lit(light, colour("#3f8a4c"), 0.95)
    x = side * (shot.aspect / 2 - 0.03)
    trees.palm(canvas, x - side * 0.04, 0.33, min(0.62, 0.42 + 0.12 * shot.aspect), bark, leaf, light.key, side=-side)
    if shot.aspect > 1.1:
        trees.palm(canvas, x + side * 0.03, 0.31, 0.46, bark, leaf * np.float32(0.85), light.key, side=-side * 0.5)
    canvas.grain(rng, 0.04)
    return ground.Swaying(Plate(canvas, 0.95, foot=0.33), 0.012 * ground.wind(storyboard), 0.8)


def _grass(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> ground.Swaying:
    """Beach grass at both corners."""
    canvas = Canvas(shot)
    tints = tuple(mix(lit(light, colour(code)), light.ink, 0.40) for code in ("#8a9a58", "#6f8448", "#a8a868"))
    for side in (-1, 1):
        for _ in range(70):
            at = side * (shot.aspect / 2 + 0.10 - 0.30 * rng.random() ** 1.6)
            tall, bend = rng.uniform(0.08, 0.20), -side * rng.uniform(0.0, 0.08) + rng.normal(0, 0.02)
            canvas.shape(
                [
                    (at - 0.003, 0.62),
                    (at + bend * 0.3 - 0.002, 0.54 - tall * 0.55),
                    (at + bend, 0.54 - tall),
                    (at + bend * 0.3 + 0.002, 0.54 - tall * 0.55),
                    (at + 0.003, 0.62),
                ],
                tints[int(rng.integers(3))],
            )
    return ground.Swaying(Plate(canvas, 1.35, foot=0.62), 0.032 * ground.wind(storyboard) ** 0.7, 1.1)
