"""Objects without rows and rows without objects: found, and mended where nobody loses anything by it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched

from dustreel.base.db import Database, Statements, every
from dustreel.storage import KEY_PATTERN, LibraryStore, StoredObject

SQL = Statements(__package__, "inventory.sql")

REMOVED_A_TIME = 100


@dataclass
class Inventory:
    objects: int = 0
    size: int = 0
    """Bytes."""
    strays: list[StoredObject] = field(default_factory=list)
    """No row names them, and they are older than the grace."""
    young: int = 0
    """No row names them yet."""
    missing: list[tuple[str, str]] = field(default_factory=list)
    """Rows and the keys of what they should have."""


async def take_inventory(store: LibraryStore, db: Database, *, now: datetime, grace: timedelta) -> Inventory:
    """Compare what is stored with what rows name. Raises OSError, Unavailable.

    The objects first: what is made after that is in no list, and each key is written down before its object is made.
    """
    there: dict[str, StoredObject] = {}
    async for found in store.list_objects():
        there[found.key] = found
    kept = await _kept(db, grace)
    named = {key for _, key in kept}
    unnamed = [found for key, found in there.items() if key not in named]
    spoken_for = await _spoken_for(db, [found.key for found in unnamed])
    strays = [found for found in unnamed if found.key not in spoken_for]
    old = [found for found in strays if found.modified < now - grace]
    missing = [(owner, key) for owner, key in kept if key not in there and await store.head(key) is None]
    if missing:
        # Deleted a moment ago is not missing.
        still = set(await _kept(db, grace))
        missing = [lost for lost in missing if lost in still]
    return Inventory(len(there), sum(found.size for found in there.values()), old, len(strays) - len(old), missing)


async def remove_strays(
    strays: list[StoredObject], db: Database, *, grace: timedelta, remove: Callable[[list[str]], Awaitable[list[str]]]
) -> list[str]:
    """Remove what no row names, asked once more before each hundred; returns the keys that are gone. Raises Unavailable."""
    gone: list[str] = []
    for some in batched([stray.key for stray in strays], REMOVED_A_TIME):
        named = {key for _, key in await _kept(db, grace)} | await _spoken_for(db, list(some))
        gone += await remove([key for key in some if key not in named])
    return gone


async def _kept(db: Database, grace: timedelta) -> list[tuple[str, str]]:
    # A large library takes longer than any request may.
    async with db.unhurried("dustreel storage check") as connection:
        rows = await every(connection, SQL["kept"], pattern=f"({KEY_PATTERN})", grace_seconds=grace.total_seconds())
    return [(row["owner"], row["key"]) for row in rows]


async def _spoken_for(db: Database, keys: list[str]) -> set[str]:
    async with db.unhurried("dustreel storage check") as connection:
        return {row["key"] for row in await every(connection, SQL["spoken_for"], keys=keys, pattern=f"({KEY_PATTERN})")}
