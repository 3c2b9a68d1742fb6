"""The rig of four legs: cats, foxes, horses, elephants."""

import math
from dataclasses import dataclass

from dustreel.providers.sandbox.engine.acting import Acting, breathe, hop, live, trail, wave
from dustreel.providers.sandbox.engine.pose import Pose
from dustreel.providers.sandbox.kit import smooth
from dustreel.providers.sandbox.storyboard import Action

# Upper bone, lower bone, and the paw at the end; a hind leg may have a hock between knee and paw.
_LEGS = {
    "fore_near": ("shoulder_near", "elbow_near", "hand_near"),
    "fore_far": ("shoulder_far", "elbow_far", "hand_far"),
    "hind_near": ("hip_near", "knee_near", "foot_near"),
    "hind_far": ("hip_far", "knee_far", "foot_far"),
}


@dataclass(frozen=True, slots=True)
class Gait:
    phases: tuple[float, float, float, float]
    """Of fore near, fore far, hind near and hind far, in cycles."""
    duty: float
    """How much of a cycle a paw stands."""
    lift: float
    """In shares of a stride."""


WALK = Gait((0.0, 0.5, 0.75, 0.25), 0.62, 0.22)
GALLOP = Gait((0.52, 0.62, 0.0, 0.10), 0.34, 0.34)


def walker(pose: Pose, acting: Acting) -> None:
    match acting.action:
        case Action.WALK:
            _walk(pose, acting)
        case Action.RUN | Action.DRIVE | Action.FLY:
            _run(pose, acting)
        case Action.JUMP | Action.PLAY | Action.RISE | Action.BLOOM:
            _leap(pose, acting)
        case Action.DANCE:
            _dance(pose, acting)
        case Action.SIT:
            _sit(pose, acting)
        case Action.SLEEP:
            _lie(pose, acting)
        case Action.EAT | Action.COOK:
            _graze(pose, acting)
        case Action.SWIM | Action.SAIL:
            _paddle(pose, acting)
        case _:
            _stand(pose, acting)


def _stride(pose: Pose, share: float) -> float:
    """A drawing says how long its steps are at a walk; else its legs do."""
    said = pose.drawing.marks.get("stride")
    return (said[0] if said else 26.0) * share


def _step(pose: Pose, gait: Gait, cycle: float, stride: float, *, ground: float = 0.0) -> None:
    """Set all four paws where the gait has them: on the ground they go back as fast as the body goes ahead."""
    for (upper, lower, end), phase in zip(_LEGS.values(), gait.phases, strict=True):
        if not pose.has(end):
            continue
        x, y = pose.rest(end)
        at = (cycle + phase) % 1.0
        if at < gait.duty:
            ahead, up, tuck = 0.5 - at / gait.duty, 0.0, 0.0
        else:
            swing = (at - gait.duty) / (1 - gait.duty)
            ahead, up = smooth(swing) - 0.5, math.sin(math.pi * swing) * gait.lift
            tuck = math.sin(math.pi * swing)
        _set_paw(pose, upper, lower, end, x + ahead * stride, y - up * stride + ground, tuck)


def _set_paw(pose: Pose, upper: str, lower: str, end: str, x: float, y: float, tuck: float) -> None:
    """`tuck` bends the last joint while the paw is in the air."""
    hock = end.replace("foot", "hock")
    if hock != end and pose.has(hock):
        (hx, hy), (ex, ey) = pose.rest(hock), pose.rest(end)
        turn = 0.55 * tuck
        dx, dy = hx - ex, hy - ey
        heel = (x + dx * math.cos(turn) - dy * math.sin(turn), y + dx * math.sin(turn) + dy * math.cos(turn))
        pose.reach(upper, lower, hock, heel)
        pose.aim(hock, turn)
    else:
        # The toes of a long foot must not dip into the ground.
        pose.reach(upper, lower, end, (x, y - 4.0 * tuck))
    pose.aim(end, 0.5 * tuck)


