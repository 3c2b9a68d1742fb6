"""A subject and what it holds, in one pose: outlines in the drawing's units, ready to be painted at any size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dustreel.providers.sandbox.engine.acting import Acting, wave
from dustreel.providers.sandbox.engine.drawing import Drawing, Shape
from dustreel.providers.sandbox.engine.pose import Matrix, Pose, moved, times
from dustreel.providers.sandbox.engine.rigs import posed
from dustreel.providers.sandbox.kit import Colour, Points, ellipse, spline
from dustreel.providers.sandbox.storyboard import Action

_STILL: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_PUFFS = 7
# Of a limb's curve between two joints.
_STEPS = 7
_HALF_TURN = np.linspace(0, math.pi, 9)[1:-1, None]
_CAP = (np.cos(_HALF_TURN), np.sin(_HALF_TURN))
_PUFF_SECONDS = 2.6


@dataclass(frozen=True, slots=True)
class Outline:
    points: Points
    tint: str
    of_prop: bool
    line: float
    glow: float
    halo: float
    lit: float
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Figure:
    """`prop` is held, sat at or played, as its drawing says."""

    drawing: Drawing
    prop: Drawing | None = None
    young: bool = False

    def outlines(self, acting: Acting) -> list[Outline]:
        """In the order of painting, y = 0 being the ground."""
        prop = self.prop
        seat = None
        if prop is not None and "seat" in prop.marks:
            seat = prop.marks["seat"][0]
        pose = posed(self.drawing, _with_seat(acting, seat))
        large = pose.drawing.marks.get("head", (1.0,))[0] * (1.22 if self.young else 1.0)
        pose.stretch("head", large, large)
        root: Matrix = _STILL
        if seat is not None and "perch" in pose.drawing.marks:
            # Drawn sitting, so it only needs to be lifted.
            size = pose.drawing.marks["perch"][0]
            root = (size, 0.0, 0.0, size, 0.0, -seat)
            pose.turn("tail1", pose.drawing.marks.get("hang", (0.0,))[0])
        if prop is None:
            return _drawn(pose, root, of_prop=False)
        where = self._held(pose, root, acting)
        self._grasp(pose, root, where, acting)
        shapes = _drawn(pose, root, of_prop=False)
        extra = _drawn(_prop_pose(prop, acting, where[4]), where, of_prop=True)
        at = _hold_at(pose.drawing, len(shapes)) if prop.marks.get("held") else 0
        return shapes[:at] + extra + shapes[at:]

    def sounding(self, extent: tuple[float, float, float, float]) -> tuple[float, float]:
        """Where an instrument's notes come from; `extent` is the figure's with it."""
        assert self.prop is not None
        x, y = self.prop.marks["notes"]
        return (x + (extent[0] + extent[2]) / 2 - 40, y) if "seat" in self.prop.marks else (x, y - 60)

    def _held(self, pose: Pose, root: Matrix, acting: Acting) -> Matrix:
        """Where the prop is, in the figure's units."""
        assert self.prop is not None
        marks = self.prop.marks
        if marks.get("held") and (anchor := _anchor(pose)) is not None:
            x, y = moved(root, *pose.where(anchor))
            dx, dy, size = marks["held"]
            return (size, 0.0, 0.0, size, x + dx, y + dy)
        x, y = marks.get("beside", (40.0, 0.0))
        if "seat" in marks and "near" in marks and pose.has("shoulder_near"):
            x = _within_reach(pose, root, marks["near"]) - marks["near"][0]
        bounce = marks.get("bounce", (0.0,))[0]
        return (1.0, 0.0, 0.0, 1.0, x, y - bounce * abs(math.sin(math.pi * acting.beat)))

    def _grasp(self, pose: Pose, root: Matrix, where: Matrix, acting: Acting) -> None:
        """Hands go where the prop wants them: `near` and `far` are x, y, how far they move across and down, and how often a beat."""
        assert self.prop is not None
        for side, phase in (("near", 0.0), ("far", 0.4)):
            touch = self.prop.marks.get(side)
            if touch is None:
                continue
            x, y, across, down, rate = touch
            lift = max(0.0, wave(acting.beat, rate, phase))
            spot = moved(where, x + across * wave(acting.beat, rate * 0.25, phase), y - down * lift)
            pose.reach(f"shoulder_{side}", f"elbow_{side}", f"hand_{side}", ((spot[0] - root[4]) / root[0], (spot[1] - root[5]) / root[0]))


