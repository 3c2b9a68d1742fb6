"""Heads in the hall, out of focus: drawn small, blurred, laid over the lower third."""

import math

import cv2
import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Colour, Picture, Points, ellipse, spline, tube
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets.glow import add_soft, sprite

_DEPTH = 1.5
# Heads out of focus lose nothing by being drawn small.
SHRINK = 4


class Hall:
    def __init__(
        self, shot: Shot, light: Light, accent: Colour, rng: np.random.Generator, tempo: float, *, hands: bool = False, candles: bool = True
    ) -> None:
        """`hands`: some are raised, as at a concert."""
        self._shot, self._tempo, self._hands = shot, tempo, hands
        count = 15 if hands else 8
        self._heads = [
            (
                x + rng.uniform(-0.05, 0.05),
                rng.uniform(0.425, 0.46),
                rng.uniform(0.85, 1.1),
                rng.uniform(0, 6.28),
                bool(rng.random() < 0.55),
            )
            for x in np.linspace(-0.95, 0.95, count)
        ]
        self._rim = (
            (light.key * np.float32(1.15) + accent * np.float32(0.2))
            if not hands
            else (light.key * np.float32(0.6) + accent * np.float32(0.7))
        )
        self._candles = ((-0.60, 0.55), (-0.06, 0.42), (0.47, 0.5), (0.74, 0.6)) if candles else ()
        self._flame = sprite(shot.height * 0.017, 0.7, light.key * np.float32(0.85))

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        width, height = self._shot.width, self._shot.height
        beat = t * self._tempo / 60
        top = int(height * (0.56 if self._hands else 0.66))
        rows, columns = math.ceil((height - top) / SHRINK), math.ceil(width / SHRINK)
        heads, rims = np.zeros((rows, columns), np.uint8), np.zeros((rows, columns), np.uint8)
        for x, y, size, phase, raised in self._heads:
            nod = 0.005 * math.sin(beat * math.pi + phase)
            if self._hands:
                nod = -0.013 * abs(math.sin(beat * math.pi + 0.3 * math.sin(phase)))
            shapes = head_and_shoulders(x + 0.5 * nod, y + nod, size)
            if self._hands and raised:
                shapes = [*shapes, _arm(x, y + 1.5 * nod, size, phase, beat)]
            for shape in shapes:
                pixels = camera.see(shape, _DEPTH, shrunk=1 / SHRINK) - (0, top / SHRINK)
                cv2.fillPoly(rims, [np.round((pixels - (0, height * 0.006 / SHRINK)) * 32).astype(np.int32)], (255,), cv2.LINE_AA, 5)
                cv2.fillPoly(heads, [np.round(pixels * 32).astype(np.int32)], (255,), cv2.LINE_AA, 5)
        rims = np.asarray(cv2.subtract(rims, heads), np.uint8)
        blur, band = max(0.9, height * 0.0052 / SHRINK), picture[top:]
        size_of_band = (width, height - top)
        shade = cv2.resize(cv2.bitwise_not(cv2.GaussianBlur(heads, (0, 0), blur)), size_of_band, interpolation=cv2.INTER_LINEAR)
        cv2.multiply(band, cv2.cvtColor(shade, cv2.COLOR_GRAY2BGR), dst=band, scale=1 / 255.0)
        soft = cv2.GaussianBlur(rims, (0, 0), blur)
        edge = cv2.merge([cv2.convertScaleAbs(soft, alpha=float(part) / 255) for part in self._rim])
        cv2.add(band, cv2.resize(edge, size_of_band, interpolation=cv2.INTER_LINEAR), dst=band)
        for number, (left, strength) in enumerate(self._candles):
            flicker = 0.8 + 0.2 * math.sin(t * 9 + number * 2.1) * math.sin(t * 5.3 + number)
            (where,) = camera.see([(left, 0.415)], _DEPTH)
            add_soft(picture, self._flame, where[0], where[1], (0.6 + strength * 0.5) * flicker)


def head_and_shoulders(x: float, y: float, size: float) -> list[Points]:
    """Seen from behind."""
    outline = np.array(((-0.135, 0.22), (-0.125, 0.11), (-0.06, 0.072), (0, 0.065), (0.06, 0.072), (0.125, 0.11), (0.135, 0.22)))
    return [ellipse(x, y, 0.052 * size, 0.062 * size, steps=28), spline(outline * size + (x, y), closed=False)]


def _arm(x: float, y: float, size: float, phase: float, beat: float) -> Points:
    wave = 0.030 * math.sin(beat * math.pi + phase)
    side = 1 if math.sin(phase * 7) > 0 else -1
    return tube(
        [
            (x + side * 0.085 * size, y + 0.12 * size),
            (x + side * (0.115 * size) + wave * 0.4, y),
            (x + side * 0.095 * size + wave, y - 0.125 * size),
        ],
        0.021 * size,
        0.014 * size,
    )
