"""Actors: figures on a spot of the set, under its light, getting along as they act."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dustreel.providers.sandbox.engine import notes
from dustreel.providers.sandbox.engine.acting import Acting
from dustreel.providers.sandbox.engine.drawing import UNIT
from dustreel.providers.sandbox.engine.figure import Figure, Outline, lit_inks
from dustreel.providers.sandbox.engine.paint import Layer, Shine, halo, inks_of, puff, shadow
from dustreel.providers.sandbox.engine.port import Light, Spot
from dustreel.providers.sandbox.kit import Camera, Colour, Picture, Points, colour, mix
from dustreel.providers.sandbox.storyboard import Action

# How dark the shadow is under what touches the ground.
_CONTACT = 0.62
# However dark a place is, its light makes at least this of white on those whom the video is about.
_SEEN_BY = 172.0
_NOTES: tuple[Colour, ...] = (colour("#ffd08a"), colour("#ff7d9c"), colour("#7fdcff"))
_SLEEPY: tuple[Colour, ...] = (colour("#e6ecff"),)


@dataclass(frozen=True, slots=True)
class Path:
    """How an actor gets along while a take lasts: through its spot in the take's middle."""

    ahead: float = 0.0
    """Scene's units a second, to the side that it faces."""
    up: float = 0.0

    def at(self, share: float, seconds: float) -> tuple[float, float]:
        """`share` of the take that has passed."""
        return self.ahead * (share - 0.5) * seconds, -self.up * (share - 0.5) * seconds


@dataclass(frozen=True, slots=True)
class Clock:
    """A moment of a take."""

    t: float
    """Of the video."""
    share: float
    """Of the take."""
    seconds: float
    """Of the take."""
    beat: float


