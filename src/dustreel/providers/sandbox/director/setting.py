"""Where, when, in which weather, mood and style: what the prompt says, then what it hints at, then what goes with the rest."""

import colorsys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from dustreel.providers.sandbox.director.casting import Cast
from dustreel.providers.sandbox.director.dice import Dice
from dustreel.providers.sandbox.director.lexicon import Says, load
from dustreel.providers.sandbox.director.reading import Find, Reading
from dustreel.providers.sandbox.storyboard import Action, Hour, Mood, Place, Season, Style, Weather

MOST_COLOURS = 3
SLOWEST, QUICKEST = 48.0, 160.0

# The strongest first: of more than two these are seen.
_STRENGTH = (
    Weather.STORM, Weather.SNOW, Weather.RAIN, Weather.FIRE, Weather.FOG, Weather.WIND, Weather.STARS, Weather.CLOUDS, Weather.CLEAR,
)  # fmt: skip
_FAR = frozenset({"distance", "background", "horizon", "afar"})
_DISTANT = frozenset({"distant", "faraway", "remote"})
_WET = frozenset({Weather.RAIN, Weather.STORM, Weather.SNOW, Weather.WIND, Weather.FOG})
_WITHIN = frozenset({"in", "through", "into", "under", "against"})
_OWN_PLACES = frozenset({Place.SPACE, Place.UNDERWATER, Place.SEA, Place.SKY})
_STARS_AT_NIGHT = 0.65
# How much of the tempo of an abstract piece comes from the words' length.
_RHYTHM_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Setting:
    place: Place
    hour: Hour
    weather: tuple[Weather, ...]
    season: Season
    mood: Mood
    style: Style
    palette: tuple[str, ...]
    tempo: float


class Wishes:
    """What a prompt says and hints at of each kind, in its order, and what it says there is none of."""

    def __init__(self, reading: Reading) -> None:
        self._stated = [find.meaning.says for find in reading.finds if not find.denied]
        self._hinted = [find.meaning.hints for find in reading.finds if not find.denied]
        self._denied = [find.meaning.says for find in reading.finds if find.denied]

    def said[T](self, what: Callable[[Says], T | None]) -> list[T]:
        return self._of(self._stated, what)

    def hinted[T](self, what: Callable[[Says], T | None]) -> list[T]:
        ruled_out = self._of(self._denied, what)
        return [one for one in self._of(self._hinted, what) if one not in ruled_out]

    def denied[T](self, what: Callable[[Says], T | None]) -> list[T]:
        return self._of(self._denied, what)

    @staticmethod
    def _of[T](some: Iterable[Says], what: Callable[[Says], T | None]) -> list[T]:
        return [one for says in some if (one := what(says))]


def set_in(reading: Reading, cast: Cast, dice: Dice) -> Setting:
    wishes = Wishes(reading)
    place = _place(reading, wishes, cast, dice)
    style = next(iter(wishes.said(_style) + wishes.hinted(_style)), Style.FILM)
    mood = next(iter(wishes.said(_mood) + wishes.hinted(_mood)), None)
    season = next(iter(wishes.said(_season) + wishes.hinted(_season)), None)
    weather = _named_weather(wishes)
    hour = next(iter(wishes.said(_hour)), None) or (Hour.NIGHT if place is Place.SPACE else next(iter(wishes.hinted(_hour)), None))
    hour = hour or _choose(dice, "hours", Hour, place, wishes.denied(_hour), (style, mood, season, *weather))
    weather = weather or _chosen_weather(dice, wishes, place, hour, (style, mood, season))
    acts = [role.action for role in cast.roles[:1]]
    mood = mood or _choose(dice, "moods", Mood, place, wishes.denied(_mood), (style, *weather, *acts))
    season = season or _chosen_season(dice, wishes, weather)
    palette = _palette(reading, wishes, cast, place, dice)
    return Setting(place, hour, weather, season, mood, style, palette, _tempo(reading, wishes, cast, place, mood, dice))


def _hour(says: Says) -> Hour | None:
    return says.hour


def _season(says: Says) -> Season | None:
    return says.season


def _mood(says: Says) -> Mood | None:
    return says.mood


def _style(says: Says) -> Style | None:
    return says.style


def names_a_place(reading: Reading) -> bool:
    return any(find.meaning.says.place is not None and not find.denied for find in reading.finds)


