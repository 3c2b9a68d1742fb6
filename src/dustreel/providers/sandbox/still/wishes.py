"""What a prompt wants of a picture. A director would invent what the words leave open; of a picture, nothing is invented."""

import re
from dataclasses import dataclass, replace

from dustreel.providers.sandbox.director.reading import read
from dustreel.providers.sandbox.director.setting import names_a_place
from dustreel.providers.sandbox.storyboard import Place, Storyboard, Weather

# Beginnings of words.
_WEATHERS: dict[Weather, str] = {
    Weather.STORM: "storm thunder lightning",
    Weather.RAIN: "rain drizzl downpour",
    Weather.SNOW: "snow blizzard",
    Weather.FOG: "fog mist haze smok",
    Weather.FIRE: "fire\\b fireplace firelight flame burn ember sparks",
    Weather.STARS: "stars starr starl twinkl glitter glow magic shimmer sparkl firefl",
    Weather.WIND: "wind breez gust blow",
}
_LOOSE = "wind breez gust blow grass leav leaf tree flower meadow flag hair"
_WATERY = "water sea ocean wave river lake pond stream ripple flow"
_SWAYS = "danc sway swing groov move play sing laugh talk wave nod shake"
_JUMPS = "jump hop bounc run gallop skip leap"
_SLOW = "slow gentl subtl calm soft quiet tender"
_FAST = "fast quick dramatic wild energ rapid dynamic"


@dataclass(frozen=True, slots=True)
class Wishes:
    sways: bool
    """The subject dances, or does what looks like it."""
    jumps: bool
    windy: bool
    watery: bool
    pace: float
    """How far and fast things move; 1 is as usual."""


def wishes_of(prompt: str) -> Wishes:
    slow, fast = _says(prompt, _SLOW), _says(prompt, _FAST)
    return Wishes(
        sways=_says(prompt, _SWAYS),
        jumps=_says(prompt, _JUMPS),
        windy=_says(prompt, _LOOSE) or _says(prompt, _WEATHERS[Weather.STORM]),
        watery=_says(prompt, _WATERY),
        pace=1.0 + 0.35 * fast - 0.4 * slow,
    )


def retold(storyboard: Storyboard, prompt: str) -> Storyboard:
    """A storyboard with no more weather, place and people than the prompt of a picture asks for."""
    weather = tuple(weather for weather, words in _WEATHERS.items() if _says(prompt, words))[:2]
    place = storyboard.place if names_a_place(read(prompt)) else Place.NOWHERE
    return replace(storyboard, weather=weather or (Weather.CLEAR,), place=place, roles=())


def _says(prompt: str, words: str) -> bool:
    return re.search(rf"\b(?:{'|'.join(words.split())})", prompt.lower()) is not None
