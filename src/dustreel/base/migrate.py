"""Brings a database's schema up to date: numbered files, each applied once, in a transaction of its own, under one lock."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

import psycopg

from dustreel.base.db import Connection, Database, one
from dustreel.base.errors import Misconfigured

# Any number will do as long as nobody else takes it: two processes that start at once must not migrate at once.
MIGRATION_LOCK = 6_401_882_377_110_021
OLDEST_SERVER = 150_000

_LEDGER = b"""
create table if not exists schema_migrations (
    name       text primary key,
    sha256     text not null,
    applied_at timestamptz not null default now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Every numbered file, in order."""
    folder = files("dustreel.migrations")
    return sorted(
        (Migration(entry.name.removesuffix(".sql"), entry.read_text("utf-8")) for entry in folder.iterdir() if entry.name.endswith(".sql")),
        key=lambda migration: migration.name,
    )


async def migrate(db: Database, *, before: Iterable[Migration] = ()) -> list[str]:
    """Apply what is missing, `before` first; returns the names of what was applied.

    Raises Misconfigured when the server is too old or a file was changed after it had been applied.
    """
    applied = []
    async with db.connection(wait=30.0) as connection:
        if connection.info.server_version < OLDEST_SERVER:
            raise Misconfigured(f"Dustreel needs PostgreSQL 15 or newer; this server is {connection.info.server_version // 10_000}.")
        await connection.execute("select pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        try:
            await connection.execute(_LEDGER)
            for migration in [*before, *migrations()]:
                if await _apply(connection, migration):
                    applied.append(migration.name)
        finally:
            await connection.execute("select pg_advisory_unlock(%s)", (MIGRATION_LOCK,))
    return applied


async def _apply(connection: Connection, migration: Migration) -> bool:
    row = await one(connection, b"select sha256 from schema_migrations where name = %(name)s", name=migration.name)
    if row is not None:
        if row["sha256"] != migration.sha256:
            raise Misconfigured(f"The migration {migration.name} was changed after this database had applied it.")
        return False
    try:
        async with connection.transaction():
            await connection.execute(migration.sql.encode())
            await connection.execute("insert into schema_migrations (name, sha256) values (%s, %s)", (migration.name, migration.sha256))
    except psycopg.errors.InsufficientPrivilege as refused:
        raise Misconfigured(f"The database user may not change the schema: {refused.diag.message_primary}.") from refused
    return True