def _place(reading: Reading, wishes: Wishes, cast: Cast, dice: Dice) -> Place:
    ranks: Mapping[str, Mapping[str, int]] = load("defaults")["place"]
    named = [(find.meaning.says.place, _is_far(reading, find)) for find in reading.finds if not find.denied]
    near = sorted((place for place, far in named if place is not None and not far), key=lambda place: -ranks[place]["rank"])
    far = [place for place, is_far in named if place is not None and is_far]
    hinted = wishes.hinted(lambda says: says.place)
    choices = [*near, *hinted, *(() if not cast.asked else _places_of(cast)), *far, *_places_of(cast)]
    denied = wishes.denied(lambda says: says.place)
    place = next((place for place in choices if place not in denied), None)
    if place is not None and place not in [*near, *hinted] and _in_the_open(reading) and _is_indoors(place):
        place = next((home for home in _places_of(cast)[1:] if not _is_indoors(home)), None)
    if place is None:
        says_when = any((wishes.said(_hour), wishes.said(_season), _named_weather(wishes), cast.roles))
        weights = {Place(name): weight for name, weight in load("defaults")["anywhere"].items() if Place(name) not in denied}
        return dice.pick("place", weights) if says_when or denied else Place.NOWHERE
    return _wet(place, cast, Place.SEA in hinted)


def _is_indoors(place: Place) -> bool:
    return bool(load("defaults")["place"][place].get("indoors", False))


def _in_the_open(reading: Reading) -> bool:
    """Whether somebody is said to be in the rain, not only that it rains."""
    return any(
        not _WET.isdisjoint(find.meaning.says.weather)
        and not _WITHIN.isdisjoint(token.text for token in reading.tokens[max(find.start - 3, 0) : find.start])
        for find in reading.finds
        if not find.denied
    )


def _is_far(reading: Reading, find: Find) -> bool:
    """Mountains in the distance aren't where it plays."""
    following = {token.text for token in reading.tokens[find.end : find.end + 4]}
    before = {token.text for token in reading.tokens[max(find.start - 1, 0) : find.start]}
    return not _FAR.isdisjoint(following) or not _DISTANT.isdisjoint(before)


def _places_of(cast: Cast) -> list[Place]:
    """Where those are at home who act, or what they hold."""
    if not cast.roles:
        return []
    role, sheet = cast.roles[0], cast.sheets[0]
    places = [sheet.place]
    if role.action is Action.COOK and sheet.place not in _OWN_PLACES:
        places.insert(0, Place.KITCHEN)
    held = next((prop for prop in cast.props if prop.name == role.prop), None)
    if held is not None and sheet.place not in _OWN_PLACES:
        places.insert(0, held.place)
    if role.action is Action.SWIM and "water" not in sheet.tags:
        places.insert(0, Place.SEA)
    return places + [sheet.place for sheet in cast.sheets[1:]]


def _wet(place: Place, cast: Cast, by_water: bool) -> Place:
    """A boat on a mountain lake is on water, and fish in the sea are in it."""
    if not cast.roles or "water" not in cast.sheets[0].tags:
        return place
    if place is Place.SEA and cast.sheets[0].place is Place.UNDERWATER and cast.roles[0].action is Action.SWIM:
        return Place.UNDERWATER
    return Place.SEA if by_water and place not in (Place.BEACH, Place.UNDERWATER) else place


def _choose[T: StrEnum](dice: Dice, what: str, kind: type[T], place: Place, denied: list[T], leaning: Iterable[StrEnum | None]) -> T:
    """By the place's weights, as style, mood, season, weather and action lean on them."""
    defaults = load("defaults")
    weights = {kind(name): float(weight) for name, weight in defaults["place"][place][what].items()}
    for lean in leaning:
        factors = {} if lean is None else defaults["lean"].get(type(lean).__name__.lower(), {}).get(lean, {}).get(what, {})
        for name, factor in factors.items():
            # What a place never has by itself may still be what everything else asks for.
            weights[kind(name)] = weights.get(kind(name), 0.2 if what == "hours" else 0.0) * factor
    left = {one: weight for one, weight in weights.items() if one not in denied}
    if not any(left.values()):
        left = {one: 1.0 for one in kind if one not in denied} or dict.fromkeys(kind, 1.0)
    return dice.pick(what, left)


