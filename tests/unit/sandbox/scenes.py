"""Storyboards and shots for tests of sets, weather and styles: small, so that all of them together take seconds."""

from typing import Any

import numpy as np

from dustreel.providers.sandbox.kit import Camera, Picture
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.storyboard import Hour, Mood, Place, Season, Storyboard, Style, Weather

WIDE, TALL = (160, 90), (90, 160)


def shot(size: tuple[int, int] = WIDE) -> Shot:
    return Shot(*size, seconds=5, fps=24, prompt="", camera_fixed=False)


def board(place: Place = Place.FIELD, **changes: Any) -> Storyboard:
    told: dict[str, Any] = {
        "seed": 5,
        "place": place,
        "hour": Hour.DAY,
        "weather": (Weather.CLEAR,),
        "season": Season.SUMMER,
        "mood": Mood.CALM,
        "style": Style.FILM,
        "palette": (),
        "roles": (),
        "takes": (),
        "tempo": 100.0,
    }
    return Storyboard(**(told | changes))


def blank(at: Shot) -> Picture:
    """The colour that nobody draws, so that what was left out is seen."""
    return np.full((at.height, at.width, 3), (255, 0, 255), np.uint8)


def camera(at: Shot, x: float = 0.0, y: float = 0.0, zoom: float = 1.03) -> Camera:
    return Camera(at.width, at.height, x, y, zoom)


def difference(one: Picture, other: Picture) -> float:
    """Levels of 255, on average."""
    return float(np.abs(one.astype(int) - other.astype(int)).mean())
