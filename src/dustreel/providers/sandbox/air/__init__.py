"""Weather between set and camera: rain, snow, fog, embers, leaves, dust."""

import numpy as np

from dustreel.providers.sandbox.air.drift import Leaves, leaf_tints
from dustreel.providers.sandbox.air.fog import Fog
from dustreel.providers.sandbox.air.rain import Lightning, Rain, Splashes
from dustreel.providers.sandbox.air.snow import Snow
from dustreel.providers.sandbox.air.specks import Specks, embers, fireflies, motes, plankton, powder
from dustreel.providers.sandbox.engine.port import Air, Light
from dustreel.providers.sandbox.kit import colour
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets.light import INDOORS
from dustreel.providers.sandbox.storyboard import Hour, Place, Season, Storyboard, Weather

_GREEN = (Place.FIELD, Place.FOREST)


def build(shot: Shot, storyboard: Storyboard, light: Light) -> tuple[Air, ...]:
    rng = np.random.default_rng((storyboard.seed, 202))
    place = storyboard.place
    if place is Place.UNDERWATER:
        return (Specks(shot, plankton(rng, light)),)
    found: list[Air] = []
    for weather in storyboard.weather:
        found += _indoors(shot, storyboard, light, weather, rng) if place in INDOORS else _outdoors(shot, storyboard, light, weather, rng)
    if not found:
        found = _calm(shot, storyboard, light, rng)
    return tuple(found)


def _outdoors(shot: Shot, storyboard: Storyboard, light: Light, weather: Weather, rng: np.random.Generator) -> list[Air]:
    place = storyboard.place
    match weather:
        case Weather.RAIN | Weather.STORM if place is not Place.SPACE:
            heavy = weather is Weather.STORM
            rain: list[Air] = [Rain(shot, light, rng, heavy=heavy)]
            if place not in (Place.SKY, Place.NOWHERE):
                rain.insert(0, Splashes(shot, light, rng, 0.30 if place is not Place.SEA else 0.14, heavy=heavy))
            return [*rain, Lightning(shot, storyboard)] if heavy else rain
        case Weather.SNOW if place is not Place.SPACE:
            return [Snow(shot, light, rng, gusty=Weather.WIND in storyboard.weather)]
        case Weather.FOG:
            return [Fog(shot, light, rng)]
        case Weather.FIRE:
            return [Specks(shot, embers(rng))]
        case Weather.WIND if place is not Place.SPACE:
            return _blown(shot, storyboard, light, rng)
        case _:
            return []


def _blown(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> list[Air]:
    """What the wind carries here, at this time of the year."""
    place = storyboard.place
    if place is Place.DESERT:
        return [Specks(shot, powder(rng, colour("#e8c08a") * (0.3 + 0.7 * light.exposure)))]
    if place in (Place.SEA, Place.BEACH, Place.SKY, Place.NOWHERE):
        return [Specks(shot, powder(rng, light.shine * np.float32(0.55)))]
    if storyboard.season is Season.WINTER or place is Place.MOUNTAINS:
        return [Specks(shot, powder(rng, light.shine * np.float32(0.75)))]
    return [Leaves(light, leaf_tints(storyboard, light), rng, 30, speed=0.42)]


def _indoors(shot: Shot, storyboard: Storyboard, light: Light, weather: Weather, rng: np.random.Generator) -> list[Air]:
    match weather:
        case Weather.FIRE:
            return [Specks(shot, embers(rng, few=True))]
        case Weather.FOG:
            return [Fog(shot, light, rng, amount=0.40)]
        case Weather.SNOW if storyboard.place is Place.STAGE:
            return [Snow(shot, light, rng, gusty=False)]
        case _:
            return []


def _calm(shot: Shot, storyboard: Storyboard, light: Light, rng: np.random.Generator) -> list[Air]:
    """Fair weather is not empty either."""
    place = storyboard.place
    if place is Place.NOWHERE:
        return []
    if place in _GREEN and storyboard.hour in (Hour.NIGHT, Hour.DUSK) and storyboard.season in (Season.SUMMER, Season.SPRING):
        return [Specks(shot, fireflies(rng))]
    if place in _GREEN and storyboard.season in (Season.AUTUMN, Season.SPRING):
        return [Leaves(light, leaf_tints(storyboard, light), rng, 13, speed=0.06)]
    if place in (*INDOORS, *_GREEN, Place.SPACE):
        return [Specks(shot, motes(rng, light))]
    return []
