"""Trees, by hand: firs in tiers, broad crowns of leaf masses lit from one side, bare winter branches, palms."""

import math

import numpy as np

from dustreel.providers.sandbox.kit import Colour, Points, ellipse, mix, tube
from dustreel.providers.sandbox.sets.canvas import Canvas


def fir(
    canvas: Canvas,
    x: float,
    foot: float,
    height: float,
    tint: Colour,
    lit: Colour,
    rng: np.random.Generator,
    *,
    snow: Colour | None = None,
    side: float = 1.0,
) -> None:
    """Five tiers, each a skirt of drooping twigs with light on the sun's `side`."""
    trunk = height * 0.022
    canvas.shape(
        [(x - trunk, foot + 0.01), (x - trunk, foot - height * 0.2), (x + trunk, foot - height * 0.2), (x + trunk, foot + 0.01)],
        tint * np.float32(0.6),
    )
    tiers = 6
    for tier in range(tiers):
        low = foot - height * (0.10 + 0.72 * tier / tiers)
        top = low - height * (0.34 - 0.02 * tier)
        half = height * 0.25 * (1 - 0.80 * tier / tiers) * rng.uniform(0.92, 1.08)
        skirt = _skirt(x, low, top, half, rng)
        canvas.shape(skirt, mix(tint, tint * np.float32(0.72), 0.6 if tier < tiers - 1 else 0.3))
        near = skirt.copy()
        near[:, 0] = x + (near[:, 0] - x) * 0.86 + side * half * 0.10
        near[:, 1] = near[:, 1] - (low - top) * 0.07
        canvas.shape(near, mix(tint, lit, 0.10 + 0.35 * tier / tiers))
        if snow is not None:
            cap = skirt.copy()
            cap[:, 0] = x + (cap[:, 0] - x) * 0.80 + side * half * 0.05
            cap[:, 1] = top + (cap[:, 1] - top) * 0.62
            canvas.shape(cap, snow)


def _skirt(x: float, low: float, top: float, half: float, rng: np.random.Generator) -> Points:
    twigs = 7
    edge: list[tuple[float, float]] = []
    for twig in range(twigs + 1):
        share = twig / twigs * 2 - 1
        down = low + (1 - share * share) * (low - top) * 0.10 + rng.uniform(-0.04, 0.04) * (low - top)
        edge.append((x - share * half, down))
        if twig < twigs:
            edge.append((x - (share + 1 / twigs) * half * 0.93, down - (low - top) * 0.13))
    sides = [(x - half * 0.42, low - (low - top) * 0.46), (x, top), (x + half * 0.42, low - (low - top) * 0.46)]
    return np.array(edge + sides)


def broadleaf(
    canvas: Canvas,
    x: float,
    foot: float,
    height: float,
    bark: Colour,
    leaves: tuple[Colour, ...],
    lit: Colour,
    rng: np.random.Generator,
    *,
    side: float = 1.0,
    bare: bool = False,
) -> None:
    """A trunk that forks, and leaf masses over it: dark ones behind, lit ones on the sun's `side`."""
    fork = foot - height * 0.40
    bough = [tube([(x, foot + 0.02), (x + height * 0.012, foot - height * 0.2), (x, fork)], height * 0.040, height * 0.022)]
    for number in range(7):
        reach = (number / 6 * 2 - 1) * height * 0.30
        bough.append(
            tube(
                [
                    (x, fork + height * 0.06),
                    (x + reach * 0.45, fork - height * 0.12),
                    (x + reach, fork - height * (0.34 - 0.14 * abs(reach) / height)),
                ],
                height * 0.017,
                height * 0.004,
            )
        )
    canvas.shapes(bough, bark)
    if bare:
        canvas.shapes(_twigs(x, fork, height, rng), bark)
        return
    masses = []
    for _ in range(34):
        angle, far = rng.uniform(0, 2 * math.pi), math.sqrt(rng.random())
        cx, cy = x + math.cos(angle) * far * height * 0.34, foot - height * 0.66 + math.sin(angle) * far * height * 0.26
        masses.append((cx, cy, height * rng.uniform(0.07, 0.12)))
    masses.sort(key=lambda mass: -mass[1] * 0.4 + side * (mass[0] - x))
    for cx, cy, radius in masses:
        canvas.shape(_leafy(cx, cy, radius, rng), mix(leaves[int(rng.integers(len(leaves)))], bark, 0.42))
    for cx, cy, radius in masses:
        share = np.clip(0.5 + side * (cx - x) / (height * 0.6) - (cy - foot + height * 0.66) / (height * 0.5), 0, 1)
        leaf = leaves[int(rng.integers(len(leaves)))]
        canvas.shape(
            _leafy(cx + side * radius * 0.15, cy - radius * 0.22, radius * 0.80, rng),
            mix(mix(leaf, bark, 0.22 * (1 - share)), lit, 0.10 * share),
        )
        if share > 0.45:
            canvas.shape(_leafy(cx + side * radius * 0.30, cy - radius * 0.42, radius * 0.46, rng), mix(leaf, lit, 0.42 * share))


