"""Fetching a picture from an address that a stranger gave, without lending them our network.

The name is resolved once, every answer is checked, a checked number is dialled, and what the kernel connected to is checked again: DNS
that changes its mind changes nothing. Redirects are checked like the first address. What comes back is bounded in bytes, in time and in
slowness, and is a JPEG, PNG or WebP by its own first bytes or nothing.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpcore

from dustreel.base.tls import trusted
from dustreel.media.addresses import Target, check_url, may_dial
from dustreel.media.failures import ImageTooLarge, ImageUnreachable, ImageUnsupported, ImageUrlForbidden, InvalidImageUrl

REDIRECTS_AT_MOST = 3
ADDRESSES_TRIED = 4
# A server that sends less than this after the first seconds only holds the connection.
SLOWEST_BYTES_A_SECOND = 10_000
SLOWNESS_FORGIVEN_SECONDS = 3.0

_PICTURES = frozenset({"image/png", "image/jpeg", "image/webp"})
# What object stores call files whose type nobody told them.
_UNTYPED = frozenset({"application/octet-stream", "binary/octet-stream"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

type Resolver = Callable[..., Iterable[Any]]


@dataclass(frozen=True, slots=True)
class Fetched:
    data: bytes
    content_type: str
    """By the bytes themselves."""
    url: str
    """After redirects."""


class SafeFetch:
    """Fetches pictures. One instance a process; every fetch has connections of its own."""

    def __init__(
        self,
        *,
        allow: frozenset[str],
        max_bytes: int = 20 << 20,
        total_seconds: float = 10.0,
        connect_seconds: float = 4.0,
        tls: ssl.SSLContext | None = None,
        resolve: Resolver = socket.getaddrinfo,
    ) -> None:
        """`allow`: exact `host:port` pairs that may be reached though they are private, on any port."""
        self._allowed = frozenset((host.strip("[]").lower(), int(port)) for host, _, port in (pair.rpartition(":") for pair in allow))
        self._max_bytes, self._total, self._connect = max_bytes, total_seconds, connect_seconds
        self._tls = tls or trusted()
        self._resolve = resolve
        # A pool of its own: slow DNS must not starve whatever else uses threads.
        self._dns = ThreadPoolExecutor(8, "dns")

    def check_url(self, url: str) -> Target:
        """The URL's form and its address, without asking the network. Raises InvalidImageUrl, ImageUrlForbidden."""
        return check_url(url, self._allowed)

    async def fetch_picture(self, url: str) -> Fetched:
        """Raises InvalidImageUrl, ImageUrlForbidden, ImageUnreachable, ImageUnsupported, ImageTooLarge."""
        target = self.check_url(url)
        try:
            async with asyncio.timeout(self._total):
                for _ in range(REDIRECTS_AT_MOST + 1):
                    found = await self._get(target)
                    if isinstance(found, Fetched):
                        return found
                    target = found
        except TimeoutError:
            raise ImageUnreachable(f"The picture did not arrive within {self._total:.0f} seconds.") from None
        except ssl.SSLError as failed:
            raise ImageUnreachable(f"The picture's server has no valid certificate: {failed.reason or failed}.") from None
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as failed:
            raise ImageUnreachable(f"The picture can't be fetched: {str(failed) or type(failed).__name__}.") from None
        raise ImageUnreachable(f"The picture's address redirects more than {REDIRECTS_AT_MOST} times.")

    async def _get(self, target: Target) -> Fetched | Target:
        """One exchange: the picture, or where to ask next."""
        headers = [
            ("Host", target.host_header),
            ("User-Agent", "dustreel"),
            ("Accept", "image/jpeg,image/png,image/webp"),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
        ]
        times = {"connect": self._connect, "read": self._total, "write": self._total, "pool": self._connect}
        async with httpcore.AsyncConnectionPool(
            ssl_context=self._tls, network_backend=_CheckedDialler(self), http2=False, max_connections=1, max_keepalive_connections=0
        ) as pool:
            where = httpcore.URL(scheme="https", host=target.host, port=target.port, target=target.url.raw_path)
            async with pool.stream("GET", where, headers=headers, extensions={"timeout": times}) as response:
                said = _Headers(response.headers)
                if response.status in _REDIRECTS:
                    return self._redirect(target, said)
                if response.status != 200:
                    raise ImageUnreachable(f"The picture's server answered {response.status}.")
                content_type = self._check_headers(said)
                data = await self._read(response)
        kind = sniff(data)
        if kind is None or content_type in _PICTURES - {kind}:
            raise ImageUnsupported("What the image_url leads to is no JPEG, PNG or WebP.")
        return Fetched(data, kind, str(target.url))

    def _redirect(self, target: Target, said: "_Headers") -> Target:
        location = said.one("location")
        if not location:
            raise ImageUnreachable("The picture's server redirects to nowhere.")
        try:
            onward = str(target.url.join(location))
        except (ValueError, TypeError) as wrong:
            raise InvalidImageUrl("The picture's server redirects to something that is no address.") from wrong
        return self.check_url(onward)

    def _check_headers(self, said: "_Headers") -> str:
        """The content type. Two readers must not be able to disagree about where the body ends or what it is."""
        if said.one("content-encoding").lower() not in ("", "identity"):
            raise ImageUnsupported("The picture's server compresses it; it must send it as it is.")
        chunked = said.one("transfer-encoding").lower()
        length = said.one("content-length")
        if chunked not in ("", "chunked") or (chunked and length):
            raise ImageUnreachable("The picture's server does not say clearly where the picture ends.")
        if length:
            if not (length.isascii() and length.isdigit()):
                raise ImageUnreachable("The picture's server does not say clearly where the picture ends.")
            if int(length) > self._max_bytes:
                raise ImageTooLarge
        content_type = said.one("content-type").partition(";")[0].strip().lower()
        if content_type not in _PICTURES | _UNTYPED:
            raise ImageUnsupported(f"What the image_url leads to calls itself {content_type or 'nothing'}, not a JPEG, PNG or WebP.")
        return content_type

    async def _read(self, response: httpcore.Response) -> bytes:
        data = bytearray()
        clock = asyncio.get_running_loop().time
        began = clock()
        async for chunk in response.aiter_stream():
            data += chunk
            if len(data) > self._max_bytes:
                raise ImageTooLarge
            elapsed = clock() - began
            if elapsed > SLOWNESS_FORGIVEN_SECONDS and len(data) < SLOWEST_BYTES_A_SECOND * elapsed:
                raise ImageUnreachable("The picture's server sends it too slowly.")
        return bytes(data)

    async def addresses(self, host: str, port: int) -> list[str]:
        """Every address of a name, all of them checked: one bad answer refuses the name. Raises ImageUrlForbidden, ImageUnreachable."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect):
                found = await loop.run_in_executor(self._dns, lambda: list(self._resolve(host, port, type=socket.SOCK_STREAM)))
        except (TimeoutError, OSError, UnicodeError):
            raise ImageUnreachable(f"The name {host} can't be resolved.") from None
        # A name that the operator allowed may have any address.
        allowed = self._allowed | ({(answer[4][0], port) for answer in found} if (host, port) in self._allowed else set())
        addresses = list(dict.fromkeys(str(answer[4][0]) for answer in found))
        if not addresses:
            raise ImageUnreachable(f"The name {host} has no address.")
        if not all(may_dial(address, port, frozenset(allowed)) for address in addresses):
            raise ImageUrlForbidden
        return addresses


class _CheckedDialler(httpcore.AsyncNetworkBackend):
    """Dials checked addresses only, and looks at what it really reached."""

    def __init__(self, fetcher: SafeFetch) -> None:
        self._fetcher = fetcher
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._fetcher.addresses(host, port)
        failed: Exception | None = None
        for address in addresses[:ADDRESSES_TRIED]:
            try:
                stream = await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
                continue
            peer = stream.get_extra_info("server_addr")
            if not peer or str(peer[0]) not in addresses:
                await stream.aclose()
                raise ImageUrlForbidden
            return stream
        assert failed is not None
        raise failed

    async def connect_unix_socket(self, *arguments: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        raise ImageUrlForbidden

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Headers:
    """A response's headers; one that is given twice counts as garbage, because readers would pick different ones."""

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1").strip())

    def one(self, name: str) -> str:
        values = self._values.get(name, [])
        return "" if not values else values[0] if len(values) == 1 else "\0"


def sniff(data: bytes) -> str | None:
    """The picture's type by its first bytes; None for anything else."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR":
        return "image/png"
    if data[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None
