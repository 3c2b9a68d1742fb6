"""API keys: `dr_live_…` and `dr_test_…`. Only a key's SHA-256 is stored, so that a stolen database opens nothing."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from dustreel.base.db import Connection, Database, Row, Statements, every, one
from dustreel.base.ids import Ids, user_of
from dustreel.base.kept import keep
from dustreel.base.vocabulary import Mode
from dustreel.callers.caller import Caller, Role

SQL = Statements(__package__, "callers.sql")

PREFIXES = {Mode.LIVE: "dr_live_", Mode.TEST: "dr_test_"}
# Enough to tell one's keys apart, far too little to guess the rest.
HINT_CHARACTERS = len("dr_live_") + 4
# 32 secret characters after the prefix; anything much longer is no key of ours and isn't worth a hash.
LONGEST_KEY = 128

DEVELOPMENT_USER = "dev"


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it can be shown later: without its secret."""

    id: UUID
    user_id: UUID
    mode: Mode
    role: Role
    hint: str
    name: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def looks_like_a_key(text: str) -> bool:
    return len(text) <= LONGEST_KEY and text.startswith(tuple(PREFIXES.values()))


def hash_of(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


async def find_caller(db: Connection, key_hash: bytes) -> Caller | None:
    row = await one(db, SQL["find_key"], hash=key_hash)
    return None if row is None else Caller(row["user_id"], Mode(row["mode"]), Role(row["role"]))


async def make_key(db: Connection, ids: Ids, user_id: UUID, *, mode: Mode, role: Role = Role.USER, name: str = "") -> tuple[Key, str]:
    """The key's row, and its secret: the only time that anybody sees it."""
    secret = PREFIXES[mode] + ids.secret()
    row = await one(
        db,
        SQL["make_key"],
        id=ids.uuid(),
        user_id=user_id,
        mode=mode,
        role=role,
        hash=hash_of(secret),
        hint=secret[:HINT_CHARACTERS],
        name=name,
    )
    assert row is not None
    return _key(row), secret


async def keys_of(db: Connection, user_id: UUID | None) -> list[Key]:
    """A user's keys, or everybody's."""
    return [_key(row) for row in await every(db, SQL["keys"], user_id=user_id)]


async def revoke_key(db: Connection, key_id: UUID) -> bool:
    """False when there is no such key. Revoking twice is revoking once."""
    return await one(db, SQL["revoke_key"], id=key_id) is not None


async def development_key(db: Database, ids: Ids, home: Path) -> tuple[UUID, str]:
    """The user and test key that `make run` prints: the same at every start, kept in the data folder for its owner's eyes only (0600)."""
    user_id = user_of(DEVELOPMENT_USER)
    kept = home / "dev-token"
    async with db.transaction() as connection:
        if kept.exists():
            secret = kept.read_text().strip()
            if looks_like_a_key(secret) and await find_caller(connection, hash_of(secret)) is not None:
                return user_id, secret
        _, secret = await make_key(connection, ids, user_id, mode=Mode.TEST, name="development")
    # The row first: a key in the file that the database doesn't know would be printed and refused.
    keep(kept, secret)
    return user_id, secret


def _key(row: Row) -> Key:
    return Key(
        id=row["id"],
        user_id=row["user_id"],
        mode=Mode(row["mode"]),
        role=Role(row["role"]),
        hint=row["hint"],
        name=row["name"],
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
    )
