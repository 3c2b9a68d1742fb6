"""Taking pictures in: an upload, one of our own links, or somebody else's address. Every one is checked, turned upright and stripped."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from dustreel.base.db import Connection, Database, Row, Statements, every, one
from dustreel.base.errors import DomainError, Unavailable
from dustreel.base.ids import Ids
from dustreel.base.log import logger
from dustreel.base.scratch import check_room
from dustreel.base.vocabulary import Mode
from dustreel.fetch import BadAddress, FetchFailed, ForbiddenAddress, SafeFetch, TooLarge, Unreachable, WrongKind
from dustreel.media import (
    ImageTooLarge,
    ImageUnreachable,
    ImageUnsupported,
    ImageUrlForbidden,
    InvalidImageUrl,
    Picture,
    Workbench,
)
from dustreel.storage import Links, ObjectStore, new_key

log = logger(__name__)
SQL = Statements(__package__, "pictures.sql")

UNUSED_KEPT_SECONDS = 86_400.0

# What is tidied is one of these.
_SUFFIXES = {"image/jpeg": "jpg", "image/png": "png"}
# Whatever else of ours may be looked at.
_OF_PICTURES = frozenset({"jpg", "png", "webp", "avif"})
_TOLD: dict[type[FetchFailed], type[DomainError]] = {
    BadAddress: InvalidImageUrl,
    ForbiddenAddress: ImageUrlForbidden,
    Unreachable: ImageUnreachable,
    WrongKind: ImageUnsupported,
    TooLarge: ImageTooLarge,
}


@dataclass(frozen=True, slots=True)
class StoredPicture:
    id: UUID
    key: str
    content_type: str
    width: int
    height: int


class Album:
    """The pictures of all users. One that comes in goes through files, never whole through memory: hundreds may come at once."""

    def __init__(
        self, db: Database, store: ObjectStore, links: Links, fetcher: SafeFetch, bench: Workbench, ids: Ids, *, incoming: Path
    ) -> None:
        """`incoming` is a folder for pictures on their way in, for this process alone."""
        self._db, self._store, self._links = db, store, links
        self._fetcher, self._bench, self._ids, self._incoming = fetcher, bench, ids, incoming

    @asynccontextmanager
    async def tray(self) -> AsyncIterator[Path]:
        """A folder for one picture on its way in, gone afterwards. Raises Unavailable where the disk is full or broken."""
        tray = self._incoming / self._ids.secret()
        try:
            await asyncio.to_thread(tray.mkdir, parents=True)
            await asyncio.to_thread(check_room, tray)
            yield tray
        except OSError as failed:
            log.error("a picture on its way in can't be written", error=str(failed))
            raise Unavailable("No picture can be taken in for the moment. Try again shortly.") from failed
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, tray, ignore_errors=True))

    async def upload(self, sent: Path, user_id: UUID, mode: Mode) -> StoredPicture:
        """Keep a caller's own picture, which lies in a tray. Raises ImageUnsupported, ImageTooLarge, Unavailable."""
        return await self._keep(sent, user_id, mode, uploaded=True)

    async def obtain(self, url: str, user_id: UUID, mode: Mode) -> StoredPicture:
        """The picture behind an `image_url`, as a copy of ours.

        Raises InvalidImageUrl, ImageUrlForbidden, ImageUnreachable, ImageUnsupported, ImageTooLarge, Unavailable.
        """
        key = self._links.key_of(url)
        if key is not None:
            async with self._db.connection() as connection:
                row = await one(connection, SQL["touch_by_key"], key=key)
            if row is not None:
                return _stored(row)
        async with self.tray() as tray:
            sent = tray / "sent"
            await (self._fetch(url, sent) if key is None else self._copy(key, sent))
            return await self._keep(sent, user_id, mode, uploaded=False)

    async def find(self, picture_id: UUID) -> StoredPicture:
        """A picture that a job names: it is there as long as the job is."""
        async with self._db.connection() as connection:
            row = await one(connection, SQL["by_id"], picture_id=picture_id)
        if row is None:
            raise LookupError(f"picture {picture_id} is gone")
        return _stored(row)

    async def sweep(self) -> list[str]:
        """Let go of pictures that nobody used within a day; returns the keys written down to be removed."""
        async with self._db.transaction() as connection:
            return [row["key"] for row in await every(connection, SQL["sweep"], keep_seconds=UNUSED_KEPT_SECONDS)]

    async def _fetch(self, url: str, into: Path) -> None:
        try:
            await self._fetcher.to_file(url, into)
        except FetchFailed as failed:
            raise _TOLD[type(failed)](str(failed)) from failed

    async def _copy(self, key: str, into: Path) -> None:
        """An object of ours that is no row of ours: a video's thumbnail, say."""
        if key.rpartition(".")[2] not in _OF_PICTURES:
            raise ImageUnsupported("What lies at this address of ours is no picture.")
        try:
            await self._store.fetch(key, into)
        except FileNotFoundError:
            raise ImageUnreachable("There is no picture at this address of ours; unused uploads are kept for a day.") from None
        except OSError as failed:
            raise _storage_failed(key, failed) from failed

    async def _keep(self, sent: Path, user_id: UUID, mode: Mode, *, uploaded: bool) -> StoredPicture:
        picture = await self._bench.tidy(sent, sent.with_name("tidied"))
        key = new_key("uploads" if uploaded else "pictures", _SUFFIXES[picture.content_type], self._ids.secret)
        # The row before the object: whatever dies in between, the sweep finds it.
        async with self._db.connection() as connection:
            row = await _add(connection, self._ids.uuid(), key, picture, user_id, mode, uploaded=uploaded)
        try:
            await self._store.put_file(key, picture.file, picture.content_type)
        except OSError as failed:
            # The row stays for the sweep: nobody was told its key, and storage may have kept the object all the same.
            raise _storage_failed(key, failed) from failed
        return row


async def _add(db: Connection, picture_id: UUID, key: str, picture: Picture, user_id: UUID, mode: Mode, *, uploaded: bool) -> StoredPicture:
    row = await one(
        db,
        SQL["add"],
        id=picture_id,
        user_id=user_id,
        mode=mode,
        key=key,
        uploaded=uploaded,
        content_type=picture.content_type,
        width=picture.width,
        height=picture.height,
        sha256=picture.sha256,
    )
    assert row is not None
    return _stored(row)


def _storage_failed(key: str, failed: OSError) -> Unavailable:
    log.error("storage failed", key=key, error=str(failed))
    return Unavailable("The storage can't be used for the moment. Try again shortly.")


def _stored(row: Row) -> StoredPicture:
    return StoredPicture(row["id"], row["key"], row["content_type"], row["width"], row["height"])
