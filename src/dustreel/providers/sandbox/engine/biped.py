"""The rig of two legs and two arms: people, astronauts, robots; and animals in the posture in which they play and sit."""

import math

from dustreel.providers.sandbox.engine.acting import Acting, breathe, hop, live, trail, wave
from dustreel.providers.sandbox.engine.pose import Pose
from dustreel.providers.sandbox.kit import smooth
from dustreel.providers.sandbox.storyboard import Action

_SIDES = (("near", 0.0), ("far", 0.5))
_WALK_DUTY, _RUN_DUTY = 0.58, 0.36


def biped(pose: Pose, acting: Acting) -> None:
    match acting.action:
        case Action.WALK | Action.SAIL | Action.DRIVE:
            _walk(pose, acting)
        case Action.RUN:
            _run(pose, acting)
        case Action.JUMP:
            _jump(pose, acting)
        case Action.DANCE | Action.BLOOM:
            _dance(pose, acting)
        case Action.SIT | Action.EAT | Action.SLEEP:
            _sit(pose, acting)
        case Action.PLAY | Action.COOK:
            _play(pose, acting)
        case Action.FLY | Action.SWIM | Action.FALL | Action.RISE:
            _float(pose, acting)
        case _:
            _stand(pose, acting)


def _plant(pose: Pose, side: str, x: float, y: float, lift: float = 0.0) -> None:
    """A foot at a place; in the air its toes point down."""
    pose.reach(f"hip_{side}", f"knee_{side}", f"foot_{side}", (x, y))
    if pose.has(f"foot_{side}"):
        pose.aim(f"foot_{side}", lift)


def _stride(pose: Pose) -> float:
    said = pose.drawing.marks.get("stride")
    return said[0] if said else 34.0


def _feet(pose: Pose, cycle: float, stride: float, duty: float, lift: float) -> None:
    for side, phase in _SIDES:
        name = f"foot_{side}"
        if not pose.has(name):
            continue
        x, y = pose.rest(name)
        middle = pose.rest("body")[0]
        at = (cycle + phase) % 1.0
        if at < duty:
            ahead = 0.5 - at / duty
            # Heel first, toes last: these stay on the ground while the heel leaves it.
            tilt = -0.30 * max(0.0, ahead - 0.3) / 0.2 + 0.55 * max(0.0, -ahead - 0.25) / 0.25
            up = 10.0 * max(0.0, math.sin(tilt))
        else:
            swing = (at - duty) / (1 - duty)
            tilt = 0.60 * (1 - swing) - 0.30 * swing
            ahead, up = smooth(swing) - 0.5, max(math.sin(math.pi * swing**0.85) * lift, 10.0 * math.sin(tilt))
        _plant(pose, side, middle + (x - middle) * 0.3 + ahead * stride, y - up, tilt)


def _swing_arms(pose: Pose, cycle: float, swing: float, bend: float) -> None:
    for side, phase in _SIDES:
        pose.turn(f"shoulder_{side}", swing * wave(cycle, 1, phase + 0.25 - 0.5))
        # The forearm follows the upper arm.
        pose.turn(f"elbow_{side}", -bend - 0.4 * swing * (1 + wave(cycle, 1, phase + 0.17 - 0.5)))


def _stand(pose: Pose, acting: Acting) -> None:
    breathe(pose, acting)
    lean = wave(acting.t, 0.11, acting.phase)
    pose.shift("body", 0.9 * lean, 0.3)
    pose.turn("torso", 0.012 * wave(acting.t, 0.21, acting.phase))
    for side, phase in _SIDES:
        pose.turn(f"shoulder_{side}", 0.04 * wave(acting.t, 0.42, phase + 0.1) + (0.05 if side == "near" else -0.05))
        pose.turn(f"elbow_{side}", -0.10)
        if pose.has(f"foot_{side}"):
            _plant(pose, side, *pose.rest(f"foot_{side}"))
    live(pose, acting)


