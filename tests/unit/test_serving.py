"""Objects as a browser wants them: seeking, caching, saving; and nothing but objects."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from dustreel.http.envelope import Counts, Envelope
from dustreel.http.failures import problem
from dustreel.http.media import media_route
from dustreel.storage import DiskStore

DATA = bytes(range(256)) * 40
KEY = f"videos/{'k' * 32}.mp4"
PATH = f"/media/{KEY}"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    await DiskStore(tmp_path).put_bytes(KEY, DATA, "video/mp4")
    app = Envelope(Starlette(routes=[media_route(tmp_path, problem)]), Counts(CollectorRegistry()), asyncio.Event())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://media.test") as client:
        yield client


async def test_a_whole_file_is_served_for_good(api: httpx.AsyncClient) -> None:
    answer = await api.get(PATH)
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    head = await api.head(PATH)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(DATA)))


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-99", 0, 99),
        ("bytes=100-", 100, 10_239),
        ("bytes=-50", 10_190, 10_239),
        ("bytes=10000-99999", 10_000, 10_239),
        ("bytes=0-0", 0, 0),
    ],
)
async def test_a_part_is_served(api: httpx.AsyncClient, asked: str, first: int, last: int) -> None:
    answer = await api.get(PATH, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, DATA[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/10240"


async def test_several_parts_are_served(api: httpx.AsyncClient) -> None:
    answer = await api.get(PATH, headers={"Range": "bytes=0-9,100-109"})
    assert answer.status_code == 206
    assert answer.headers["content-type"].startswith("multipart/byteranges")
    assert DATA[:10] in answer.content and DATA[100:110] in answer.content


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes= 0-9 ", 0, 9),
        ("BYTES=0-9", 0, 9),
        ("bytes=,0-9,", 0, 9),
        ("bytes=5-9,20000-", 5, 9),  # one part is there
        ("bytes=-0,5-9", 5, 9),
        (f"bytes=5-{'9' * 5_000}", 5, 10_239),
        (f"bytes=-{'9' * 5_000}", 0, 10_239),
        (f"bytes={'0' * 5_000}5-9", 5, 9),
    ],
)
async def test_a_part_may_be_asked_for_in_many_ways(api: httpx.AsyncClient, asked: str, first: int, last: int) -> None:
    answer = await api.get(PATH, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, DATA[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/10240"


@pytest.mark.parametrize(
    "asked", ["bytes=10240-", "bytes=99999-100000", "bytes=-0", "bytes=-00", "bytes=10240-,-0", f"bytes={'9' * 5_000}-"]
)
async def test_a_part_outside_the_file_is_told(api: httpx.AsyncClient, asked: str) -> None:
    answer = await api.get(PATH, headers={"Range": asked})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */10240")
    assert answer.json()["code"] == "range_not_satisfiable"


@pytest.mark.parametrize(
    "asked",
    [
        *("bytes=9-5", "bytes=abc", "lines=1-2", "bytes", "bytes=", "bytes=1-2-3"),
        *("bytes=-", "bytes=,", "bytes=0-9,x", "bytes=0-9,9-5", "bytes=0 - 9", "bytes=²-³", "bytes=+1-2"),
    ],
)
async def test_a_range_that_means_nothing_is_ignored(api: httpx.AsyncClient, asked: str) -> None:
    answer = await api.get(PATH, headers=[(b"Range", asked.encode("latin-1"))])
    assert (answer.status_code, answer.content) == (200, DATA)


async def test_a_range_is_for_get_only_and_for_the_version_that_it_names(api: httpx.AsyncClient) -> None:
    assert (await api.head(PATH, headers={"Range": "bytes=0-9"})).status_code == 200
    assert (await api.get(PATH, headers={"Range": "bytes=99999-", "If-Range": '"other"'})).status_code == 200


async def test_who_has_it_already_is_told_so(api: httpx.AsyncClient) -> None:
    first = await api.get(PATH)
    tag, modified = first.headers["etag"], first.headers["last-modified"]
    for headers in ({"If-None-Match": tag}, {"If-None-Match": f'"x", W/{tag}'}, {"If-None-Match": "*"}, {"If-Modified-Since": modified}):
        answer = await api.get(PATH, headers=headers)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert (await api.get(PATH, headers={"If-None-Match": '"other"', "If-Modified-Since": modified})).status_code == 200


async def test_a_part_of_another_version_is_the_whole(api: httpx.AsyncClient) -> None:
    tag = (await api.get(PATH)).headers["etag"]
    assert (await api.get(PATH, headers={"Range": "bytes=0-9", "If-Range": tag})).status_code == 206
    assert (await api.get(PATH, headers={"Range": "bytes=0-9", "If-Range": '"other"'})).status_code == 200


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("My film", "My film.mp4"),
        ("a/b\\c\r\nX: y", "a_b_c__X_ y.mp4"),
        ("", "video.mp4"),
        ("Größe.mp4", "Gr__e.mp4"),
        ("x" * 300, "x" * 100 + ".mp4"),
    ],
)
async def test_it_can_be_saved_under_a_name(api: httpx.AsyncClient, name: str, plain: str) -> None:
    answer = await api.get(PATH, params={"download": name})
    assert answer.headers["content-disposition"].startswith(f"attachment; filename=\"{plain}\"; filename*=UTF-8''")


@pytest.mark.parametrize(
    "path",
    [
        "/media/",
        "/media/videos/",
        "/media/videos/nothing.mp4",
        f"/media/videos/{'a' * 32}.mp4",
        "/media/..%2f..%2fetc/passwd",
        "/media/videos/%2e%2e/%2e%2e/etc/passwd",
        "/media/.under-way/x",
        f"{PATH}/",
        f"{PATH}%00",
    ],
)
async def test_nothing_else_is_served(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_link_in_the_store_is_not_followed(api: httpx.AsyncClient, tmp_path: Path) -> None:
    name = f"videos/{'b' * 32}.mp4"
    (tmp_path / name).symlink_to("/etc/passwd")
    assert (await api.get(f"/media/{name}")).status_code == 404
