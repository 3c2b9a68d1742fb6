"""A sheet of small pictures, one for each moment of a film: what a player shows while scrubbing."""

from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame

from dustreel.media.sampling import Rgb, Sample, fitted, rgb
from dustreel.media.vtt import Layout

# Pixels on a tile's longer side.
SIDE = 160
COLUMNS = 5
# A short film is scrubbed in finer steps: ten tiles for five seconds, fifteen for fifteen.
SHORT_SECONDS = 5
EVERY_SECONDS, EVERY_SECONDS_OF_SHORT = 1.0, 0.5


@dataclass(frozen=True, slots=True)
class Sprite:
    picture: Rgb
    layout: Layout


class Sheet:
    """Takes the sample in the middle of each moment. Holds only the tiles."""

    def __init__(self, width: int, height: int, seconds: int) -> None:
        self._size, self._film_height = fitted(width, height, SIDE), height
        self._every = EVERY_SECONDS_OF_SHORT if seconds <= SHORT_SECONDS else EVERY_SECONDS
        self._wanted = round(seconds / self._every)
        self._tiles: list[Rgb] = []

    def see(self, sample: Sample, frame: VideoFrame) -> None:
        while len(self._tiles) < self._wanted and sample.time >= (len(self._tiles) + 0.5) * self._every:
            self._tiles.append(rgb(sample.small, self._size, film_height=self._film_height))

    def finish(self) -> Sprite:
        """Raises LookupError when nothing was seen."""
        if not self._tiles:
            raise LookupError("no frame was seen")
        width, height = self._size
        columns = min(COLUMNS, self._wanted)
        # A film that ends a moment early shows its last picture there.
        tiles = self._tiles + self._tiles[-1:] * (self._wanted - len(self._tiles))
        picture = np.zeros((-(-self._wanted // columns) * height, columns * width, 3), np.uint8)
        for number, tile in enumerate(tiles):
            top, left = number // columns * height, number % columns * width
            picture[top : top + height, left : left + width] = tile
        return Sprite(picture, Layout(width, height, columns, self._wanted, self._every))
