import numpy as np
import pytest

from dustreel.providers.sandbox import looks, sets
from dustreel.providers.sandbox.kit import Picture
from dustreel.providers.sandbox.storyboard import Place, Style
from tests.unit.sandbox.scenes import TALL, WIDE, blank, board, camera, difference, shot

SIZES = [WIDE, TALL, (97, 91)]


def scene(size: tuple[int, int] = WIDE) -> Picture:
    here = shot(size)
    scenery, _ = sets.build(here, board(Place.FIELD))
    picture = blank(here)
    scenery.draw_back(picture, camera(here), 1.0)
    scenery.draw_front(picture, camera(here), 1.0)
    return picture


def styled(style: Style, picture: Picture, t: float = 1.0) -> Picture:
    look = looks.build(shot((picture.shape[1], picture.shape[0])), board(style=style))
    return picture.copy() if look is None else look.apply(picture.copy(), t).copy()


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("size", SIZES)
def test_a_style_keeps_the_size_and_stays_between_black_and_white(style: Style, size: tuple[int, int]) -> None:
    before = scene(size)
    after = styled(style, before)
    assert after.shape == before.shape and after.dtype == np.uint8
    assert 15 < after.mean() < 240


@pytest.mark.parametrize("style", list(Style))
def test_a_moment_in_a_style_is_always_the_same(style: Style) -> None:
    picture = scene()
    assert np.array_equal(styled(style, picture, 1.5), styled(style, picture, 1.5))


def test_styles_differ_from_one_another_at_a_glance() -> None:
    picture = scene()
    pictures = [styled(style, picture) for style in Style]
    for number, one in enumerate(pictures):
        for other in pictures[number + 1 :]:
            assert difference(one, other) > 6


def test_noir_has_no_colour() -> None:
    after = styled(Style.NOIR, scene())
    assert (after.max(-1) == after.min(-1)).all()


def test_pixel_art_has_few_colours() -> None:
    assert len(np.unique(styled(Style.PIXEL, scene()).reshape(-1, 3), axis=0)) <= 48


def test_no_word_for_a_style_is_no_style() -> None:
    assert looks.build(shot(), board(style=Style.FILM)) is None
