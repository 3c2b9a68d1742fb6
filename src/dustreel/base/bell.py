"""What processes tell each other at once: PostgreSQL's LISTEN/NOTIFY on one channel, one connection a process.

A ring is a hint, never the truth: it may be lost while the database is away, so whoever listens also looks at the rows now and then.
"""

import asyncio
from collections.abc import Callable

import psycopg

from dustreel.base.db import Connection, Database
from dustreel.base.log import logger

log = logger(__name__)

CHANNEL = "dustreel"
RECONNECT_SECONDS = 0.5

type Heard = Callable[[str], None]


class Bell:
    """Calls its hearers with each message of a topic. A message is `topic:text`, sent in SQL by `pg_notify('dustreel', …)`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._hearers: dict[str, list[Heard]] = {}
        self.listening = asyncio.Event()

    def on(self, topic: str, heard: Heard) -> None:
        self._hearers.setdefault(topic, []).append(heard)

    async def listen(self, stopping: asyncio.Event) -> None:
        """Listens until told to stop, and reconnects for ever."""
        while not stopping.is_set():
            try:
                async with await self._db.listener(CHANNEL) as connection:
                    self.listening.set()
                    await self._hear(connection, stopping)
            except (psycopg.Error, OSError) as lost:
                log.warning("the bell lost its connection", error=str(lost).strip())
                await asyncio.sleep(RECONNECT_SECONDS)
            finally:
                self.listening.clear()

    async def _hear(self, connection: Connection, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            async for notify in connection.notifies(timeout=1.0):
                topic, _, text = notify.payload.partition(":")
                for heard in self._hearers.get(topic, ()):
                    try:
                        heard(text)
                    except Exception:
                        # Anybody with the database may ring it, and say what no hearer understands.
                        log.exception("the bell rang for nothing", topic=topic)
