"""A still picture set in motion: a guess at its depth, a small camera move through it, drifting light and dust."""

import math
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from dustreel.providers.sandbox.depth import guess_depth
from dustreel.providers.sandbox.finish import Finish
from dustreel.providers.sandbox.kit import Picture, Plane, clouds, disc, smooth, smoother
from dustreel.providers.sandbox.scene import Shot

# The map of the move is computed at this fraction of the size and enlarged: depth is smooth.
SHRINK = 8
MOTES = 90
# Larger than the video needs by this, a picture only costs memory.
LARGEST_SIDE = 4_096

_MOVES = {
    "out": ("zoom out", "pull back", "pull out"),
    "left": ("pan left", "move left"),
    "right": ("pan right", "move right"),
    "up": ("tilt up", "rise", "rising"),
    "in": ("zoom", "push", "dolly", "closer", "close-up"),
    "sway": ("dance", "dancing", "sway", "swing", "jump", "run", "play"),
}
_WINDY = ("wind", "wave", "water", "sea", "river", "flow", "cloud", "smoke", "flag", "grass", "flower", "breeze", "fire", "rain", "snow")
_CALM = ("slow", "gentle", "subtle", "calm", "soft")


def open_picture(path: Path) -> Picture:
    """The picture in RGB; what is transparent becomes a soft grey."""
    with Image.open(path) as opened:
        opened.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))
        image = opened.convert("RGBA") if opened.has_transparency_data else opened.convert("RGB")
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    if image.mode == "RGBA":
        ground = Image.new("RGBA", image.size, (196, 198, 202, 255))
        image = Image.alpha_composite(ground, image).convert("RGB")
    return np.asarray(image, np.uint8)


