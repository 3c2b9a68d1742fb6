"""One Swift for all tests of a process, a proxy in front for each test, and a prefix of its own in the bucket."""

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import dustreel
from dustreel.storage import S3Store, new_key
from dustreel.storage.s3 import Patience
from tests.storage.harness import bucket_at, swift
from tests.storage.proxy import StrictProxy

# Short, so that a test of a fault ends soon; long beside what a busy machine takes for a request on loopback.
PATIENCE = Patience(connect=2.0, request=3.0, silence=1.5, again=3.0, retries=2)


@pytest.fixture(scope="session")
def swift_port() -> Iterator[int]:
    with swift() as port:
        yield port


@pytest.fixture
async def proxy(swift_port: int) -> AsyncIterator[StrictProxy]:
    async with StrictProxy(swift_port).running() as strict:
        yield strict
        assert strict.broken == []


@pytest.fixture
def prefix() -> str:
    return f"{secrets.token_hex(8)}/"


@pytest.fixture
def store(proxy: StrictProxy, prefix: str) -> S3Store:
    return S3Store(bucket_at(proxy.url, prefix=prefix), patience=PATIENCE)


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    return (Path(dustreel.__file__).parent / "assets" / "sample.jpg").read_bytes()


def key(kind: str = "videos", suffix: str = "mp4") -> str:
    return new_key(kind, suffix, lambda: secrets.token_urlsafe(24))