def _stand(pose: Pose, acting: Acting) -> None:
    breathe(pose, acting)
    shift = 0.5 * wave(acting.t, 0.16, acting.phase)
    pose.shift("body", shift, 0.25 * abs(shift))
    pose.turn("neck", 0.05 * wave(acting.t, 0.17, acting.phase))
    _step(pose, Gait((0, 0, 0, 0), 1.0, 0), 0.5, 0.0)
    live(pose, acting)


def _walk(pose: Pose, acting: Acting) -> None:
    stride = _stride(pose, 1.0)
    # Never so slow that it seems to stand, never so fast that it seems to hurry.
    rate = min(max(acting.pace * WALK.duty / stride, 0.55), 1.5)
    cycle = acting.t * rate + acting.phase
    pose.shift("body", 0, 0.9 * wave(cycle, 2, 0.1))
    pose.turn("body", 0.015 * wave(cycle, 2, 0.35))
    pose.turn("neck", 0.05 * wave(cycle, 2, 0.15))
    pose.turn("head", -0.03 * wave(cycle, 2, 0.05))
    _step(pose, WALK, cycle, stride)
    trail(pose, "tail", 0.06, rate, acting.t, acting.phase)
    live(pose, acting)


def _run(pose: Pose, acting: Acting) -> None:
    stride = _stride(pose, 2.1)
    rate = min(max(acting.pace * GALLOP.duty / stride, 1.25), 2.3)
    cycle = acting.t * rate + acting.phase
    _gallop(pose, cycle, stride)
    trail(pose, "tail", 0.16, rate, acting.t, acting.phase + 0.2)
    trail(pose, "mane", 0.18, rate, acting.t, acting.phase + 0.1)
    for name in ("ear_near", "ear_far"):
        pose.turn(name, -0.22 + 0.14 * wave(cycle, 1, 0.2))
    live(pose, acting)


def _gallop(pose: Pose, cycle: float, stride: float) -> None:
    rise = -0.055 * stride * (1 + wave(cycle, 1, -0.08))
    pose.shift("body", 0, rise + 1.5)
    pose.turn("body", 0.085 * wave(cycle, 1, 0.18))
    pose.turn("chest", -0.10 * wave(cycle, 1, 0.42))
    pose.turn("neck", 0.10 * wave(cycle, 1, 0.55) + 0.12)
    pose.turn("head", -0.08 * wave(cycle, 1, 0.45) - 0.14)
    for number, name in enumerate(pose.series("tail")):
        pose.turn(name, 0.12 if number == 0 else 0.03)
    _step(pose, GALLOP, cycle, stride)


def _leap(pose: Pose, acting: Acting) -> None:
    """Crouch, spring, and land with a little give."""
    cycle = (acting.t * 0.95 + acting.phase) % 1.0
    height = (pose.drawing.marks.get("leap") or (38.0,))[0]
    if cycle < 0.22:
        crouch, air = math.sin(math.pi * cycle / 0.22), 0.0
    elif cycle < 0.78:
        crouch, air = 0.0, (cycle - 0.22) / 0.56
    else:
        crouch, air = 0.8 * math.sin(math.pi * (cycle - 0.78) / 0.22), 0.0
    up = hop(air)
    pose.shift("body", 0, 9 * crouch - height * up)
    pitch = 0.30 * math.cos(math.pi * air) if air else 0.0
    pose.turn("body", -pitch)
    pose.turn("neck", 0.6 * pitch)
    tuck = math.sin(math.pi * air)
    for number, (upper, lower, end) in enumerate(_LEGS.values()):
        if not pose.has(end):
            continue
        x, y = pose.rest(end)
        fore = number < 2
        reach = (9 if fore else -7) * math.cos(math.pi * air) * (air > 0) + (5 if fore else -5) * tuck
        _set_paw(pose, upper, lower, end, x + reach, y - height * up - 7 * tuck, 1.2 * tuck)
    trail(pose, "tail", 0.22, 0.95, acting.t, acting.phase)
    for name in ("ear_near", "ear_far"):
        pose.turn(name, -0.30 * math.sin(2 * math.pi * air))
    live(pose, acting)


