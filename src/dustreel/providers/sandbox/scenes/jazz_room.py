"""The jazz club's room and its light: what is drawn once, and the haze that drifts through the beams."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.kit import Colour, Picture, Plane, Points, add_glow, clouds, colour, disc, lettering
from dustreel.providers.sandbox.scene import Shot

# More than the camera ever sees at its widest.
OVERSCAN = 1.2

_KEY, _COOL, _NEON = colour("#ffb861"), colour("#3d6fd8"), colour("#ff4f7b")
_VELVET, _SHADE, _FLOOR = colour("#5a1230"), colour("#2a0a1e"), colour("#2b1420")
_STAGE_EDGE = 0.235


def draw_room(shot: Shot, rng: np.random.Generator) -> Picture:
    """Curtain and stage, larger than the picture by OVERSCAN."""
    width, height = int(shot.width * OVERSCAN), int(shot.height * OVERSCAN)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    x: Plane = np.asarray((columns - width / 2) / shot.height, np.float32)
    y: Plane = np.asarray((rows - height / 2) / shot.height, np.float32)
    # Each is drawn where it is seen, and both where one goes over into the other.
    edge = round(_STAGE_EDGE * shot.height + height / 2)
    room = np.empty((height, width, 3), np.float32)
    room[: edge + 2] = _curtain(x[: edge + 2], y[: edge + 2], width, rng)
    stage = _stage(x[edge - 2 :], y[edge - 2 :], rng)
    on_stage = np.clip((y[edge - 2 : edge + 2] - _STAGE_EDGE) * shot.height / 1.5 + 0.5, 0, 1)[..., None]
    room[edge - 2 : edge + 2] += (stage[:4] - room[edge - 2 : edge + 2]) * on_stage
    room[edge + 2 :] = stage[4:]
    warm = _pool(x, y, -0.05, -0.02, 0.62, 0.44)
    room += _KEY * (np.exp(-(((y - _STAGE_EDGE) / 0.006) ** 2)) * (0.25 + 0.75 * warm) * 0.28)[..., None]
    room += rng.normal(0, 1.1, (height, width)).astype(np.float32)[..., None]
    return np.asarray(np.clip(room, 0, 255), np.uint8)


def _curtain(x: Plane, y: Plane, width: int, rng: np.random.Generator) -> Plane:
    """Folds are warped sines; warm light in the middle, cool at the sides."""
    wobble = cv2.resize(
        clouds(8, max(16, width // 40), rng, octaves=3, cells=2, stretch=3.0)[:1], (width, 1), interpolation=cv2.INTER_CUBIC
    )
    phase = x * 46 + np.asarray(wobble, np.float32) * 16 + np.sin(x * 3.1 + y * 0.8) * 0.7
    fold = (0.5 + 0.5 * np.sin(phase)) ** 1.5 * 0.75 + 0.25 * (0.5 + 0.5 * np.sin(phase * 2.37 + 1.2))
    shade = (0.22 + 0.78 * fold)[..., None]
    warm = _pool(x, y, -0.05, -0.02, 0.62, 0.44)
    cool = _pool(x, y, -0.78, -0.28, 0.42, 0.55) + _pool(x, y, 0.85, -0.22, 0.40, 0.50)
    cloth = (_SHADE * (1 - shade) + _VELVET * shade) * (0.22 + 0.95 * warm[..., None])
    cloth = cloth + _KEY * (warm * fold * 0.17)[..., None] + _COOL * (cool * (0.25 + 0.75 * fold) * 0.30)[..., None]
    return np.asarray(cloth * np.clip(1.15 - 0.9 * np.clip(-y - 0.22, 0, 1), 0.25, 1.2)[..., None], np.float32)


def _stage(x: Plane, y: Plane, rng: np.random.Generator) -> Plane:
    """Boards that run away from us, with a pool of light and a breath of neon."""
    near = np.clip((y - _STAGE_EDGE) / (0.62 - _STAGE_EDGE), 0, 1)
    board = np.abs(((x / (0.18 + 0.9 * near)) * 5.5) % 1 - 0.5)
    seam = np.clip((board - 0.465) * 26, 0, 1) * 0.55
    grain = clouds(x.shape[0], x.shape[1], rng, octaves=5, cells=4, stretch=1.6)
    wood = _FLOOR * (0.55 + 0.5 * grain[..., None]) * (1 - seam[..., None])
    pool = _pool(x, y, 0.06, 0.315, 0.75, 0.10)
    lit = wood * (0.35 + 0.5 * near[..., None]) + _KEY * (pool * (0.50 - 0.2 * seam) * (0.75 + 0.35 * grain))[..., None]
    return np.asarray(lit + _NEON * (_pool(x, y, -0.60, 0.30, 0.22, 0.07) * 0.16)[..., None], np.float32)


def _pool(x: Plane, y: Plane, centre_x: float, centre_y: float, across: float, down: float) -> Plane:
    return np.asarray(np.exp(-(((x - centre_x) / across) ** 2 + ((y - centre_y) / down) ** 2)), np.float32)


class Lights:
    """Beams from above through drifting haze, at a fraction of the picture's size."""

    def __init__(self, shot: Shot, rng: np.random.Generator, shrink: int) -> None:
        self._shot, self._shrink = shot, shrink
        self._rows, self._columns = math.ceil(shot.height / shrink), math.ceil(shot.width / shrink)
        self._unit = shot.height / shrink
        self._haze = clouds(self._rows * 2, self._columns * 2, rng, octaves=5, cells=4, stretch=1.4)
        self._beams = [
            (self._beam((-0.02, -0.72), (0.02, 0.34), 0.19, _KEY, 0.80), 0.0),
            (self._beam((-0.95, -0.70), (-0.14, 0.36), 0.105, _COOL, 1.05), 1.7),
            (self._beam((1.02, -0.70), (0.30, 0.36), 0.105, _NEON * 0.55 + _COOL * 0.45, 0.95), 3.1),
        ]

    def beams(self, t: float) -> Picture:
        """The light of this moment, to be added to the picture by `pour`."""
        rows, columns = self._rows, self._columns
        across, down = (t * columns * 0.035) % (columns * 0.9), (t * rows * 0.02) % (rows * 0.9)
        first = cv2.getRectSubPix(self._haze, (columns, rows), (columns / 2 + across + 1, rows / 2 + down + 1))
        second = cv2.getRectSubPix(self._haze, (columns, rows), (columns * 1.45 - across * 0.7, rows * 1.4 - down * 0.4))
        total = np.zeros((rows, columns, 3), np.float32)
        for beam, phase in self._beams:
            cv2.scaleAdd(beam, 0.86 + 0.14 * math.sin(t * 1.4 + phase), total, dst=total)
        total *= (0.25 + 2.0 * first * second)[..., None]
        return np.asarray(np.clip(total, 0, 255), np.uint8)

    def glow(self, light: Picture, where: Points, tint: Colour, radius: float, strength: float) -> None:
        sprite = disc(radius * self._unit, 2.4)[..., None] * (tint * strength)
        add_glow(light, sprite.astype(np.uint8), where[0], where[1])

    def pour(self, light: Picture, picture: Picture) -> None:
        large = cv2.resize(light, (self._shot.width, self._shot.height), interpolation=cv2.INTER_LINEAR)
        cv2.add(picture, large, dst=picture)

    def _beam(self, lamp: tuple[float, float], target: tuple[float, float], spread: float, tint: Colour, gain: float) -> Plane:
        rows, columns = np.mgrid[: self._rows, : self._columns].astype(np.float32)
        x, y = (columns - self._columns / 2) / self._unit - lamp[0], (rows - self._rows / 2) / self._unit - lamp[1]
        length = math.hypot(target[0] - lamp[0], target[1] - lamp[1])
        way = ((target[0] - lamp[0]) / length, (target[1] - lamp[1]) / length)
        along, off = np.clip(x * way[0] + y * way[1], 0, 9), -x * way[1] + y * way[0]
        strength = np.exp(-((off / (0.012 + along * spread)) ** 2) * 1.6) * np.clip(along * 6, 0, 1) * np.exp(-along * 0.95)
        return np.asarray(strength[..., None] * tint * gain, np.float32)


