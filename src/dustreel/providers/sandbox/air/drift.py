"""Leaves and petals that the air carries: each turns, tumbles and sways on its own."""

import math

import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Colour, Picture, fill, mix, place
from dustreel.providers.sandbox.sets.ground import leaf_colours
from dustreel.providers.sandbox.sets.light import lit
from dustreel.providers.sandbox.storyboard import Season, Storyboard

_LEAF = np.array([(-1.0, 0.0), (-0.55, -0.34), (0.0, -0.46), (0.55, -0.30), (1.0, 0.0), (0.55, 0.30), (0.0, 0.46), (-0.55, 0.34)])


def leaf_tints(storyboard: Storyboard, light: Light) -> tuple[Colour, ...]:
    if storyboard.season is Season.SPRING:
        own: tuple[Colour, ...] = tuple(np.array(tint, np.float32) for tint in ((255, 214, 226), (248, 184, 204), (255, 236, 240)))
    else:
        own = leaf_colours(storyboard)
    return tuple(lit(light, tint) for tint in own)


class Leaves:
    def __init__(self, light: Light, tints: tuple[Colour, ...], rng: np.random.Generator, count: int, *, speed: float) -> None:
        """`speed`: of the wind, in units a second."""
        self._speed = speed
        self._tints = [(tint, mix(tint, light.ink, 0.35)) for tint in tints]
        self._each = rng.uniform((-1.2, 0, 0.6, 0, 0.7, 0), (1.2, 1, 1.5, 2 * math.pi, 1.3, 2.99), (count, 6))

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        reach = camera.width / camera.height / 2 + 0.12
        for x, y, depth, phase, pace, kind in self._each:
            fall = 0.085 * pace if self._speed < 0.2 else 0.05 * pace
            gust = self._speed * depth * t * pace + 0.06 * math.sin(t * 0.9 * pace + phase)
            across = (x * reach + gust + reach) % (2 * reach) - reach
            down = (y + fall * t + 0.035 * math.sin(t * 1.7 * pace + phase)) % 1.12 - 0.56
            turn, tumble = t * 1.6 * pace + phase, math.cos(t * 2.9 * pace + 2 * phase)
            shape = place(_LEAF * (1, max(0.18, abs(tumble))), 0.0115 * depth, across, down, turn)
            front, back = self._tints[int(kind) % len(self._tints)]
            fill(picture, camera.see(shape, depth), front if tumble > 0 else back)
