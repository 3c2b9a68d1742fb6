"""The moving picture, frame by frame: the ground behind, the subject before it, weather and light over both."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox import air
from dustreel.providers.sandbox.finish import Finish
from dustreel.providers.sandbox.kit import Camera, Picture, Plane, clouds, spared
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.still.depth import Sight, plane, see
from dustreel.providers.sandbox.still.glow import Sheen, light_of
from dustreel.providers.sandbox.still.moves import Acting, Path, View
from dustreel.providers.sandbox.still.source import Source
from dustreel.providers.sandbox.still.subject import behind, find_subject, own_colours
from dustreel.providers.sandbox.still.warp import Layer, Warp
from dustreel.providers.sandbox.still.wishes import wishes_of
from dustreel.providers.sandbox.storyboard import Move, Storyboard, Weather

# The most that wind moves a leaf by, in widths.
_GUST = 0.0055
# A near thing's surroundings move with it so far, in widths of the picture: they bend instead of it.
_RIGID = 0.028


class Still:
    """A scene (see `scene.Scene`)."""

    def __init__(self, shot: Shot, source: Source, storyboard: Storyboard) -> None:
        """The storyboard is one that was retold for a picture."""
        self._shot = shot
        rng = np.random.default_rng((storyboard.seed, 0x571))
        wishes = wishes_of(shot.prompt)
        move = Move.FIXED if shot.camera_fixed else storyboard.takes[0].move
        self._path = Path.of(move, shot.seconds, wishes.pace, storyboard.seed)
        self._acting = Acting(wishes.sways, wishes.jumps, shot.camera_fixed, 60 / min(max(storyboard.tempo, 60), 132), wishes.pace)
        sight = see(source.picture)
        subject = find_subject(source.picture, sight, source.alpha)
        self._gusts = _Gusts(shot, sight, rng, strong=_strength(wishes.windy, wishes.watery, shot.camera_fixed), watery=wishes.watery)
        if subject is None:
            self._subject: Layer | None = None
            ground = source.picture
            self._warp = Warp(shot, source.picture.shape, _rigid(sight.depth))
        else:
            scale = shot.width / source.picture.shape[1]
            box = tuple(round(side * scale) for side in subject.box)
            depth = _without(sight.depth, subject.alpha)
            ground = behind(source.picture, subject)
            self._warp = Warp(shot, source.picture.shape, depth, ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))
            self._subject = Layer.cut(shot, own_colours(source.picture, subject), subject.alpha, box, depth, stands=subject.stands)
        self._ground = spared(ground)
        self._bending = _Bending(shot, sight.salient) if subject is None and (wishes.sways or wishes.jumps) else None
        light = light_of(sight.small)
        self._sheen = Sheen(shot, sight.small, rng, sparkling=Weather.STARS in storyboard.weather)
        self._air = air.build(shot, storyboard, light)
        self._camera = Camera(shot.width, shot.height)
        self._finish = Finish(shot, rng, vignette=0.30, fades=False)
        self._wide = np.empty((shot.height, shot.width, 4), np.uint8)
        self._picture = np.empty((shot.height, shot.width, 3), np.uint8)

    def frame(self, t: float) -> Picture:
        view, pose = self._path.at(t), self._acting.at(t)
        x, y = self._warp.look(view)
        if self._bending is not None:
            x, y = self._bending.bend(x, y, pose.lean, pose.tall, pose.up)
        self._warp.draw(self._ground, *self._gusts.blow(x, y, t), into=self._wide)
        if self._subject is not None:
            self._subject.draw(self._wide, self._warp, view, pose)
        cv2.cvtColor(self._wide, cv2.COLOR_RGBA2RGB, dst=self._picture)
        self._sheen.draw(self._picture, t)
        self._follow(view)
        for part in self._air:
            part.draw(self._picture, self._camera, t)
        return self._finish.apply(self._picture, t)

    def _follow(self, view: View) -> None:
        """The weather's camera, in heights of the picture."""
        self._camera.x, self._camera.y = (view.x + view.lean_x) * self._shot.aspect, (view.y + view.lean_y) * self._shot.aspect
        self._camera.zoom = view.zoom


