"""Peaks behind peaks, snow on their lit sides, mist in the valleys, firs, and a meadow high up to stand on."""

import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Colour, Points, colour, mix
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets import ground, trees
from dustreel.providers.sandbox.sets.canvas import Canvas
from dustreel.providers.sandbox.sets.distance import Distance, far_shot
from dustreel.providers.sandbox.sets.glow import Lights, Rays
from dustreel.providers.sandbox.sets.light import lit, sun_is_seen
from dustreel.providers.sandbox.sets.plate import Plate
from dustreel.providers.sandbox.sets.scenery import Layer, Scenery, flying, standing
from dustreel.providers.sandbox.sets.sky import Sky
from dustreel.providers.sandbox.storyboard import Hour, Storyboard

_ROCK = colour("#74809a")


def build(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Scenery:
    mist = mix(light.haze, light.horizon, 0.45)
    far = far_shot(shot)
    distance: list[Layer] = [
        Sky(far, storyboard, light, rng, until=0.06),
        ground.Still(_peaks(far, light, rng, 0.08, 0.36, 0.30, cells=1.35, depth=0.22)),
        ground.Haze(rng, y=0.07, half=0.10, depth=0.28, tint=mist, amount=0.72, speed=0.010),
        ground.Still(_peaks(far, light, rng, 0.16, 0.26, 0.52, cells=1.9, depth=0.36)),
        ground.Haze(rng, y=0.14, half=0.09, depth=0.42, tint=mist, amount=0.62, speed=0.016),
    ]
    back: list[Layer] = [
        Distance(far, distance, until=0.30),
        ground.Still(_wooded(shot, storyboard, light, rng)),
        ground.Still(_meadow(shot, storyboard, light, rng)),
    ]
    if sun_is_seen(storyboard) and storyboard.hour in (Hour.GOLDEN, Hour.DAWN):
        back.append(Lights(shot, rng, rays=Rays(shot, rng, light.sun, light.horizon * np.float32(0.42))))
    front = (_near(shot, storyboard, light, rng),)
    return Scenery(tuple(back), front, standing(shot, 0.345, 0.19), flying(shot, -0.08, 0.16))


def _peaks(
    shot: Shot, light: Light, rng: np.random.Generator, base: float, rugged: float, near: float, *, cells: float, depth: float
) -> Plate:
    canvas = Canvas(shot)
    x, y = ground.crest(canvas, rng, base, rugged, octaves=7, cells=cells, rough=0.50, sharp=True)
    # Higher in the middle of a wide picture, so that the sky has a shape.
    y = y - 0.05 * np.cos(np.clip(x * 1.6, -np.pi, np.pi)) * rugged / 0.36
    dark, bright = lit(light, _ROCK * np.float32(0.62), near, shade=0.8), lit(light, _ROCK * np.float32(1.12), near)
    ground.ridge(canvas, x, y, dark, mix(bright, light.shine, 0.35), bottom=base + 0.16)
    side = 1.0 if light.sun[0] > 0 else -1.0
    snow, blue = (
        mix(light.haze, lit(light, ground.SNOW), near + 0.25),
        mix(light.haze, lit(light, colour("#a9bede"), shade=0.6), near + 0.15),
    )
    for left, top, right in _summits(x, y):
        _face(canvas, rng, x, y, left, top, right, side, bright, base + 0.16)
        _snow(canvas, rng, x, y, left, top, right, side, snow, blue)
    canvas.grain(rng, 0.014)
    _, down = canvas.grid()
    fade = np.clip((down - base + 0.06) / 0.16, 0, 1) * 0.75
    canvas.tint(np.asarray(fade, np.float32), mix(light.haze, light.horizon, 0.3))
    return Plate(canvas, depth)


def _summits(x: Points, y: Points) -> list[tuple[int, int, int]]:
    """Every peak, with the lowest point on its left and on its right."""
    wide = 12
    tops = [at for at in range(wide, len(y) - wide) if y[at] == y[at - wide : at + wide + 1].min()]
    found = []
    for number, top in enumerate(tops):
        left = tops[number - 1] if number else 0
        right = tops[number + 1] if number + 1 < len(tops) else len(y) - 1
        found.append((left + int(np.argmax(y[left : top + 1])), top, top + int(np.argmax(y[top : right + 1]))))
    return found


def _face(
    canvas: Canvas,
    rng: np.random.Generator,
    x: Points,
    y: Points,
    left: int,
    top: int,
    right: int,
    side: float,
    tint: Colour,
    bottom: float,
) -> None:
    """The side of a peak that the sun shines on: from its ridge down along a zigzag spur."""
    steps = np.linspace(0, 1, 9)
    spur_x = x[top] - side * 0.02 * steps + np.cumsum(rng.normal(0, 0.010, 9)) * steps
    spur = np.stack([spur_x, y[top] + (bottom - y[top]) * steps], -1)
    edge = np.stack([x[top:right], y[top:right]], -1) if side > 0 else np.stack([x[left : top + 1], y[left : top + 1]], -1)[::-1]
    if len(edge) < 3:
        return
    end = np.array([(edge[-1][0], bottom)])
    canvas.shape(np.concatenate([edge, end, spur[::-1]]), tint)


def _snow(
    canvas: Canvas,
    rng: np.random.Generator,
    x: Points,
    y: Points,
    left: int,
    top: int,
    right: int,
    side: float,
    bright: Colour,
    shaded: Colour,
) -> None:
    """A cap with a ragged hem, one half of it in shade."""
    fall = min(y[left], y[right]) - y[top]
    if fall < 0.025:
        return
    line = y[top] + fall * rng.uniform(0.42, 0.60)
    inside = [at for at in range(left, right + 1) if y[at] < line]
    if len(inside) < 4:
        return
    first, last = inside[0], inside[-1]
    count = 2 * max(4, (last - first) // 5) + 1
    hem_x = np.linspace(x[last], x[first], count)
    hem_y = line + np.where(np.arange(count) % 2, -1, 1) * fall * 0.14 * rng.uniform(0.4, 1.2, count)
    hem_y = np.maximum(hem_y, np.interp(hem_x, x, y) + 0.001)
    crest_line = np.stack([x[first : last + 1], y[first : last + 1]], -1)
    canvas.shape(np.concatenate([crest_line, np.stack([hem_x, hem_y], -1)]), shaded)
    half = hem_x > x[top] - 0.004 if side > 0 else hem_x < x[top] + 0.004
    lit_line = crest_line[crest_line[:, 0] >= x[top]] if side > 0 else crest_line[crest_line[:, 0] <= x[top]]
    hem = np.stack([hem_x[half], hem_y[half]], -1)
    if len(hem) and len(lit_line) > 1:
        ring = np.concatenate([lit_line, hem]) if side > 0 else np.concatenate([hem, lit_line])
        canvas.shape(ring, bright)


def _wooded(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Plate:
    canvas = Canvas(shot)
    x, y = ground.crest(canvas, rng, 0.245, 0.10, octaves=5, cells=1.2, rough=0.45)
    green = colour("#3f6a48")
    tint = lit(light, mix(green, ground.SNOW, 0.35) if ground.snowy(storyboard) else green, 0.72)
    snow = lit(light, ground.SNOW, 0.80) if ground.snowy(storyboard) else None
    side = 1.0 if light.sun[0] > 0 else -1.0
    for at in np.sort(rng.uniform(-canvas.across, canvas.across, 85)):
        foot = float(np.interp(at, x, y))
        trees.fir(
            canvas,
            float(at),
            foot + 0.012,
            rng.uniform(0.05, 0.10),
            tint * np.float32(0.8),
            mix(tint, light.key, 0.3),
            rng,
            snow=snow,
            side=side,
        )
    ground.ridge(canvas, x, y + 0.004, tint, mix(tint, light.key, 0.3), bottom=0.34)
    return Plate(canvas, 0.62)


def _meadow(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Plate:
    canvas = Canvas(shot)
    green = ground.grass_colour(storyboard)
    x, y = ground.crest(canvas, rng, 0.275, 0.050, octaves=4, cells=0.8, rough=0.4)
    patch = mix(green, colour("#8fa0c0") if ground.snowy(storyboard) else colour("#a8b060"), 0.4)
    ground.meadow(canvas, rng, x, y, lit(light, green), lit(light, green, 0.85), lit(light, patch), light)
    for _ in range(26):
        at, size = rng.uniform(-canvas.across, canvas.across), rng.uniform(0.006, 0.022)
        foot = float(np.interp(at, x, y)) + rng.uniform(0.01, 0.14)
        stone = np.array([(-1.2, 0.2), (-0.9, -0.5), (-0.2, -0.9), (0.6, -0.7), (1.2, 0.2)]) * size + (at, foot)
        canvas.shape(stone, lit(light, _ROCK * np.float32(0.7), 0.95, shade=0.5))
        canvas.shape(stone * (1, 1) + np.array((0.1 * size, -0.02 * size)) - np.array((0, 0.12 * size)), lit(light, _ROCK, 0.95))
    ground.blossoms(canvas, rng, 220, 0.29, 0.50, 0.006, tuple(lit(light, tint) for tint in ground.flower_colours(storyboard)))
    canvas.grain(rng, 0.045)
    return Plate(canvas, 0.88)


def _near(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> ground.Swaying:
    canvas = Canvas(shot)
    green = ground.grass_colour(storyboard)
    tints = tuple(mix(lit(light, green * np.float32(shade)), light.ink, 0.5) for shade in (0.55, 0.75, 0.9))
    ground.tufts(canvas, rng, round(150 * canvas.across), 0.575, 0.13, tints, width=0.0036)
    return ground.Swaying(Plate(canvas, 1.4, foot=0.62), 0.030 * ground.wind(storyboard) ** 0.7, 0.4)
