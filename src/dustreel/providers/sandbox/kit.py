"""Shapes, colours and layers on OpenCV and NumPy.

Scenes are drawn in units of the picture's height: (0, 0) is the centre, y grows downwards, so that every aspect ratio shares one drawing.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

type Points = NDArray[np.float64]
type Colour = NDArray[np.float32]
type Picture = NDArray[np.uint8]
type Plane = NDArray[np.float32]

# OpenCV draws polygons at 1/32 of a pixel, so that slow moves don't jump.
_SHIFT = 5


def colour(code: str) -> Colour:
    """`#rrggbb` as red, green and blue, 0 to 255."""
    return np.array([int(code[at : at + 2], 16) for at in (1, 3, 5)], np.float32)


def mix(first: NDArray[np.floating[Any]], second: NDArray[np.floating[Any]], share: float) -> Colour:
    return np.asarray(first + (second - first) * share, np.float32)


def smooth(t: float) -> float:
    """0 to 1 with soft ends."""
    t = min(max(t, 0.0), 1.0)
    return t * t * (3 - 2 * t)


def smoother(t: float) -> float:
    t = min(max(t, 0.0), 1.0)
    return t * t * t * (t * (6 * t - 15) + 10)


def spline(points: ArrayLike, *, closed: bool = True, steps: int = 10) -> Points:
    """A Catmull-Rom curve through the points."""
    path = np.asarray(points, np.float64)
    if closed:
        padded = np.concatenate([path[-1:], path, path[:2]])
    else:
        padded = np.concatenate([2 * path[:1] - path[1:2], path, 2 * path[-1:] - path[-2:-1]])
    windows = np.stack([padded[:-3], padded[1:-2], padded[2:-1], padded[3:]], 1)
    curve = np.matmul(_spline_basis(steps), windows).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, path[-1:]])


@lru_cache
def _spline_basis(steps: int) -> Points:
    t = np.arange(steps) / steps
    return 0.5 * np.stack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3], -1)


def ellipse(x: float, y: float, across: float, down: float, *, steps: int = 36, turn: float = 0.0) -> Points:
    """Radii `across` and `down`, turned by radians."""
    angles = np.arange(steps) * (2 * math.pi / steps)
    px, py = across * np.cos(angles), down * np.sin(angles)
    cos, sin = math.cos(turn), math.sin(turn)
    return np.stack([x + px * cos - py * sin, y + px * sin + py * cos], -1)


def tube(points: ArrayLike, start: float, end: float, *, steps: int = 8) -> Points:
    """A limb: a stroke along a curve that tapers from one half-width to the other, with a round end."""
    path = spline(points, closed=False, steps=steps)
    direction = np.gradient(path, axis=0)
    length = np.hypot(direction[:, 0], direction[:, 1]) + 1e-9
    normal = np.stack([-direction[:, 1] / length, direction[:, 0] / length], -1)
    width = np.linspace(start, end, len(path))[:, None]
    angles = math.atan2(normal[-1, 1], normal[-1, 0]) - np.linspace(0, math.pi, 9)[1:-1]
    cap = np.stack([path[-1, 0] + end * np.cos(angles), path[-1, 1] + end * np.sin(angles)], -1)
    return np.concatenate([path + normal * width, cap, (path - normal * width)[::-1]])


def place(shape: ArrayLike, scale: float = 1.0, x: float = 0.0, y: float = 0.0, turn: float = 0.0, *, flip: bool = False) -> Points:
    """A shape turned about its origin, scaled, and moved."""
    points = np.asarray(shape, np.float64)
    if flip:
        points = points * (-1, 1)
    if turn:
        cos, sin = math.cos(turn), math.sin(turn)
        points = np.stack([points[:, 0] * cos - points[:, 1] * sin, points[:, 0] * sin + points[:, 1] * cos], -1)
    return points * scale + (x, y)


@dataclass(slots=True)
class Camera:
    """Where the picture is taken from. Depth 0 is infinitely far, 1 the stage, more than 1 nearer than it."""

    width: int
    height: int
    x: float = 0.0
    y: float = 0.0
    zoom: float = 1.0

    def scale(self, depth: float) -> float:
        """Pixels per unit at a depth."""
        return (1 + (self.zoom - 1) * depth) * self.height

    def see(self, points: ArrayLike, depth: float = 1.0, *, shrunk: float = 1.0) -> Points:
        """Pixels of a picture that is smaller by `shrunk`."""
        moved = (np.asarray(points, np.float64) - (self.x * depth, self.y * depth)) * (self.scale(depth) * shrunk)
        return np.asarray(moved + np.array((self.width, self.height)) * (shrunk / 2), np.float64)

    def warp(self, backdrop: Picture, depth: float, into: Picture) -> None:
        """Draw an over-scanned backdrop at a depth. One of four channels (see `spared`) is drawn in a third of the time."""
        zoom = 1 + (self.zoom - 1) * depth
        shift_x = backdrop.shape[1] / 2 - self.width / 2 / zoom + self.x * depth * self.height
        shift_y = backdrop.shape[0] / 2 - self.height / 2 / zoom + self.y * depth * self.height
        matrix = np.array([[1 / zoom, 0, shift_x], [0, 1 / zoom, shift_y]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (self.width, self.height)
        if backdrop.shape[2] == 3:
            cv2.warpAffine(backdrop, matrix, size, dst=into, flags=flags, borderMode=cv2.BORDER_REPLICATE)
            return
        warped = scratch(self.height, self.width)
        cv2.warpAffine(backdrop, matrix, size, dst=warped, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB, dst=into)


def spared(plate: Picture) -> Picture:
    """A plate with a fourth channel that nobody sees: OpenCV 5 warps four channels with SIMD, three without (2.6 and 7.4 ms at 720p)."""
    return np.asarray(cv2.cvtColor(plate, cv2.COLOR_RGB2RGBA), np.uint8)


@lru_cache(maxsize=2)
def scratch(height: int, width: int) -> Picture:
    """Four channels of a picture's size, for whoever needs them within one call."""
    return np.empty((height, width, 4), np.uint8)