def _walk(pose: Pose, acting: Acting) -> None:
    stride = _stride(pose)
    rate = min(max(acting.pace * _WALK_DUTY / stride, 0.6), 1.15)
    cycle = acting.t * rate + acting.phase
    pose.shift("body", 0, 1.2 + 1.1 * wave(cycle, 2, 0.12))
    pose.turn("torso", 0.03 + 0.015 * wave(cycle, 2))
    pose.turn("head", -0.02 + 0.02 * wave(cycle, 2, -0.1))
    _feet(pose, cycle, stride, _WALK_DUTY, 7.0)
    _swing_arms(pose, cycle, 0.42, 0.18)
    trail(pose, "cloth", 0.08, rate * 2, acting.t, acting.phase)
    trail(pose, "hair", 0.07, rate * 2, acting.t, acting.phase)
    live(pose, acting)


def _run(pose: Pose, acting: Acting) -> None:
    stride = _stride(pose) * 1.75
    rate = min(max(acting.pace * _RUN_DUTY / stride, 1.1), 1.7)
    cycle = acting.t * rate + acting.phase
    pose.shift("body", 0, 1.5 - 3.2 * (0.5 + 0.5 * wave(cycle, 2, 0.30)))
    pose.turn("torso", 0.20 + 0.02 * wave(cycle, 2))
    pose.turn("head", -0.13 + 0.03 * wave(cycle, 2, -0.1))
    _feet(pose, cycle, stride, _RUN_DUTY, 17.0)
    _swing_arms(pose, cycle, 0.78, 1.05)
    trail(pose, "cloth", 0.16, rate * 2, acting.t, acting.phase)
    trail(pose, "hair", 0.15, rate * 2, acting.t, acting.phase)
    live(pose, acting)


def _jump(pose: Pose, acting: Acting) -> None:
    cycle = (acting.t * 0.85 + acting.phase) % 1.0
    air = (cycle - 0.25) / 0.5 if 0.25 < cycle < 0.75 else 0.0
    crouch = math.sin(math.pi * cycle / 0.25) if cycle < 0.25 else 0.75 * math.sin(math.pi * (cycle - 0.75) / 0.25) if cycle > 0.75 else 0.0
    up = 26 * hop(air)
    pose.shift("body", 0, 8 * crouch - up)
    pose.turn("torso", 0.16 * crouch - 0.08 * hop(air))
    for side, phase in _SIDES:
        arm = -0.7 * crouch + 2.5 * hop(air) ** 0.6
        pose.turn(f"shoulder_{side}", arm * (-1 if side == "near" else -0.92) - 0.1)
        pose.turn(f"elbow_{side}", -0.35)
        if pose.has(f"foot_{side}"):
            x, y = pose.rest(f"foot_{side}")
            _plant(pose, side, x - 9 * hop(air) * (1 - phase), y - up - 7 * hop(air), 0.6 * hop(air))
    trail(pose, "hair", 0.2, 0.85, acting.t, 0.2)
    trail(pose, "cloth", 0.2, 0.85, acting.t, 0.2)
    live(pose, acting)


def _dance(pose: Pose, acting: Acting) -> None:
    """Hips to the beat, knees that give, arms that wave and cross over; every second bar a turn."""
    beat = acting.beat + acting.phase * 4
    sway, give = wave(beat, 0.25), 0.5 + 0.5 * wave(beat, 1, 0.25)
    pose.shift("body", 4.5 * sway, 1.2 + 2.6 * give)
    pose.turn("torso", 0.10 * wave(beat, 0.25, 0.08))
    pose.turn("neck", -0.08 * wave(beat, 0.25, 0.14))
    pose.turn("head", -0.10 * wave(beat, 0.25, 0.2))
    turn = (beat % 16) - 14
    if turn > 0:
        pose.stretch("root", _spun(smooth(turn / 2)), 1.0)
    for side, phase in _SIDES:
        raised = 0.5 + 0.5 * wave(beat, 0.125, phase)
        out = 1 if side == "near" else -1
        pose.turn(f"shoulder_{side}", out * (1.15 + 1.15 * raised) + 0.22 * wave(beat, 0.5, phase))
        pose.turn(f"elbow_{side}", out * (0.45 + 0.55 * wave(beat, 0.5, phase + 0.12)))
        if pose.has(f"foot_{side}"):
            x, y = pose.rest(f"foot_{side}")
            kick = max(0.0, wave(beat, 0.25, phase)) ** 2
            _plant(pose, side, x + 7 * kick * (1 if side == "near" else -1), y - 6 * kick, 0.5 * kick)
    trail(pose, "cloth", 0.14, 0.5, beat, 0.1)
    trail(pose, "hair", 0.12, 0.5, beat, 0.2)
    live(pose, acting)


