"""A small street: shops with awnings and lit windows, cobbles, lanterns, a string of bulbs across."""

import math

import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Colour, Picture, colour, ellipse, lettering, mix, stroke
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets import ground, town
from dustreel.providers.sandbox.sets.canvas import Canvas
from dustreel.providers.sandbox.sets.distance import Distance, far_shot
from dustreel.providers.sandbox.sets.glow import Glow, Lights, add_soft, flickering, sprite
from dustreel.providers.sandbox.sets.light import lamps_lit, lit
from dustreel.providers.sandbox.sets.neon import Neon
from dustreel.providers.sandbox.sets.plate import Plate
from dustreel.providers.sandbox.sets.scenery import Layer, Scenery, flying, standing
from dustreel.providers.sandbox.sets.sky import Sky
from dustreel.providers.sandbox.storyboard import Storyboard

_BASE = 0.245
_WALLS = ("#c98f6a", "#9fb0a0", "#d8c08a", "#b0889a", "#8fa4bc", "#c4a494")
_CLOTHS = ("#b8413c", "#2f6f6a", "#d09a3c", "#4a5a9a", "#8a3f6a")
_NAMES = ("COFFEE", "BOOKS", "BAKERY", "FLOWERS", "MUSIC", "TEA", "CINEMA")
_DEPTH = 0.66


