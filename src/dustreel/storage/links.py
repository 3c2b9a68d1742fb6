"""From a key to the address that callers get, and back: public for ever, or signed and good for an hour."""

import base64
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import parse_qs, urlencode

from dustreel.base.clock import Clock
from dustreel.base.errors import DomainError
from dustreel.storage.keys import is_key
from dustreel.storage.signing import Bucket, signed_at

MEDIA_PATH = "/media/"
# Of a private link.
LINK_SECONDS = 3_600
# An upload that nobody used is kept for a day, and for so long the link that its owner was given names it as an image_url.
UPLOAD_SECONDS = 86_400
# An object never changes under its key.
PUBLIC_CACHE = "public, max-age=31536000, immutable"
# In private mode nobody but the viewer's browser may keep an object, and not for longer than the link lives.
PRIVATE_CACHE = f"private, max-age={LINK_SECONDS}"


class LinkInvalid(DomainError):
    code = "link_invalid"
    sentence = "This link is not signed as ours are. Ask the API for the video again: each answer has a fresh link."


class LinkExpired(DomainError):
    code = "link_expired"
    sentence = "This link has expired. Ask the API for the video again: each answer has a fresh link."


class Signer(Protocol):
    """Makes links that expire, and knows its own."""

    def url(self, key: str) -> str: ...
    def key_of(self, url: str) -> str | None:
        """The key behind a link that is rightly signed; None for any other address."""


class Links:
    """Public links: the CDN's where there is one, else the API's own. With signers, the API's own last: theirs, and no other is ours."""

    def __init__(self, public_url: str, cdn_url: str | None, *, signers: Sequence[Signer] = ()) -> None:
        """Both without a slash at the end; `cdn_url` serves the keys at its root."""
        self._base = f"{cdn_url}/" if cdn_url else f"{public_url}{MEDIA_PATH}"
        # An upload made before a CDN was set, or through it, is ours all the same; and so is one whose scheme a proxy changed.
        bases = {self._base, f"{public_url}{MEDIA_PATH}"}
        self._ours = tuple(_without_scheme(base) for base in bases)
        self._signers = tuple(signers)

    def url(self, key: str) -> str:
        if not self._signers:
            return self.public(key)
        # A WebVTT names its sprite, which needs a signature of its own: the API writes that in as it serves it, and a bucket can't.
        return self._signers[-1 if key.endswith(".vtt") else 0].url(key)

    def public(self, key: str) -> str:
        """The address without a signature: what a CDN may have kept."""
        return self._base + key

    def key_of(self, url: str) -> str | None:
        """The key behind a link of ours, whatever its scheme; None for any other address, and for one that is wrongly signed."""
        if self._signers:
            return next((key for signer in self._signers if (key := signer.key_of(url)) is not None), None)
        bare = _without_scheme(url)
        for base in self._ours:
            if bare.startswith(base) and is_key(bare[len(base) :]):
                return bare[len(base) :]
        return None


class SignedMedia:
    """Links to the API's own media route: `/media/{key}?expires=SECONDS&signature=…`, an HMAC over key and time."""

    def __init__(self, public_url: str, secret: bytes, clock: Clock) -> None:
        self._base, self._secret, self._clock = f"{public_url}{MEDIA_PATH}", secret, clock

    def url(self, key: str) -> str:
        expires = str(int(self._clock.now().timestamp()) + LINK_SECONDS)
        return f"{self._base}{key}?{urlencode({'expires': expires, 'signature': self._signature(key, expires)})}"

    def check(self, key: str, expires: str | None, signature: str | None, *, after: float = 0.0) -> None:
        """Raises LinkInvalid and, more than `after` seconds after its end, LinkExpired."""
        # The signature first, in constant time: what isn't ours is not worth a word about its time.
        if expires is None or signature is None or not hmac.compare_digest(_bytes(signature), _bytes(self._signature(key, expires))):
            raise LinkInvalid
        if int(expires) + after < self._clock.now().timestamp():
            raise LinkExpired

    def key_of(self, url: str) -> str | None:
        bare, _, query = _without_scheme(url).partition("?")
        base = _without_scheme(self._base)
        if not bare.startswith(base) or not is_key(key := bare[len(base) :]):
            return None
        said = parse_qs(query)
        try:
            self.check(key, said.get("expires", [None])[0], said.get("signature", [None])[0], after=_grace(key))
        except DomainError:
            return None
        return key

    def _signature(self, key: str, expires: str) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._secret, _bytes(f"{key}\n{expires}"), "sha256")).rstrip(b"=").decode()


class Presigned:
    """Links to the bucket itself, by S3's own signature."""

    def __init__(self, bucket: Bucket, clock: Clock) -> None:
        self._bucket, self._clock = bucket, clock

    def url(self, key: str) -> str:
        return self._signed(key, self._clock.now())

    def key_of(self, url: str) -> str | None:
        bare, _, query = _without_scheme(url).partition("?")
        base = _without_scheme(self._bucket.object_url(""))
        if not bare.startswith(base) or not is_key(key := bare[len(base) :]):
            return None
        at = signed_at(parse_qs(query).get("X-Amz-Date", [""])[0])
        if at is None or not hmac.compare_digest(_bytes(_without_scheme(self._signed(key, at))), _bytes(_without_scheme(url))):
            return None
        ends = at + timedelta(seconds=LINK_SECONDS + _grace(key))
        return key if self._clock.now() <= ends else None

    def _signed(self, key: str, at: datetime) -> str:
        # The object itself says that it may be kept for ever by anybody, as public ones may.
        query = {"response-cache-control": PRIVATE_CACHE}
        return self._bucket.presign("GET", self._bucket.object_url(key), at=at, seconds=LINK_SECONDS, query=query)


def _grace(key: str) -> float:
    return UPLOAD_SECONDS if key.startswith("uploads/") else 0.0


def _bytes(text: str) -> bytes:
    """Whatever was sent: JSON can say half of a surrogate pair, which UTF-8 can't."""
    return text.encode(errors="replace")


def _without_scheme(url: str) -> str:
    scheme, found, rest = url.partition("://")
    return rest if found and scheme.lower() in ("http", "https") else url