class Animate:
    def __init__(self, shot: Shot, picture: Picture) -> None:
        self._shot = shot
        rng = np.random.default_rng(shot.seed)
        self._finish = Finish(shot, rng, vignette=0.30, fades=False)
        self._source = _cover(picture, shot.width, shot.height)
        self._rows, self._columns = math.ceil(shot.height / SHRINK), math.ceil(shot.width / SHRINK)
        depth = guess_depth(self._source)
        self._depth: Plane = np.asarray(cv2.resize(depth, (self._columns, self._rows), interpolation=cv2.INTER_AREA), np.float32)
        y, x = np.mgrid[: self._rows, : self._columns].astype(np.float32)
        middle = (SHRINK - 1) / 2
        self._x: Plane = x * SHRINK + middle
        self._y: Plane = y * SHRINK + middle
        text = shot.prompt.lower()
        named = next((move for move, phrases in _MOVES.items() if any(phrase in text for phrase in phrases)), None)
        self._move = named or ("in", "orbit", "right", "left")[shot.seed % 4]
        self._amount = 0.6 if any(word in text for word in _CALM) else 1.0
        self._side = 1 if (shot.seed >> 3) & 1 else -1
        self._windy = shot.camera_fixed or any(word in text for word in _WINDY)
        self._wind = [clouds(self._rows, self._columns * 2, rng, octaves=3, cells=3, stretch=2.0) - 0.5 for _ in range(2)]
        self._dark = (1 - float(self._source.mean()) / 255) ** 1.2
        self._sheen: Plane = x / self._columns + 0.45 * y / self._rows
        self._motes = rng.uniform((0, 0, 0.5, 0, 0.2), (1, 1, 1.6, 2 * math.pi, 1), (MOTES, 5))
        self._buffer = np.empty((shot.height, shot.width, 3), np.uint8)

    def frame(self, t: float) -> Picture:
        x, y = self._map(t)
        # From the map's middle-of-block samples to every pixel.
        whole = (self._columns * SHRINK, self._rows * SHRINK)
        across = cv2.resize(x, whole, interpolation=cv2.INTER_LINEAR)[: self._shot.height, : self._shot.width]
        down = cv2.resize(y, whole, interpolation=cv2.INTER_LINEAR)[: self._shot.height, : self._shot.width]
        cv2.remap(self._source, across, down, cv2.INTER_LINEAR, dst=self._buffer, borderMode=cv2.BORDER_REFLECT)
        self._light(t)
        self._dust(t)
        return self._finish.apply(self._buffer, t)

    def _map(self, t: float) -> tuple[Plane, Plane]:
        """For every block, where in the source it is taken from: nearer things move more."""
        zoom, shift_x, shift_y, lean_x, lean_y, dolly = self._camera(t)
        width = self._shot.width
        centre_x, centre_y = self._shot.width / 2, self._shot.height / 2

        def look(depth: Plane) -> tuple[Plane, Plane]:
            nearness = depth - 0.45
            shrink = 1 / (zoom * (1 + dolly * nearness))
            x = (self._x - centre_x) * shrink + centre_x + (shift_x + lean_x * nearness) * width
            y = (self._y - centre_y) * shrink + centre_y + (shift_y + lean_y * nearness) * width
            return np.asarray(x, np.float32), np.asarray(y, np.float32)

        x, y = look(self._depth)
        # One step towards the depth of the place that is looked at, which is what keeps edges whole.
        middle = (SHRINK - 1) / 2
        there = cv2.remap(self._depth, (x - middle) / SHRINK, (y - middle) / SHRINK, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        x, y = look(np.asarray(there, np.float32))
        if self._windy:
            x, y = self._blow(x, y, t)
        return x, y

    def _blow(self, x: Plane, y: Plane, t: float) -> tuple[Plane, Plane]:
        rows, columns = self._rows, self._columns
        first = cv2.getRectSubPix(self._wind[0], (columns, rows), (columns / 2 + (t * 0.045 * columns) % columns, rows / 2))
        second = cv2.getRectSubPix(self._wind[1], (columns, rows), (columns * 1.5 - (t * 0.028 * columns + 7) % columns, rows / 2))
        strength = 0.006 * self._shot.width * (0.2 + 0.8 * (1 - self._depth))
        return (
            np.asarray(x + strength * first * math.sin(t * 1.7), np.float32),
            np.asarray(y + strength * 0.6 * second * math.cos(t * 1.3), np.float32),
        )

    def _camera(self, t: float) -> tuple[float, float, float, float, float, float]:
        """Zoom, shift x and y, parallax x and y (all in widths), and how much nearer things grow more."""
        if self._shot.camera_fixed:
            return 1.035, 0.0, 0.0, 0.0, 0.0, 0.0
        done = smoother(t / self._shot.seconds)
        off, amount, side = done - 0.5, self._amount, self._side
        hand_x, hand_y = 0.0018 * math.sin(t * 1.15 + 1), 0.0014 * math.sin(t * 0.93)
        match self._move:
            case "in":
                return 1.06 + 0.11 * amount * done, hand_x, hand_y, 0.02 * amount * side * off, -0.008 * amount * off, 0.055 * amount * off
            case "out":
                return 1.06 + 0.11 * amount * (1 - done), hand_x, hand_y, 0.016 * amount * side * off, 0.0, -0.055 * amount * off
            case "left" | "right":
                way = 1 if self._move == "right" else -1
                return 1.105, 0.037 * amount * way * off + hand_x, hand_y, 0.03 * amount * way * off, 0.0, 0.008 * off
            case "up":
                return 1.105, hand_x, -0.036 * amount * off + hand_y, 0.0, -0.022 * amount * off, 0.01 * off
            case "sway":
                beat = t * 2 * math.pi / 1.25
                return 1.10, hand_x, hand_y, 0.016 * amount * math.sin(beat), 0.010 * amount * abs(math.sin(beat)), 0.02 * math.sin(beat)
        turn = done * math.pi * 1.25 - 0.6
        return (
            1.09 + 0.05 * done,
            0.004 * math.cos(turn),
            0.003 * math.sin(turn),
            0.026 * amount * side * math.cos(turn + 0.3),
            0.012 * amount * math.sin(turn),
            0.03 * amount * off,
        )

    def _light(self, t: float) -> None:
        """A sheen that wanders across, the more the darker the picture is."""
        distance = self._sheen - (-0.35 + 1.9 * smooth(t / self._shot.seconds * 0.96 + 0.02))
        light = np.exp(-((distance / 0.34) ** 2)) * (26 * self._dark)
        warm = cv2.merge([light, light * 0.86, light * 0.62]).astype(np.uint8)
        cv2.add(self._buffer, cv2.resize(warm, (self._shot.width, self._shot.height)), dst=self._buffer)

    def _dust(self, t: float) -> None:
        width, height = self._shot.width, self._shot.height
        for x, y, depth, phase, brightness in self._motes:
            left = int((x + 0.012 * t * depth + 0.012 * math.sin(t * 0.5 + phase)) % 1 * width)
            top = int((y - 0.010 * t * depth + 0.010 * math.sin(t * 0.7 + phase * 2)) % 1 * height)
            glow = brightness * (0.35 + 0.65 * math.sin(t * 0.9 + phase) ** 2) * 0.30
            sprite = disc(max(2.0, height * 0.0042 * depth), 1.4)[..., None] * (np.array([255, 238, 210], np.float32) * glow)
            region = self._buffer[top : top + sprite.shape[0], left : left + sprite.shape[1]]
            cv2.add(region, sprite.astype(np.uint8)[: region.shape[0], : region.shape[1]], dst=region)


def _cover(picture: Picture, width: int, height: int) -> Picture:
    """Cropped about the centre to the video's shape and brought to its size; never stretched."""
    rows, columns = picture.shape[:2]
    wanted = width / height
    across, down = (rows * wanted, float(rows)) if columns / rows > wanted else (float(columns), columns / wanted)
    left, top = (columns - across) / 2, (rows - down) / 2
    if width / across < 1:
        cropped = picture[round(top) : round(top + down), round(left) : round(left + across)]
        return np.asarray(cv2.resize(cropped, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    scale = across / width
    # Pixel centres, not corners, or the picture would shift by half a pixel of its own.
    offset = (scale - 1) / 2
    matrix = np.array([[scale, 0, left + offset], [0, scale, top + offset]], np.float32)
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT), np.uint8)
