"""The music: a chord now and then, notes over it, and a beat where the mood has one; a trio for a club."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dustreel.providers.sandbox.sound import synths
from dustreel.providers.sandbox.sound.mix import Mix
from dustreel.providers.sandbox.sound.synths import Wave, hertz, pad, samples, smooth_length
from dustreel.providers.sandbox.storyboard import Mood, Place, Season, Storyboard, Style, Weather

type Instrument = Callable[[float, float, float], Wave]
"""Hertz, loudness, and how long the note is held."""

_QUALITIES = {
    "maj9": (0, 4, 7, 11, 14),
    "add9": (0, 4, 7, 14),
    "six": (0, 4, 7, 9, 14),
    "dom": (0, 4, 10, 14, 21),
    "sus": (0, 5, 7, 14),
    "min9": (0, 3, 7, 10, 14),
    "min6": (0, 3, 7, 9, 14),
    "min": (0, 3, 7, 12),
    "flat": (0, 4, 7, 11),
}
# Two to a mood, one of which the seed takes: (semitones above the key, quality).
_PROGRESSIONS: dict[Mood, tuple[tuple[tuple[int, str], ...], ...]] = {
    Mood.CALM: (((0, "maj9"), (5, "maj9"), (9, "min9"), (7, "sus")), ((0, "add9"), (9, "min9"), (5, "maj9"), (5, "six"))),
    Mood.JOYFUL: (((0, "add9"), (7, "add9"), (9, "min9"), (5, "add9")), ((0, "six"), (5, "maj9"), (7, "sus"), (7, "add9"))),
    Mood.TENDER: (((0, "maj9"), (4, "min9"), (5, "maj9"), (5, "min6")), ((0, "add9"), (7, "sus"), (5, "maj9"), (2, "min9"))),
    Mood.MELANCHOLY: (((0, "min9"), (8, "maj9"), (5, "min9"), (7, "sus")), ((0, "min9"), (5, "min6"), (8, "maj9"), (3, "maj9"))),
    Mood.TENSE: (((0, "min6"), (1, "flat"), (0, "min9"), (6, "flat")), ((0, "min9"), (8, "min6"), (1, "flat"), (7, "sus"))),
    Mood.EPIC: (((0, "min"), (8, "add9"), (3, "add9"), (10, "add9")), ((0, "min9"), (3, "add9"), (10, "sus"), (5, "add9"))),
}
_JAZZ = {
    True: ((2, "min9"), (7, "dom"), (0, "maj9"), (9, "dom")),
    False: ((0, "min6"), (5, "min9"), (8, "dom"), (7, "dom")),
}
# The keys that lie well: from F to C.
_LOWEST_KEY, _KEYS = 53, 8
_SOFT = (Mood.CALM, Mood.TENDER, Mood.MELANCHOLY)


@dataclass(frozen=True, slots=True)
class _Chord:
    at: float
    seconds: float
    root: int
    """As a MIDI note below middle C."""
    notes: tuple[int, ...]
    """About middle C."""


def play(storyboard: Storyboard, seconds: float, mix: Mix, rng: np.random.Generator) -> None:
    tempo = min(max(storyboard.tempo, 48.0), 152.0)
    key = _LOWEST_KEY + storyboard.seed % _KEYS
    jazz = storyboard.place is Place.CLUB or storyboard.style is Style.NOIR
    if jazz:
        bright = storyboard.mood not in (Mood.MELANCHOLY, Mood.TENSE) and storyboard.style is not Style.NOIR
        chords = _chords(_JAZZ[bright], key, tempo, seconds)
        _trio(chords, tempo, mix, rng)
    else:
        progressions = _PROGRESSIONS[storyboard.mood]
        chords = _chords(progressions[(storyboard.seed >> 4) % len(progressions)], key, tempo, seconds)
        _pads(storyboard, chords, mix, rng)
        _notes(storyboard, chords, tempo, mix, rng)
        _beat(storyboard, tempo, seconds, mix, rng)
    _soloist(storyboard, chords, tempo, mix, rng)


def _chords(progression: Sequence[tuple[int, str]], key: int, tempo: float, seconds: float) -> list[_Chord]:
    """One to two or four beats, whichever is nearer to two seconds; the last is home."""
    beats = 4 if tempo > 88 else 2
    each = beats * 60 / tempo
    starts = [0.0]
    while starts[-1] + each < seconds - 0.6 * each:
        starts.append(starts[-1] + each)
    found = []
    for number, (start, end) in enumerate(pairwise([*starts, seconds])):
        last = number == len(starts) - 1 and number > 0
        above, quality = progression[0 if last and progression[0][0] == 0 else number % len(progression)]
        root = key + above - 12 * (key + above > 59)
        found.append(_Chord(start, end - start, root - 12, tuple(_near(root + step, 60) for step in _QUALITIES[quality])))
    return found


def _near(note: int, middle: int) -> int:
    """The same note in the octave about another."""
    return note - 12 * round((note - middle) / 12)


def _pads(storyboard: Storyboard, chords: Sequence[_Chord], mix: Mix, rng: np.random.Generator) -> None:
    wide = storyboard.place in (Place.SPACE, Place.UNDERWATER, Place.SKY, Place.NOWHERE)
    bright = {Place.UNDERWATER: 0.0, Place.SPACE: 0.45, Place.NOWHERE: 0.2 + 0.4 * ((storyboard.seed >> 7) % 8) / 7}.get(
        storyboard.place, 0.18
    )
    if storyboard.mood is Mood.EPIC:
        bright += 0.25
    overlap = 0.9
    for chord in chords:
        length = smooth_length(samples(chord.seconds + 2 * overlap))
        notes = [chord.root, *chord.notes] if storyboard.mood is not Mood.EPIC else [chord.root - 12, chord.root, *chord.notes]
        sound = pad(rng, notes, length, bright=bright, breadth=38 if wide else 20)
        start = chord.at - overlap
        # The first has begun before the film has.
        sound = sound[:, samples(-start) :] if start < 0 else sound
        mix.chord(sound, max(start, 0), attack=0.25 if start < 0 else 2 * overlap, release=2 * overlap, loudness=0.16 if wide else 0.10)


def _notes(storyboard: Storyboard, chords: Sequence[_Chord], tempo: float, mix: Mix, rng: np.random.Generator) -> None:
    """A pattern of chord notes that the seed makes, with gaps: never the same bar twice."""
    instrument, octave = _lead(storyboard)
    soft = storyboard.mood in _SOFT
    step = 60 / tempo if soft and tempo > 76 else 30 / tempo
    likely = {Mood.CALM: 0.55, Mood.TENDER: 0.6, Mood.MELANCHOLY: 0.5, Mood.TENSE: 0.45}.get(storyboard.mood, 0.8)
    pattern = rng.permutation(8)
    kept: dict[tuple[int, float], Wave] = {}
    number = 0
    for chord in chords:
        ladder = sorted({note + 12 * up for note in chord.notes for up in (octave, octave + 1)})
        at = chord.at
        while at < chord.at + chord.seconds - 0.05:
            strong = abs((at - chord.at) / step) < 0.5
            if strong or rng.random() < likely:
                note = ladder[int(pattern[number % 8] + rng.integers(0, 2)) % len(ladder)]
                loudness = (0.85 if strong else 0.45 + 0.25 * rng.random()) // 0.15 * 0.15
                if (note, loudness) not in kept:
                    kept[note, loudness] = instrument(hertz(note), loudness, min(1.9, 4 * step))
                late = rng.uniform(0, 0.018)
                mix.note(kept[note, loudness], at + late, pan=0.5 + 0.25 * np.sin(note * 1.7), loudness=0.42, room=0.6)
            number += 1
            at += step


def _lead(storyboard: Storyboard) -> tuple[Instrument, int]:
    """The instrument, and its octave from the middle."""
    if storyboard.style is Style.PIXEL:
        return _chip, 0
    if Weather.SNOW in storyboard.weather or (storyboard.season is Season.WINTER and storyboard.place is not Place.ROOM):
        return synths.bell, 1
    match storyboard.place:
        case Place.KITCHEN | Place.SKY:
            return synths.kalimba, 0
        case Place.FIELD | Place.FOREST | Place.MOUNTAINS | Place.DESERT:
            return synths.pluck, 0
        case Place.UNDERWATER | Place.SPACE:
            return synths.bell, 0
        case Place.NOWHERE:
            return (synths.piano, synths.kalimba, synths.bell, synths.pluck)[(storyboard.seed >> 9) % 4], 0
    return synths.piano, 0


def _chip(frequency: float, loudness: float, hold: float) -> Wave:
    """A square wave's first partials, as an old console had."""
    return synths.rings([(frequency * k, 0.6 / k, 0.35) for k in (1, 3, 5, 7, 9)], 0.002, min(hold, 0.25)) * loudness