@dataclass(slots=True)
class Actor:
    figure: Figure
    spot: Spot
    height: float
    """Of a drawing of a hundred units, in the scene's units."""
    action: Action
    own: dict[str, Colour]
    path: Path = Path()
    role: int = 0
    """Which of the storyboard's roles it plays."""
    extent: tuple[float, float, float, float] = (-50.0, -100.0, 50.0, 0.0)
    """Left, top, right and bottom at rest, in the drawing's units."""
    left: bool = False
    """Faces left."""
    phase: float = 0.0
    grounded: bool = True
    plain: bool = False
    """One of many: lit more simply."""
    centre: float = 0.0
    """Of the figure with its prop, in the drawing's units: this stands on the spot."""
    fixed: float = 0.0
    """How high above its spot its middle is, in the drawing's units, for what flies."""
    own_prop: dict[str, Colour] = field(default_factory=dict)
    _lit: dict[str, Colour] = field(default_factory=dict)
    _lit_prop: dict[str, Colour] = field(default_factory=dict)

    def under(self, light: Light) -> "Actor":
        shade = mix(light.fill, light.key, 0.72)
        shade = shade * max(1.0, _SEEN_BY / float(shade.mean()))
        far = min(max((1.0 - self.spot.depth) * 0.55, 0.0), 0.6)
        for own, lit in ((self.own, self._lit), (self.own_prop, self._lit_prop)):
            for name, ink in lit_inks(own, shade, light.ink, light.exposure).items():
                lit[name] = mix(ink, light.haze, far)
        return self

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom on its spot, in the scene's units."""
        left, top, right, bottom = self.extent
        unit = self.height * UNIT
        low, high = (left - self.centre) * unit, (right - self.centre) * unit
        if self.left:
            low, high = -high, -low
        x, y = self.spot.x, self.spot.y
        return x + low, y + (top - self.fixed) * unit, x + high, y + (bottom - self.fixed) * unit

    def place(self, clock: Clock) -> tuple[float, float]:
        """Where its feet are, in the scene's units."""
        along, rise = self.path.at(clock.share, clock.seconds)
        return self.spot.x + (-along if self.left else along), self.spot.y + rise

    def draw(self, picture: Picture, camera: Camera, clock: Clock, light: Light, layer: Layer) -> None:
        outlines = self.figure.outlines(self._acting(clock))
        x, y = self.place(clock)
        solid = [outline for outline in outlines if outline.opacity == 1.0]
        self._draw_puffs(picture, camera, outlines, x, y)
        shapes = self._seen(np.concatenate([outline.points for outline in solid]), camera, x, y)
        frame = layer.frame_of(shapes)
        if frame is None:
            return
        unit = self.height * UNIT * camera.scale(self.spot.depth)
        if self.grounded and self.spot.mirrored < 0.9:
            self._shade(picture, camera, light, shapes, y)
        aim = _aim(light, x, y - self.height / 2)
        shine = None if self.plain else Shine(light.key, aim, 0.75)
        layer.fill(frame, solid, shapes, self._inks(solid), unit, shine)
        size = min(100 * unit, float(picture.shape[0]))
        layer.light(frame, light, aim, size, 1.0 - 0.6 * light.exposure, plain=self.plain)
        if self.spot.mirrored > 0.02:
            (foot,) = camera.see([(x, y)], self.spot.depth)
            layer.mirror(frame, picture, float(foot[1]), 0.62 * self.spot.mirrored, clock.t)
        layer.lay(frame, picture)
        self._draw_halos(picture, light, solid, shapes, unit)
        self._draw_risen(picture, camera, clock, x, y)

    def _draw_puffs(self, picture: Picture, camera: Camera, outlines: Sequence[Outline], x: float, y: float) -> None:
        for outline in outlines:
            if outline.opacity < 1.0:
                lit = self._lit_prop if outline.of_prop else self._lit
                puff(picture, self._seen(outline.points, camera, x, y), lit[outline.tint], outline.opacity)

    def _draw_halos(self, picture: Picture, light: Light, outlines: Sequence[Outline], shapes: Points, unit: float) -> None:
        strength = 0.55 if light.dark else 0.28 * (1 - light.exposure)
        start = 0
        for outline in outlines:
            end = start + len(outline.points)
            if outline.halo and strength > 0.05:
                own = self.own_prop if outline.of_prop else self.own
                halo(picture, shapes[start:end], own[outline.tint], outline.halo * unit, strength)
            start = end

    def _draw_risen(self, picture: Picture, camera: Camera, clock: Clock, x: float, y: float) -> None:
        held = self.figure.prop
        if self.action is Action.SLEEP:
            risen, start, tints = notes.sleep(clock.t), (20.0, self.extent[1] + 10), _SLEEPY
        elif held is not None and "notes" in held.marks and self.action in (Action.PLAY, Action.DANCE, Action.SIT):
            risen, start, tints = notes.notes(clock.t), self.figure.sounding(self.extent), _NOTES
        else:
            return
        for one in risen:
            shapes = [self._seen(shape + start, camera, x, y, mirrored=False) for shape in one.shapes]
            notes.draw(picture, shapes, tints[one.number % len(tints)], 0.9 * one.opacity)

    def _acting(self, clock: Clock) -> Acting:
        pace = math.hypot(self.path.ahead, self.path.up) / (self.height * UNIT)
        return Acting(self.action, clock.t + self.phase * 1.7, clock.beat, pace, self.phase)

    def _seen(self, points: Points, camera: Camera, x: float, y: float, *, mirrored: bool = True) -> Points:
        """`mirrored`: as the figure is; writing stays legible."""
        unit = self.height * UNIT
        turned = -unit if self.left and mirrored else unit
        placed = (points - (self.centre, self.fixed)) * (turned, unit) + (x, y)
        return camera.see(placed, self.spot.depth)

    def _inks(self, outlines: Sequence[Outline]) -> list[Colour]:
        body = inks_of([one for one in outlines if not one.of_prop], self._lit, self.own)
        held = inks_of([one for one in outlines if one.of_prop], self._lit_prop, self.own_prop)
        bodies, props = iter(body), iter(held)
        return [next(props) if outline.of_prop else next(bodies) for outline in outlines]

    def _shade(self, picture: Picture, camera: Camera, light: Light, shapes: Points, y: float) -> None:
        """Smaller and fainter the higher the figure is above the ground."""
        low, high = shapes.min(0), shapes.max(0)
        (ground,) = camera.see([(0.0, y)], self.spot.depth)
        gap = max(0.0, float(ground[1] - high[1])) / max(1.0, float(high[1] - low[1]))
        across = float(high[0] - low[0]) * 0.56 * (1 - 0.5 * min(gap * 2, 1.0))
        down = min(across * 0.20, 0.045 * picture.shape[0] * camera.zoom)
        middle = float(low[0] + high[0]) / 2
        lean = (middle / picture.shape[1] - 0.5 - light.sun[0]) * 0.06 * across
        shadow(picture, middle + lean, float(ground[1]) + 0.12 * down, across, down, light.ink, _CONTACT * max(0.25, 1 - 1.6 * gap))


def _aim(light: Light, x: float, y: float) -> tuple[float, float]:
    """The way from a figure to the main light, never from below."""
    across, down = light.sun[0] - x, min(light.sun[1] - y, -0.25)
    length = math.hypot(across, down)
    return across / length, down / length
