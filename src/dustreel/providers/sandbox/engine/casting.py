"""Who stands where, how large, and which way they go."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dustreel.providers.sandbox.engine.acting import Acting
from dustreel.providers.sandbox.engine.actor import Actor, Path
from dustreel.providers.sandbox.engine.drawing import UNIT, Drawing, known, prop, subject
from dustreel.providers.sandbox.engine.figure import Figure, bounds
from dustreel.providers.sandbox.engine.port import Light, Set, Spot
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.storyboard import Action, Place, Role, Storyboard

# Whoever a prompt names must be seen: sizes in the picture lie between these, whatever sizes in the world do.
_LEAST, _MOST = 0.25, 0.56
# One alone may fill more of the picture.
_LEAST_ALONE = 0.38
# How much of the picture's width all actors together take at most.
_SPREAD = 0.84
# More than so many are a crowd.
_FEW = 4
# Lengths of itself that a figure covers in a second, by what it does.
_SPEEDS = {
    Action.WALK: 0.42,
    Action.RUN: 1.5,
    Action.FLY: 0.40,
    Action.SWIM: 0.26,
    Action.DRIVE: 0.80,
    Action.SAIL: 0.14,
}
_CLIMBS = {Action.RISE: 0.16, Action.FALL: -0.12}
_SEED = 0x5EED


@dataclass(frozen=True, slots=True)
class _Part:
    """A role with its measures."""

    role: Role
    figure: Figure
    action: Action
    airy: bool
    left: float
    top: float
    right: float
    bottom: float
    height: float = 0.3

    @property
    def across(self) -> float:
        return (self.right - self.left) * UNIT * self.height


def cast(shot: Shot, storyboard: Storyboard, stage: Set, light: Light) -> tuple[Actor, ...]:
    """Everybody of the storyboard, the farthest first."""
    rng = np.random.default_rng(storyboard.seed ^ _SEED)
    parts = [_measured(role, storyboard) for role in storyboard.roles if role.subject in known("subjects")]
    if not parts:
        return ()
    spots = [_spots(stage, part) for part in parts]
    parts = [_sized(part, spots[number][0], parts, shot) for number, part in enumerate(parts)]
    places = _apart(shot, parts, [spots[number][min(_rank(parts, number), len(spots[number]) - 1)] for number in range(len(parts))])
    leftwards = _faces_left(storyboard, places[0].x)
    found: list[Actor] = []
    for number, (part, spot) in enumerate(zip(parts, places, strict=True)):
        for copy, (at, size) in enumerate(_crowd(part, spot, shot, rng)):
            phase = float(rng.random()) if copy or number else 0.0
            left = leftwards if number == 0 or part.action in _SPEEDS else places[0].x < spot.x
            found.append(_actor(part, at, size, shot, number, left=left, copy=copy, phase=phase))
    return tuple(actor.under(light) for actor in sorted(found, key=lambda actor: actor.spot.depth))


def _measured(role: Role, storyboard: Storyboard) -> _Part:
    drawing = subject(role.subject)
    held = prop(role.prop) if role.prop is not None and role.prop in known("props") else None
    figure = Figure(drawing, held, role.young)
    airy = storyboard.place in (Place.SKY, Place.SPACE, Place.UNDERWATER) or (
        drawing.marks.get("airy") is not None and role.action not in (Action.SIT, Action.SLEEP, Action.STAND, Action.EAT)
    )
    if drawing.rig in ("vessel", "plant"):
        airy = drawing.rig == "vessel" and storyboard.place in (Place.SKY, Place.SPACE)
    left, top, right, bottom = bounds(figure.outlines(Acting(role.action, 0.9, 0.0, 0.0)))
    return _Part(role, figure, role.action, airy, left, top, right, bottom)


def _spots(stage: Set, part: _Part) -> tuple[Spot, ...]:
    swims = part.figure.drawing.rig in ("swimmer", "vessel")
    return stage.spots(part.airy, swims)


def _rank(parts: Sequence[_Part], number: int) -> int:
    """The how-manieth of its kind of spots."""
    return sum(part.airy == parts[number].airy for part in parts[:number])


def _sized(part: _Part, spot: Spot, parts: Sequence[_Part], shot: Shot) -> _Part:
    drawing = part.figure.drawing
    metres = drawing.metres * (0.72 if part.role.young else 1.0)
    alone = len(parts) == 1 and part.role.count == 1
    # Half way between the size in the world and one size for all; beside others, what is small stays smaller.
    tallest = max(other.figure.drawing.metres for other in parts)
    tall = 0.33 * math.sqrt(max(tallest * spot.metre, 0.01) / 0.33) * max(metres / tallest, 0.08) ** 0.62
    least = _LEAST_ALONE if alone else max(_LEAST * (metres / tallest) ** 0.3, 0.15)
    tall = min(max(tall, least), _MOST)
    if alone and part.figure.prop is not None:
        tall = max(tall, 0.42)
    tall *= {1: 1.0, 2: 0.86, 3: 0.80}.get(part.role.count, 0.70)
    solid = (part.bottom - part.top) * UNIT
    wide = (part.right - part.left) * UNIT
    height = tall / max(min(solid, 1.35), 0.5)
    several = {1: 1.0, 2: 0.60, 3: 0.42}.get(part.role.count, 0.34)
    height = min(height, 0.74 * shot.aspect * several / wide / (1.0 if len(parts) == 1 else 1.45))
    return _Part(part.role, part.figure, part.action, part.airy, part.left, part.top, part.right, part.bottom, height)


def _apart(shot: Shot, parts: Sequence[_Part], spots: Sequence[Spot]) -> list[Spot]:
    """Side by side where their spots would have them overlap, and all of them in the picture."""
    order = sorted(range(len(parts)), key=lambda number: spots[number].x)
    x = {number: spots[number].x for number in order}
    for before, after in pairwise(order):
        gap = 0.46 * (parts[before].across + parts[after].across)
        x[after] = max(x[after], x[before] + gap)
    low = min(x[number] - parts[number].across / 2 for number in order)
    high = max(x[number] + parts[number].across / 2 for number in order)
    limit = _SPREAD * shot.aspect / 2
    shift = min(0.0, limit - high) + max(0.0, -limit - low)
    if high - low > 2 * limit:
        shift = -(low + high) / 2
    return [_moved(spot, x[number] + shift, spot.y) for number, spot in enumerate(spots)]


def _moved(spot: Spot, x: float, y: float, depth: float | None = None) -> Spot:
    return Spot(x, y, spot.metre, spot.depth if depth is None else depth, spot.mirrored)


def _crowd(part: _Part, spot: Spot, shot: Shot, rng: np.random.Generator) -> list[tuple[Spot, float]]:
    """The first on the spot, others beside and behind it, smaller."""
    found = [(spot, 1.0)]
    if part.figure.drawing.rig == "plant" and part.role.count > 1:
        return _strewn(part, spot, shot, rng)
    high = (part.bottom - part.top) * UNIT * part.height
    half = shot.aspect / 2 * 0.92
    # In a narrow picture they are above one another rather than side by side.
    narrow = min(max(shot.aspect / 1.3, 0.6), 1.0)
    for number in range(1, min(part.role.count, 12)):
        side = 1 if number % 2 else -1
        row = (number + 1) // 2
        size = 0.90**row * float(rng.uniform(0.92, 1.04))
        x = spot.x + side * (part.across * 0.78 * row * narrow + float(rng.uniform(-0.1, 0.1)) * part.across)
        if part.airy:
            y = spot.y - (0.30 / narrow**2 * row * (1 if number % 3 else -1) + float(rng.uniform(-0.25, 0.25))) * high
        else:
            y = spot.y - 0.028 * row - 0.004 * number % 0.02
        if abs(x) > half:
            x = float(rng.uniform(-half, half))
        found.append((_moved(spot, x, y, spot.depth * (0.97**row)), size))
    return found


def _strewn(part: _Part, spot: Spot, shot: Shot, rng: np.random.Generator) -> list[tuple[Spot, float]]:
    """Plants grow all over the ground, the nearer the larger."""
    found = []
    for number in range(part.role.count):
        near = float(rng.random())
        x = ((number + float(rng.uniform(0.2, 0.8))) / part.role.count - 0.5) * shot.aspect
        found.append((_moved(spot, x, spot.y - 0.03 + 0.11 * near, spot.depth * (0.96 + 0.12 * near)), 0.5 + 0.35 * near))
    return found


def _faces_left(storyboard: Storyboard, x: float) -> bool:
    return x > 0.12 or (abs(x) <= 0.12 and storyboard.seed % 5 == 0)


def _actor(part: _Part, spot: Spot, size: float, shot: Shot, number: int, *, left: bool, copy: int, phase: float) -> Actor:
    drawing, held = part.figure.drawing, part.figure.prop
    seated = held is not None and "seat" in held.marks
    moves = part.action in _SPEEDS and not seated and drawing.rig != "plant"
    height = part.height * size
    long = (part.right - part.left) * UNIT * part.height
    ahead = min(_SPEEDS.get(part.action, 0.0) * _length(drawing) * height, 0.30 * shot.aspect) if moves else 0.0
    up = _CLIMBS.get(part.action, 0.0) * min(long + 0.3, 0.5) if part.airy else 0.0
    return Actor(
        figure=part.figure,
        spot=spot,
        height=height,
        action=part.action,
        own=drawing.inks(part.role.colour, copy if copy or part.role.count > 1 else None),
        own_prop={} if held is None else held.inks(part.role.colour if _colours_prop(held, drawing) else None),
        path=Path(ahead, up),
        role=number,
        extent=(part.left, part.top, part.right, part.bottom),
        left=left and not seated,
        phase=phase,
        grounded=not part.airy and drawing.rig not in ("vessel", "swimmer"),
        centre=(part.left + part.right) / 2,
        fixed=(part.top + part.bottom) / 2 if part.airy or drawing.rig == "swimmer" else _foot(part),
        plain=part.role.count > _FEW,
    )


def _foot(part: _Part) -> float:
    """What a posture stands on may reach below its own ground: an owl's stump."""
    drawn = part.figure.drawing.postures.get(part.action, part.figure.drawing)
    return drawn.marks.get("foot", (0.0,))[0]


def _length(drawing: Drawing) -> float:
    return drawing.marks.get("speed", (1.0,))[0]


def _colours_prop(held: Drawing, drawing: Drawing) -> bool:
    """A colour that the figure itself can't take is its prop's."""
    return bool(held.recolour) and not drawing.recolour