def _within_reach(pose: Pose, root: Matrix, touch: tuple[float, ...]) -> float:
    """How far ahead a hand comes at a height, with the elbow a little bent."""
    shoulder = moved(root, *pose.where("shoulder_near"))
    upper, lower, end = (pose.rest(f"{part}_near") for part in ("shoulder", "elbow", "hand"))
    arm = 0.90 * root[0] * (math.dist(upper, lower) + math.dist(lower, end))
    return shoulder[0] + math.sqrt(max(arm**2 - (touch[1] - shoulder[1]) ** 2, 0.2 * arm**2))


def _with_seat(acting: Acting, seat: float | None) -> Acting:
    return acting if seat is None else Acting(Action.PLAY, acting.t, acting.beat, 0.0, acting.phase, seat)


def _anchor(pose: Pose) -> str | None:
    return next((name for name in ("hold", "torso", "chest", "body") if pose.has(name)), None)


def _hold_at(drawing: Drawing, shapes: int) -> int:
    """Held things are painted over the body and under the near arm."""
    near = drawing.index.get("shoulder_near")
    first = next((number for number, shape in enumerate(drawing.shapes) if shape.chain and shape.chain[0] == near), None)
    return shapes if first is None else first + shapes - len(drawing.shapes)


def _prop_pose(prop: Drawing, acting: Acting, ahead: float) -> Pose:
    """`ahead`: how far the prop stands before its player, who sits on its stool."""
    pose = Pose(prop, acting.t)
    pose.shift("stool", -ahead, 0)
    for number, name in enumerate(pose.series("key")):
        pose.shift(name, 0, 0.7 * max(0.0, wave(acting.beat, 0.5, number * 0.37)))
    for number, name in enumerate(pose.series("flame")):
        pose.stretch(name, 1 + 0.12 * wave(acting.t, 5.1, number * 0.3), 1 + 0.2 * wave(acting.t, 7.7, number * 0.2))
    for name in pose.series("spoon"):
        pose.turn(name, 0.25 * wave(acting.beat, 0.5))
    pose.turn("ball", acting.t * 2.5)
    if "bow" in prop.marks:
        x, y, across, down, rate = prop.marks["near"]
        pose.shift("bow1", x + across * wave(acting.beat, rate * 0.25), y - down * max(0.0, wave(acting.beat, rate)))
    return pose


def _drawn(pose: Pose, root: Matrix, *, of_prop: bool) -> list[Outline]:
    matrices = [times(root, matrix) for matrix in pose.matrices()]
    found = _puffs(pose, matrices, of_prop)
    drawing = pose.drawing
    sheet = _sheet(drawing)
    points = _carried(_waved(pose, sheet.points), np.array(matrices), sheet.carriers)
    for shape, part in zip(drawing.shapes, sheet.parts, strict=True):
        outline = _limb(drawing, shape, matrices) if shape.chain else points[part]
        if len(outline):
            line = shape.line * math.sqrt(abs(_size(matrices[shape.on]))) if shape.line else 0.0
            found.append(Outline(outline, shape.tint, of_prop, line, shape.glow, shape.halo, shape.lit))
    return found


@dataclass(frozen=True, slots=True)
class _Sheet:
    """All points of a drawing in one array, since that is moved in one go."""

    points: Points
    carriers: NDArray[np.intp]
    parts: tuple[slice, ...]


@lru_cache(maxsize=96)
def _sheet(drawing: Drawing) -> _Sheet:
    sizes = [len(shape.points) for shape in drawing.shapes]
    ends = np.cumsum(sizes)
    carriers = np.repeat([shape.on for shape in drawing.shapes], sizes)
    parts = tuple(slice(int(end) - size, int(end)) for size, end in zip(sizes, ends, strict=True))
    return _Sheet(np.concatenate([shape.points for shape in drawing.shapes]), carriers.astype(np.intp), parts)


def _size(matrix: Matrix) -> float:
    return matrix[0] * matrix[3] - matrix[1] * matrix[2]


