"""Water that mirrors what stands above its line: waves that travel, glitter where the sun is, and a tint that deepens towards us."""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Colour, Picture, Plane, clouds, spared
from dustreel.providers.sandbox.scene import Shot

_ROWS = 340


class Water:
    def __init__(
        self,
        shot: Shot,
        light: Light,
        rng: np.random.Generator,
        *,
        line: float,
        deep: Colour,
        depth: float = 0.35,
        rough: float = 1.0,
        clarity: float = 0.62,
        glitter: float = 0.8,
        until: float = 0.66,
    ) -> None:
        """From `line` down to `until`, in units. `clarity`: how much of the mirrored picture is seen."""
        self._line, self._depth, self._until = line, depth, until
        self._scale = min(0.5, _ROWS / shot.height)
        self._unit = shot.height * self._scale
        self._columns = math.ceil(shot.width * self._scale)
        self._rows = max(8, math.ceil((0.72 - line) * self._unit))
        self._sun_x = light.sun[0]
        y = np.arange(self._rows, dtype=np.float32)[:, None]
        x = np.arange(self._columns, dtype=np.float32)[None] - self._columns / 2
        near = np.asarray(y / self._unit / 0.5, np.float32)
        self._from_x = np.broadcast_to(x + self._columns / 2, (self._rows, self._columns)).astype(np.float32)
        self._from_y = np.broadcast_to(y * 0.96, (self._rows, self._columns)).astype(np.float32)
        across, down = x / self._unit, near
        self._sway = _waves(across, down, rng, count=9, long=1.0, amplitude=rough * self._unit * 0.022 * near**0.9)
        self._heave = _waves(across, down, rng, count=12, long=0.75, amplitude=rough * self._unit * (0.0012 + 0.024 * near))
        self._spark = _waves(across, down, rng, count=18, long=0.30, amplitude=np.asarray(1.0 + 0 * near, np.float32))
        kept = np.clip(clarity * (1.08 - 0.55 * near), 0.12, 0.95)
        self._kept = _sheet(kept[..., None] * np.full(3, 255, np.float32), self._columns)
        self._deep = _sheet((1 - kept)[..., None] * deep, self._columns)
        wide = np.linspace(-1.2, 1.2, round(2.4 * self._unit), dtype=np.float32)[None]
        path = np.exp(-((wide / (0.030 + 0.17 * near)) ** 2)) * np.clip(1.15 - 0.5 * near, 0, 1)
        self._path = np.asarray(np.clip(path * 255 * glitter, 0, 255), np.uint8)
        self._shine = light.shine
        self._crests = light.horizon * np.float32(0.30 * rough)
        self._mirror: Picture = np.empty((self._rows, self._columns, 3), np.uint8)
        self._tooth = np.asarray(clouds(self._rows, self._columns, rng, octaves=4, cells=20, stretch=0.3) * 255, np.uint8)

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        height, width = picture.shape[:2]
        top = max(1, round(float(camera.see([(0, self._line)], self._depth)[0][1])))
        bottom = min(height, round(float(camera.see([(0, self._until)], self._depth)[0][1])) + 1)
        rows = min(self._rows, math.ceil((bottom - top) * self._scale))
        if rows < 4:
            return
        mirror = self._mirrored(picture, top, rows)
        map_x, map_y = _at(self._sway, rows, t, 1.15), _at(self._heave, rows, t, 1.9)
        map_x += self._from_x[:rows]
        map_y += self._from_y[:rows]
        water = cv2.remap(mirror, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        water = cv2.cvtColor(water, cv2.COLOR_RGBA2RGB)
        cv2.multiply(water, self._kept[:rows], dst=water, scale=1 / 255)
        cv2.add(water, self._deep[:rows], dst=water)
        self._glitter(np.asarray(water, np.uint8), camera, rows, t)
        large = cv2.resize(water, (width, round(rows / self._scale)), interpolation=cv2.INTER_LINEAR)
        count = min(bottom - top, large.shape[0])
        picture[top : top + count] = large[:count]

    def _mirrored(self, picture: Picture, top: int, rows: int) -> Picture:
        above = picture[max(0, top - round(rows / self._scale)) : top]
        small = cv2.resize(above, (self._columns, max(1, round(above.shape[0] * self._scale))), interpolation=cv2.INTER_LINEAR)
        cv2.flip(small, 0, dst=small)
        return spared(np.asarray(small, np.uint8))

    def _glitter(self, water: Picture, camera: Camera, rows: int, t: float) -> None:
        spark = _at(self._spark, rows, t, 3.1)
        shine = cv2.convertScaleAbs(cv2.threshold(spark, 0.42, 0, cv2.THRESH_TOZERO)[1], alpha=150)
        (sun,) = camera.see([(self._sun_x, 0)], 0.12, shrunk=self._scale)
        left = int(np.clip(self._path.shape[1] / 2 - sun[0], 0, max(0, self._path.shape[1] - self._columns)))
        lane = self._path[:rows, left : left + self._columns]
        if lane.shape[1] < self._columns:
            lane = np.asarray(cv2.copyMakeBorder(lane, 0, 0, 0, self._columns - lane.shape[1], cv2.BORDER_REPLICATE), np.uint8)
        lane = np.asarray(cv2.multiply(lane, shine, scale=1 / 190), np.uint8)
        crests = cv2.multiply(shine, self._tooth[:rows], scale=1 / 420)
        light = cv2.merge(
            [
                cv2.addWeighted(lane, float(bright) / 255, crests, float(dim) / 255, 0)
                for bright, dim in zip(self._shine, self._crests, strict=True)
            ]
        )
        cv2.add(water, light, dst=water)


def _sheet(values: NDArray[Any], columns: int) -> Picture:
    rows = values.shape[0]
    return np.ascontiguousarray(np.broadcast_to(np.clip(values, 0, 255), (rows, columns, 3)).astype(np.uint8))


def _waves(x: Plane, near: Plane, rng: np.random.Generator, *, count: int, long: float, amplitude: NDArray[Any]) -> tuple[Plane, Plane]:
    """The sum of waves at two moments a quarter of a period apart: between them lies every other moment."""
    # How far away a row of water lies: ripples crowd together towards the line.
    away = 1 / (0.10 + near)
    sine, cosine = (
        np.zeros(np.broadcast_shapes(x.shape, near.shape), np.float32),
        np.zeros(np.broadcast_shapes(x.shape, near.shape), np.float32),
    )
    for _ in range(count):
        pace = rng.uniform(0.7, 1.5) / long
        phase = x * away * rng.uniform(-2.2, 2.2) * pace + away * rng.uniform(5.5, 9.0) * pace + rng.uniform(0, 6.28)
        sine += np.sin(phase).astype(np.float32)
        cosine += np.cos(phase).astype(np.float32)
    gain = amplitude / math.sqrt(count)
    return np.asarray(sine * gain, np.float32), np.asarray(cosine * gain, np.float32)


def _at(waves: tuple[Plane, Plane], rows: int, t: float, pace: float) -> Plane:
    return np.asarray(cv2.addWeighted(waves[0][:rows], math.cos(t * pace), waves[1][:rows], -math.sin(t * pace), 0.0), np.float32)
