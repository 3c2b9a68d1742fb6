"""The stage of a theatre: an arch, curtains drawn aside, beams that wander, polished boards, and the audience."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Colour, Picture, Plane, clouds, colour, ellipse, mix, spared
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets import ground, town
from dustreel.providers.sandbox.sets.canvas import Canvas
from dustreel.providers.sandbox.sets.distance import Distance, far_shot
from dustreel.providers.sandbox.sets.glow import SHRINK, Beam, Glow, Lights
from dustreel.providers.sandbox.sets.hall import Hall
from dustreel.providers.sandbox.sets.plate import Plate
from dustreel.providers.sandbox.sets.scenery import Scenery, flying, standing
from dustreel.providers.sandbox.storyboard import Mood, Storyboard

_EDGE = 0.215
_LIVELY = 122.0


def build(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Scenery:
    named = [colour(code) for code in storyboard.palette]
    velvet = named[0] if named else colour("#8a1628")
    accents = (*named, light.fill, colour("#ff5fa2"), colour("#46c8ff"))[:3]
    # A crowd with its hands up belongs to a concert, not to a ballet.
    lively = storyboard.tempo >= _LIVELY or storyboard.mood is Mood.EPIC
    key = Beam((0.0, -0.78), (0.0, 0.36), 0.16, light.key, 0.62, 0.0, 0.70)
    pool = [Glow(0.0, 0.33, 0.9, 0.42, light.key * np.float32(0.14)), Glow(0.0, -0.56, 0.5, 0.25, light.key * np.float32(0.5))]
    far = far_shot(shot)
    back = (
        Distance(far, [ground.Still(_house(far, light, velvet, accents, rng))], until=_EDGE + 0.03),
        ground.Still(_boards(shot, light, rng)),
        Sweep(shot, accents, 1.0 if lively else 0.55),
        Lights(shot, rng, pool, [key]),
        town.Wet(shot, rng, line=_EDGE + 0.004, depth=0.75, amount=0.36),
    )
    front = (
        _drape(shot, light, velvet, -1.0),
        _drape(shot, light, velvet, 1.0),
        Hall(shot, light, accents[0], rng, storyboard.tempo, hands=lively, candles=False),
    )
    return Scenery(back, front, standing(shot, 0.325, 0.225, mirrored=0.28), flying(shot, -0.06, 0.18))


def _house(shot: Shot, light: Light, velvet: Colour, accents: tuple[Colour, ...], rng: np.random.Generator) -> Plate:
    """The backdrop: a curtain far behind, washed in colour from below and above."""
    canvas = Canvas(shot)
    x, y = canvas.grid(620)
    wobble = clouds(4, x.shape[1], rng, octaves=3, cells=2, stretch=9.0)[:1]
    phase = x * 38 + wobble * 12
    fold = (0.5 + 0.5 * np.sin(phase)) ** 1.3 * 0.7 + 0.3 * (0.5 + 0.5 * np.sin(phase * 2.3 + 1))
    shade = (0.30 + 0.70 * fold)[..., None]
    cloth = mix(light.zenith, velvet, 0.22) * shade
    low, high = np.exp(-(((y - 0.22) / 0.20) ** 2)), np.exp(-(((y + 0.55) / 0.30) ** 2))
    first = np.exp(-(((x + 0.55) / 0.38) ** 2))
    second = np.exp(-(((x - 0.55) / 0.38) ** 2))
    middle = np.exp(-((x / 0.40) ** 2 + ((y + 0.02) / 0.42) ** 2))
    cloth = cloth + accents[0] * ((low * first * 0.55 + high * second * 0.25) * (0.3 + 0.7 * fold))[..., None]
    cloth = cloth + accents[1] * ((low * second * 0.50 + high * first * 0.25) * (0.3 + 0.7 * fold))[..., None]
    cloth = cloth + light.key * (middle * (0.10 + 0.24 * fold))[..., None]
    canvas.lay(np.asarray(cloth, np.float32))
    _truss(canvas, light)
    canvas.grain(rng, 0.02)
    return Plate(canvas, 0.40)


def _truss(canvas: Canvas, light: Light) -> None:
    """A bar of lamps under the roof."""
    steel = mix(light.ink, light.fill, 0.22)
    for y in (-0.455, -0.425):
        canvas.line([(-2, y), (2, y)], steel, 0.005)
    for number in range(-24, 24):
        canvas.line([(number * 0.07, -0.455), (number * 0.07 + 0.035, -0.425), (number * 0.07 + 0.07, -0.455)], steel, 0.003)
    for x in np.arange(-0.84, 0.85, 0.28):
        canvas.shape([(x - 0.020, -0.425), (x + 0.020, -0.425), (x + 0.026, -0.380), (x - 0.026, -0.380)], steel * np.float32(0.6))
        canvas.shape(ellipse(x, -0.380, 0.025, 0.008), mix(light.shine, light.key, 0.3))


def _boards(shot: Shot, light: Light, rng: np.random.Generator) -> Plate:
    canvas = Canvas(shot)
    x, y = canvas.grid(620)
    near = np.clip((y - _EDGE) / (0.62 - _EDGE), 0, 1)
    board = np.abs(((x / (0.22 + 0.9 * near)) * 5.0) % 1 - 0.5)
    seam = np.clip((board - 0.465) * 26, 0, 1) * 0.6
    grain = clouds(x.shape[0], x.shape[1], rng, octaves=5, cells=4, stretch=1.6)
    wood: Plane = mix(light.horizon, colour("#5a3826"), 0.62) * (0.60 + 0.4 * grain[..., None]) * (1 - seam[..., None])
    pool = np.exp(-((x / 0.52) ** 2 + ((y - 0.325) / 0.085) ** 2))
    wood = wood * (0.55 + 0.3 * near[..., None]) + light.key * (pool * 0.30 * (1 - 0.5 * seam))[..., None]
    canvas.lay(np.asarray(wood, np.float32), [(-2, _EDGE), (2, _EDGE), (2, 1), (-2, 1)])
    canvas.line([(-2, _EDGE), (2, _EDGE)], mix(light.horizon, light.key, 0.45), 0.003)
    canvas.grain(rng, 0.02)
    return Plate(canvas, 0.80)


def _drape(shot: Shot, light: Light, velvet: Colour, side: float) -> ground.Swaying:
    """A curtain gathered at one side of the picture, with a gold cord, and the swag above it."""
    canvas = Canvas(shot)
    outer, width = side * (shot.aspect / 2 + 0.20), min(0.36, 0.24 * shot.aspect)
    folds = 9
    for number in range(folds):
        tone = 0.30 + 0.42 * (0.5 + 0.5 * math.sin(number * 1.9 + 0.5)) + 0.20 * number / folds
        share, after = number / folds, (number + 1.25) / folds
        y = np.linspace(-0.66, 0.66, 40)
        waist = 1 - 0.50 * np.exp(-(((y - 0.10) / 0.17) ** 2)) - 0.12 * np.clip(y - 0.15, 0, 1)
        reach = width + 0.22
        left, right = outer - side * reach * share * waist, outer - side * reach * after * waist
        canvas.shape(
            np.concatenate([np.stack([left, y], -1), np.stack([right, y], -1)[::-1]]),
            mix(light.ink, velvet * np.float32(tone) * light.key / 255 * np.float32(1.5), 0.80),
        )
    cord = mix(light.ink, colour("#e8b850"), 0.75)
    canvas.shape(ellipse(outer - side * (width + 0.22) * 0.30, 0.10, (width + 0.22) * 0.30, 0.016, turn=-side * 0.12), cord)
    for number in range(6):
        x, reach = outer - side * 0.17 * number, 0.15
        canvas.shape(
            ellipse(x, -0.535, 0.15, reach * (0.95 - 0.05 * number)), mix(light.ink, velvet * np.float32(0.42 + 0.10 * (number % 2)), 0.9)
        )
        canvas.line(ellipse(x, -0.535, 0.15, reach * (0.95 - 0.05 * number))[2:17], mix(cord, light.ink, 0.25), 0.004)
    return ground.Swaying(Plate(canvas, 1.15, foot=-0.66), 0.0035, side, 0.6)


class Sweep:
    """Beams that wander across the stage, each about its own lamp."""

    def __init__(self, shot: Shot, tints: tuple[Colour, ...], pace: float) -> None:
        self._shot, self._pace = shot, pace
        self._rows, self._columns = math.ceil(shot.height / SHRINK), math.ceil(shot.width / SHRINK)
        unit = shot.height / SHRINK
        long, wide = round(unit * 1.25), round(unit * 0.44)
        down = np.linspace(0, 1, long, dtype=np.float32)[:, None]
        across = np.linspace(-1, 1, wide, dtype=np.float32)[None]
        cone = (
            np.exp(-((across / (0.05 + 0.62 * down)) ** 2) * 2.2)
            * np.clip(down * 14, 0, 1)
            * np.exp(-down * 1.5)
            * np.clip((1 - down) * 6, 0, 1)
        )
        self._cones = [spared(np.asarray(np.clip(cone[..., None] * tint * 0.62, 0, 255), np.uint8)) for tint in tints]
        narrow = min(1.0, shot.aspect / 1.6)
        self._lamps = [(x * narrow, number) for number, x in enumerate((-0.84, -0.56, 0.56, 0.84))]
        self._unit, self._wide = unit, wide
        self._canvas: Picture = np.empty((self._rows, self._columns, 4), np.uint8)
        self._large: Picture = np.empty((shot.height, shot.width, 3), np.uint8)

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        self._canvas[...] = 0
        for x, number in self._lamps:
            turn = (0.34 if x < 0 else -0.34) + 0.30 * math.sin(t * 0.75 * self._pace + number * 1.7)
            (lamp,) = camera.see([(x, -0.38)], 0.4, shrunk=1 / SHRINK)
            cos, sin = math.cos(turn), math.sin(turn)
            # Sideways in the picture to the cone's own axes: its lamp is the middle of its upper edge.
            matrix = np.array([[cos, sin, 0], [-sin, cos, 0]], np.float32)
            matrix[0, 2] = self._wide / 2 - cos * lamp[0] - sin * lamp[1]
            matrix[1, 2] = sin * lamp[0] - cos * lamp[1]
            cone = self._cones[number % len(self._cones)]
            moved = cv2.warpAffine(cone, matrix, (self._columns, self._rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
            cv2.add(self._canvas, moved, dst=self._canvas)
        cv2.resize(
            cv2.cvtColor(self._canvas, cv2.COLOR_RGBA2RGB),
            (self._shot.width, self._shot.height),
            dst=self._large,
            interpolation=cv2.INTER_LINEAR,
        )
        cv2.add(picture, self._large, dst=picture)
