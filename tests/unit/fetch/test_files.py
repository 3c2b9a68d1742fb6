"""Fetching into a file: all of it or nothing, in memory that does not grow with it."""

import asyncio
import errno
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from dustreel.fetch import PICTURES, VIDEOS, ForbiddenAddress, TooLarge, Unreachable, WrongKind
from tests.unit.fetch.servers import PICTURE, answer, fetcher, mp4, png, server

VIDEO = answer("Content-Type: video/mp4", body=mp4(size=3 << 20))


async def test_a_picture_and_a_video_come_whole(tmp_path: Path) -> None:
    for name, reply, kinds, data in (("a", PICTURE, PICTURES, png()), ("b", VIDEO, VIDEOS, mp4(size=3 << 20))):
        async with server(reply) as there:
            found = await fetcher(there).to_file(there.url, tmp_path / name, kinds=kinds)
        assert (tmp_path / name).read_bytes() == data
        assert (found.size, found.content_type, found.url) == (len(data), kinds.types[-1] if name == "b" else "image/png", there.url)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (answer("Content-Type: image/png", body=b"<html>" * 1_000), WrongKind),
        (answer("Content-Type: image/png", "Content-Length: 90000", length=False) + png(), Unreachable),
        (answer("Content-Type: image/png", length=False) + png().ljust(3 << 20, b"\0"), TooLarge),
        (answer("Location: https://127.0.0.1/", status="302 Found"), ForbiddenAddress),
        (answer(status="404 Not Found"), Unreachable),
    ],
)
async def test_what_did_not_come_whole_leaves_no_file(reply: bytes, error: type[Exception], tmp_path: Path) -> None:
    async with server(reply) as there:
        with pytest.raises(error):
            await fetcher(there).to_file(there.url, tmp_path / "picture", max_bytes=2 << 20)
    assert list(tmp_path.iterdir()) == []


async def test_a_cancelled_fetch_leaves_no_file(tmp_path: Path) -> None:
    half = asyncio.Event()

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer("Content-Type: image/png", "Content-Length: 9000000", length=False) + png().ljust(3 << 20, b"\0"))
        await writer.drain()
        half.set()
        await reader.read()

    async with server(stall) as there:
        task = asyncio.create_task(fetcher(there).to_file(there.url, tmp_path / "picture"))
        await asyncio.wait_for(half.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(b"mine")
    async with server(PICTURE) as there:
        with pytest.raises(FileExistsError):
            await fetcher(there).to_file(there.url, tmp_path / "picture")
    assert (tmp_path / "picture").read_bytes() == b"mine" and there.connections == 0


async def test_a_full_disk_is_not_taken_for_the_servers_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def write(self, _: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    async with server(VIDEO) as there:
        monkeypatch.setattr(Path, "open", lambda *_, **__: Full())
        with pytest.raises(OSError) as told:  # noqa: PT011
            await fetcher(there).to_file(there.url, tmp_path / "video", kinds=VIDEOS)
    assert told.value.errno == errno.ENOSPC


async def test_a_large_file_needs_little_memory(tmp_path: Path) -> None:
    size, piece = 24 << 20, bytes(1 << 18)

    async def send(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer("Content-Type: video/mp4", f"Content-Length: {size}", length=False) + mp4(size=len(piece)))
        for _i in range(size // len(piece) - 1):
            writer.write(piece)
            await writer.drain()

    async with server(send) as there:
        tracemalloc.start()
        found = await fetcher(there).to_file(there.url, tmp_path / "video", kinds=VIDEOS, max_bytes=size)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert found.size == size and peak < 8 << 20
