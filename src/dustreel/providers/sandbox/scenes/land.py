"""Landscapes: a sky by the hour, ridges in the haze, water that mirrors them, and whoever the prompt names."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from dustreel.providers.sandbox.finish import Finish
from dustreel.providers.sandbox.kit import (
    Camera,
    Colour,
    Picture,
    Points,
    add_glow,
    clouds,
    disc,
    ellipse,
    fill,
    fill_each,
    mix,
    place,
    smoother,
    spline,
    stroke,
)
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.scenes.land_figures import FIGURES, Figure
from dustreel.providers.sandbox.scenes.land_sky import DARK, PALETTES, draw_sky
from dustreel.providers.sandbox.setting import Hour, Setting

SKY_DEPTH, BIRD_DEPTH, FIGURE_DEPTH, WATER_DEPTH = 0.12, 0.4, 0.9, 0.6
WATERLINE = 0.105
SHRINK = 4
# Depth, height of the crest line, and how rugged: far to near.
_RIDGES = ((0.35, 0.06, 0.13), (0.55, 0.13, 0.10), (0.8, 0.20, 0.075), (1.15, 0.31, 0.05))
_DARKENING = (0.28, 0.52, 0.76, 1.0)
_BRANCHES = 4
# A tip, two points a branch and a foot, on both sides.
_TREE_POINTS = 2 * (2 + 2 * _BRANCHES)


@dataclass(frozen=True, slots=True)
class Ridge:
    depth: float
    outline: Points
    tint: Colour
    trees: Points
    """(trees, points, 2): all of them have as many."""
    give: Points
    """(trees, points): how far each point leans in the wind; the foot stays."""


class Land:
    def __init__(self, shot: Shot, setting: Setting) -> None:
        self._shot, self._setting = shot, setting
        rng = np.random.default_rng(shot.seed)
        self._hour = setting.hour or (Hour.SUNSET, Hour.DAWN, Hour.DAY, Hour.SUNRISE)[shot.seed % 4]
        self._zenith, self._middle, self._horizon, self._shine = PALETTES[self._hour]
        self._ink = self._zenith * 0.22
        self._camera = Camera(shot.width, shot.height)
        side = (1 if shot.seed & 1 else -1) * min(1.0, shot.aspect)
        high = self._hour in (*DARK, Hour.DAY)
        self._sun = (float(rng.uniform(0.12, 0.42)) * side, -0.20 if high else 0.02)
        self._sky = draw_sky(shot, self._hour, self._sun, rng)
        self._ridges = [] if self._hour is Hour.SPACE else self._raise_ridges(rng)
        self._fog = clouds(math.ceil(shot.height / SHRINK), math.ceil(shot.width / SHRINK) * 3, rng, octaves=4, cells=3, stretch=3.0)
        count = 260 if setting.snow or setting.rain else 90
        self._flakes = rng.uniform((0, 0, 0.4, 0, 0.3), (1, 1, 2.0, 2 * math.pi, 1), (count, 5))
        self._halo = (disc(0.62 * shot.height / SHRINK, 2.6)[..., None] * (self._horizon * (0.25 if self._hour in DARK else 0.75))).astype(
            np.uint8
        )
        self._finish = Finish(shot, rng)
        self._buffer: Picture = np.empty((shot.height, shot.width, 3), np.uint8)

    def frame(self, t: float) -> Picture:
        picture = self._buffer
        self._move_camera(t)
        self._camera.warp(self._sky, SKY_DEPTH, picture)
        self._draw_halo(picture)
        if self._hour not in (*DARK, Hour.STORM):
            self._draw_flock(picture, t)
        for number, ridge in enumerate(self._ridges):
            self._draw_ridge(picture, ridge, t)
            if number < len(self._ridges) - 1:
                self._draw_fog(picture, ridge, number, t)
        if self._setting.water and self._ridges:
            self._draw_water(picture, t)
        for number, name in enumerate(self._setting.subjects):
            self._draw_figure(picture, FIGURES[name], number, t)
        if self._setting.rain:
            self._draw_rain(picture, t)
        else:
            self._draw_flakes(picture, t)
        return self._finish.apply(picture, t)

    def _move_camera(self, t: float) -> None:
        camera, seed = self._camera, self._shot.seed
        if self._shot.camera_fixed:
            camera.x = camera.y = 0.0
            camera.zoom = 1.03
            return
        done = smoother(t / self._shot.seconds)
        camera.zoom = 1.02 + 0.11 * done
        camera.x = (-0.05 + 0.10 * done) * (1 if seed & 2 else -1) + 0.002 * math.sin(t)
        camera.y = 0.012 - 0.03 * done

    def _raise_ridges(self, rng: np.random.Generator) -> list[Ridge]:
        found = []
        x = np.linspace(-1.6, 1.6, 700)
        setting = self._setting
        for number, (depth, crest_line, rugged) in enumerate(_RIDGES):
            if setting.water and number == len(_RIDGES) - 1:
                continue
            crest, base = np.zeros_like(x), crest_line
            for octave in range(2 if setting.desert else 7):
                steps = (x * 1.1 * 2**octave + rng.uniform(0, 99)) % 64
                heights = rng.uniform(-1, 1, 65)
                heights[64] = heights[0]  # it goes round, and must not end in a cliff
                crest += np.interp(steps, np.arange(65), heights) * 0.55**octave
            if setting.desert:
                crest = np.convolve(np.r_[crest[:20], crest, crest[-20:]], np.ones(41) / 41, "valid")
            if setting.mountains:
                crest *= 1.6 if number < 2 else 1.0
            if setting.water:
                crest, base = crest * 0.45, crest_line * 0.35 + 0.015 * number + 0.02
            y = base - np.abs(crest) * rugged
            outline = np.concatenate([np.stack([x, y], -1), [(1.6, 1.2), (-1.6, 1.2)]])
            trees = self._plant(number, x, y, rng)
            give = np.clip((trees[..., 1].max(1, keepdims=True) - trees[..., 1]) * 8, 0, 1)
            found.append(Ridge(depth, outline, self._ridge_tint(number), trees, give))
        return found

    def _ridge_tint(self, number: int) -> Colour:
        tint = mix(mix(self._middle, self._horizon, 0.45), self._ink, _DARKENING[number])
        if not self._setting.snow:
            return tint
        white = np.array((206, 220, 240), np.float32)
        return mix(tint, white, ((0.14, 0.18, 0.24, 0.34) if self._hour in DARK else (0.30, 0.34, 0.40, 0.50))[number])

    def _plant(self, number: int, x: Points, y: Points, rng: np.random.Generator) -> Points:
        """Firs along a crest, (trees, points, 2); none on the farthest."""
        trees: list[list[tuple[float, float]]] = []
        if number == 0 or not (self._setting.forest or self._setting.snow):
            return np.empty((0, _TREE_POINTS, 2))
        for left in np.sort(rng.uniform(-1.5, 1.5, (0, 46, 34, 18)[number] * (2 if self._setting.forest else 1))):
            height = rng.uniform(0.05, 0.10) * (0, 0.7, 1.1, 2.6)[number]
            foot, half = np.interp(left, x, y), height * 0.22
            right = [(left, foot - height)]
            for branch in range(1, _BRANCHES + 1):
                down = foot - height * (1 - branch / _BRANCHES)
                right += [(left + half * branch / _BRANCHES, down), (left + half * branch / _BRANCHES * 0.55, down)]
            right.append((left, foot + 0.01))
            trees.append(right + [(2 * left - px, py) for px, py in reversed(right)])
        return np.array(trees)

    def _draw_halo(self, picture: Picture) -> None:
        light = np.zeros((math.ceil(self._shot.height / SHRINK), math.ceil(self._shot.width / SHRINK), 3), np.uint8)
        (where,) = self._camera.see([self._sun], SKY_DEPTH, shrunk=1 / SHRINK)
        add_glow(light, self._halo, where[0], where[1])
        cv2.add(picture, cv2.resize(light, (self._shot.width, self._shot.height)), dst=picture)

    def _draw_flock(self, picture: Picture, t: float) -> None:
        for number in range(7):
            x = -0.9 + ((number * 0.137 + t * 0.045) % 1.8) + 0.06 * number
            y = -0.22 + 0.03 * math.sin(number * 2.1) + 0.01 * math.sin(t * 2 + number)
            beat, size = 0.010 * math.sin(t * 7 + number * 1.3), 0.55 + 0.12 * (number % 3)
            half = [(0.022, -beat - 0.004), (0.010, -0.006 - beat * 0.4)]
            wings = [(x - a * size, y + b * size) for a, b in half] + [(x, y)] + [(x + a * size, y + b * size) for a, b in reversed(half)]
            stroke(picture, self._camera.see(spline(wings, closed=False, steps=6), BIRD_DEPTH), self._ink, self._shot.height * 0.0022)

    def _draw_ridge(self, picture: Picture, ridge: Ridge, t: float) -> None:
        pixels = self._camera.see(ridge.outline, ridge.depth)
        fill(picture, pixels - (0, self._shot.height * 0.0026), mix(ridge.tint, self._shine, 0.35))
        fill(picture, pixels, ridge.tint)
        swayed = ridge.trees.copy()
        swayed[..., 0] += 0.004 * np.sin(t * 1.3 + ridge.trees[:, :1, 0] * 9) * ridge.give
        fill_each(picture, self._camera.see(swayed, ridge.depth), mix(ridge.tint, self._ink, 0.45))

    def _draw_fog(self, picture: Picture, ridge: Ridge, number: int, t: float) -> None:
        """A band of drifting haze at a ridge's foot, which is what sets the ridges apart."""
        height, width = self._shot.height, self._shot.width
        centre = self._camera.see([(0, 0.16 + 0.07 * number)], ridge.depth)[0][1]
        top, bottom = int(max(0, centre - height * 0.13)), int(min(height, centre + height * 0.10))
        if bottom - top < 8:
            return
        rows, columns = (bottom - top) // SHRINK + 1, math.ceil(width / SHRINK)
        drift = (t * columns * 0.02 * (1 + number)) % (columns * 1.5)
        wisp = cv2.getRectSubPix(self._fog, (columns, rows), (columns / 2 + drift + 1, self._fog.shape[0] * (0.5 + 0.2 * number)))
        across = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
        amount = np.clip(wisp * 1.15 * np.exp(-((across / 0.62) ** 2)) * (0.42 - 0.07 * number), 0, 1)
        share = cv2.resize(amount, (width, bottom - top))
        band = picture[top:bottom]
        cv2.multiply(band, cv2.merge([cv2.convertScaleAbs(255 * (1 - share))] * 3), dst=band, scale=1 / 255.0)
        tint = mix(self._horizon, self._shine, 0.25)
        cv2.add(band, cv2.merge([cv2.convertScaleAbs(share, alpha=float(part)) for part in tint]), dst=band)

    def _draw_water(self, picture: Picture, t: float) -> None:
        """What stands above the waterline, mirrored at half size, rippled, darkened towards us, with the sun's glitter."""
        height, width = self._shot.height, self._shot.width
        top = int(self._camera.see([(0, WATERLINE)], WATER_DEPTH)[0][1])
        if height - top < 8:
            return
        above = picture[max(0, 2 * top - height) : top][::-1]
        mirror = cv2.resize(above, (width // 2, (height - top) // 2), interpolation=cv2.INTER_AREA)
        rows, columns = mirror.shape[:2]
        y = np.arange(rows, dtype=np.float32)[:, None]
        x = np.arange(columns, dtype=np.float32)[None]
        near = y / rows
        from_x = x + near**1.1 * columns * 0.012 * np.sin(y / (3 + 14 * near) * 1.3 - t * 2.6)
        from_y = np.broadcast_to(y * 0.92, (rows, columns)) + (0.5 + near * 7) * np.sin(
            x / (26 + 40 * near) + y / (2.5 + 9 * near) + t * 1.8
        )
        rippled = cv2.remap(mirror, from_x.astype(np.float32), from_y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        kept = (0.78 - 0.38 * near)[..., None]
        water = rippled * kept + mix(self._zenith, self._middle, 0.35) * (1 - kept)
        sun_x = float(self._camera.see([(self._sun[0], 0)], SKY_DEPTH)[0][0]) / 2
        path = np.exp(-(((x - sun_x) / (columns * (0.018 + 0.07 * near))) ** 2))
        glitter = (0.5 + 0.5 * np.sin(y / (1.6 + 5 * near) * 2.1 - t * 3 + 8 * np.sin(x / (9 + 30 * near) + t))) ** 3
        water = water + (path * glitter)[..., None] * self._shine * 0.62
        large = cv2.resize(np.clip(water, 0, 255).astype(np.uint8), (width, height - top), interpolation=cv2.INTER_LINEAR)
        picture[top:] = large

    def _draw_figure(self, picture: Picture, figure: Figure, number: int, t: float) -> None:
        """Rim-lit from the sun's side, moving as its kind moves."""
        to_sun = 1 if self._sun[0] > 0 else -1
        narrow = min(1.0, self._shot.aspect)
        size = figure.height * (1.0, 0.75)[number] * min(1.0, self._shot.aspect * 1.15)
        done = t / self._shot.seconds
        x, y, turn = (-0.16, 0.30)[number] * narrow * to_sun, 0.335, 0.0
        if figure.flies or self._hour is Hour.SPACE:
            x, y = x + 0.14 * done - 0.07, 0.14 - 0.20 * done + 0.012 * math.sin(t * 1.7)
            turn = 0.25 if self._hour is Hour.SPACE else 0.015 * math.sin(t * 1.1)
        elif figure.swims or self._setting.water:
            x, y = x + 0.20 * done - 0.10, 0.215 + 0.008 * math.sin(t * 1.4)
            turn = 0.035 * math.sin(t * 1.1)
        else:
            x, y = x + 0.10 * done - 0.05, 0.345 - abs(math.sin(t * 3.2)) * 0.010
            fill(picture, self._camera.see(ellipse(x, y + 0.006, size * 0.55, 0.009), FIGURE_DEPTH), mix(self._ink, self._middle, 0.15))
        rim = np.array((0.0042 * to_sun, -0.0036)) * self._camera.scale(FIGURE_DEPTH)
        shapes = [self._camera.see(place(outline, size, x, y, turn), FIGURE_DEPTH) for outline in figure.outlines]
        for shape in shapes:
            fill(picture, shape + rim, mix(self._ink, self._shine, 0.92))
        for shape in shapes:
            fill(picture, shape, mix(self._ink, self._middle, 0.12))

    def _draw_rain(self, picture: Picture, t: float) -> None:
        width, height = self._shot.width, self._shot.height
        tint = mix(self._horizon, self._shine, 0.3) * 0.8
        for x, y, depth, _, _ in self._flakes:
            left, top = ((x * 1.3 - 0.05 * t * depth) % 1.2) * width, ((y + t * 1.7 * depth) % 1.1) * height
            drop = np.array([(left, top), (left - height * 0.006 * depth, top + height * 0.035 * depth)])
            stroke(picture, drop, tint, 1)

    def _draw_flakes(self, picture: Picture, t: float) -> None:
        """Snow that falls, or motes that hang in the light."""
        snow, width, height = self._setting.snow, self._shot.width, self._shot.height
        for x, y, depth, phase, brightness in self._flakes:
            drift = 0.02 * math.sin(t * 0.8 + phase) + (0.02 * t if snow else 0.01 * t) * depth - self._camera.x * depth * 0.5
            left, top = (x + drift) % 1 * width, (y + (0.09 if snow else -0.012) * t * depth) % 1.04 * height
            light = brightness * 0.76 if snow else brightness * 0.5 * (0.35 + 0.3 * math.sin(t * 2 + phase))
            if light > 0.04:
                glow = disc(max(2.0, height * (0.0050 if snow else 0.0034) * depth), 1.3)[..., None] * (self._shine * light)
                add_glow(picture, glow.astype(np.uint8), left, top)
