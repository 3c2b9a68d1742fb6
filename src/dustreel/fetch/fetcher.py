"""Fetching from an address that a stranger gave: redirects are checked like the first address, and the time is for all of it together."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpcore

from dustreel.base.tls import trusted
from dustreel.fetch.addresses import Rules, Target, check_url
from dustreel.fetch.dial import Names, Resolve
from dustreel.fetch.exchange import Body, Lines, Take, Wanted
from dustreel.fetch.failures import Unreachable
from dustreel.fetch.kinds import PICTURES, Kinds

REDIRECTS_AT_MOST = 3
PICTURE_AT_MOST = 20 << 20
# Written to disk in pieces of this size: each costs a walk to another thread.
PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Fetched:
    content_type: str
    """By the bytes themselves."""
    size: int
    url: str
    """After redirects."""


class SafeFetch:
    """One instance a process; every exchange has a connection of its own."""

    def __init__(
        self,
        *,
        allow: Iterable[str] = (),
        own_hosts: Iterable[str] = (),
        seconds: float = 10.0,
        connect_seconds: float = 4.0,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve = socket.getaddrinfo,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        """`allow`: exact `host:port` pairs that may be reached though they are private, on any port; `own_hosts` may not, though public.

        `seconds` are for all of a fetch. `resolve` and `network` are the only ways out.
        """
        self._rules, self._seconds = Rules.of(allow, own_hosts), seconds
        names = Names(self._rules, resolve, connect_seconds)
        self._lines = Lines(names, network or httpcore.AnyIOBackend(), tls or trusted(), connect_seconds)

    def check_url(self, url: str) -> Target:
        """The address's form and where it leads, without asking the network. Raises BadAddress, ForbiddenAddress."""
        return check_url(url, self._rules)

    async def to_memory(self, url: str, *, kinds: Kinds = PICTURES, max_bytes: int = PICTURE_AT_MOST) -> tuple[Fetched, bytes]:
        """Raises FetchFailed's kinds."""
        data = bytearray()

        async def take(piece: bytes) -> None:
            data.extend(piece)

        return await self._fetch(url, Wanted(kinds, max_bytes), take), bytes(data)

    async def to_file(self, url: str, into: Path, *, kinds: Kinds = PICTURES, max_bytes: int = PICTURE_AT_MOST) -> Fetched:
        """Into a new file, in memory that does not grow with it; there is none unless all of it came.

        Raises FetchFailed's kinds, and OSError where the file can't be written.
        """
        async with _fresh(into) as file:
            pieces = _Pieces(file)
            found = await self._fetch(url, Wanted(kinds, max_bytes), pieces.take)
            await pieces.flush()
        return found

    async def _fetch(self, url: str, wanted: Wanted, take: Take) -> Fetched:
        target = self.check_url(url)
        try:
            async with asyncio.timeout(self._seconds):
                for _ in range(REDIRECTS_AT_MOST + 1):
                    found = await self._lines.get(target, wanted, take, self._seconds)
                    if isinstance(found, Body):
                        return Fetched(found.content_type, found.size, str(target.url))
                    target = self.check_url(found.url)
        except TimeoutError:
            raise Unreachable(f"What lies at the address did not arrive within {self._seconds:.0f} seconds.") from None
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, ssl.SSLError, ConnectionError) as failed:
            raise Unreachable(_reason(failed)) from None
        raise Unreachable(f"The address redirects more than {REDIRECTS_AT_MOST} times.")


def _reason(failed: Exception) -> str:
    # The pool raises what was raised below it `from None`.
    for error in (failed, failed.__context__):
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"The address's server has no valid certificate: {error.verify_message.rstrip('.')}."
    said = str(failed).strip().rstrip(".")[:200]
    return f"The address's server can't be talked to: {said or type(failed).__name__}."


@asynccontextmanager
async def _fresh(path: Path) -> AsyncIterator[IO[bytes]]:
    """A new file, gone again where the block raises."""
    file = await asyncio.to_thread(path.open, "xb")
    try:
        with file:
            yield file
    except BaseException:
        await asyncio.shield(asyncio.to_thread(path.unlink, missing_ok=True))
        raise


class _Pieces:
    """Gathers what comes into pieces worth a walk to the disk."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._data = file, bytearray()

    async def take(self, piece: bytes) -> None:
        self._data += piece
        if len(self._data) >= PIECE:
            await self.flush()

    async def flush(self) -> None:
        data, self._data = self._data, bytearray()
        await asyncio.to_thread(self._file.write, data)
