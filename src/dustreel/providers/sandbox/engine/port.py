"""What the engine composes a picture of: a light, a set to stand in, actors, air, and a style over all of it."""

from dataclasses import dataclass
from typing import Protocol

from dustreel.providers.sandbox.kit import Camera, Colour, Picture

# Plates are this much larger than the picture, each way; the camera never sees beyond them at any depth up to 1.
OVERSCAN = 1.25


@dataclass(frozen=True, slots=True)
class Light:
    """Colours, 0 to 255, that a place at an hour in a weather gives to all that stands in it."""

    zenith: Colour
    middle: Colour
    horizon: Colour
    shine: Colour
    """Sun, moon or lamp itself."""
    key: Colour
    """What the main light makes of white."""
    fill: Colour
    """What comes from the other side: sky, neon, bounce."""
    ink: Colour
    """The darkest dark."""
    haze: Colour
    """What far things fade into."""
    exposure: float
    """How much of a figure's own colour is seen, 0 (a silhouette) to 1 (broad day)."""
    sun: tuple[float, float]
    """Where the main light stands, in the scene's units."""
    dark: bool


@dataclass(frozen=True, slots=True)
class Spot:
    """A place for an actor, in the scene's units (heights of the picture from its centre, y downwards)."""

    x: float
    y: float
    """Where feet, wheels or hull are; the middle of what flies or swims under water."""
    metre: float
    """How long a metre is here."""
    depth: float
    """For the camera's parallax: 0 far, 1 the stage, more than 1 nearer."""
    mirrored: float = 0.0
    """How much the ground reflects: 0 not at all, 1 still water."""


class Set(Protocol):
    """A place. Drawn large once, moved with each frame."""

    def spots(self, flies: bool, swims: bool) -> tuple[Spot, ...]:
        """Where actors go, the best first; at least three, and more for a crowd behind them."""

    def draw_back(self, picture: Picture, camera: Camera, t: float) -> None:
        """Everything behind the actors: covers the whole picture."""

    def draw_front(self, picture: Picture, camera: Camera, t: float) -> None:
        """What stands between actors and camera: grass, heads in the hall, a window's frame, water in front of a hull."""


class Actor(Protocol):
    """Somebody or something on a spot, acting."""

    def draw(self, picture: Picture, camera: Camera, t: float) -> None: ...


class Air(Protocol):
    """Rain, snow, fog, embers, dust in the light, lightning."""

    def draw(self, picture: Picture, camera: Camera, t: float) -> None: ...


class Look(Protocol):
    """A style, over the finished picture."""

    def apply(self, picture: Picture, t: float) -> Picture: ...
