"""Where a set is painted, once: larger than the picture, so that the camera may move, with what it covers kept beside the colour."""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import ArrayLike

from dustreel.providers.sandbox.kit import Colour, Picture, Plane, Points, fill, stroke
from dustreel.providers.sandbox.scene import Shot

# Units on each side beyond the picture: more than the camera moves at depth 1.
MARGIN_X, MARGIN_Y = 0.26, 0.14
# Soft things are painted at about this many rows and enlarged, whatever the picture's size.
SOFT_ROWS = 300


class Canvas:
    """Colour is kept multiplied by cover, which is what drawing over black gives by itself."""

    def __init__(self, shot: Shot, *, margin_x: float = MARGIN_X, margin_y: float = MARGIN_Y, scale: float = 1.0) -> None:
        """`scale` below 1 for what is soft or far."""
        self.unit = shot.height * scale
        self.scale = scale
        self.across, self.down = shot.aspect / 2 + margin_x, 0.5 + margin_y
        self.rows, self.columns = round(2 * self.down * self.unit), round(2 * self.across * self.unit)
        self.colour: Picture = np.zeros((self.rows, self.columns, 3), np.uint8)
        self.cover: Picture = np.zeros((self.rows, self.columns), np.uint8)

    def pixels(self, points: ArrayLike) -> Points:
        return np.asarray(np.asarray(points, np.float64) * self.unit + (self.columns / 2, self.rows / 2), np.float64)

    def row(self, y: float) -> int:
        return int(np.clip(round(y * self.unit + self.rows / 2), 0, self.rows))

    def grid(self, rows: int = SOFT_ROWS) -> tuple[Plane, Plane]:
        """x and y in units, at the size for soft things or, with more rows, for finer ones."""
        shrink = max(1.0, self.rows / rows)
        x = np.linspace(-self.across, self.across, max(2, round(self.columns / shrink)), dtype=np.float32)
        y = np.linspace(-self.down, self.down, max(2, round(self.rows / shrink)), dtype=np.float32)
        across, down = np.meshgrid(x, y)
        return np.asarray(across, np.float32), np.asarray(down, np.float32)

    def shape(self, points: ArrayLike, tint: Colour) -> None:
        pixels = self.pixels(points)
        fill(self.colour, pixels, tint)
        fill(self.cover, pixels, (255.0,))

    def shapes(self, shapes: Iterable[ArrayLike], tint: Colour) -> None:
        for points in shapes:
            self.shape(points, tint)

    def line(self, points: ArrayLike, tint: Colour, width: float) -> None:
        """`width` in units."""
        pixels, thick = self.pixels(points), width * self.unit
        stroke(self.colour, pixels, tint, thick)
        stroke(self.cover, pixels, (255.0,), thick)

    def lay(self, texture: Plane, outline: ArrayLike | None = None) -> None:
        """Colours of any size over everything, or within an outline."""
        large = self._enlarged(texture)
        if outline is None:
            self.colour[...], self.cover[...] = large, 255
            return
        mask = np.zeros_like(self.cover)
        fill(mask, self.pixels(outline), (255.0,))
        over(self.colour, large, mask)
        cv2.max(self.cover, mask, dst=self.cover)

    def tint(self, share: Plane, tint: Colour) -> None:
        """What is drawn so far goes over into a colour, softly; `share` 0 to 1, of any size."""
        amount = self._enlarged(share * 255)
        flat = np.empty_like(self.colour)
        flat[...] = np.clip(tint, 0, 255).astype(np.uint8)
        cv2.multiply(flat, cv2.merge([self.cover] * 3), dst=flat, scale=1 / 255)
        over(self.colour, flat, amount)

    def brighten(self, light: Plane, tint: Colour) -> None:
        """Light falls on what is drawn so far; `light` 0 to 1, of any size."""
        amount = cv2.multiply(self._enlarged(light * 255), self.cover, scale=1 / 255)
        glow = cv2.merge([cv2.convertScaleAbs(amount, alpha=float(part) / 255) for part in tint])
        cv2.add(self.colour, glow, dst=self.colour)

    def grain(self, rng: np.random.Generator, amount: float = 0.06) -> None:
        """Tooth for flat colours: fine noise, proportional to what it lies on."""
        noise = rng.normal(200, 200 * amount, (self.rows, self.columns)).astype(np.float32)
        cv2.multiply(self.colour, cv2.merge([np.clip(noise, 0, 255).astype(np.uint8)] * 3), dst=self.colour, scale=1 / 200)

    def _enlarged(self, soft: Plane) -> Picture:
        small = np.clip(soft, 0, 255).astype(np.uint8)
        if small.shape[:2] == (self.rows, self.columns):
            return small
        return np.asarray(cv2.resize(small, (self.columns, self.rows), interpolation=cv2.INTER_CUBIC), np.uint8)


def over(under: Picture, above: Picture, share: Picture) -> None:
    """`above` over `under`, in place."""
    covered = cv2.merge([share] * 3)
    part = cv2.multiply(above, covered, scale=1 / 255)
    cv2.multiply(under, cv2.bitwise_not(covered), dst=under, scale=1 / 255)
    cv2.add(under, part, dst=under)
