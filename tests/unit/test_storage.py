"""The disk store and its links."""

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dustreel.base.errors import Misconfigured
from dustreel.storage import Access, DiskStore, Links, is_key, new_key, open_store
from dustreel.storage.reach import bucket_of


def key(kind: str = "videos", suffix: str = "mp4") -> str:
    return new_key(kind, suffix, lambda: secrets.token_urlsafe(24))


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "media")


async def test_what_is_put_is_read(store: DiskStore, tmp_path: Path) -> None:
    file = tmp_path / "video"
    file.write_bytes(b"frames" * 100_000)
    first, second = key(), key("thumbnails", "jpg")
    await store.put_file(first, file, "video/mp4")
    await store.put_bytes(second, b"jpeg", "image/jpeg")
    assert await store.read(first, at_most=1 << 20) == file.read_bytes()
    assert await store.read(second, at_most=4) == b"jpeg"
    with pytest.raises(OSError, match="larger than"):
        await store.read(second, at_most=3)


async def test_what_is_deleted_is_gone_and_twice_is_once(store: DiskStore) -> None:
    name = key()
    await store.put_bytes(name, b"x", "video/mp4")
    assert [await store.delete(name), await store.delete(name)] == [True, True]
    with pytest.raises(FileNotFoundError):
        await store.read(name, at_most=10)


async def test_a_failed_put_leaves_nothing(store: DiskStore, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await store.put_file(key(), tmp_path / "missing", "video/mp4")
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


async def test_a_failed_delete_says_so(store: DiskStore) -> None:
    name = key()
    (store.root / name).mkdir()
    assert await store.delete(name) is False


@pytest.mark.parametrize(
    "name", ["", "videos/", "videos/../x.mp4", "/etc/passwd", "videos/short.mp4", "other/" + "a" * 30 + ".mp4", "videos/" + "a" * 30]
)
async def test_nothing_but_a_key_is_looked_up(store: DiskStore, name: str) -> None:
    assert not is_key(name)
    with pytest.raises(FileNotFoundError):
        await store.read(name, at_most=10)


def test_keys_are_never_the_same_and_can_not_be_guessed() -> None:
    names = {key() for _ in range(1000)}
    assert len(names) == 1000
    assert all(len(name) >= len("videos/.mp4") + 22 for name in names)


ACCESS = Access("key", "secret", endpoint="http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("url", "access", "says"),
    [
        ("http://x", None, "must be like file:///a/folder, s3://bucket/prefix or r2://account/bucket"),
        ("file://host/path", None, "must be like"),
        ("/plain", None, "must be like"),
        ("", None, "must be like"),
        ("file:///proc/nothing/here", None, "storage folder /proc/nothing/here can't be used"),
        ("s3://bucket", None, "needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/a?b=c", ACCESS, "must be like"),
        ("s3://", ACCESS, "must be like"),
        ("s3://bucket/a/../b", ACCESS, "must be like"),
        ("r2://account", ACCESS, "must be like"),
        ("r2:///bucket", ACCESS, "R2's form is r2://account/bucket"),
        ("s3://bucket/prefix", ACCESS, "at http://127.0.0.1:1 can't be reached"),
    ],
)
async def test_a_store_that_can_not_be_is_told_in_a_sentence(url: str, access: Access | None, says: str) -> None:
    with pytest.raises(Misconfigured) as told:
        await open_store(url, access)
    assert says in str(told.value) and str(told.value).endswith(".")


def test_the_port_that_goes_without_saying_is_not_said() -> None:
    bucket = bucket_of(urlsplit("s3://vids"), Access("key", "secret", endpoint="https://s3.example.com:443"))
    assert bucket.endpoint == "https://s3.example.com"


@pytest.mark.parametrize(
    ("url", "endpoint", "name", "prefix", "region"),
    [
        ("s3://vids", "https://s3.us-east-1.amazonaws.com", "vids", "", "us-east-1"),
        ("s3://my.vids/a/b/", "https://s3.us-east-1.amazonaws.com", "my.vids", "a/b/", "us-east-1"),
        ("r2://abc123/vids", "https://abc123.r2.cloudflarestorage.com", "vids", "", "auto"),
        ("r2://abc123.eu/vids/live", "https://abc123.eu.r2.cloudflarestorage.com", "vids", "live/", "auto"),
    ],
)
def test_where_a_bucket_is(url: str, endpoint: str, name: str, prefix: str, region: str) -> None:
    bucket = bucket_of(urlsplit(url), Access("key", "secret"))
    assert (bucket.endpoint, bucket.name, bucket.prefix, bucket.region) == (endpoint, name, prefix, region)
    assert "secret" not in repr(bucket)


class TestLinks:
    def test_a_link_leads_back_to_its_key(self) -> None:
        name = key("uploads", "jpg")
        links = Links("https://api.example.com", None)
        assert links.url(name) == f"https://api.example.com/media/{name}"
        assert links.key_of(links.url(name)) == name
        assert links.key_of(f"HTTP://api.example.com/media/{name}") == name

    def test_a_cdn_stands_in_front_and_old_links_still_work(self) -> None:
        name = key()
        links = Links("http://127.0.0.1:8000", "https://cdn.example.com/v1")
        assert links.url(name) == f"https://cdn.example.com/v1/{name}"
        assert links.key_of(links.url(name)) == links.key_of(f"http://127.0.0.1:8000/media/{name}") == name

    @pytest.mark.parametrize(
        "url",
        [
            "https://api.example.com/media/",
            "https://api.example.com/media/videos/../../etc/passwd",
            "https://api.example.com.evil.com/media/{key}",
            "https://evil.com/https://api.example.com/media/{key}",
            "ftp://api.example.com/media/{key}",
            "https://api.example.com/media/{key}?x=1",
            "https://api.example.com/other/{key}",
            "https://user@api.example.com/media/{key}",
        ],
    )
    def test_anything_else_is_not_ours(self, url: str) -> None:
        assert Links("https://api.example.com", None).key_of(url.replace("{key}", key())) is None


def test_what_killed_processes_left_half_written_is_swept(tmp_path: Path) -> None:
    DiskStore(tmp_path)
    old, fresh = tmp_path / ".under-way" / "old", tmp_path / ".under-way" / "fresh"
    for file in (old, fresh):
        file.write_bytes(b"half")
    os.utime(old, (0, 0))
    DiskStore(tmp_path)
    assert (old.exists(), fresh.exists()) == (False, True)
