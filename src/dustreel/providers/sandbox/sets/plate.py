"""A painted plate that is moved with each frame: cut into strips, so that only edges are blended and what is empty costs nothing.

Sheets have four channels: colour times cover, and what stays clear. OpenCV 5 warps four channels in a third of the time of three.
"""

import math
from dataclasses import dataclass
from itertools import groupby, pairwise

import cv2
import numpy as np

from dustreel.providers.sandbox.kit import Camera, Picture, Plane
from dustreel.providers.sandbox.sets.canvas import Canvas

# A plate is looked at in so many strips of so many blocks: small enough to find what is opaque, few enough to cost little by themselves.
STRIPS, BLOCKS = 20, 10
_LINEAR = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


@dataclass(frozen=True, slots=True)
class _Strip:
    top: int
    bottom: int
    left: int
    right: int
    opaque: bool


class Scratch:
    """Room for a frame's warped parts, kept from frame to frame."""

    def __init__(self) -> None:
        self._rooms: dict[str, Picture] = {}

    def take(self, use: str, *shape: int) -> Picture:
        size = math.prod(shape)
        room = self._rooms.get(use)
        if room is None or room.size < size:
            room = self._rooms[use] = np.empty(size, np.uint8)
        return room[:size].reshape(shape)


_SCRATCH = Scratch()


class Plate:
    def __init__(self, canvas: Canvas, depth: float, *, foot: float | None = None) -> None:
        """`foot`: the height about which it leans, if it does."""
        self.depth, self._scale, self._unit = depth, canvas.scale, canvas.unit
        self._strips = _cut(canvas.cover) if foot is None else _rows(canvas.cover)
        top, bottom = (min(s.top for s in self._strips), max(s.bottom for s in self._strips)) if self._strips else (0, 1)
        self._rows, self._columns, self._top = canvas.rows, canvas.columns, top
        clear = cv2.bitwise_not(canvas.cover[top:bottom])
        self._sheet: Picture = np.asarray(cv2.merge([*cv2.split(canvas.colour[top:bottom]), clear]), np.uint8)
        self._foot = canvas.row(foot) if foot is not None else canvas.rows

    def draw(self, picture: Picture, camera: Camera, lean: float = 0.0) -> None:
        """`lean`: how far it bends sideways for each unit of height above its foot."""
        zoom = (1 + (camera.zoom - 1) * self.depth) / self._scale
        # Where the plate's middle is seen.
        middle_x = camera.width / 2 - camera.x * self.depth * zoom * self._unit
        middle_y = camera.height / 2 - camera.y * self.depth * zoom * self._unit
        for strip in self._strips:
            top = math.floor((strip.top - self._rows / 2) * zoom + middle_y + 0.5)
            bottom = math.floor((strip.bottom - self._rows / 2) * zoom + middle_y + 0.5)
            left = math.floor((strip.left - self._columns / 2) * zoom + middle_x + 0.5)
            right = math.floor((strip.right - self._columns / 2) * zoom + middle_x + 0.5)
            top, bottom, left, right = max(top, 0), min(bottom, camera.height), max(left, 0), min(right, camera.width)
            if bottom <= top or right <= left:
                continue
            from_y = (top - middle_y) / zoom + self._rows / 2 - self._top
            from_x = (left - middle_x) / zoom + self._columns / 2 - lean * (self._foot - self._top - from_y)
            # OpenCV asks for the source of each pixel's corner; half a pixel's difference in scale is not seen.
            matrix = np.array([[1 / zoom, lean / zoom, from_x], [0, 1 / zoom, from_y]], np.float32)
            self._place(picture[top:bottom, left:right], matrix, strip.opaque)

    def _place(self, region: Picture, matrix: Plane, opaque: bool) -> None:
        rows, columns = region.shape[:2]
        moved = _SCRATCH.take("moved", rows, columns, 4)
        cv2.warpAffine(self._sheet, matrix, (columns, rows), dst=moved, flags=_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        if opaque:
            cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB, dst=region)
        else:
            lay(region, moved)


def lay(region: Picture, sheet: Picture) -> None:
    """A sheet of the same size over a region: its fourth channel says how much of what is under it still shows."""
    rows, columns = region.shape[:2]
    colour, shade = _SCRATCH.take("colour", rows, columns, 3), _SCRATCH.take("shade", rows, columns, 3)
    clear = _SCRATCH.take("clear", rows, columns)
    cv2.extractChannel(sheet, 3, dst=clear)
    cv2.cvtColor(clear, cv2.COLOR_GRAY2RGB, dst=shade)
    cv2.cvtColor(sheet, cv2.COLOR_RGBA2RGB, dst=colour)
    cv2.multiply(region, shade, dst=region, scale=1 / 255)
    cv2.add(region, colour, dst=region)


def _cut(cover: Picture) -> tuple[_Strip, ...]:
    """Runs of blocks that are opaque or mixed, joined downwards where they repeat."""
    rows, columns = cover.shape
    down = np.linspace(0, rows, STRIPS + 1).round().astype(int).tolist()
    edges = np.linspace(0, columns, BLOCKS + 1).round().astype(int).tolist()
    open_runs: dict[tuple[int, int, bool], _Strip] = {}
    found: list[_Strip] = []
    for top, bottom in pairwise(down):
        # With a pixel or two around: a zoomed block's edge is mixed with its neighbours.
        band = cover[max(0, top - 2) : bottom + 2]
        kinds = [_kind(band[:, max(0, left - 2) : right + 2]) for left, right in pairwise(edges)]
        runs = _runs(kinds)
        kept: dict[tuple[int, int, bool], _Strip] = {}
        for first, last, opaque in runs:
            before = open_runs.pop((first, last, opaque), None)
            start = before.top if before else top
            kept[first, last, opaque] = _Strip(start, bottom, edges[first], edges[last], opaque)
        found += open_runs.values()
        open_runs = kept
    return (*found, *open_runs.values())


def _rows(cover: Picture) -> tuple[_Strip, ...]:
    """For what leans: whole rows from the first to the last that is drawn, with room at both sides to move in."""
    rows, columns = cover.shape
    room = columns // 40
    found = []
    for top, bottom in pairwise(np.linspace(0, rows, STRIPS + 1).round().astype(int).tolist()):
        seen = np.flatnonzero(cover[top:bottom].max(0))
        if len(seen):
            found.append(_Strip(top, bottom, max(0, int(seen[0]) - room), min(columns, int(seen[-1]) + room), False))
    return tuple(found)


def _kind(block: Picture) -> str:
    if not block.any():
        return "empty"
    return "opaque" if int(block.min()) > 250 else "mixed"


def _runs(kinds: list[str]) -> list[tuple[int, int, bool]]:
    """First block, the one after the last, and whether all are opaque. A single opaque block between mixed ones is not worth a cut."""
    for at in range(1, len(kinds) - 1):
        if kinds[at] == "opaque" and kinds[at - 1] == kinds[at + 1] == "mixed":
            kinds[at] = "mixed"
    found = []
    for kind, group in groupby(range(len(kinds)), key=lambda at: kinds[at]):
        blocks = list(group)
        if kind != "empty":
            found.append((blocks[0], blocks[-1] + 1, kind == "opaque"))
    return found
