"""Layers made one track: panned, given a room, brought to a loudness, faded at both ends, never clipped."""

from functools import lru_cache

import numpy as np

from dustreel.providers.sandbox.sound.synths import RATE, Stereo, Wave, noise, samples, smooth_length

# The highest that a sample gets; AAC adds up to one decibel of its own.
CEILING = 0.75
FADE_IN_SECONDS, FADE_OUT_SECONDS = 0.3, 0.8


class Mix:
    def __init__(self, seconds: float) -> None:
        self.length = samples(seconds)
        self._dry = np.zeros((2, self.length), np.float32)
        self._wet = np.zeros(self.length, np.float32)

    def note(self, sound: Wave, at: float, *, pan: float = 0.5, loudness: float = 1.0, room: float = 0.5) -> None:
        """A sound at a second. `pan` 0 is left; `room` is how much of it the room answers."""
        start = round(at * RATE)
        part = sound[: max(0, self.length - start)] * loudness
        left, right = np.cos(pan * np.pi / 2) * 1.2, np.sin(pan * np.pi / 2) * 1.2
        self._dry[0, start : start + len(part)] += part * left
        self._dry[1, start : start + len(part)] += part * right
        if room:
            self._wet[start : start + len(part)] += part * room

    def chord(self, sound: Stereo, at: float, *, attack: float, release: float, loudness: float) -> None:
        """A pad that comes and goes."""
        start = max(0, round(at * RATE))
        part = sound[:, : max(0, self.length - start)] * loudness
        fade(part, attack, release)
        self._dry[:, start : start + part.shape[1]] += part

    def add(self, other: Stereo, decibels: float) -> None:
        """A whole track, brought to this root mean square."""
        power = float(np.mean(other * other))
        if power > 0:
            self._dry += other * np.float32(10 ** (decibels / 20) / np.sqrt(power))

    def played(self, rng: np.random.Generator, room_seconds: float) -> Stereo:
        """All that was added, in a room that answers for so long."""
        if not self._wet.any():
            return self._dry
        answer = samples(room_seconds)
        size = smooth_length(self.length + answer)
        spectrum = np.fft.rfft(self._wet, size)
        decay = np.exp(-np.arange(answer, dtype=np.float32) * (6.0 / answer))
        for side in range(2):
            echo = np.fft.rfft(noise(rng, answer, 120, 4_200, tilt=-0.3) * decay, size)
            self._dry[side] += np.fft.irfft(spectrum * echo, size)[: self.length] * np.float32(0.011)
        return self._dry


def master(track: Stereo, lufs: float) -> Stereo:
    """In place."""
    track *= np.float32(10 ** ((lufs - loudness_of(track)) / 20))
    # What is above the ceiling bends instead of breaking; soft sounds hardly change.
    np.tanh(track * np.float32(1 / CEILING), out=track)
    track *= np.float32(CEILING)
    fade(track, FADE_IN_SECONDS, FADE_OUT_SECONDS)
    return track


def fade(sound: Stereo, attack: float, release: float) -> None:
    rise, fall = min(samples(attack), sound.shape[1]), min(samples(release), sound.shape[1])
    sound[:, :rise] *= np.sin(np.linspace(0, np.pi / 2, rise, dtype=np.float32)) ** 2
    sound[:, -fall:] *= np.cos(np.linspace(0, np.pi / 2, fall, dtype=np.float32)) ** 2


def loudness_of(track: Stereo) -> float:
    """In LUFS, as ITU-R BS.1770 measures without its gate: these tracks have no silence to leave out."""
    length = track.shape[1]
    size = smooth_length(length)
    spectrum = np.fft.rfft(track, size, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2) @ _heard(size)
    return float(-0.691 + 10 * np.log10(max(float(power.sum()) * 2 / (size * length), 1e-12)))


@lru_cache(maxsize=4)
def _heard(size: int) -> Wave:
    """How much of each frequency's power an ear takes: the K weighting of BS.1770-5, annex 1, at 48 kHz."""
    back = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    shelf = (1.53512485958697 - 2.69169618940638 * back + 1.19839281085285 * back**2) / (
        1 - 1.69065929318241 * back + 0.73248077421585 * back**2
    )
    low_cut = (1 - 2 * back + back**2) / (1 - 1.99004745483398 * back + 0.99007225036621 * back**2)
    return np.asarray(np.abs(shelf * low_cut) ** 2, np.float32)