def _leafy(x: float, y: float, radius: float, rng: np.random.Generator) -> Points:
    """A lump with a ragged edge."""
    angles = np.arange(34) * (2 * math.pi / 34)
    ragged = radius * (1 + 0.10 * np.sin(angles * 5 + rng.uniform(0, 6.28)) + rng.uniform(-0.11, 0.11, 34))
    return np.stack([x + ragged * np.cos(angles), y + ragged * 0.88 * np.sin(angles)], -1)


def _twigs(x: float, fork: float, height: float, rng: np.random.Generator) -> list[Points]:
    found = []
    for _ in range(34):
        reach = rng.uniform(-0.30, 0.30) * height
        start = (x + reach * rng.uniform(0.4, 0.9), fork - height * rng.uniform(0.10, 0.26))
        end = (start[0] + reach * 0.5 + rng.normal(0, 0.03) * height, start[1] - height * rng.uniform(0.06, 0.18))
        found.append(
            tube(
                [start, ((start[0] + end[0]) / 2 + rng.normal(0, 0.01) * height, (start[1] + end[1]) / 2), end],
                height * 0.005,
                height * 0.0012,
            )
        )
    return found


def palm(canvas: Canvas, x: float, foot: float, height: float, bark: Colour, leaf: Colour, lit: Colour, *, side: float) -> None:
    """Leans to its `side`, with nine fronds."""
    top = (x + side * height * 0.30, foot - height * 0.84)
    canvas.shape(tube([(x, foot + 0.03), (x + side * height * 0.06, foot - height * 0.4), top], height * 0.030, height * 0.016), bark)
    canvas.shape(
        tube(
            [(x + side * height * 0.008, foot + 0.03), (x + side * height * 0.068, foot - height * 0.4), top],
            height * 0.010,
            height * 0.006,
        ),
        mix(bark, lit, 0.35),
    )
    for number in range(11):
        angle = math.pi * (0.02 + 0.96 * number / 10)
        reach = height * (0.36 + 0.07 * math.sin(number * 2.4))
        along = np.linspace(0, 1, 15)[:, None]
        tip = np.array((math.cos(angle) * reach, -math.sin(angle) * reach * 0.55))
        spine = np.array(top) + along * tip + np.concatenate([0 * along, along**2 * height * 0.24], 1)
        canvas.shape(_frond(spine, height), mix(leaf, lit, 0.12 + 0.30 * (number % 3) / 2))
    canvas.shapes(
        [ellipse(top[0] + dx * height, top[1] + 0.03 * height, height * 0.022, height * 0.024) for dx in (-0.03, 0.015, 0.045)],
        mix(bark, leaf, 0.25),
    )


def _frond(spine: Points, height: float) -> Points:
    """A feather: teeth along both sides of the spine."""
    upper, lower = [], []
    for number in range(len(spine) - 1):
        share = number / (len(spine) - 1)
        width = height * 0.050 * math.sin(math.pi * min(1.0, 0.12 + share * 0.9))
        middle = (spine[number] + spine[number + 1]) / 2
        upper += [spine[number], middle + np.array((0.012 * height, -width * 0.45))]
        lower += [spine[number], middle + np.array((0.012 * height, width))]
    return np.array([*upper, spine[-1], *reversed(lower)])
