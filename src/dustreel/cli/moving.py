"""A library from one store to another: each object read back and compared, and one that is there already passed over."""

import asyncio
import errno
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from dustreel.storage import LibraryStore, StoredObject, content_type

AT_ONCE = 4
TOLD_EVERY = 100


@dataclass
class Moved:
    copied: int = 0
    size: int = 0
    """Bytes copied."""
    skipped: int = 0
    """There already, and the same."""
    gone: int = 0
    """Deleted while we were at it."""
    failed: dict[str, str] = field(default_factory=dict)
    """Keys, and what went wrong."""

    @property
    def done(self) -> int:
        return self.copied + self.skipped + self.gone + len(self.failed)


async def copy_library(source: LibraryStore, target: LibraryStore, scratch: Path, tell: Callable[[Moved], None]) -> Moved:
    """Copy every object that is not there yet. May be cut off anywhere and begun again. Raises OSError when the source can't be listed."""
    moved = Moved()
    waiting: asyncio.Queue[StoredObject | None] = asyncio.Queue(maxsize=AT_ONCE)

    async def carry() -> None:
        while (found := await waiting.get()) is not None:
            await _copy(found, source, target, scratch, moved)
            if moved.done % TOLD_EVERY == 0:
                tell(moved)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(carry())
        async for found in source.list_objects():
            await waiting.put(found)
        for _ in range(AT_ONCE):
            await waiting.put(None)
    return moved


async def _copy(found: StoredObject, source: LibraryStore, target: LibraryStore, scratch: Path, moved: Moved) -> None:
    file = scratch / uuid4().hex
    try:
        there = await target.head(found.key)
        if there is not None:
            if there.size != found.size or (there.sha256 or await target.digest(found.key)) != await source.digest(found.key):
                raise FileExistsError(errno.EEXIST, "another object has this key there")
            moved.skipped += 1
            return
        try:
            await source.fetch(found.key, file)
        except FileNotFoundError:
            moved.gone += 1
            return
        sha256 = await asyncio.to_thread(_sum_of, file)
        await target.put_file(found.key, file, content_type(found.key))
        if await target.digest(found.key) != sha256:
            await target.delete(found.key)
            raise OSError(errno.EIO, "what was read back is not what was sent")
        moved.copied += 1
        moved.size += found.size
    except OSError as failed:
        moved.failed[found.key] = failed.strerror or str(failed)
    finally:
        await asyncio.to_thread(file.unlink, missing_ok=True)


def _sum_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
