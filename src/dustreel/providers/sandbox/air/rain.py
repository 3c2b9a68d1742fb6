"""Rain in three depths, rings where it strikes the ground, and the light of lightning."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Picture, ellipse, mix, stroke
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets.light import luma
from dustreel.providers.sandbox.sets.sky import flash_at, flashes
from dustreel.providers.sandbox.storyboard import Storyboard


class Rain:
    """Streaks on sheets that repeat in both directions, slid along the way they fall."""

    def __init__(self, shot: Shot, light: Light, rng: np.random.Generator, *, heavy: bool) -> None:
        self._slope = (0.26 if heavy else 0.10) * (1 if rng.random() < 0.5 else -1)
        bright = 0.45 + 0.55 * luma(mix(light.horizon, light.shine, 0.5)) / 255
        count = 1.7 if heavy else 1.0
        plan = ((0.55, 0.030, 0.36, 230, 0.6), (1.0, 0.055, 0.46, 120, 1.0), (1.6, 0.095, 0.52, 40, 1.5))
        self._sheets = [
            (_sheet(shot, rng, round(number * count), length, self._slope, round(255 * level * bright), width), speed)
            for speed, length, level, number, width in plan
        ]
        self._tinted: Picture = np.empty((shot.height, shot.width, 3), np.uint8)

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        height, width = picture.shape[:2]
        for (sheet, tall, wide), near in self._sheets:
            fallen = t * 1.5 * near + 0.37 * near
            down = round(-fallen * height) % tall
            across = round((camera.x * near - self._slope * fallen) * height) % wide
            cv2.cvtColor(sheet[down : down + height, across : across + width], cv2.COLOR_GRAY2RGB, dst=self._tinted)
            cv2.add(picture, self._tinted, dst=picture)


def _sheet(
    shot: Shot, rng: np.random.Generator, count: int, length: float, slope: float, level: int, width: float
) -> tuple[Picture, int, int]:
    """A sheet large enough to be cut from at any place, and how soon it repeats, down and across."""
    tall, wide = round(shot.height * 0.8), round(shot.height * 0.9)
    tile = np.zeros((tall, wide), np.uint8)
    thick = max(1, round(shot.height * 0.0013 * width))
    for _ in range(round(count * 0.5)):
        x, y, share = rng.uniform(0, wide), rng.uniform(0, tall), rng.uniform(0.6, 1.0)
        long = length * shot.height * share
        for dx in (-wide, 0, wide):
            for dy in (-tall, 0, tall):
                head = np.array((x + dx, y + dy))
                tail = head - (slope * long, long)
                if tail[1] < tall and head[1] > 0 and -long < head[0] < wide + long:
                    # Brighter towards the drop itself.
                    middle = (head + tail) / 2
                    stroke(tile, np.array((tail, middle)), (level * share * 0.5,), thick)
                    stroke(tile, np.array((middle, head)), (level * share,), thick)
    rows, columns = -(-(tall + shot.height) // tall), -(-(wide + shot.width) // wide)
    return np.tile(tile, (rows, columns))[: tall + shot.height, : wide + shot.width].copy(), tall, wide


class Splashes:
    def __init__(self, shot: Shot, light: Light, rng: np.random.Generator, line: float, *, heavy: bool) -> None:
        count = 24 if heavy else 16
        reach = shot.aspect / 2 + 0.05
        self._each = rng.uniform((-reach, 0, 0, 0.5), (reach, 1, 1, 0.8), (count, 4))
        self._line = line
        self._tint = mix(light.haze, light.shine, 0.55)
        self._reach = reach

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        unit = camera.height
        for number, (x, y, start, length) in enumerate(self._each):
            turn, share = divmod(t / length + start, 1.0)
            # Each strikes somewhere else the next time.
            at = (x + turn * 0.377 * self._reach + self._reach) % (2 * self._reach) - self._reach
            near = (y + turn * 0.618) % 1
            down = self._line + near * (0.52 - self._line)
            radius = (0.004 + 0.020 * share) * (0.4 + 0.8 * near)
            (where,) = camera.see([(at, down)], 0.9)
            fade = (1 - share) * 0.62
            row, column = int(where[1]), int(where[0])
            if not (0 <= row < picture.shape[0] and 0 <= column < picture.shape[1]):
                continue
            tint = mix(picture[row, column].astype(np.float32), self._tint, fade)
            stroke(
                picture, ellipse(where[0], where[1], radius * unit, radius * unit * 0.30, steps=12)[[*range(12), 0]], tint, unit * 0.0014
            )
            if share < 0.4 and number % 2 == 0:
                hop = 0.016 * math.sin(math.pi * share / 0.4) * (0.5 + 0.7 * near)
                for side in (-1, 1):
                    drop = (where[0] + side * radius * unit * 0.5, where[1] - hop * unit)
                    stroke(picture, np.array([drop, (drop[0], drop[1] + unit * 0.003)]), tint, unit * 0.0018)


class Lightning:
    """The flash on everything that stands in front of the sky; rare and soft."""

    def __init__(self, shot: Shot, storyboard: Storyboard) -> None:
        self._flashes = flashes(shot, storyboard)

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        flash = max((flash_at(t - start) for start, _ in self._flashes), default=0.0)
        if flash > 0.03:
            cv2.convertScaleAbs(picture, dst=picture, alpha=1 + 0.30 * flash, beta=16 * flash)
