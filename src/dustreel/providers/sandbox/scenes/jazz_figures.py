"""The jazz club's figures as outlines: a cat at a grand piano, and the notes that rise from it.

Units are heights of the cat; x grows to the right, y downwards; a figure stands on y = 0.
"""

import math
from dataclasses import dataclass

import numpy as np

from dustreel.providers.sandbox.kit import Points, ellipse, place, spline, tube


@dataclass(frozen=True, slots=True)
class Cat:
    """One pose, seen from the side, facing right."""

    tail: Points
    body: Points
    neck: Points
    head: Points
    near_ear: Points
    far_ear: Points
    near_arm: Points
    far_arm: Points
    near_rim: Points
    """The upper edge of the near arm, where the light catches it."""
    far_rim: Points
    collar: Points
    eye: Points
    whiskers: tuple[Points, ...]


def cat(t: float, beat: float) -> Cat:
    """The pose at `t` seconds and `beat` beats: the head bobs, the paws play, the tail swings by itself."""
    bob = 0.018 * math.sin(beat * 2 * math.pi)
    lean = 0.05 * math.sin(beat * math.pi)
    swing = math.sin(t * 1.9) * 0.5 + math.sin(t * 3.1) * 0.2
    head_x, head_y = 0.115 + lean * 0.5, -0.80 + bob
    turn = 0.06 * math.sin(beat * math.pi) + 0.03 * math.sin(t * 1.3)

    def on_head(points: object) -> Points:
        return place(np.asarray(points, np.float64), 1, head_x, head_y, turn)

    near_arm, near_rim = _arm(beat * 2 * math.pi, (0.085, -0.47), 0.46)
    far_arm, far_rim = _arm(beat * 2 * math.pi + math.pi * 0.8, (0.12, -0.45), 0.50)
    tail = [(-0.20, -0.06), (-0.40, -0.02), (-0.56, 0.10 + 0.03 * swing), (-0.60, 0.27)]
    tail += [(-0.50 + 0.04 * swing, 0.40), (-0.36 + 0.13 * swing, 0.44 + 0.05 * swing)]
    return Cat(
        tail=tube(tail, 0.055, 0.030, steps=10),
        body=spline(_BODY),
        neck=spline(_NECK),
        head=on_head(spline(_HEAD)),
        near_ear=on_head(spline(_NEAR_EAR)),
        far_ear=on_head(spline(_FAR_EAR)),
        near_arm=near_arm,
        far_arm=far_arm,
        near_rim=near_rim,
        far_rim=far_rim,
        collar=_COLLAR,
        eye=on_head(spline(_EYE)),
        whiskers=tuple(
            on_head([(0.14, 0.045), (0.25, 0.02 + 0.02 * side), (0.335, 0.035 * side + 0.012 * math.sin(t * 5 + side))])
            for side in (-1, 0, 1)
        ),
    )


def _arm(phase: float, shoulder: tuple[float, float], reach: float) -> tuple[Points, Points]:
    """An arm whose paw goes up and down on the keys, and its upper edge."""
    lift = max(0.0, math.sin(phase)) * 0.085
    x, y = shoulder
    elbow = (x + reach * 0.62, -0.250 - lift * 1.1)
    wrist = (x + reach * 0.90, -0.215 - lift * 1.1)
    paw = (x + reach, -0.185 - lift)
    arm = tube([shoulder, (x + reach * 0.22, y + 0.17), elbow, wrist, paw], 0.066, 0.040)
    edge = tube([(x + reach * 0.50, -0.262 - lift * 0.9), elbow, wrist, paw], 0.050, 0.040)
    return arm, edge


def note(kind: int) -> list[Points]:
    """A quaver, or two of them under a beam."""
    first = ellipse(0, 0, 0.062, 0.045, steps=18, turn=-0.35)
    if kind == 0:
        flag = [(0.060, -0.26), (0.10, -0.19), (0.125, -0.13), (0.10, -0.06), (0.105, -0.13), (0.08, -0.17), (0.058, -0.19)]
        return [first, _bar(0.046, 0.060, -0.26, -0.01), spline(flag)]
    second = ellipse(0.20, -0.03, 0.062, 0.045, steps=18, turn=-0.35)
    beam = np.array([(0.046, -0.25), (0.26, -0.29), (0.26, -0.235), (0.046, -0.195)])
    return [first, second, _bar(0.046, 0.060, -0.25, -0.01), _bar(0.246, 0.26, -0.29, -0.04), beam]


def head_and_shoulders(x: float, y: float, scale: float) -> list[Points]:
    """Somebody in the audience, from behind."""
    shoulders = [(-0.165, 0.30), (-0.15, 0.15), (-0.06, 0.085), (0.06, 0.085), (0.15, 0.15), (0.165, 0.30)]
    return [ellipse(x, y, 0.058 * scale, 0.070 * scale, steps=24), spline(place(shoulders, scale, x, y))]


def _bar(left: float, right: float, top: float, bottom: float) -> Points:
    return np.array([(left, bottom), (right, bottom), (right, top), (left, top)])


