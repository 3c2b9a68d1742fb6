"""Making a picture harmless: decoded within limits, turned upright, brought to sRGB, stripped of all it says, encoded afresh."""

import hashlib
import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms, ImageOps

from dustreel.base.workshop import Declined

PIXELS_AT_MOST = 50_000_000
BYTES_AT_MOST = 20 << 20
# A large picture with transparency is kept as a PNG, which may be larger than what came; this much is read for a job.
KEPT_AT_MOST = 64 << 20
# Below this there is nothing to move.
SMALLEST_SIDE = 16
# Anything narrower than 1:20 is no picture of something.
MOST_STRETCHED = 20
QUALITY = 92

_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF")


def tidy(file: Path, into: Path) -> Mapping[str, Any]:
    """Writes the tidied picture; returns what it is: content_type, width, height, sha256.

    Raises Declined of kind `unsupported`, `too_large` or, where the disk takes no more, `unwritten`.
    """
    if file.stat().st_size > BYTES_AT_MOST:
        raise Declined("too_large", "The picture is larger than 20 MiB.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file, formats=_FORMATS) as picture:
                _check_size(picture)
                picture.load()
                upright = _in_srgb(ImageOps.exif_transpose(picture))
    except Declined:
        raise
    except Image.DecompressionBombError:
        raise Declined("too_large", "The picture has more than 50 megapixels.") from None
    except Exception:
        # Pillow's decoders raise whatever the damage leads them to: OSError, SyntaxError, struct.error, IndexError …
        raise Declined("unsupported", "This is no JPEG, PNG, WebP or AVIF picture, or it is damaged.") from None
    try:
        content_type = _encode(upright, into)
    except OSError as failed:
        raise Declined("unwritten", f"The tidied picture could not be written: {failed}") from None
    if into.stat().st_size > KEPT_AT_MOST:
        raise Declined(
            "too_large", "The picture, with what is transparent in it, is larger than 64 MiB once unpacked and kept without loss."
        )
    with into.open("rb") as kept:
        sha256 = hashlib.file_digest(kept, "sha256").hexdigest()
    return {"content_type": content_type, "width": upright.width, "height": upright.height, "sha256": sha256}


def crop(data: bytes, across: int, down: int) -> bytes:
    """One of our own pictures cut about its centre to the shape `across`:`down`, as a JPEG; what is transparent becomes white."""
    with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
        flat = picture.convert("RGBA")
    white = Image.new("RGBA", flat.size, "white")
    white.alpha_composite(flat)
    width = min(flat.width, flat.height * across // down)
    height = min(flat.height, flat.width * down // across)
    left, top = (flat.width - width) // 2, (flat.height - height) // 2
    return _jpeg(white.crop((left, top, left + width, top + height)).convert("RGB"))


def _check_size(picture: Image.Image) -> None:
    """From the header, before a pixel is decoded."""
    width, height = picture.size
    if width * height > PIXELS_AT_MOST:
        raise Declined("too_large", f"The picture has {width:,} × {height:,} pixels; 50 million are allowed.")
    if min(width, height) < SMALLEST_SIDE:
        raise Declined("unsupported", f"The picture is {width}×{height}; it must be at least {SMALLEST_SIDE} pixels on each side.")
    if max(width, height) > MOST_STRETCHED * min(width, height):
        raise Declined("unsupported", f"The picture is {width}×{height}; it must not be longer than {MOST_STRETCHED} times its width.")


def _in_srgb(picture: Image.Image) -> Image.Image:
    """RGB, or RGBA where anything is transparent, in the colours that a browser would show."""
    has_alpha = picture.has_transparency_data
    profile = picture.info.get("icc_profile")
    converted = picture
    if profile and picture.mode in ("RGB", "RGBA", "L", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
            base = picture.convert("RGB") if picture.mode == "RGBA" else picture
            moved = ImageCms.profileToProfile(base, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if moved is not None:
                converted = moved
                if alpha is not None:
                    converted.putalpha(alpha)
        except (ImageCms.PyCMSError, OSError):
            converted = picture  # a damaged profile is no reason to refuse a good picture
    converted = converted.convert("RGBA" if has_alpha else "RGB")
    if has_alpha and converted.getchannel("A").getextrema() == (255, 255):
        converted = converted.convert("RGB")
    return converted


def _encode(picture: Image.Image, into: Path) -> str:
    # A new image: Pillow would carry EXIF and text chunks of the old one along.
    clean = Image.frombytes(picture.mode, picture.size, picture.tobytes())
    if clean.mode == "RGBA":
        clean.save(into, "PNG", compress_level=4)
        return "image/png"
    _save_jpeg(clean, into)
    return "image/jpeg"


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    _save_jpeg(picture, out)
    return out.getvalue()


def _save_jpeg(picture: Image.Image, into: Path | io.BytesIO) -> None:
    picture.save(into, "JPEG", quality=QUALITY, subsampling=0 if picture.width * picture.height < 4_000_000 else 2)
