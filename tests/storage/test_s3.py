"""Objects in a bucket of a real S3 server: what is put is read, whatever fails is told in time, and nothing is left half-done."""

import asyncio
import hashlib
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import obstore
import pytest

from dustreel.base.errors import Misconfigured
from dustreel.storage import S3Store, open_store
from dustreel.storage.s3 import PART_BYTES
from dustreel.storage.signing import Bucket
from tests.conftest import eventually
from tests.storage.conftest import PATIENCE, key
from tests.storage.harness import ACCESS_KEY, BUCKET, access_at, bucket_at
from tests.storage.proxy import Fault, StrictProxy

LARGE = 12 << 20


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("large") / "video.mp4"
    file.write_bytes(os.urandom(LARGE))
    return file


@pytest.fixture
def small(tmp_path: Path) -> Path:
    file = tmp_path / "small.mp4"
    file.write_bytes(os.urandom(100_000))
    return file


async def under_way(store: S3Store) -> int:
    """Uploads that were begun and neither completed nor aborted."""
    return await store.sweep(older=None)


async def test_what_is_put_is_read_and_deleted_and_twice_is_once(store: S3Store, small: Path, tmp_path: Path) -> None:
    video, thumbnail = key(), key("thumbnails", "jpg")
    await store.put_file(video, small, "video/mp4")
    await store.put_bytes(thumbnail, b"jpeg", "image/jpeg")
    await store.fetch(video, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == small.read_bytes()
    assert await store.read(thumbnail, at_most=4) == b"jpeg"
    with pytest.raises(OSError, match="larger than 3 bytes"):
        await store.read(thumbnail, at_most=3)
    assert {found.key for found in [found async for found in store.list_objects()]} == {video, thumbnail}
    assert [await store.delete(video), await store.delete(video), await store.delete(key())] == [True, True, True]
    for ask in (store.read(video, at_most=10), store.fetch(video, tmp_path / "none"), store.digest(video)):
        with pytest.raises(FileNotFoundError):
            await ask
    assert await store.head(video) is None
    assert not (tmp_path / "none").exists()


async def test_a_large_file_goes_in_equal_parts_and_comes_back_whole(
    store: S3Store, proxy: StrictProxy, large: Path, tmp_path: Path
) -> None:
    name = key()
    await store.put_file(name, large, "video/mp4")
    assert [sorted(sizes.values()) for sizes in proxy.parts.values()] == [[LARGE - 2 * PART_BYTES, PART_BYTES, PART_BYTES]]
    await store.fetch(name, tmp_path / "copy")
    sha256 = hashlib.sha256(large.read_bytes()).hexdigest()
    assert hashlib.sha256((tmp_path / "copy").read_bytes()).hexdigest() == await store.digest(name) == sha256
    found = await store.head(name)
    assert found is not None
    assert (found.size, found.sha256) == (LARGE, sha256)
    assert await under_way(store) == 0


@pytest.mark.parametrize("size", [100, LARGE])
async def test_a_taken_key_is_never_written_over_but_the_same_again_is_no_conflict(store: S3Store, tmp_path: Path, size: int) -> None:
    name, first, other = key(), tmp_path / "first", tmp_path / "other"
    first.write_bytes(b"1" * size)
    other.write_bytes(b"2" * size)
    await store.put_file(name, first, "video/mp4")
    await store.put_file(name, first, "video/mp4")
    with pytest.raises(FileExistsError):
        await store.put_file(name, other, "video/mp4")
    assert await store.digest(name) == hashlib.sha256(b"1" * size).hexdigest()


@pytest.mark.parametrize(
    "fault",
    [Fault(status=500), Fault(status=503, code="SlowDown"), Fault(status=429, code="TooManyRequests"), Fault(cut=True)],
    ids=["500", "503", "429", "reset"],
)
@pytest.mark.parametrize("kind", ["put", "get", "delete"])
async def test_what_is_safe_is_tried_again(store: S3Store, proxy: StrictProxy, kind: str, fault: Fault) -> None:
    name = key()
    if kind != "put":
        await store.put_bytes(name, b"data", "video/mp4")
    proxy.fail(kind, fault)
    if kind == "put":
        await store.put_bytes(name, b"data", "video/mp4")
    elif kind == "get":
        assert await store.read(name, at_most=10) == b"data"
    else:
        assert await store.delete(name)
    assert proxy.asked.count(kind) >= 2


async def test_a_put_whose_answer_was_lost_has_succeeded(store: S3Store, proxy: StrictProxy) -> None:
    name = key()
    proxy.fail("put", Fault(cut=True, done_first=True))
    await store.put_bytes(name, b"data", "video/mp4")
    assert await store.read(name, at_most=10) == b"data"


async def test_a_part_that_failed_is_sent_again(store: S3Store, proxy: StrictProxy, large: Path) -> None:
    name = key()
    proxy.fail("part", Fault(status=503), Fault(cut=True))
    proxy.fail("complete", Fault(status=500))
    await store.put_file(name, large, "video/mp4")
    found = await store.head(name)
    assert found is not None and found.size == LARGE


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("part", Fault(status=403, code="AccessDenied")),
        ("part", Fault(status=507, code="InsufficientStorage")),
        ("complete", Fault(status=400, code="InvalidPart")),
        ("part", Fault(stall=True)),
    ],
    ids=["forbidden", "full", "refused", "stalled"],
)
async def test_an_upload_that_fails_is_told_in_time_and_leaves_nothing(
    store: S3Store, proxy: StrictProxy, large: Path, kind: str, fault: Fault
) -> None:
    name, began = key(), time.monotonic()
    proxy.fail(kind, *[fault] * 50)
    with pytest.raises(OSError, match="storage") as failed:
        await store.put_file(name, large, "video/mp4")
    assert failed.value.errno is not None
    assert time.monotonic() - began < 2 * PATIENCE.step
    proxy.faults.clear()
    assert await store.head(name) is None
    assert await under_way(store) == 0


