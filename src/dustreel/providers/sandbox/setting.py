"""What a prompt says of a place, an hour, the weather and who is there."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Hour(StrEnum):
    SUNRISE = "sunrise"
    DAWN = "dawn"
    DAY = "day"
    SUNSET = "sunset"
    NIGHT = "night"
    STORM = "storm"
    SPACE = "space"


@dataclass(frozen=True, slots=True)
class Setting:
    hour: Hour | None
    """None where the prompt doesn't say."""
    water: bool
    snow: bool
    rain: bool
    forest: bool
    desert: bool
    mountains: bool
    subjects: tuple[str, ...]
    """Names in `land_figures.FIGURES`, at most two."""

    @property
    def is_somewhere(self) -> bool:
        """Whether anything at all was recognised."""
        places = (self.water, self.snow, self.rain, self.forest, self.desert, self.mountains)
        return self.hour is not None or any(places) or bool(self.subjects)


_HOURS = {
    Hour.SPACE: "space galaxy planet planets nebula cosmos orbit stars astronaut",
    Hour.STORM: "storm stormy rain rainy thunder lightning",
    Hour.NIGHT: "night midnight moon moonlit moonlight starry dark",
    Hour.SUNSET: "sunset dusk evening golden twilight",
    Hour.SUNRISE: "sunrise morning",
    Hour.DAWN: "dawn",
    Hour.DAY: "day noon midday sunny daylight",
}
_PLACES = {
    "water": "sea ocean lake river boat sailboat ship beach wave waves harbour harbor whale dolphin pond island coast bay sailing",
    "snow": "snow snowy winter arctic ice icy blizzard glacier",
    "rain": "rain rainy storm stormy",
    "forest": "forest woods wood tree trees jungle pine pines",
    "desert": "desert dune dunes sand sahara camel",
    "mountains": "mountain mountains hill hills alps peak peaks valley meadow field",
}
_SUBJECTS = {
    "boat": "boat sailboat ship yacht",
    "fox": "fox",
    "wolf": "wolf",
    "cat": "cat kitten kitty",
    "dog": "dog puppy hound",
    "horse": "horse pony stallion unicorn",
    "whale": "whale dolphin orca",
    "bird": "bird eagle gull seagull hawk owl dove swan crane",
    "balloon": "balloon",
    "rocket": "rocket spaceship spacecraft shuttle",
    "person": "person man woman girl boy child hiker traveller traveler astronaut people dancer runner knight monk",
    "car": "car automobile taxi truck bus van",
}


def read_setting(prompt: str) -> Setting:
    words = words_of(prompt)
    known = set(words)
    subjects: list[str] = []
    for word in words:
        for name, synonyms in _SUBJECTS.items():
            if word in synonyms.split() and name not in subjects:
                subjects.append(name)
    places = {place: not known.isdisjoint(synonyms.split()) for place, synonyms in _PLACES.items()}
    hour = next((hour for hour, synonyms in _HOURS.items() if not known.isdisjoint(synonyms.split())), None)
    return Setting(hour=hour, subjects=tuple(subjects[:2]), **places)


def words_of(prompt: str) -> list[str]:
    """Words in lower case; a plural comes with its singular."""
    found = []
    for word in re.findall(r"[a-z]+", prompt.lower()):
        found.append(word)
        if word.endswith("es") and len(word) > 4:
            found.append(word[:-2])
        if word.endswith("ves"):
            found.append(word[:-3] + "f")
        if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
            found.append(word[:-1])
    return found
