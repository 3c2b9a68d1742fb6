"""One request and its answer: where to ask next, or a body that is what was wanted, handed on as it comes."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import httpcore

from dustreel.fetch.addresses import Target, joined
from dustreel.fetch.dial import CheckedDialler, Meter, Names
from dustreel.fetch.failures import BadAddress, TooLarge, Unreachable, WrongKind
from dustreel.fetch.kinds import SIGN_BYTES, Kinds, sniff

# A server that sends less than this after the first seconds only holds the connection.
SLOWEST_BYTES_A_SECOND = 10_000
SLOWNESS_FORGIVEN_SECONDS = 3.0

# What object stores call files whose type nobody told them.
_UNTYPED = frozenset({"application/octet-stream", "binary/octet-stream"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

type Take = Callable[[bytes], Awaitable[None]]
"""Is given the body piece by piece, in order, and only what has been found to be of the right kind."""


@dataclass(frozen=True, slots=True)
class Wanted:
    kinds: Kinds
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Onward:
    """A redirect."""

    url: str


@dataclass(frozen=True, slots=True)
class Body:
    content_type: str
    """By the bytes themselves."""
    size: int


@dataclass(frozen=True, slots=True)
class Lines:
    """What every exchange needs to connect: each has a connection of its own."""

    names: Names
    network: httpcore.AsyncNetworkBackend
    tls: ssl.SSLContext
    connect_seconds: float

    async def get(self, target: Target, wanted: Wanted, take: Take, seconds: float) -> Onward | Body:
        """Raises BadAddress, ForbiddenAddress, Unreachable, WrongKind, TooLarge, and httpcore's and ssl's own errors."""
        headers = [
            ("Host", target.host_header),
            ("User-Agent", "dustreel"),
            ("Accept", ",".join(wanted.kinds.types)),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
        ]
        times = {"connect": self.connect_seconds, "read": seconds, "write": seconds, "pool": self.connect_seconds}
        where = httpcore.URL(scheme="https", host=target.host, port=target.port, target=target.url.raw_path)
        meter = Meter()
        dialler = CheckedDialler(self.names, self.network, meter)
        async with (
            httpcore.AsyncConnectionPool(
                self.tls, network_backend=dialler, http2=False, max_connections=1, max_keepalive_connections=0
            ) as pool,
            pool.stream("GET", where, headers=headers, extensions={"timeout": times}) as response,
        ):
            said = _Headers(response.headers)
            if response.status in _REDIRECTS:
                return _onward(target, said)
            if response.status != 200:
                raise Unreachable(f"The address's server answered {response.status}.")
            content_type = _check(said, wanted)
            meter.allow_body(wanted.max_bytes)
            return await _read(response, content_type, wanted, take)


def _onward(target: Target, said: "_Headers") -> Onward:
    location = said.one("location")
    if not location:
        raise Unreachable("The address's server redirects to nowhere.")
    try:
        # Servers write UTF-8 where they ought to write percent signs, and browsers read it.
        location = location.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        raise BadAddress("The address's server redirects to something that is no address.") from None
    return Onward(joined(target, location))


def _check(said: "_Headers", wanted: Wanted) -> str:
    """The content type. Two readers must not be able to disagree about where the body ends or what it is."""
    if said.one("content-encoding").lower() not in ("", "identity"):
        raise WrongKind("The address's server compresses what it sends; it must send it as it is.")
    chunked, length = said.one("transfer-encoding").lower(), said.one("content-length")
    if chunked not in ("", "chunked") or (chunked and length) or (length and not (length.isascii() and length.isdigit())):
        raise Unreachable("The address's server does not say clearly where its answer ends.")
    if length and (len(length) > 15 or int(length) > wanted.max_bytes):
        raise TooLarge(wanted.max_bytes)
    content_type = said.one("content-type").partition(";")[0].strip().lower()
    if content_type not in wanted.kinds.types and content_type not in _UNTYPED:
        known = content_type.isprintable() and len(content_type) <= 80
        raise WrongKind(
            f"What the address leads to calls itself {(content_type if known else '') or 'nothing'}; it is no {wanted.kinds.words}."
        )
    return content_type


async def _read(response: httpcore.Response, said: str, wanted: Wanted, take: Take) -> Body:
    """Hands on the body, once its first bytes have shown what it is."""
    clock = asyncio.get_running_loop().time
    began, size, first = clock(), 0, b""
    kind: str | None = None
    async for chunk in response.aiter_stream():
        size += len(chunk)
        if size > wanted.max_bytes:
            raise TooLarge(wanted.max_bytes)
        elapsed = clock() - began
        if elapsed > SLOWNESS_FORGIVEN_SECONDS and size < SLOWEST_BYTES_A_SECOND * elapsed:
            raise Unreachable("The address's server sends too slowly.")
        if kind is not None:
            await take(chunk)
            continue
        first += chunk
        if len(first) >= SIGN_BYTES:
            kind = _kind(first, said, wanted)
            await take(first)
    if kind is None:
        kind = _kind(first, said, wanted)
        await take(first)
    return Body(kind, size)


def _kind(first: bytes, said: str, wanted: Wanted) -> str:
    kind = sniff(first)
    if kind not in wanted.kinds.types or said not in _UNTYPED | {kind}:
        raise WrongKind(f"What the address leads to is no {wanted.kinds.words}.")
    return kind


class _Headers:
    """A response's headers; one that is given twice counts as garbage, because readers would pick different ones."""

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1").strip())

    def one(self, name: str) -> str:
        values = self._values.get(name, [])
        return "" if not values else values[0] if len(values) == 1 else "\0"