def fill(picture: Picture, pixels: Points, tint: Sequence[float] | Colour) -> None:
    fill_all(picture, [pixels], tint)


def fill_all(picture: Picture, shapes: Sequence[Points], tint: Sequence[float] | Colour) -> None:
    cv2.fillPoly(picture, [_fixed(shape) for shape in shapes], _scalar(tint), cv2.LINE_AA, _SHIFT)


def fill_each(picture: Picture, shapes: Iterable[Points], tint: Sequence[float] | Colour) -> None:
    """One by one: polygons filled together cancel out where they overlap."""
    ink = _scalar(tint)
    for shape in shapes:
        cv2.fillPoly(picture, [_fixed(shape)], ink, cv2.LINE_AA, _SHIFT)


def stroke(picture: Picture, pixels: Points, tint: Sequence[float] | Colour, width: float) -> None:
    cv2.polylines(picture, [_fixed(pixels)], False, _scalar(tint), max(1, round(width)), cv2.LINE_AA, _SHIFT)


def _fixed(pixels: Points) -> NDArray[np.int32]:
    return np.round(pixels * (1 << _SHIFT)).astype(np.int32)


def _scalar(tint: Sequence[float] | Colour) -> tuple[float, ...]:
    return tuple(min(max(float(part), 0.0), 255.0) for part in tint)


def clouds(height: int, width: int, rng: np.random.Generator, *, octaves: int = 5, cells: int = 3, stretch: float = 1.0) -> Plane:
    """Fractal noise, 0 to 1."""
    found = np.zeros((height, width), np.float32)
    weight = 1.0
    for octave in range(octaves):
        grid = rng.random((int(cells * 2**octave) + 2, int(cells * stretch * 2**octave) + 2)).astype(np.float32)
        found += weight * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        weight *= 0.5
    found -= found.min()
    return np.asarray(found / max(float(found.max()), 1e-6), np.float32)


@lru_cache(maxsize=1024)
def disc(radius: float, softness: float) -> Plane:
    """A glow: 1 in the middle, 0 at the radius in pixels. Kept, since every mote asks for its own with each frame; not to be written to."""
    size = int(radius) * 2 + 1
    y, x = np.mgrid[:size, :size].astype(np.float32) - int(radius)
    glow: Plane = np.asarray(np.clip(1 - np.hypot(x, y) / max(radius, 1.0), 0, 1) ** softness, np.float32)
    glow.setflags(write=False)
    return glow


def add_glow(picture: Picture, sprite: Picture, x: float, y: float) -> None:
    """Add light, centred, saturating."""
    height, width = sprite.shape[:2]
    left, top = round(x - width / 2), round(y - height / 2)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, picture.shape[1]), min(top + height, picture.shape[0])
    if x1 > x0 and y1 > y0:
        region = picture[y0:y1, x0:x1]
        cv2.add(region, sprite[y0 - top : y1 - top, x0 - left : x1 - left], dst=region)


def blend(picture: Picture, mask: Picture, x: float, y: float, tint: ArrayLike, opacity: float = 1.0) -> None:
    """Paint through a mask whose top left corner is at (x, y), at fractions of a pixel."""
    left, top = math.floor(x), math.floor(y)
    right, down = x - left, y - top
    height, width = mask.shape
    if right > 0.02 or down > 0.02:
        shifted = cv2.warpAffine(mask, np.array([[1, 0, right], [0, 1, down]], np.float32), (width + 1, height + 1))
        mask, height, width = np.asarray(shifted, np.uint8), height + 1, width + 1
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, picture.shape[1]), min(top + height, picture.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    share = mask[y0 - top : y1 - top, x0 - left : x1 - left].astype(np.float32)[..., None] * (opacity / 255.0)
    region = picture[y0:y1, x0:x1]
    region[...] = (region + (np.asarray(tint, np.float32) - region) * share + 0.5).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Lettering:
    mask: Picture
    margin: int
    """Pixels around the text within the mask."""
    width: float
    """Of the text itself, in pixels."""


@lru_cache(maxsize=256)
def lettering(text: str, size: float, *, tracking: float = 0.0) -> Lettering:
    """Text in the font that Pillow carries, so that a machine without fonts draws the same."""
    font = ImageFont.load_default(max(6.0, size))
    margin = int(size * 0.9)
    widths = [font.getlength(letter) + tracking * size for letter in text]
    image = Image.new("L", (int(sum(widths)) + 2 * margin + 2, int(size * 1.3) + 2 * margin))
    draw = ImageDraw.Draw(image)
    x = float(margin)
    for letter, width in zip(text, widths, strict=True):
        draw.text((x, margin), letter, font=font, fill=255)
        x += width
    return Lettering(np.asarray(image, np.uint8), margin, sum(widths))