def _spun(share: float) -> float:
    """How wide what turns about itself is seen: through its edge and back, never quite nothing."""
    width = math.cos(2 * math.pi * share)
    return math.copysign(max(abs(width), 0.12), width)


def _sit(pose: Pose, acting: Acting) -> None:
    """On a seat, or on the ground with the knees drawn up."""
    _seat(pose, acting)
    breathe(pose, acting, 0.03 if acting.action is Action.SLEEP else 0.015, 0.25)
    if acting.action is Action.SLEEP:
        pose.turn("torso", 0.16)
        pose.turn("head", 0.36 + 0.03 * wave(acting.t, 0.25))
    if acting.action is Action.SIT and "perch" in pose.drawing.marks:
        # Its forepaws stand on the ground.
        live(pose, acting)
        return
    bite = smooth(wave(acting.t, 0.5) * 2) if acting.action is Action.EAT else 0.0
    for side, _ in _SIDES:
        eats = bite if side == "near" else 0.0
        pose.turn(f"shoulder_{side}", -0.30 - 0.55 * eats)
        pose.turn(f"elbow_{side}", -0.55 - 1.35 * eats)
    pose.turn("jaw", 0.10 * bite * (1 + wave(acting.t, 2.5)))
    live(pose, acting, asleep=acting.action is Action.SLEEP)


def _seat(pose: Pose, acting: Acting) -> None:
    if not pose.has("foot_near") or not pose.has("hip_near"):
        return
    hip = -pose.rest("hip_near")[1]
    seat = acting.seat if acting.seat is not None else 7.0
    pose.shift("body", -6, hip - seat)
    # A skirt or a coat's tails lie on the seat.
    pose.stretch("cloth2", 1.1, 0.62 if acting.seat else 0.42)
    for side, phase in _SIDES:
        ahead = 26 + 5 * phase if acting.seat else 34 + 6 * phase
        x = pose.rest(f"hip_{side}")[0] - 6 + ahead
        _plant(pose, side, x, pose.rest(f"foot_{side}")[1])


def _play(pose: Pose, acting: Acting) -> None:
    """At an instrument or a stove, with the beat; the hands are where the prop says."""
    beat = acting.beat
    if acting.seat is not None:
        _seat(pose, acting)
    else:
        for side, _ in _SIDES:
            if pose.has(f"foot_{side}"):
                _plant(pose, side, *pose.rest(f"foot_{side}"))
    sway = wave(beat, 0.25)
    pose.turn("torso", 0.05 * sway + 0.03)
    pose.shift("body", 0.8 * sway, 0.6 * abs(wave(beat, 0.5)))
    pose.turn("neck", 0.05 * wave(beat, 0.5, 0.05))
    pose.turn("head", 0.07 * wave(beat, 0.5, 0.1))
    pose.shift("head", 0, 0.9 * wave(beat, 1))
    for side, phase in _SIDES:
        pose.turn(f"shoulder_{side}", -0.55 + 0.18 * wave(beat, 0.5, phase))
        pose.turn(f"elbow_{side}", -0.9 + 0.25 * wave(beat, 0.5, phase + 0.1))
    live(pose, acting)


def _float(pose: Pose, acting: Acting) -> None:
    """Weightless: limbs adrift, the whole turning slowly."""
    t = acting.t
    pose.turn("root", 0.20 * wave(t, 0.09, acting.phase) + (1.1 if acting.action is Action.SWIM else 0.45))
    pose.turn("torso", 0.06 * wave(t, 0.15))
    for side, phase in _SIDES:
        pose.turn(f"shoulder_{side}", -0.7 + 0.3 * wave(t, 0.17, phase) - (0.5 if side == "near" else 0.0))
        pose.turn(f"elbow_{side}", -0.5 + 0.25 * wave(t, 0.21, phase + 0.1))
        pose.turn(f"hip_{side}", (-0.35 if side == "near" else 0.15) + 0.16 * wave(t, 0.15, phase))
        pose.turn(f"knee_{side}", 0.5 + 0.2 * wave(t, 0.18, phase + 0.1))
    trail(pose, "cloth", 0.12, 0.3, t)
    trail(pose, "hair", 0.12, 0.3, t)
    live(pose, acting)