def _carried(points: Points, matrices: Points, carriers: NDArray[np.intp]) -> Points:
    """Every point moved as its joint is."""
    a, b, c, d, x, y = matrices[carriers].T
    across, down = points[:, 0], points[:, 1]
    return np.stack([a * across + b * down + x, c * across + d * down + y], -1)


def _waved(pose: Pose, points: Points) -> Points:
    """A body that undulates does so more and more towards its tail, which is on the left."""
    if pose.wave is None:
        return points
    reach, length, phase = pose.wave
    x = points[:, 0]
    share = np.clip((35 - x) / 120, 0, 1.2) ** 1.6
    return np.stack([x, points[:, 1] + reach * share * np.sin(2 * math.pi * (x / length - phase))], -1)


def _limb(drawing: Drawing, shape: Shape, matrices: Sequence[Matrix]) -> Points:
    joints = [moved(matrices[at], drawing.joints[at].x, drawing.joints[at].y) for at in shape.chain]
    size = math.sqrt(abs(_size(matrices[shape.on])))
    return tapered(np.array(joints), np.array(shape.widths) * size)


def tapered(joints: Points, widths: Points) -> Points:
    """A tube through joints with a half-width at each, round at both ends."""
    curve, slope, share = _tube(len(joints))
    path, direction, width = curve @ joints, slope @ joints, (share @ widths)[:, None]
    direction /= np.sqrt(direction[:, :1] ** 2 + direction[:, 1:] ** 2) + 1e-9
    normal = direction[:, ::-1] * (-1.0, 1.0)
    side = normal * width
    end = path[-1] + width[-1] * (normal[-1] * _CAP[0] + direction[-1] * _CAP[1])
    start = path[0] - width[0] * (normal[0] * _CAP[0] + direction[0] * _CAP[1])
    return np.concatenate([path + side, end, (path - side)[::-1], start])


@lru_cache(maxsize=8)
def _tube(joints: int) -> tuple[Points, Points, Points]:
    """What makes of joints a curve through them, the curve's direction, and of widths the width along it."""
    columns = []
    for number in range(joints):
        unit = np.zeros((joints, 2))
        unit[number, 0] = 1.0
        columns.append(spline(unit, closed=False, steps=_STEPS)[:, 0])
    curve = np.stack(columns, -1)
    steps = np.arange(len(curve)) / _STEPS
    share = np.stack([np.clip(1 - np.abs(steps - number), 0, 1) for number in range(joints)], -1)
    return curve, np.gradient(curve, axis=0), share


def _puffs(pose: Pose, matrices: Sequence[Matrix], of_prop: bool) -> list[Outline]:
    """Smoke: each puff grows, drifts and thins."""
    found = []
    for puff in pose.drawing.puffs:
        joint = pose.drawing.joints[puff.on]
        x, y = moved(matrices[puff.on], joint.x, joint.y)
        for number in range(_PUFFS):
            age = (pose.clock / _PUFF_SECONDS + number / _PUFFS) % 1.0
            drift = 1.5 * puff.size * math.sin(number * 2.4 + age * 3)
            across = x + puff.way[0] * age * _PUFF_SECONDS + drift * age
            up = y + puff.way[1] * (age**0.8) * _PUFF_SECONDS
            size = puff.size * (0.45 + 1.5 * age)
            found.append(Outline(ellipse(across, up, size, size * 0.9, steps=20), puff.tint, of_prop, 0, 0, 0, 0, 0.75 * (1 - age) ** 0.8))
    return found


def bounds(outlines: Sequence[Outline]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of what is solid, in the drawing's units."""
    points = np.concatenate([outline.points for outline in outlines if outline.opacity == 1.0 and len(outline.points)])
    (left, top), (right, bottom) = points.min(0), points.max(0)
    return float(left), float(top), float(right), float(bottom)


def lit_inks(inks: dict[str, Colour], shade: Colour, ink: Colour, exposure: float) -> dict[str, Colour]:
    """A figure's own colours under a light: `shade` is what the light makes of white."""
    seen = 0.44 + 0.56 * exposure
    return {name: np.asarray(ink + (own * (shade / 255) - ink) * seen, np.float32) for name, own in inks.items()}
