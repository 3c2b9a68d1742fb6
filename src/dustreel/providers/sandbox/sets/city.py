"""A great city: skylines behind skylines, windows that go on and off, signs in neon, and a road along the water's edge."""

import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Colour, colour, mix
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets import ground, town
from dustreel.providers.sandbox.sets.canvas import Canvas
from dustreel.providers.sandbox.sets.distance import Distance, far_shot
from dustreel.providers.sandbox.sets.glow import Glow, Lights, flickering
from dustreel.providers.sandbox.sets.light import lamps_lit, lit
from dustreel.providers.sandbox.sets.neon import Neon
from dustreel.providers.sandbox.sets.plate import Plate
from dustreel.providers.sandbox.sets.scenery import Layer, Scenery, flying, standing
from dustreel.providers.sandbox.sets.sky import Sky
from dustreel.providers.sandbox.storyboard import Storyboard, Style

_BASE = 0.205
_NEONS = tuple(colour(code) for code in ("#ff3f8e", "#31e0ff", "#b45cff", "#ffb03a"))
_SIGNS = ("HOTEL", "CINEMA", "NOODLES", "ARCADE", "DINER", "RADIO", "METRO", "BAR")


def build(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Scenery:
    burning = lamps_lit(storyboard)
    narrow = min(1.0, shot.aspect / 1.5)
    small = far_shot(shot)
    far, _ = _skyline(small, light, rng, 0.20, (0.020, 0.045), (-0.16, 0.06), 0.30 if burning else 0.0, 0.20)
    middle, some = _skyline(small, light, rng, 0.46, (0.034, 0.062), (-0.25, 0.02), 0.36 if burning else 0.0, 0.38)
    near, dark = _skyline(shot, light, rng, 0.74, (0.060, 0.095), (-0.32, -0.04), 0.42 if burning else 0.03, 0.60, gap=0.30 * narrow)
    distance: list[Layer] = [Sky(small, storyboard, light, rng, until=0.16), ground.Still(far)]
    distance.append(ground.Haze(rng, y=0.10, half=0.12, depth=0.3, tint=mix(light.haze, light.horizon, 0.4), amount=0.50, speed=0.008))
    distance.append(ground.Still(middle))
    back: list[Layer] = [Distance(small, distance, until=0.25), ground.Still(near)]
    if burning:
        wall = lit(light, colour("#4a4a62"), 0.7)
        distance.append(town.Twinkle(some, 0.38, wall, rng, 8))
        back.append(town.Twinkle(dark, 0.60, wall, rng, 12))
    signs = _signs(shot, storyboard, rng, narrow) if burning or storyboard.style is Style.NEON else []
    back += [*signs, ground.Still(_road(shot, light, rng))]
    wet = max(town.wetness(storyboard), 0.55 if burning else 0.16)
    back.append(town.Wet(shot, rng, line=_BASE + 0.012, depth=0.75, amount=wet))
    if burning:
        back.append(town.Traffic(shot, rng, 0.222, 0.7, light))
    lamps, posts = _lamps(shot, light, burning, narrow)
    back.append(ground.Still(posts))
    glows = [Glow(sign.x, sign.y, 0.6, 0.20, tint * np.float32(0.30), sign.burning) for sign, tint in zip(signs, _NEONS, strict=False)]
    if burning:
        for number, (x, y) in enumerate(lamps):
            glows.append(Glow(x, y, 0.92, 0.24, town.LAMPLIGHT[1] * np.float32(0.55), flickering(number * 2.0)))
            glows.append(Glow(x, 0.335, 0.92, 0.20, town.LAMPLIGHT[1] * np.float32(0.16)))
        glows.append(Glow(0.0, 0.18, 0.3, 0.55, mix(light.horizon, town.LAMPLIGHT[1], 0.5) * np.float32(0.22)))
    if glows:
        back.append(Lights(shot, rng, glows))
    return Scenery(tuple(back), (), standing(shot, 0.355, 0.185, mirrored=wet * 0.5), flying(shot, -0.12, 0.15))


def _skyline(
    shot: Shot,
    light: Light,
    rng: np.random.Generator,
    near: float,
    halves: tuple[float, float],
    tops: tuple[float, float],
    share: float,
    depth: float,
    *,
    gap: float = 0.0,
) -> tuple[Plate, list[town.Pane]]:
    """A row of towers; `gap`: how much room the nearest leave in the middle."""
    canvas = Canvas(shot)
    side = 1.0 if light.sun[0] > 0 else -1.0
    walls = [lit(light, colour(code), near, shade=0.35) for code in ("#6a6a86", "#7a6878", "#56647e", "#86786e")]
    dark: list[town.Pane] = []
    x = -canvas.across
    while x < canvas.across:
        half = float(rng.uniform(*halves))
        x += half
        top = float(rng.uniform(*tops)) + (0.20 * np.clip(1 - abs(x) / gap, 0, 1) if gap else 0.0)
        wall = walls[int(rng.integers(len(walls)))]
        edge, glass = mix(wall, light.key, 0.22), mix(wall, mix(light.middle, light.horizon, 0.5), 0.16 if light.dark else 0.34)
        dark += town.block(
            canvas, rng, x, half, top, wall, edge, glass, lit=share, step=half * 0.36 if near > 0.5 else half * 0.5, side=side, bottom=0.24
        )
        x += half + float(rng.uniform(0.0, 0.01))
    canvas.grain(rng, 0.025)
    _, down = canvas.grid()
    canvas.tint(np.asarray(np.clip((down - 0.02) / 0.22, 0, 1) * (0.55 * (1 - near)), np.float32), light.haze)
    return Plate(canvas, depth), dark


def _signs(shot: Shot, storyboard: Storyboard, rng: np.random.Generator, narrow: float) -> list[Neon]:
    words = rng.permutation(len(_SIGNS))[:3]
    places = ((-0.56, -0.02), (0.60, 0.03), (0.30, 0.085))
    return [
        Neon(shot, _SIGNS[int(word)], x * narrow, y, 0.036, _NEONS[number], depth=0.6, phase=number * 2.1, uneasy=number == 1)
        for number, (word, (x, y)) in enumerate(zip(words, places, strict=True))
    ]


def _road(shot: Shot, light: Light, rng: np.random.Generator) -> Plate:
    canvas = Canvas(shot)
    x = np.linspace(-canvas.across - 0.02, canvas.across + 0.02, 60)
    asphalt: Colour = lit(light, colour("#5a5a68"))
    ground.meadow(
        canvas,
        rng,
        x,
        np.full_like(x, _BASE),
        asphalt * np.float32(0.85),
        lit(light, colour("#6a6a78"), 0.8),
        asphalt * np.float32(0.72),
        light,
    )
    kerb = lit(light, colour("#9a98a4"), 0.92)
    canvas.shape([(-2, 0.232), (2, 0.232), (2, 0.238), (-2, 0.238)], mix(asphalt, kerb, 0.4))
    for left in np.arange(-1.5, 1.5, 0.26):
        canvas.shape(
            [(left, 0.2725), (left + 0.12, 0.2725), (left + 0.125, 0.2785), (left - 0.001, 0.2785)],
            mix(asphalt, lit(light, colour("#f0e6c0")), 0.75),
        )
    canvas.shape([(-2, 0.312), (2, 0.312), (2, 0.3165), (-2, 0.3165)], kerb)
    canvas.shape([(-2, 0.3165), (2, 0.3165), (2, 0.326), (-2, 0.326)], kerb * np.float32(0.55))
    canvas.shape([(-2, 0.326), (2, 0.326), (2, 0.9), (-2, 0.9)], lit(light, colour("#767484")) * np.float32(0.92))
    for left in np.arange(-2.0, 2.0, 0.14):
        canvas.line([(left * 0.9, 0.327), (left * 1.35, 0.66)], lit(light, colour("#4a4856")), 0.0022)
    for down in (0.345, 0.375, 0.42, 0.49):
        canvas.line([(-2, down), (2, down)], lit(light, colour("#4a4856")), 0.0018)
    _, y = canvas.grid()
    canvas.tint(np.asarray(np.clip((y - 0.36) / 0.26, 0, 1) * 0.55, np.float32), light.ink)
    canvas.grain(rng, 0.05)
    return Plate(canvas, 0.86)


def _lamps(shot: Shot, light: Light, burning: bool, narrow: float) -> tuple[list[tuple[float, float]], Plate]:
    canvas = Canvas(shot)
    post = mix(light.ink, lit(light, colour("#3c3c4c")), 0.5)
    side = 1.0 if light.sun[0] > 0 else -1.0
    where = [
        town.lamp_post(canvas, x * narrow, 0.330, 0.46, post, town.LAMPLIGHT[2] if burning else light.key, side=side, lit=burning)
        for x in (-0.70, 0.74)
    ]
    return where, Plate(canvas, 0.92)