async def test_a_cancelled_upload_is_aborted(store: S3Store, proxy: StrictProxy, large: Path) -> None:
    proxy.fail("part", *[Fault(stall=True)] * 10)
    putting = asyncio.create_task(store.put_file(key(), large, "video/mp4"))

    async def began() -> bool:
        return "part" in proxy.asked

    await eventually(began, "a part to be on its way")
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert "abort" in proxy.asked
    assert await under_way(store) == 0


async def test_what_a_killed_process_left_half_sent_is_swept_after_an_hour(store: S3Store, proxy: StrictProxy) -> None:
    client: Any = store._client
    for name in (key(), key()):
        writer = obstore.open_writer_async(client, name, buffer_size=PART_BYTES)
        await writer.write(b"x" * (PART_BYTES + 1))  # and never closed, as by a kill
    assert await store.sweep() == 0  # it may be somebody's
    assert await store.sweep(older=timedelta(seconds=30)) == 0
    proxy.fail("abort", Fault(status=404, code="NoSuchUpload"))  # another worker was quicker
    assert await under_way(store) == 2
    assert await under_way(store) == 1
    assert await under_way(store) == 0


@pytest.mark.parametrize("fault", [Fault(wrong=True), Fault(short=True)], ids=["wrong bytes", "short body"])
async def test_what_is_not_what_was_stored_is_told_and_not_kept(
    store: S3Store, proxy: StrictProxy, small: Path, tmp_path: Path, fault: Fault
) -> None:
    name = key()
    await store.put_file(name, small, "video/mp4")
    proxy.fail("get", *[fault] * 20)
    with pytest.raises(OSError, match=r"SHA-256 differs|storage failed"):
        await store.fetch(name, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    proxy.faults.clear()
    await store.fetch(name, tmp_path / "copy")


@pytest.mark.parametrize("fault", [Fault(stall=True), Fault(stall_within=True)], ids=["at once", "within"])
async def test_a_server_that_falls_silent_is_no_wait_for_ever(
    store: S3Store, proxy: StrictProxy, large: Path, tmp_path: Path, fault: Fault
) -> None:
    name, began = key(), time.monotonic()
    await store.put_file(name, large, "video/mp4")
    proxy.fail("get", *[fault] * 20)
    with pytest.raises(OSError, match="storage") as failed:
        await store.fetch(name, tmp_path / "copy")
    assert failed.value.errno is not None
    assert time.monotonic() - began < 3 * PATIENCE.step


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a process's highest mark")
async def test_a_large_file_costs_less_memory_than_it_has_bytes(swift_port: int) -> None:
    command = [sys.executable, "-m", "tests.storage.memory", f"http://127.0.0.1:{swift_port}", "60"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 40 << 20


@pytest.mark.parametrize(
    "fault", [Fault(status=403, code="AccessDenied"), Fault(status=404, code="NoSuchBucket")], ids=["403", "no bucket"]
)
async def test_a_failed_delete_says_so(store: S3Store, proxy: StrictProxy, fault: Fault) -> None:
    proxy.fail("delete", fault)
    assert await store.delete(key()) is False


async def test_only_what_is_taken_is_read(store: S3Store, large: Path) -> None:
    name = key()
    await store.put_file(name, large, "video/mp4")
    data = large.read_bytes()
    assert b"".join([chunk async for chunk in store.open_range(name, 10, LARGE - 2)]) == data[10 : LARGE - 1]
    slow = store.open_range(name, 0, LARGE - 1)
    assert (await anext(slow))[:100] == data[:100]


@pytest.mark.parametrize("name", ["", "videos/", "videos/../x.mp4", "/etc/passwd", "videos/short.mp4"])
async def test_nothing_but_a_key_is_looked_up(store: S3Store, proxy: StrictProxy, name: str) -> None:
    with pytest.raises(FileNotFoundError):
        await store.read(name, at_most=10)
    with pytest.raises(FileNotFoundError):
        await store.put_bytes(name, b"x", "video/mp4")
    assert await store.delete(name) is True
    assert proxy.asked == []


@pytest.mark.parametrize(
    ("url", "secret", "says"),
    [
        ("s3://nobucket/x", "testing", "there is no such bucket"),
        (f"s3://{BUCKET}/x", "wrong", "the key is refused; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ],
)
async def test_a_bucket_that_can_not_be_used_is_told_in_a_sentence(proxy: StrictProxy, url: str, secret: str, says: str) -> None:
    access = access_at(proxy.url)
    object.__setattr__(access, "secret_access_key", secret)
    with pytest.raises(Misconfigured, match=says):
        await open_store(url, access)


async def test_a_server_that_is_none_is_told(proxy: StrictProxy) -> None:
    proxy.fail("list", Fault(status=404, code=""))
    with pytest.raises(Misconfigured, match="this is no S3 server"):
        await open_store(f"s3://{BUCKET}", access_at(proxy.url))


async def test_s3_and_r2_addresses_open(proxy: StrictProxy) -> None:
    opened = await open_store(f"s3://{BUCKET}/some/where", access_at(proxy.url))
    assert isinstance(opened, S3Store)
    assert opened.bucket.prefix == "some/where/"
    name = key()
    await opened.put_bytes(name, b"x", "video/mp4")
    found = await S3Store(bucket_at(proxy.url, prefix="some/where/")).head(name)
    assert found is not None


def test_a_bucket_never_shows_its_secret() -> None:
    assert "secret" not in repr(Bucket("https://x", "b", "auto", ACCESS_KEY, "secret", "secret"))


async def test_the_proxy_minds_r2s_rules(swift_port: int, prefix: str) -> None:
    """Or the tests above would hold nothing."""
    async with StrictProxy(swift_port).running() as strict, httpx.AsyncClient() as client:
        bucket = bucket_at(strict.url, prefix=prefix)

        def signed(method: str, **query: str) -> str:
            return bucket.presign(method, bucket.object_url("videos/x"), at=datetime.now(UTC), seconds=60, query=query)

        begun = await client.post(signed("POST", uploads=""))
        upload = begun.text.partition("<UploadId>")[2].partition("<")[0]
        for number, size in ((1, PART_BYTES), (2, PART_BYTES + 1)):
            part = await client.put(signed("PUT", partNumber=str(number), uploadId=upload), content=b"x" * size)
            assert part.status_code == 200
        answer = await client.post(signed("POST", uploadId=upload), content=b"<CompleteMultipartUpload/>")
        assert (answer.status_code, "InvalidPart" in answer.text) == (400, True)
        await client.put(signed("PUT"), content=b"x", headers={"x-amz-acl": "public-read"})
        assert strict.broken == [f"parts of different sizes: [{PART_BYTES}, {PART_BYTES + 1}]", "x-amz-acl"]
