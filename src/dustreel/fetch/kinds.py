"""What a file is, by its own first bytes: never by its name, and by what a server says only where that agrees."""

from dataclasses import dataclass

# Enough for every sign below: an AVIF or MP4 names its brands in the first box, which has room for more than fifty.
SIGN_BYTES = 256

# ISO/IEC 14496-12, section 4.3: the first box names what its reader must understand.
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_MP4_BRANDS = frozenset(
    {b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"iso7", b"iso8", b"iso9", b"mp41", b"mp42", b"avc1", b"M4V "}
)
# Pictures in the same container (HEIF), which may list a video's brand besides.
_STILL_BRANDS = frozenset({b"mif1", b"msf1", b"heic", b"heix", b"hevc", b"hevx", b"avif", b"avis", b"miaf"})


@dataclass(frozen=True, slots=True)
class Kinds:
    """What may come back."""

    types: tuple[str, ...]
    """Content types, the best liked first."""
    words: str
    """As in "is no …"."""


PICTURES = Kinds(("image/jpeg", "image/png", "image/webp", "image/avif"), "JPEG, PNG, WebP or AVIF picture")
VIDEOS = Kinds(("video/mp4",), "MP4 video")


def sniff(data: bytes) -> str | None:
    """The content type by the first `SIGN_BYTES`; None for anything that is neither a picture nor a video that we take."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR":
        return "image/png"
    if data[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return _in_boxes(data)


def _in_boxes(data: bytes) -> str | None:
    """AVIF and MP4 share a container and differ in the brands of its first box: the major one, and those after four bytes of version."""
    size = int.from_bytes(data[:4])
    if data[4:8] != b"ftyp" or not 16 <= size <= SIGN_BYTES or size > len(data) or size % 4:
        return None
    major = data[8:12]
    brands = {major, *(data[at : at + 4] for at in range(16, size, 4))}
    if brands & _AVIF_BRANDS and major in _STILL_BRANDS:
        return "image/avif"
    if brands & _MP4_BRANDS and major not in _STILL_BRANDS:
        return "video/mp4"
    return None
