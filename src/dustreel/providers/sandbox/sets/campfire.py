"""A fire of logs beside the actors, for places under the sky."""

import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Picture, colour, ellipse, fill_each, mix, tube
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets.glow import Glow, Lights, flickering
from dustreel.providers.sandbox.sets.interior import Flames

_DEPTH = 1.0
_Y = 0.385


class Campfire:
    def __init__(self, shot: Shot, light: Light, rng: np.random.Generator) -> None:
        x = 0.27 * min(1.0, shot.aspect / 1.5) + 0.02
        self._flames = Flames(x, _Y - 0.008, 0.115, _DEPTH)
        fire = colour("#ff9440")
        near = Glow(x, _Y - 0.06, _DEPTH, 0.60, fire * np.float32(0.50), flickering(0.7))
        floor = Glow(x, _Y + 0.01, _DEPTH, 0.34, fire * np.float32(0.36), flickering(0.7), 1.8)
        self._glow = Lights(shot, rng, [near, floor])
        bark = mix(light.ink, colour("#6a4426"), 0.55)
        self._stones = [(x + 0.085 * np.cos(angle), _Y + 0.022 * np.sin(angle)) for angle in np.linspace(0.0, 6.28, 11)[:-1]]
        self._stone = mix(light.ink, colour("#a89888"), 0.45)
        self._logs = [
            (tube([(x - 0.085, _Y + 0.012), (x + 0.07, _Y - 0.022)], 0.013, 0.012), bark),
            (tube([(x + 0.085, _Y + 0.010), (x - 0.07, _Y - 0.020)], 0.013, 0.012), bark * np.float32(1.35)),
            (tube([(x - 0.05, _Y + 0.018), (x + 0.055, _Y + 0.014)], 0.014, 0.013), bark * np.float32(1.15)),
        ]

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        self._glow.draw(picture, camera, t)
        behind = [camera.see(ellipse(x, y, 0.020, 0.013, steps=16), _DEPTH) for x, y in self._stones if y < _Y]
        before = [camera.see(ellipse(x, y, 0.021, 0.014, steps=16), _DEPTH) for x, y in self._stones if y >= _Y]
        fill_each(picture, behind, self._stone * np.float32(0.75))
        for log, tint in self._logs[:2]:
            fill_each(picture, [camera.see(log, _DEPTH)], tint)
        self._flames.draw(picture, camera, t)
        log, tint = self._logs[2]
        fill_each(picture, [camera.see(log, _DEPTH)], tint)
        fill_each(picture, before, self._stone)
