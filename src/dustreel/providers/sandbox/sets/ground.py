"""Hills, meadows, grass: what lies between sky and actors."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Colour, Picture, Points, clouds, colour, ellipse, mix
from dustreel.providers.sandbox.sets.canvas import Canvas
from dustreel.providers.sandbox.sets.plate import Plate, lay
from dustreel.providers.sandbox.storyboard import Season, Storyboard, Weather

BOTTOM = 0.75

_GRASS = {Season.SPRING: "#86b84a", Season.SUMMER: "#6fa03c", Season.AUTUMN: "#b8964a", Season.WINTER: "#a9a58a"}
_LEAVES = {
    Season.SPRING: ("#8fc25a", "#a8d06a", "#f2b6c8"),
    Season.SUMMER: ("#4f8a3e", "#5f9a44", "#3f7a3c"),
    Season.AUTUMN: ("#d9822b", "#c9532c", "#e0a83c"),
    Season.WINTER: ("#8a8078", "#9a9088", "#7c7470"),
}
_FLOWERS = {
    Season.SPRING: ("#ffffff", "#ffd54a", "#f08ab8", "#c9a0f0"),
    Season.SUMMER: ("#ff5a48", "#ffd54a", "#ffffff", "#6f8cff"),
    Season.AUTUMN: ("#e0c060", "#c98a3c"),
}
SNOW = colour("#f2f7ff")


def snowy(storyboard: Storyboard) -> bool:
    return Weather.SNOW in storyboard.weather or storyboard.season is Season.WINTER


def grass_colour(storyboard: Storyboard) -> Colour:
    return SNOW if snowy(storyboard) else colour(_GRASS[storyboard.season])


def leaf_colours(storyboard: Storyboard) -> tuple[Colour, ...]:
    return tuple(colour(code) for code in _LEAVES[storyboard.season])


def flower_colours(storyboard: Storyboard) -> tuple[Colour, ...]:
    return () if snowy(storyboard) else tuple(colour(code) for code in _FLOWERS.get(storyboard.season, ()))


def crest(
    canvas: Canvas,
    rng: np.random.Generator,
    base: float,
    rugged: float,
    *,
    octaves: int = 6,
    cells: float = 1.1,
    rough: float = 0.52,
    sharp: bool = False,
) -> tuple[Points, Points]:
    """x and y of a skyline: fractal, rounded like hills or `sharp` like peaks."""
    x = np.linspace(-canvas.across - 0.02, canvas.across + 0.02, 560)
    found = np.zeros_like(x)
    for octave in range(octaves):
        heights = rng.uniform(-1, 1, 66)
        where = (x + 2.0) * cells * 2**octave % 64
        step = np.floor(where).astype(int)
        share = where - step
        if not sharp or octave > 1:
            share = share * share * (3 - 2 * share)
        found += (heights[step] * (1 - share) + heights[step + 1] * share) * rough**octave
    return x, base - (np.abs(found) if sharp else 0.5 + 0.5 * found) * rugged


def beneath(x: Points, y: Points, bottom: float = BOTTOM) -> Points:
    """The outline of all that lies under a skyline."""
    return np.concatenate([np.stack([x, y], -1), [(x[-1], bottom), (x[0], bottom)]])


def ridge(canvas: Canvas, x: Points, y: Points, tint: Colour, rim: Colour, *, width: float = 0.0024, bottom: float = BOTTOM) -> None:
    """A flat silhouette with light on its upper edge. `bottom`: where nearer things cover it."""
    canvas.shape(beneath(x, y - width, bottom), rim)
    canvas.shape(beneath(x, y, bottom), tint)


def meadow(canvas: Canvas, rng: np.random.Generator, x: Points, y: Points, near: Colour, far: Colour, patch: Colour, light: Light) -> None:
    """Ground that runs towards us: far colour at its skyline, near at the bottom, mown by noise and lit from the sun's side."""
    across, down = canvas.grid()
    top = np.interp(across[0], x, y).astype(np.float32)
    depth = np.clip((down - top) / max(0.05, 0.62 - float(top.min())), 0, 1)
    noise = clouds(across.shape[0], across.shape[1], rng, octaves=6, cells=7, stretch=1.2)
    stripes = clouds(across.shape[0], across.shape[1], rng, octaves=4, cells=16, stretch=0.16)
    amount = (depth**0.8)[..., None]
    ground = far + (near - far) * amount
    ground = ground + (patch - ground) * (np.clip(stripes * 1.5 - 0.45 + (noise - 0.5) * 0.5, 0, 1) * (0.25 + 0.35 * depth))[..., None]
    sunny = np.exp(-(((across - light.sun[0]) / 0.55) ** 2)) * np.exp(-(((down - top) / 0.10) ** 2))
    ground = ground + (mix(light.key, light.shine, 0.3) - ground) * (sunny * (0.10 if light.dark else 0.30) * light.exposure)[..., None]
    ground = ground * (1 - 0.42 * np.clip(depth * 1.15 - 0.25, 0, 1) ** 1.5)[..., None]
    canvas.lay(ground.astype(np.float32), beneath(x, y))


