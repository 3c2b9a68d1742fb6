"""The jazz club: velvet folds, boards, beams in the haze, a neon sign, pendant lamps, and heads in the hall."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Colour, Picture, Plane, clouds, colour, ellipse, fill, mix, place, stroke
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets.canvas import Canvas
from dustreel.providers.sandbox.sets.glow import Beam, Glow, Lights, Pulse, flickering
from dustreel.providers.sandbox.sets.ground import Still
from dustreel.providers.sandbox.sets.hall import Hall
from dustreel.providers.sandbox.sets.neon import Neon
from dustreel.providers.sandbox.sets.plate import Plate
from dustreel.providers.sandbox.sets.scenery import Scenery, flying, standing
from dustreel.providers.sandbox.storyboard import Storyboard

_NEON = colour("#ff4f7b")
_EDGE = 0.235
_LAMP_DEPTH, _SIGN_DEPTH = 0.70, 0.35
# The folds and boards have about this many rows before they are enlarged.
_FINE = 760


def build(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Scenery:
    neon = colour(storyboard.palette[-1]) if storyboard.palette else _NEON
    canvas = Canvas(shot)
    canvas.lay(_room(canvas, light, neon, rng))
    canvas.grain(rng, 0.02)
    sign = _sign(shot, neon)
    lamps = _lamps(shot)
    glows = [
        Glow(x, y + 0.03, _LAMP_DEPTH, 0.30, light.key * np.float32(0.36), _lamp_pulse(number), 2.4) for number, (x, y) in enumerate(lamps)
    ]
    glows.append(Glow(sign.x, sign.y, _SIGN_DEPTH, 0.36, neon * np.float32(0.30), sign.burning))
    beams = [
        Beam((-0.02, -0.72), (0.02, 0.34), 0.19, light.key, 0.80),
        Beam((-0.95 * shot.aspect / 1.78, -0.70), (-0.14, 0.36), 0.105, light.fill, 1.05, 1.7),
        Beam((1.02 * shot.aspect / 1.78, -0.70), (0.30, 0.36), 0.105, neon * np.float32(0.55) + light.fill * np.float32(0.45), 0.95, 3.1),
    ]
    back = (Still(Plate(canvas, 0.30)), sign, Pendants(lamps, light), Lights(shot, rng, glows, beams))
    front = (Hall(shot, light, neon, rng, storyboard.tempo),)
    return Scenery(back, front, standing(shot, 0.315, 0.225), flying(shot, -0.06, 0.18))


def _lamps(shot: Shot) -> tuple[tuple[float, float], ...]:
    if shot.aspect > 1.2:
        return ((-0.155, -0.385), (0.19, -0.345), (0.64, -0.375))
    return ((-0.3 * shot.aspect, -0.43), (0.3 * shot.aspect, -0.41))


def _lamp_pulse(number: int) -> Pulse:
    return flickering(number * 1.9)


def _sign(shot: Shot, tint: Colour) -> Neon:
    size = (0.070 if shot.aspect > 1.2 else 0.105) * min(1.0, shot.aspect / 0.95)
    x, y = (-0.64, -0.275) if shot.aspect > 1.5 else (-0.43, -0.33) if shot.aspect > 1.2 else (0.0, -0.255)
    return Neon(shot, "JAZZ CLUB", x, y, size, tint, depth=_SIGN_DEPTH)


def _room(canvas: Canvas, light: Light, neon: Colour, rng: np.random.Generator) -> Plane:
    x, y = canvas.grid(_FINE)
    on_stage = np.clip((y - _EDGE) * 400 + 0.5, 0, 1)[..., None]
    room = _curtain(x, y, light, rng) * (1 - on_stage) + _stage(x, y, light, neon, rng) * on_stage
    warm = _pool(x, y, -0.05, -0.02, 0.62, 0.44)
    room += light.key * (np.exp(-(((y - _EDGE) / 0.006) ** 2)) * (0.25 + 0.75 * warm) * 0.28)[..., None]
    return np.asarray(room, np.float32)


def _curtain(x: Plane, y: Plane, light: Light, rng: np.random.Generator) -> Plane:
    """Folds are warped sines; warm light in the middle, cool at the sides."""
    columns = x.shape[1]
    wobble = cv2.resize(
        clouds(8, max(16, columns // 40), rng, octaves=3, cells=2, stretch=3.0)[:1], (columns, 1), interpolation=cv2.INTER_CUBIC
    )
    phase = x * 46 + np.asarray(wobble, np.float32) * 16 + np.sin(x * 3.1 + y * 0.8) * 0.7
    fold = (0.5 + 0.5 * np.sin(phase)) ** 1.5 * 0.75 + 0.25 * (0.5 + 0.5 * np.sin(phase * 2.37 + 1.2))
    shade = (0.22 + 0.78 * fold)[..., None]
    warm = _pool(x, y, -0.05, -0.02, 0.62, 0.44)
    cool = _pool(x, y, -0.78, -0.28, 0.42, 0.55) + _pool(x, y, 0.85, -0.22, 0.40, 0.50)
    cloth = (light.zenith * (1 - shade) + light.middle * shade) * (0.22 + 0.95 * warm[..., None])
    cloth = cloth + light.key * (warm * fold * 0.17)[..., None] + light.fill * (cool * (0.25 + 0.75 * fold) * 0.30)[..., None]
    return np.asarray(cloth * np.clip(1.15 - 0.9 * np.clip(-y - 0.22, 0, 1), 0.25, 1.2)[..., None], np.float32)


def _stage(x: Plane, y: Plane, light: Light, neon: Colour, rng: np.random.Generator) -> Plane:
    """Boards that run away from us, with a pool of light and a breath of neon."""
    near = np.clip((y - _EDGE) / (0.62 - _EDGE), 0, 1)
    board = np.abs(((x / (0.18 + 0.9 * near)) * 5.5) % 1 - 0.5)
    seam = np.clip((board - 0.465) * 26, 0, 1) * 0.55
    grain = clouds(x.shape[0], x.shape[1], rng, octaves=5, cells=4, stretch=1.6)
    wood = light.horizon * (0.55 + 0.5 * grain[..., None]) * (1 - seam[..., None])
    pool = _pool(x, y, 0.06, 0.315, 0.75, 0.10)
    shone = wood * (0.35 + 0.5 * near[..., None]) + light.key * (pool * (0.50 - 0.2 * seam) * (0.75 + 0.35 * grain))[..., None]
    return np.asarray(shone + neon * (_pool(x, y, -0.60, 0.30, 0.22, 0.07) * 0.16)[..., None], np.float32)


def _pool(x: Plane, y: Plane, centre_x: float, centre_y: float, across: float, down: float) -> Plane:
    return np.asarray(np.exp(-(((x - centre_x) / across) ** 2 + ((y - centre_y) / down) ** 2)), np.float32)


class Pendants:
    """Lamps on cords that swing a little."""

    def __init__(self, lamps: tuple[tuple[float, float], ...], light: Light, size: float = 1.0) -> None:
        self._lamps, self._light, self._size = lamps, light, size

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        size = self._size * min(1.0, 0.45 + 0.4 * camera.width / camera.height)
        for number, (x, y) in enumerate(self._lamps):
            swing = 0.035 * math.sin(t * 1.2 + number * 1.9)
            bulb_x = x + math.sin(swing) * 0.2
            stroke(picture, camera.see([(x, -0.8), (bulb_x, y)], _LAMP_DEPTH), self._light.ink, camera.height * 0.0022)
            shade = place([(-0.012, -0.032), (0.012, -0.032), (0.052, 0.018), (-0.052, 0.018)], size, bulb_x, y, swing)
            fill(picture, camera.see(shade, _LAMP_DEPTH), self._light.ink * np.float32(1.6))
            edge = place([(-0.012, -0.032), (-0.006, -0.032), (-0.036, 0.018), (-0.052, 0.018)], size, bulb_x, y, swing)
            fill(picture, camera.see(edge, _LAMP_DEPTH), mix(self._light.ink, self._light.key, 0.35))
            bulb = place(ellipse(0, 0.018, 0.040, 0.009, steps=24), size, bulb_x, y, swing)
            fill(picture, camera.see(bulb, _LAMP_DEPTH), mix(self._light.shine, self._light.key, 0.25))
