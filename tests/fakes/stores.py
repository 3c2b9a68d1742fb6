"""Object stores that are not what they should be."""

import asyncio
from pathlib import Path

from dustreel.storage import ObjectStore


class SlowStore:
    """A store that has the video and never says that it has the thumbnail."""

    def __init__(self, store: ObjectStore) -> None:
        self._store, self.reached, self.deleted = store, asyncio.Event(), set[str]()

    async def put_file(self, key: str, file: Path, content_type: str) -> None:
        await self._store.put_file(key, file, content_type)

    async def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        await self._store.put_bytes(key, data, content_type)
        self.reached.set()
        await asyncio.Event().wait()

    async def fetch(self, key: str, into: Path) -> None:
        await self._store.fetch(key, into)

    async def read(self, key: str, *, at_most: int) -> bytes:
        return await self._store.read(key, at_most=at_most)

    async def delete(self, key: str) -> bool:
        self.deleted.add(key)
        return await self._store.delete(key)
