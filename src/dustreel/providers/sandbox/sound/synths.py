"""Small synthesisers: struck, plucked and bowed notes, drums and brushes, and noise in any colour. Mono but for pads; about -1 to 1."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RATE = 48_000

type Wave = NDArray[np.float32]
"""(samples,)"""
type Stereo = NDArray[np.float32]
"""(2, samples)"""

# How far a decaying note is followed: e^-6 is 52 dB down.
_DECAYS = 6.0
_BLOCK = 512


def samples(seconds: float) -> int:
    return max(1, round(seconds * RATE))


def hertz(note: float) -> float:
    """Of a MIDI note."""
    return float(440 * 2 ** ((note - 69) / 12))


def ring(frequency: float, decay: float, length: int) -> Wave:
    """A sine that dies away to 1/e in `decay` seconds. As an outer product of two short powers, in a tenth of the time of a sine."""
    step = complex(-1 / (decay * RATE), 2 * math.pi * frequency / RATE)
    rows = -(-length // _BLOCK)
    fine = np.exp(step * np.arange(_BLOCK)).astype(np.complex64)
    coarse = np.exp(step * _BLOCK * np.arange(rows)).astype(np.complex64)
    # Im(coarse × fine); the real part is nobody's.
    wave = np.outer(coarse.real, fine.imag)
    wave += np.outer(coarse.imag, fine.real)
    return np.asarray(wave.ravel()[:length], np.float32)


def rings(partials: Sequence[tuple[float, float, float]], attack: float, hold: float) -> Wave:
    """Partials of (hertz, loudness, decay), damped after `hold` seconds."""
    audible = [partial for partial in partials if partial[0] < RATE * 0.42]
    longest = min(hold + 0.5, _DECAYS * max((decay for _, _, decay in audible), default=0.1))
    wave = np.zeros(samples(longest), np.float32)
    for frequency, loudness, decay in audible:
        part = ring(frequency, decay, min(len(wave), samples(_DECAYS * decay)))
        wave[: len(part)] += loudness * part
    rise = samples(attack)
    wave[:rise] *= _half_cosine(rise)[: len(wave)]
    if longest > hold:
        released = wave[samples(hold) :]
        released *= np.exp(-np.arange(len(released), dtype=np.float32) / (0.11 * RATE))
    tail = min(len(wave), samples(0.02))
    wave[-tail:] *= _half_cosine(tail)[::-1]
    return wave


def piano(frequency: float, loudness: float, hold: float) -> Wave:
    """Hammers with felt before them: few and soft overtones, two strings a little apart."""
    body = 2.6 * (220 / frequency) ** 0.45
    partials = []
    for number in range(1, 8):
        stiff = number * math.sqrt(1 + 0.0004 * number * number)
        strength = math.exp(-(number - 1) * (1.25 - 0.55 * loudness)) * (0.75 if number == 2 else 1.0)
        decay = body / (1 + 0.55 * (number - 1))
        partials.append((frequency * stiff * 1.0003, strength * 0.6, decay * 0.45))
        partials.append((frequency * stiff * 0.9996, strength * 0.4, decay))
    return rings(partials, 0.007, hold) * loudness


def bass(frequency: float, loudness: float, hold: float) -> Wave:
    """A double bass, plucked."""
    partials = [(frequency * k, abs(math.sin(math.pi * k * 0.23)) / k**1.1, 1.1 / (1 + 0.7 * (k - 1))) for k in range(1, 7)]
    return rings(partials, 0.009, hold) * loudness


def pluck(frequency: float, loudness: float, hold: float) -> Wave:
    """A harp or a nylon string."""
    body = 1.3 * (220 / frequency) ** 0.35
    partials = [(frequency * k, abs(math.sin(math.pi * k * 0.19)) / k**1.25, body / (1 + 0.5 * (k - 1))) for k in range(1, 9)]
    return rings(partials, 0.003, hold) * loudness


def bell(frequency: float, loudness: float, hold: float) -> Wave:
    """A music box's tooth."""
    ratios = ((1.0, 1.0, 1.3), (2.0, 0.16, 0.7), (3.98, 0.22, 0.28), (6.2, 0.08, 0.10))
    return rings([(frequency * ratio, strength, decay) for ratio, strength, decay in ratios], 0.002, hold + 1.0) * loudness * 0.7


def kalimba(frequency: float, loudness: float, hold: float) -> Wave:
    ratios = ((1.0, 1.0, 0.75), (2.02, 0.10, 0.4), (5.4, 0.16, 0.07), (8.9, 0.05, 0.04))
    return rings([(frequency * ratio, strength, decay) for ratio, strength, decay in ratios], 0.003, hold + 0.6) * loudness * 0.8


def drum(loudness: float, *, frequency: float = 52.0, decay: float = 0.28) -> Wave:
    """A large skin, struck softly: its pitch falls as it calms."""
    t = np.arange(samples(decay * 5), dtype=np.float32) / RATE
    turns = frequency * (t + 0.9 * 0.045 * (1 - np.exp(-t / 0.045)))
    wave = np.sin(2 * np.pi * turns) * np.exp(-t / decay)
    wave[: samples(0.004)] *= _half_cosine(samples(0.004))
    return np.asarray(wave * loudness, np.float32)


