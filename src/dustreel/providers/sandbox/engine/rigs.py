"""Which rig moves a drawing, and the rigs of all that neither walks nor has hands."""

import math
from collections.abc import Callable

from dustreel.providers.sandbox.engine.acting import Acting, breathe, live, settle, trail, wave
from dustreel.providers.sandbox.engine.biped import biped
from dustreel.providers.sandbox.engine.drawing import Drawing
from dustreel.providers.sandbox.engine.pose import Pose
from dustreel.providers.sandbox.engine.walker import walker
from dustreel.providers.sandbox.storyboard import Action

type Rig = Callable[[Pose, Acting], None]

# Actions that take their actor across the picture, and how fast: its own lengths a second are told by `marks.speed`.
TRAVELS = {
    Action.WALK: 55.0,
    Action.RUN: 190.0,
    Action.FLY: 70.0,
    Action.SWIM: 45.0,
    Action.DRIVE: 130.0,
    Action.SAIL: 16.0,
}


def posed(drawing: Drawing, acting: Acting) -> Pose:
    """The drawing's posture for what it does, moved to this moment."""
    drawn = drawing.postures.get(acting.action, drawing)
    pose = Pose(drawn, acting.t)
    # A posture of its own sits or plays as those do that have hands.
    rig = biped if drawn is not drawing and drawing.rig in ("walker", "biped") else RIGS.get(drawing.rig, still)
    rig(pose, acting)
    return pose


def still(pose: Pose, acting: Acting) -> None:
    breathe(pose, acting)
    live(pose, acting)


def flyer(pose: Pose, acting: Acting) -> None:
    """Wings that beat, a body that answers; what has tips lets them follow."""
    if pose.drawing.marks.get("perched"):
        breathe(pose, acting, 0.02)
        pose.turn("head", 0.20 * wave(acting.t, 0.13, acting.phase) ** 3)
        live(pose, acting, asleep=acting.action is Action.SLEEP)
        return
    rate, sweep = pose.drawing.marks.get("flap", (1.5, 0.75))
    # Now and then it glides.
    effort = 0.45 + 0.55 * min(max(0.5 + 1.6 * wave(acting.t, 0.13, acting.phase), 0.0), 1.0)
    beat = acting.t * rate + acting.phase
    # Wings that are spread to both sides mirror one another.
    far = -1.0 if "spread" in pose.drawing.marks else 1.0
    for side, lag, way in (("near", 0.0, 1.0), ("far", 0.03, far)):
        pose.turn(f"wing_{side}", way * (sweep * effort * wave(beat, 1, -lag) - 0.1))
        pose.turn(f"tip_{side}", way * 0.75 * sweep * effort * wave(beat, 1, -0.17 - lag))
        pose.stretch(f"fold_{side}", 1.0, 0.25 + 0.75 * abs(wave(beat, 0.5, lag)))
    pose.shift("body", 0, 3.5 * effort * wave(beat, 1, 0.27))
    pose.turn("body", 0.04 * wave(beat, 1, 0.1) + 0.03 * wave(acting.t, 0.2))
    pose.turn("neck", -0.05 * wave(beat, 1, 0.05))
    pose.turn("jaw", 0.10 * max(0.0, wave(acting.t, 0.2)))
    trail(pose, "tail", 0.07, rate, acting.t, acting.phase)
    trail(pose, "leg", 0.08, rate, acting.t, acting.phase + 0.3)
    live(pose, acting)


def swimmer(pose: Pose, acting: Acting) -> None:
    rate, reach = pose.drawing.marks.get("beat", (0.8, 4.0))
    if acting.action in (Action.STAND, Action.SLEEP, Action.SIT):
        rate, reach = rate * 0.5, reach * 0.5
    beat = acting.t * rate + acting.phase
    pose.wave = (reach, 130.0, -beat)
    if acting.action is Action.JUMP:
        # Out of the water nose first, over, and in again.
        share = (acting.t * 0.42 + acting.phase) % 1.0
        pose.shift("root", 0, 55 - 150 * math.sin(math.pi * share))
        pose.turn("root", -0.95 * math.cos(math.pi * share))
    pose.turn("body", 0.04 * wave(acting.t, 0.23, acting.phase))
    pose.shift("body", 0, 1.5 * wave(acting.t, 0.31, acting.phase))
    for number, name in enumerate(pose.series("tail")):
        pose.turn(name, 0.10 * wave(beat, 1, -0.2 - 0.1 * number))
        pose.stretch(name, 0.80 + 0.20 * wave(beat, 1, -0.1), 1.0)
    for name, phase in (("fin_near", 0.0), ("fin_far", 0.15)):
        pose.turn(name, 0.28 * wave(beat, 0.7, phase))
    pose.turn("jaw", 0.05 * (1 + wave(acting.t, 0.5)))
    live(pose, acting)