def _named_weather(wishes: Wishes) -> tuple[Weather, ...]:
    return _strongest(wishes, wishes.said(lambda says: says.weather or None))


def _strongest(wishes: Wishes, named: list[tuple[Weather, ...]]) -> tuple[Weather, ...]:
    denied = {weather for some in wishes.denied(lambda says: says.weather or None) for weather in some}
    there = {weather for some in named for weather in some} - denied
    if len(there) > 1:
        there.discard(Weather.CLEAR)
    return tuple(sorted(there, key=_STRENGTH.index))[:2]


def _chosen_weather(dice: Dice, wishes: Wishes, place: Place, hour: Hour, leaning: Iterable[StrEnum | None]) -> tuple[Weather, ...]:
    hinted = _strongest(wishes, wishes.hinted(lambda says: says.weather or None))
    if hinted:
        return hinted
    denied = [weather for some in wishes.denied(lambda says: says.weather or None) for weather in some]
    if Weather.CLOUDS in denied and Weather.CLEAR not in denied:
        return (Weather.CLEAR,)
    if Weather.RAIN in denied:
        denied.append(Weather.STORM)
    weather = _choose(dice, "weathers", Weather, place, denied, leaning)
    outdoors = not _is_indoors(place) and place not in (Place.UNDERWATER, Place.NOWHERE)
    if (
        weather is Weather.CLEAR
        and hour is Hour.NIGHT
        and outdoors
        and Weather.STARS not in denied
        and dice.throw("stars") < _STARS_AT_NIGHT
    ):
        return (Weather.STARS,)
    return (weather,)


def _chosen_season(dice: Dice, wishes: Wishes, weather: tuple[Weather, ...]) -> Season:
    denied = wishes.denied(_season)
    if Weather.SNOW in weather and Season.WINTER not in denied:
        return Season.WINTER
    weights = {Season(name): float(weight) for name, weight in load("defaults")["seasons"].items() if Season(name) not in denied}
    return dice.pick("season", weights) if weights else Season.SUMMER


def _palette(reading: Reading, wishes: Wishes, cast: Cast, place: Place, dice: Dice) -> tuple[str, ...]:
    named = [
        colour
        for number, find in enumerate(reading.finds)
        if number not in cast.used and not find.denied and find.meaning.says.subject is None
        for colour in find.meaning.says.colours[:1]
    ]
    if place is Place.NOWHERE:
        named += [colour for some in wishes.hinted(lambda says: says.colours or None) for colour in some] + _harmony(dice)
    return tuple(dict.fromkeys(named))[:MOST_COLOURS]


def _harmony(dice: Dice) -> list[str]:
    """A light, a strong and a deep colour that go together."""
    hue = dice.throw("hue")
    away = dice.pick("harmony", {1 / 12: 3, 1 / 3: 1, 5 / 12: 2, -1 / 12: 2})
    tones = ((hue, 0.66, 0.62), (hue + away, 0.55, 0.68), (hue + away / 2, 0.18, 0.5))
    return [
        "#" + "".join(f"{round(255 * part):02x}" for part in colorsys.hls_to_rgb(tone % 1.0, lightness, saturation))
        for tone, lightness, saturation in tones
    ]


def _tempo(reading: Reading, wishes: Wishes, cast: Cast, place: Place, mood: Mood, dice: Dice) -> float:
    defaults = load("defaults")
    hinted = wishes.hinted(lambda says: says.tempo)
    beats = hinted[0] if hinted else float(defaults["tempo"][mood])
    if not hinted and cast.roles:
        beats += float(defaults["tempo_of_action"].get(cast.roles[0].action, 0))
    if place is Place.NOWHERE:
        beats += (_rhythm(reading) - beats) * _RHYTHM_SHARE
    for factor in wishes.said(lambda says: says.tempo)[:1]:
        beats *= factor
    return round(min(max(beats + dice.between("tempo", -4, 4), SLOWEST), QUICKEST), 1)


def _rhythm(reading: Reading) -> float:
    """Short words and many marks are quick, long words slow."""
    words = [token.text for token in reading.tokens if not token.is_mark]
    if not words:
        return 72.0
    marks = len(reading.tokens) - len(words)
    return 124.0 - 11 * (sum(map(len, words)) / len(words) - 3) + 120 * marks / len(reading.tokens)
