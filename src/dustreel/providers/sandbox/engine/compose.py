"""A storyboard as a scene: take by take, set, actors, air, style and finish."""

import cv2
import numpy as np

from dustreel.providers.sandbox import air, looks, sets
from dustreel.providers.sandbox.engine.actor import Actor, Clock
from dustreel.providers.sandbox.engine.casting import cast
from dustreel.providers.sandbox.engine.paint import Layer
from dustreel.providers.sandbox.engine.takes import aim_at, set_camera
from dustreel.providers.sandbox.finish import Finish
from dustreel.providers.sandbox.kit import Camera, Picture, smooth
from dustreel.providers.sandbox.scene import Scene, Shot
from dustreel.providers.sandbox.storyboard import Storyboard, Take

# Seconds of a dissolve between takes.
_DISSOLVE = 0.5


def compose(shot: Shot, storyboard: Storyboard) -> Scene:
    return Composition(shot, storyboard)


class Composition:
    """A `Scene`."""

    def __init__(self, shot: Shot, storyboard: Storyboard) -> None:
        self._shot, self.storyboard = shot, storyboard
        self._set, self._light = sets.build(shot, storyboard)
        self._air = air.build(shot, storyboard, self._light)
        self._look = looks.build(shot, storyboard)
        self.cast = cast(shot, storyboard, self._set, self._light)
        self._aim = aim_at([actor for actor in self.cast if actor.role == 0])
        self._lead = next((actor for actor in self.cast if actor.role == 0), None)
        self._layer = Layer(shot.width, shot.height) if self.cast else None
        self._camera = Camera(shot.width, shot.height)
        self._finish = Finish(shot, np.random.default_rng(storyboard.seed))
        self._buffer: Picture = np.empty((shot.height, shot.width, 3), np.uint8)
        self._other: Picture | None = None

    def frame(self, t: float) -> Picture:
        picture = self._buffer
        now, after, share = self._takes_at(t)
        self._draw(picture, now, t)
        if after is not None:
            if self._other is None:
                self._other = np.empty_like(picture)
            self._draw(self._other, after, t)
            cv2.addWeighted(picture, 1 - share, self._other, share, 0.0, dst=picture)
        if self._look is not None:
            picture = self._look.apply(picture, t)
        return self._finish.apply(picture, t)

    def _takes_at(self, t: float) -> tuple[Take, Take | None, float]:
        """The take of this moment, and while one dissolves into the next, that one and how much of it is seen."""
        takes = self.storyboard.takes
        number = max(0, sum(take.start <= t for take in takes) - 1)
        for cut in (number, number + 1):
            if 0 < cut < len(takes):
                share = (t - takes[cut].start) / _DISSOLVE + 0.5
                if 0 < share < 1:
                    return takes[cut - 1], takes[cut], smooth(share)
        return takes[number], None, 0.0

    def _draw(self, picture: Picture, take: Take, t: float) -> None:
        beat = t * self.storyboard.tempo / 60
        clock = Clock(t, (t - take.start) / take.seconds, take.seconds, beat)
        set_camera(self._camera, self._shot, take, clock, self._aim, self._lead)
        self._set.draw_back(picture, self._camera, t)
        for actor in self.cast:
            self._draw_actor(picture, actor, clock)
        self._set.draw_front(picture, self._camera, t)
        for part in self._air:
            part.draw(picture, self._camera, t)

    def _draw_actor(self, picture: Picture, actor: Actor, clock: Clock) -> None:
        assert self._layer is not None
        actor.draw(picture, self._camera, clock, self._light, self._layer)