def build(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Scenery:
    burning = lamps_lit(storyboard)
    houses, windows, panes, names = _houses(shot, light, rng, burning)
    far = far_shot(shot)
    distance: list[Layer] = [Sky(far, storyboard, light, rng, until=0.0), ground.Still(_roofs(far, light, rng, burning))]
    back: list[Layer] = [Distance(far, distance, until=0.02), ground.Still(houses)]
    if burning:
        back.append(town.Twinkle(panes, _DEPTH, lit(light, colour("#6a5a5a"), 0.9), rng, 7))
    back += [
        Neon(shot, name, x, y, 0.034, tint, depth=_DEPTH, phase=x * 5, uneasy=number == 1)
        for number, (name, x, y, tint) in enumerate(names)
    ]
    back.append(ground.Still(_cobbles(shot, light, rng)))
    wet = max(town.wetness(storyboard), 0.40 if burning else 0.10)
    back.append(town.Wet(shot, rng, line=_BASE + 0.01, depth=0.75, amount=wet))
    where, posts = _lanterns(shot, light, burning)
    back += [ground.Still(posts), Bulbs(shot, light, burning)]
    if burning:
        glows = [Glow(x, y, _DEPTH, 0.17, town.LAMPLIGHT[1] * np.float32(0.34)) for x, y in windows]
        glows += [Glow(x, 0.29, 0.8, 0.20, town.LAMPLIGHT[1] * np.float32(0.20)) for x, _ in windows]
        glows += [
            Glow(x, y, 0.92, 0.26, town.LAMPLIGHT[1] * np.float32(0.60), flickering(number * 2.0)) for number, (x, y) in enumerate(where)
        ]
        glows += [Glow(x, y, _DEPTH, 0.16, tint * np.float32(0.30)) for _, x, y, tint in names]
        back.append(Lights(shot, rng, glows))
    return Scenery(tuple(back), (), standing(shot, 0.35, 0.20, mirrored=wet * 0.5), flying(shot, -0.16, 0.14))


def _roofs(shot: Shot, light: Light, rng: np.random.Generator, burning: bool) -> Plate:
    """The next street's, over which a tower stands."""
    canvas = Canvas(shot)
    wall = lit(light, colour("#8a7a80"), 0.34)
    x = -canvas.across
    while x < canvas.across:
        half, top = float(rng.uniform(0.05, 0.09)), float(rng.uniform(-0.30, -0.20))
        canvas.shape(
            [(x, 0.1), (x, top), (x + half, top - 0.05), (x + 2 * half, top), (x + 2 * half, 0.1)],
            wall * np.float32(rng.uniform(0.92, 1.05)),
        )
        if burning and rng.random() < 0.5:
            canvas.shape(
                [
                    (x + half - 0.006, top + 0.03),
                    (x + half - 0.006, top + 0.01),
                    (x + half + 0.006, top + 0.01),
                    (x + half + 0.006, top + 0.03),
                ],
                mix(wall, town.LAMPLIGHT[0], 0.8),
            )
        x += 2 * half
    at = 0.16 * min(1.0, shot.aspect) * (-1 if light.sun[0] > 0 else 1)
    canvas.shape([(at - 0.035, 0.0), (at - 0.035, -0.36), (at, -0.47), (at + 0.035, -0.36), (at + 0.035, 0.0)], wall * np.float32(0.95))
    canvas.shape(ellipse(at, -0.325, 0.018, 0.018), mix(wall, town.LAMPLIGHT[2] if burning else light.shine, 0.7))
    return Plate(canvas, 0.30)


def _houses(
    shot: Shot, light: Light, rng: np.random.Generator, burning: bool
) -> tuple[Plate, list[tuple[float, float]], list[town.Pane], list[tuple[str, float, float, Colour]]]:
    canvas = Canvas(shot)
    windows: list[tuple[float, float]] = []
    panes: list[town.Pane] = []
    names: list[tuple[str, float, float, Colour]] = []
    words, walls = rng.permutation(len(_NAMES)), rng.permutation(len(_WALLS))
    x, number = -canvas.across - float(rng.uniform(0, 0.15)), 0
    while x < canvas.across:
        wide = float(rng.uniform(0.33, 0.46))
        # Lower in the middle, so that sky and tower are seen.
        top = -0.34 + float(rng.uniform(-0.06, 0.05)) + 0.12 * max(0.0, 1 - abs(x + wide / 2) / 0.4)
        wall = lit(light, colour(_WALLS[int(walls[number % len(_WALLS)])]), 0.96, shade=0.25)
        _front(canvas, light, rng, x, wide, top, wall, burning, panes)
        middle = x + wide / 2
        _shop(canvas, light, rng, middle, wide * 0.42, colour(_CLOTHS[number % len(_CLOTHS)]), burning)
        windows.append((middle, 0.14))
        name = _NAMES[int(words[number % len(_NAMES)])]
        tint = colour(("#ffb45a", "#ff5f8a", "#6fe0d0", "#ffd76a", "#9ab4ff")[number % 5])
        if burning and number % 2 == 0:
            names.append((name, middle, -0.012, tint))
        else:
            _sign(canvas, light, name, middle, -0.012, wide)
        x, number = x + wide, number + 1
    canvas.grain(rng, 0.02)
    _, down = canvas.grid()
    canvas.tint(np.asarray(np.clip((-0.12 - down) / 0.5, 0, 1) * (0.5 if burning else 0.12), np.float32), light.ink)
    return Plate(canvas, _DEPTH), windows, panes, names


def _front(
    canvas: Canvas,
    light: Light,
    rng: np.random.Generator,
    x: float,
    wide: float,
    top: float,
    wall: Colour,
    burning: bool,
    panes: list[town.Pane],
) -> None:
    right = x + wide
    canvas.shape([(x, 0.30), (x, top), (right, top), (right, 0.30)], wall)
    canvas.shape(
        [(x - 0.008, top + 0.018), (x - 0.008, top), (right + 0.008, top), (right + 0.008, top + 0.018)], mix(wall, light.key, 0.22)
    )
    canvas.shape([(x, top + 0.026), (x, top + 0.018), (right, top + 0.018), (right, top + 0.026)], wall * np.float32(0.72))
    canvas.shape([(x, 0.30), (x, top), (x + 0.006, top), (x + 0.006, 0.30)], wall * np.float32(0.7))
    roof = lit(light, colour("#6a4a48"), 0.95, shade=0.4)
    canvas.shape([(x, top), (x + 0.03, top - 0.055), (right - 0.03, top - 0.055), (right, top)], roof)
    canvas.shape([(x + 0.06, top - 0.03), (x + 0.06, top - 0.10), (x + 0.09, top - 0.10), (x + 0.09, top - 0.03)], roof * np.float32(0.85))
    count = 3 if wide > 0.36 else 2
    for row in range(2):
        for column in range(count):
            middle, y = x + wide * (column + 0.5) / count, top + 0.085 + 0.145 * row
            if y > -0.09:
                continue
            _window(canvas, light, rng, middle, y, wall, burning and rng.random() < 0.42, panes)


def _window(
    canvas: Canvas, light: Light, rng: np.random.Generator, x: float, y: float, wall: Colour, on: bool, panes: list[town.Pane]
) -> None:
    half, tall = 0.026, 0.046
    frame = lit(light, colour("#f0e6d6"), 0.96)
    canvas.shape(
        [
            (x - half - 0.006, y + tall + 0.006),
            (x - half - 0.006, y - tall - 0.006),
            (x + half + 0.006, y - tall - 0.006),
            (x + half + 0.006, y + tall + 0.006),
        ],
        frame,
    )
    glass = (
        town.LAMPLIGHT[int(rng.integers(4))] if on else mix(mix(light.ink, light.middle, 0.45), light.horizon, 0.15 if light.dark else 0.35)
    )
    canvas.shape([(x - half, y + tall), (x - half, y - tall), (x + half, y - tall), (x + half, y + tall)], glass)
    if on:
        canvas.shape(
            [(x - half, y - tall), (x - half + 0.014, y - tall), (x - half + 0.004, y + tall), (x - half, y + tall)],
            mix(glass, colour("#a8502c"), 0.5),
        )
    else:
        canvas.shape(
            [(x - half, y), (x + half, y - tall), (x + half, y - tall * 0.5), (x - half, y + tall * 0.5)], mix(glass, light.horizon, 0.18)
        )
        panes.append(town.Pane(x, y, half, tall))
    canvas.line([(x, y - tall), (x, y + tall)], frame, 0.004)
    canvas.line([(x - half, y - 0.006), (x + half, y - 0.006)], frame, 0.004)
    canvas.shape(
        [
            (x - half - 0.012, y + tall + 0.014),
            (x - half - 0.012, y + tall + 0.004),
            (x + half + 0.012, y + tall + 0.004),
            (x + half + 0.012, y + tall + 0.014),
        ],
        mix(frame, wall, 0.25),
    )
    if rng.random() < 0.6:
        for number in range(6):
            tint = lit(light, colour(("#4f8a3e", "#e0507a", "#5f9a44", "#ffb84a")[number % 4]), 0.96)
            canvas.shape(ellipse(x - half + number * half * 0.4, y + tall + 0.001 - 0.004 * (number % 2), 0.009, 0.008, steps=14), tint)


def _shop(canvas: Canvas, light: Light, rng: np.random.Generator, x: float, half: float, cloth: Colour, burning: bool) -> None:
    wood = lit(light, colour("#5a3a2c"), 0.97, shade=0.3)
    canvas.shape([(x - half, 0.30), (x - half, 0.025), (x + half, 0.025), (x + half, 0.30)], wood)
    glass = mix(town.LAMPLIGHT[0], colour("#ff9a4a"), 0.18) if burning else mix(mix(light.ink, light.middle, 0.5), light.horizon, 0.3)
    door = half * 0.30
    canvas.shape([(x - half * 0.92, 0.222), (x - half * 0.92, 0.05), (x + half - door * 1.5, 0.05), (x + half - door * 1.5, 0.222)], glass)
    canvas.shape(
        [(x + half - door * 1.3, 0.30), (x + half - door * 1.3, 0.06), (x + half - door * 0.2, 0.06), (x + half - door * 0.2, 0.30)],
        wood * np.float32(0.75),
    )
    canvas.shape(
        [(x + half - door * 1.12, 0.20), (x + half - door * 1.12, 0.075), (x + half - door * 0.38, 0.075), (x + half - door * 0.38, 0.20)],
        glass,
    )
    shadow = mix(glass, wood, 0.55)
    for number in range(5):
        at = x - half * 0.80 + number * half * 0.30
        size = float(rng.uniform(0.018, 0.036))
        if number % 2:
            canvas.shape(
                ellipse(at, 0.205 - size * 0.4, size * 0.6, size, steps=18), mix(shadow, lit(light, colour(_CLOTHS[number % 5])), 0.45)
            )
        else:
            canvas.shape(
                [
                    (at - size * 0.5, 0.222),
                    (at - size * 0.5, 0.222 - size * 1.6),
                    (at + size * 0.5, 0.222 - size * 1.6),
                    (at + size * 0.5, 0.222),
                ],
                shadow,
            )
    canvas.line([(x - half * 0.4, 0.05), (x - half * 0.4, 0.222)], wood, 0.005)
    stripes = 9
    for number in range(stripes):
        tint = lit(light, cloth if number % 2 == 0 else colour("#f4ead8"), 0.98)
        left, right = -half * 1.06 + 2.12 * half * number / stripes, -half * 1.06 + 2.12 * half * (number + 1) / stripes
        canvas.shape([(x + left * 0.94, 0.022), (x + right * 0.94, 0.022), (x + right, 0.082), (x + left, 0.082)], tint)
        canvas.shape(ellipse(x + (left + right) / 2, 0.082, (right - left) / 2, 0.010, steps=20), tint * np.float32(0.90))
    canvas.shape(
        [(x - half * 1.0, 0.020), (x + half * 1.0, 0.020), (x + half * 1.0, 0.027), (x - half * 1.0, 0.027)],
        lit(light, cloth, 0.98) * np.float32(0.7),
    )


def _sign(canvas: Canvas, light: Light, name: str, x: float, y: float, wide: float) -> None:
    """Painted letters on a board."""
    board = lit(light, colour("#3a2a26"), 0.97)
    canvas.shape(
        [(x - wide * 0.30, y + 0.022), (x - wide * 0.30, y - 0.022), (x + wide * 0.30, y - 0.022), (x + wide * 0.30, y + 0.022)], board
    )
    letters = lettering(name, 0.028 * canvas.unit, tracking=0.12)
    rows, columns = letters.mask.shape
    (middle,) = canvas.pixels([(x, y)])
    left, top = round(middle[0] - columns / 2), round(middle[1] - rows / 2 + 0.002 * canvas.unit)
    if left < 0 or top < 0 or left + columns > canvas.columns:
        return
    region = canvas.colour[top : top + rows, left : left + columns].astype(np.float32)
    share = letters.mask[..., None].astype(np.float32) / 255
    canvas.colour[top : top + rows, left : left + columns] = (region + (lit(light, colour("#f0dcae")) - region) * share).astype(np.uint8)


def _cobbles(shot: Shot, light: Light, rng: np.random.Generator) -> Plate:
    canvas = Canvas(shot)
    stone = lit(light, colour("#7c7680"))
    x = np.linspace(-canvas.across - 0.02, canvas.across + 0.02, 60)
    ground.meadow(
        canvas, rng, x, np.full_like(x, _BASE), stone * np.float32(0.62), stone * np.float32(0.78), stone * np.float32(0.5), light
    )
    canvas.shape([(-2, _BASE), (2, _BASE), (2, 0.268), (-2, 0.268)], lit(light, colour("#9a9290"), 0.97))
    canvas.shape([(-2, 0.268), (2, 0.268), (2, 0.279), (-2, 0.279)], lit(light, colour("#5a5456"), 0.97))
    row, y = 0, 0.284
    while y < 0.66:
        tall = 0.010 + 0.085 * (y - 0.27)
        wide = tall * 2.1
        for left in np.arange(-canvas.across - wide * (0.5 * (row % 2)), canvas.across, wide):
            tint = stone * np.float32(rng.uniform(0.70, 1.06))
            middle = (left + wide / 2, y + tall / 2)
            canvas.shape(ellipse(*middle, wide * 0.47, tall * 0.45, steps=14), tint)
            canvas.shape(ellipse(middle[0], middle[1] - tall * 0.10, wide * 0.36, tall * 0.26, steps=12), mix(tint, light.key, 0.10))
        y, row = y + tall, row + 1
    _, down = canvas.grid()
    canvas.tint(np.asarray(np.clip((down - 0.34) / 0.28, 0, 1) * 0.5, np.float32), light.ink)
    return Plate(canvas, 0.88)


def _lanterns(shot: Shot, light: Light, burning: bool) -> tuple[list[tuple[float, float]], Plate]:
    canvas = Canvas(shot)
    post = mix(light.ink, lit(light, colour("#38343c")), 0.5)
    side = 1.0 if light.sun[0] > 0 else -1.0
    narrow = min(1.0, shot.aspect / 1.6)
    places = (-0.62, 0.66) if shot.aspect > 0.9 else (0.72,)
    where = [
        town.lamp_post(canvas, x * narrow, 0.318, 0.44, post, town.LAMPLIGHT[2] if burning else light.key, side=side, lit=burning)
        for x in places
    ]
    return where, Plate(canvas, 0.92)


class Bulbs:
    """A cord of bulbs across the street that swings in the wind."""

    def __init__(self, shot: Shot, light: Light, burning: bool) -> None:
        self._cord, self._burning = mix(light.ink, light.haze, 0.1), burning
        self._half = shot.aspect / 2 + 0.1
        self._glow = (
            sprite(shot.height * 0.020, 1.9, town.LAMPLIGHT[0])
            if burning
            else sprite(shot.height * 0.007, 0.6, light.shine * np.float32(0.6))
        )

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        share = np.linspace(-1, 1, 27)
        for number, (y, sag) in enumerate(((-0.335, 0.10), (-0.395, 0.13))):
            swing = 0.006 * math.sin(t * 1.1 + number)
            x = share * self._half + swing
            down = y + sag * (1 - share**2) + 0.030 * share * (1 if number else -1) + swing
            points = camera.see(np.stack([x, down], -1), 0.8)
            stroke(picture, points, self._cord, camera.height * 0.0016)
            for bulb in range(1, 26, 2):
                twinkle = 0.88 + 0.12 * math.sin(t * 2.3 + bulb * 1.7 + number)
                add_soft(picture, self._glow, points[bulb][0], points[bulb][1] + camera.height * 0.007, twinkle)
