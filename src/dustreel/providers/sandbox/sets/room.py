"""A cosy room: a window to the weather outside, curtains, books, an armchair, a lamp, and a fire when it is cold."""

import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Colour, colour, ellipse, mix, spline
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets import ground, interior
from dustreel.providers.sandbox.sets.canvas import Canvas
from dustreel.providers.sandbox.sets.glow import Glow, Lights, breathing, flickering
from dustreel.providers.sandbox.sets.interior import WALL_DEPTH, Flames, Window, box
from dustreel.providers.sandbox.sets.light import lamps_lit, lit
from dustreel.providers.sandbox.sets.plate import Plate
from dustreel.providers.sandbox.sets.scenery import Layer, Scenery, flying, standing
from dustreel.providers.sandbox.storyboard import Season, Storyboard, Weather

_LINE = 0.255


def build(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Scenery:
    narrow = min(1.0, shot.aspect / 1.6)
    burning = lamps_lit(storyboard)
    warm = burning or storyboard.season is Season.WINTER or Weather.FIRE in storyboard.weather or Weather.SNOW in storyboard.weather
    paper = (
        colour(storyboard.palette[0]) if storyboard.palette else colour(("#9a6a5c", "#6f8478", "#7a6a94", "#b08a5a")[storyboard.seed % 4])
    )
    window = Window(shot, storyboard, rng, -0.40 * narrow, -0.165, 0.155 * (0.7 + 0.3 * narrow), 0.185)
    lamp = (0.76 * narrow, -0.135)
    hearth = (0.16 * narrow, 0.245)
    back: list[Layer] = [window, ground.Still(_wall(shot, light, rng, window, paper, narrow, hearth if warm else None))]
    cloth = mix(paper, colour("#f0d8a8"), 0.5)
    back += [interior.curtain(shot, light, window, side, cloth) for side in (-1.0, 1.0)]
    if warm:
        back.append(Flames(hearth[0], hearth[1] - 0.012, 0.115, WALL_DEPTH))
    back += [ground.Still(_floor(shot, light, rng)), ground.Still(_furniture(shot, light, rng, narrow, lamp, burning))]
    glows = []
    if burning:
        glows.append(Glow(*lamp, 0.80, 0.62, light.key * np.float32(0.42), breathing(0.0, 0.02)))
        glows.append(Glow(lamp[0], 0.30, 0.85, 0.34, light.key * np.float32(0.22)))
    if warm:
        fire = colour("#ff9440")
        glows += [
            Glow(hearth[0], hearth[1] - 0.04, WALL_DEPTH, 0.42, fire * np.float32(0.46), flickering(0.4)),
            Glow(hearth[0], 0.31, 0.8, 0.30, fire * np.float32(0.26), flickering(0.4)),
        ]
    back.append(Lights(shot, rng, glows, interior.daylight(window, light, storyboard)))
    front = (_plant(shot, light, rng),)
    return Scenery(tuple(back), front, standing(shot, 0.345, 0.225), flying(shot, -0.04, 0.17))


def _wall(
    shot: Shot, light: Light, rng: np.random.Generator, window: Window, paper: Colour, narrow: float, hearth: tuple[float, float] | None
) -> Plate:
    canvas = Canvas(shot)
    wall, stripe, wood = (
        lit(light, paper, shade=0.15),
        lit(light, mix(paper, colour("#fff0d0"), 0.13), shade=0.15),
        lit(light, colour("#e6dac4"), shade=0.2),
    )
    box(canvas, -2, -1, 2, 0.5, wall)
    for left in np.arange(-1.6, 1.6, 0.075):
        box(canvas, left, -1, left + 0.030, 0.12, stripe)
        for up in np.arange(-0.62, 0.10, 0.11):
            x, y = left + 0.0525, up + (0.055 if round(left / 0.075) % 2 else 0.0)
            canvas.shape([(x, y - 0.011), (x + 0.006, y), (x, y + 0.011), (x - 0.006, y)], stripe)
    box(canvas, -2, 0.115, 2, 0.129, wood)
    box(canvas, -2, 0.129, 2, 0.30, wood * np.float32(0.86))
    for left in np.arange(-1.6, 1.6, 0.20):
        box(canvas, left, 0.146, left + 0.165, 0.222, wood * np.float32(0.78))
        box(canvas, left + 0.004, 0.150, left + 0.165, 0.222, wood * np.float32(0.92))
    box(canvas, -2, 0.235, 2, 0.262, wood)
    for x, y, half, tall, code in ((0.14, -0.22, 0.060, 0.078, "#5f8aa8"), (0.30, -0.26, 0.042, 0.052, "#c98a5a")):
        _painting(canvas, light, x * narrow, y, half, tall, colour(code))
    _shelf(canvas, light, rng, 0.52 * narrow, narrow)
    if hearth:
        _fireplace(canvas, light, hearth)
    interior.rod(canvas, window, lit(light, colour("#8a6a3c")))
    interior.hole(canvas, window)
    interior.sash(canvas, window, lit(light, colour("#f2eadb")), lit(light, colour("#b8ab96")))
    canvas.grain(rng, 0.018)
    across, down = canvas.grid()
    corner = np.clip(np.hypot(across / 1.15, (down + 0.05) / 0.75) - 0.45, 0, 1) * 0.62
    canvas.tint(np.asarray(corner, np.float32), light.ink)
    return Plate(canvas, WALL_DEPTH)


def _painting(canvas: Canvas, light: Light, x: float, y: float, half: float, tall: float, sky: Colour) -> None:
    box(canvas, x - half - 0.006, y - tall - 0.004, x + half + 0.012, y + tall + 0.014, lit(light, colour("#3a2c28"), shade=0.6))
    box(canvas, x - half - 0.009, y - tall - 0.009, x + half + 0.009, y + tall + 0.009, lit(light, colour("#c09a54")))
    box(canvas, x - half, y - tall, x + half, y + tall, lit(light, sky))
    canvas.shape(ellipse(x + half * 0.35, y - tall * 0.35, half * 0.2, half * 0.2), lit(light, colour("#ffe9b0")))
    canvas.shape(
        [
            (x - half, y + tall),
            (x - half, y + tall * 0.25),
            (x - half * 0.3, y - tall * 0.2),
            (x + half * 0.3, y + tall * 0.35),
            (x + half, y + tall * 0.1),
            (x + half, y + tall),
        ],
        lit(light, mix(sky, colour("#3f5a48"), 0.7)),
    )


def _shelf(canvas: Canvas, light: Light, rng: np.random.Generator, middle: float, narrow: float) -> None:
    wood = lit(light, colour("#6a4630"), shade=0.2)
    half, top = 0.15 * (0.7 + 0.3 * narrow), -0.40
    box(canvas, middle - half - 0.012, top - 0.012, middle + half + 0.012, _LINE, wood)
    for row in range(5):
        y = top + 0.125 * (row + 1)
        box(canvas, middle - half, y - 0.115, middle + half, y, wood * np.float32(0.42))
        interior.books(canvas, light, rng, middle - half + 0.004, middle + half * (1.0 if row % 2 else 0.45), y, 0.115)
        if row % 2 == 0:
            canvas.shape(
                ellipse(middle + half * 0.72, y - 0.028, 0.026, 0.028), lit(light, colour(("#c96a4a", "#4a8a8a", "#d8b45a")[row // 2]))
            )
            box(
                canvas,
                middle + half * 0.72 - 0.010,
                y - 0.070,
                middle + half * 0.72 + 0.010,
                y - 0.05,
                lit(light, colour(("#c96a4a", "#4a8a8a", "#d8b45a")[row // 2])),
            )
        box(canvas, middle - half, y, middle + half, y + 0.010, wood * np.float32(1.1))


def _fireplace(canvas: Canvas, light: Light, at: tuple[float, float]) -> None:
    x, foot = at
    stone = lit(light, colour("#a89888"), shade=0.15)
    box(canvas, x - 0.165, -0.02, x + 0.165, 0.262, stone)
    for row in range(8):
        for column in range(6):
            left = x - 0.165 + 0.058 * column - (0.029 if row % 2 else 0)
            box(
                canvas,
                max(left + 0.002, x - 0.165),
                0.002 + 0.033 * row,
                min(left + 0.056, x + 0.165),
                0.031 + 0.033 * row,
                stone * np.float32(0.86 + 0.10 * ((row * 5 + column * 3) % 4) / 3),
            )
    box(canvas, x - 0.195, -0.045, x + 0.195, -0.018, lit(light, colour("#5f3f2c")))
    box(canvas, x - 0.185, -0.018, x + 0.185, -0.010, lit(light, colour("#3a261c")))
    arch = [
        (x - 0.105, foot + 0.012),
        (x - 0.105, 0.12),
        (x - 0.085, 0.085),
        (x, 0.068),
        (x + 0.085, 0.085),
        (x + 0.105, 0.12),
        (x + 0.105, foot + 0.012),
    ]
    canvas.shape(arch, mix(light.ink, colour("#5a2a18"), 0.35))
    for number in range(3):
        canvas.shape(
            ellipse(x - 0.045 + 0.045 * number, foot - 0.004, 0.042, 0.013, turn=0.25 * (number - 1)),
            lit(light, colour("#4a3226"), shade=0.5),
        )
    for left, tall, code in ((-0.14, 0.05, "#d8c08a"), (-0.10, 0.034, "#8a4a4a"), (0.13, 0.056, "#4a6a7a")):
        box(canvas, x + left - 0.010, -0.045 - tall, x + left + 0.010, -0.045, lit(light, colour(code)))


def _floor(shot: Shot, light: Light, rng: np.random.Generator) -> Plate:
    canvas = Canvas(shot)
    wood = lit(light, colour("#9a6a42"), shade=0.1)
    interior.boards(canvas, rng, _LINE + 0.006, wood, wood * np.float32(0.66))
    for share, code in ((1.0, "#8a3f3c"), (0.88, "#e0c48a"), (0.83, "#a04a44"), (0.50, "#c98a5a"), (0.44, "#8a3f3c")):
        canvas.shape(
            ellipse(0.02, 0.385, 0.56 * share * min(1.0, shot.aspect / 1.3), 0.082 * share, steps=80), lit(light, colour(code), shade=0.1)
        )
    across, down = canvas.grid()
    canvas.tint(np.asarray(np.clip((down - 0.36) / 0.30, 0, 1) * 0.62, np.float32), light.ink)
    canvas.brighten(np.asarray(np.exp(-((across / 0.5) ** 2 + ((down - 0.34) / 0.06) ** 2)) * 0.16, np.float32), light.key)
    canvas.grain(rng, 0.03)
    return Plate(canvas, 0.88)


def _furniture(shot: Shot, light: Light, rng: np.random.Generator, narrow: float, lamp: tuple[float, float], burning: bool) -> Plate:
    """The armchair and the standing lamp."""
    canvas = Canvas(shot)
    cloth = colour("#4a7a78")
    x, foot = -0.66 * narrow - 0.03, 0.335
    canvas.shape(ellipse(x + 0.02, foot + 0.006, 0.19, 0.018), lit(light, colour("#2c1c16"), shade=0.7))
    dark, mid, bright = (
        lit(light, cloth * np.float32(0.62), shade=0.4),
        lit(light, cloth, shade=0.1),
        lit(light, mix(cloth, colour("#ffffff"), 0.14)),
    )
    for side in (-0.13, 0.13):
        box(canvas, x + side - 0.008, foot - 0.03, x + side + 0.008, foot + 0.004, lit(light, colour("#3a2418")))
    canvas.shape(
        spline(
            [
                (-0.135 + x, foot - 0.05),
                (-0.150 + x, foot - 0.25),
                (-0.10 + x, foot - 0.345),
                (0.0 + x, foot - 0.36),
                (0.10 + x, foot - 0.345),
                (0.150 + x, foot - 0.25),
                (0.135 + x, foot - 0.05),
            ]
        ),
        mid,
    )
    canvas.shape(
        spline(
            [
                (-0.095 + x, foot - 0.09),
                (-0.105 + x, foot - 0.25),
                (0.0 + x, foot - 0.325),
                (0.105 + x, foot - 0.25),
                (0.095 + x, foot - 0.09),
            ]
        ),
        bright,
    )
    for up, left in ((0.24, -0.045), (0.24, 0.045), (0.17, 0.0)):
        canvas.shape(ellipse(x + left, foot - up, 0.006, 0.006), mid)
    canvas.shape(
        spline(
            [
                (-0.11 + x, foot - 0.045),
                (-0.115 + x, foot - 0.125),
                (0.0 + x, foot - 0.14),
                (0.115 + x, foot - 0.125),
                (0.11 + x, foot - 0.045),
            ]
        ),
        mid,
    )
    for side in (-1, 1):
        arm = np.array([(0.09, -0.02), (0.09, -0.15), (0.115, -0.195), (0.16, -0.195), (0.182, -0.15), (0.172, -0.02)]) * (side, 1) + (
            x,
            foot,
        )
        canvas.shape(spline(arm), dark if side < 0 else mix(mid, bright, 0.35))
        canvas.shape(ellipse(x + side * 0.137, foot - 0.168, 0.036, 0.026), bright if side > 0 else mid)
    canvas.shape(
        spline(
            [
                (-0.055 + x, foot - 0.12),
                (-0.07 + x, foot - 0.20),
                (0.0 + x, foot - 0.225),
                (0.06 + x, foot - 0.19),
                (0.055 + x, foot - 0.12),
            ]
        ),
        lit(light, colour("#d89a4a")),
    )
    post = lit(light, colour("#6a5236"))
    box(canvas, lamp[0] - 0.005, lamp[1], lamp[0] + 0.005, 0.315, post)
    canvas.shape(ellipse(lamp[0], 0.315, 0.055, 0.012), post)
    shade = mix(colour("#ffe0a0"), light.key, 0.3) if burning else lit(light, colour("#f0deb8"))
    canvas.shape(
        [
            (lamp[0] - 0.048, lamp[1] - 0.10),
            (lamp[0] + 0.048, lamp[1] - 0.10),
            (lamp[0] + 0.092, lamp[1] + 0.04),
            (lamp[0] - 0.092, lamp[1] + 0.04),
        ],
        shade,
    )
    canvas.shape(
        [
            (lamp[0] - 0.048, lamp[1] - 0.10),
            (lamp[0] - 0.02, lamp[1] - 0.10),
            (lamp[0] - 0.05, lamp[1] + 0.04),
            (lamp[0] - 0.092, lamp[1] + 0.04),
        ],
        mix(shade, colour("#c98a4a"), 0.35),
    )
    box(canvas, lamp[0] - 0.093, lamp[1] + 0.036, lamp[0] + 0.093, lamp[1] + 0.042, mix(shade, colour("#a86a34"), 0.6))
    canvas.grain(rng, 0.025)
    return Plate(canvas, 0.80)


def _plant(shot: Shot, light: Light, rng: np.random.Generator) -> ground.Swaying:
    """Large leaves at the edge of the picture, near and dark."""
    canvas = Canvas(shot)
    x = shot.aspect / 2 + 0.02
    for number in range(9):
        angle = np.radians(-168 + number * 17 + rng.uniform(-5, 5))
        reach = rng.uniform(0.15, 0.25)
        tip = np.array((x + np.cos(angle) * reach, 0.50 + np.sin(angle) * reach * 1.15))
        root, way = np.array((x, 0.52)), tip - np.array((x, 0.52))
        cross = np.array((-way[1], way[0])) * 0.17
        tint = mix(lit(light, colour("#3f7a4c") * np.float32(0.7 + 0.06 * (number % 4)), shade=0.3), light.ink, 0.45)
        canvas.shape(spline([root, root + way * 0.4 + cross, tip, root + way * 0.5 - cross]), tint)
        canvas.line([root, root + way * 0.9], mix(tint, light.key, 0.22), 0.0018)
    return ground.Swaying(Plate(canvas, 1.35, foot=0.56), 0.012, 0.6, 0.7)
