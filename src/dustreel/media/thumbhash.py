"""ThumbHash: a picture in some twenty-five bytes, for a page to show while the real one loads.

After the reference of Evan Wallace, https://github.com/evanw/thumbhash (MIT), for pictures without transparency: the lowest frequencies of
lightness and of two colour differences, each by a cosine transform, in six bits for a mean and four for a frequency.
"""

import math

import numpy as np
from numpy.typing import NDArray

# The reference takes no more: a larger picture is slower and hashes alike.
SIDE_AT_MOST = 100
# What rounding leaves of an even surface; four bits each would be noise.
NOTHING = 1e-9

type Frequencies = tuple[float, float, list[float]]
"""The mean, the largest of the rest, and the rest as shares of that, 0 to 1."""


def thumbhash(rgb: NDArray[np.uint8]) -> bytes:
    """The hash of a picture of height × width × 3, at most 100 pixels on a side."""
    height, width = rgb.shape[:2]
    if max(height, width) > SIDE_AT_MOST:
        raise ValueError(f"{width}×{height} is larger than {SIDE_AT_MOST}×{SIDE_AT_MOST}")
    red, green, blue = (rgb[..., channel].astype(np.float64) / 255 for channel in range(3))
    across = max(1, _round(7 * width / max(width, height)))
    down = max(1, _round(7 * height / max(width, height)))
    light = _transform((red + green + blue) / 3, max(3, across), max(3, down))
    yellow_blue = _transform((red + green) / 2 - blue, 3, 3)
    red_green = _transform(red - green, 3, 3)
    return _packed(light, yellow_blue, red_green, across, down, is_wide=width > height)


def _transform(channel: NDArray[np.float64], across: int, down: int) -> Frequencies:
    height, width = channel.shape
    found = _cosines(down, height) @ channel @ _cosines(across, width).T / (width * height)
    # The corner of low frequencies, row by row, as the reference walks it.
    kept = [float(found[y, x]) for y in range(down) for x in range(across) if x * down < across * (down - y)]
    scale = max(abs(value) for value in kept[1:])
    if scale < NOTHING:
        return kept[0], 0.0, [0.0] * (len(kept) - 1)
    return kept[0], scale, [0.5 + 0.5 * value / scale for value in kept[1:]]


def _cosines(count: int, length: int) -> NDArray[np.float64]:
    return np.cos(np.pi / length * np.arange(count)[:, None] * (np.arange(length) + 0.5))


def _packed(light: Frequencies, yellow_blue: Frequencies, red_green: Frequencies, across: int, down: int, *, is_wide: bool) -> bytes:
    colours = _round(63 * light[0]) | _round(31.5 + 31.5 * yellow_blue[0]) << 6 | _round(31.5 + 31.5 * red_green[0]) << 12
    scales = (down if is_wide else across) | _round(63 * yellow_blue[1]) << 3 | _round(63 * red_green[1]) << 9 | is_wide << 15
    head = (colours | _round(31 * light[1]) << 18).to_bytes(3, "little") + scales.to_bytes(2, "little")
    nibbles = [_round(15 * share) for share in (*light[2], *yellow_blue[2], *red_green[2])]
    pairs = zip(nibbles[::2], [*nibbles[1::2], 0], strict=False)
    return head + bytes(low | high << 4 for low, high in pairs)


def _round(value: float) -> int:
    """As JavaScript does: a half goes up."""
    return math.floor(value + 0.5)
