"""The one way to the database: a pool, a visible transaction, and named SQL.

Connections are in autocommit mode, so that a single read costs one exchange; whoever writes opens a transaction and it can be seen.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from dustreel.base.errors import Unavailable

type Connection = AsyncConnection
type Row = dict[str, Any]

# A caller waits this long for a connection and is then told 503: design §5, "never a hang over 5 s".
CONNECTION_WAIT_SECONDS = 2.0
# With psycopg's default of five minutes of growing back-off, a 40 s outage cost 21 s more before work went on (measured; design §5).
RECONNECT_SECONDS = 5.0

_LOST = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed)


class Statements:
    """The statements of one `.sql` file, by the name in their `-- name: …` line."""

    def __init__(self, package: str, filename: str) -> None:
        self._by_name = self.parse(files(package).joinpath(filename).read_text("utf-8"))

    @staticmethod
    def parse(text: str) -> dict[str, bytes]:
        parts = re.split(r"^-- name: (\w+)[^\n]*\n", text, flags=re.MULTILINE)
        return {name: body.strip().rstrip(";").encode() for name, body in zip(parts[1::2], parts[2::2], strict=True)}

    def __getitem__(self, name: str) -> bytes:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)


class Database:
    """A pool of connections to one PostgreSQL database."""

    def __init__(self, conninfo: str, *, max_size: int = 20) -> None:
        self.conninfo = conninfo
        self.pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            conninfo,
            min_size=2,
            max_size=max_size,
            open=False,
            # For the engine and the sweeps, which outlast an outage; a caller's wait is CONNECTION_WAIT_SECONDS.
            timeout=30.0,
            reconnect_timeout=RECONNECT_SECONDS,
            kwargs={"autocommit": True, "application_name": "dustreel"},
        )

    async def open(self) -> None:
        await self.pool.open()

    async def close(self) -> None:
        await self.pool.close(timeout=3.0)

    @asynccontextmanager
    async def connection(self, *, wait: float = CONNECTION_WAIT_SECONDS) -> AsyncIterator[Connection]:
        """A connection for single statements, each its own transaction. Raises Unavailable when the database can't be reached."""
        try:
            async with self.pool.connection(timeout=wait) as connection:
                yield connection
        except _LOST as lost:
            raise Unavailable("The database can't be reached for the moment. Try again shortly.") from lost

    @asynccontextmanager
    async def transaction(self, *, wait: float = CONNECTION_WAIT_SECONDS) -> AsyncIterator[Connection]:
        """One transaction: committed at the block's end, rolled back by any exception. Raises Unavailable as `connection` does."""
        async with self.connection(wait=wait) as connection, connection.transaction():
            yield connection

    async def listener(self) -> Connection:
        """A connection outside the pool, for LISTEN."""
        return await AsyncConnection.connect(self.conninfo, autocommit=True, application_name="dustreel listener")


async def one(connection: Connection, statement: bytes, **values: object) -> Row | None:
    """The first row, or None where there is none."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(statement, values)).fetchone()


async def every(connection: Connection, statement: bytes, **values: object) -> list[Row]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(statement, values)).fetchall()