def tufts(
    canvas: Canvas,
    rng: np.random.Generator,
    count: int,
    foot: float,
    height: float,
    tints: tuple[Colour, ...],
    *,
    lean: float = 0.35,
    width: float = 0.0042,
) -> None:
    """Blades of grass along the lower edge, each a thin curved leaf."""
    for _ in range(count):
        x, up = rng.uniform(-canvas.across, canvas.across), height * rng.uniform(0.45, 1.0)
        bend = rng.normal(0, lean) * up
        half = width * rng.uniform(0.6, 1.3)
        y = foot + rng.uniform(0, height * 0.3)
        tip, middle = (x + bend, y - up), (x + bend * 0.3, y - up * 0.55)
        blade = [(x - half, y + 0.08), (middle[0] - half * 0.8, middle[1]), tip, (middle[0] + half * 0.8, middle[1]), (x + half, y + 0.08)]
        canvas.shape(blade, tints[int(rng.integers(len(tints)))])


def blossoms(
    canvas: Canvas, rng: np.random.Generator, count: int, top: float, bottom: float, size: float, tints: tuple[Colour, ...]
) -> None:
    """Dots in the grass, larger towards us."""
    if not tints:
        return
    for _ in range(count):
        share = rng.random() ** 1.4
        x, y, radius = rng.uniform(-canvas.across, canvas.across), top + (bottom - top) * share, size * (0.25 + share)
        tint = tints[int(rng.integers(len(tints)))]
        turn = rng.uniform(0, 6.28)
        angles = np.arange(20) * (2 * math.pi / 20)
        petals = radius * (0.72 + 0.34 * np.cos(5 * angles + turn))
        canvas.shape(np.stack([x + petals * np.cos(angles), y + 0.72 * petals * np.sin(angles)], -1), tint)


@dataclass(frozen=True, slots=True)
class Swaying:
    """A plate that bends in the wind: a long wave, and a quicker one on top of it."""

    plate: Plate
    amount: float
    phase: float
    pace: float = 1.0

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        slow, quick = math.sin(t * 1.1 * self.pace + self.phase), math.sin(t * 2.7 * self.pace + 2.1 * self.phase)
        self.plate.draw(picture, camera, self.amount * (0.75 * slow + 0.25 * quick))


@dataclass(frozen=True, slots=True)
class Still:
    plate: Plate

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        self.plate.draw(picture, camera)


class Haze:
    """A band of mist that drifts between two layers, which is what sets them apart."""

    def __init__(
        self, rng: np.random.Generator, *, y: float, half: float, depth: float, tint: Colour, amount: float, speed: float = 0.02
    ) -> None:
        self._y, self._half, self._depth, self._speed = y, half, depth, speed
        rows, columns = 40, 640
        wisp = clouds(rows, columns, rng, octaves=4, cells=2, stretch=6.0)
        fade = np.exp(-((np.linspace(-1, 1, rows, dtype=np.float32)[:, None] / 0.52) ** 2))
        share = np.clip(wisp * 1.35 * fade * amount, 0, 1)
        colour = np.asarray(np.clip(share[..., None] * tint, 0, 255), np.uint8)
        self._sheet = np.dstack([colour, np.asarray((1 - share) * 255, np.uint8)])

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        height, width = picture.shape[:2]
        (first,), (last,) = camera.see([(0, self._y - self._half)], self._depth), camera.see([(0, self._y + self._half)], self._depth)
        top, bottom = max(0, math.floor(first[1])), min(height, math.ceil(last[1]))
        if bottom - top < 4:
            return
        rows, columns = self._sheet.shape[:2]
        scale_y = rows / (last[1] - first[1])
        # 3.2 units of mist from end to end; it swings back at the ends.
        scale_x = columns / (3.2 * height)
        left = columns / 2 - width / 2 * scale_x + (camera.x * self._depth - self._speed * t) * height * scale_x
        matrix = np.array([[scale_x, 0, left], [0, scale_y, (top - first[1]) * scale_y]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(self._sheet, matrix, (width, bottom - top), flags=flags, borderMode=cv2.BORDER_REFLECT)
        lay(picture[top:bottom], np.asarray(moved, np.uint8))


def ellipse_shadow(x: float, y: float, half: float) -> Points:
    """Flat on the ground."""
    return ellipse(x, y, half, half * 0.12)


def wind(storyboard: Storyboard) -> float:
    """How hard plants bend: 1 in still air."""
    strong = {Weather.WIND: 3.2, Weather.STORM: 3.0, Weather.RAIN: 1.6, Weather.SNOW: 1.2}
    return max(strong.get(weather, 1.0) for weather in storyboard.weather)
