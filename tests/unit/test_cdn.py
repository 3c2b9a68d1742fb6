"""What is told to a CDN when objects go."""

import secrets
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import pytest

from dustreel.base.errors import Misconfigured
from dustreel.base.settings import read_settings
from dustreel.storage import Cloudflare, DiskStore, Links, new_key, remove
from tests.fakes.cloudflare import TOKEN, ZONE, FakeCloudflare
from tests.fakes.scripted import Fault

CDN = "https://cdn.example.com"


def keys(count: int) -> list[str]:
    return [new_key("videos", "mp4", lambda: secrets.token_urlsafe(24)) for _ in range(count)]


@pytest.fixture
async def fake() -> AsyncIterator[FakeCloudflare]:
    async with FakeCloudflare().running() as running:
        yield running


@pytest.fixture
async def cache(fake: FakeCloudflare) -> AsyncIterator[Cloudflare]:
    links = Links("https://api.example.com", CDN)
    async with httpx.AsyncClient() as client:
        yield Cloudflare(links, zone=ZONE, token=TOKEN, api_url=f"{fake.url}/client/v4", client=client)


async def test_many_links_are_purged_thirty_a_call(cache: Cloudflare, fake: FakeCloudflare) -> None:
    some = keys(70)
    assert await cache.purge(some) == set(some)
    assert fake.purged == [f"{CDN}/{key}" for key in some]
    assert fake.count("purge") == 3


@pytest.mark.parametrize(
    "fault",
    [Fault(status=500), Fault(status=403), Fault(cut=True), Fault(garbage=True), Fault(status=200, body={"success": False})],
    ids=["500", "403", "cut", "garbage", "no success"],
)
async def test_what_was_not_purged_is_not_called_so(cache: Cloudflare, fake: FakeCloudflare, fault: Fault) -> None:
    some = keys(40)
    fake.fail_next("purge", Fault(), fault)
    assert await cache.purge(some) == set(some[:30])
    assert await cache.purge(some[30:]) == set(some[30:])


async def test_who_asks_too_often_is_silent_for_as_long_as_is_said(
    cache: Cloudflare, fake: FakeCloudflare, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr("dustreel.storage.cdn.time.monotonic", lambda: now)
    fake.fail_next("purge", Fault(status=429, headers={"retry-after": "120"}))
    some = keys(2)
    assert await cache.purge(some) == await cache.purge(some) == set()
    assert fake.count("purge") == 1
    now += 121
    assert await cache.purge(some) == set(some)


async def test_the_token_follows_no_redirect(cache: Cloudflare, fake: FakeCloudflare) -> None:
    async with FakeCloudflare().running() as other:
        fake.fail_next("purge", Fault(status=307, headers={"location": other.url}))
        assert await cache.purge(keys(1)) == set()
        assert other.asked == []


async def test_only_what_is_gone_is_purged_and_only_what_is_purged_is_done(cache: Cloudflare, fake: FakeCloudflare, tmp_path: Path) -> None:
    store, (kept, gone) = DiskStore(tmp_path), keys(2)
    (store.root / kept).mkdir()  # what can't be unlinked
    await store.put_bytes(gone, b"x", "video/mp4")
    assert await remove(store, [kept, gone], cache) == [gone]
    assert fake.purged == [f"{CDN}/{gone}"]

    class Deaf:
        async def purge(self, keys: Sequence[str]) -> set[str]:
            return set()

    assert await remove(store, [gone], Deaf()) == []
    assert await remove(store, [gone], None) == [gone]


def test_a_zone_without_a_token_is_told() -> None:
    with pytest.raises(Misconfigured, match="DUSTREEL_CDN_PURGE needs CLOUDFLARE_API_TOKEN"):
        read_settings({"DUSTREEL_CDN_PURGE": ZONE})
