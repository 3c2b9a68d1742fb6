"""The places: each a file that builds a Scenery from a shot, a storyboard and a light."""

from collections.abc import Callable

import numpy as np

from dustreel.providers.sandbox.engine.port import Light, Set
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sets import aloft, beach, city, club, desert, field, forest, mountains, sea, space, street, underwater
from dustreel.providers.sandbox.sets.light import light_of
from dustreel.providers.sandbox.sets.scenery import Scenery
from dustreel.providers.sandbox.storyboard import Place, Storyboard

type Builder = Callable[[Shot, Storyboard, Light, np.random.Generator], Scenery]

PLACES: dict[Place, Builder] = {Place.CLUB: club.build, Place.FIELD: field.build, Place.SEA: sea.build, Place.FOREST: forest.build, Place.MOUNTAINS: mountains.build, Place.DESERT: desert.build, Place.BEACH: beach.build, Place.SKY: aloft.build, Place.SPACE: space.build, Place.UNDERWATER: underwater.build, Place.CITY: city.build, Place.STREET: street.build}


def build(shot: Shot, storyboard: Storyboard) -> tuple[Set, Light]:
    light = light_of(shot, storyboard)
    rng = np.random.default_rng((storyboard.seed, 101))
    return PLACES.get(storyboard.place, field.build)(shot, storyboard, light, rng), light
