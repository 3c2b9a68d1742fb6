"""Between us and a real S3 server: R2's rules, which that server does not have, and faults by script.

R2 wants all parts of an upload but the last to be equal, and takes no ACLs and no streaming signatures or checksum trailers.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from tests.fakes.wire import listening

type Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request of a kind."""

    status: int | None = None
    """Answered instead, with nothing done."""
    code: str = "InternalError"
    """Goes with `status`, as S3's error bodies have it."""
    stall: bool = False
    """No answer until the other side gives up."""
    cut: bool = False
    """The connection is reset before an answer."""
    done_first: bool = False
    """Whether the server does what was asked before `status`, `cut` or `stall`."""
    short: bool = False
    """Half the body, and then a reset."""
    wrong: bool = False
    """The body with a bit changed."""
    stall_within: bool = False
    """Half the body, and then silence."""


@dataclass
class Asked:
    kind: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    head: bytes
    body: bytes


@dataclass
class StrictProxy:
    upstream: int
    """The port of the S3 server on loopback."""
    url: str = ""
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """The kinds of all requests."""
    parts: dict[str, dict[int, int]] = field(default_factory=dict)
    """The sizes of each upload's parts."""
    stalled: set[str] = field(default_factory=set)
    """The kinds of requests that were left without an answer."""
    broken: list[str] = field(default_factory=list)
    """R2's rules that were broken."""
    reached: Callable[["Asked", bool], bool] = lambda asked, is_done: False
    """Told of each request, before it is carried out and after: whether its sender is gone by now."""

    def forget(self) -> None:
        for kept in (self.faults, self.asked, self.parts, self.stalled, self.broken):
            kept.clear()

    def fail(self, kind: str, *faults: Fault) -> None:
        self.faults.setdefault(kind, []).extend(faults)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["StrictProxy"]:
        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):  # either side may go at any time, by script or at a test's end
                await self._one(reader, writer)

        async with listening(converse, limit=1 << 20) as self.url:
            yield self

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection."""
        asked = await _read(reader)
        self.asked.append(asked.kind)
        if self.reached(asked, False):
            return
        queue = self.faults.get(asked.kind)
        fault = queue.pop(0) if queue else Fault()
        refused = self._refused(asked)
        if refused:
            self.broken.append(refused)
            fault = Fault(status=400, code="InvalidPart")
        is_told = not (fault.cut or fault.status or fault.stall)
        if fault.done_first or is_told:
            await self._relay(asked, writer if is_told else None, fault)
        if fault.stall:
            self.stalled.add(asked.kind)
            await reader.read()
        if fault.status:
            body = f'<?xml version="1.0"?><Error><Code>{fault.code}</Code><Message>by script</Message></Error>'.encode()
            head = f"HTTP/1.1 {fault.status} By Script\r\ncontent-length: {len(body)}\r\ncontent-type: application/xml\r\n"
            writer.write(f"{head}connection: close\r\n\r\n".encode() + (b"" if asked.kind == "head" else body))
            await writer.drain()
            writer.close()

    def _refused(self, asked: Asked) -> str:
        """Which of R2's rules this breaks; nothing where it breaks none."""
        upload = asked.query.get("uploadId", "")
        if asked.kind == "part":
            self.parts.setdefault(upload, {})[int(asked.query["partNumber"])] = len(asked.body)
        if asked.kind == "complete":
            sizes = [size for _, size in sorted(self.parts.get(upload, {}).items())]
            if len(set(sizes[:-1])) > 1 or sizes[-1] > sizes[0]:
                return f"parts of different sizes: {sizes}"
        for name in asked.headers:
            if name.startswith(("x-amz-acl", "x-amz-grant", "x-amz-trailer", "x-amz-tagging")):
                return name
        if asked.headers.get("x-amz-content-sha256", "").startswith("STREAMING") or "transfer-encoding" in asked.headers:
            return "a streaming body"
        return ""

    async def _relay(self, asked: Asked, writer: asyncio.StreamWriter | None, fault: Fault) -> None:
        source, target = await asyncio.open_connection("127.0.0.1", self.upstream, limit=1 << 20)
        try:
            target.write(asked.head + asked.body)
            await target.drain()
            head = await source.readuntil(b"\r\n\r\n")
            if self.reached(asked, True):
                return
            lines = [line for line in head.split(b"\r\n") if line and not line.lower().startswith(b"connection:")]
            if writer is not None:
                writer.write(b"\r\n".join([*lines, b"connection: close", b"", b""]))
            length = next((int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:")), 0)
            spoilt = fault.short or fault.stall_within
            left = length // 2 if spoilt else 1 << 62
            while left and (chunk := await source.read(min(left, 1 << 16))):
                left -= len(chunk)
                if writer is not None:
                    writer.write(bytes([chunk[0] ^ 1]) + chunk[1:] if fault.wrong else chunk)
                    await writer.drain()
            if fault.stall_within:
                await asyncio.Event().wait()
            if writer is not None and not fault.short:
                writer.close()
                await writer.wait_closed()
        finally:
            target.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("expect", "").lower() == "100-continue":
        raise OSError("nobody here says 100")
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    where = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(where.query, keep_blank_values=True).items()}
    kept = [line for line in lines if not line.lower().startswith("connection:")]
    head = "\r\n".join([first, *kept, "connection: close", "", ""]).encode("latin-1")
    return Asked(_kind(method, where.path, query), where.path, query, headers, head, body)


def _kind(method: str, path: str, query: dict[str, str]) -> str:
    if "uploads" in query:
        return "begin" if method == "POST" else "uploads"
    if "uploadId" in query:
        return {"PUT": "part", "POST": "complete", "DELETE": "abort"}[method]
    if method == "GET" and path.strip("/").count("/") == 0:
        return "list"
    return method.lower()
