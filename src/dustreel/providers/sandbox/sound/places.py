"""What a place sounds like without music: wind, rain, waves, birds, a city, crickets, the deep, a fire, a hall full of people.

Each is given a generator of its own and how many samples there are, and returns a stereo sound whose loudness the score sets.
"""

from collections.abc import Callable

import numpy as np

from dustreel.providers.sandbox.sound.synths import RATE, Stereo, Wave, noise, ring, samples, swell

type Ambience = Callable[[np.random.Generator, int], Stereo]


def wind(rng: np.random.Generator, length: int) -> Stereo:
    found = np.zeros((2, length), np.float32)
    for low, high, loudness, every in ((70, 240, 1.0, 2.3), (220, 620, 0.75, 1.7), (560, 1_300, 0.32, 1.1)):
        for side in range(2):
            found[side] += noise(rng, length, low, high) * (loudness * (0.15 + swell(rng, length, every) ** 2))
    return found


def hush(rng: np.random.Generator, length: int) -> Stereo:
    """Snow: the air, muffled."""
    return np.stack([noise(rng, length, 90, 500, tilt=-0.5) * (0.4 + 0.6 * swell(rng, length, 2.8)) for _ in range(2)])


def rain(rng: np.random.Generator, length: int) -> Stereo:
    found = np.stack([noise(rng, length, 900, 9_500, tilt=-0.35) for _ in range(2)])
    found *= 0.8 + 0.2 * swell(rng, length, 1.9)
    drops = [ring(frequency, 0.004 + 0.004 * rng.random(), samples(0.03)) for frequency in rng.uniform(900, 3_600, 12)]
    _scatter(rng, found, drops, per_second=46, loudest=2.6)
    return found


def storm(rng: np.random.Generator, length: int) -> Stereo:
    found = rain(rng, length) * 0.8 + wind(rng, length) * 0.5
    thunder = noise(rng, min(length, samples(4.5)), 28, 130, tilt=-0.6)
    t = np.arange(len(thunder), dtype=np.float32) / RATE
    thunder *= np.minimum(t / 0.12, 1) * np.exp(-t / 1.3) * (0.55 + 0.45 * swell(rng, len(thunder), 0.35)) * 3.2
    start = int(rng.uniform(0.05, 0.3) * length)
    _lay(found, thunder, start, 0.5 + 0.3 * (rng.random() - 0.5))
    return found


def waves(rng: np.random.Generator, length: int) -> Stereo:
    """Each wave swells, breaks, and runs out hissing."""
    found = np.stack([noise(rng, length, 60, 380, tilt=-0.4) * 0.35 for _ in range(2)])
    t = np.arange(length, dtype=np.float32) / RATE
    hiss = [noise(rng, length, 500, 6_500, tilt=-0.45) for _ in range(2)]
    at = -rng.uniform(0.5, 2.0)
    while at < length / RATE:
        after = t - at
        body = np.where(after < 0, 0, np.minimum(after / 1.4, 1) ** 2 * np.exp(-np.maximum(after - 1.4, 0) / 1.25))
        side = rng.uniform(0.35, 0.65)
        found[0] += hiss[0] * body * ((1 - side) * 1.7)
        found[1] += hiss[1] * body * (side * 1.7)
        at += rng.uniform(2.9, 4.6)
    return found


def birds(rng: np.random.Generator, length: int) -> Stereo:
    """Three of them, each with a phrase of its own that it varies."""
    found = np.stack([noise(rng, length, 180, 900, tilt=-0.6) * 0.012 for _ in range(2)])
    for _ in range(3):
        base, pan, far = rng.uniform(2_300, 4_400), rng.uniform(0.12, 0.88), rng.uniform(0.35, 1.0)
        steps = rng.uniform(-0.16, 0.2, int(rng.integers(2, 6)))
        at = rng.uniform(0.1, 1.6)
        while at < length / RATE - 0.8:
            moment = at
            for step in steps:
                chirp = _chirp(base * (1 + step + rng.uniform(-0.02, 0.02)), rng.uniform(0.05, 0.13), rng.uniform(-0.25, 0.3), rng)
                _lay(found, chirp * far, samples(moment), pan)
                moment += rng.uniform(0.09, 0.19)
            at = moment + rng.uniform(0.8, 2.4)
    return found


def crickets(rng: np.random.Generator, length: int) -> Stereo:
    t = np.arange(length, dtype=np.float32) / RATE
    found = np.stack([noise(rng, length, 90, 500, tilt=-0.5) * 0.05 for _ in range(2)])
    for _ in range(3):
        pitch, pulse, every = rng.uniform(3_900, 4_900), rng.uniform(26, 34), rng.uniform(0.42, 0.75)
        pan, far, late = rng.uniform(0.1, 0.9), rng.uniform(0.25, 1.0), rng.uniform(0, 1)
        chirping = np.clip(np.sin(np.pi * np.minimum(((t / every + late) % 1) * 2.1, 1)), 0, 1)
        beat = np.clip(np.sin(2 * np.pi * pulse * t), 0, 1) ** 0.7
        sound = (
            np.sin(2 * np.pi * pitch * t + 0.7 * swell(rng, length, 0.9)) * chirping * beat * (far * (0.6 + 0.4 * swell(rng, length, 1.5)))
        )
        found[0] += sound * (1 - pan)
        found[1] += sound * pan
    return found


