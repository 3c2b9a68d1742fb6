"""Soft light: halos, lamps, beams and rays, drawn at a fifth of the size and poured over the picture in one go."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from dustreel.providers.sandbox.kit import Camera, Colour, Picture, Plane, clouds, disc, spared
from dustreel.providers.sandbox.scene import Shot

SHRINK = 5

type Pulse = Callable[[float], float]


def steady(_: float) -> float:
    return 1.0


def breathing(phase: float, amount: float = 0.06) -> Pulse:
    return lambda t: 1 - amount + amount * math.sin(t * 1.7 + phase)


def flickering(phase: float) -> Pulse:
    """A flame."""
    return lambda t: 0.82 + 0.10 * math.sin(t * 8.3 + phase) * math.sin(t * 5.1 + 2 * phase) + 0.08 * math.sin(t * 2.3 + phase)


@dataclass(frozen=True, slots=True)
class Glow:
    x: float
    y: float
    depth: float
    radius: float
    tint: Colour
    """As bright as it is in its middle."""
    pulse: Pulse = steady
    softness: float = 2.4


@dataclass(frozen=True, slots=True)
class Beam:
    lamp: tuple[float, float]
    target: tuple[float, float]
    spread: float
    tint: Colour
    gain: float
    phase: float = 0.0
    fall: float = 0.95


class Lights:
    """Glows and beams of a place. Beams are seen in the haze that drifts through them."""

    def __init__(
        self,
        shot: Shot,
        rng: np.random.Generator,
        glows: Sequence[Glow] = (),
        beams: Sequence[Beam] = (),
        depth: float = 0.3,
        rays: "Rays | None" = None,
    ) -> None:
        self._shot, self._glows, self._depth, self._rays = shot, glows, depth, rays
        self._rows, self._columns = math.ceil(shot.height / SHRINK), math.ceil(shot.width / SHRINK)
        self._unit = shot.height / SHRINK
        self._canvas: Picture = np.zeros((self._rows, self._columns, 4), np.uint8)
        self._large: Picture = np.empty((shot.height, shot.width, 3), np.uint8)
        self._sprites = [_sprite(glow, self._unit) for glow in glows]
        self._beams = [(self._painted(beam), beam.phase) for beam in beams]
        if beams:
            self._haze = np.asarray(clouds(self._rows * 2, self._columns * 2, rng, octaves=5, cells=4, stretch=1.4) * 255, np.uint8)

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        canvas = self._canvas
        canvas[...] = 0
        if self._beams:
            self._shine(canvas, camera, t)
        if self._rays is not None:
            self._rays.shine(canvas, camera, t)
        for glow, sprite in zip(self._glows, self._sprites, strict=True):
            (where,) = camera.see([(glow.x, glow.y)], glow.depth, shrunk=1 / SHRINK)
            add_soft(canvas, sprite, where[0], where[1], glow.pulse(t))
        light = cv2.cvtColor(canvas, cv2.COLOR_RGBA2RGB)
        cv2.resize(light, (self._shot.width, self._shot.height), dst=self._large, interpolation=cv2.INTER_LINEAR)
        cv2.add(picture, self._large, dst=picture)

    def _shine(self, canvas: Picture, camera: Camera, t: float) -> None:
        for beam, phase in self._beams:
            cv2.addWeighted(canvas, 1.0, beam, 0.86 + 0.14 * math.sin(t * 1.4 + phase), 0.0, dst=canvas)
        first, second = self._drift(t * 0.035, t * 0.020), self._drift(0.45 - t * 0.024, 0.40 - t * 0.010)
        haze = cv2.multiply(first, second, scale=2.0 / 255)
        shade = cv2.convertScaleAbs(haze, alpha=0.84, beta=38)
        cv2.multiply(canvas, cv2.merge([shade] * 4), dst=canvas, scale=1 / 128)
        shift = np.array([[1, 0, -camera.x * self._depth * self._unit], [0, 1, -camera.y * self._depth * self._unit]], np.float32)
        cv2.warpAffine(canvas, shift, (self._columns, self._rows), dst=canvas, borderMode=cv2.BORDER_REPLICATE)

    def _drift(self, across: float, down: float) -> Picture:
        """A part of the haze, moved by shares of the picture; it swings back before the sheet ends."""
        rows, columns = self._rows, self._columns
        middle = (columns * (0.5 + 0.95 * _swing(across)), rows * (0.5 + 0.95 * _swing(down)))
        return np.asarray(cv2.getRectSubPix(self._haze, (columns, rows), middle), np.uint8)

    def _painted(self, beam: Beam) -> Picture:
        rows, columns = np.mgrid[: self._rows, : self._columns].astype(np.float32)
        x = (columns - self._columns / 2) / self._unit - beam.lamp[0]
        y = (rows - self._rows / 2) / self._unit - beam.lamp[1]
        length = math.hypot(beam.target[0] - beam.lamp[0], beam.target[1] - beam.lamp[1])
        way = ((beam.target[0] - beam.lamp[0]) / length, (beam.target[1] - beam.lamp[1]) / length)
        along, off = np.clip(x * way[0] + y * way[1], 0, 9), -x * way[1] + y * way[0]
        strength = np.exp(-((off / (0.012 + along * beam.spread)) ** 2) * 1.6) * np.clip(along * 6, 0, 1) * np.exp(-along * beam.fall)
        return spared(np.asarray(np.clip(strength[..., None] * beam.tint * beam.gain, 0, 255), np.uint8))


class Rays:
    """Light that falls in shafts from a point, seen between leaves or clouds; two patterns fade into each other."""

    def __init__(
        self, shot: Shot, rng: np.random.Generator, source: tuple[float, float], tint: Colour, *, depth: float = 0.2, reach: float = 1.0
    ) -> None:
        self._shot, self._depth = shot, depth
        self._rows, self._columns = math.ceil(shot.height / SHRINK), math.ceil(shot.width / SHRINK)
        self._unit = shot.height / SHRINK
        margin = self._unit * 0.12
        rows, columns = np.mgrid[: self._rows + int(2 * margin), : self._columns + int(2 * margin)].astype(np.float32)
        x = (columns - margin - self._columns / 2) / self._unit - source[0]
        y = (rows - margin - self._rows / 2) / self._unit - source[1]
        angle, far = np.arctan2(y, x), np.hypot(x, y)
        self._margin = margin
        self._patterns = [self._pattern(angle, far, tint, reach, rng) for _ in range(2)]
        self._mixed = np.empty_like(self._patterns[0])

    def shine(self, canvas: Picture, camera: Camera, t: float) -> None:
        share = 0.5 + 0.5 * math.sin(t * 0.55)
        cv2.addWeighted(self._patterns[0], 0.35 + 0.65 * share, self._patterns[1], 1 - 0.65 * share, 0.0, dst=self._mixed)
        x, y = self._margin + camera.x * self._depth * self._unit, self._margin + camera.y * self._depth * self._unit
        matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(self._mixed, matrix, (self._columns, self._rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        cv2.add(canvas, moved, dst=canvas)

    @staticmethod
    def _pattern(angle: Plane, far: Plane, tint: Colour, reach: float, rng: np.random.Generator) -> Picture:
        rays = np.zeros_like(angle)
        for number in (7, 11, 17, 29):
            rays += np.sin(angle * number + rng.uniform(0, 6.28)) / number**0.35
        shafts = np.clip(rays * 0.55 + 0.1, 0, 1) ** 1.6 * np.exp(-far / (0.55 * reach)) * np.clip(far * 5, 0, 1)
        return spared(np.asarray(np.clip(shafts[..., None] * tint * 0.62, 0, 255), np.uint8))


def add_soft(picture: Picture, sprite: Picture, x: float, y: float, strength: float = 1.0) -> None:
    """Add light, centred, at fractions of a pixel, so that what is slow does not jump. Sprites have a fourth channel, for speed alone."""
    rows, columns = sprite.shape[:2]
    left, top = x - columns / 2, y - rows / 2
    if strength <= 0.01 or left > picture.shape[1] or top > picture.shape[0] or left + columns < 0 or top + rows < 0:
        return
    x0, y0 = math.floor(left), math.floor(top)
    matrix = np.array([[1, 0, left - x0], [0, 1, top - y0]], np.float32)
    moved = cv2.warpAffine(sprite, matrix, (columns + 1, rows + 1))
    if picture.shape[2] < sprite.shape[2]:
        moved = cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB)
    if abs(strength - 1) > 0.004:
        cv2.convertScaleAbs(moved, dst=moved, alpha=strength)
    from_x, from_y = max(-x0, 0), max(-y0, 0)
    to_x, to_y = min(picture.shape[1] - x0, columns + 1), min(picture.shape[0] - y0, rows + 1)
    if to_x > from_x and to_y > from_y:
        region = picture[y0 + from_y : y0 + to_y, x0 + from_x : x0 + to_x]
        cv2.add(region, np.asarray(moved, np.uint8)[from_y:to_y, from_x:to_x], dst=region)


def sprite(radius: float, softness: float, tint: Colour) -> Picture:
    """`radius` in pixels."""
    return spared(np.asarray(np.clip(disc(max(radius, 2.0), softness)[..., None] * tint, 0, 255), np.uint8))


def _sprite(glow: Glow, unit: float) -> Picture:
    return sprite(glow.radius * unit, glow.softness, glow.tint)


def _swing(share: float) -> float:
    """To and fro between 0 and 1."""
    share %= 2.0
    return share if share < 1 else 2 - share