def vehicle(pose: Pose, acting: Acting) -> None:
    """Wheels roll as far as the ground passes; the body rocks on its springs."""
    along = acting.t * acting.pace
    for name in pose.series("wheel"):
        radius = pose.drawing.marks.get(name, (12.0,))[0]
        pose.turn(name, along / radius)
    for name in pose.series("rod"):
        # A coupling rod stays level and goes round with its wheel.
        radius, reach = pose.drawing.marks.get("rod", (20.0, 8.0))
        pose.shift(name, reach * (math.cos(along / radius) - 1), reach * math.sin(along / radius))
    rough = min(acting.pace / 100.0, 1.0)
    pose.shift("body", 0, 0.35 * rough * (wave(acting.t, 3.1) + 0.6 * wave(acting.t, 5.3, 0.2)))
    pose.turn("body", 0.005 * rough * wave(acting.t, 1.7))
    pose.turn("driver", 0.05 * wave(acting.t, 0.9))
    trail(pose, "cloth", 0.15, 2.2, acting.t)
    live(pose, acting)


def vessel(pose: Pose, acting: Acting) -> None:
    """Rides the swell; the sails fill and the pennant flies."""
    t = acting.t + acting.phase * 3
    pose.turn("hull", 0.045 * wave(t, 0.24) + 0.018 * wave(t, 0.41, 0.3))
    pose.shift("hull", 0, 1.6 * wave(t, 0.24, 0.22) + 0.6 * wave(t, 0.57))
    pose.stretch("sail", 1 + 0.05 * wave(t, 0.33), 1.0)
    pose.stretch("jib", 1 + 0.06 * wave(t, 0.33, -0.15), 1.0)
    trail(pose, "flag", 0.26, 1.1, t)
    pose.stretch("wake", 1 + 0.12 * wave(t, 0.5), 1 + 0.25 * wave(t, 0.7))
    live(pose, acting)


def aircraft(pose: Pose, acting: Acting) -> None:
    t = acting.t + acting.phase * 4
    gentle = pose.drawing.marks.get("swing", (0.03,))[0]
    pose.turn("body", gentle * wave(t, 0.19) + 0.3 * gentle * wave(t, 0.47, 0.3))
    pose.shift("body", 0, 1.2 * wave(t, 0.27))
    pose.turn("basket", -1.4 * gentle * wave(t, 0.19, -0.10))
    for name in pose.series("flame"):
        flicker = 1 + 0.14 * wave(t, 7.3) * wave(t, 3.1) + 0.08 * wave(t, 11.7)
        pose.stretch(name, 0.5 + 0.5 * flicker, flicker)
    for name in pose.series("spin"):
        pose.stretch(name, 1.0, 0.35 + 0.65 * abs(wave(t, 6.7)))
    trail(pose, "flag", 0.22, 1.6, t)
    trail(pose, "cloth", 0.12, 1.3, t)
    live(pose, acting)


def plant(pose: Pose, acting: Acting) -> None:
    """Sways from the ground up; a flower opens petal by petal."""
    t = acting.t + acting.phase * 5
    for number, name in enumerate(pose.series("stem")):
        pose.turn(name, (0.025 + 0.012 * number) * wave(t, 0.23, -0.1 * number) + 0.008 * wave(t, 0.61))
    for number, name in enumerate(pose.series("leaf")):
        pose.turn(name, 0.06 * wave(t, 0.37, 0.21 * number))
    opens = acting.action is Action.BLOOM
    grown = settle(min(acting.t / 1.6, 1.0) * 1.4, 0.7) if opens else 1.0
    if opens:
        pose.stretch("grow", 0.4 + 0.6 * grown, 0.25 + 0.75 * grown)
    for number, name in enumerate(pose.series("petal")):
        share = settle(max(0.0, acting.t - 0.5 - 0.10 * number) * 0.9, 0.55) if opens else 1.0
        pose.stretch(name, 0.15 + 0.85 * share, 0.15 + 0.85 * share)
        pose.turn(name, 0.05 * wave(t, 0.3, 0.13 * number))
    live(pose, acting)


RIGS: dict[str, Rig] = {
    "walker": walker,
    "biped": biped,
    "flyer": flyer,
    "swimmer": swimmer,
    "vehicle": vehicle,
    "vessel": vessel,
    "aircraft": aircraft,
    "plant": plant,
}
