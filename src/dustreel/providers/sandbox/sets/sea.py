"""The open sea: islands in the haze, water that mirrors the sky, swells that roll past in front."""

import math

import numpy as np

from dustreel.providers.sandbox.engine.port import Light, Spot
from dustreel.providers.sandbox.kit import Camera, Colour, Picture, Points, colour, fill, mix, stroke
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets import ground
from dustreel.providers.sandbox.sets.canvas import Canvas
from dustreel.providers.sandbox.sets.distance import Distance, far_shot
from dustreel.providers.sandbox.sets.glow import Lights, Rays
from dustreel.providers.sandbox.sets.light import lit, sun_is_seen
from dustreel.providers.sandbox.sets.plate import Plate
from dustreel.providers.sandbox.sets.scenery import Layer, Scenery, flying
from dustreel.providers.sandbox.sets.sky import Sky
from dustreel.providers.sandbox.sets.water import Water
from dustreel.providers.sandbox.storyboard import Hour, Storyboard, Weather

_LINE = 0.075
_SWELL_POINTS = 72


def build(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Scenery:
    rough = _roughness(storyboard)
    deep = sea_colour(storyboard, light)
    far = far_shot(shot)
    distance: list[Layer] = [Sky(far, storyboard, light, rng, until=_LINE), ground.Still(_islands(far, light, rng))]
    back: list[Layer] = [Distance(far, distance, until=_LINE + 0.02)]
    if sun_is_seen(storyboard) and not light.dark:
        back.append(Gulls(light, rng, 6))
    if sun_is_seen(storyboard) and storyboard.hour in (Hour.GOLDEN, Hour.DAWN):
        back.append(Lights(shot, rng, rays=Rays(shot, rng, light.sun, light.horizon * np.float32(0.4))))
    back.append(Water(shot, light, rng, line=_LINE, deep=deep, rough=rough, glitter=0.8 if sun_is_seen(storyboard) else 0.22))
    front = (
        Swell(0.430, 1.15, mix(deep, light.horizon, 0.10), mix(deep, light.horizon, 0.42), rough, 0.0),
        Swell(0.478, 1.35, mix(deep, light.ink, 0.35), mix(deep, light.horizon, 0.25), rough, 2.0),
    )
    return Scenery(tuple(back), front, floating(shot, 0.27, 0.058), flying(shot, -0.13, 0.16), water=floating(shot, 0.27, 0.058))


def sea_colour(storyboard: Storyboard, light: Light) -> Colour:
    own = {Hour.DAY: "#0f6c9c", Hour.NIGHT: "#0a2148"}.get(storyboard.hour, "#2a4a78")
    return mix(mix(colour(own), light.zenith, 0.45), light.ink, 0.15 if storyboard.hour is Hour.DAY else 0.3)


def floating(shot: Shot, y: float, metre: float) -> tuple[Spot, ...]:
    narrow = min(1.0, shot.aspect / 1.5)
    size = metre * min(1.0, 0.5 + 0.45 * shot.aspect)
    places = [
        (0.0, 0.0, 1.0),
        (0.40, -0.055, 0.70),
        (-0.42, -0.075, 0.60),
        (0.20, -0.115, 0.40),
        (-0.22, -0.125, 0.36),
        (0.58, -0.130, 0.34),
    ]
    return tuple(Spot(x * narrow, y + up, size * smaller, 0.45 + 0.5 * smaller, 0.75) for x, up, smaller in places)


def _roughness(storyboard: Storyboard) -> float:
    rough = {Weather.STORM: 2.6, Weather.WIND: 1.9, Weather.RAIN: 1.35, Weather.FOG: 0.6}
    return max(rough.get(weather, 1.0) for weather in storyboard.weather)


def _islands(shot: Shot, light: Light, rng: np.random.Generator) -> Plate:
    canvas = Canvas(shot)
    side = -1 if light.sun[0] > 0 else 1
    for number, (near, height, middle, half) in enumerate(((0.14, 0.080, 0.15, 0.9), (0.30, 0.075, 0.62, 0.42), (0.46, 0.052, 0.95, 0.34))):
        x, y = ground.crest(canvas, rng, 0.0, height * 1.5, octaves=7, cells=2.2)
        hump = np.clip(1 - np.abs(x - side * middle * min(1.0, shot.aspect / 1.5)) / half, 0, 1) ** 0.8
        y = _LINE + 0.002 + (y - height * 0.25) * hump
        tint = lit(light, colour("#4c6272") if number else colour("#7088a0"), near)
        ground.ridge(canvas, x, np.minimum(y, _LINE + 0.002), tint, mix(tint, light.shine, 0.30), width=0.0018, bottom=_LINE + 0.02)
    return Plate(canvas, 0.26)


class Swell:
    """A wave's back that rolls past, with light on its crest."""

    def __init__(self, y: float, depth: float, tint: Colour, crest: Colour, rough: float, phase: float) -> None:
        self._y, self._depth, self._tint, self._crest, self._rough, self._phase = y, depth, tint, crest, rough, phase
        self._x: Points = np.linspace(-1.25, 1.25, _SWELL_POINTS)

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        x, rough = self._x, self._rough
        wave = (
            0.011 * np.sin(x * 5.1 - t * 0.9 + self._phase)
            + 0.006 * np.sin(x * 11.3 - t * 1.5 + 2 * self._phase)
            + 0.002 * np.sin(x * 29 - t * 2.6)
        )
        y = self._y + rough * wave + 0.007 * rough * math.sin(t * 0.8 + self._phase)
        crest = np.stack([x, y], -1)
        pixels = camera.see(np.concatenate([crest, [(1.25, 0.9), (-1.25, 0.9)]]), self._depth)
        unit = camera.height
        fill(picture, pixels - (0, unit * 0.0032), self._crest)
        fill(picture, pixels, self._tint)
        lower = camera.see(np.stack([x, y + 0.016 + 0.4 * rough * wave[::-1]], -1), self._depth)
        stroke(picture, lower, mix(self._tint, self._crest, 0.35), unit * 0.002)


class Gulls:
    def __init__(self, light: Light, rng: np.random.Generator, count: int, y: float = -0.20) -> None:
        self._tint = mix(light.ink, light.haze, 0.25)
        self._birds = [
            (rng.uniform(-1.0, 0.9), y + rng.uniform(-0.10, 0.10), rng.uniform(0.55, 1.0), rng.uniform(0, 6.28)) for _ in range(count)
        ]

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        for x0, y0, size, phase in self._birds:
            x = (x0 + t * 0.030 * size + 1.1) % 2.2 - 1.1
            y = y0 + 0.012 * math.sin(t * 0.7 + phase)
            # Strokes and glides in turn.
            beat = 0.011 * math.sin(t * 6.3 + phase) * (0.35 + 0.65 * max(0.0, math.sin(t * 0.6 + phase)))
            half = np.array([(-0.024, -beat - 0.003), (-0.016, -0.0065 - beat * 0.6), (-0.009, -0.0062 - beat * 0.25), (0.0, 0.0)])
            upper = np.concatenate([half, half[-2::-1] * (-1, 1)])
            lower = upper[-2:0:-1] + np.array((0.0, 0.0030))
            fill(picture, camera.see(np.concatenate([upper, lower]) * size + (x, y), 0.3), self._tint)
