"""A small HTTP/1.1 server whose every byte is ours: it can fall silent, cut a connection or send half an answer where a real one might."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Told:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    """Bytes of the body after which the connection is cut."""

    @classmethod
    def of(cls, value: Any, status: int = 200, **headers: str) -> "Told":
        return cls(status, json.dumps(value).encode(), {"content-type": "application/json"} | headers)


class Cut(Exception):
    """The connection ends here, without a word."""


type Handler = Callable[[Asked], Awaitable[Told]]
type Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """The server's address, while it answers."""

    async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (asked := await _read(reader)) is not None:
            await _write(writer, await handler(asked))

    async with listening(answer_all) as address:
        yield address


@asynccontextmanager
async def listening(converse: Conversation, *, limit: int = 1 << 16) -> AsyncIterator[str]:
    """The address of a server that holds each connection's conversation; `limit` is the longest head that it reads, in bytes."""
    talking: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talking.add(task)
        try:
            await converse(reader, writer)
        except (Cut, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # cut by script, by the other side, or by the end of the test: all the same to a socket
        finally:
            talking.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=limit)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in talking:
            task.cancel()
        await asyncio.gather(*talking, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    where = urlsplit(target)
    return Asked(method, where.path, {name: values[0] for name, values in parse_qs(where.query).items()}, headers, body)


async def _write(writer: asyncio.StreamWriter, told: Told) -> None:
    headers = {"content-length": str(len(told.body))} | told.headers
    lines = [f"HTTP/1.1 {told.status} {HTTPStatus(told.status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode() + told.body[: told.cut_after])
    with contextlib.suppress(ConnectionError):
        await writer.drain()
    if told.cut_after is not None:
        raise Cut
