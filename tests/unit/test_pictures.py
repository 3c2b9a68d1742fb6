"""Pictures from strangers, made harmless."""

import hashlib
import io
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features
from structlog.testing import capture_logs

from dustreel.base.errors import Unavailable
from dustreel.base.workshop import Declined
from dustreel.fetch.kinds import SIGN_BYTES, sniff
from dustreel.media import ImageTooLarge, ImageUnsupported, Picture, Workbench, pictures


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def halves(size: tuple[int, int] = (80, 40)) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", size, (230, 20, 20))
    picture.paste((20, 20, 230), (size[0] // 2, 0, *size))
    return picture


def tidy(data: bytes) -> tuple[Mapping[str, Any], bytes]:
    """What `pictures.tidy` says and writes."""
    with tempfile.TemporaryDirectory() as folder:
        sent, into = Path(folder) / "sent", Path(folder) / "tidied"
        sent.write_bytes(data)
        return pictures.tidy(sent, into), into.read_bytes()


def tidied(data: bytes) -> Image.Image:
    facts, clean = tidy(data)
    picture = Image.open(io.BytesIO(clean))
    assert (facts["width"], facts["height"]) == picture.size
    return picture


KINDS = ["JPEG", "PNG", "WEBP", "AVIF"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_four_kinds_are_taken(kind: str) -> None:
    data = encoded(halves(), kind)
    assert sniff(data[:SIGN_BYTES]) == f"image/{kind.lower()}"
    picture = tidied(data)
    assert (picture.format, picture.size) == ("JPEG", (80, 40))
    red, _, blue = np.asarray(picture)[20, 10]
    assert red > 180 and blue < 70


def test_this_pillow_reads_avif() -> None:
    assert features.check("avif")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_a_film_of_pictures_is_its_first_one(kind: str) -> None:
    data = encoded(halves(), kind, save_all=True, append_images=[Image.new("RGB", (80, 40), "green")], duration=100)
    assert np.asarray(tidied(data))[20, 10, 0] > 180


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_what_hangs_on_a_picture_is_gone(kind: str) -> None:
    """A picture that is a page, a script or an archive as well comes out as a picture alone."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("index.html", "<script>alert(1)</script>")
    _, clean = tidy(encoded(halves(), kind) + b"<script>alert(1)</script>" + out.getvalue())
    assert b"script" not in clean and b"PK" not in clean and clean.endswith(b"\xff\xd9")


@pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
@pytest.mark.parametrize(
    ("orientation", "size", "left_is_red"), [(1, (80, 40), True), (2, (80, 40), False), (3, (80, 40), False), (6, (40, 80), None)]
)
def test_a_picture_is_turned_upright(orientation: int, size: tuple[int, int], left_is_red: bool | None, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = tidied(encoded(halves(), kind, exif=exif, quality=95))
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
    for data in (
        encoded(halves(), "JPEG", exif=exif, comment=b"SecretComment"),
        encoded(halves(), "AVIF", exif=exif, xmp=b"<x>SecretXmp</x>"),
        encoded(halves(), "WEBP", exif=exif, xmp=b"<x>SecretXmp</x>"),
    ):
        assert b"SecretCamera" in data
        _, clean = tidy(data)
        assert b"Secret" not in clean and b"Exif" not in clean


def test_transparency_is_kept() -> None:
    picture = halves().convert("RGBA")
    picture.putpixel((0, 0), (0, 0, 0, 0))
    for kind in ("PNG", "WEBP", "AVIF"):
        assert tidied(encoded(picture, kind, **({} if kind == "PNG" else {"quality": 100}))).mode == "RGBA"
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
        encoded(halves(), "AVIF")[:200],
        encoded(Image.effect_noise((200, 200), 90), "AVIF")[:-2000],
        b"\0\0\0\x1cftypavif" + bytes(500),
        b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf" + bytes(500),
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
    # The box that says how large an AVIF is (ISO/IEC 23008-12, section 6.5.3).
    avif = bytearray(encoded(halves((64, 64)), "AVIF"))
    at = avif.index(b"ispe") + 8
    avif[at : at + 8] = (9_000).to_bytes(4, "big") * 2
    for data in (encoded(Image.new("1", (9_000, 9_000)), "PNG"), bytes(small), bytes(avif), b"\0" * (21 << 20)):
        with pytest.raises(Declined) as declined:
            tidy(data)
        assert declined.value.kind == "too_large"


def test_what_would_be_kept_too_large_is_declined(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Image.effect_noise((200, 200), 90).convert("RGBA")
    picture.putpixel((0, 0), (0, 0, 0, 0))
    monkeypatch.setattr(pictures, "KEPT_AT_MOST", 10_000)
    with pytest.raises(Declined) as declined:
        tidy(encoded(picture, "PNG"))
    assert declined.value.kind == "too_large"


async def test_the_bench_tidies_in_a_process_of_its_own(tmp_path: Path) -> None:
    async def tidy(data: bytes) -> Picture:
        sent = tmp_path / "sent"
        sent.write_bytes(data)
        return await bench.tidy(sent, tmp_path / "tidied")

    bench = Workbench()
    try:
        picture = await tidy(encoded(halves(), "AVIF"))
        assert (picture.content_type, picture.width, picture.height) == ("image/jpeg", 80, 40)
        assert hashlib.sha256(picture.file.read_bytes()).hexdigest() == picture.sha256
        with pytest.raises(ImageUnsupported):
            await tidy(b"nonsense")
        with pytest.raises(ImageTooLarge):
            await tidy(b"\0" * (21 << 20))
        (tmp_path / "tidied").unlink()
        (tmp_path / "tidied").mkdir()  # what can't be written to
        with capture_logs(), pytest.raises(Unavailable):
            await tidy(encoded(halves(), "PNG"))
    finally:
        await bench.close()
