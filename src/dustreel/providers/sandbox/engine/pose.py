"""A drawing's joints, moved: each turned, shifted or stretched about its own place, with all that hangs on it."""

import math
from collections.abc import Sequence

from dustreel.providers.sandbox.engine.drawing import Drawing

type Matrix = tuple[float, float, float, float, float, float]
"""(a, b, c, d, x, y): (px, py) becomes (a·px + b·py + x, c·px + d·py + y)."""
type Spot = tuple[float, float]


def times(outer: Matrix, inner: Matrix) -> Matrix:
    a, b, c, d, x, y = outer
    e, f, g, h, u, v = inner
    return (a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h, a * u + b * v + x, c * u + d * v + y)


def moved(matrix: Matrix, x: float, y: float) -> Spot:
    return matrix[0] * x + matrix[1] * y + matrix[4], matrix[2] * x + matrix[3] * y + matrix[5]


class Pose:
    """Names that a drawing lacks are passed over, so that one rig moves many drawings."""

    def __init__(self, drawing: Drawing, clock: float = 0.0) -> None:
        self.drawing, self.clock = drawing, clock
        size = len(drawing.joints)
        self._turns = [0.0] * size
        self._shifts: list[Spot] = [(0.0, 0.0)] * size
        self._stretches: list[Spot] = [(1.0, 1.0)] * size
        self.wave: tuple[float, float, float] | None = None
        """Amplitude at the tail in hundredths, wave length, and phase: a body that undulates."""

    def has(self, name: str) -> bool:
        return name in self.drawing.index

    def rest(self, name: str) -> Spot:
        joint = self.drawing.joints[self.drawing.index[name]]
        return joint.x, joint.y

    def turn(self, name: str, radians: float) -> None:
        if (at := self.drawing.index.get(name)) is not None:
            self._turns[at] += radians

    def shift(self, name: str, x: float, y: float) -> None:
        if (at := self.drawing.index.get(name)) is not None:
            before = self._shifts[at]
            self._shifts[at] = (before[0] + x, before[1] + y)

    def stretch(self, name: str, across: float, down: float) -> None:
        if (at := self.drawing.index.get(name)) is not None:
            before = self._stretches[at]
            self._stretches[at] = (before[0] * across, before[1] * down)

    def series(self, stem: str) -> list[str]:
        """`tail1`, `tail2` … as far as the drawing has them."""
        found: list[str] = []
        while self.has(f"{stem}{len(found) + 1}"):
            found.append(f"{stem}{len(found) + 1}")
        return found

    def where(self, name: str) -> Spot:
        return moved(self._matrix(self.drawing.index[name]), *self.rest(name))

    def reach(self, upper: str, lower: str, end: str, target: Spot) -> None:
        """Bend two bones so that their end comes to the target, or as near as they are long; they bend as they do at rest."""
        if not (self.has(upper) and self.has(lower) and self.has(end)):
            return
        first, second, third = self.rest(upper), self.rest(lower), self.rest(end)
        above = self._matrix(self.drawing.index[upper])
        size = math.sqrt(abs(above[0] * above[3] - above[1] * above[2])) or 1.0
        long, short = math.dist(first, second) * size, math.dist(second, third) * size
        start = moved(above, *first)
        way = math.dist(start, target) or 1e-6
        way = min(max(way, abs(long - short) * 1.02 + 1e-6), (long + short) * 0.998)
        cosine = (long * long + way * way - short * short) / (2 * long * way)
        bend = math.acos(min(max(cosine, -1.0), 1.0))
        side = (second[0] - first[0]) * (third[1] - first[1]) - (second[1] - first[1]) * (third[0] - first[0])
        aim = math.atan2(target[1] - start[1], target[0] - start[0]) - math.copysign(bend, side)
        self.turn(upper, aim - self._direction(upper, upper, lower))
        knee = self.where(lower)
        self.turn(lower, math.atan2(target[1] - knee[1], target[0] - knee[0]) - self._direction(lower, lower, end))

    def aim(self, name: str, radians: float) -> None:
        """Turn a joint so that, whatever it hangs on, it stands as it does at rest, turned by this much."""
        matrix = self._matrix(self.drawing.index[name])
        self.turn(name, radians - math.atan2(matrix[2], matrix[0]))

    def _direction(self, name: str, first: str, second: str) -> float:
        matrix = self._matrix(self.drawing.index[name])
        start, end = moved(matrix, *self.rest(first)), moved(matrix, *self.rest(second))
        return math.atan2(end[1] - start[1], end[0] - start[0])

    def _matrix(self, at: int) -> Matrix:
        joint = self.drawing.joints[at]
        own = self._own(at)
        return own if joint.parent < 0 else times(self._matrix(joint.parent), own)

    def _own(self, at: int) -> Matrix:
        joint, turn = self.drawing.joints[at], self._turns[at]
        (right, down), (across, tall) = self._shifts[at], self._stretches[at]
        cos, sin = math.cos(turn), math.sin(turn)
        a, b, c, d = cos * across, -sin * tall, sin * across, cos * tall
        return (a, b, c, d, joint.x + right - a * joint.x - b * joint.y, joint.y + down - c * joint.x - d * joint.y)

    def matrices(self) -> Sequence[Matrix]:
        found: list[Matrix] = []
        for at, joint in enumerate(self.drawing.joints):
            own = self._own(at)
            found.append(own if joint.parent < 0 else times(found[joint.parent], own))
        return found
