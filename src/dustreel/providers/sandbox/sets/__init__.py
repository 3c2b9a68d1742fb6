"""The places: each a file that builds a Scenery from a shot, a storyboard and a light."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from dustreel.providers.sandbox.engine.port import Light, Set
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets import (
    aloft,
    beach,
    city,
    club,
    desert,
    field,
    forest,
    kitchen,
    mountains,
    nowhere,
    room,
    sea,
    space,
    stage,
    street,
    underwater,
)
from dustreel.providers.sandbox.sets.campfire import Campfire
from dustreel.providers.sandbox.sets.light import light_of
from dustreel.providers.sandbox.sets.scenery import Scenery
from dustreel.providers.sandbox.storyboard import Place, Storyboard, Weather

type Builder = Callable[[Shot, Storyboard, Light, np.random.Generator], Scenery]

PLACES: dict[Place, Builder] = {
    Place.SKY: aloft.build,
    Place.BEACH: beach.build,
    Place.CITY: city.build,
    Place.CLUB: club.build,
    Place.DESERT: desert.build,
    Place.FIELD: field.build,
    Place.FOREST: forest.build,
    Place.KITCHEN: kitchen.build,
    Place.MOUNTAINS: mountains.build,
    Place.NOWHERE: nowhere.build,
    Place.ROOM: room.build,
    Place.SEA: sea.build,
    Place.SPACE: space.build,
    Place.STAGE: stage.build,
    Place.STREET: street.build,
    Place.UNDERWATER: underwater.build,
}


# Where a fire in the open air burns on logs.
_CAMPS = (Place.FIELD, Place.FOREST, Place.MOUNTAINS, Place.DESERT, Place.BEACH)


def build(shot: Shot, storyboard: Storyboard) -> tuple[Set, Light]:
    light = light_of(shot, storyboard)
    rng = np.random.default_rng((storyboard.seed, 101))
    scenery = PLACES[storyboard.place](shot, storyboard, light, rng)
    held = any(role.prop == "campfire" for role in storyboard.roles)
    if Weather.FIRE in storyboard.weather and storyboard.place in _CAMPS and not held:
        scenery = replace(scenery, back=(*scenery.back, Campfire(shot, light, rng)))
    return scenery, light
