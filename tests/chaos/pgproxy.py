"""Between one process and PostgreSQL: reads the protocol just enough to name each message and to hold back each answer.

Wire facts: PostgreSQL's manual, "Frontend/Backend Protocol", "Message Formats".
"""

import asyncio
import contextlib
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.chaos.points import Ask, Moment, name_of

CHUNK = 1 << 16


@asynccontextmanager
async def pg_proxy(socket_path: str, ask: Ask) -> AsyncIterator[int]:
    """A port that leads to the server's socket, while the block lasts."""
    talking: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talking.add(task)
        try:
            await _Conversation(ask).carry(reader, writer, socket_path)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # either side has gone, as the harness wants them to
        finally:
            talking.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=1 << 24)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in talking:
            task.cancel()
        await asyncio.gather(*talking, return_exceptions=True)


@dataclass
class _Conversation:
    """One connection."""

    ask: Ask
    prepared: dict[bytes, str] = field(default_factory=dict)
    last: str = ""
    in_block: str | None = None
    """The last statement within an open transaction block; its commit is named after it."""
    asked: deque[str] = field(default_factory=deque)
    """Messages whose answers are still to come."""

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, socket_path: str) -> None:
        (length,) = struct.unpack("!i", await reader.readexactly(4))
        start = await reader.readexactly(length - 4)
        upstream_reader, upstream = await asyncio.open_unix_connection(socket_path, limit=1 << 24)
        upstream.write(struct.pack("!i", length) + start)
        ways = [asyncio.create_task(self._answers(upstream_reader, writer)), asyncio.create_task(self._messages(reader, upstream))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            upstream.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _messages(self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter) -> None:
        batch = bytearray()
        while True:
            head = await reader.readexactly(5)
            body = await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)
            batch += head + body
            self._note(head[:1], body)
            if head[:1] in b"QS":
                name = self._name()
                if self.ask(name, Moment.BEFORE):
                    raise ConnectionResetError
                self.asked.append(name)
            if head[:1] in b"QSXHp":
                upstream.write(bytes(batch))
                await upstream.drain()
                batch.clear()

    def _note(self, kind: bytes, body: bytes) -> None:
        if kind == b"Q":
            self.last = body.rstrip(b"\0").decode()
        elif kind == b"P":
            name, text, _ = body.split(b"\0", 2)
            self.prepared[name] = self.last = text.decode()
        elif kind == b"B":
            _, name, _ = body.split(b"\0", 2)
            self.last = self.prepared.get(name, self.last)

    def _name(self) -> str:
        word = self.last.strip().split(" ", 1)[0].rstrip(";").lower()
        if word == "begin":
            self.in_block = ""
            return "begin"
        if word in ("commit", "rollback"):
            within, self.in_block = self.in_block, None
            return f"{word} after {within or 'nothing'}"
        name = name_of(self.last)
        if self.in_block is not None and word not in ("savepoint", "release"):
            self.in_block = name
        return name

    async def _answers(self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held = bytearray()
        while True:
            head = await upstream.readexactly(5)
            held += head + await upstream.readexactly(struct.unpack("!i", head[1:])[0] - 4)
            if head[:1] == b"Z" and self.asked and self.ask(self.asked.popleft(), Moment.AFTER):
                raise ConnectionResetError
            if head[:1] == b"Z" or not self.asked:
                writer.write(bytes(held))
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
                held.clear()
