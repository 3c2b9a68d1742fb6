"""Brings a database's schema up to date: numbered files, each applied once, in a transaction of its own, under one lock."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

import psycopg

from dustreel.base.db import Connection, Database, Statements, one
from dustreel.base.errors import Misconfigured, Unavailable

SQL = Statements(__package__, "migrate.sql")

# Any number will do as long as nobody else takes it: two processes that start at once must not migrate at once.
MIGRATION_LOCK = 6_401_882_377_110_021
OLDEST_SERVER = 150_000


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

    Raises Misconfigured when the server is too old, a file was changed after it had been applied, or the server refuses what is in one;
    Unavailable when the server goes away meanwhile.
    """
    try:
        async with await db.dial("dustreel migrations") as connection:
            return await _migrate(connection, [*before, *migrations()])
    except psycopg.errors.InsufficientPrivilege as refused:
        raise Misconfigured(f"The database user may not change the schema: {refused.diag.message_primary}.") from refused
    except psycopg.Error as failed:
        if failed.diag.message_primary is None or isinstance(failed, psycopg.errors.AdminShutdown | psycopg.errors.CrashShutdown):
            raise Unavailable("The connection to the database was lost while its schema was brought up to date.") from failed
        raise Misconfigured(f"The database's schema can't be brought up to date: {failed.diag.message_primary}.") from failed


async def _migrate(connection: Connection, wanted: Iterable[Migration]) -> list[str]:
    if connection.info.server_version < OLDEST_SERVER:
        raise Misconfigured(f"Dustreel needs PostgreSQL 15 or newer; this server is {connection.info.server_version // 10_000}.")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise Misconfigured(f"Dustreel needs a database in UTF8; this one is in {encoding}.")
    await connection.execute(SQL["lock"], {"lock": MIGRATION_LOCK})
    await connection.execute(SQL["make_ledger"])
    return [migration.name for migration in wanted if await _apply(connection, migration)]


async def _apply(connection: Connection, migration: Migration) -> bool:
    row = await one(connection, SQL["applied"], name=migration.name)
    if row is not None:
        if row["sha256"] != migration.sha256:
            raise Misconfigured(f"The migration {migration.name} was changed after this database had applied it.")
        return False
    async with connection.transaction():
        await connection.execute(migration.sql.encode())
        await connection.execute(SQL["note"], {"name": migration.name, "sha256": migration.sha256})
    return True
