"""The light of a place: for every hour, weather, season and mood, by functions that lean on one another."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from dustreel.providers.sandbox.engine.port import Light
from dustreel.providers.sandbox.kit import Colour, colour, mix
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.storyboard import Hour, Mood, Place, Season, Storyboard, Weather

INDOORS = (Place.CLUB, Place.STAGE, Place.ROOM, Place.KITCHEN)
OVERCAST = (Weather.RAIN, Weather.STORM, Weather.SNOW, Weather.FOG)

# How high sun or moon stand; below the horizon at dusk.
_HEIGHTS = {Hour.DAWN: -0.01, Hour.DAY: -0.30, Hour.GOLDEN: -0.05, Hour.DUSK: 0.12, Hour.NIGHT: -0.28}
_EXPOSURES = {Hour.DAWN: 0.70, Hour.DAY: 1.0, Hour.GOLDEN: 0.80, Hour.DUSK: 0.52, Hour.NIGHT: 0.40}
# Zenith, middle, horizon, shine, key, fill, ink, haze.
_OUTDOORS = {
    Hour.DAWN: "#39488c #cf86a4 #ffcb98 #fff2da #ffd6b0 #8590d6 #1b1838 #e3a9a6",
    Hour.DAY: "#1f6fcf #67b0ec #d3edfb #fffdf0 #fff4dc #9cc6f2 #17304f #bcdcf2",
    Hour.GOLDEN: "#3a2f74 #d9605f #ffba68 #fff1c0 #ffc586 #8a74c4 #26112f #f09a6c",
    Hour.DUSK: "#10173f #54397f #ea7f6c #ffd8b0 #e3a2ae #4c60bc #0c0c26 #7f5a90",
    Hour.NIGHT: "#040920 #0e2150 #2b5290 #e8f0ff #a8c4ff #3656a8 #030716 #1e3c6e",
}
_UNDERWATER = {
    Hour.DAY: "#7fe6ee #1a93b8 #083a66 #e8fffb #c4fff4 #2a8fd0 #04203c #1877a0",
    Hour.GOLDEN: "#ffd9a0 #3f9aa8 #0c3a5c #fff3cf #ffe2b4 #2f7fb0 #061c34 #2f7f90",
    Hour.NIGHT: "#2c6fae #0b2f66 #030f2c #bfe4ff #8fc4ff #2547a8 #020818 #0d3468",
}
_SPACE = "#02030c #0d0b2a #2b1450 #fff6e2 #ffeeda #5a46b4 #03030c #1a1440"
_CLUB = "#2a0a1e #5a1230 #2b1420 #ffe2aa #ffb861 #3d6fd8 #0b0611 #3a1430"
_STAGE = "#0a0818 #1c1440 #2a1c4e #fff0d8 #ffdfb4 #7a5cf0 #07060f #241a48"
# Of a room whose lamps are lit; by day the window's light comes in instead.
_LAMPLIT = "#3a2430 #7a4a3a #a8683e #ffe9bd #ffc983 #5a6ec4 #160c14 #6a4438"
_SUNLIT = "#b9a48c #d8c3a2 #e8d8b8 #fffbe6 #fff0d2 #b4c6e6 #2c2430 #dcc8ac"


def light_of(shot: Shot, storyboard: Storyboard) -> Light:
    light = _of_place(shot, storyboard)
    for weather in reversed(storyboard.weather):
        light = _in_weather(light, weather, indoors=storyboard.place in INDOORS)
    light = _in_season(light, storyboard.season)
    light = _in_mood(light, storyboard.mood)
    return _in_palette(light, storyboard.palette)


def light_outside(shot: Shot, storyboard: Storyboard) -> Light:
    """What is seen through a room's window."""
    return light_of(shot, replace(storyboard, place=Place.FIELD, palette=()))


def lit(light: Light, albedo: Colour, near: float = 1.0, shade: float = 0.0) -> Colour:
    """What something of a colour looks like in this light; far things fade into the haze, things in shade turn to the fill."""
    lamp = mix(light.key, light.fill, (0.45 if light.dark and light.exposure < 0.5 else 0.25) + 0.45 * shade) / 255.0
    seen = mix(light.ink, albedo * lamp, (0.24 + 0.76 * light.exposure) * (1 - 0.35 * shade))
    return mix(light.haze, seen, near)