def _beat(storyboard: Storyboard, tempo: float, seconds: float, mix: Mix, rng: np.random.Generator) -> None:
    beat = 60 / tempo
    drummed = any(role.prop == "drum" for role in storyboard.roles)
    for number in range(int(seconds / beat)):
        at = number * beat
        if drummed or storyboard.mood is Mood.EPIC:
            if number % 2 == 0:
                mix.note(synths.drum(0.9), at, loudness=0.55, room=0.5)
            if drummed and rng.random() < 0.75:
                mix.note(synths.tap(rng, 0.7, low=240, high=2_200, decay=0.06), at + beat / 2, pan=0.6, loudness=0.4)
        elif storyboard.mood is Mood.TENSE:
            mix.note(synths.drum(0.7, frequency=44), at, loudness=0.45, room=0.3)
            mix.note(synths.drum(0.4, frequency=44), at + 0.22, loudness=0.45, room=0.3)
        elif storyboard.mood is Mood.JOYFUL:
            if number % 2:
                mix.note(synths.tap(rng, 0.5, low=1_500), at, pan=0.58, loudness=0.4)
            mix.note(synths.tap(rng, 0.25, low=4_000, high=11_000, decay=0.015), at + beat / 2, pan=0.35, loudness=0.4, room=0.2)


