"""What a CDN has kept of our links, and how it is told to let go: Cloudflare's cache."""

import asyncio
import time
from collections.abc import Sequence
from itertools import batched
from typing import Protocol

import httpx

from dustreel.base.log import logger
from dustreel.storage.links import Links
from dustreel.storage.port import ObjectStore

log = logger(__name__)

# Every plan takes so many in one call.
URLS_A_CALL = 30
CALL_SECONDS = 10.0
# Where it says that we ask too often, but not when to ask again.
QUIET_SECONDS = 30.0
QUIET_AT_MOST_SECONDS = 600.0
REMOVED_AT_ONCE = 8


class Purger(Protocol):
    async def purge(self, keys: Sequence[str]) -> set[str]:
        """The keys whose links no cache holds any more; the others are to be asked for again. Never raises."""


class Cloudflare:
    """The cache of one zone. Its token goes to that API's host alone: the client follows no redirect."""

    def __init__(self, links: Links, *, zone: str, token: str, api_url: str, client: httpx.AsyncClient) -> None:
        self._links, self._client, self._token = links, client, token
        self._url = f"{api_url}/zones/{zone}/purge_cache"
        self._quiet_until = 0.0

    async def purge(self, keys: Sequence[str]) -> set[str]:
        purged: set[str] = set()
        for some in batched(keys, URLS_A_CALL):
            if time.monotonic() < self._quiet_until or not await self._call([self._links.public(key) for key in some]):
                break
            purged.update(some)
        return purged

    async def _call(self, urls: list[str]) -> bool:
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            answer = await self._client.post(self._url, json={"files": urls}, headers=headers, timeout=CALL_SECONDS, follow_redirects=False)
        except httpx.HTTPError as failed:
            log.warning("the CDN could not be told to forget", error=f"{type(failed).__name__}: {failed}")
            return False
        if answer.status_code == 200 and _succeeded(answer):
            return True
        if answer.status_code == 429:
            self._quiet_until = time.monotonic() + _asked_to_wait(answer)
        log.warning("the CDN did not forget", status=answer.status_code, said=answer.text[:300])
        return False


async def remove(store: ObjectStore, keys: Sequence[str], purger: Purger | None) -> list[str]:
    """Remove objects, and then their links from the CDN; returns the keys of which nothing is left. Never raises.

    In this order: what was purged first could be cached again.
    """
    places = asyncio.Semaphore(REMOVED_AT_ONCE)

    async def delete(key: str) -> bool:
        async with places:
            return await store.delete(key)

    gone = [key for key, is_gone in zip(keys, await asyncio.gather(*map(delete, keys)), strict=True) if is_gone]
    if purger is None or not gone:
        return gone
    purged = await purger.purge(gone)
    return [key for key in gone if key in purged]


def _succeeded(answer: httpx.Response) -> bool:
    try:
        body = answer.json()
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("success") is True


def _asked_to_wait(answer: httpx.Response) -> float:
    said = answer.headers.get("retry-after", "")
    return min(float(said), QUIET_AT_MOST_SECONDS) if said.isdecimal() else QUIET_SECONDS
