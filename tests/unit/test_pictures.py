"""Pictures from strangers, made harmless."""

import io
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dustreel.base.workshop import Declined
from dustreel.media import ImageTooLarge, ImageUnsupported, Workbench
from dustreel.media.pictures import tidy


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def halves(size: tuple[int, int] = (80, 40)) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", size, (230, 20, 20))
    picture.paste((20, 20, 230), (size[0] // 2, 0, *size))
    return picture


def tidied(data: bytes) -> Image.Image:
    facts, clean = tidy(data)
    picture = Image.open(io.BytesIO(clean))
    assert (facts["width"], facts["height"]) == picture.size
    return picture


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_three_kinds_are_taken(kind: str) -> None:
    picture = tidied(encoded(halves(), kind))
    assert (picture.format, picture.size) == ("JPEG", (80, 40))


@pytest.mark.parametrize(
    ("orientation", "size", "left_is_red"), [(1, (80, 40), True), (2, (80, 40), False), (3, (80, 40), False), (6, (40, 80), None)]
)
def test_a_picture_is_turned_upright(orientation: int, size: tuple[int, int], left_is_red: bool | None) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = tidied(encoded(halves(), "JPEG", exif=exif, quality=95))
    assert picture.size == size
    red = np.asarray(picture)[..., 0]
    if left_is_red is not None:
        assert (red[:, : size[0] // 2].mean() > 128) == left_is_red
    else:
        assert red[: size[1] // 2].mean() > 128, "red is on top"


def test_what_a_picture_says_about_its_maker_is_gone() -> None:
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825)[1] = "N"
    data = encoded(halves(), "JPEG", exif=exif, comment=b"SecretComment")
    assert b"SecretCamera" in data
    _, clean = tidy(data)
    assert b"Secret" not in clean and b"Exif" not in clean


def test_transparency_is_kept() -> None:
    picture = halves().convert("RGBA")
    picture.putpixel((0, 0), (0, 0, 0, 0))
    assert tidied(encoded(picture, "PNG")).mode == "RGBA"
    assert tidied(encoded(halves().convert("RGBA"), "PNG")).format == "JPEG", "opaque all over"


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "I;16", "CMYK"])
def test_every_colour_mode_is_taken(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    picture = tidied(encoded(halves().convert("I").convert("I;16") if mode == "I;16" else halves().convert(mode), kind))
    assert picture.mode in ("RGB", "RGBA") and picture.size == (80, 40)


def test_a_profile_is_applied_and_a_damaged_one_ignored() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for data in (encoded(halves(), "JPEG", icc_profile=profile), encoded(halves(), "JPEG", icc_profile=b"nonsense")):
        picture = tidied(data)
        assert "icc_profile" not in picture.info
        assert np.asarray(picture)[20, 10, 0] > 200


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        encoded(halves(), "GIF"),
        encoded(halves(), "BMP"),
        encoded(halves(), "TIFF"),
        encoded(halves((400, 300)), "JPEG")[:2000],
        encoded(Image.effect_noise((200, 200), 90), "PNG")[:-2000],
        b"\xff\xd8\xff\xe0" + b"\0" * 500,
        encoded(halves((15, 40)), "PNG"),
        encoded(halves((2000, 20)), "PNG"),
    ],
)
def test_what_is_no_usable_picture_is_declined(data: bytes) -> None:
    with pytest.raises(Declined) as declined:
        tidy(data)
    assert declined.value.kind == "unsupported"


def test_a_bomb_is_declined_before_it_is_decoded() -> None:
    small = bytearray(encoded(Image.new("1", (64, 64)), "PNG"))
    small[16:24] = (60_000).to_bytes(4, "big") + (60_000).to_bytes(4, "big")
    small[29:33] = zlib.crc32(small[12:29]).to_bytes(4, "big")
    for data in (encoded(Image.new("1", (9_000, 9_000)), "PNG"), bytes(small), b"\0" * (21 << 20)):
        with pytest.raises(Declined) as declined:
            tidy(data)
        assert declined.value.kind == "too_large"


async def test_the_bench_tidies_in_a_process_of_its_own() -> None:
    bench = Workbench()
    try:
        picture = await bench.tidy(encoded(halves(), "PNG"))
        assert (picture.content_type, picture.width, picture.height) == ("image/jpeg", 80, 40)
        with pytest.raises(ImageUnsupported):
            await bench.tidy(b"nonsense")
        with pytest.raises(ImageTooLarge):
            await bench.tidy(b"\0" * (21 << 20))
    finally:
        await bench.close()
