"""The service on a bucket: the contract's flow, links that play, deletes that leave nothing, garbage, and the move from a disk."""

import asyncio
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dustreel.cli.inventory import remove_strays, take_inventory
from dustreel.cli.moving import copy_library
from dustreel.storage import DiskStore, LibraryStore, S3Store, remove
from dustreel.worker import chores
from tests.conftest import House, User, eventually, fresh_database, house_with
from tests.contract.promises import links_of
from tests.fakes.cloudflare import FakeCloudflare
from tests.fakes.scripted import Fault as Spoilt
from tests.storage.conftest import PATIENCE, key
from tests.storage.harness import ACCESS_KEY, BUCKET, SECRET_KEY, bucket_at
from tests.storage.proxy import Fault, StrictProxy

DAY = timedelta(hours=24)


def to_bucket(proxy: StrictProxy) -> dict[str, str]:
    """Of the environment."""
    return {"AWS_ENDPOINT_URL": proxy.url, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}


def in_bucket(proxy: StrictProxy, prefix: str) -> dict[str, str]:
    """By the names of our settings' fields."""
    return {"storage_url": f"s3://{BUCKET}/{prefix}"} | {name.lower(): value for name, value in to_bucket(proxy).items()}


async def keys_in(store: LibraryStore) -> set[str]:
    return {found.key async for found in store.list_objects()}


@pytest.fixture(scope="module")
async def cloudflare() -> AsyncIterator[FakeCloudflare]:
    async with FakeCloudflare().running() as fake:
        yield fake


@pytest.fixture(scope="module")
def prefix() -> str:
    return f"{secrets.token_hex(8)}/"


@pytest.fixture(scope="module")
async def proxy(swift_port: int) -> AsyncIterator[StrictProxy]:
    async with StrictProxy(swift_port).running() as strict:
        yield strict


@pytest.fixture(scope="module")
def store(proxy: StrictProxy, prefix: str) -> S3Store:
    return S3Store(bucket_at(proxy.url, prefix=prefix), patience=PATIENCE)


@pytest.fixture(scope="module")
async def house(
    template: str, tmp_path_factory: pytest.TempPathFactory, proxy: StrictProxy, prefix: str, cloudflare: FakeCloudflare
) -> AsyncIterator[House]:
    """On a bucket, without a CDN, and with a cache that can be purged; shared, because a start costs seconds."""
    said = in_bucket(proxy, prefix) | cloudflare.settings()
    async with fresh_database(template) as url, house_with(url, tmp_path_factory.mktemp("home"), worker=True, **said) as running:
        yield running


@pytest.fixture(autouse=True)
def clean_slates(proxy: StrictProxy, cloudflare: FakeCloudflare) -> Iterator[None]:
    cloudflare.forget()
    yield
    assert proxy.broken == []
    proxy.forget()


async def sweep(house: House) -> None:
    """What a worker does every half a minute, with everything due."""
    async with house.service.db.transaction() as db:
        await db.execute("update removals set due_at = now()")
    await chores.remove_objects(house.service.store, house.service.db, house.service.purger)


def keys_of(video: dict[str, Any], house: House) -> list[str]:
    return [str(house.service.links.key_of(link)) for link in links_of(video)]


