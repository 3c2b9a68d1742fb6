"""What a provider made, as it comes: nothing is unpacked."""

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from dustreel.providers import Refused
from dustreel.providers.download import Download
from tests.fakes.wire import Asked, Told, serving


@asynccontextmanager
async def delivering(body: bytes, **headers: str) -> AsyncIterator[tuple[Download, str]]:
    async def tell(asked: Asked) -> Told:
        assert asked.headers["accept-encoding"] == "identity"
        return Told(200, body, {name.replace("_", "-"): value for name, value in headers.items()})

    async with serving(tell) as url:
        download = Download((), own=httpx.URL(url))
        yield download, f"{url}/film.mp4"
        await download.close()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip"])
async def test_a_video_that_comes_compressed_is_refused_and_never_unpacked(coding: str, tmp_path: Path) -> None:
    async with delivering(gzip.compress(bytes(16 << 20)), content_encoding=coding) as (download, address):
        with pytest.raises(Refused, match="compressed"):
            await download.to_file(address, tmp_path / "film.mp4")
    assert not (tmp_path / "film.mp4").exists()


@pytest.mark.parametrize("headers", [{}, {"content_encoding": "identity"}])
async def test_a_video_comes_as_it_is(headers: dict[str, str], tmp_path: Path) -> None:
    packed = gzip.compress(b"a film")
    async with delivering(packed, **headers) as (download, address):
        await download.to_file(address, tmp_path / "film.mp4")
    assert (tmp_path / "film.mp4").read_bytes() == packed
