"""A meadow under a wide sky: hills in the haze, a line of trees, one tree of its own, grass that waves in front."""

import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import colour, ellipse, mix
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets import ground, trees
from dustreel.providers.sandbox.sets.canvas import Canvas
from dustreel.providers.sandbox.sets.distance import Distance, far_shot
from dustreel.providers.sandbox.sets.glow import Lights, Rays
from dustreel.providers.sandbox.sets.light import lit, sun_is_seen
from dustreel.providers.sandbox.sets.plate import Plate
from dustreel.providers.sandbox.sets.scenery import Layer, Scenery, flying, standing
from dustreel.providers.sandbox.sets.sky import Sky
from dustreel.providers.sandbox.storyboard import Hour, Season, Storyboard

_LINE = 0.12


def build(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Scenery:
    green = ground.grass_colour(storyboard)
    far = far_shot(shot)
    distance: list[Layer] = [
        Sky(far, storyboard, light, rng, until=_LINE),
        ground.Still(_hills(far, storyboard, light, rng)),
        ground.Haze(rng, y=0.10, half=0.09, depth=0.4, tint=mix(light.haze, light.horizon, 0.5), amount=0.55),
    ]
    back: list[Layer] = [
        Distance(far, distance, until=0.27),
        ground.Still(_meadow(shot, storyboard, light, rng)),
        _tree(shot, storyboard, light, rng),
    ]
    if sun_is_seen(storyboard) and storyboard.hour in (Hour.GOLDEN, Hour.DAWN):
        back.append(Lights(shot, rng, rays=Rays(shot, rng, light.sun, light.horizon * np.float32(0.5))))
    grasses = (lit(light, green * np.float32(0.62), 1.0), lit(light, green * np.float32(0.80), 1.0), lit(light, green, 1.0))
    front = [_grass(shot, storyboard, light, rng, grasses, number) for number in range(2)]
    return Scenery(tuple(back), tuple(front), standing(shot, 0.335, 0.20), flying(shot, -0.10, 0.17))


def _hills(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Plate:
    canvas = Canvas(shot)
    green, leaf = ground.grass_colour(storyboard), ground.leaf_colours(storyboard)[0]
    rim = mix(light.haze, light.shine, 0.55)
    for number, (base, rugged, near) in enumerate(((0.115, 0.16, 0.16), (0.14, 0.10, 0.34), (0.165, 0.07, 0.56))):
        x, y = ground.crest(canvas, rng, base, rugged, octaves=5, cells=0.8 + 0.5 * number, rough=0.42)
        tint = lit(light, mix(green, leaf, 0.4), near)
        ground.ridge(canvas, x, y, tint, mix(tint, rim, 0.45), bottom=0.30)
        if number:
            _copses(canvas, light, storyboard, rng, x, y, near)
    return Plate(canvas, 0.38)


def _copses(
    canvas: Canvas, light: Light, storyboard: Storyboard, rng: np.random.Generator, x: np.ndarray, y: np.ndarray, near: float
) -> None:
    """Far trees, as rounded tufts along a hill."""
    leaves = ground.leaf_colours(storyboard)
    for _ in range(60):
        at = float(rng.uniform(-canvas.across, canvas.across))
        if np.sin(at * 7 + near * 20) < -0.1:
            continue
        foot, size = float(np.interp(at, x, y)), rng.uniform(0.008, 0.017) * (0.6 + near)
        tint = lit(light, leaves[int(rng.integers(len(leaves)))] * np.float32(0.8), near + 0.06)
        canvas.shapes(
            [
                ellipse(at + dx * size, foot - size * up, size * r, size * r)
                for dx, up, r in ((-0.7, 0.5, 0.75), (0.6, 0.45, 0.7), (0.0, 0.95, 0.9))
            ],
            tint,
        )


def _meadow(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Plate:
    canvas = Canvas(shot)
    green = ground.grass_colour(storyboard)
    x, y = ground.crest(canvas, rng, 0.205, 0.045, octaves=4, cells=0.9, rough=0.4)
    near, far = lit(light, green), lit(light, mix(green, colour("#ffffff"), 0.08), 0.74)
    patch = lit(light, mix(green, colour("#7f8fb8") if ground.snowy(storyboard) else colour("#d8c860"), 0.45))
    ground.meadow(canvas, rng, x, y, near, far, patch, light)
    flowers = tuple(lit(light, tint) for tint in ground.flower_colours(storyboard))
    ground.blossoms(canvas, rng, 420, 0.215, 0.50, 0.0062, flowers)
    canvas.grain(rng, 0.045)
    return Plate(canvas, 0.85)


def _tree(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> ground.Swaying:
    """One tree of its own, away from the sun, where it doesn't hide the middle."""
    canvas = Canvas(shot)
    side = -1.0 if light.sun[0] > 0 else 1.0
    bare = storyboard.season is Season.WINTER
    leaves = tuple(lit(light, leaf, 0.93) for leaf in ground.leaf_colours(storyboard))
    bark = lit(light, colour("#5a4230"), 0.93, shade=0.4)
    x = side * (shot.aspect / 2 - min(0.30, 0.17 * shot.aspect + 0.02))
    trees.broadleaf(
        canvas, x, 0.235, min(0.46, 0.34 + 0.1 * shot.aspect), bark, leaves, mix(light.key, light.shine, 0.4), rng, side=-side, bare=bare
    )
    if bare:
        canvas.shape(ground.ellipse_shadow(x, 0.24, 0.10), lit(light, ground.SNOW, 0.95))
    canvas.grain(rng, 0.05)
    return ground.Swaying(Plate(canvas, 0.72, foot=0.235), 0.006 * ground.wind(storyboard), 1.0)


def _grass(
    shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator, tints: tuple[np.ndarray, ...], number: int
) -> ground.Swaying:
    canvas = Canvas(shot)
    dark = tuple(mix(tint, light.ink, 0.62 - 0.18 * number) for tint in tints)
    count = round(190 * canvas.across)
    height = (0.17, 0.115)[number]
    ground.tufts(canvas, rng, count, 0.56, height, dark, width=0.0040)
    ground.blossoms(
        canvas,
        rng,
        round(12 * canvas.across),
        0.44 + 0.03 * number,
        0.50,
        0.0085,
        tuple(mix(lit(light, tint), light.ink, 0.25) for tint in ground.flower_colours(storyboard)),
    )
    return ground.Swaying(
        Plate(canvas, 1.35 + 0.15 * number, foot=0.62), 0.030 * ground.wind(storyboard) ** 0.7, 2.4 * number, 1.0 + 0.25 * number
    )
