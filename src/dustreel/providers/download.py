"""Fetching what a provider made: from its own hosts only, without our token, in bounded memory.

Not by `dustreel.fetch`, which is for strangers' addresses: an operator's own server may be private, speak plain HTTP or lie behind a
proxy. What holds for both is that nothing is unpacked, and nothing larger or shorter than announced is kept.
"""

import asyncio
from pathlib import Path
from typing import IO

import httpx

from dustreel.base.tls import trusted
from dustreel.providers.port import Refused, Stumbled

# 15 s of 2160p from a generous encoder; what is larger is no video of ours.
BYTES_AT_MOST = 1 << 30
CHUNK = 1 << 20
REDIRECTS_AT_MOST = 3
# A stalled download is given up, a slow one goes on until the job's own deadline.
TIMES = httpx.Timeout(30.0, connect=5.0)


class Download:
    def __init__(self, hosts: tuple[str, ...], *, own: httpx.URL) -> None:
        """`hosts` are domains, each with what lies below it, over https; `own` is the API that the operator configured, private or not."""
        self._hosts, self._own = hosts, own
        self._client = httpx.AsyncClient(timeout=TIMES, verify=trusted())

    async def close(self) -> None:
        await self._client.aclose()

    async def to_file(self, address: str, into: Path) -> None:
        """Raises Refused for an address that is not the provider's or has nothing (any more), Stumbled when another try may do."""
        try:
            for _ in range(REDIRECTS_AT_MOST + 1):
                onward = await self._get(self._checked(address), into)
                if onward is None:
                    return
                address = onward
        except httpx.HTTPError as failed:
            raise Stumbled(f"The video could not be fetched: {str(failed) or type(failed).__name__}") from failed
        raise Refused("The provider's video can't be found: it redirects in circles")

    def _checked(self, address: str) -> httpx.URL:
        try:
            url = httpx.URL(address)
        except httpx.InvalidURL as wrong:
            raise Refused("The provider's video has no valid address") from wrong
        own = (url.scheme, url.host, url.port) == (self._own.scheme, self._own.host, self._own.port)
        listed = any(url.host == host or url.host.endswith(f".{host}") for host in self._hosts)
        if not own and not (url.scheme == "https" and url.port is None and listed):
            raise Refused("The provider's video lies where it has no business to be")
        return url

    async def _get(self, url: httpx.URL, into: Path) -> str | None:
        """One exchange: None when the file is complete, else where to ask next."""
        async with self._client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer:
            if answer.is_redirect and answer.next_request is not None:
                return str(answer.next_request.url)
            if answer.status_code in (403, 404, 410):
                raise Refused("The provider no longer has the video")
            if not answer.is_success:
                raise Stumbled(f"The video could not be fetched: the provider answered {answer.status_code}")
            if answer.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
                raise Refused("The provider's video comes compressed, though it was asked for as it is")
            with await asyncio.to_thread(into.open, "wb") as file:
                await _write(answer, file)
        return None


async def _write(answer: httpx.Response, file: IO[bytes]) -> None:
    size = 0
    async for chunk in answer.aiter_raw(CHUNK):
        size += len(chunk)
        if size > BYTES_AT_MOST:
            raise Refused("The provider's video is larger than 1 GiB")
        await asyncio.to_thread(file.write, chunk)
    announced = answer.headers.get("content-length")
    if announced is not None and announced.isdigit() and int(announced) != size:
        raise Stumbled("The video could not be fetched: it ended before its end")
