"""The camera of each take: how near, and how it moves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dustreel.providers.sandbox.engine.actor import Actor, Clock
from dustreel.providers.sandbox.engine.port import OVERSCAN
from dustreel.providers.sandbox.kit import Camera, smoother
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.storyboard import Framing, Move, Take

# How much of the picture's height its subject fills.
_FILLS = {Framing.MEDIUM: 0.54, Framing.CLOSE: 0.92}
_NEAREST = {Framing.MEDIUM: 1.6, Framing.CLOSE: 2.1}
_AERIAL_ZOOM = 0.90
_PAN, _TILT, _PUSH = 0.075, 0.06, 0.17


@dataclass(frozen=True, slots=True)
class Aim:
    """What a take looks at, in the scene's units."""

    x: float
    y: float
    across: float
    down: float
    head: float
    """How high the face is."""


def aim_at(actors: Sequence[Actor]) -> Aim | None:
    """The first role's actors together."""
    if not actors:
        return None
    boxes = [actor.box for actor in actors]
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[2] for box in boxes), max(box[3] for box in boxes)
    return Aim((left + right) / 2, (top + bottom) / 2, right - left, bottom - top, top + 0.30 * (bottom - top))


def set_camera(camera: Camera, shot: Shot, take: Take, clock: Clock, aim: Aim | None, lead: Actor | None) -> None:
    """Where the camera is at this moment of the take."""
    zoom, x, y = _framed(shot, take.framing, aim)
    done = smoother(clock.share)
    middle = done - 0.5
    match take.move:
        case Move.DRIFT:
            zoom *= 1.0 + 0.045 * done
            x += 0.022 * middle
        case Move.PUSH_IN:
            zoom *= 1.0 + _PUSH * done
        case Move.PULL_OUT:
            zoom *= 1.0 + _PUSH * (1 - done)
        case Move.PAN_LEFT:
            zoom, x = zoom * 1.06, x - 2 * _PAN * middle * shot.aspect
        case Move.PAN_RIGHT:
            zoom, x = zoom * 1.06, x + 2 * _PAN * middle * shot.aspect
        case Move.TILT_UP:
            zoom, y = zoom * 1.06, y - 2 * _TILT * middle
        case Move.TILT_DOWN:
            zoom, y = zoom * 1.06, y + 2 * _TILT * middle
        case Move.ORBIT:
            zoom *= 1.05 + 0.05 * math.sin(math.pi * done)
            x += 0.09 * shot.aspect * math.sin(math.pi * middle)
        case Move.HANDHELD:
            zoom *= 1.05
            x += 0.006 * math.sin(clock.t * 2.3) + 0.004 * math.sin(clock.t * 4.1 + 1)
            y += 0.005 * math.sin(clock.t * 2.9 + 2) + 0.003 * math.sin(clock.t * 5.3)
        case _:
            pass
    if lead is not None and (take.move is Move.FOLLOW or zoom > 1.3):
        where = lead.place(clock)
        share = 0.92 if take.move is Move.FOLLOW else 0.85
        x += share * (where[0] - lead.spot.x)
        y += share * (where[1] - lead.spot.y)
    camera.zoom = zoom
    camera.x, camera.y = _kept(x, shot.aspect / 2, zoom), _kept(y, 0.5, zoom)


def _framed(shot: Shot, framing: Framing, aim: Aim | None) -> tuple[float, float, float]:
    """Zoom and centre before the camera moves."""
    if framing is Framing.AERIAL:
        return _AERIAL_ZOOM, 0.0, -0.02
    if aim is None:
        return (1.0 if framing is Framing.WIDE else 1.18), 0.0, 0.0
    if framing is Framing.WIDE:
        return 1.02, 0.12 * aim.x, 0.0
    zoom = min(max(_FILLS[framing] / max(aim.down, 0.05), 1.08), _NEAREST[framing])
    # Close to a face what is wide may leave the picture; in a medium take it stays within.
    room = 0.76 if framing is Framing.MEDIUM else 1.15
    zoom = max(1.02, min(zoom, room * shot.aspect / max(aim.across, 0.05)))
    high = aim.y if framing is Framing.MEDIUM else (aim.y + aim.head) / 2
    return zoom, aim.x, high + 0.03 / zoom


def _kept(at: float, half: float, zoom: float) -> float:
    """Within the plates: they end at OVERSCAN times the picture."""
    room = max(0.0, half * (OVERSCAN - 1 / zoom) - 0.004)
    return min(max(at, -room), room)
