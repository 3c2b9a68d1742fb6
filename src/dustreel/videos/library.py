"""A user's library: filing, finding, listing, favourites, deleting. What storage did not give up yet is written down and tried again."""

from dataclasses import asdict, dataclass
from uuid import UUID

from psycopg.types.json import Jsonb

from dustreel.base.db import Connection, Row, Statements, every, one
from dustreel.base.errors import NotYours
from dustreel.base.vocabulary import GenerationType, Mode
from dustreel.videos.video import NewVideo, Video, VideoNotFound

SQL = Statements(__package__, "videos.sql")

# Whoever deletes removes the objects at once; the sweep leaves them alone for so long.
REMOVAL_GRACE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class VideoFilter:
    favorites_only: bool
    generation_type: GenerationType | None
    """None is all."""


async def file_video(db: Connection, video: NewVideo) -> None:
    """Make the video's row, within the transaction that completes its job; its objects stay from now on."""
    person = video.reference_person
    values = asdict(video) | {
        "reference_person": None if person is None else Jsonb(dict(person)),
        "metadata": Jsonb(dict(video.metadata)),
    }
    await db.execute(SQL["file_video"], values)
    await removed(db, list(video.keys))


async def find(db: Connection, video_id: UUID, user_id: UUID, mode: Mode) -> Video:
    """A caller's own video. Raises VideoNotFound, NotYours."""
    return _visible(await one(db, SQL["by_id"], video_id=video_id), user_id, mode)


async def by_job(db: Connection, job_id: UUID, user_id: UUID, mode: Mode) -> Video:
    """The video that a job made. Raises VideoNotFound when it was deleted."""
    row = await one(db, SQL["by_job"], job_id=job_id)
    if row is None:
        raise VideoNotFound("This job's video has been deleted.")
    return _visible(row, user_id, mode)


async def page(db: Connection, user_id: UUID, mode: Mode, only: VideoFilter, *, limit: int, offset: int) -> tuple[list[Video], int]:
    """One page, newest first, and the number of all that fit the filter."""
    chosen = {"user_id": user_id, "mode": mode, "favorites_only": only.favorites_only, "generation_type": only.generation_type}
    rows = await every(db, SQL["page"], **chosen, limit=limit, offset=offset)
    counted = await one(db, SQL["count_page"], **chosen)
    assert counted is not None
    return [Video.from_row(row) for row in rows], counted["total"]


async def set_favorite(db: Connection, video_id: UUID, is_favorited: bool) -> Video:
    """Raises VideoNotFound when the video was deleted a moment ago."""
    row = await one(db, SQL["set_favorite"], video_id=video_id, is_favorited=is_favorited)
    if row is None:
        raise VideoNotFound
    return Video.from_row(row)


async def delete(db: Connection, video_id: UUID) -> list[str]:
    """Remove the row at once; returns the keys of the objects that are now to be removed from storage. Raises VideoNotFound."""
    keys = [row["key"] for row in await every(db, SQL["delete"], video_id=video_id, grace_seconds=REMOVAL_GRACE_SECONDS)]
    if not keys:
        raise VideoNotFound
    return keys


async def remove_later(db: Connection, keys: list[str], *, after: float) -> None:
    """Write down, before the objects are made, that they are to be removed in so many seconds; `file_video` takes that back."""
    await db.execute(SQL["remove_later"], {"keys": keys, "after": after})


async def removals_due(db: Connection) -> list[str]:
    """Keys whose removal is to be tried again now; each is handed out once a minute."""
    return [row["key"] for row in await every(db, SQL["removals_due"])]


async def removed(db: Connection, keys: list[str]) -> None:
    await db.execute(SQL["removed"], {"keys": keys})


async def try_again_later(db: Connection, keys: list[str]) -> None:
    await db.execute(SQL["try_again_later"], {"keys": keys})


def _visible(row: Row | None, user_id: UUID, mode: Mode) -> Video:
    if row is None:
        raise VideoNotFound
    if row["user_id"] != user_id:
        raise NotYours("This video belongs to somebody else.")
    if row["mode"] != mode:
        raise VideoNotFound(f"There is no such video among your {mode.value} videos.")
    return Video.from_row(row)
