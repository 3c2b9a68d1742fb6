"""A kitchen: tiles, a window, jars, copper pans, a stove whose pot steams, lamps over the counter."""

import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Colour, colour, ellipse, mix, spline
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets import ground, interior
from dustreel.providers.sandbox.sets.canvas import Canvas
from dustreel.providers.sandbox.sets.club import Pendants
from dustreel.providers.sandbox.sets.glow import Glow, Lights, breathing
from dustreel.providers.sandbox.sets.interior import WALL_DEPTH, Steam, Window, box
from dustreel.providers.sandbox.sets.light import lamps_lit, lit
from dustreel.providers.sandbox.sets.plate import Plate
from dustreel.providers.sandbox.sets.scenery import Layer, Scenery, flying, standing
from dustreel.providers.sandbox.storyboard import Storyboard

_LINE, _COUNTER = 0.275, 0.075


def build(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Scenery:
    narrow = min(1.0, shot.aspect / 1.6)
    burning = lamps_lit(storyboard)
    paint = (
        colour(storyboard.palette[0]) if storyboard.palette else colour(("#7fa8a0", "#d8a86a", "#8a9ac0", "#c98a80")[storyboard.seed % 4])
    )
    window = Window(shot, storyboard, rng, -0.20 * narrow, -0.16, 0.145 * (0.7 + 0.3 * narrow), 0.145)
    stove = 0.36 * narrow
    lamps = ((-0.46 * narrow, -0.30), (0.10 * narrow, -0.33), (0.66 * narrow, -0.30))
    back: list[Layer] = [window, ground.Still(_wall(shot, light, rng, window, paint, narrow, stove))]
    back += [
        ground.Still(_floor(shot, light, rng)),
        Steam(shot, light, stove - 0.04, _COUNTER - 0.105, WALL_DEPTH),
        Pendants(lamps, light, 1.25),
    ]
    glows = [Glow(stove, 0.215, WALL_DEPTH, 0.17, colour("#ff8a3a") * np.float32(0.40), breathing(1.0, 0.1))]
    strength = np.float32(0.42 if burning else 0.12)
    glows += [Glow(x, y + 0.05, 0.7, 0.44, light.key * strength) for x, y in lamps]
    back.append(Lights(shot, rng, glows, interior.daylight(window, light, storyboard)))
    front = (ground.Still(_table(shot, light, rng, narrow)),)
    return Scenery(tuple(back), front, standing(shot, 0.355, 0.22), flying(shot, -0.04, 0.17))


def _wall(shot: Shot, light: Light, rng: np.random.Generator, window: Window, paint: Colour, narrow: float, stove: float) -> Plate:
    canvas = Canvas(shot)
    wall, tile = lit(light, colour("#efe2cc"), shade=0.15), colour("#f4eee2")
    box(canvas, -2, -1, 2, 0.5, wall)
    for row in range(6):
        for column in range(52):
            left = -1.5 + 0.058 * column - (0.029 if row % 2 else 0.0)
            tone = mix(tile, paint, (0.10, 0.22, 0.05, 0.32)[(row * 7 + column * 11 + column // 3) % 4])
            box(canvas, left + 0.0015, -0.105 + 0.030 * row, left + 0.0565, -0.077 + 0.030 * row, lit(light, tone, shade=0.15))
    _counter(canvas, light, rng, paint, stove)
    _cupboards(canvas, light, paint, narrow)
    _shelf(canvas, light, rng, 0.66 * narrow, narrow)
    _pans(canvas, light, stove, narrow)
    _pot(canvas, light, stove - 0.04)
    interior.hole(canvas, window)
    interior.sash(canvas, window, lit(light, colour("#fbf4e6")), lit(light, colour("#c8bca6")))
    for number in range(5):
        x = window.x - 0.10 + 0.05 * number
        canvas.shape(
            [
                (x - 0.014, window.y + window.tall + 0.014),
                (x - 0.011, window.y + window.tall - 0.016),
                (x + 0.011, window.y + window.tall - 0.016),
                (x + 0.014, window.y + window.tall + 0.014),
            ][::-1],
            lit(light, colour("#c4764a")),
        )
        for leaf in range(5):
            canvas.shape(
                ellipse(x - 0.014 + 0.007 * leaf, window.y + window.tall - 0.026 - 0.008 * (leaf % 3), 0.008, 0.011, steps=14),
                lit(light, colour("#5a9a4a") * np.float32(0.8 + 0.08 * leaf)),
            )
    canvas.grain(rng, 0.016)
    across, down = canvas.grid()
    canvas.tint(np.asarray(np.clip(np.hypot(across / 1.15, (down + 0.05) / 0.78) - 0.5, 0, 1) * 0.5, np.float32), light.ink)
    return Plate(canvas, WALL_DEPTH)


def _counter(canvas: Canvas, light: Light, rng: np.random.Generator, paint: Colour, stove: float) -> None:
    front, top = lit(light, paint, shade=0.25), lit(light, colour("#b98a58"))
    box(canvas, -2, _COUNTER, 2, _LINE + 0.03, front)
    box(canvas, -2, _COUNTER - 0.004, 2, _COUNTER + 0.016, top)
    box(canvas, -2, _COUNTER + 0.016, 2, _COUNTER + 0.024, front * np.float32(0.55))
    box(canvas, -2, _LINE - 0.012, 2, _LINE + 0.03, lit(light, colour("#4a3a34"), shade=0.5))
    for left in np.arange(-1.5, 1.5, 0.20):
        box(canvas, left + 0.006, _COUNTER + 0.034, left + 0.194, _LINE - 0.02, front * np.float32(0.80))
        box(canvas, left + 0.010, _COUNTER + 0.034, left + 0.194, _LINE - 0.024, front * np.float32(1.06))
        canvas.shape(ellipse(left + 0.10, _COUNTER + 0.056, 0.007, 0.007), lit(light, colour("#e0c070")))
    steel, glass = lit(light, colour("#e4e2de")), mix(light.ink, colour("#ff8a3a"), 0.42)
    box(canvas, stove - 0.135, _COUNTER - 0.008, stove + 0.135, _LINE - 0.006, steel)
    box(canvas, stove - 0.135, _COUNTER - 0.008, stove + 0.135, _COUNTER + 0.010, steel * np.float32(0.55))
    box(canvas, stove - 0.105, _COUNTER + 0.065, stove + 0.105, _LINE - 0.035, steel * np.float32(0.5))
    box(canvas, stove - 0.097, _COUNTER + 0.073, stove + 0.097, _LINE - 0.043, glass)
    canvas.shape(ellipse(stove, _COUNTER + 0.145, 0.060, 0.016), mix(glass, colour("#ffcf70"), 0.55))
    box(canvas, stove - 0.10, _COUNTER + 0.050, stove + 0.10, _COUNTER + 0.057, steel * np.float32(0.72))
    for number in range(5):
        canvas.shape(ellipse(stove - 0.09 + 0.045 * number, _COUNTER + 0.030, 0.010, 0.010), lit(light, colour("#3c3a40")))
    canvas.shape([(stove - 0.10, -0.24), (stove + 0.10, -0.24), (stove + 0.155, -0.145), (stove - 0.155, -0.145)], steel * np.float32(0.86))
    box(canvas, stove - 0.055, -0.9, stove + 0.055, -0.24, steel * np.float32(0.78))
    box(canvas, stove - 0.16, -0.147, stove + 0.16, -0.128, steel)
    for x, code in ((-0.62, "#d84a3c"), (-0.585, "#e8a03c"), (-0.60, "#c8d04a")):
        canvas.shape(ellipse(x, _COUNTER - 0.020 - (0.02 if code == "#c8d04a" else 0), 0.021, 0.020), lit(light, colour(code)))
    canvas.shape(
        spline(
            [
                (-0.665, _COUNTER - 0.022),
                (-0.645, _COUNTER - 0.003),
                (-0.555, _COUNTER - 0.003),
                (-0.535, _COUNTER - 0.022),
                (-0.60, _COUNTER - 0.014),
            ]
        ),
        lit(light, colour("#f2ead8")),
    )


def _cupboards(canvas: Canvas, light: Light, paint: Colour, narrow: float) -> None:
    wood = lit(light, paint, shade=0.1)
    for left in (-0.98, -0.77, -0.56):
        x = left * narrow - 0.02
        box(canvas, x, -0.46, x + 0.195, -0.14, wood * np.float32(0.72))
        box(canvas, x + 0.006, -0.46, x + 0.189, -0.147, wood)
        box(canvas, x + 0.028, -0.435, x + 0.167, -0.172, wood * np.float32(0.85))
        box(canvas, x + 0.032, -0.431, x + 0.167, -0.172, wood * np.float32(1.04))
        canvas.shape(ellipse(x + 0.174, -0.165, 0.007, 0.007), lit(light, colour("#e0c070")))


def _shelf(canvas: Canvas, light: Light, rng: np.random.Generator, middle: float, narrow: float) -> None:
    """Jars and plates on two boards."""
    wood = lit(light, colour("#8a5f3c"))
    for row, y in enumerate((-0.300, -0.165)):
        box(canvas, middle - 0.135, y, middle + 0.20, y + 0.012, wood)
        box(canvas, middle - 0.135, y + 0.012, middle + 0.20, y + 0.018, wood * np.float32(0.5))
        for number in range(6):
            x, tall = middle - 0.105 + 0.052 * number, float(rng.uniform(0.045, 0.075))
            own = colour(("#d8643c", "#e8c05a", "#7a9a5a", "#b8c8d0", "#a8603c", "#e8e0d0")[(number + row * 2) % 6])
            if (number + row) % 4 == 3:
                canvas.shape(ellipse(x, y - 0.036, 0.030, 0.036), lit(light, mix(own, colour("#ffffff"), 0.4)))
                canvas.shape(ellipse(x, y - 0.036, 0.020, 0.025), lit(light, own))
                continue
            box(canvas, x - 0.019, y - tall, x + 0.019, y, lit(light, mix(own, colour("#e8f0f0"), 0.25)))
            box(canvas, x - 0.019, y - tall * 0.62, x + 0.019, y, lit(light, own))
            box(canvas, x - 0.015, y - tall - 0.012, x + 0.015, y - tall, lit(light, colour("#a87a4a")))
            box(canvas, x - 0.014, y - tall * 0.9, x - 0.009, y - tall * 0.2, mix(lit(light, own), light.shine, 0.5))


def _pans(canvas: Canvas, light: Light, stove: float, narrow: float) -> None:
    """Copper on a rail."""
    rail = 0.05 * narrow
    box(canvas, rail + 0.01, -0.128, stove - 0.17, -0.122, lit(light, colour("#6a5a4a")))
    places = np.linspace(rail + 0.03, stove - 0.20, 3) if stove - 0.20 > rail + 0.05 else np.array([])
    for number, x in enumerate(places):
        copper = lit(light, colour("#d0804a"))
        box(canvas, x - 0.003, -0.124, x + 0.003, -0.074, lit(light, colour("#5a4436")))
        radius = 0.024 + 0.004 * number
        canvas.shape(ellipse(x, -0.074 + radius, radius, radius), copper)
        canvas.shape(ellipse(x - radius * 0.18, -0.074 + radius * 0.85, radius * 0.70, radius * 0.70), mix(copper, light.shine, 0.25))


def _pot(canvas: Canvas, light: Light, x: float) -> None:
    red = lit(light, colour("#c8402f"))
    box(canvas, x - 0.052, _COUNTER - 0.085, x + 0.052, _COUNTER - 0.008, red)
    box(canvas, x - 0.040, _COUNTER - 0.080, x - 0.028, _COUNTER - 0.014, mix(red, light.shine, 0.35))
    box(canvas, x - 0.058, _COUNTER - 0.092, x + 0.058, _COUNTER - 0.082, red * np.float32(0.72))
    for side in (-1, 1):
        canvas.shape(ellipse(x + side * 0.062, _COUNTER - 0.065, 0.012, 0.008), red * np.float32(0.6))


def _floor(shot: Shot, light: Light, rng: np.random.Generator) -> Plate:
    """A chequered floor in perspective."""
    canvas = Canvas(shot)
    pale, dark = lit(light, colour("#e8dcc4"), shade=0.1), lit(light, colour("#8a7466"), shade=0.2)
    box(canvas, -2.6, _LINE, 2.6, 1.0, pale)
    edges = [_LINE, 0.296, 0.324, 0.362, 0.412, 0.480, 0.570, 0.70]
    for row in range(len(edges) - 1):
        first, last = 1 + (edges[row] - _LINE) * 3.2, 1 + (edges[row + 1] - _LINE) * 3.2
        for column in range(-18, 18):
            if (row + column) % 2:
                left, right = column * 0.115, (column + 1) * 0.115
                canvas.shape(
                    [
                        (left * first, edges[row]),
                        (right * first, edges[row]),
                        (right * last, edges[row + 1]),
                        (left * last, edges[row + 1]),
                    ],
                    dark,
                )
    across, down = canvas.grid()
    canvas.tint(np.asarray(np.clip(1 - (down - _LINE) / 0.03, 0, 1) * 0.45, np.float32), light.ink)
    canvas.tint(np.asarray(np.clip((down - 0.36) / 0.28, 0, 1) * 0.52, np.float32), light.ink)
    canvas.brighten(np.asarray(np.exp(-((across / 0.55) ** 2 + ((down - 0.33) / 0.06) ** 2)) * 0.14, np.float32), light.key)
    canvas.grain(rng, 0.02)
    return Plate(canvas, 0.88)


def _table(shot: Shot, light: Light, rng: np.random.Generator, narrow: float) -> Plate:
    """The corner of a table in front, with a bowl of fruit."""
    canvas = Canvas(shot)
    x = -0.86 * narrow
    wood = mix(lit(light, colour("#8a5a38")), light.ink, 0.35)
    canvas.shape([(-2, 0.445), (x + 0.36, 0.445), (x + 0.40, 0.475), (-2, 0.475)], mix(wood, light.key, 0.25))
    canvas.shape([(-2, 0.475), (x + 0.40, 0.475), (x + 0.39, 0.53), (-2, 0.53)], wood)
    bowl = mix(lit(light, colour("#4a7aa0")), light.ink, 0.2)
    for left, up, code in ((-0.05, 0.052, "#d84a3a"), (0.0, 0.066, "#f0a83c"), (0.05, 0.054, "#b8c84a"), (0.025, 0.046, "#d8503c")):
        tint = mix(lit(light, colour(code)), light.ink, 0.15)
        canvas.shape(ellipse(x + 0.19 + left, 0.445 - up, 0.034, 0.033), tint)
        canvas.shape(ellipse(x + 0.18 + left, 0.433 - up, 0.012, 0.009), mix(tint, light.shine, 0.45))
    canvas.shape(
        spline(
            [
                (x + 0.09, 0.398),
                (x + 0.12, 0.438),
                (x + 0.16, 0.452),
                (x + 0.22, 0.452),
                (x + 0.26, 0.438),
                (x + 0.29, 0.398),
                (x + 0.19, 0.406),
            ]
        ),
        bowl,
    )
    canvas.grain(rng, 0.03)
    return Plate(canvas, 1.25)
