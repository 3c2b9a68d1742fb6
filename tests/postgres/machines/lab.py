"""Where it is played: a database of a test's own, what is done to it before and between examples, and the audit of it."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import uvloop
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from dustreel import jobs
from dustreel.base.db import Database, Row
from tests.conftest import PATIENCE_SECONDS, fresh_database

# A race's acts, whoever jams them, and whoever watches them wait.
CONNECTIONS = 14
# Durability is the chaos harness's to try; here waiting for the disk would be most of the time.
_OPTIONS = ("synchronous_commit=off", "lock_timeout=60s", "statement_timeout=60s", "idle_in_transaction_session_timeout=60s")


@dataclass(frozen=True)
class Lab:
    """A database of a test's own. Examples share it, each finding it empty; hypothesis knows no async, so the loop is kept here."""

    db: Database
    crowd: Database
    """For what happens at once. Apart, so that where one thing happens its few connections soon know every statement."""
    eye: psycopg.Connection[Row]
    """What reads everything after every step, in half the time that the loop would take."""
    loop: asyncio.AbstractEventLoop

    def do[T](self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def open(self) -> None:
        await self.db.open()
        await self.crowd.open()
        # All at once, so that no race waits for a connection.
        await self.crowd.pool.resize(CONNECTIONS, CONNECTIONS)
        await self.crowd.pool.wait()

    async def close(self) -> None:
        self.eye.close()
        await self.db.close()
        await self.crowd.close()


@contextmanager
def lab_on(template: str, *, broken_by: str = "") -> Iterator[Lab]:
    """`broken_by` is SQL that takes something out of the database."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        loop, made = runner.get_loop(), fresh_database(template)
        url = loop.run_until_complete(made.__aenter__())
        lab = Lab(
            patient(url, connections=2),
            patient(url, connections=CONNECTIONS),
            psycopg.connect(url, autocommit=True, row_factory=dict_row),
            loop,
        )
        try:
            lab.eye.execute((broken_by or "select").encode())
            lab.do(lab.open())
            yield lab
        finally:
            lab.do(lab.close())
            lab.do(made.__aexit__(None, None, None))


def patient(url: str, *, connections: int) -> Database:
    """A machine that others share may take its time over anything."""
    options = " ".join(f"-c {each}" for each in _OPTIONS)
    return Database(make_conninfo(url, options=options), max_size=connections).patient(PATIENCE_SECONDS)


async def forge(db: Database, statement: str, *values: object) -> None:
    """Execute with the triggers off, as no code of ours could."""
    async with db.transaction() as connection:
        await connection.execute("set local session_replication_role = replica")
        await connection.execute(statement.encode(), values or None)


async def empty(db: Database) -> None:
    tables = "dust_entries dust_accounts submissions provider_webhooks videos removals idempotency_keys jobs oban_jobs workers"
    await forge(db, ";".join(f"delete from {table}" for table in tables.split()))


async def broken(db: Database) -> list[str]:
    """The audit's findings that don't hold."""
    async with db.transaction() as connection:
        return [f"{finding.invariant}: {finding.detail}" async for finding in jobs.audit(connection) if not finding.holds]
