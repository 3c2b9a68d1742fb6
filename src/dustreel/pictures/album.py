"""Taking pictures in: an upload, one of our own links, or somebody else's address. Every one is checked, turned upright and stripped."""

import errno
from dataclasses import dataclass
from uuid import UUID

from dustreel.base.db import Connection, Database, Row, Statements, every, one
from dustreel.base.errors import Unavailable
from dustreel.base.ids import Ids
from dustreel.base.log import logger
from dustreel.base.vocabulary import Mode
from dustreel.media import ImageTooLarge, ImageUnreachable, Picture, SafeFetch, Workbench
from dustreel.storage import Links, ObjectStore, new_key

log = logger(__name__)
SQL = Statements(__package__, "pictures.sql")

# What is ours was tidied when it came, so nothing larger is there.
OWN_OBJECT_AT_MOST = 64 << 20
UNUSED_KEPT_SECONDS = 86_400.0

_SUFFIXES = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


@dataclass(frozen=True, slots=True)
class StoredPicture:
    id: UUID
    key: str
    content_type: str
    width: int
    height: int


class Album:
    """The pictures of all users."""

    def __init__(self, db: Database, store: ObjectStore, links: Links, fetcher: SafeFetch, bench: Workbench, ids: Ids) -> None:
        self._db, self._store, self._links = db, store, links
        self._fetcher, self._bench, self._ids = fetcher, bench, ids

    async def upload(self, data: bytes, user_id: UUID, mode: Mode) -> StoredPicture:
        """Keep a caller's own picture. Raises ImageUnsupported, ImageTooLarge, Unavailable."""
        return await self._keep(await self._bench.tidy(data), user_id, mode, uploaded=True)

    async def obtain(self, url: str, user_id: UUID, mode: Mode) -> StoredPicture:
        """The picture behind an `image_url`, as a copy of ours.

        Raises InvalidImageUrl, ImageUrlForbidden, ImageUnreachable, ImageUnsupported, ImageTooLarge, Unavailable.
        """
        key = self._links.key_of(url)
        if key is None:
            fetched = await self._fetcher.fetch_picture(url)
            return await self._keep(await self._bench.tidy(fetched.data), user_id, mode, uploaded=False)
        async with self._db.connection() as connection:
            row = await one(connection, SQL["touch_by_key"], key=key)
        if row is not None:
            return _stored(row)
        try:
            data = await self._store.read(key, at_most=OWN_OBJECT_AT_MOST)
        except FileNotFoundError:
            raise ImageUnreachable("There is no picture at this address of ours; unused uploads are kept for a day.") from None
        except OSError as failed:
            if failed.errno in (None, errno.EFBIG):  # the store's own words; what the system says has another number
                raise ImageTooLarge from None
            raise _storage_failed(key, failed) from failed
        return await self._keep(await self._bench.tidy(data), user_id, mode, uploaded=False)

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

    async def _keep(self, picture: Picture, user_id: UUID, mode: Mode, *, uploaded: bool) -> StoredPicture:
        key = new_key("uploads" if uploaded else "pictures", _SUFFIXES[picture.content_type], self._ids.secret)
        # The row before the object: whatever dies in between, the sweep finds it.
        async with self._db.connection() as connection:
            row = await _add(connection, self._ids.uuid(), key, picture, user_id, mode, uploaded=uploaded)
        try:
            await self._store.put_bytes(key, picture.data, picture.content_type)
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