def _trio(chords: Sequence[_Chord], tempo: float, mix: Mix, rng: np.random.Generator) -> None:
    """Piano, a walking bass, and brushes; the second eighth of each beat comes late."""
    beat = 60 / tempo
    swept = [synths.brush(rng, 0.9, beat * 0.95) for _ in range(3)]
    cymbal, kept = synths.ride(0.5), {}
    number = 0
    for chord, following in zip(chords, [*chords[1:], chords[0]], strict=True):
        beats = max(1, round(chord.seconds / beat))
        walk = [chord.root, *(_near(note, chord.root + 5) for note in rng.permutation(chord.notes))][:beats]
        if beats > 1:
            walk[-1] = following.root + int(rng.choice((-1, 1)))
        for step in range(beats):
            at = chord.at + step * beat
            low = walk[step % len(walk)]
            mix.note(synths.bass(hertz(_near(low, 42)), 0.9, beat * 0.85), at + 0.01, pan=0.46, loudness=0.62, room=0.12)
            mix.note(swept[number % 3], at, pan=0.62, loudness=0.26 if number % 2 else 0.15, room=0.2)
            mix.note(cymbal, at, pan=0.7, loudness=0.11, room=0.3)
            if number % 2:
                mix.note(cymbal, at + beat * 0.67, pan=0.7, loudness=0.07, room=0.3)
                mix.note(synths.tap(rng, 0.5, decay=0.02), at, pan=0.6, loudness=0.25, room=0.2)
            number += 1
        for at, notes, loudness in _comping(chord, beat, rng):
            for note in notes:
                if (note, loudness) not in kept:
                    kept[note, loudness] = synths.piano(hertz(note), loudness, 1.3)
                mix.note(kept[note, loudness], at + rng.uniform(0, 0.012), pan=0.3 + (note - 48) / 80, loudness=0.34, room=0.35)


def _comping(chord: _Chord, beat: float, rng: np.random.Generator) -> list[tuple[float, tuple[int, ...], float]]:
    """What the pianist's hands do over a chord: one or two stabs, and a line above."""
    found: list[tuple[float, tuple[int, ...], float]] = [(chord.at + float(rng.choice((0.0, 0.67))) * beat, chord.notes[1:4], 0.45)]
    ladder = sorted(_near(note, 75) for note in chord.notes)
    rung = int(rng.integers(len(ladder)))
    at = chord.at + beat * float(rng.choice((0.0, 0.67, 1.0)))
    while at < chord.at + chord.seconds - 0.1:
        found.append((at, (ladder[rung],), float(rng.choice((0.6, 0.75)))))
        rung = min(max(rung + int(rng.choice((-2, -1, 1, 1, 2))), 0), len(ladder) - 1)
        # From a beat to its late half, or on.
        part = round((at - chord.at) / beat % 1, 2)
        at += beat * ((0.67 if rng.random() < 0.6 else 1.0) if part < 0.5 else (0.33 if rng.random() < 0.7 else 1.33))
    return found


def _soloist(storyboard: Storyboard, chords: Sequence[_Chord], tempo: float, mix: Mix, rng: np.random.Generator) -> None:
    """A line for who plays a violin, a saxophone or a guitar in the picture."""
    props = {role.prop for role in storyboard.roles}
    beat = 60 / tempo
    for chord in chords:
        ladder = sorted(_near(note, 70) for note in chord.notes)
        if props & {"violin", "saxophone"}:
            reed = "saxophone" in props
            for half in range(2):
                seconds = chord.seconds / 2
                note = ladder[int(rng.integers(len(ladder)))] - 12 * reed
                length = smooth_length(samples(seconds + 0.35))
                line = pad(rng, [note], length, bright=0.72 if reed else 0.6, breadth=7)
                mix.chord(line, chord.at + half * seconds, attack=0.09 if reed else 0.2, release=0.35, loudness=0.085)
        elif "guitar" in props:
            for number in range(max(1, round(chord.seconds / beat * 2))):
                note = ladder[number * 2 % len(ladder)] - 12
                mix.note(synths.pluck(hertz(note), 0.7, beat), chord.at + number * beat / 2, pan=0.42, loudness=0.4, room=0.4)
