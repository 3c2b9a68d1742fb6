from typing import Any

import numpy as np
import pytest

from dustreel.providers.sandbox import sets
from dustreel.providers.sandbox.kit import Picture
from dustreel.providers.sandbox.sets.light import light_of, luma
from dustreel.providers.sandbox.storyboard import Hour, Mood, Place, Season, Storyboard, Weather
from tests.unit.sandbox.scenes import TALL, WIDE, blank, board, camera, difference, shot


def drawn(storyboard: Storyboard, size: tuple[int, int] = WIDE, t: float = 1.0, **at: float) -> Picture:
    here = shot(size)
    scenery, _ = sets.build(here, storyboard)
    picture = blank(here)
    scenery.draw_back(picture, camera(here, **at), t)
    scenery.draw_front(picture, camera(here, **at), t)
    return picture


@pytest.mark.parametrize("place", list(Place))
@pytest.mark.parametrize("size", [WIDE, TALL])
def test_a_set_covers_the_picture_wherever_the_camera_looks(place: Place, size: tuple[int, int]) -> None:
    for at in ({"x": 0.08, "y": 0.05, "zoom": 1.0}, {"x": -0.05, "y": -0.05, "zoom": 1.3}):
        picture = drawn(board(place), size, **at)
        untouched = (picture == (255, 0, 255)).all(-1)
        assert not untouched.any()


@pytest.mark.parametrize("place", list(Place))
def test_a_set_moves_but_never_jumps(place: Place) -> None:
    storyboard, here = board(place, weather=(Weather.WIND,), hour=Hour.DUSK), shot()
    scenery, _ = sets.build(here, storyboard)
    first, next_, later = blank(here), blank(here), blank(here)
    for picture, t in ((first, 2.0), (next_, 2.0 + 1 / 24), (later, 3.5)):
        scenery.draw_back(picture, camera(here), t)
        scenery.draw_front(picture, camera(here), t)
    assert difference(first, next_) < 4
    assert difference(first, later) > 0.02


@pytest.mark.parametrize("place", list(Place))
def test_the_same_storyboard_is_drawn_the_same(place: Place) -> None:
    assert np.array_equal(drawn(board(place)), drawn(board(place)))


@pytest.mark.parametrize("place", list(Place))
@pytest.mark.parametrize("hour", [Hour.DAY, Hour.NIGHT])
def test_no_set_is_black_or_blown(place: Place, hour: Hour) -> None:
    level = drawn(board(place, hour=hour)).astype(float).mean()
    assert 12 < level < 225


@pytest.mark.parametrize("place", list(Place))
def test_there_is_room_for_everybody(place: Place) -> None:
    for size in (WIDE, TALL):
        scenery, _ = sets.build(shot(size), board(place))
        half = shot(size).aspect / 2
        for flies, swims in ((False, False), (True, False), (False, True)):
            spots = scenery.spots(flies, swims)
            assert len(spots) >= 3
            assert abs(spots[0].x) < half * 0.5 and abs(spots[0].y) < 0.45 and spots[0].metre > 0


def test_places_differ_at_a_glance() -> None:
    pictures = [drawn(board(place)) for place in Place]
    for number, one in enumerate(pictures):
        for other in pictures[number + 1 :]:
            assert difference(one, other) > 12


def test_light_follows_hour_weather_season_and_mood() -> None:
    def horizon(**changes: Any) -> np.ndarray:
        return light_of(shot(), board(**changes)).horizon

    assert luma(horizon(hour=Hour.NIGHT)) < luma(horizon(hour=Hour.DUSK)) < luma(horizon(hour=Hour.DAY))
    assert luma(horizon(weather=(Weather.STORM,))) < luma(horizon(weather=(Weather.RAIN,))) < luma(horizon())
    warmth = [horizon(season=season)[0] - horizon(season=season)[2] for season in (Season.AUTUMN, Season.SUMMER)]
    assert warmth[0] > warmth[1]
    assert luma(horizon(mood=Mood.JOYFUL)) > luma(horizon(mood=Mood.MELANCHOLY)) + 10


def test_colours_that_the_prompt_names_tint_the_light() -> None:
    plain, violet = light_of(shot(), board()), light_of(shot(), board(palette=("#7a20d0",)))
    assert violet.middle[0] - violet.middle[1] > plain.middle[0] - plain.middle[1] + 40


def test_the_abstract_piece_takes_its_colours_from_the_words() -> None:
    red, blue = drawn(board(Place.NOWHERE, palette=("#c02020",))), drawn(board(Place.NOWHERE, palette=("#2030c0",)))
    assert red[..., 0].mean() > red[..., 2].mean() + 20
    assert blue[..., 2].mean() > blue[..., 0].mean() + 20