class _Gusts:
    """Wind in what is loose, and ripples on water."""

    def __init__(self, shot: Shot, sight: Sight, rng: np.random.Generator, *, strong: float, watery: bool) -> None:
        self._strong = strong
        rows, columns = Warp.grid(shot)
        self._rows, self._columns = rows, columns
        loose = plane(cv2.resize(sight.loose, (columns, rows), interpolation=cv2.INTER_AREA))
        self._weight = loose * (_GUST * shot.width * strong)
        self._noise = [clouds(rows, columns * 2, rng, octaves=3, cells=4, stretch=2.0) - 0.5 for _ in range(2)]
        y = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
        low = np.clip((y - 0.42) / 0.2, 0, 1)
        # Waves are shorter where they are farther.
        self._ripple_phase = plane(38 / (0.22 + np.maximum(y - 0.35, 0)))
        self._ripple = plane(low * (0.15 + 0.85 * np.maximum(y - 0.35, 0)) * (0.0045 * shot.height))
        self._watery = watery

    def blow(self, x: Plane, y: Plane, t: float) -> tuple[Plane, Plane]:
        if self._watery:
            y = plane(y + self._ripple * np.sin(self._ripple_phase + 2.6 * t))
            x = plane(x + self._ripple * 0.6 * np.sin(self._ripple_phase * 0.7 + 1.9 * t))
        if not self._strong:
            return x, y
        rows, columns = self._rows, self._columns
        first = cv2.getRectSubPix(self._noise[0], (columns, rows), (columns / 2 + (t * 0.06 * columns) % columns, rows / 2))
        second = cv2.getRectSubPix(self._noise[1], (columns, rows), (columns * 1.5 - (t * 0.035 * columns + 7) % columns, rows / 2))
        return (
            plane(x + self._weight * (first * (1.2 + math.sin(t * 2.3)) * 1.3)),
            plane(y + self._weight * (second * math.cos(t * 1.9))),
        )


class _Bending:
    """Acting where no subject could be cut out: the place where it must be bends, and its surroundings with it, softly."""

    def __init__(self, shot: Shot, salient: Plane) -> None:
        rows, columns = Warp.grid(shot)
        weights = plane(cv2.resize(salient, (columns, rows), interpolation=cv2.INTER_AREA))
        weights = plane(cv2.GaussianBlur(np.maximum(weights - 0.25, 0), (0, 0), columns / 40)) + np.float32(1e-6)
        y, x = np.mgrid[:rows, :columns].astype(np.float32)
        total = float(weights.sum())
        centre_x, centre_y = float((weights * x).sum()) / total, float((weights * y).sum()) / total
        spread_x = max(columns * 0.12, float(np.sqrt((weights * (x - centre_x) ** 2).sum() / total)))
        spread_y = max(rows * 0.16, float(np.sqrt((weights * (y - centre_y) ** 2).sum() / total)))
        self._feet = min(centre_y + 1.7 * spread_y, rows * 1.02) * (shot.height / rows)
        self._height = 3.4 * spread_y * shot.height / rows
        self._share = plane(np.exp(-((((x - centre_x) / (1.5 * spread_x)) ** 2 + ((y - centre_y) / (1.6 * spread_y)) ** 2) ** 1.5)))

    def bend(self, x: Plane, y: Plane, lean: float, tall: float, up: float) -> tuple[Plane, Plane]:
        above = np.clip((self._feet - y) / self._height, 0, 1.2)
        bent = self._share * above
        return (
            plane(x - bent * above * (lean * 0.8 * self._height)),
            plane(y + bent * ((up * 0.5 + tall - 1) * self._height)),
        )


def _strength(windy: bool, watery: bool, fixed: bool) -> float:
    """Where nothing else moves, leaves do a little."""
    return 1.0 if windy else 0.35 if fixed or watery else 0.0


def _rigid(depth: Plane) -> Plane:
    """Near things widened, so that what stretches is the far ground beside them."""
    reach = max(3, round(depth.shape[1] * _RIGID)) | 1
    near = cv2.dilate(depth, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    return plane(cv2.GaussianBlur(near, (0, 0), reach / 2.5))


def _without(depth: Plane, alpha: Picture) -> Plane:
    """The depth of what is behind the subject: what is beside it, carried in."""
    small = cv2.resize(alpha, (depth.shape[1], depth.shape[0]), interpolation=cv2.INTER_AREA)
    covered = cv2.dilate((np.asarray(small) > 20).astype(np.uint8), np.ones((7, 7), np.uint8))
    seen = plane(1 - covered)
    spread, mean = depth.shape[1] / 8, float((depth * seen).sum() / max(float(seen.sum()), 1.0))
    known = cv2.GaussianBlur(seen, (0, 0), spread) + 1e-3
    carried = (cv2.GaussianBlur(plane(depth * seen), (0, 0), spread) + 1e-3 * mean) / known
    return plane(cv2.GaussianBlur(plane(np.where(seen > 0, depth, carried)), (0, 0), depth.shape[1] / 50))
