"""Which sounds a storyboard has, and how loud each is: a place's air, and music by its mood, tempo and seed."""

import numpy as np

from dustreel.providers.sandbox.sound import music, places
from dustreel.providers.sandbox.sound.mix import Mix, master
from dustreel.providers.sandbox.sound.places import Ambience
from dustreel.providers.sandbox.sound.synths import Stereo
from dustreel.providers.sandbox.storyboard import Hour, Mood, Place, Season, Storyboard, Weather

# Of all chance in this room; each layer adds its own number, so that none shifts another.
_SEED = 0x50D
_INDOORS = (Place.CLUB, Place.STAGE, Place.ROOM, Place.KITCHEN)
_GREEN = (Place.FIELD, Place.FOREST, Place.MOUNTAINS)
# What walls take from the weather, in decibels.
_WALLS = 9.0

# Decibels of a layer's root mean square; music is about -24.
_WEATHERS: dict[Weather, tuple[Ambience, float]] = {
    Weather.RAIN: (places.rain, -30),
    Weather.STORM: (places.storm, -27),
    Weather.WIND: (places.wind, -28),
    Weather.SNOW: (places.hush, -33),
    Weather.FOG: (places.hush, -36),
    Weather.FIRE: (places.fire, -31),
}
_PLACES: dict[Place, tuple[Ambience, float]] = {
    Place.CLUB: (places.people, -39),
    Place.STAGE: (places.people, -46),
    Place.KITCHEN: (places.simmer, -37),
    Place.CITY: (places.city, -31),
    Place.STREET: (places.city, -33),
    Place.DESERT: (places.wind, -34),
    Place.BEACH: (places.waves, -29),
    Place.SEA: (places.waves, -30),
    Place.UNDERWATER: (places.deep, -29),
    Place.SKY: (places.wind, -33),
    Place.SPACE: (places.void, -29),
}
# How long a place answers, in seconds.
_ROOMS: dict[Place, float] = {
    Place.CLUB: 0.9,
    Place.KITCHEN: 0.7,
    Place.ROOM: 0.9,
    Place.SPACE: 3.2,
    Place.UNDERWATER: 2.8,
    Place.STAGE: 2.4,
}
_LUFS: dict[Mood, float] = {
    Mood.CALM: -21,
    Mood.JOYFUL: -18,
    Mood.TENDER: -21,
    Mood.MELANCHOLY: -20,
    Mood.TENSE: -19,
    Mood.EPIC: -17,
}


def score(storyboard: Storyboard, seconds: float) -> Stereo:
    """(2, samples) at 48 kHz, as long as the video to the sample. The same storyboard always sounds the same."""
    mix = Mix(seconds)
    music.play(storyboard, seconds, mix, _chance(storyboard, 0))
    track = mix.played(_chance(storyboard, 1), _ROOMS.get(storyboard.place, 1.7))
    power = float(np.mean(track * track))
    track *= np.float32(10 ** (-24 / 20) / np.sqrt(max(power, 1e-9)))
    for number, (ambience, decibels) in enumerate(_air(storyboard)):
        mix.add(ambience(_chance(storyboard, 2 + number), mix.length), decibels)
    return master(track, _LUFS[storyboard.mood])


def _chance(storyboard: Storyboard, layer: int) -> np.random.Generator:
    return np.random.default_rng((storyboard.seed, _SEED, layer))


def _air(storyboard: Storyboard) -> list[tuple[Ambience, float]]:
    found = []
    outside = storyboard.place not in (Place.UNDERWATER, Place.SPACE)
    for rank, weather in enumerate(storyboard.weather):
        if outside and weather in _WEATHERS:
            ambience, decibels = _WEATHERS[weather]
            walls = _WALLS if storyboard.place in _INDOORS and weather is not Weather.FIRE else 0.0
            found.append((ambience, decibels - walls - 4 * rank))
    if storyboard.place in _PLACES:
        found.append(_PLACES[storyboard.place])
    elif storyboard.place in _GREEN and not {Weather.RAIN, Weather.STORM, Weather.SNOW} & set(storyboard.weather):
        if storyboard.hour is Hour.NIGHT or (storyboard.hour is Hour.DUSK and storyboard.season is not Season.SPRING):
            if storyboard.season is not Season.WINTER:
                found.append((places.crickets, -40.0))
        else:
            found.append((places.birds, -37.0))
    return found
