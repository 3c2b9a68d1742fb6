"""What every scene gets last: a vignette, film grain, the honest label, and a fade at both ends."""

import cv2
import numpy as np

from dustreel.providers.sandbox.kit import Picture, lettering, smooth
from dustreel.providers.sandbox.scene import Shot

LABEL = "SANDBOX ANIMATIC · NO AI MODEL"
# Grain is cut from a larger sheet at a place that changes with every frame.
_SHEET_MARGIN = 128
# In levels of 255: hides banding, and is just seen as film.
_GRAIN = 2.1


class Finish:
    def __init__(self, shot: Shot, rng: np.random.Generator, *, vignette: float = 0.62, fades: bool = True) -> None:
        self._shot, self._fades = shot, fades
        width, height = shot.width, shot.height
        across = np.square((np.arange(width, dtype=np.float32) / width - 0.5) / 0.72)
        down = np.square((np.arange(height, dtype=np.float32) / height - 0.5) / 0.70)
        shade = np.clip(1.06 - vignette * (down[:, None] + across) ** 1.25, 0.18, 1.0)
        self._vignette = _in_three((shade * 255).astype(np.uint8))
        noise = rng.standard_normal((height + _SHEET_MARGIN, width + _SHEET_MARGIN), np.float32) * _GRAIN
        # Apart, since OpenCV adds and subtracts bytes faster than it adds what has a sign.
        self._lighter = _in_three(np.clip(noise + 0.5, 0, 255).astype(np.uint8))
        self._darker = _in_three(np.clip(0.5 - noise, 0, 255).astype(np.uint8))
        self._label = _Label(width, height)

    def apply(self, picture: Picture, t: float) -> Picture:
        """In place."""
        width, height = self._shot.width, self._shot.height
        cv2.multiply(picture, self._vignette, dst=picture, scale=1 / 255.0)
        number = int(t * self._shot.fps + 0.5)
        x, y = (number * 37) % 127, (number * 91) % 127
        cv2.add(picture, self._lighter[y : y + height, x : x + width], dst=picture)
        cv2.subtract(picture, self._darker[y : y + height, x : x + width], dst=picture)
        self._label.stamp(picture)
        if self._fades:
            light = smooth(t / 0.45) * (1 - smooth((t - (self._shot.seconds - 0.40)) / 0.36))
            if light < 0.999:
                cv2.convertScaleAbs(picture, dst=picture, alpha=light)
        return picture


class _Label:
    """The label with its shadow, as what is kept of a picture under it and what is added to that."""

    def __init__(self, width: int, height: int) -> None:
        short = min(width, height)
        text = lettering(LABEL, max(9.0, short * 0.019), tracking=0.09)
        x = max(0, round(width - short * 0.045 - text.width - text.margin))
        y = max(0, round(short * 0.040 - text.margin))
        letters = text.mask[: height - y - 1, : width - x - 1].astype(np.float32) / 255
        rows, columns = letters.shape
        shadow = np.zeros((rows + 1, columns + 1), np.float32)
        shadow[1:, 1:] = letters * 0.45
        face = np.zeros_like(shadow)
        face[:-1, :-1] = letters * 0.66
        self._where = (slice(y, y + rows + 1), slice(x, x + columns + 1))
        self._kept = _in_three(((1 - shadow) * (1 - face) * 255 + 0.5).astype(np.uint8))
        self._added = (face[..., None] * np.array((240, 234, 238), np.float32) + 0.5).astype(np.uint8)

    def stamp(self, picture: Picture) -> None:
        under = picture[self._where]
        cv2.multiply(under, self._kept, dst=under, scale=1 / 255.0)
        cv2.add(under, self._added, dst=under)


def _in_three(plane: Picture) -> Picture:
    return np.asarray(cv2.merge([plane] * 3), np.uint8)
