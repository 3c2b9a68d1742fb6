"""What the director makes of a prompt: who does what, where, in which light, and how the camera sees it. Data only: nothing here draws."""

from dataclasses import dataclass
from enum import StrEnum


class Place(StrEnum):
    CLUB = "club"
    STAGE = "stage"
    ROOM = "room"
    KITCHEN = "kitchen"
    CITY = "city"
    STREET = "street"
    FIELD = "field"
    FOREST = "forest"
    MOUNTAINS = "mountains"
    DESERT = "desert"
    BEACH = "beach"
    SEA = "sea"
    UNDERWATER = "underwater"
    SKY = "sky"
    SPACE = "space"
    NOWHERE = "nowhere"
    """Nothing was recognised: colours and rhythm that follow the words."""


class Hour(StrEnum):
    DAWN = "dawn"
    DAY = "day"
    GOLDEN = "golden"
    DUSK = "dusk"
    NIGHT = "night"


class Weather(StrEnum):
    CLEAR = "clear"
    CLOUDS = "clouds"
    RAIN = "rain"
    STORM = "storm"
    SNOW = "snow"
    FOG = "fog"
    WIND = "wind"
    STARS = "stars"
    FIRE = "fire"
    """Embers in the air, and their light."""


class Season(StrEnum):
    SPRING = "spring"
    SUMMER = "summer"
    AUTUMN = "autumn"
    WINTER = "winter"


class Mood(StrEnum):
    CALM = "calm"
    JOYFUL = "joyful"
    TENDER = "tender"
    MELANCHOLY = "melancholy"
    TENSE = "tense"
    EPIC = "epic"


class Style(StrEnum):
    FILM = "film"
    """No word for a style: soft light and grain."""
    NOIR = "noir"
    WATERCOLOUR = "watercolour"
    NEON = "neon"
    ANIME = "anime"
    PIXEL = "pixel"
    PAPER = "paper"
    CLAY = "clay"
    VINTAGE = "vintage"


class Action(StrEnum):
    """What a subject does. A rig that has no drawing of its own for one does the nearest that it has."""

    STAND = "stand"
    WALK = "walk"
    RUN = "run"
    JUMP = "jump"
    DANCE = "dance"
    PLAY = "play"
    """An instrument, where the role has one; else romp about."""
    SIT = "sit"
    SLEEP = "sleep"
    EAT = "eat"
    COOK = "cook"
    FLY = "fly"
    SWIM = "swim"
    DRIVE = "drive"
    SAIL = "sail"
    FALL = "fall"
    RISE = "rise"
    BLOOM = "bloom"


class Move(StrEnum):
    FIXED = "fixed"
    DRIFT = "drift"
    """No word for the camera: slow and small."""
    PUSH_IN = "push_in"
    PULL_OUT = "pull_out"
    PAN_LEFT = "pan_left"
    PAN_RIGHT = "pan_right"
    TILT_UP = "tilt_up"
    TILT_DOWN = "tilt_down"
    ORBIT = "orbit"
    FOLLOW = "follow"
    HANDHELD = "handheld"


class Framing(StrEnum):
    WIDE = "wide"
    MEDIUM = "medium"
    CLOSE = "close"
    AERIAL = "aerial"


@dataclass(frozen=True, slots=True)
class Role:
    subject: str
    """The name of a drawing in `assets/subjects`, such as `fox`."""
    action: Action
    count: int = 1
    """1 to 12; "a flock" is many."""
    colour: str | None = None
    """`#rrggbb`, where the prompt names one for this subject."""
    prop: str | None = None
    """The name of a drawing in `assets/props` that the subject plays, holds, rides or wears, such as `piano`."""
    young: bool = False
    """A child, a kitten, a puppy: smaller, with a larger head."""


@dataclass(frozen=True, slots=True)
class Take:
    """One setting of the camera. Takes follow one another by a short dissolve."""

    start: float
    """Seconds from the video's beginning."""
    seconds: float
    framing: Framing
    move: Move


@dataclass(frozen=True, slots=True)
class Storyboard:
    seed: int
    """The same prompt always gives the same."""
    place: Place
    hour: Hour
    weather: tuple[Weather, ...]
    """One or two, the strongest first; never empty."""
    season: Season
    mood: Mood
    style: Style
    palette: tuple[str, ...]
    """`#rrggbb` of colours that the prompt names for no subject, at most three."""
    roles: tuple[Role, ...]
    """At most three, the first being the one that it is about. Empty: a place alone."""
    takes: tuple[Take, ...]
    tempo: float
    """Beats a minute, for movement and music alike."""
