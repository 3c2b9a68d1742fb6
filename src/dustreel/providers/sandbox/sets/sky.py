"""Skies: gradient, sun or moon, stars that twinkle, clouds that drift, lightning behind them. Composed small, for all of it is soft."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Picture, Plane, colour, mix, spared, stroke
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets.canvas import MARGIN_X, MARGIN_Y
from dustreel.providers.sandbox.sets.clouds import Deck
from dustreel.providers.sandbox.sets.glow import add_soft, sprite
from dustreel.providers.sandbox.sets.light import sun_is_seen
from dustreel.providers.sandbox.storyboard import Hour, Storyboard, Weather

DEPTH = 0.12
# The small sky's, whatever the picture's size.
_ROWS = 280
_STARS, _MANY_STARS = 240, 620
_FLASH_SECONDS = 1.1


class Sky:
    def __init__(self, shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator, *, until: float = 0.22) -> None:
        """`until`: how far down it is seen, in units."""
        self._shot, self._light = shot, light
        self._until = until
        self._scale = _ROWS / shot.height if shot.height > _ROWS else 1.0
        self._unit = shot.height * self._scale
        self._width = math.ceil(shot.width * self._scale)
        self._seen = sun_is_seen(storyboard)
        self._backdrop = spared(self._painted(storyboard, rng))
        self._deck = Deck(shot, storyboard, light, rng, self._unit)
        self._small: Picture = np.empty((math.ceil(self._unit), self._width, 3), np.uint8)
        self._stars = _scattered(storyboard, rng) if light.dark or storyboard.hour is Hour.DUSK else None
        self._body = self._drawn_body(storyboard, rng) if self._seen and light.sun[1] < 0.08 else None
        self._shooting = _shooting(shot, storyboard, rng)
        self._flashes = flashes(shot, storyboard)

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        height, width = picture.shape[:2]
        bottom = camera.see([(0, self._until)], DEPTH)[0][1] + height * 0.04
        rows = int(np.clip(bottom, 8, height))
        small = self._small[: max(2, math.ceil(rows * self._scale))]
        zoom = 1 + (camera.zoom - 1) * DEPTH
        left = self._backdrop.shape[1] / 2 - self._width / 2 / zoom + camera.x * DEPTH * self._unit
        top = self._backdrop.shape[0] / 2 - self._unit / 2 / zoom + camera.y * DEPTH * self._unit
        matrix = np.array([[1 / zoom, 0, left], [0, 1 / zoom, top]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(self._backdrop, matrix, (small.shape[1], small.shape[0]), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB, dst=small)
        flash = self._flash(t)
        self._deck.draw(small, camera, t, flash)
        # Whole rows of the small picture, so that enlarging keeps its scale.
        count = min(round(small.shape[0] / self._scale), height)
        cv2.resize(small, (width, count), dst=picture[:count], interpolation=cv2.INTER_LINEAR)
        if self._stars is not None:
            self._draw_stars(picture, camera, t, rows)
        if self._body is not None:
            (where,) = camera.see([self._light.sun], DEPTH)
            add_soft(picture, self._body, where[0], where[1])
        self._draw_shooting(picture, camera, t)
        if flash > 0.25:
            self._draw_bolt(picture, camera, t)

    def _painted(self, storyboard: Storyboard, rng: np.random.Generator) -> Picture:
        light = self._light
        across, down = self._shot.aspect / 2 + MARGIN_X * 0.5, 0.5 + MARGIN_Y * 0.5
        rows, columns = round(2 * down * self._unit), round(2 * across * self._unit)
        x: Plane = np.linspace(-across, across, columns, dtype=np.float32)[None]
        y: Plane = np.linspace(-down, down, rows, dtype=np.float32)[:, None]
        fall = np.clip((y + 0.58) / (self._until + 0.44), 0, 1)[..., None]
        sky = np.where(
            fall < 0.58,
            light.zenith + (light.middle - light.zenith) * (fall / 0.58),
            light.middle + (light.horizon - light.middle) * ((fall - 0.58) / 0.42),
        ).astype(np.float32)
        sky = np.broadcast_to(sky, (rows, columns, 3)).copy()
        away = np.hypot(x - light.sun[0], (y - light.sun[1]) * 1.15)
        strength = 1.0 if self._seen else 0.35
        near = 0.16 if light.dark else 0.62
        wide = np.exp(-((away / (0.46 if not light.dark else 0.30)) ** 2)) * near * strength
        sky += (mix(light.shine, light.horizon, 0.35) - sky) * wide[..., None]
        if self._seen and not light.dark:
            sky += (light.shine - sky) * (np.exp(-((away / 0.15) ** 2)) * 0.6)[..., None]
        if Weather.STARS in storyboard.weather or (light.dark and self._seen):
            sky += _milky_way(x, y, rng, 1.0 if Weather.STARS in storyboard.weather else 0.45)[..., None] * colour("#8f9ae0")
        sky += rng.normal(0, 0.7, (rows, columns, 1)).astype(np.float32)
        return np.asarray(np.clip(sky, 0, 255), np.uint8)

    def _drawn_body(self, storyboard: Storyboard, rng: np.random.Generator) -> Picture:
        """Sun or moon with its halo, as light to be added."""
        light, unit = self._light, self._shot.height
        radius = 0.040 if storyboard.hour is Hour.NIGHT else 0.045 if storyboard.hour is Hour.DAY else 0.066
        if storyboard.hour is not Hour.NIGHT:
            halo = sprite(radius * 3.4 * unit, 2.2, light.shine * np.float32(0.55))
        else:
            halo = sprite(radius * 5.0 * unit, 2.6, mix(light.shine, light.middle, 0.35) * np.float32(0.42))
        size = halo.shape[0]
        y, x = (np.mgrid[:size, :size].astype(np.float32) - size // 2) / (radius * unit)
        body = np.clip((1 - np.hypot(x, y)) * radius * unit / 1.6 + 0.5, 0, 1)
        tone = light.shine * np.float32(0.98)
        if storyboard.hour is Hour.NIGHT:
            seas = np.zeros_like(x)
            for _ in range(9):
                cx, cy, r = rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.6), rng.uniform(0.12, 0.34)
                seas += np.exp(-(((x - cx) / r) ** 2 + ((y - cy) / r) ** 2)) * 0.5
            body = body * (1 - 0.26 * np.clip(seas, 0, 1)) * np.clip(1.02 - 0.12 * (x + y), 0.7, 1)
        dark = halo[..., :3].astype(np.float32)
        return spared(np.asarray(np.clip(dark + body[..., None] * (tone - dark), 0, 255), np.uint8))

    def _draw_stars(self, picture: Picture, camera: Camera, t: float, rows: int) -> None:
        assert self._stars is not None
        x, y, bright, phase = self._stars
        pixels = camera.see(np.stack([x, y], -1), DEPTH)
        across, down = pixels[:, 0].astype(int), pixels[:, 1].astype(int)
        seen = (across >= 1) & (across < picture.shape[1] - 2) & (down >= 1) & (down < min(rows, picture.shape[0]) - 2)
        across, down = across[seen], down[seen]
        level = bright[seen] * (0.72 + 0.28 * np.sin(t * 2.1 + phase[seen])) * (1.0 if self._light.dark else 0.5)
        add = (level[:, None] * np.array((0.92, 0.96, 1.0))).astype(np.int32)
        side = 2 if self._shot.height > 900 else 1
        for dx in range(side):
            for dy in range(side):
                under = picture[down + dy, across + dx].astype(np.int32)
                picture[down + dy, across + dx] = np.minimum(under + add, 255).astype(np.uint8)
        for number in np.flatnonzero(bright[seen] > 215)[:26]:
            star = sprite(self._shot.height * 0.0050, 2.0, np.array((205, 220, 255), np.float32))
            add_soft(picture, star, across[number] + 0.5, down[number] + 0.5, float(level[number]) / 255)

    def _draw_shooting(self, picture: Picture, camera: Camera, t: float) -> None:
        for start, x, y, way in self._shooting:
            age = (t - start) / 0.75
            if not 0 < age < 1:
                continue
            head = np.array((x + way * 0.42 * age, y + 0.15 * age))
            fade = math.sin(math.pi * age)
            for part in range(5):
                tail = head - np.array((way * 0.42, 0.15)) * 0.055 * part
                ends = camera.see([tail, tail - np.array((way * 0.42, 0.15)) * 0.055], DEPTH)
                under = self._light.middle
                stroke(picture, ends, mix(under, colour("#f4f8ff"), fade * (1 - part / 5)), self._shot.height * 0.0022)

    def _flash(self, t: float) -> float:
        """0 to 1. Rises in a moment and dies away slowly; never twice within a second, for it must not stab at the eye."""
        return max((flash_at(t - start) for start, _ in self._flashes), default=0.0)

    def _draw_bolt(self, picture: Picture, camera: Camera, t: float) -> None:
        start, where = next((s, w) for s, w in self._flashes if 0 <= t - s <= _FLASH_SECONDS)
        strength = flash_at(t - start)
        rng = np.random.default_rng(int(start * 1000))
        y = np.linspace(-0.52, self._until - 0.10, 22)
        x = where + np.cumsum(rng.normal(0, 0.020, 22)) + 0.05 * rng.normal() * np.linspace(0, 1, 22)
        path = camera.see(np.stack([x, y], -1), DEPTH)
        tone = mix(self._light.middle, colour("#eef4ff"), min(1.0, strength * 1.2))
        stroke(picture, path, tone, self._shot.height * 0.0034)
        fork = path[9:15] + np.linspace(0, 1, 6)[:, None] * np.array((self._shot.height * 0.09 * (1 if where < 0 else -1), 0))
        stroke(picture, fork, mix(self._light.middle, tone, 0.6), self._shot.height * 0.0018)


def flashes(shot: Shot, storyboard: Storyboard) -> tuple[tuple[float, float], ...]:
    """When lightning strikes, and where. Rare: about every four seconds."""
    if Weather.STORM not in storyboard.weather:
        return ()
    rng = np.random.default_rng(storyboard.seed + 71)
    reach = 0.40 * min(1.2, shot.aspect)
    starts = np.arange(1.2, shot.seconds, 4.1) + rng.uniform(0, 1.6, len(np.arange(1.2, shot.seconds, 4.1)))
    return tuple((float(start), float(rng.uniform(-reach, reach))) for start in starts)


def flash_at(age: float) -> float:
    if not 0 <= age <= _FLASH_SECONDS:
        return 0.0
    return min(1.0, age / 0.09) * math.exp(-max(0.0, age - 0.09) * 3.6)


def _scattered(storyboard: Storyboard, rng: np.random.Generator) -> tuple[Plane, Plane, Plane, Plane]:
    count = _MANY_STARS if Weather.STARS in storyboard.weather else _STARS
    if not sun_is_seen(storyboard):
        count = 30
    x, y = rng.uniform(-1.05, 1.05, count), -0.56 + 0.74 * rng.random(count) ** 1.25
    bright = 70 + 180 * rng.random(count) ** 2.6
    phase = rng.uniform(0, 6.28, count)
    return x.astype(np.float32), y.astype(np.float32), bright.astype(np.float32), phase.astype(np.float32)


def _milky_way(x: Plane, y: Plane, rng: np.random.Generator, strength: float) -> Plane:
    turn = rng.uniform(0.5, 0.9)
    off = (x * math.sin(turn) + (y + 0.15) * math.cos(turn)) + 0.04 * np.sin(x * 6)
    band = np.exp(-((off / 0.13) ** 2)) * (0.75 + 0.25 * np.sin(x * 17 + y * 9) * np.sin(y * 23 - x * 5))
    return np.asarray(band * 0.26 * strength * np.clip((0.12 - y) * 3, 0, 1), np.float32)


def _shooting(shot: Shot, storyboard: Storyboard, rng: np.random.Generator) -> list[tuple[float, float, float, float]]:
    if Weather.STARS not in storyboard.weather:
        return []
    starts = np.arange(0.8, shot.seconds - 0.8, 2.6) + rng.uniform(0, 1.2, len(np.arange(0.8, shot.seconds - 0.8, 2.6)))
    narrow = min(1.0, shot.aspect / 1.4)
    return [
        (float(start), float(rng.uniform(-0.5, 0.4)) * narrow, float(rng.uniform(-0.46, -0.22)), float(rng.choice((-1, 1))) * narrow)
        for start in starts
    ]