def luma(tint: Colour) -> float:
    return float(0.299 * tint[0] + 0.587 * tint[1] + 0.114 * tint[2])


def saturate(tint: Colour, factor: float) -> Colour:
    grey = luma(tint)
    return np.asarray(np.clip(grey + (tint - grey) * factor, 0, 255), np.float32)


def lamps_lit(storyboard: Storyboard) -> bool:
    """Whether windows and street lamps burn."""
    return storyboard.hour in (Hour.DUSK, Hour.NIGHT) or Weather.STORM in storyboard.weather


def sun_is_seen(storyboard: Storyboard) -> bool:
    return not any(weather in OVERCAST for weather in storyboard.weather)


def _of_place(shot: Shot, storyboard: Storyboard) -> Light:
    hour, place = storyboard.hour, storyboard.place
    side = 1.0 if storyboard.seed & 1 else -1.0
    offset = (0.16 + 0.20 * ((storyboard.seed >> 3) % 16) / 15) * side * min(1.0, shot.aspect / 1.4)
    sun, exposure, dark = (offset, _HEIGHTS[hour]), _EXPOSURES[hour], hour is Hour.NIGHT
    codes = _OUTDOORS[hour]
    if place is Place.UNDERWATER:
        kind = Hour.NIGHT if hour is Hour.NIGHT else Hour.GOLDEN if hour in (Hour.GOLDEN, Hour.DUSK, Hour.DAWN) else Hour.DAY
        codes, sun, exposure = _UNDERWATER[kind], (offset, -0.62), min(exposure + 0.05, 0.85)
    elif place is Place.SPACE:
        codes, sun, exposure, dark = _SPACE, (offset * 1.6, -0.30), 0.78, True
    elif place is Place.CLUB:
        codes, sun, exposure, dark = _CLUB, (-0.02, -0.60), 0.42, True
    elif place is Place.STAGE:
        codes, sun, exposure, dark = _STAGE, (0.0, -0.60), 0.62, True
    elif place in (Place.ROOM, Place.KITCHEN):
        lamps = lamps_lit(storyboard)
        codes, sun, exposure = (_LAMPLIT, (0.30, -0.25), 0.72) if lamps else (_SUNLIT, (-0.40, -0.30), 0.92)
    zenith, middle, horizon, shine, key, fill, ink, haze = map(colour, codes.split())
    return Light(zenith, middle, horizon, shine, key, fill, ink, haze, exposure=exposure, sun=sun, dark=dark)


def _each(light: Light, change: Callable[[Colour], Colour]) -> Light:
    """Every colour changed alike."""
    return replace(
        light,
        zenith=change(light.zenith),
        middle=change(light.middle),
        horizon=change(light.horizon),
        shine=change(light.shine),
        key=change(light.key),
        fill=change(light.fill),
        ink=change(light.ink),
        haze=change(light.haze),
    )


def _veiled(light: Light, tint: Colour, share: float, *, dim: float) -> Light:
    """A sky covered by cloud: colours of the tint, as bright as before times `dim`."""

    def under(old: Colour, much: float) -> Colour:
        grey = tint * (luma(old) / max(luma(tint), 1.0))
        return np.asarray(np.clip(mix(old, grey, share * much) * (1 - (1 - dim) * much), 0, 255), np.float32)

    return replace(
        light,
        zenith=under(mix(light.zenith, light.middle, 0.3 * share), 1.0),
        middle=under(light.middle, 1.0),
        horizon=under(light.horizon, 0.9),
        haze=under(light.haze, 0.9),
        shine=under(light.shine, 0.5),
        key=under(light.key, 0.7),
        fill=under(light.fill, 0.8),
        exposure=light.exposure * (0.55 + 0.45 * dim),
    )


