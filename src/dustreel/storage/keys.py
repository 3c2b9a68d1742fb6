"""Names of objects: `videos/{random}.mp4`. Unguessable, because whoever has a link may see the video; never used twice."""

import re
from collections.abc import Callable

KINDS = ("videos", "thumbnails", "previews", "sprites", "uploads", "pictures")

# For PostgreSQL, too, which finds keys in rows by it.
KEY_PATTERN = rf"(?:{'|'.join(KINDS)})/[A-Za-z0-9_-]{{22,64}}\.[a-z0-9]{{2,5}}"
TYPES = {"mp4": "video/mp4", "jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "vtt": "text/vtt; charset=utf-8"}

_KEY = re.compile(KEY_PATTERN)


def new_key(kind: str, suffix: str, secret: Callable[[], str]) -> str:
    """A fresh key. `secret` gives at least 128 bits that are safe in a URL."""
    key = f"{kind}/{secret()}.{suffix}"
    assert is_key(key), key
    return key


def is_key(text: str) -> bool:
    """Whether this is the form of a key of ours; nothing else is ever looked up, so no path can lead out of the store."""
    return _KEY.fullmatch(text) is not None


def content_type(key: str) -> str:
    return TYPES.get(key.rpartition(".")[2], "application/octet-stream")
