"""What rises from a figure: notes from an instrument, z's from whoever sleeps. Small, few, and gone after a moment."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from dustreel.providers.sandbox.kit import Colour, Picture, Points, ellipse, place, smooth, spline

_SECONDS = 2.8
_NOTE_EVERY, _SLEEPY_EVERY = 0.62, 1.15
_SHIFT = 5

_HEAD = ellipse(0, 0, 4.2, 3.1, steps=16, turn=-0.35)
_STEM = np.array([(2.8, -18), (4.0, -18), (4.0, 0), (2.8, 0)])
_FLAG = spline([(3.4, -18), (6.4, -14.5), (8.6, -10), (7.4, -5), (7.0, -10), (3.4, -13.4)], steps=4)
_QUAVER = (_HEAD, _STEM, _FLAG)
_BEAM = np.array([(2.8, -17), (17, -20), (17, -16), (2.8, -13)])
_PAIR = (_HEAD, place(_STEM, y=1), place(_HEAD, x=13, y=-2), place(_STEM, x=13, y=-1.6), _BEAM)
_Z = (np.array([(-4, -5), (4, -5), (4, -3.4), (-1.4, 3.2), (4.2, 3.2), (4.2, 5), (-4.2, 5), (-4.2, 3.4), (1.2, -3.2), (-4, -3.2)]),)


@dataclass(frozen=True, slots=True)
class Risen:
    shapes: tuple[Points, ...]
    """In the drawing's units, about where it came from."""
    opacity: float
    number: int


def notes(t: float) -> list[Risen]:
    return _risen(t, _NOTE_EVERY, (_QUAVER, _PAIR), wide=1.0)


def sleep(t: float) -> list[Risen]:
    return _risen(t, _SLEEPY_EVERY, (_Z,), wide=0.5)


def _risen(t: float, every: float, kinds: Sequence[tuple[Points, ...]], *, wide: float) -> list[Risen]:
    found = []
    newest = math.floor(t / every)
    for number in range(max(0, newest - math.floor(_SECONDS / every)), newest + 1):
        share = (t - number * every) / _SECONDS
        if 0 < share < 1:
            x = wide * (6 + 34 * share * (0.5 + (number * 0.618) % 1.0) + 4 * math.sin(share * 7 + number))
            size, turn = 0.6 + 0.4 * smooth(share * 4), 0.22 * math.sin(share * 6 + number)
            shapes = tuple(place(shape, size, x, -58 * share**0.85, turn) for shape in kinds[number % len(kinds)])
            found.append(Risen(shapes, smooth(share * 6) * (1 - smooth((share - 0.6) / 0.4)), number))
    return found


def draw(picture: Picture, shapes: Sequence[Points], tint: Colour, opacity: float) -> None:
    """`shapes` in pixels; see-through as a whole."""
    points = np.concatenate(shapes)
    x0, y0 = np.maximum(np.floor(points.min(0)).astype(int) - 1, 0)
    x1, y1 = np.minimum(np.ceil(points.max(0)).astype(int) + 2, (picture.shape[1], picture.shape[0]))
    if x1 - x0 < 3 or y1 - y0 < 3:
        return
    region = picture[y0:y1, x0:x1]
    drawn = region.copy()
    scalar = (float(tint[0]), float(tint[1]), float(tint[2]))
    for shape in shapes:
        cv2.fillPoly(drawn, [np.round((shape - (x0, y0)) * (1 << _SHIFT)).astype(np.int32)], scalar, cv2.LINE_AA, _SHIFT)
    cv2.addWeighted(region, 1 - opacity, drawn, opacity, 0.0, dst=region)