def _in_weather(light: Light, weather: Weather, *, indoors: bool) -> Light:
    if weather is Weather.FIRE:
        flame = colour("#ff8a3c")
        return replace(
            light,
            key=mix(light.key, flame, 0.45),
            horizon=mix(light.horizon, flame, 0.40),
            haze=mix(light.haze, colour("#c25a30") * (0.5 + 0.5 * light.exposure), 0.40),
            shine=mix(light.shine, colour("#ffd08a"), 0.5),
        )
    if indoors:
        return light
    match weather:
        case Weather.CLOUDS:
            return _veiled(light, colour("#a9b4c4"), 0.30, dim=0.95)
        case Weather.RAIN:
            return _veiled(light, colour("#7f93a8"), 0.66, dim=0.78)
        case Weather.STORM:
            return _veiled(light, colour("#5d7088"), 0.80, dim=0.58)
        case Weather.SNOW:
            return _veiled(light, colour("#aebccf"), 0.55, dim=0.97)
        case Weather.FOG:
            veiled = _veiled(light, colour("#b4bcc2"), 0.62, dim=0.92)
            pale = mix(veiled.haze, veiled.horizon, 0.4)
            return replace(veiled, zenith=mix(veiled.zenith, pale, 0.45), middle=mix(veiled.middle, pale, 0.6), haze=pale)
        case _:
            return light


def _in_season(light: Light, season: Season) -> Light:
    match season:
        case Season.SPRING:
            return replace(
                light, haze=mix(light.haze, light.haze * colour("#f6fff0") / 255, 0.5), key=mix(light.key, colour("#fff8e6"), 0.15)
            )
        case Season.AUTUMN:
            warm = colour("#ffd7a0") / 255
            return _each(light, lambda tint: mix(tint, tint * warm, 0.35))
        case Season.WINTER:
            cold = colour("#d6e6ff") / 255
            return _each(light, lambda tint: mix(saturate(tint, 0.86), saturate(tint, 0.86) * cold, 0.45))
        case _:
            return light


def _in_mood(light: Light, mood: Mood) -> Light:
    match mood:
        case Mood.JOYFUL:
            return _each(light, lambda tint: np.asarray(np.clip(saturate(tint, 1.16) * 1.03, 0, 255), np.float32))
        case Mood.TENDER:
            rose = colour("#ffc4cf")
            return _each(light, lambda tint: mix(tint, rose * (luma(tint) / luma(rose)), 0.16))
        case Mood.MELANCHOLY:
            blue = colour("#7d93bd")
            return _each(light, lambda tint: mix(tint, blue * (luma(tint) / luma(blue)), 0.26) * np.float32(0.93))
        case Mood.TENSE:
            green = colour("#6f9a8c")
            darker = replace(light, zenith=light.zenith * np.float32(0.7), exposure=light.exposure * 0.88)
            return _each(darker, lambda tint: mix(tint, green * (luma(tint) / luma(green)), 0.20) * np.float32(0.94))
        case Mood.EPIC:
            deeper = replace(light, zenith=light.zenith * np.float32(0.78), key=mix(light.key, colour("#ffbf70"), 0.22))
            return _each(deeper, lambda tint: saturate(tint, 1.14))
        case _:
            return light


def _in_palette(light: Light, palette: tuple[str, ...]) -> Light:
    """Colours that the prompt names tint sky and light; each keeps its place's brightness."""
    if not palette:
        return light
    named = [colour(code) for code in palette]
    first, second, third = named[0], named[1 % len(named)], named[2 % len(named)]

    def toward(old: Colour, new: Colour, share: float) -> Colour:
        kept = new * ((luma(old) + 12) / (luma(new) + 12))
        return np.asarray(np.clip(mix(old, mix(kept, new, 0.25), share), 0, 255), np.float32)

    return replace(
        light,
        zenith=toward(light.zenith, first, 0.62),
        middle=toward(light.middle, first, 0.66),
        horizon=toward(light.horizon, second, 0.55),
        haze=toward(light.haze, second, 0.42),
        fill=toward(light.fill, third, 0.60),
        key=toward(light.key, second, 0.30),
    )
