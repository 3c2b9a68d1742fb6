"""What every scene gets last: a vignette, film grain, the honest label, and a fade at both ends."""

import cv2
import numpy as np

from dustreel.providers.sandbox.kit import Picture, blend, lettering, smooth
from dustreel.providers.sandbox.scene import Shot

LABEL = "SANDBOX ANIMATIC · NO AI MODEL"
# Grain is cut from a larger sheet at a place that changes with every frame.
_SHEET_MARGIN = 128


class Finish:
    def __init__(self, shot: Shot, rng: np.random.Generator, *, vignette: float = 0.62, fades: bool = True) -> None:
        self._shot, self._fades = shot, fades
        width, height = shot.width, shot.height
        y, x = np.mgrid[:height, :width].astype(np.float32)
        distance = ((x / width - 0.5) / 0.72) ** 2 + ((y / height - 0.5) / 0.70) ** 2
        shade = np.clip(1.06 - vignette * distance**1.25, 0.18, 1.0)
        self._vignette = cv2.merge([(shade * 255).astype(np.uint8)] * 3)
        noise = rng.normal(128, 2.1, (height + _SHEET_MARGIN, width + _SHEET_MARGIN)).astype(np.float32)
        self._grain = cv2.merge([np.clip(noise, 0, 255).astype(np.uint8)] * 3)

    def apply(self, picture: Picture, t: float) -> Picture:
        """In place."""
        width, height = self._shot.width, self._shot.height
        cv2.multiply(picture, self._vignette, dst=picture, scale=1 / 255.0)
        number = int(t * self._shot.fps + 0.5)
        x, y = (number * 37) % 127, (number * 91) % 127
        cv2.addWeighted(picture, 1.0, self._grain[y : y + height, x : x + width], 1.0, -128.0, dst=picture)
        self._label(picture)
        if self._fades:
            light = smooth(t / 0.45) * (1 - smooth((t - (self._shot.seconds - 0.40)) / 0.36))
            if light < 0.999:
                cv2.convertScaleAbs(picture, dst=picture, alpha=light)
        return picture

    def _label(self, picture: Picture) -> None:
        short = min(self._shot.width, self._shot.height)
        text = lettering(LABEL, max(9.0, short * 0.019), tracking=0.09)
        x = self._shot.width - short * 0.045 - text.width - text.margin
        y = short * 0.040 - text.margin
        blend(picture, text.mask, x + 1, y + 1, (0, 0, 0), 0.45)
        blend(picture, text.mask, x, y, (240, 234, 238), 0.66)
