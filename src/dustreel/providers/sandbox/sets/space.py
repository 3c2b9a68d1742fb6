"""Among the stars: a nebula, a planet with its ring, and the rim of a moon to stand on."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Colour, Picture, Plane, clouds, colour, ellipse, mix
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets import ground
from dustreel.providers.sandbox.sets.canvas import Canvas
from dustreel.providers.sandbox.sets.glow import Glow, Lights, add_soft, breathing, sprite
from dustreel.providers.sandbox.sets.light import saturate
from dustreel.providers.sandbox.sets.plate import Plate
from dustreel.providers.sandbox.sets.scenery import Scenery, flying, standing
from dustreel.providers.sandbox.storyboard import Storyboard

_ROWS = 300


def build(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Scenery:
    side = -1.0 if light.sun[0] > 0 else 1.0
    narrow = min(1.0, shot.aspect / 1.5)
    planet = (side * 0.52 * narrow, -0.17)
    sun = Glow(light.sun[0], light.sun[1], 0.10, 0.55, light.shine * np.float32(0.55), breathing(0.0), 3.0)
    heart = Glow(light.sun[0], light.sun[1], 0.10, 0.10, light.shine, breathing(1.0, 0.03), 1.3)
    back = (
        Firmament(shot, light, rng),
        ground.Still(_planet(shot, light, rng, planet, 0.155 * min(1.0, 0.6 + 0.3 * shot.aspect))),
        Lights(shot, rng, [sun, heart]),
        ground.Still(_moon(shot, light, rng)),
    )
    return Scenery(back, (), standing(shot, 0.385, 0.19), flying(shot, -0.03, 0.20))


class Firmament:
    """Nebula, drawn small; stars, drawn sharp, in three depths."""

    def __init__(self, shot: Shot, light: Light, rng: np.random.Generator) -> None:
        self._shot = shot
        self._scale = min(1.0, _ROWS / shot.height)
        unit = shot.height * self._scale
        across, down = shot.aspect / 2 + 0.08, 0.56
        rows, columns = round(2 * down * unit), round(2 * across * unit)
        self._small = np.dstack([_nebula(rows, columns, light, rng), np.zeros((rows, columns), np.uint8)])
        self._unit = unit
        count = 760
        self._stars = np.stack([rng.uniform(-1.1, 1.1, count), rng.uniform(-0.62, 0.62, count)], -1)
        self._depths = rng.choice([0.06, 0.12, 0.22], count, p=[0.6, 0.28, 0.12])
        self._bright = 60 + 190 * rng.random(count) ** 2.4
        self._phase = rng.uniform(0, 6.28, count)
        tones = np.array([colour(code) for code in ("#ffffff", "#cfe0ff", "#ffe9cf", "#ffd6d6")]) / 255
        self._tones = tones[rng.integers(0, 4, count)]
        self._glint = sprite(shot.height * 0.0085, 2.2, np.array((220, 230, 255), np.float32))

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        height, width = picture.shape[:2]
        size = (math.ceil(width * self._scale), math.ceil(height * self._scale))
        turn = 0.0016 * t
        cos, sin = math.cos(turn), math.sin(turn)
        middle = (self._small.shape[1] / 2 + camera.x * 0.05 * self._unit, self._small.shape[0] / 2 + camera.y * 0.05 * self._unit)
        x, y = size[0] / 2, size[1] / 2
        matrix = np.array([[cos, -sin, middle[0] - cos * x + sin * y], [sin, cos, middle[1] - sin * x - cos * y]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(self._small, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT)
        cv2.resize(cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB), (width, height), dst=picture, interpolation=cv2.INTER_LINEAR)
        scale = (1 + (camera.zoom - 1) * self._depths)[:, None] * height
        pixels = (self._stars - np.array((camera.x, camera.y)) * self._depths[:, None]) * scale + (width / 2, height / 2)
        across, down = pixels[:, 0].astype(int), pixels[:, 1].astype(int)
        seen = np.flatnonzero((across >= 1) & (across < width - 2) & (down >= 1) & (down < height - 2))
        across, down = across[seen], down[seen]
        level = self._bright[seen] * (0.74 + 0.26 * np.sin(t * 2.0 + self._phase[seen]))
        add = (level[:, None] * self._tones[seen]).astype(np.int32)
        side = 2 if height > 900 else 1
        for dx in range(side):
            for dy in range(side):
                under = picture[down + dy, across + dx].astype(np.int32)
                picture[down + dy, across + dx] = np.minimum(under + add, 255).astype(np.uint8)
        for number in np.flatnonzero(self._bright[seen] > 226)[:30]:
            add_soft(picture, self._glint, across[number] + 0.5, down[number] + 0.5, float(level[number]) / 270)


def _nebula(rows: int, columns: int, light: Light, rng: np.random.Generator) -> Picture:
    stretch = columns / rows
    first = clouds(rows, columns, rng, octaves=6, cells=2, stretch=stretch)
    second = clouds(rows, columns, rng, octaves=6, cells=2, stretch=stretch)
    lanes = clouds(rows, columns, rng, octaves=6, cells=3, stretch=stretch)
    y: Plane = np.linspace(-0.5, 0.5, rows, dtype=np.float32)[:, None]
    x: Plane = np.linspace(-stretch / 2, stretch / 2, columns, dtype=np.float32)[None]
    turn = rng.uniform(-0.6, 0.6)
    band = np.exp(-(((y * math.cos(turn) + x * math.sin(turn) + 0.25 * (first - 0.5)) / 0.26) ** 2))
    rose, blue = saturate(mix(light.fill, colour("#ff5fa8"), 0.6), 1.2), saturate(light.fill, 1.25)
    gas = np.clip(first * 1.5 - 0.45, 0, 1) * band
    glow = np.clip(second * 1.6 - 0.6, 0, 1) * band
    sky = light.zenith + (light.middle - light.zenith) * (0.6 * band)[..., None]
    sky = sky + rose * (gas**1.5 * 0.62)[..., None] + blue * (glow * 0.55)[..., None]
    sky = sky + colour("#ffd9b8") * (np.clip(gas * glow * 2.2 - 0.25, 0, 1) * 0.55)[..., None]
    sky = sky * (1 - 0.62 * np.clip(lanes * 2.4 - 1.2, 0, 1) * band)[..., None]
    return np.asarray(np.clip(sky + rng.normal(0, 0.8, (rows, columns, 1)), 0, 255), np.uint8)


def _planet(shot: Shot, light: Light, rng: np.random.Generator, middle: tuple[float, float], radius: float) -> Plate:
    """A banded giant, half in its own shadow, its ring in front of and behind it."""
    canvas = Canvas(shot)
    x, y = canvas.grid(900)
    dx, dy = (x - middle[0]) / radius, (y - middle[1]) / radius
    away = np.hypot(dx, dy)
    tilt = 0.34
    across, up = dx * math.cos(tilt) + dy * math.sin(tilt), -dx * math.sin(tilt) + dy * math.cos(tilt)
    swirl = clouds(x.shape[0], x.shape[1], rng, octaves=5, cells=9, stretch=2.0)
    bands = 0.5 + 0.5 * np.sin(up * 11 + 1.8 * (swirl - 0.5) + 1.1 * np.sin(up * 4.3))
    first, second = mix(colour("#e8b07c"), light.key, 0.2), mix(colour("#9a5a66"), light.fill, 0.25)
    way = np.array((light.sun[0] - middle[0], light.sun[1] - middle[1]))
    way = way / (np.hypot(*way) + 1e-9)
    depth = np.sqrt(np.clip(1 - away**2, 0, 1))
    day = np.clip(0.78 * (dx * way[0] + dy * way[1]) + 0.62 * depth, 0, 1) ** 0.9
    body = (first + (second - first) * bands[..., None]) * (0.05 + 1.0 * day)[..., None]
    body = body + light.fill * (np.clip(away - 0.72, 0, 1) * 1.6 * np.clip(day + 0.15, 0, 1))[..., None]
    canvas.lay(np.asarray(body, np.float32), ellipse(*middle, radius, radius, steps=120))
    ring = np.hypot(across, up / 0.24)
    grooves = 0.55 + 0.45 * np.sin(ring * 46) * np.sin(ring * 17)
    seen = np.clip((ring - 1.38) * 9, 0, 1) * np.clip((2.16 - ring) * 7, 0, 1) * (1 - 0.85 * np.exp(-(((ring - 1.83) / 0.035) ** 2)))
    hidden = (away < 1.0) & (up < 0)
    share = np.where(hidden, 0, seen * grooves * 0.80)
    _band(canvas, np.asarray(share, np.float32), mix(colour("#e8d2b0"), light.shine, 0.3))
    return Plate(canvas, 0.20)


def _band(canvas: Canvas, share: Plane, tint: Colour) -> None:
    """A ring that is drawn on nothing: it brings its own cover."""
    amount = cv2.resize(np.clip(share * 255, 0, 255).astype(np.uint8), (canvas.columns, canvas.rows), interpolation=cv2.INTER_CUBIC)
    clear = cv2.bitwise_not(amount)
    cv2.multiply(canvas.colour, cv2.merge([clear] * 3), dst=canvas.colour, scale=1 / 255)
    cv2.add(canvas.colour, cv2.merge([cv2.convertScaleAbs(amount, alpha=float(part) / 255) for part in tint]), dst=canvas.colour)
    canvas.cover[...] = cv2.add(amount, cv2.multiply(canvas.cover, clear, scale=1 / 255))


def _moon(shot: Shot, light: Light, rng: np.random.Generator) -> Plate:
    canvas = Canvas(shot)
    grey = mix(colour("#9a9ab4"), light.fill, 0.18)
    x = np.linspace(-canvas.across - 0.02, canvas.across + 0.02, 300)
    y = 0.335 + 0.05 * (x / canvas.across) ** 2 + 0.005 * np.sin(x * 13) + 0.003 * np.sin(x * 31 + 1)
    canvas.shape(ground.beneath(x, y - 0.004), mix(grey, light.shine, 0.7))
    ground.meadow(canvas, rng, x, y, _lunar(light, grey, 0.62), _lunar(light, grey, 0.95), _lunar(light, grey, 0.5), light)
    side = 1.0 if light.sun[0] > 0 else -1.0
    for _ in range(46):
        share = rng.random() ** 1.3
        at, down, size = rng.uniform(-canvas.across, canvas.across), 0.365 + 0.25 * share, (0.010 + 0.055 * share) * rng.uniform(0.3, 1.0)
        down += 0.05 * (at / canvas.across) ** 2
        canvas.shape(ellipse(at, down, size, size * 0.30), _lunar(light, grey, 0.98))
        canvas.shape(ellipse(at + side * size * 0.07, down + size * 0.02, size * 0.90, size * 0.26), _lunar(light, grey, 0.26))
        canvas.shape(ellipse(at - side * size * 0.12, down + size * 0.06, size * 0.72, size * 0.18), _lunar(light, grey, 0.46))
    canvas.grain(rng, 0.06)
    return Plate(canvas, 0.95)


def _lunar(light: Light, grey: Colour, share: float) -> Colour:
    return mix(light.ink, grey * light.key / 255, share)