def city(rng: np.random.Generator, length: int) -> Stereo:
    """Far traffic: a hum, and cars that pass."""
    found = np.stack([noise(rng, length, 45, 210, tilt=-0.5) * (0.7 + 0.3 * swell(rng, length, 2.5)) for _ in range(2)])
    t = np.arange(length, dtype=np.float32) / RATE
    tyres = noise(rng, length, 300, 1_700, tilt=-0.5)
    at = rng.uniform(-1, 1.5)
    while at < length / RATE + 1:
        passing = np.exp(-(((t - at) / rng.uniform(0.7, 1.2)) ** 2)) * rng.uniform(0.3, 0.7)
        across = 0.5 + 0.38 * np.tanh((t - at) * 1.3) * (1 if rng.random() < 0.5 else -1)
        found[0] += tyres * passing * (1 - across)
        found[1] += tyres * passing * across
        at += rng.uniform(1.8, 3.6)
    return found


def deep(rng: np.random.Generator, length: int) -> Stereo:
    """Under water: everything muffled, and bubbles that rise."""
    found = np.stack([noise(rng, length, 50, 300, tilt=-0.7) * (0.5 + 0.5 * swell(rng, length, 1.9)) for _ in range(2)])
    bubbles = [_chirp(frequency, rng.uniform(0.03, 0.07), 0.55, rng, flutter=0) for frequency in rng.uniform(260, 760, 10)]
    at = rng.uniform(0, 0.7)
    while at < length / RATE - 0.3:
        pan, moment = rng.uniform(0.2, 0.8), at
        for _ in range(int(rng.integers(3, 9))):
            _lay(found, bubbles[int(rng.integers(len(bubbles)))] * rng.uniform(0.3, 1.1), samples(moment), pan)
            moment += rng.uniform(0.03, 0.11)
        at = moment + rng.uniform(0.5, 1.7)
    return found


def fire(rng: np.random.Generator, length: int) -> Stereo:
    found = np.stack([noise(rng, length, 60, 420, tilt=-0.6) * (0.35 + 0.4 * swell(rng, length, 0.5)) for _ in range(2)])
    cracks = []
    for _ in range(10):
        crack = noise(rng, samples(0.03), rng.uniform(700, 2_000), 8_000)
        cracks.append(crack * np.exp(-np.arange(len(crack), dtype=np.float32) / (rng.uniform(0.001, 0.005) * RATE)))
    _scatter(rng, found, cracks, per_second=13, loudest=3.4)
    return found


def simmer(rng: np.random.Generator, length: int) -> Stereo:
    """A pot on a stove."""
    found = np.stack([noise(rng, length, 1_200, 6_000, tilt=-0.3) * (0.10 + 0.08 * swell(rng, length, 0.8)) for _ in range(2)])
    blubs = [_chirp(frequency, rng.uniform(0.02, 0.05), 0.4, rng, flutter=0) for frequency in rng.uniform(170, 420, 10)]
    _scatter(rng, found, blubs, per_second=11, loudest=0.9)
    return found


def people(rng: np.random.Generator, length: int) -> Stereo:
    """A hall: voices too far to be understood."""
    found = np.zeros((2, length), np.float32)
    for low, high in ((160, 320), (320, 640), (500, 1_100)):
        for side in range(2):
            found[side] += noise(rng, length, low, high) * (0.2 + swell(rng, length, 0.17) * swell(rng, length, 0.9))
    return found


def void(rng: np.random.Generator, length: int) -> Stereo:
    """Space, as films have it."""
    return np.stack([noise(rng, length, 34, 120, tilt=-0.6) * (0.6 + 0.4 * swell(rng, length, 2.9)) for _ in range(2)])


def _chirp(frequency: float, seconds: float, bend: float, rng: np.random.Generator, *, flutter: float = 0.05) -> Wave:
    t = np.linspace(0, 1, samples(seconds), dtype=np.float32)
    pitch = frequency * (1 + bend * t + flutter * np.sin(2 * np.pi * (rng.uniform(2, 4) * t + rng.random())))
    return np.asarray(np.sin(2 * np.pi * np.cumsum(pitch, dtype=np.float64) / RATE) * np.sin(np.pi * t**0.7) ** 2, np.float32)


def _scatter(rng: np.random.Generator, into: Stereo, grains: list[Wave], *, per_second: float, loudest: float) -> None:
    """Grains here and there, few of them loud."""
    for at in rng.uniform(0, into.shape[1], round(per_second * into.shape[1] / RATE)):
        grain = grains[int(rng.integers(len(grains)))]
        _lay(into, grain * (loudest * rng.random() ** 3), int(at), rng.uniform(0.15, 0.85))


def _lay(into: Stereo, sound: Wave, start: int, pan: float) -> None:
    """Add a sound at a sample, 0 being left and 1 right."""
    part = sound[: max(0, into.shape[1] - start)]
    into[0, start : start + len(part)] += part * (1 - pan)
    into[1, start : start + len(part)] += part * pan
