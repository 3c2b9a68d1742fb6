"""Servers that mean no good: real TLS on loopback, every byte of them ours; an exact allowance lets the fetch reach them."""

import asyncio
import io
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
import trustme
from PIL import Image

from dustreel.fetch import Fetched, FetchFailed, SafeFetch

HOST = "pictures.example"
AUTHORITY = trustme.CA()

type Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    port: int
    heads: list[bytes] = field(default_factory=list)
    """What was asked."""
    connections: int = 0

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/a.png"


def png(side: int = 32) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(out, "PNG")
    return out.getvalue()


def mp4(brand: bytes = b"isom", *others: bytes, size: int = 4_096) -> bytes:
    """Enough of one to be known by."""
    box = b"ftyp" + brand + bytes(4) + b"".join(others)
    return ((len(box) + 4).to_bytes(4) + box).ljust(size, b"\0")


def answer(*headers: str, body: bytes = b"", status: str = "200 OK", length: bool = True) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


PICTURE = answer("Content-Type: image/png", body=png())


@cache
def certified(*names: str, **options: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(*(names or (HOST,)), **options).configure_cert(context)
    return context


@asynccontextmanager
async def server(reply: bytes | Serve, *, tls: ssl.SSLContext | None = None, plain: bool = False) -> AsyncIterator[Server]:
    """Reads one request a connection and replies; `plain` has no TLS, and then reads nothing by itself."""
    found = Server(0)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.connections += 1
        try:
            if not plain:
                found.heads.append(await reader.readuntil(b"\r\n\r\n"))
            if isinstance(reply, bytes):
                writer.write(reply)
                await writer.drain()
            else:
                await reply(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the fetcher hung up, as it should
        finally:
            writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=None if plain else tls or certified())
    found.port = listening.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        listening.close()


@cache
def trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(context)
    return context


def resolving(*addresses: str) -> Callable[..., list[Any]]:
    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return resolve


def fetcher(*servers: Server, **options: Any) -> SafeFetch:
    """One that reaches these servers and nothing else."""
    allow = {f"{HOST}:{there.port}" for there in servers}
    chosen: dict[str, Any] = {"resolve": resolving("127.0.0.1"), "tls": trusting(), "allow": allow, "seconds": 5.0}
    return SafeFetch(**(chosen | options))


async def fetched(reply: bytes | Serve, *, options: dict[str, Any] | None = None, **how: Any) -> tuple[Fetched, bytes]:
    async with server(reply) as there:
        return await fetcher(there, **(options or {})).to_memory(there.url, **how)


async def refused(error: type[FetchFailed], reply: bytes | Serve, *, options: dict[str, Any] | None = None, **how: Any) -> str:
    """The sentence that it was refused with."""
    with pytest.raises(error) as told:
        await fetched(reply, options=options, **how)
    assert type(told.value) is error
    sentence = str(told.value)
    assert sentence.endswith(".") and sentence.isprintable() and len(sentence) < 300
    return sentence


async def until_hung_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()
