"""The one way to the database: a pool, a visible transaction, and named SQL.

Connections are in autocommit mode, so that a single read costs one exchange; whoever writes opens a transaction and it can be seen.

Nothing waits for ever. Most of it the server itself ends: a wait for a lock, a statement, a transaction whose owner has been stopped in
the middle of it. A server that is stopped or cut off ends nothing, so every block has a time too, after which its socket is shut.
"""

import asyncio
import contextlib
import copy
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.resources import files
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from dustreel.base.errors import Unavailable

type Connection = AsyncConnection
type Row = dict[str, Any]

# A caller waits this long for a connection, and as long again for what is done on it; then it is told 503. Design §5: "never a hang over
# 5 s". Joined reads (gather.py) wait for the batch before theirs too, and where the server is silent that has its connections already.
CALLER_SECONDS = 2.3
# A worker's sweeps move two hundred rows at once, and what a render has cost is worth a longer wait.
WORKER_SECONDS = 5.0
# At this share of the time the server is asked to let go; it mostly does, and then it is known that nothing was done.
ASKED_AT = 0.8
# Below that, so that the server says no by itself and the connection lives on.
LOCK_SECONDS = 1.6
# Ours think for milliseconds between two statements; a process that is stopped in between lets go before anybody's wait for a lock ends.
IDLE_IN_TRANSACTION_SECONDS = 1.3
# Twice what anybody waits for an answer: it ends the statements whose client is gone.
STATEMENT_SECONDS = 10.0
CONNECT_SECONDS = 5.0
# With psycopg's default of five minutes of growing back-off, a 40 s outage cost 21 s more before work went on (measured; design §5).
RECONNECT_SECONDS = 5.0

_LINE: dict[str, int] = {
    "connect_timeout": round(CONNECT_SECONDS),
    # A peer that has vanished is noticed within about ten seconds. Over a unix socket these mean nothing.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}
_LIMITS = {
    "lock_timeout": LOCK_SECONDS,
    "statement_timeout": STATEMENT_SECONDS,
    "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_SECONDS,
}

# Lock and statement time-outs are OperationalErrors. A transaction that was idle for too long is not, though its connection is gone.
_LOST = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.TransactionTimeout,
    PoolTimeout,
    PoolClosed,
)


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


SQL = Statements(__package__, "db.sql")


