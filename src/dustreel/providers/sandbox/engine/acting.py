"""What every rig is told, and what all living things do: breathe, blink, look about, and let tails and ears follow."""

import math
from dataclasses import dataclass

from dustreel.providers.sandbox.engine.pose import Pose
from dustreel.providers.sandbox.kit import smooth
from dustreel.providers.sandbox.storyboard import Action

_BLINK_SECONDS = 0.17


@dataclass(frozen=True, slots=True)
class Acting:
    action: Action
    t: float
    """Seconds, with the actor's own head start."""
    beat: float
    """Beats of the storyboard's tempo."""
    pace: float = 0.0
    """How fast it gets along, in hundredths of its height a second."""
    phase: float = 0.0
    """0 to 1: what sets one actor of several apart from the next."""
    seat: float | None = None
    """How high it sits, in the drawing's units; None: on the ground."""


def wave(t: float, rate: float, phase: float = 0.0) -> float:
    """A sine by cycles."""
    return math.sin(2 * math.pi * (t * rate + phase))


def hop(share: float) -> float:
    """0 to 1 and back to 0, as what is thrown."""
    return 4 * share * (1 - share)


def settle(t: float, rate: float = 2.2) -> float:
    """0 to 1 with an overshoot that dies away."""
    return 1 - math.exp(-4.5 * t) * math.cos(2 * math.pi * rate * t) if t > 0 else 0.0


def live(pose: Pose, acting: Acting, *, asleep: bool = False) -> None:
    """Eyes, ears, tail, hair: what goes on whatever one does."""
    t = acting.t + acting.phase * 7
    open_ = 0.08 if asleep else _openness(t)
    for name in ("eye", "eye_near", "eye_far"):
        pose.stretch(name, 1.0, open_)
    for name, ahead in (("ear_near", 0.0), ("ear_far", 0.13)):
        flick = math.exp(-(((t + ahead) % 3.7 - 0.5) ** 2) * 60) * wave(t, 5)
        pose.turn(name, 0.18 * flick + 0.03 * wave(t, 0.4, ahead))
    sway = 0.35 if asleep else 1.0
    for number, name in enumerate(pose.series("tail")):
        pose.turn(name, sway * (0.05 + 0.04 * number) * wave(t, 0.42, -0.11 * number))
    for stem in ("hair", "cloth"):
        for number, name in enumerate(pose.series(stem)):
            pose.turn(name, 0.06 * wave(t, 0.5, -0.13 * number))
    if not asleep:
        # Looks up and about, now and then.
        pose.turn("head", 0.035 * wave(t, 0.21) + 0.03 * wave(t, 0.13, 0.4))
        pose.shift("pupil", 0.35 * wave(t, 0.19, 0.2), 0.0)


def breathe(pose: Pose, acting: Acting, depth: float = 0.012, rate: float = 0.42) -> None:
    breath = wave(acting.t, rate, acting.phase)
    pose.stretch("breath", 1 + depth * 0.5 * breath, 1 + depth * breath)
    pose.shift("neck", 0, -0.25 * breath)


def trail(pose: Pose, stem: str, amount: float, rate: float, t: float, phase: float = 0.0) -> None:
    """A chain that is dragged: each link follows the one before it later and farther."""
    for number, name in enumerate(pose.series(stem)):
        pose.turn(name, amount * (1 + 0.25 * number) * wave(t, rate, phase - 0.12 * number))


def _openness(t: float) -> float:
    """Of eyes: shut for a moment every few seconds, twice now and then."""
    for every, at in ((3.3, 1.1), (9.1, 4.6)):
        since = (t % every) - at
        if 0 <= since < _BLINK_SECONDS:
            return 0.08 + 0.92 * abs(2 * smooth(since / _BLINK_SECONDS) - 1)
    return 1.0
