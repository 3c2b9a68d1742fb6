"""A subject and what it holds, in one pose: outlines in the drawing's units, ready to be painted at any size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dustreel.providers.sandbox.engine.acting import Acting, wave
from dustreel.providers.sandbox.engine.drawing import Drawing, Shape
from dustreel.providers.sandbox.engine.pose import Matrix, Pose, moved, times
from dustreel.providers.sandbox.engine.rigs import posed
from dustreel.providers.sandbox.kit import Colour, Points, ellipse, spline
from dustreel.providers.sandbox.storyboard import Action

_STILL: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_PUFFS = 7
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
    found = [outline for outline in _puffs(pose, matrices, of_prop)]
    for shape in pose.drawing.shapes:
        points = _limb(pose.drawing, shape, matrices) if shape.chain else _placed(_waved(pose, shape), matrices[shape.on])
        line = shape.line * math.sqrt(abs(_size(matrices[shape.on]))) if shape.line else 0.0
        found.append(Outline(points, shape.tint, of_prop, line, shape.glow, shape.halo, shape.lit))
    return found


def _size(matrix: Matrix) -> float:
    return matrix[0] * matrix[3] - matrix[1] * matrix[2]


def _placed(points: Points, matrix: Matrix) -> Points:
    a, b, c, d, x, y = matrix
    return np.asarray(points @ np.array(((a, c), (b, d))) + (x, y), np.float64)


def _waved(pose: Pose, shape: Shape) -> Points:
    """A body that undulates does so more and more towards its tail, which is on the left."""
    if pose.wave is None or not len(shape.points):
        return shape.points
    reach, length, phase = pose.wave
    x = shape.points[:, 0]
    share = np.clip((35 - x) / 120, 0, 1.2) ** 1.6
    points = shape.points.copy()
    points[:, 1] += reach * share * np.sin(2 * math.pi * (x / length - phase))
    return points


def _limb(drawing: Drawing, shape: Shape, matrices: Sequence[Matrix]) -> Points:
    joints = [moved(matrices[at], drawing.joints[at].x, drawing.joints[at].y) for at in shape.chain]
    size = math.sqrt(abs(_size(matrices[shape.on])))
    return tapered(joints, [width * size for width in shape.widths])


def tapered(joints: Sequence[tuple[float, float]], widths: Sequence[float]) -> Points:
    """A tube through joints with a half-width at each, round at both ends."""
    steps = 7
    path = spline(joints, closed=False, steps=steps)
    width = np.interp(np.arange(len(path)) / steps, np.arange(len(widths)), widths)[:, None]
    direction = np.gradient(path, axis=0)
    direction /= np.hypot(direction[:, 0], direction[:, 1])[:, None] + 1e-9
    normal = np.stack([-direction[:, 1], direction[:, 0]], -1)
    turn = np.linspace(0, math.pi, 9)[1:-1, None]
    end = path[-1] + width[-1] * (normal[-1] * np.cos(turn) + direction[-1] * np.sin(turn))
    start = path[0] - width[0] * (normal[0] * np.cos(turn) + direction[0] * np.sin(turn))
    return np.concatenate([path + normal * width, end, (path - normal * width)[::-1], start])


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
    seen = 0.34 + 0.66 * exposure
    return {name: np.asarray(ink + (own * (shade / 255) - ink) * seen, np.float32) for name, own in inks.items()}
