"""Private media: links that are signed, good for an hour, made fresh at each read, and worth nothing when a byte of them differs."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from dustreel.storage import DiskStore, LinkExpired, LinkInvalid, Links, Presigned, S3Store, SignedMedia
from tests.conftest import House, User, fresh_database, house_with
from tests.storage.conftest import key
from tests.storage.harness import ACCESS_KEY, BUCKET, SECRET_KEY, bucket_at
from tests.storage.proxy import StrictProxy

API = "https://api.example.com"
JPEG = {"Content-Type": "image/jpeg"}


@dataclass
class Hands:
    """A clock whose hands a test moves."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()


@pytest.fixture
def clock() -> Hands:
    return Hands(datetime(2026, 11, 25, 12, tzinfo=UTC))


@pytest.fixture(scope="module")
async def house(template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with fresh_database(template) as url, house_with(url, tmp_path_factory.mktemp("home"), media="private") as running:
        yield running


def spoilt(url: str) -> list[str]:
    """What somebody may try who has one link."""
    path, _, query = url.partition("?")
    said = dict(part.split("=") for part in query.split("&"))
    later = str(int(said["expires"]) + 1)
    return [
        path,
        f"{path}?expires={said['expires']}",
        f"{path}?signature={said['signature']}",
        f"{path}?expires={later}&signature={said['signature']}",
        f"{path}?expires={said['expires']}&signature=",
        f"{path}?expires={said['expires']}&signature=%ff%c3%bc",
        f"{path}?expires=&signature={said['signature']}",
        f"{path}?expires={said['expires']}&signature={said['signature']}A",
        url.replace("/videos/", "/thumbnails/"),
    ]


async def test_a_private_video_is_seen_by_its_signed_link_only(alice: User) -> None:
    video = await alice.video()
    seen = await alice.api.get(video["url"], headers={"Range": "bytes=0-99"})
    assert (seen.status_code, len(seen.content)) == (206, 100)
    assert seen.headers["cache-control"] == "private, max-age=3600"
    assert (await alice.api.get(video["thumbnail_url"])).status_code == 200
    saved = await alice.api.get(video["url"] + "&download=My%20film")
    assert 'filename="My film.mp4"' in saved.headers["content-disposition"]
    for url in spoilt(video["url"]):
        answer = await alice.api.get(url)
        assert (answer.status_code, answer.json()["code"]) == (403, "link_invalid"), url
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_private_webvtt_leads_to_its_sprite_by_signed_links(alice: User) -> None:
    video = await alice.video()
    answer = await alice.api.get(video["metadata"]["vtt_url"])
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("text/vtt; charset=utf-8", "private, max-age=3600")
    cues = [line for line in answer.text.splitlines() if "#xywh=" in line]
    assert len(cues) == answer.text.count(" --> ") > 1
    sprite = await alice.api.get(cues[-1].partition("#")[0])
    assert (sprite.status_code, sprite.headers["content-type"]) == (200, "image/jpeg")
    assert sprite.content == (await alice.api.get(video["metadata"]["sprite_url"])).content
    assert (await alice.api.get(video["metadata"]["vtt_url"].partition("?")[0])).status_code == 403


async def test_what_was_read_may_be_written_back_though_its_links_are_fresh(alice: User) -> None:
    video = await alice.video()
    other = await alice.video()
    changed = video | {"is_favorited": True}
    answer = await alice.api.put(f"/videos/{video['id']}", json=changed)
    assert answer.status_code == 200 and answer.json()["video"]["is_favorited"] is True
    answer = await alice.api.put(f"/videos/{video['id']}", json=changed | {"url": other["url"]})
    assert answer.status_code == 422
    assert (await alice.api.delete(f"/videos/{video['id']}")).json() == {"deleted_from_storage": True}
    assert (await alice.api.get(video["url"])).status_code == 404


async def test_an_upload_names_itself_by_its_signed_link_and_by_no_other(alice: User, jpeg: bytes) -> None:
    upload = (await alice.api.post("/uploads", content=jpeg, headers=JPEG)).json()
    assert (await alice.api.get(upload["url"])).status_code == 200
    body = alice.wish("Zoom in [sandbox:instant]", aspect_ratio=None, image_url=upload["url"])
    assert (await alice.api.post("/videos/animate", json=body)).status_code == 202
    body["image_url"] = upload["url"][:-3] + "AAA"
    answer = await alice.api.post("/videos/animate", json=body)
    assert answer.status_code == 422, answer.text


def test_a_signed_link_expires_and_an_uploads_still_names_it_for_a_day(clock: Hands) -> None:
    media = SignedMedia(API, b"secret", clock)
    links = Links(API, "https://cdn.example.com", signers=[media])
    video, upload = key(), key("uploads", "jpg")
    link, named = links.url(video), links.url(upload)
    said = httpx.URL(link).params
    media.check(video, said["expires"], said["signature"])
    with pytest.raises(LinkInvalid):
        SignedMedia(API, b"other", clock).check(video, said["expires"], said["signature"])
    assert (links.key_of(link), links.key_of(named), links.key_of(f"{API}/media/{upload}")) == (video, upload, None)
    clock.moment += timedelta(seconds=3_601)
    with pytest.raises(LinkExpired):
        media.check(video, said["expires"], said["signature"])
    assert links.url(video) != link
    assert (links.key_of(link), links.key_of(named)) == (None, upload)
    clock.moment += timedelta(days=1)
    assert links.key_of(named) is None


def test_a_presigned_link_names_its_key_and_no_other_does(clock: Hands) -> None:
    bucket = bucket_at("https://s3.example.com", prefix="lib/")
    links = Links(API, None, signers=[Presigned(bucket, clock), SignedMedia(API, b"secret", clock)])
    upload = key("uploads", "jpg")
    link = links.url(upload)
    assert link.startswith(f"https://s3.example.com/{BUCKET}/lib/{upload}?X-Amz-Algorithm=AWS4-HMAC-SHA256&")
    assert links.key_of(link) == upload
    assert links.key_of(SignedMedia(API, b"secret", clock).url(upload)) == upload
    for other in (link[:-1], link.replace("lib/", "other/"), link.partition("?")[0], link.replace("max-age%3D3600", "max-age%3D9999")):
        assert links.key_of(other) is None
    clock.moment += timedelta(days=1, hours=2)
    assert links.key_of(link) is None


async def test_a_presigned_link_works_anywhere_and_for_its_time_only(proxy: StrictProxy, store: S3Store) -> None:
    name = key()
    await store.put_bytes(name, b"0123456789", "video/mp4")
    now = Hands(datetime.now(UTC))
    async with httpx.AsyncClient() as anybody:
        link = Presigned(store.bucket, now).url(name)
        seen = await anybody.get(link, headers={"Range": "bytes=2-4"})
        assert (seen.status_code, seen.content, seen.headers["content-type"]) == (206, b"234", "video/mp4")
        assert seen.headers["cache-control"] == "private, max-age=3600"
        assert (await anybody.get(link.partition("?")[0])).status_code in (400, 403)
        assert (await anybody.get(link.replace(name, key()))).status_code == 403
        now.moment -= timedelta(seconds=3_605)
        assert (await anybody.get(Presigned(store.bucket, now).url(name))).status_code == 403


async def test_private_videos_in_a_bucket_are_seen_there_and_not_through_the_api_without_a_signature(
    database_url: str, tmp_path: Path, proxy: StrictProxy, prefix: str, jpeg: bytes
) -> None:
    said = {"storage_url": f"s3://{BUCKET}/{prefix}", "aws_endpoint_url": proxy.url, "media": "private"}
    said |= {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
    async with house_with(database_url, tmp_path, worker=True, **said) as running, running.user() as alice, httpx.AsyncClient() as anybody:
        upload = (await alice.api.post("/uploads", content=jpeg, headers=JPEG)).json()
        assert (await anybody.get(upload["url"])).headers["content-type"] == "image/jpeg"
        body = alice.wish("Zoom in [sandbox:instant]", aspect_ratio=None, image_url=upload["url"])
        answer = await alice.api.post("/videos/animate", json=body)
        assert answer.status_code == 202, answer.text
        video = (await alice.until_final(answer.json()["job_id"]))["video"]
        assert (await anybody.get(video["url"])).content[4:8] == b"ftyp"
        name = running.service.links.key_of(video["url"])
        assert (await alice.api.get(f"/media/{name}")).status_code == 403


async def test_a_secret_is_kept_in_the_data_folder(database_url: str, tmp_path: Path) -> None:
    await DiskStore(tmp_path / "media").put_bytes(name := key(), b"x", "video/mp4")
    links = []
    for _ in range(2):
        async with house_with(database_url, tmp_path, worker=False, media="private") as running:
            links.append(running.service.links.url(name))
            async with running.client() as api:
                assert [(await api.get(link)).status_code for link in links] == [200] * len(links)
