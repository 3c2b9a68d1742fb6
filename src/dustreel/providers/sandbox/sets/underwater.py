"""Under the sea: shafts of light from the surface, a floor on which they dance, reefs in the haze, kelp, and rising bubbles."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.engine.port import Light, Spot
from dustreel.providers.sandbox.kit import Camera, Colour, Picture, clouds, colour, ellipse, fill_each, mix, spared, tube
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets import ground
from dustreel.providers.sandbox.sets.canvas import Canvas
from dustreel.providers.sandbox.sets.distance import Distance, far_shot
from dustreel.providers.sandbox.sets.glow import SHRINK, Glow, Lights, Rays, add_soft
from dustreel.providers.sandbox.sets.light import saturate
from dustreel.providers.sandbox.sets.plate import Plate
from dustreel.providers.sandbox.sets.scenery import Layer, Scenery, flying
from dustreel.providers.sandbox.storyboard import Storyboard

_FLOOR = 0.30
_CORALS = ("#ff6f7d", "#ff9f5a", "#c77dff", "#ffd166", "#5ad6c0", "#ff8ac4")


def build(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Scenery:
    surface = Glow(light.sun[0], -0.60, 0.2, 0.75, light.zenith * np.float32(0.50))
    far = far_shot(shot)
    distance: list[Layer] = [
        ground.Still(_deep(far, light, rng)),
        ground.Still(_reef(far, light, rng, 0.20, 0.24, 0.24, 0.30)),
        Shoal(light, rng),
        ground.Still(_reef(far, light, rng, 0.27, 0.16, 0.46, 0.50)),
    ]
    rays = Rays(shot, rng, (light.sun[0], -0.85), mix(light.shine, light.zenith, 0.5) * np.float32(0.85), depth=0.3, reach=1.9)
    back = (
        Distance(far, distance, until=0.36),
        Lights(shot, rng, [surface], rays=rays),
        ground.Still(_floor(shot, light, rng)),
        Caustics(shot, light, rng),
        Kelp(shot, light, rng, 0.75, (-0.80, -0.66, 0.72, 0.85), 0.34, 0.42, 0.25),
    )
    front = (Kelp(shot, light, rng, 1.35, (-0.98, -0.84, 0.93), 0.60, 0.52, 0.62), Bubbles(shot, light, rng))
    narrow = min(1.0, shot.aspect / 1.5)
    size = 0.17 * min(1.0, 0.5 + 0.45 * shot.aspect)
    places = [
        (0.0, 0.0, 1.0),
        (0.36, -0.12, 0.80),
        (-0.38, 0.08, 0.84),
        (0.22, 0.14, 0.70),
        (-0.22, -0.18, 0.66),
        (0.52, 0.06, 0.58),
        (-0.56, -0.08, 0.56),
    ]
    beyond = [(0.02, -0.26, 0.48), (-0.08, 0.18, 0.56), (0.60, -0.22, 0.44), (-0.46, -0.26, 0.42), (0.44, 0.20, 0.50)]
    swims = tuple(Spot(x * narrow, y - 0.02, size * smaller, 0.5 + 0.45 * smaller) for x, y, smaller in places + beyond)
    floor = tuple(Spot(x * narrow, 0.395, size * 1.1, 0.95) for x in (0.0, 0.38, -0.40, 0.2, -0.2, 0.6))
    return Scenery(back, front, floor, flying(shot, -0.1, 0.15), water=swims)


def _deep(shot: Shot, light: Light, rng: np.random.Generator) -> Plate:
    canvas = Canvas(shot, scale=0.5, margin_x=0.12, margin_y=0.08)
    x, y = canvas.grid(220)
    fall = np.clip((y + 0.58) / 0.95, 0, 1)[..., None]
    water = np.where(
        fall < 0.45,
        light.zenith + (light.middle - light.zenith) * fall / 0.45,
        light.middle + (light.horizon - light.middle) * (fall - 0.45) / 0.55,
    )
    bright = np.exp(-(((x - light.sun[0]) / 0.5) ** 2 + ((y + 0.62) / 0.36) ** 2))
    water = water + (light.shine - water) * (bright * 0.75)[..., None]
    murk = clouds(x.shape[0], x.shape[1], rng, octaves=4, cells=2, stretch=1.6)
    canvas.lay(np.asarray(water * (0.90 + 0.2 * murk[..., None]), np.float32))
    return Plate(canvas, 0.10)


def _reef(shot: Shot, light: Light, rng: np.random.Generator, base: float, tall: float, near: float, depth: float) -> Plate:
    """Rocks that rise at the sides, with corals on them, as blue as they are far."""
    canvas = Canvas(shot)
    rock = mix(light.haze, mix(light.ink, light.horizon, 0.35), near + 0.2)
    x, y = ground.crest(canvas, rng, base, tall * 0.45, octaves=6, cells=1.6, rough=0.55)
    y = y - tall * 0.9 * np.clip((np.abs(x) / (shot.aspect / 2) - 0.35) / 0.65, 0, 1) ** 1.4
    ground.ridge(canvas, x, y, rock, mix(rock, light.zenith, 0.45), width=0.003, bottom=0.46)
    for _ in range(round(26 * canvas.across)):
        at = float(rng.uniform(-canvas.across, canvas.across))
        foot, size = float(np.interp(at, x, y)) + 0.012, rng.uniform(0.03, 0.075) * (0.5 + near)
        own = saturate(colour(_CORALS[int(rng.integers(len(_CORALS)))]), 0.9)
        coral(canvas, at, foot, size, mix(light.haze, own * light.key / 255, near + 0.10), int(rng.integers(3)), rng)
    return Plate(canvas, depth)


def coral(canvas: Canvas, x: float, foot: float, size: float, tint: Colour, kind: int, rng: np.random.Generator) -> None:
    """A fan of twigs, a heap of balls, or tubes."""
    if kind == 0:
        for number in range(9):
            angle = math.radians(-90 + (number - 4) * 17 + rng.uniform(-5, 5))
            tip = (x + math.cos(angle) * size * rng.uniform(0.8, 1.1), foot + math.sin(angle) * size * rng.uniform(1.0, 1.35))
            canvas.shape(
                tube([(x, foot), ((x + tip[0]) / 2 + rng.normal(0, 0.05) * size, (foot + tip[1]) / 2), tip], size * 0.085, size * 0.045),
                tint if number % 2 else tint * np.float32(0.86),
            )
    elif kind == 1:
        for number in range(7):
            cx, cy, r = x + rng.normal(0, 0.32) * size, foot - rng.uniform(0.1, 0.55) * size, size * rng.uniform(0.24, 0.40)
            canvas.shape(ellipse(cx, cy, r, r * 0.9), tint * np.float32(0.80 + 0.03 * number))
            canvas.shape(ellipse(cx - r * 0.2, cy - r * 0.3, r * 0.5, r * 0.38), mix(tint, np.full(3, 255, np.float32), 0.16))
    else:
        for number in range(6):
            left, up = x + (number - 2.5) * size * 0.24, size * rng.uniform(0.6, 1.25)
            canvas.shape(
                tube(
                    [(left, foot), (left + rng.normal(0, 0.04) * size, foot - up * 0.5), (left + (number - 2.5) * size * 0.07, foot - up)],
                    size * 0.10,
                    size * 0.13,
                ),
                tint * np.float32(0.82 + 0.05 * (number % 3)),
            )
            canvas.shape(
                ellipse(left + (number - 2.5) * size * 0.07, foot - up - size * 0.02, size * 0.085, size * 0.04), tint * np.float32(0.5)
            )


def _floor(shot: Shot, light: Light, rng: np.random.Generator) -> Plate:
    canvas = Canvas(shot)
    sand = mix(colour("#d8cfae") * light.key / 255, light.middle, 0.42) * np.float32(0.80)
    x, y = ground.crest(canvas, rng, _FLOOR + 0.01, 0.030, octaves=4, cells=1.2, rough=0.4)
    ground.meadow(canvas, rng, x, y, sand, mix(sand, light.haze, 0.62), mix(sand, light.ink, 0.3), light)
    for _ in range(round(11 * canvas.across)):
        side = rng.choice((-1, 1))
        at, share = side * rng.uniform(0.42, 1.0) * canvas.across, rng.random()
        foot, size = _FLOOR + 0.03 + 0.16 * share, rng.uniform(0.035, 0.07) * (0.6 + 0.6 * share)
        own = colour(_CORALS[int(rng.integers(len(_CORALS)))])
        coral(
            canvas,
            float(at),
            foot,
            size,
            mix(light.haze, own * light.key / 255 * np.float32(0.92), 0.66 + 0.2 * share),
            int(rng.integers(3)),
            rng,
        )
    canvas.grain(rng, 0.04)
    return Plate(canvas, 0.86)


class Caustics:
    """The net of light on the floor: thin where waves cancel, so that it dances."""

    def __init__(self, shot: Shot, light: Light, rng: np.random.Generator) -> None:
        self._tint = mix(light.shine, light.zenith, 0.45) * np.float32(0.34 if not light.dark else 0.20)
        self._rows, self._columns = math.ceil(0.26 * shot.height / SHRINK), math.ceil(shot.width / SHRINK)
        near = np.linspace(0, 1, self._rows, dtype=np.float32)[:, None]
        x = np.linspace(-shot.aspect / 2, shot.aspect / 2, self._columns, dtype=np.float32)[None]
        away = 1 / (0.22 + near)
        self._waves = []
        for _ in range(7):
            angle, pace = rng.uniform(0, 2 * math.pi), rng.uniform(0.8, 1.4)
            phase = (x * away * math.cos(angle) * 13 + away * math.sin(angle) * 7) * pace + rng.uniform(0, 6.28)
            self._waves.append(
                (np.cos(phase).astype(np.float32), np.sin(phase).astype(np.float32), float(rng.uniform(0.7, 1.6) * rng.choice((-1, 1))))
            )
        fade = np.clip(near * 3, 0, 1) * np.clip(1.3 - near * 0.7, 0, 1)
        self._fade = np.asarray(np.broadcast_to(fade * 255, (self._rows, self._columns)), np.float32).astype(np.uint8)

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        height, width = picture.shape[:2]
        top = int(camera.see([(0, _FLOOR - 0.01)], 0.86)[0][1])
        if top >= height - SHRINK:
            return
        total = np.zeros((self._rows, self._columns), np.float32)
        for cosine, sine, pace in self._waves:
            cv2.scaleAdd(cosine, math.cos(t * pace), total, dst=total)
            cv2.scaleAdd(sine, math.sin(t * pace), total, dst=total)
        thin = cv2.bitwise_not(cv2.convertScaleAbs(total, alpha=150))
        net = cv2.multiply(cv2.multiply(thin, thin, scale=1 / 255), self._fade, scale=1 / 255)
        light = cv2.merge([cv2.convertScaleAbs(net, alpha=float(part) / 255) for part in self._tint])
        rows = min(height - top, self._rows * SHRINK)
        large = cv2.resize(light, (width, self._rows * SHRINK), interpolation=cv2.INTER_LINEAR)
        cv2.add(picture[top : top + rows], large[:rows], dst=picture[top : top + rows])


class Kelp:
    """Ribbons that wave from the floor, one bend following another."""

    def __init__(
        self,
        shot: Shot,
        light: Light,
        rng: np.random.Generator,
        depth: float,
        where: tuple[float, ...],
        foot: float,
        tall: float,
        dark: float,
    ) -> None:
        narrow = min(1.0, shot.aspect / 1.78)
        self._depth = depth
        green = mix(colour("#3f8f5a") * light.key / 255, light.haze, 0.25)
        self._tints = (mix(green, light.ink, dark), mix(green * np.float32(0.75), light.ink, dark))
        self._stalks = [
            (x * narrow + rng.normal(0, 0.03) * narrow, foot, tall * rng.uniform(0.6, 1.05), rng.uniform(0, 6.28))
            for x in where
            for _ in range(3)
        ]

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        share = np.linspace(0, 1, 14)
        for number, (x, foot, tall, phase) in enumerate(self._stalks):
            bend = (0.055 * np.sin(t * 0.9 + phase + share * 2.6) + 0.018 * np.sin(t * 1.7 + phase * 2 + share * 6)) * share * (tall / 0.4)
            width = (
                0.014
                * np.sin(np.pi * np.clip(share * 0.94 + 0.06, 0, 1)) ** 0.6
                * (1 + 0.25 * np.sin(share * 40 + phase))
                * (0.6 + 0.4 * self._depth)
            )
            middle, y = x + bend, foot - share * tall
            ribbon = np.concatenate([np.stack([middle - width, y], -1), np.stack([middle + width, y], -1)[::-1]])
            fill_each(picture, [camera.see(ribbon, self._depth)], self._tints[number % 2])


class Shoal:
    """Small fish far away that turn together."""

    def __init__(self, light: Light, rng: np.random.Generator) -> None:
        self._tint = mix(light.haze, light.ink, 0.45)
        self._fish = np.stack([rng.normal(0, 0.13, 26), rng.normal(0, 0.035, 26), rng.uniform(0, 6.28, 26), rng.uniform(0.7, 1.2, 26)], -1)
        self._y = float(rng.uniform(-0.14, -0.04))

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        middle = 0.5 * math.sin(t * 0.16 + 0.6)
        way = 1.0 if math.cos(t * 0.16 + 0.6) > 0 else -1.0
        bodies = []
        for x, y, phase, size in self._fish:
            left, top = middle + x + 0.012 * math.sin(t * 1.2 + phase), self._y + y + 0.010 * math.sin(t * 0.9 + phase * 2)
            wag = 0.004 * math.sin(t * 9 + phase)
            body = np.array(
                [
                    (0.014, 0.0),
                    (0.004, -0.0045),
                    (-0.008, -0.001),
                    (-0.015, -0.005 + wag),
                    (-0.013, wag),
                    (-0.015, 0.005 + wag),
                    (-0.008, 0.001),
                    (0.004, 0.0045),
                ]
            )
            bodies.append(camera.see(body * (way * size, size) + (left, top), 0.35))
        fill_each(picture, bodies, self._tint)


class Bubbles:
    """Rings of light with a glint."""

    def __init__(self, shot: Shot, light: Light, rng: np.random.Generator) -> None:
        self._sprites = [_bubble(max(2.0, size * shot.height), light) for size in (0.0026, 0.0042, 0.0066)]
        sources = (-0.62, 0.30, 0.66, -0.2)
        self._each = [
            (
                sources[n % 4] + rng.normal(0, 0.02),
                rng.uniform(0, 1),
                rng.uniform(0.09, 0.15),
                int(rng.choice(3, p=[0.5, 0.3, 0.2])),
                rng.uniform(0, 6.28),
            )
            for n in range(26)
        ]

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        narrow = min(1.0, camera.width / camera.height / 1.5)
        for x, start, speed, size, phase in self._each:
            share = (start + t * speed) % 1.0
            (where,) = camera.see([(x * narrow + 0.012 * math.sin(t * 2.2 + phase), 0.46 - 1.04 * share)], 1.1)
            add_soft(picture, self._sprites[size], where[0], where[1])


def _bubble(radius: float, light: Light) -> Picture:
    half = math.ceil(radius) + 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
    away = np.hypot(x, y) / radius
    ring = np.exp(-(((away - 0.86) / 0.16) ** 2)) * 0.55 + np.clip(1 - away, 0, 1) * 0.12
    glint = np.exp(-(((x / radius + 0.35) ** 2 + (y / radius + 0.35) ** 2) / 0.05)) * 0.9
    return spared(np.asarray(np.clip((ring + glint)[..., None] * mix(light.shine, light.zenith, 0.3), 0, 255), np.uint8))
