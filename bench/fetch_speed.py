"""`python -m bench.fetch_speed`: a 5 MB picture from a server on loopback, by safe fetch and by plain httpx, over TLS; medians of one run.

Both begin with a new connection for each picture, as a stranger's address does. Safe fetch is to be at least 0.8 times as fast.
"""

import asyncio
import io
import multiprocessing
import ssl
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import numpy as np
import trustme
from PIL import Image

from dustreel.fetch import SafeFetch

PICTURE_BYTES = 5_000_000
ROUNDS = 60
HOST = "127.0.0.1"
PIECE = 64 << 10


async def main() -> None:
    authority, picture = trustme.CA(), _picture()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(tls)
    with _serving(picture, authority) as port:
        url, fetch = f"https://{HOST}:{port}/a.png", SafeFetch(allow=[f"{HOST}:{port}"], tls=tls)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "picture"

            async def plainly() -> int:
                async with httpx.AsyncClient(verify=tls, trust_env=False) as client:
                    return len((await client.get(url)).content)

            async def to_memory() -> int:
                return len((await fetch.to_memory(url))[1])

            async def to_file() -> int:
                size = (await fetch.to_file(url, file)).size
                file.unlink()
                return size

            took = await _measure({"plain httpx": plainly, "safe fetch": to_memory, "safe fetch to a file": to_file}, len(picture))
    plain = took["plain httpx"]
    for name, seconds in took.items():
        print(f"{name}: {1000 * seconds:.1f} ms, {len(picture) / seconds / 1e6:,.0f} MB/s, {plain / seconds:.2f} × plain httpx")


async def _measure(ways: dict[str, Callable[[], Awaitable[int]]], size: int) -> dict[str, float]:
    """Seconds, by name; the ways take turns, so that whatever else happens on the machine happens to all of them."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(ROUNDS + 3):
        for name, way in ways.items():
            began = time.perf_counter()
            assert await way() == size
            if round_ >= 3:  # the first ones warm up
                took[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in took.items()}


def _picture() -> bytes:
    """Noise, which no encoder makes smaller."""
    out, side = io.BytesIO(), int((PICTURE_BYTES / 3) ** 0.5)
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (side, side, 3), np.uint8)).save(out, "PNG", compress_level=1)
    return out.getvalue()


@contextmanager
def _serving(picture: bytes, authority: trustme.CA) -> Iterator[int]:
    """A server in a process of its own; its port."""
    processes = multiprocessing.get_context("spawn")
    ours, theirs = processes.Pipe()
    identity = authority.issue_cert(HOST).private_key_and_cert_chain_pem.bytes()
    server = processes.Process(target=_serve, args=(picture, identity, theirs), daemon=True)
    server.start()
    try:
        yield ours.recv()
    finally:
        server.kill()
        server.join()


def _serve(picture: bytes, identity: bytes, told: Connection) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(identity)
        file.flush()
        tls.load_cert_chain(file.name)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: {len(picture)}\r\nConnection: close\r\n\r\n".encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        for at in range(0, len(picture), PIECE):
            writer.write(picture[at : at + PIECE])
            await writer.drain()
        writer.close()

    async def serve() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls) as listening:
            told.send(listening.sockets[0].getsockname()[1])
            await listening.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    asyncio.run(main())
