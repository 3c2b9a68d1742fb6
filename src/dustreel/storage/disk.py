"""Objects in a folder on disk. They are served by the API itself."""

import asyncio
import contextlib
import errno
import hashlib
import os
import shutil
import stat
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from dustreel.base.errors import Misconfigured
from dustreel.base.log import logger
from dustreel.storage.keys import KINDS, is_key
from dustreel.storage.port import StoredObject

log = logger(__name__)

# Files under way live beside the objects, on the same file system, so that moving one into place is a rename.
UNDER_WAY = ".under-way"
ABANDONED_SECONDS = 3_600.0


class DiskStore:
    """Objects as files. Python's own calls rather than obstore's LocalStore, which neither flushes to the disk nor refuses symlinks."""

    def __init__(self, root: Path) -> None:
        """Raises Misconfigured when the folder can't be written to."""
        self.root = root
        self._under_way = root / UNDER_WAY
        try:
            for folder in (*(root / kind for kind in KINDS), self._under_way):
                folder.mkdir(parents=True, exist_ok=True)
            probe = self._under_way / uuid4().hex
            probe.touch()
            probe.unlink()
            _sweep(self._under_way)
        except OSError as failed:
            raise Misconfigured(f"The storage folder {root} can't be used: {failed.strerror}.") from failed

    async def put_file(self, key: str, file: Path, content_type: str) -> None:
        await self._put(key, lambda fresh: _copy(file, fresh))

    async def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        await self._put(key, lambda fresh: _write(data, fresh))

    async def read(self, key: str, *, at_most: int) -> bytes:
        def read() -> bytes:
            with self._path(key).open("rb") as file:
                data = file.read(at_most + 1)
            if len(data) > at_most:
                raise OSError(errno.EFBIG, f"{key} is larger than {at_most} bytes")
            return data

        return await asyncio.to_thread(read)

    async def fetch(self, key: str, into: Path) -> None:
        await asyncio.to_thread(lambda: _copy(self._path(key), into))

    async def delete(self, key: str) -> bool:
        def delete() -> bool:
            try:
                self._path(key).unlink(missing_ok=True)
            except OSError as failed:
                log.warning("an object could not be removed", key=key, error=str(failed))
                return False
            return True

        return await asyncio.to_thread(delete)

    async def list_objects(self) -> AsyncIterator[StoredObject]:
        for kind in KINDS:
            for found in await asyncio.to_thread(_files, self.root, kind):
                yield found

    async def head(self, key: str) -> StoredObject | None:
        try:
            return await asyncio.to_thread(lambda: _seen(key, self._path(key).lstat()))
        except FileNotFoundError:
            return None

    async def digest(self, key: str) -> str:
        def digest() -> str:
            with self._path(key).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()

        return await asyncio.to_thread(digest)

    async def _put(self, key: str, write: Callable[[Path], None]) -> None:
        """Written whole and flushed under another name, then moved: no reader ever sees half an object, and no power cut leaves one."""

        def put() -> None:
            path, fresh = self._path(key), self._under_way / uuid4().hex
            try:
                write(fresh)
                fresh.replace(path)
                _flush_folder(path.parent)
            except BaseException:
                with contextlib.suppress(OSError):
                    fresh.unlink(missing_ok=True)
                raise

        await asyncio.to_thread(put)

    def _path(self, key: str) -> Path:
        if not is_key(key):
            raise FileNotFoundError(key)
        return self.root / key


def _files(root: Path, kind: str) -> list[StoredObject]:
    """Only files themselves: nothing that a link points to. One that was removed meanwhile is no news."""
    found: list[StoredObject] = []
    with os.scandir(root / kind) as entries:
        for entry in entries:
            if is_key(key := f"{kind}/{entry.name}"):
                with contextlib.suppress(FileNotFoundError):
                    seen = _seen(key, entry.stat(follow_symlinks=False))
                    found += [seen] if seen is not None else []
    return found


def _seen(key: str, found: os.stat_result) -> StoredObject | None:
    return StoredObject(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC)) if stat.S_ISREG(found.st_mode) else None


def _sweep(folder: Path) -> None:
    """Remove what killed processes left half-written. No write takes an hour, so nobody else's is touched."""
    for file in folder.iterdir():
        if file.stat().st_mtime < time.time() - ABANDONED_SECONDS:
            file.unlink(missing_ok=True)


def _copy(file: Path, fresh: Path) -> None:
    with file.open("rb") as source, fresh.open("xb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
        target.flush()
        os.fsync(target.fileno())


def _write(data: bytes, fresh: Path) -> None:
    with fresh.open("xb") as target:
        target.write(data)
        target.flush()
        os.fsync(target.fileno())


def _flush_folder(folder: Path) -> None:
    """A renamed file is only as durable as the folder that names it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
