"""From a name to a connection: one look into DNS, every answer checked, a checked number dialled, and what was reached looked at again.

DNS that changes its mind between two looks changes nothing, because there is no second one.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpcore

from dustreel.fetch.addresses import Rules, is_number, may_dial
from dustreel.fetch.failures import ForbiddenAddress, Unreachable

ADDRESSES_TRIED = 4
# h11 allows a head of 100 KiB and any number of answers before the answer (1xx).
HEAD_AT_MOST = 128 << 10

type Resolve = Callable[..., Iterable[Any]]
"""As socket.getaddrinfo."""


class Names:
    """Resolves names to addresses that may be dialled."""

    def __init__(self, rules: Rules, resolve: Resolve, seconds: float) -> None:
        self._rules, self._resolve, self._seconds = rules, resolve, seconds
        # A pool of its own: slow DNS must not starve whatever else uses threads.
        self._threads = ThreadPoolExecutor(8, "dns")

    async def addresses(self, host: str, port: int) -> list[str]:
        """Every address of a name, all of them checked: one bad answer refuses the name. Raises ForbiddenAddress, Unreachable."""
        if is_number(host):
            found = [host]
        else:
            found = await self._ask(host, port)
            if not found:
                raise Unreachable(f"The name {host} has no address.")
            if (host, port) in self._rules.allowed:
                return found  # a name that the operator allowed may have any
        if not all(may_dial(address, port, self._rules) for address in found):
            raise ForbiddenAddress
        return found

    async def _ask(self, host: str, port: int) -> list[str]:
        def ask() -> list[str]:
            return list(dict.fromkeys(str(answer[4][0]) for answer in self._resolve(host, port, type=socket.SOCK_STREAM)))

        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        except (TimeoutError, OSError, UnicodeError):
            raise Unreachable(f"The name {host} can't be resolved.") from None


class Meter:
    """How many bytes of one exchange may still come: what frames a body has no bound of its own."""

    def __init__(self) -> None:
        self.left = HEAD_AT_MOST

    def allow_body(self, at_most: int) -> None:
        """Chunks of a few bytes each double a body; honest ones add a thousandth."""
        self.left += at_most + at_most // 4

    def count(self, size: int) -> None:
        """Raises Unreachable."""
        self.left -= size
        if self.left < 0:
            raise Unreachable("The address's server sends far more than a file and its headers.")


class CheckedDialler(httpcore.AsyncNetworkBackend):
    """Connects one exchange, to checked addresses only."""

    def __init__(self, names: Names, network: httpcore.AsyncNetworkBackend, meter: Meter) -> None:
        self._names, self._network, self._meter = names, network, meter

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        failed: Exception | None = None
        for address in (await self._names.addresses(host, port))[:ADDRESSES_TRIED]:
            try:
                stream = await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
                continue
            if not _is_at(stream, address, port):
                await stream.aclose()
                raise ForbiddenAddress
            return _Metered(stream, self._meter)
        assert failed is not None
        raise failed

    async def connect_unix_socket(self, *arguments: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        raise ForbiddenAddress

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _is_at(stream: httpcore.AsyncNetworkStream, address: str, port: int) -> bool:
    """Whether the kernel connected to what was dialled."""
    peer = stream.get_extra_info("server_addr")
    if not peer:
        return False
    return ipaddress.ip_address(str(peer[0])) == ipaddress.ip_address(address) and peer[1] == port


class _Metered(httpcore.AsyncNetworkStream):
    """A connection whose bytes are counted as they are read: behind TLS, once that is up."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, meter: Meter) -> None:
        self._stream, self._meter = stream, meter

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._stream.read(max_bytes, timeout)
        self._meter.count(len(data))
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return _Metered(await self._stream.start_tls(ssl_context, server_hostname, timeout), self._meter)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