_BODY = [(-0.27, 0.00), (-0.31, -0.13), (-0.25, -0.33), (-0.14, -0.50), (-0.03, -0.62), (0.10, -0.66), (0.20, -0.58), (0.215, -0.44)]
_BODY += [(0.205, -0.30), (0.22, -0.17), (0.30, -0.08), (0.33, -0.01), (0.20, 0.02), (-0.10, 0.02)]
_NECK = [(-0.12, -0.55), (-0.05, -0.78), (0.12, -0.80), (0.21, -0.66), (0.20, -0.50), (0.02, -0.42)]
_HEAD = [(-0.165, 0.02), (-0.145, -0.10), (-0.07, -0.165), (0.03, -0.17), (0.105, -0.13), (0.145, -0.06), (0.20, -0.005)]
_HEAD += [(0.222, 0.035), (0.20, 0.075), (0.135, 0.105), (0.05, 0.145), (-0.06, 0.14), (-0.135, 0.095)]
_NEAR_EAR = [(-0.135, -0.09), (-0.150, -0.20), (-0.135, -0.285), (-0.06, -0.235), (0.005, -0.155), (-0.06, -0.10)]
_FAR_EAR = [(0.005, -0.15), (0.03, -0.225), (0.085, -0.27), (0.115, -0.20), (0.115, -0.115), (0.06, -0.12)]
_EYE = [(0.062, -0.035), (0.085, -0.06), (0.118, -0.045), (0.10, -0.018), (0.078, -0.014)]
_COLLAR = np.concatenate(
    [
        spline([(-0.085, -0.665), (0.02, -0.630), (0.12, -0.632), (0.200, -0.668)], closed=False, steps=6),
        spline([(0.203, -0.628), (0.12, -0.590), (0.02, -0.588), (-0.098, -0.622)], closed=False, steps=6),
    ]
)


def _case() -> Points:
    front = spline([(0.0, -0.455), (0.16, -0.475), (0.20, -0.545)], closed=False, steps=6)
    back = spline([(1.40, -0.545), (1.455, -0.50), (1.44, -0.42), (1.36, -0.375)], closed=False, steps=6)
    return np.concatenate([front, [(1.40, -0.545)], back, [(0.30, -0.365), (0.02, -0.375), (0, -0.40)]])


def _lid(curve: list[tuple[float, float]], hinge: tuple[float, float], end: tuple[float, float]) -> Points:
    return np.concatenate([[hinge], spline(curve, closed=False, steps=8), [end]])


_LID_CURVE = [(0.30, -0.90), (0.42, -1.10), (0.62, -1.16), (0.84, -1.09), (1.08, -0.98), (1.30, -0.80), (1.44, -0.60)]
_INNER_CURVE = [(0.345, -0.88), (0.45, -1.055), (0.62, -1.11), (0.83, -1.045), (1.06, -0.935), (1.26, -0.77), (1.39, -0.59)]


@dataclass(frozen=True, slots=True)
class Piano:
    """A grand, seen from the hall, its keys on the left; the floor is y = 0 and the keys are at y = −0.45."""

    case: Points
    lid: Points
    inside: Points
    """The lid's lit underside."""
    legs: tuple[Points, ...]
    lyre: Points
    stand: Points
    prop: Points
    keys: Points
    sheet: Points


PIANO = Piano(
    case=_case(),
    lid=_lid(_LID_CURVE, (0.26, -0.56), (1.44, -0.56)),
    inside=_lid(_INNER_CURVE, (0.31, -0.555), (1.38, -0.555)),
    legs=tuple(
        np.array([(x - top, -0.38), (x + top, -0.38), (x + foot, -floor), (x - foot, -floor)])
        for x, top, foot, floor in ((0.17, 0.035, 0.018, 0.0), (1.30, 0.035, 0.018, 0.0), (0.66, 0.030, 0.016, 0.06))
    ),
    lyre=np.array(
        [(0.335, -0.38), (0.365, -0.38), (0.36, -0.03), (0.42, -0.03), (0.42, -0.012), (0.29, -0.012), (0.29, -0.03), (0.345, -0.03)]
    ),
    stand=np.array([(0.215, -0.545), (0.40, -0.545), (0.375, -0.72), (0.235, -0.72)]),
    prop=np.array([(0.90, -0.55), (0.915, -0.55), (1.005, -1.0), (0.99, -1.0)]),
    keys=np.array([(-0.01, -0.452), (0.155, -0.474), (0.155, -0.448), (-0.005, -0.425)]),
    sheet=np.array([(0.245, -0.57), (0.37, -0.57), (0.352, -0.70), (0.256, -0.70)]),
)
STOOL_SEAT = -0.30
STOOL = spline(
    [
        (x, STOOL_SEAT + y)
        for x, y in (
            (-0.24, -0.005),
            (-0.235, -0.045),
            (-0.15, -0.06),
            (0.15, -0.06),
            (0.235, -0.045),
            (0.24, -0.005),
            (0.15, 0.01),
            (-0.15, 0.01),
        )
    ]
)