def _dance(pose: Pose, acting: Acting) -> None:
    """Left and right with the beat, forepaws lifted in turn."""
    beat = acting.beat + acting.phase * 2
    bounce = abs(wave(beat, 0.5))
    pose.shift("body", 3.0 * wave(beat, 0.25), 2.6 - 4.0 * bounce)
    pose.turn("body", -0.10 - 0.06 * wave(beat, 0.5))
    pose.turn("neck", 0.10 * wave(beat, 0.5, 0.1))
    pose.turn("head", 0.16 * wave(beat, 0.25, 0.05))
    for (upper, lower, end), phase in zip(_LEGS.values(), (0.0, 0.5, 0.5, 0.0), strict=True):
        if pose.has(end):
            x, y = pose.rest(end)
            lift = max(0.0, wave(beat, 0.5, phase)) * (13 if upper.startswith("shoulder") else 4)
            _set_paw(pose, upper, lower, end, x + lift * 0.3, y - lift, lift / 13)
    trail(pose, "tail", 0.24, 0.5, beat)
    live(pose, acting)


def _sit(pose: Pose, acting: Acting) -> None:
    """Haunches down, chest up: for those who have no drawing of their own for it."""
    pose.turn("body", -0.46)
    if pose.has("hip_near"):
        pose.shift("body", 3.0, pose.rest("hip_near")[1] * 0.42 - pose.where("hip_near")[1])
    pose.turn("neck", 0.26 + 0.03 * wave(acting.t, 0.17))
    pose.turn("head", 0.12)
    breathe(pose, acting)
    for upper, lower, end in (_LEGS["fore_near"], _LEGS["fore_far"]):
        if pose.has(end):
            x, y = pose.rest(end)
            pose.reach(upper, lower, end, (x - 9, y))
            pose.aim(end, 0.0)
    for upper, lower, end in (_LEGS["hind_near"], _LEGS["hind_far"]):
        if pose.has(end):
            x, y = pose.rest(end)
            _set_paw(pose, upper, lower, end, x + 13, y, 0.0)
    for number, name in enumerate(pose.series("tail")):
        pose.turn(name, 0.75 if number == 0 else -0.08)
    live(pose, acting)


def _lie(pose: Pose, acting: Acting) -> None:
    """Down on the belly, head between the paws, eyes shut, breathing slowly."""
    legs = -(pose.rest("hip_near")[1] if pose.has("hip_near") else -30.0)
    pose.shift("body", 0, legs * 0.58)
    breathe(pose, acting, 0.035, 0.24)
    pose.turn("neck", 0.62)
    pose.turn("head", -0.24 + 0.01 * wave(acting.t, 0.24))
    for number, (upper, lower, end) in enumerate(_LEGS.values()):
        if pose.has(end):
            x, y = pose.rest(end)
            _set_paw(pose, upper, lower, end, x + (20 if number < 2 else 12), y - 1, 0.0)
    for name in pose.series("tail"):
        pose.turn(name, 0.10)
    live(pose, acting, asleep=True)


def _graze(pose: Pose, acting: Acting) -> None:
    down = smooth(0.5 + 1.4 * wave(acting.t, 0.16, acting.phase + 0.1))
    chew = wave(acting.t, 2.2)
    breathe(pose, acting)
    pose.turn("body", 0.05 * down)
    pose.turn("neck", 1.0 * down)
    pose.turn("head", -0.25 * down + 0.05 * chew)
    pose.turn("jaw", 0.10 * (1 + chew))
    _step(pose, Gait((0, 0, 0, 0), 1.0, 0), 0.5, 0.0)
    live(pose, acting)


def _paddle(pose: Pose, acting: Acting) -> None:
    pose.shift("body", 0, 1.5 * wave(acting.t, 0.6))
    pose.turn("body", -0.08)
    _step(pose, Gait((0.0, 0.5, 0.5, 0.0), 0.5, 0.4), acting.t * 1.2, _stride(pose, 0.8), ground=-4)
    live(pose, acting)
