"""Dunes with a sharp edge between light and shade, mesas in the haze, cacti, sand that drifts along the ground."""

import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Colour, Points, clouds, colour, ellipse, mix, tube
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets import ground
from dustreel.providers.sandbox.sets.canvas import Canvas
from dustreel.providers.sandbox.sets.distance import Distance, far_shot
from dustreel.providers.sandbox.sets.glow import Glow, Lights
from dustreel.providers.sandbox.sets.light import lit, sun_is_seen
from dustreel.providers.sandbox.sets.plate import Plate
from dustreel.providers.sandbox.sets.scenery import Layer, Scenery, flying, standing
from dustreel.providers.sandbox.sets.sky import Sky
from dustreel.providers.sandbox.storyboard import Storyboard

_SAND, _STONE = colour("#e2b478"), colour("#b8705a")


def build(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Scenery:
    dust = mix(light.haze, lit(light, _SAND), 0.35)
    far = far_shot(shot)
    distance: list[Layer] = [
        Sky(far, storyboard, light, rng, until=0.10),
        ground.Still(_mesas(far, light, rng)),
        ground.Haze(rng, y=0.10, half=0.06, depth=0.3, tint=dust, amount=0.55, speed=0.012),
    ]
    back: list[Layer] = [
        Distance(far, distance, until=0.24),
        ground.Still(_dunes(shot, light, rng)),
        ground.Haze(rng, y=0.215, half=0.035, depth=0.7, tint=dust, amount=0.40, speed=0.09),
        ground.Still(_floor(shot, light, rng)),
    ]
    if sun_is_seen(storyboard) and not light.dark:
        back.append(Lights(shot, rng, [Glow(light.sun[0], light.sun[1], 0.12, 0.75, light.horizon * np.float32(0.26))]))
    front = (
        ground.Haze(rng, y=0.43, half=0.06, depth=1.2, tint=dust, amount=0.22 * ground.wind(storyboard) ** 0.5, speed=0.16),
        _brush(shot, storyboard, light, rng),
    )
    return Scenery(tuple(back), front, standing(shot, 0.335, 0.19), flying(shot, -0.10, 0.16))


def _mesas(shot: Shot, light: Light, rng: np.random.Generator) -> Plate:
    canvas = Canvas(shot)
    side = 1.0 if light.sun[0] > 0 else -1.0
    for near, middle, half, tall in (
        (0.22, -0.62, 0.20, 0.115),
        (0.22, 0.30, 0.10, 0.075),
        (0.38, 0.66, 0.19, 0.15),
        (0.34, -0.22, 0.055, 0.10),
    ):
        x = -side * middle * min(1.0, shot.aspect / 1.5)
        shape = _mesa(x, half, tall, rng)
        canvas.shape(shape, lit(light, _STONE * np.float32(0.62), near, shade=0.8))
        bright = shape.copy()
        bright[:, 0] = x + (bright[:, 0] - x) * 0.62 + side * half * 0.36
        bright[:, 1] = np.maximum(bright[:, 1], 0.115 - tall * 0.985)
        canvas.shape(bright, lit(light, _STONE, near))
        for layer in (0.28, 0.52):
            y = 0.115 - tall * (1 - layer)
            canvas.line(
                [(x - half * (0.62 + 0.3 * layer), y), (x + half * (0.62 + 0.3 * layer), y + 0.002)],
                lit(light, _STONE * np.float32(0.8), near),
                0.0022,
            )
    across, down = ground.crest(canvas, rng, 0.135, 0.035, octaves=4, cells=1.0, rough=0.4)
    ground.ridge(canvas, across, down, lit(light, _SAND * np.float32(0.9), 0.34), lit(light, _SAND, 0.34), bottom=0.30)
    return Plate(canvas, 0.26)


def _mesa(x: float, half: float, tall: float, rng: np.random.Generator) -> Points:
    foot = 0.125
    left = [
        (x - half * 1.25, foot),
        (x - half * 0.92, foot - tall * 0.42),
        (x - half * 0.80, foot - tall * 0.46),
        (x - half * 0.74, foot - tall * 0.95),
    ]
    top = [(x + share * half, foot - tall * (1 + rng.uniform(-0.03, 0.03))) for share in np.linspace(-0.7, 0.7, 6)]
    right = [(2 * x - px, py) for px, py in reversed(left)]
    return np.array([*left, *top, *right])


def _dunes(shot: Shot, light: Light, rng: np.random.Generator) -> Plate:
    canvas = Canvas(shot)
    side = 1.0 if light.sun[0] > 0 else -1.0
    for number, (base, tall, near) in enumerate(((0.175, 0.055, 0.52), (0.205, 0.085, 0.66), (0.250, 0.075, 0.82))):
        bright, dark = lit(light, _SAND, near), lit(light, _SAND * np.float32(0.66), near, shade=0.85)
        x = np.linspace(-canvas.across - 0.05, canvas.across + 0.05, 400)
        y = np.full_like(x, base)
        peaks = [-0.75 + 0.62 * k + rng.uniform(-0.12, 0.12) + 0.2 * number for k in range(4)]
        for peak in peaks:
            steep, soft = 0.16, 0.44
            left, right = (soft, steep) if side < 0 else (steep, soft)
            hump = np.where(x < peak, np.clip(1 - (peak - x) / left, 0, 1), np.clip(1 - (x - peak) / right, 0, 1))
            y = np.minimum(y, base - tall * hump**1.35 * rng.uniform(0.75, 1.1))
        canvas.shape(ground.beneath(x, y, 0.40), bright)
        for peak in peaks:
            _shade(canvas, x, y, peak, base, tall, side, dark, rng)
        canvas.line(np.stack([x, y], -1), mix(bright, light.shine, 0.30), 0.0020)
    canvas.grain(rng, 0.025)
    return Plate(canvas, 0.52)


def _shade(
    canvas: Canvas, x: Points, y: Points, peak: float, base: float, tall: float, side: float, dark: Colour, rng: np.random.Generator
) -> None:
    """The lee side: from the crest down to an edge that winds towards us."""
    top = float(np.interp(peak, x, y))
    end = peak - side * 0.22
    edge = np.linspace(peak, end, 24)
    crest_line = np.stack([edge, np.interp(edge, x, y)], -1)
    down = np.linspace(0, 1, 16)
    wind = peak + side * (0.055 * np.sin(down * 3.0) + 0.05 * down) + rng.uniform(-0.01, 0.01)
    spine = np.stack([wind, top + (base + tall * 0.7 - top) * down], -1)
    canvas.shape(np.concatenate([crest_line[::-1], spine, [(end, base + tall * 0.7)]]), dark)


def _floor(shot: Shot, light: Light, rng: np.random.Generator) -> Plate:
    canvas = Canvas(shot)
    x, y = ground.crest(canvas, rng, 0.275, 0.030, octaves=3, cells=0.8, rough=0.4)
    ground.meadow(canvas, rng, x, y, lit(light, _SAND), lit(light, _SAND, 0.86), lit(light, _SAND * np.float32(1.08)), light)
    across, down = canvas.grid(620)
    depth = np.clip((down - 0.26) / 0.36, 0.02, 1)
    wobble = clouds(across.shape[0], across.shape[1], rng, octaves=3, cells=5) * 5
    ripples = np.sin(30 / (0.10 + depth * 0.55) + wobble + across * 4 / (0.3 + depth))
    fade = np.clip(depth * 4, 0, 1) * np.clip(1.1 - depth * 0.55, 0, 1)
    canvas.tint(np.asarray(np.clip(ripples, 0, 1) * 0.20 * fade, np.float32), lit(light, _SAND * np.float32(0.60), shade=0.6))
    for at, foot, tall in ((-0.70, 0.292, 0.20), (0.62, 0.286, 0.14), (0.86, 0.30, 0.09)):
        _cactus(canvas, at * min(1.0, shot.aspect / 1.6) * (1 if light.sun[0] < 0 else -1), foot, tall, light)
    canvas.grain(rng, 0.03)
    return Plate(canvas, 0.86)


def _cactus(canvas: Canvas, x: float, foot: float, tall: float, light: Light) -> None:
    side = 1.0 if light.sun[0] > x else -1.0
    green, bright = lit(light, colour("#4e7a4c") * np.float32(0.72), 0.92, shade=0.6), lit(light, colour("#7fae62"), 0.94)
    canvas.shape(
        ellipse(x - side * tall * 0.25, foot + 0.004, tall * 0.36, tall * 0.035), lit(light, _SAND * np.float32(0.5), 0.95, shade=0.8)
    )
    limbs = [
        ([(x, foot + 0.005), (x, foot - tall * 0.5), (x, foot - tall)], 0.085),
        (
            [
                (x, foot - tall * 0.36),
                (x - tall * 0.20, foot - tall * 0.38),
                (x - tall * 0.26, foot - tall * 0.50),
                (x - tall * 0.26, foot - tall * 0.72),
            ],
            0.055,
        ),
        (
            [
                (x, foot - tall * 0.50),
                (x + tall * 0.19, foot - tall * 0.52),
                (x + tall * 0.25, foot - tall * 0.62),
                (x + tall * 0.25, foot - tall * 0.86),
            ],
            0.05,
        ),
    ]
    for path, width in limbs:
        canvas.shape(tube(path, width * tall, width * tall * 0.92), green)
    for path, width in limbs:
        canvas.shape(
            tube([(px + side * width * tall * 0.42, py - 0.004) for px, py in path], width * tall * 0.36, width * tall * 0.34), bright
        )


def _brush(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> ground.Swaying:
    """Dry grass in tufts at the lower edge."""
    canvas = Canvas(shot)
    tints = tuple(mix(lit(light, colour(code)), light.ink, 0.45) for code in ("#a8884a", "#8a6c3c", "#c09a58"))
    for middle in rng.uniform(-canvas.across, canvas.across, 9):
        for _ in range(16):
            at, tall = middle + rng.normal(0, 0.028), rng.uniform(0.05, 0.11)
            bend = (at - middle) * 1.6 + rng.normal(0, 0.012)
            canvas.shape(
                [
                    (at - 0.0026, 0.60),
                    (at + bend * 0.4 - 0.002, 0.52 - tall * 0.5),
                    (at + bend, 0.52 - tall),
                    (at + bend * 0.4 + 0.002, 0.52 - tall * 0.5),
                    (at + 0.0026, 0.60),
                ],
                tints[int(rng.integers(3))],
            )
    return ground.Swaying(Plate(canvas, 1.4, foot=0.60), 0.03 * ground.wind(storyboard) ** 0.7, 0.2)
