"""For prompts in which nothing is recognised: silk of light that folds and flows, in colours and at a pace that follow the words."""

import colorsys
import math

import cv2
import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Camera, Colour, Picture, Plane, clouds, colour, mix
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets.glow import add_soft, sprite
from dustreel.providers.sandbox.sets.light import luma, saturate
from dustreel.providers.sandbox.sets.scenery import Scenery, flying, standing
from dustreel.providers.sandbox.storyboard import Hour, Mood, Storyboard

# Veils are soft: drawn at so many rows and enlarged they look the same.
_ROWS = 216


def build(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> Scenery:
    colours = _palette(storyboard, light, rng)
    return Scenery(
        (Silk(shot, storyboard, colours, rng), Orbs(shot, storyboard, colours, rng)),
        (),
        standing(shot, 0.33, 0.2),
        flying(shot, -0.02, 0.2),
    )


def _palette(storyboard: Storyboard, light: Light, rng: np.random.Generator) -> list[Colour]:
    """From the darkest to the lightest: what the prompt names, or what goes together."""
    if storyboard.palette:
        named = sorted((colour(code) for code in storyboard.palette), key=luma)
        first, last = named[0], named[-1]
        middle = named[1] if len(named) == 3 else mix(first, last, 0.5)
        deep = saturate(first, 1.2) * np.float32(0.16)
        return [
            deep,
            saturate(first, 1.1) * np.float32(0.55),
            mix(first, middle, 0.4),
            saturate(middle, 1.1),
            mix(last, colour("#fff6e6"), 0.25),
            colour("#fffaf0"),
        ]
    bright = 1.0 if storyboard.hour is not Hour.NIGHT else 0.8
    calm = {Mood.JOYFUL: 1.15, Mood.MELANCHOLY: 0.6, Mood.TENDER: 0.75, Mood.TENSE: 0.9}.get(storyboard.mood, 0.95)
    hue = float(rng.random())
    way = float(rng.choice((-1, 1)))
    plan = [(0.0, 0.80, 0.09), (0.03, 0.82, 0.30), (0.10, 0.78, 0.62), (0.34, 0.66, 0.86), (0.46, 0.52, 0.98), (0.50, 0.18, 1.0)]
    return [np.array(colorsys.hsv_to_rgb((hue + way * turn) % 1, min(1.0, s * calm), v * bright), np.float32) * 255 for turn, s, v in plan]


class Silk:
    """Height of a folded cloth, warped by noise that drifts; a ramp of colours and a light from one side make it silk."""

    def __init__(self, shot: Shot, storyboard: Storyboard, colours: list[Colour], rng: np.random.Generator) -> None:
        self._shot = shot
        self._scale = min(1.0, _ROWS / shot.height)
        self._rows, self._columns = math.ceil(shot.height * self._scale), math.ceil(shot.width * self._scale)
        self._beat = storyboard.tempo / 60
        self._pace = 0.16 + 0.16 * min(1.5, storyboard.tempo / 100)
        y, x = np.mgrid[: self._rows, : self._columns].astype(np.float32)
        x, y = (x - self._columns / 2) / self._rows, (y - self._rows / 2) / self._rows
        turn = float(rng.uniform(-0.9, 0.9))
        along, across = x * math.cos(turn) + y * math.sin(turn), -x * math.sin(turn) + y * math.cos(turn)
        warp = [clouds(self._rows, self._columns, rng, octaves=3, cells=2, stretch=shot.aspect) - 0.5 for _ in range(2)]
        # Each wave at two moments a quarter of a period apart: between them lies every other moment.
        self._waves: list[tuple[Plane, Plane, float, float]] = []
        for number in range(6):
            phase = (
                across * (3.2 + 2.1 * number)
                + along * float(rng.uniform(-1.6, 1.6))
                + warp[number % 2] * (5.5 + 1.5 * number)
                + float(rng.uniform(0, 6.28))
            )
            pace = float(rng.uniform(0.7, 1.4)) * (1 if number % 2 else -1)
            self._waves.append((np.cos(phase).astype(np.float32), np.sin(phase).astype(np.float32), pace, 1.0 / (1 + 0.55 * number)))
        self._table = _ramp(colours)
        self._depth = np.asarray(np.clip(1.05 - 0.55 * np.hypot(x / max(1.0, shot.aspect) * 1.4, y), 0.3, 1) * 255, np.uint8)
        self._sheen = colours[4] * np.float32(0.55)

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        flow = t * self._pace
        total = np.zeros((self._rows, self._columns), np.float32)
        for cosine, sine, pace, weight in self._waves:
            turn = flow * pace * 2.2
            cv2.scaleAdd(cosine, weight * math.cos(turn), total, dst=total)
            cv2.scaleAdd(sine, weight * math.sin(turn), total, dst=total)
        swell = 1.0 + 0.06 * math.sin(2 * math.pi * self._beat * t / 2)
        level = cv2.convertScaleAbs(total + np.float32(2.6), alpha=46.0 * swell)
        silk: Picture = np.asarray(cv2.applyColorMap(level, self._table), np.uint8)
        # The cloth is lit from the left: where it rises, it shines.
        slope = cv2.Sobel(total, cv2.CV_32F, 1, 1, ksize=3)
        shine = cv2.convertScaleAbs(cv2.threshold(slope, 0.0, 0, cv2.THRESH_TOZERO)[1], alpha=210.0)
        shine = cv2.blur(shine, (3, 3))
        cv2.multiply(silk, cv2.merge([self._depth] * 3), dst=silk, scale=1 / 255)
        cv2.add(silk, cv2.merge([cv2.convertScaleAbs(shine, alpha=float(part) / 255) for part in self._sheen]), dst=silk)
        self._enlarge(silk, picture, camera)

    def _enlarge(self, silk: Picture, picture: Picture, camera: Camera) -> None:
        zoom = max(1.0, 1 + (camera.zoom - 1) * 0.5) * 1.06
        x, y = self._columns / 2 * (1 - 1 / zoom), self._rows / 2 * (1 - 1 / zoom)
        shift = np.array(
            [
                [1 / zoom, 0, x + np.clip(camera.x * 0.3 * self._rows, -x, x)],
                [0, 1 / zoom, y + np.clip(camera.y * 0.3 * self._rows, -y, y)],
            ],
            np.float32,
        )
        moved = cv2.warpAffine(
            cv2.cvtColor(silk, cv2.COLOR_RGB2RGBA),
            shift,
            (self._columns, self._rows),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        cv2.resize(
            cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB), (picture.shape[1], picture.shape[0]), dst=picture, interpolation=cv2.INTER_CUBIC
        )


def _ramp(colours: list[Colour]) -> Picture:
    """256 steps through the colours, smooth at every one of them."""
    at = np.linspace(0, len(colours) - 1, 256)
    table = np.stack([np.interp(at, np.arange(len(colours)), [float(tint[part]) for tint in colours]) for part in range(3)], -1)
    kernel = np.ones(21) / 21
    soft = np.stack([np.convolve(np.pad(table[:, part], 10, mode="edge"), kernel, "valid") for part in range(3)], -1)
    return np.asarray(np.clip(soft, 0, 255), np.uint8).reshape(256, 1, 3)


class Orbs:
    """Lights out of focus that breathe with the beat."""

    def __init__(self, shot: Shot, storyboard: Storyboard, colours: list[Colour], rng: np.random.Generator) -> None:
        self._beat = storyboard.tempo / 60
        radii = (0.016, 0.030, 0.052)
        self._sprites = [
            [sprite(shot.height * radius, 0.55, tint * np.float32(0.24 - 0.04 * size)) for tint in colours[3:6]]
            for size, radius in enumerate(radii)
        ]
        count = 24
        reach = shot.aspect / 2 + 0.05
        self._orbs = [
            (
                rng.uniform(-reach, reach),
                rng.uniform(-0.55, 0.55),
                int(rng.integers(3)),
                int(rng.integers(3)),
                rng.uniform(0.4, 1.2),
                rng.uniform(0, 6.28),
            )
            for _ in range(count)
        ]

    def draw(self, picture: Picture, camera: Camera, t: float) -> None:
        for x, y, size, tint, depth, phase in self._orbs:
            at = (x + 0.03 * math.sin(t * 0.3 + phase), (y - t * 0.018 * depth + 0.56) % 1.12 - 0.56)
            pulse = 0.55 + 0.30 * math.sin(t * 0.9 + phase * 3) + 0.15 * math.sin(math.pi * self._beat * t + phase)
            (where,) = camera.see([at], depth)
            add_soft(picture, self._sprites[size][tint], where[0], where[1], max(0.0, pulse))