class NeonSign:
    """Letters as glass tubes, with their glow."""

    def __init__(self, text: str, size: float, tint: Colour) -> None:
        """`size` in pixels."""
        letters = lettering(text, size, tracking=0.10).mask
        core = cv2.erode(letters, np.ones((3, 3), np.uint8), iterations=max(1, int(size / 34)))
        tube = cv2.GaussianBlur(cv2.subtract(letters, core), (0, 0), size * 0.010 + 0.4).astype(np.float32)
        edge = np.clip(tube * 1.5, 0, 255) / 255
        near = np.clip(cv2.GaussianBlur(edge, (0, 0), size * 0.045) * 2.2, 0, 1)[..., None]
        far = np.clip(cv2.GaussianBlur(edge, (0, 0), size * 0.20) * 2.6, 0, 1)[..., None]
        white = np.array((255, 225, 232), np.float32)
        self._lit: Plane = np.asarray(near * tint * 0.85 + far * tint * 0.75 + edge[..., None] ** 1.2 * white * 0.95, np.float32)

    def draw(self, picture: Picture, x: float, y: float, strength: float) -> None:
        """Centred, at fractions of a pixel, so that a slow camera does not make it jump."""
        rows, columns = self._lit.shape[:2]
        left, top = x - columns / 2, y - rows / 2
        shift = np.array([[1, 0, left - math.floor(left)], [0, 1, top - math.floor(top)]], np.float32)
        sprite = np.clip(cv2.warpAffine(self._lit, shift, (columns + 1, rows + 1)) * strength, 0, 255).astype(np.uint8)
        add_glow(picture, sprite, math.floor(left) + (columns + 1) / 2, math.floor(top) + (rows + 1) / 2)
