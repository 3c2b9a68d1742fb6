"""A small load generator on raw sockets: keep-alive connections that each send their next request when the last is answered."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    per_second: float
    errors: int


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def run(port: int, make: Callable[[int], bytes], *, connections: int, seconds: float, expect: int) -> Load:
    """Requests per second over all connections; `make` is given the connection's number."""
    until = time.perf_counter() + seconds
    began = time.perf_counter()
    counts = await asyncio.gather(*(_connection(port, make, number, until, expect) for number in range(connections)))
    elapsed = time.perf_counter() - began
    return Load(sum(done for done, _ in counts) / elapsed, sum(errors for _, errors in counts))


async def _connection(port: int, make: Callable[[int], bytes], number: int, until: float, expect: int) -> tuple[int, int]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    done = errors = 0
    while time.perf_counter() < until:
        writer.write(make(number))
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if lengths:
            await reader.readexactly(lengths[0])
        else:
            await _chunks(reader)
        done += 1
        errors += int(head[9:12]) != expect
    writer.close()
    return done, errors


async def _chunks(reader: asyncio.StreamReader) -> None:
    while True:
        size = int(await reader.readline(), 16)
        await reader.readexactly(size + 2)
        if size == 0:
            return
