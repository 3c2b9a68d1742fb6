"""How camera and subject move, as functions of time."""

import math
from dataclasses import dataclass

from dustreel.providers.sandbox.kit import smoother
from dustreel.providers.sandbox.storyboard import Move

# What a moving camera leaves of the picture's edges, so that none is ever seen.
_EDGE = 1.06
# By seed, where the prompt names no move.
_CHOICES = (Move.PUSH_IN, Move.ORBIT, Move.PAN_RIGHT, Move.PAN_LEFT)


@dataclass(frozen=True, slots=True)
class View:
    zoom: float = 1.0
    x: float = 0.0
    """What the whole picture is shifted by, in its widths."""
    y: float = 0.0
    lean_x: float = 0.0
    """What near things are shifted by against far ones, in widths."""
    lean_y: float = 0.0
    dolly: float = 0.0
    """How much more near things grow than far ones."""


@dataclass(frozen=True, slots=True)
class Path:
    move: Move
    seconds: float
    amount: float
    side: int
    """1 or -1."""

    @classmethod
    def of(cls, move: Move, seconds: float, amount: float, seed: int) -> "Path":
        if move in (Move.DRIFT, Move.HANDHELD):
            move = _CHOICES[seed % len(_CHOICES)]
        return cls(move, seconds, amount, 1 if (seed >> 3) & 1 else -1)

    def at(self, t: float) -> View:
        if self.move is Move.FIXED:
            return View()
        done = smoother(t / self.seconds)
        off, amount, side = done - 0.5, self.amount, self.side
        # A hand's breath.
        x, y = 0.0016 * math.sin(t * 1.15 + 1), 0.0013 * math.sin(t * 0.93)
        match self.move:
            case Move.PUSH_IN:
                return View(_EDGE + 0.14 * amount * done, x, y, 0.016 * amount * side * off, -0.008 * amount * off, 0.075 * amount * off)
            case Move.PULL_OUT:
                return View(_EDGE + 0.14 * amount * (1 - done), x, y, 0.014 * amount * side * off, 0.0, -0.07 * amount * off)
            case Move.PAN_LEFT | Move.PAN_RIGHT | Move.FOLLOW:
                way = amount * off * (-1 if self.move is Move.PAN_LEFT else 1)
                return View(1.12, 0.045 * way + x, y, 0.034 * way, 0.0, 0.008 * off)
            case Move.TILT_UP | Move.TILT_DOWN:
                way = amount * off * (-1 if self.move is Move.TILT_UP else 1)
                return View(1.12, x, 0.042 * way + y, 0.0, 0.024 * way, 0.01 * off)
        turn = done * math.pi * 1.25 - 0.6
        return View(
            1.10 + 0.03 * done,
            0.004 * math.cos(turn),
            0.003 * math.sin(turn),
            0.032 * amount * side * math.cos(turn + 0.3),
            0.012 * amount * math.sin(turn),
            0.035 * amount * off,
        )


@dataclass(frozen=True, slots=True)
class Pose:
    lean: float = 0.0
    """How far the head is to the side, in heights of the subject."""
    tall: float = 1.0
    wide: float = 1.0
    up: float = 0.0
    """Off the ground, in heights."""


@dataclass(frozen=True, slots=True)
class Acting:
    sways: bool
    jumps: bool
    still: bool
    """Not even breath."""
    beat: float
    """Seconds from one to the next."""
    amount: float

    def at(self, t: float) -> Pose:
        if self.jumps:
            up = abs(math.sin(math.pi * t / (1.5 * self.beat))) ** 0.8
            return Pose(0.008 * math.sin(2 * math.pi * t / (3 * self.beat)), 0.965 + 0.045 * up, 1.022 - 0.03 * up, 0.05 * up * self.amount)
        if self.sways:
            turn = math.pi * t / self.beat
            # The bounce is twice as quick as the sway, and comes a little before it.
            bounce = abs(math.sin(turn + 0.4))
            lean = 0.036 * self.amount * (math.sin(turn) + 0.22 * math.sin(2 * turn + 0.6))
            return Pose(lean, 1 - 0.020 * self.amount * bounce, 1 + 0.012 * self.amount * bounce)
        if self.still:
            return Pose()
        breath = math.sin(2 * math.pi * t / 3.7)
        return Pose(0.0022 * math.sin(2 * math.pi * t / 5.3), 1 + 0.0035 * breath, 1 + 0.002 * breath)
