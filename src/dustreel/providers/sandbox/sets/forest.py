"""In the wood: trunks behind trunks in the haze, light that falls between them, ferns, and dark trees at the sides."""

import math

import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Colour, clouds, colour, mix, tube
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets import ground, trees
from dustreel.providers.sandbox.sets.canvas import Canvas
from dustreel.providers.sandbox.sets.distance import Distance, far_shot
from dustreel.providers.sandbox.sets.glow import Lights, Rays
from dustreel.providers.sandbox.sets.light import lit, sun_is_seen
from dustreel.providers.sandbox.sets.plate import Plate
from dustreel.providers.sandbox.sets.scenery import Layer, Scenery, flying, standing
from dustreel.providers.sandbox.sets.sky import Sky
from dustreel.providers.sandbox.storyboard import Storyboard

_FLOOR = 0.16


def build(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Scenery:
    mist = mix(light.haze, light.horizon, 0.5)
    far = far_shot(shot)
    distance: list[Layer] = [
        Sky(far, storyboard, light, rng, until=0.10),
        ground.Still(_wood(far, storyboard, light, rng, 0.22, 42, 0.16, 0.36)),
        ground.Haze(rng, y=0.10, half=0.15, depth=0.36, tint=mist, amount=0.62, speed=0.012),
        ground.Still(_wood(far, storyboard, light, rng, 0.48, 20, 0.19, 0.58)),
        ground.Haze(rng, y=0.17, half=0.09, depth=0.6, tint=mist, amount=0.42, speed=0.02),
    ]
    back: list[Layer] = [
        Distance(far, distance, until=0.30),
        ground.Still(_floor(shot, storyboard, light, rng)),
    ]
    if sun_is_seen(storyboard):
        source = (light.sun[0] * 1.5, -0.62 if not light.dark else min(light.sun[1], -0.3))
        strength = np.float32(0.40 if light.dark else 0.62)
        rays = Rays(shot, rng, source, mix(light.shine, light.key, 0.5) * strength, depth=0.4, reach=1.7)
        back.append(Lights(shot, rng, rays=rays))
    front = (_frame(shot, storyboard, light, rng, -1.0), _frame(shot, storyboard, light, rng, 1.0), _ferns(shot, storyboard, light, rng))
    return Scenery(tuple(back), front, standing(shot, 0.335, 0.21), flying(shot, -0.08, 0.16))


def _wood(
    shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator, near: float, count: int, foot: float, depth: float
) -> Plate:
    """A row of trees with their crowns, as deep in the haze as they are far."""
    canvas = Canvas(shot)
    snow = ground.snowy(storyboard)
    floor = lit(light, ground.grass_colour(storyboard) * np.float32(0.85), near)
    x, y = ground.crest(canvas, rng, foot, 0.03, octaves=4, cells=1.5)
    bark = lit(light, colour("#4c4038"), near + 0.12, shade=0.5)
    places = np.linspace(-canvas.across, canvas.across, count) + rng.uniform(-0.4, 0.4, count) * 2 * canvas.across / count
    side = 1.0 if light.sun[0] > 0 else -1.0
    for number, at in enumerate(rng.permutation(places)):
        base = float(np.interp(at, x, y))
        tall = rng.uniform(0.30, 0.52) * (0.75 + 0.7 * near)
        if snow or number % 3 == 0:
            green = lit(light, colour("#2f5a44"), near + 0.10)
            white = lit(light, ground.SNOW, near + 0.20) if snow else None
            trees.fir(canvas, float(at), base + 0.02, tall * 1.15, green, mix(green, light.key, 0.25), rng, snow=white, side=side)
        else:
            _trunk(
                canvas, float(at), base + 0.02, 0.020 * (0.5 + near) * rng.uniform(0.6, 1.3), bark, mix(bark, light.key, 0.30), side, rng
            )
    if not snow:
        _crowns(canvas, storyboard, light, rng, near)
    ground.ridge(canvas, x, y + 0.004, floor, mix(floor, light.key, 0.25), bottom=foot + 0.14)
    return Plate(canvas, depth)


def _trunk(canvas: Canvas, x: float, foot: float, half: float, bark: Colour, bright: Colour, side: float, rng: np.random.Generator) -> None:
    lean = rng.normal(0, 0.02)
    path = [(x, foot + 0.03), (x + lean * 0.4, foot - 0.3), (x + lean, -0.75)]
    canvas.shape(tube(path, half * 1.25, half * 0.75), bark)
    shifted = [(px + side * half * 0.62, py) for px, py in path]
    canvas.shape(tube(shifted, half * 0.32, half * 0.18), bright)
    for _ in range(2):
        up, way = rng.uniform(0.16, 0.5), rng.choice((-1, 1))
        start = (x + lean * up, foot - up)
        canvas.shape(
            tube(
                [start, (start[0] + way * half * 3, start[1] - half * 2), (start[0] + way * half * 7, start[1] - half * 6)],
                half * 0.30,
                half * 0.06,
            ),
            bark,
        )


def _crowns(canvas: Canvas, storyboard: Storyboard, light: Light, rng: np.random.Generator, near: float) -> None:
    """Leaves overhead, torn open so that the sky is seen between them."""
    leaves = ground.leaf_colours(storyboard)
    for _ in range(150):
        at = rng.uniform(-canvas.across, canvas.across)
        down = -0.62 + 0.40 * rng.random() ** 1.8 + 0.05 * math.sin(at * 9)
        radius = rng.uniform(0.022, 0.055) * (0.7 + near)
        leaf = leaves[int(rng.integers(len(leaves)))] * np.float32(rng.uniform(0.72, 1.05))
        canvas.shape(_clump(at, down, radius, rng), mix(lit(light, leaf, near + 0.15), light.key, 0.10 * rng.random()))


def _clump(x: float, y: float, radius: float, rng: np.random.Generator) -> np.ndarray:
    angles = np.arange(26) * (2 * math.pi / 26)
    ragged = radius * (1 + rng.uniform(-0.22, 0.22, 26))
    return np.stack([x + 1.25 * ragged * np.cos(angles), y + 0.75 * ragged * np.sin(angles)], -1)


def _floor(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Plate:
    canvas = Canvas(shot)
    own = ground.grass_colour(storyboard)
    green = own if ground.snowy(storyboard) else mix(own, colour("#6a5a3a"), 0.35)
    x, y = ground.crest(canvas, rng, _FLOOR + 0.075, 0.035, octaves=4, cells=1.1)
    patch = colour("#8fa0c4") if ground.snowy(storyboard) else ground.leaf_colours(storyboard)[0]
    ground.meadow(
        canvas, rng, x, y, lit(light, green * np.float32(0.9)), lit(light, green, 0.74), lit(light, mix(green, patch, 0.5)), light
    )
    across, down = canvas.grid()
    # Patches of light that came through the leaves.
    spots = clouds(across.shape[0], across.shape[1], rng, octaves=3, cells=9, stretch=0.45)
    pools = np.clip(spots * 3 - 1.75, 0, 1) * np.clip((down - 0.20) * 9, 0, 1) * np.exp(-((across / 0.8) ** 2))
    canvas.brighten(np.asarray(pools * (0.16 if light.dark else 0.34), np.float32), light.key)
    if not ground.snowy(storyboard):
        _litter(canvas, storyboard, light, rng)
    canvas.grain(rng, 0.05)
    return Plate(canvas, 0.88)


def _litter(canvas: Canvas, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> None:
    """Fallen leaves."""
    leaves = ground.leaf_colours(storyboard)
    for _ in range(360):
        share = rng.random()
        at, down, size = rng.uniform(-canvas.across, canvas.across), 0.245 + 0.36 * share, 0.0016 + 0.0052 * share
        turn = rng.uniform(0, math.pi)
        way = np.array((math.cos(turn), 0.45 * math.sin(turn))) * size
        cross = np.array((-way[1] * 0.8, way[0] * 0.28))
        middle = np.array((at, down))
        canvas.shape([middle - way, middle + cross, middle + way, middle - cross], lit(light, leaves[int(rng.integers(len(leaves)))], 0.9))


def _frame(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator, side: float) -> ground.Swaying:
    """A dark tree at one side of the picture, nearer than the actors."""
    canvas = Canvas(shot)
    dark, edge = mix(light.ink, lit(light, colour("#3a3028")), 0.35), mix(light.ink, light.key, 0.30)
    x = side * (shot.aspect / 2 - 0.01 + rng.uniform(0.0, 0.02))
    half = min(0.062, 0.045 * shot.aspect + 0.01)
    toward = 1.0 if light.sun[0] * side < 0 or side * light.sun[0] > 0 else -1.0
    path = [(x, 0.8), (x - side * 0.012, 0.2), (x + side * 0.02, -0.8)]
    canvas.shape(tube([(px - side * toward * 0.004, py) for px, py in path], half * 1.2, half * 0.85), edge)
    canvas.shape(tube(path, half * 1.2, half * 0.85), dark)
    if not ground.snowy(storyboard):
        leaves = ground.leaf_colours(storyboard)
        for _ in range(46):
            at = x - side * rng.random() ** 1.5 * min(0.34, 0.26 * shot.aspect)
            down = -0.58 + 0.20 * rng.random() ** 1.6 * (1 - abs(at - x)) + rng.uniform(0, 0.03)
            leaf = leaves[int(rng.integers(len(leaves)))]
            canvas.shape(_clump(at, down, rng.uniform(0.020, 0.045), rng), mix(light.ink, lit(light, leaf), 0.28 + 0.22 * rng.random()))
    else:
        for up in (-0.30, -0.44):
            bough = tube([(x, up), (x - side * 0.10, up + 0.02), (x - side * 0.19, up + 0.055)], 0.012, 0.003)
            canvas.shape(bough - (0, 0.008), lit(light, ground.SNOW, 0.9))
            canvas.shape(bough, dark)
    return ground.Swaying(Plate(canvas, 1.45, foot=0.7), 0.0045 * ground.wind(storyboard), side)


def _ferns(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> ground.Swaying:
    canvas = Canvas(shot)
    green = ground.grass_colour(storyboard)
    if ground.snowy(storyboard):
        x, y = ground.crest(canvas, rng, 0.475, 0.05, octaves=4, cells=1.6)
        ground.ridge(canvas, x, y, mix(lit(light, green), light.ink, 0.30), mix(lit(light, green), light.shine, 0.2))
        return ground.Swaying(Plate(canvas, 1.4, foot=0.62), 0.0, 0.0)
    tints = tuple(mix(lit(light, green * np.float32(shade)), light.ink, 0.55) for shade in (0.5, 0.7, 0.85))
    ground.tufts(canvas, rng, round(95 * canvas.across), 0.57, 0.10, tints, lean=0.5, width=0.005)
    for _ in range(round(9 * canvas.across)):
        at, tall = rng.uniform(-canvas.across, canvas.across), rng.uniform(0.07, 0.14)
        _fern(canvas, at, 0.57, tall, tints[int(rng.integers(3))], rng)
    return ground.Swaying(Plate(canvas, 1.4, foot=0.62), 0.028 * ground.wind(storyboard) ** 0.7, 0.9)


def _fern(canvas: Canvas, x: float, foot: float, tall: float, tint: Colour, rng: np.random.Generator) -> None:
    """Five fronds, each a spine with shrinking leaflets on both sides."""
    for number in range(5):
        angle = math.radians(-90 + (number - 2) * 26 + rng.uniform(-6, 6))
        share = np.linspace(0, 1, 12)[:, None]
        way = np.array((math.cos(angle), math.sin(angle))) * tall
        spine = np.array((x, foot)) + share * way + np.concatenate([0 * share, share**2 * tall * 0.32], 1)
        for at in range(2, 12):
            length = tall * 0.20 * (1 - at / 13)
            along = spine[at] - spine[at - 1]
            along = along / (np.hypot(*along) + 1e-9)
            for hand in (-1, 1):
                out = np.array((-along[1], along[0])) * hand * length + along * length * 0.6
                canvas.shape([spine[at - 1], spine[at - 1] + out * 0.5 - along * length * 0.15, spine[at - 1] + out, spine[at]], tint)
