"""Where each pixel of a frame is taken from, computed for every eighth and enlarged: depth is smooth."""

import math
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from dustreel.providers.sandbox.kit import Picture, Plane
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.still.depth import plane
from dustreel.providers.sandbox.still.moves import Pose, View

SHRINK = 8
# The depth that a move leaves where it is.
_FOCUS = 0.45
# The camera looks at the subject, but not so far from the middle that an edge is seen.
_OFF_CENTRE = 0.16
# Around a subject, for all that it may move by.
_ROOM = 0.16


class Warp:
    def __init__(self, shot: Shot, size: tuple[int, ...], depth: Plane, towards: tuple[float, float] | None = None) -> None:
        """`size`: of the plates. `towards`: what the camera moves to, in pixels of the frame; else its middle."""
        self._shot = shot
        self._rows, self._columns = self.grid(shot)
        self._depth = plane(cv2.resize(depth, (self._columns, self._rows), interpolation=cv2.INTER_AREA))
        y, x = np.mgrid[: self._rows, : self._columns].astype(np.float32)
        # The middles of the blocks.
        self.x, self.y = x * SHRINK + (SHRINK - 1) / 2, y * SHRINK + (SHRINK - 1) / 2
        self._scale = (size[1] / shot.width, size[0] / shot.height)
        across, down = towards or (shot.width / 2, shot.height / 2)
        self._centre = tuple(
            side * (0.5 + min(max(at / side - 0.5, -_OFF_CENTRE), _OFF_CENTRE)) for at, side in ((across, shot.width), (down, shot.height))
        )
        whole = (self._rows * SHRINK, self._columns * SHRINK)
        self._across, self._down = np.empty(whole, np.float32), np.empty(whole, np.float32)

    @staticmethod
    def grid(shot: Shot) -> tuple[int, int]:
        """Rows and columns of blocks."""
        return math.ceil(shot.height / SHRINK), math.ceil(shot.width / SHRINK)

    def look(self, view: View) -> tuple[Plane, Plane]:
        """For every block, the place in the picture at rest."""
        x, y = self.project(self.x, self.y, self._depth, view)
        # One step towards the depth of the place that is looked at, which is what keeps edges whole.
        middle = (SHRINK - 1) / 2
        at = plane((x - middle) / SHRINK), plane((y - middle) / SHRINK)
        there = cv2.remap(self._depth, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return self.project(self.x, self.y, plane(there), view)

    def project(self, x: Plane, y: Plane, depth: Plane | float, view: View) -> tuple[Plane, Plane]:
        near = depth - _FOCUS
        shrink = 1 / (view.zoom * (1 + view.dolly * near))
        width = self._shot.width
        return (
            plane((x - self._centre[0]) * shrink + self._centre[0] + (view.x + view.lean_x * near) * width),
            plane((y - self._centre[1]) * shrink + self._centre[1] + (view.y + view.lean_y * near) * width),
        )

    def draw(self, plate: Picture, x: Plane, y: Plane, into: Picture, *, empty: bool = False) -> None:
        """A plate of four channels through a map of blocks; beyond the plate is its mirror image, or nothing."""
        height, width = into.shape[:2]
        rows, columns = x.shape
        whole = (columns * SHRINK, rows * SHRINK)
        across, down = self._across[: whole[1], : whole[0]], self._down[: whole[1], : whole[0]]
        # Pixel centres: the plate is larger than the frame by the scale.
        scale_x, scale_y = self._scale
        cv2.resize(plane(x * scale_x + (scale_x - 1) / 2), whole, dst=across, interpolation=cv2.INTER_LINEAR)
        cv2.resize(plane(y * scale_y + (scale_y - 1) / 2), whole, dst=down, interpolation=cv2.INTER_LINEAR)
        border = cv2.BORDER_CONSTANT if empty else cv2.BORDER_REFLECT
        cv2.remap(plate, across[:height, :width], down[:height, :width], cv2.INTER_LINEAR, dst=into, borderMode=border)


@dataclass(frozen=True, slots=True)
class Layer:
    """The subject, cut out; moved as one, so that it stays whole."""

    plate: Picture
    """Colours multiplied by their alpha, and it."""
    depth: float
    blocks: tuple[int, int, int, int]
    """The part of the frame that it may be seen in: left, top, right, bottom."""
    centre: float
    feet: float
    height: float
    stands: bool
    drawn: Picture
    cover: Picture

    @classmethod
    def cut(cls, shot: Shot, colours: Picture, alpha: Picture, box: tuple[int, ...], depth: Plane, *, stands: bool) -> Self:
        """`box` in pixels of the frame; `depth` is the ground's."""
        plate = cv2.merge([*(cv2.multiply(channel, alpha, scale=1 / 255.0) for channel in cv2.split(colours)), alpha])
        left, top, right, bottom = box
        row = min(depth.shape[0] - 1, int(bottom / shot.height * depth.shape[0]))
        at = slice(int(left / shot.width * depth.shape[1]), max(1, int(right / shot.width * depth.shape[1])))
        # Feet move with the ground that they stand on; who is cut by the frame stands before it.
        near = max(float(np.median(depth[row, at])), 0.5) if stands else max(float(depth.max()), 0.85)
        room = _ROOM * max(right - left, bottom - top) + 0.08 * shot.width
        rows, columns = Warp.grid(shot)
        blocks = (
            max(0, int((left - room) / SHRINK)),
            max(0, int((top - room) / SHRINK)),
            min(columns, math.ceil((right + room) / SHRINK)),
            min(rows, math.ceil((bottom + room) / SHRINK)),
        )
        size = (min(blocks[3] * SHRINK, shot.height) - blocks[1] * SHRINK, min(blocks[2] * SHRINK, shot.width) - blocks[0] * SHRINK, 4)
        feet = bottom if stands else bottom + 0.12 * (bottom - top)
        buffers = np.empty(size, np.uint8), np.empty(size, np.uint8)
        return cls(np.asarray(plate, np.uint8), near, blocks, (left + right) / 2, feet, float(bottom - top), stands, *buffers)

    def draw(self, picture: Picture, warp: Warp, view: View, pose: Pose) -> None:
        """Over a picture of four channels."""
        left, top, right, bottom = self.blocks
        part = np.s_[top:bottom, left:right]
        x, y = warp.project(warp.x[part], warp.y[part], self.depth, view)
        # Who is cut by the frame's lower edge must not be lifted off it.
        up, tall = (pose.up * self.height, pose.tall) if self.stands else (0.0, pose.tall + 0.6 * pose.up)
        y = plane(self.feet - (self.feet - y - up) / tall)
        above = np.clip((self.feet - y) / self.height, 0, 1.3)
        x = plane(self.centre + (x - above * above * (pose.lean * self.height) - self.centre) / pose.wide)
        warp.draw(self.plate, x, y, self.drawn, empty=True)
        under = picture[top * SHRINK : bottom * SHRINK, left * SHRINK : right * SHRINK]
        alpha = cv2.extractChannel(self.drawn, 3)
        cv2.bitwise_not(alpha, dst=alpha)
        cv2.merge([alpha] * 4, self.cover)
        cv2.multiply(under, self.cover, dst=under, scale=1 / 255.0)
        cv2.add(under, self.drawn, dst=under)
