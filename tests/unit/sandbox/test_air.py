from itertools import pairwise

import numpy as np
import pytest

from dustreel.providers.sandbox import air
from dustreel.providers.sandbox.kit import Picture
from dustreel.providers.sandbox.sets.light import light_of
from dustreel.providers.sandbox.sets.sky import flash_at, flashes
from dustreel.providers.sandbox.storyboard import Place, Storyboard, Weather
from tests.unit.sandbox.scenes import board, camera, difference, shot


def over_grey(storyboard: Storyboard, t: float) -> Picture:
    here = shot()
    picture = np.full((here.height, here.width, 3), 90, np.uint8)
    for part in air.build(here, storyboard, light_of(here, storyboard)):
        part.draw(picture, camera(here), t)
    return picture


@pytest.mark.parametrize("weather", [Weather.RAIN, Weather.STORM, Weather.SNOW, Weather.FOG, Weather.WIND, Weather.FIRE])
def test_weather_is_seen_and_moves(weather: Weather) -> None:
    storyboard = board(weather=(weather,))
    now, later = over_grey(storyboard, 2.0), over_grey(storyboard, 2.6)
    assert difference(now, np.full_like(now, 90)) > 0.15
    assert difference(now, later) > 0.1


@pytest.mark.parametrize("place", list(Place))
@pytest.mark.parametrize("weather", list(Weather))
def test_every_weather_may_be_asked_for_everywhere(place: Place, weather: Weather) -> None:
    storyboard = board(place, weather=(weather,))
    assert np.array_equal(over_grey(storyboard, 1.0), over_grey(storyboard, 1.0))


def test_it_does_not_rain_in_a_room() -> None:
    assert np.array_equal(over_grey(board(Place.ROOM, weather=(Weather.RAIN,)), 1.0), over_grey(board(Place.ROOM), 1.0))


def test_lightning_is_rare_and_soft() -> None:
    starts = [start for start, _ in flashes(shot(), board(weather=(Weather.STORM,)))]
    assert starts and all(after - before > 1.5 for before, after in pairwise(starts))
    levels = [flash_at(number / 24) for number in range(30)]
    # It never falls by more than half from one frame to the next, as a strobe would.
    assert all(after > before * 0.5 for before, after in pairwise(levels[3:-3]))