async def test_a_video_plays_from_a_bucket_and_a_delete_leaves_nothing_of_it(
    alice: User, proxy: StrictProxy, cloudflare: FakeCloudflare, store: S3Store
) -> None:
    video = await alice.video()
    links = links_of(video)
    whole = await alice.api.get(video["url"])
    assert (whole.status_code, whole.headers["content-type"], whole.content[4:8]) == (200, "video/mp4", b"ftyp")
    assert whole.headers["cache-control"] == "public, max-age=31536000, immutable"
    part = await alice.api.get(video["url"], headers={"Range": "bytes=100-199", "Origin": "https://app.example.com"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    assert part.headers["access-control-allow-origin"] == "*"
    tag = whole.headers["etag"]
    assert (await alice.api.get(video["url"], headers={"If-None-Match": tag})).status_code == 304
    head = await alice.api.head(video["url"])
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(whole.content)))
    beyond = await alice.api.get(video["url"], headers={"Range": "bytes=999999999-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole.content)}")
    saved = await alice.api.get(video["thumbnail_url"], params={"download": "My film"})
    assert (saved.status_code, saved.content[:2]) == (200, b"\xff\xd8")
    assert 'filename="My film.jpg"' in saved.headers["content-disposition"]

    mine = set(keys_of(video, alice.house))
    assert mine <= await keys_in(store)
    answer = await alice.api.delete(f"/videos/{video['id']}")
    assert answer.json() == {"deleted_from_storage": True}
    assert not mine & await keys_in(store)
    assert sorted(cloudflare.purged) == sorted(links)
    assert (await alice.api.get(video["url"])).status_code == 404


async def test_an_upload_is_animated_from_a_bucket(alice: User, jpeg: bytes) -> None:
    upload = (await alice.api.post("/uploads", content=jpeg, headers={"Content-Type": "image/jpeg"})).json()
    body = alice.wish("Slowly zoom in [sandbox:instant]", aspect_ratio=None, image_url=upload["url"])
    answer = await alice.api.post("/videos/animate", json=body)
    assert answer.status_code == 202, answer.text
    assert (await alice.until_final(answer.json()["job_id"]))["success"]


async def test_while_storage_is_away_a_link_is_503_and_nothing_else_breaks(alice: User, proxy: StrictProxy) -> None:
    video = await alice.video()
    for kind in ("head", "get"):
        proxy.fail(kind, Fault(status=403, code="AccessDenied"))
        answer = await alice.api.get(video["url"])
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    proxy.faults.clear()
    assert (await alice.api.get(video["url"])).status_code == 200


async def test_what_could_not_be_purged_is_told_and_purged_later(alice: User, cloudflare: FakeCloudflare, store: S3Store) -> None:
    video, house = await alice.video(), alice.house
    cloudflare.fail_next("purge", *[Spoilt(status=500), Spoilt(cut=True), Spoilt(garbage=True)])
    assert (await alice.api.delete(f"/videos/{video['id']}")).json() == {"deleted_from_storage": False}
    assert not set(keys_of(video, house)) & await keys_in(store)

    async def purged() -> bool:
        await sweep(house)
        async with house.service.db.connection() as db:
            left = await db.execute("select from removals where key = any(%s)", (keys_of(video, house),))
            return await left.fetchone() is None

    await eventually(purged, "the queue to be empty")
    assert set(links_of(video)) <= set(cloudflare.purged)
    assert cloudflare.count("purge") >= 4


async def test_what_storage_would_not_remove_is_told_and_removed_later(
    alice: User, proxy: StrictProxy, cloudflare: FakeCloudflare, store: S3Store
) -> None:
    video, house = await alice.video(), alice.house
    mine = set(keys_of(video, house))
    proxy.fail("delete", Fault(status=403, code="AccessDenied"))
    assert (await alice.api.delete(f"/videos/{video['id']}")).json() == {"deleted_from_storage": False}
    (left,) = mine & await keys_in(store)
    assert len(cloudflare.purged) == len(mine) - 1 and not any(left in link for link in cloudflare.purged)
    await sweep(house)
    assert not mine & await keys_in(store)
    assert set(links_of(video)) <= set(cloudflare.purged)


async def test_objects_without_rows_are_found_and_removed_and_rows_without_objects_are_told(
    alice: User, proxy: StrictProxy, store: S3Store, tmp_path: Path
) -> None:
    kept, broken = await alice.video(), await alice.video()
    service = alice.house.service
    lost = service.links.key_of(broken["url"])
    assert lost is not None and await store.delete(lost)
    stray, announced = key(), key("thumbnails", "jpg")
    for name in (stray, announced):
        await store.put_bytes(name, b"x", "video/mp4")
    async with service.db.transaction() as db:
        await db.execute("insert into removals (key, due_at) values (%s, now() + interval '1 hour')", (announced,))

    # Nothing is old yet: the grace holds.
    found = await take_inventory(store, service.db, now=datetime.now(UTC), grace=DAY)
    assert (found.strays, found.young) == ([], 1)
    assert found.missing == [(f"video {broken['id']}", lost)]
    found = await take_inventory(store, service.db, now=datetime.now(UTC) + 2 * DAY, grace=DAY)
    assert [one.key for one in found.strays] == [stray]
    assert await store.head(stray) is not None

    said = {"DUSTREEL_DATABASE_URL": alice.house.settings.database_url, "DUSTREEL_STORAGE_URL": alice.house.settings.storage_url}
    code, text = await said_by(dustreel("storage", "check", "--grace-hours", "0", "--fix", home=tmp_path, **said, **to_bucket(proxy)))
    assert f"stray    {stray}: no row names it; 1 bytes" in text and "Removed 1 stray objects.\n" in text, text
    assert (code, f"missing  {lost}: video {broken['id']} has no such object" in text) == (1, True), text
    assert await store.head(stray) is None and await store.head(announced) is not None
    # A row is its owner's: it stays until they delete it.
    assert (await alice.api.get(f"/videos/{broken['id']}")).status_code == 200
    assert (await alice.api.get(kept["url"])).status_code == 200
    assert (await alice.api.delete(f"/videos/{broken['id']}")).json() == {"deleted_from_storage": True}


async def test_a_stray_that_got_a_row_meanwhile_stays(alice: User, store: S3Store) -> None:
    video = await alice.video()
    service = alice.house.service
    found = [one async for one in store.list_objects() if one.key in keys_of(video, alice.house)]
    assert len(found) == len(links_of(video))
    assert await remove_strays(found, service.db, grace=DAY, remove=lambda keys: remove(store, keys, None)) == []
    assert (await alice.api.get(video["url"])).status_code == 200


def dustreel(*arguments: str, home: Path, **settings: str) -> subprocess.Popen[str]:
    environment = os.environ | {"DUSTREEL_HOME": str(home)} | settings
    command = [sys.executable, "-m", "dustreel", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=home)


async def said_by(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = await asyncio.to_thread(process.communicate)
    return process.returncode, said


@pytest.fixture
def target(proxy: StrictProxy) -> S3Store:
    """An empty place in the bucket."""
    return S3Store(bucket_at(proxy.url, prefix=f"{secrets.token_hex(8)}/"), patience=PATIENCE)


async def test_a_library_moves_from_disk_to_a_bucket_though_it_is_killed_on_the_way(
    proxy: StrictProxy, target: S3Store, tmp_path: Path
) -> None:
    disk = DiskStore(tmp_path / "media")
    objects = {key(): os.urandom(20_000) for _ in range(12)} | {key(): os.urandom(9 << 20)}
    for name, data in objects.items():
        await disk.put_bytes(name, data, "video/mp4")
    url = f"s3://{BUCKET}/{target.bucket.prefix}"
    proxy.fail("put", *[Fault()] * 5, *[Fault(stall=True)] * 20)
    process = dustreel("storage", "move", url, home=tmp_path, **to_bucket(proxy))

    async def half() -> bool:
        assert process.poll() is None
        return proxy.asked.count("put") > 6

    await eventually(half, "the move to be under way")
    process.send_signal(signal.SIGKILL)
    await said_by(process)
    proxy.faults.clear()
    there = await keys_in(target)
    assert 0 < len(there) < len(objects)

    code, text = await said_by(dustreel("storage", "move", url, home=tmp_path, **to_bucket(proxy)))
    assert code == 0, text
    said = re.search(r"(\d+) copied .*, (\d+) there already", text)
    assert said is not None and f"set DUSTREEL_STORAGE_URL={url}" in text, text
    copied, found = int(said[1]), int(said[2])
    # What was on its way when the process died may have arrived after we looked.
    assert len(there) <= found < len(objects) and copied + found == len(objects)
    assert await keys_in(target) == set(objects)
    for name, data in objects.items():
        assert await target.read(name, at_most=10 << 20) == data
    assert await target.sweep(older=None) <= 1  # what the kill left half-sent


async def test_what_can_not_be_moved_is_told_and_the_rest_is_moved(proxy: StrictProxy, target: S3Store, tmp_path: Path) -> None:
    disk, scratch = DiskStore(tmp_path / "media"), tmp_path / "scratch"
    scratch.mkdir()
    taken, spoilt, good = key(), key(), key()
    for name in (taken, spoilt, good):
        await disk.put_bytes(name, b"ours", "video/mp4")
    await target.put_bytes(taken, b"else", "video/mp4")
    moved = await copy_library(disk, target, scratch, lambda so_far: None)
    assert (moved.copied, moved.skipped, moved.failed) == (2, 0, {taken: "another object has this key there"})
    assert await target.read(taken, at_most=10) == b"else"
    # Read back and found to be another: it is not there, and said so.
    assert await target.delete(spoilt)
    proxy.fail("get", *[Fault(wrong=True)] * 3)
    moved = await copy_library(disk, target, scratch, lambda so_far: None)
    assert (moved.copied, moved.skipped, set(moved.failed)) == (0, 1, {taken, spoilt})
    assert await keys_in(target) == {taken, good}
    assert list(scratch.iterdir()) == []
