"""ThumbHash, against what the reference implementation (thumbhash 0.1.1 of npm) makes of the same pictures."""

import base64

import numpy as np
import pytest
from numpy.typing import NDArray

from dustreel.media.thumbhash import thumbhash


def waves(width: int, height: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width]
    return np.stack([(x * 7 + y * 3) % 256, (x * x + y) % 256, (x * y) % 256], axis=-1).astype(np.uint8)


def hills(width: int, height: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width]
    return np.stack([255 * x * x // width**2, 255 * x * y // (width * height), 255 * y**3 // height**3], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (waves(100, 56), "HhgGDIRkcwNkViZ1hnb8n8+fRA=="),
        (waves(56, 100), "HggGDAQBQHQgFnRkZlZrn9jbCg=="),
        (waves(64, 64), "HhgGDwZDAzREBpd0hVt3WXd2tv3X/FkF"),
        (waves(100, 10), "mxgGKYAiMnBzh0iYm5/9NOk="),
        (hills(100, 75), "USgOTYyQh4eRiIiJiGiIeJCeBPt0"),
        (hills(75, 100), "USgOTQyQh5GIl4hoiIh4iJCeBPt0"),
    ],
    ids=["wide", "tall", "square", "a strip", "4:3", "3:4"],
)
def test_the_hash_is_the_references(picture: NDArray[np.uint8], expected: str) -> None:
    assert base64.b64encode(thumbhash(picture)).decode() == expected


def test_an_even_surface_has_a_colour_and_no_frequencies() -> None:
    found = thumbhash(np.full((18, 32, 3), 128, np.uint8))
    # The reference's head; what follows it is the noise of its rounding there.
    assert found[:5] == base64.b64decode("IAgCBIA8WpqHiIhwd4oAAAAAAA==")[:5]
    assert not any(found[5:])


def test_a_larger_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="101×9"):
        thumbhash(np.zeros((9, 101, 3), np.uint8))