def brush(rng: np.random.Generator, loudness: float, seconds: float) -> Wave:
    """Wire brushes swept over a snare drum."""
    wave = noise(rng, samples(seconds), 1_400, 7_500)
    shape = np.sin(np.linspace(0, np.pi, len(wave), dtype=np.float32) ** 0.8 * np.pi**0.2) ** 2
    return np.asarray(wave * shape * (loudness * 0.35), np.float32)


def tap(rng: np.random.Generator, loudness: float, *, low: float = 900, high: float = 9_000, decay: float = 0.035) -> Wave:
    wave = noise(rng, samples(decay * 6), low, high)
    return np.asarray(wave * np.exp(-np.arange(len(wave), dtype=np.float32) / (decay * RATE)) * (loudness * 0.5), np.float32)


def ride(loudness: float) -> Wave:
    """A cymbal touched with the tip of a stick."""
    partials = [(frequency, 0.16, decay) for frequency, decay in ((3_170, 0.5), (4_420, 0.4), (5_310, 0.35), (6_630, 0.3), (8_250, 0.2))]
    return rings(partials, 0.002, 1.0) * loudness


def pad(rng: np.random.Generator, notes: Sequence[float], length: int, *, bright: float, breadth: float = 22.0) -> Stereo:
    """Many voices at once, as bands of a spectrum with phases by chance (Paul Nasca's PADsynth). `breadth` is in cents."""
    spectrum = np.zeros(length // 2 + 1, np.float32)
    for note in notes:
        base = hertz(note)
        for number in range(1, 11):
            frequency = base * number
            centre, width = frequency * length / RATE, max(1.5, frequency * (2 ** (breadth / 1200) - 1) * length / RATE)
            low, high = int(centre - 3 * width), int(centre + 3 * width) + 1
            if low < 1 or high >= len(spectrum):
                break
            band = np.exp(-(((np.arange(low, high) - centre) / width) ** 2)).astype(np.float32)
            spectrum[low:high] += band * (number ** -(2.7 - 1.6 * bright) / math.sqrt(width))
    return np.stack([_by_chance(rng, spectrum, length) for _ in range(2)])


def noise(rng: np.random.Generator, length: int, low: float, high: float, *, tilt: float = 0.0) -> Wave:
    """Noise between two frequencies with soft ends; `tilt` in powers of frequency, -1 being brown."""
    # What is low needs few samples, and is drawn out.
    few = 4 if high <= RATE / 28 else 1
    room = smooth_length(max(-(-length // few) + 8, 256))
    frequencies = np.arange(room // 2 + 1, dtype=np.float32) * (RATE / few / room)
    frequencies[0] = 1.0
    shape = 1 / (1 + (low / frequencies) ** 4) / (1 + (frequencies / high) ** 4)
    if tilt:
        shape *= (frequencies / low) ** tilt
    shape[0] = 0
    wave = _by_chance(rng, np.asarray(shape, np.float32), room)
    return _drawn_out(wave, few)[:length] if few > 1 else wave[:length]


def swell(rng: np.random.Generator, length: int, every: float) -> Wave:
    """0 to 1 and back by chance, about `every` seconds."""
    points = rng.random(int(length / RATE / every) + 3)
    at = np.arange(length // 64 + 2) * (64 / RATE / every)
    whole = at.astype(np.int64)
    part = at - whole
    part = part * part * (3 - 2 * part)
    coarse = points[whole] + (points[whole + 1] - points[whole]) * part
    return _drawn_out(coarse.astype(np.float32), 64)[:length]


def _drawn_out(wave: Wave, times: int) -> Wave:
    """So many samples for one, on straight lines."""
    steps = np.diff(wave, append=wave[-1:])
    drawn = np.outer(steps, np.arange(times, dtype=np.float32) / times)
    drawn += wave[:, None]
    return np.asarray(drawn.ravel(), np.float32)


def _by_chance(rng: np.random.Generator, spectrum: Wave, length: int) -> Wave:
    """A sound of this spectrum with a root mean square of 1."""
    turned = np.empty(len(spectrum), np.complex64)
    turned.real = rng.standard_normal(len(spectrum), np.float32)
    turned.imag = rng.standard_normal(len(spectrum), np.float32)
    turned *= spectrum
    wave = np.asarray(np.fft.irfft(turned, length), np.float32)
    return wave / max(float(np.sqrt(np.mean(wave * wave))), 1e-9)


@lru_cache(maxsize=32)
def smooth_length(length: int) -> int:
    """The next product of 2, 3 and 5, which transforms fast."""
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1


@lru_cache(maxsize=16)
def _half_cosine(length: int) -> Wave:
    return np.asarray(0.5 - 0.5 * np.cos(np.linspace(0, np.pi, length)), np.float32)
