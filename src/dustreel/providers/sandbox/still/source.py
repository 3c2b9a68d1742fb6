"""A picture from its file to pixels of the video's shape, whatever its size, in little memory."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from dustreel.providers.sandbox.kit import Picture

# The camera comes nearer than the frame: so much more is kept, where the picture has it.
SPARE = 1.12
# What is transparent becomes a soft grey.
GROUND = (196, 198, 202)
# A picture is brought down in strips of so many rows: a copy of 50 megapixels would be 200 MB.
STRIP_ROWS = 512
_ORIENTATION = 0x0112
# From here on the picture lies on its side.
_FIRST_LYING = 5
# Of what is cut off above and below, this share goes above: that is where faces are.
_HEADROOM = 0.34
# Enlarged more than this, a picture is soft, and is sharpened a little.
_SOFT_FROM = 1.3


@dataclass(frozen=True, slots=True)
class Source:
    picture: Picture
    """RGB, of the video's shape; as large as the video, and up to SPARE larger."""
    alpha: Picture | None
    """What is solid, where something isn't."""


def open_picture(path: Path, width: int, height: int) -> Source:
    """Cropped about its middle, and of a tall one rather above it; never stretched."""
    with Image.open(path) as opened:
        # What comes through the service is upright already (media/pictures.py); a file of one's own may not be.
        lying = opened.getexif().get(_ORIENTATION, 1) >= _FIRST_LYING
        across, down = (height, width) if lying else (width, height)
        box = _covered(opened.size, across, down)
        factor = max(1, int((box[2] - box[0]) / (across * SPARE)))
        whole = opened.size
        opened.draft("RGB", (max(1, whole[0] // factor), max(1, whole[1] // factor)))
        scale = opened.size[0] / whole[0]
        box = (box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale)
        small, alpha = _reduced(opened, box, max(1, int((box[2] - box[0]) / (across * SPARE))))
        turn = opened.getexif().get(_ORIENTATION, 1)
    return Source(_sized(_upright(small, turn), width, height), None if alpha is None else _sized(_upright(alpha, turn), width, height))


def _covered(size: tuple[int, int], across: int, down: int) -> tuple[float, float, float, float]:
    """The largest box of a shape: left, top, right, bottom."""
    width = min(float(size[0]), size[1] * across / down)
    height = width * down / across
    left, top = (size[0] - width) / 2, (size[1] - height) * _HEADROOM
    return left, top, left + width, top + height


def _reduced(image: Image.Image, box: tuple[float, float, float, float], factor: int) -> tuple[Image.Image, Image.Image | None]:
    """The box of an image, smaller by a whole factor, over the ground; and how solid it is, where the ground is seen."""
    left, top = int(box[0]), int(box[1])
    right, bottom = max(left + 1, round(box[2])), max(top + 1, round(box[3]))
    size = (-(-(right - left) // factor), -(-(bottom - top) // factor))
    colours = Image.new("RGB", size)
    alpha = Image.new("L", size) if image.has_transparency_data else None
    for row in range(0, size[1], STRIP_ROWS):
        end = min(bottom, top + (row + STRIP_ROWS) * factor)
        strip = image.crop((left, top + row * factor, right, end))
        if alpha is not None:
            solid = strip.convert("RGBA")
            alpha.paste(solid.getchannel("A").reduce(factor), (0, row))
            strip = Image.alpha_composite(Image.new("RGBA", solid.size, (*GROUND, 255)), solid)
        colours.paste(strip.convert("RGB").reduce(factor), (0, row))
    return colours, alpha


def _upright(image: Image.Image, turn: int) -> Picture:
    image.getexif()[_ORIENTATION] = turn
    return np.asarray(ImageOps.exif_transpose(image), np.uint8)


def _sized(picture: Picture, width: int, height: int) -> Picture:
    scale = picture.shape[1] / width
    if scale >= 1:
        spare = min(scale, SPARE)
        size = (round(width * spare), round(height * spare))
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    large = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    if 1 / scale > _SOFT_FROM and picture.ndim == 3:
        blurred = cv2.GaussianBlur(large, (0, 0), min(0.55 / scale, 6.0))
        cv2.addWeighted(large, 1.5, blurred, -0.5, 0, dst=large)
    return large
