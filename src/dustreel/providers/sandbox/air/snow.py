"""Snow in three depths: two sheets of small flakes behind, and large soft ones that tumble in front."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Picture, ellipse, fill, mix, spared
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets.glow import add_soft, sprite


class Snow:
    def __init__(self, shot: Shot, light: Light, rng: np.random.Generator, *, gusty: bool) -> None:
        self._wind = 0.16 if gusty else 0.022
        bright = 0.42 + 0.58 * max(light.exposure, 0.25)
        plan = ((0.045, 0.0019, 250, 0.62), (0.080, 0.0030, 120, 0.85))
        self._sheets = [(_sheet(shot, rng, count, size, round(235 * level * bright)), speed) for speed, size, count, level in plan]
        tint = mix(light.shine, np.full(3, 255, np.float32), 0.5) * np.float32(bright)
        self._sprites = [
            spared(np.ascontiguousarray(sprite(shot.height * radius, 0.8, tint * np.float32(level))[..., :3]))
            for radius, level in ((0.0062, 0.80), (0.0090, 0.62), (0.0150, 0.34))
        ]
        self._near = [
            (rng.uniform(-1, 1), rng.uniform(0, 1), int(rng.choice(3, p=[0.5, 0.34, 0.16])), rng.uniform(0, 6.28), rng.uniform(0.8, 1.25))
            for _ in range(46)
        ]
        self._reach = shot.aspect / 2 + 0.06
        self._tinted: Picture = np.empty((shot.height, shot.width, 3), np.uint8)

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        height, width = picture.shape[:2]
        for number, ((sheet, tall, wide), speed) in enumerate(self._sheets):
            near = 0.5 + 0.4 * number
            down = (-t * speed * height + camera.y * near * height) % tall
            sway = 0.014 * math.sin(t * 0.7 + number * 2)
            across = (camera.x * near - self._wind * near * t + sway) * height % wide
            flakes = cv2.getRectSubPix(sheet, (width, height), (width / 2 + across, height / 2 + down))
            cv2.cvtColor(flakes, cv2.COLOR_GRAY2RGB, dst=self._tinted)
            cv2.add(picture, self._tinted, dst=picture)
        for x, y, size, phase, pace in self._near:
            depth = 1.0 + 0.3 * size
            share = (y + t * (0.115 + 0.03 * size) * pace) % 1.08
            at = x * self._reach + self._wind * 1.5 * t + 0.030 * math.sin(t * 0.9 * pace + phase) + 0.012 * math.sin(t * 2.1 + 2 * phase)
            at = (at - camera.x * depth + self._reach) % (2 * self._reach) - self._reach
            add_soft(picture, self._sprites[size], at * height + width / 2, (share - 0.04) * height, 1.0)


def _sheet(shot: Shot, rng: np.random.Generator, count: int, size: float, level: int) -> tuple[Picture, int, int]:
    tall, wide = round(shot.height * 0.9), round(shot.height * 1.1)
    tile = np.zeros((tall, wide), np.uint8)
    for _ in range(count):
        x, y, radius = rng.uniform(0, wide), rng.uniform(0, tall), max(0.9, size * shot.height * rng.uniform(0.6, 1.3))
        tone = level * rng.uniform(0.55, 1.0)
        for dx in (-wide, 0, wide):
            for dy in (-tall, 0, tall):
                if -radius < x + dx < wide + radius and -radius < y + dy < tall + radius:
                    fill(tile, ellipse(x + dx, y + dy, radius, radius, steps=12), (tone,))
    tile = np.asarray(cv2.blur(np.pad(tile, 2, mode="wrap"), (3, 3))[2:-2, 2:-2], np.uint8)
    rows, columns = -(-(tall + shot.height + 2) // tall), -(-(wide + shot.width + 2) // wide)
    return np.tile(tile, (rows, columns))[: tall + shot.height + 2, : wide + shot.width + 2].copy(), tall, wide