class Database:
    """A pool of connections to one PostgreSQL database. What its address says about time-outs goes before what is said here.

    Raises psycopg.ProgrammingError where the address is none.
    """

    def __init__(self, conninfo: str, *, max_size: int = 20) -> None:
        said = conninfo_to_dict(conninfo)
        self.conninfo = make_conninfo(conninfo, **{name: value for name, value in _LINE.items() if name not in said})
        self._limits = {name: f"{seconds * 1000:.0f}" for name, seconds in _LIMITS.items() if name not in _settings_in(said.get("options"))}
        self._seconds = CALLER_SECONDS
        self.pool = self._pool(min_size=2, max_size=max_size)
        self._reserve = self._pool(min_size=0, max_size=1)

    def patient(self, seconds: float = WORKER_SECONDS) -> "Database":
        """The same database, for those whose work may take longer than a caller's."""
        return self._as(self.pool, seconds)

    @property
    def reserve(self) -> "Database":
        """One more connection to it, which no crowd takes away: for a worker's beat. Opened when it is first used."""
        return self._as(self._reserve, CALLER_SECONDS)

    async def open(self) -> None:
        await self.pool.open()
        await self._reserve.open()

    async def close(self) -> None:
        await asyncio.gather(self.pool.close(timeout=3.0), self._reserve.close(timeout=3.0))

    @asynccontextmanager
    async def connection(self, *, wait: float | None = None) -> AsyncIterator[Connection]:
        """A connection for single statements, each its own transaction.

        `wait`: seconds for getting the connection, and as many for what is done on it. Raises Unavailable when the database can't be
        reached, does not answer, or has something locked for too long.
        """
        seconds = self._seconds if wait is None else wait
        try:
            async with self.pool.connection(timeout=seconds) as connection:
                with _Limit(connection, seconds):
                    yield connection
        except _LOST as lost:
            raise Unavailable("The database does not answer for the moment. Try again shortly.") from lost

    @asynccontextmanager
    async def transaction(self, *, wait: float | None = None) -> AsyncIterator[Connection]:
        """One transaction: committed at the block's end, rolled back by any exception. Raises Unavailable as `connection` does."""
        async with self.connection(wait=wait) as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def unhurried(self, name: str) -> AsyncIterator[Connection]:
        """A connection outside the pool that has all the time that it takes. Raises Unavailable when the database goes away."""
        try:
            async with await self.dial(name) as connection:
                yield connection
        except _LOST as lost:
            raise Unavailable("The connection to the database was lost.") from lost

    async def dial(self, name: str) -> Connection:
        """As `unhurried`, for those who want to know what went wrong. Raises psycopg.Error."""
        return await AsyncConnection.connect(self.conninfo, autocommit=True, application_name=name)

    async def listener(self, channel: str) -> Connection:
        """A connection outside the pool that hears this channel. Raises psycopg.Error."""
        connection = await self.dial("dustreel listener")
        try:
            with _Limit(connection, CONNECT_SECONDS):
                await connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
        except BaseException:
            await connection.close()
            raise
        return connection

    def _pool(self, *, min_size: int, max_size: int) -> AsyncConnectionPool[Connection]:
        return AsyncConnectionPool(
            self.conninfo,
            min_size=min_size,
            max_size=max_size,
            open=False,
            # For the engine, which outlasts an outage; everybody else says how long.
            timeout=30.0,
            reconnect_timeout=RECONNECT_SECONDS,
            configure=self._set_limits,
            kwargs={"autocommit": True, "application_name": "dustreel"},
        )

    async def _set_limits(self, connection: Connection) -> None:
        try:
            with _Limit(connection, CONNECT_SECONDS):
                await connection.execute(SQL["limits"], {"names": list(self._limits), "values": list(self._limits.values())})
        except BaseException:
            await connection.close()
            raise

    def _as(self, pool: AsyncConnectionPool[Connection], seconds: float) -> "Database":
        twin = copy.copy(self)
        twin.pool, twin._seconds = pool, seconds
        return twin


class _Limit:
    """Ends a block whose server does not answer in time: first by asking it to let go, and then by shutting the socket.

    Whoever waits on that hears of it at once. A block that is merely cancelled waits for the server's answer for up to ten seconds.
    """

    __slots__ = ("_asking", "_connection", "_seconds", "_timer")

    def __init__(self, connection: Connection, seconds: float) -> None:
        self._connection, self._seconds = connection, seconds
        self._asking: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._timer = asyncio.get_running_loop().call_later(self._seconds * ASKED_AT, self._ask)
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.cancel()
        if self._asking is not None:
            self._asking.cancel()
            # The pool then replaces it: a cancel that comes late must not hit somebody else's statement.
            self._connection.pgconn.finish()

    def _ask(self) -> None:
        rest = self._seconds * (1 - ASKED_AT)
        self._timer = asyncio.get_running_loop().call_later(rest, self._shut)
        self._asking = asyncio.create_task(self._ask_to_let_go(rest))

    async def _ask_to_let_go(self, within: float) -> None:
        with contextlib.suppress(psycopg.Error):
            await self._connection.cancel_safe(timeout=within)

    def _shut(self) -> None:
        with contextlib.suppress(psycopg.Error, OSError):
            line = socket.socket(fileno=self._connection.fileno())
            try:
                line.shutdown(socket.SHUT_RDWR)
            finally:
                line.detach()  # libpq closes it


def _settings_in(options: object) -> set[str]:
    """What `-c name=value` and `--name=value` in an address's `options` set."""
    return {name.replace("-", "_").lower() for name in re.findall(r"(?:-c\s*|--)([\w.-]+)\s*=", str(options or ""))}


async def one_state(connection: Connection) -> None:
    """All that this transaction reads is of one moment, and it writes nothing. The transaction's first statement."""
    await connection.execute(SQL["one_state"])


async def one(connection: Connection, statement: bytes, **values: object) -> Row | None:
    """The first row, or None where there is none."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(statement, values)).fetchone()


async def every(connection: Connection, statement: bytes, **values: object) -> list[Row]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(statement, values)).fetchall()
