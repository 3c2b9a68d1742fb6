"""A caller's own picture: raw or as a form, checked, and good for `animate`."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dustreel.base.errors import DomainError
from dustreel.base.vocabulary import Mode
from dustreel.cli.serve import working
from dustreel.http import incoming
from dustreel.jobs import life
from dustreel.media import ImageTooLarge, ImageUnreachable, ImageUnsupported, ImageUrlForbidden, InvalidImageUrl
from dustreel.pictures import Album
from dustreel.worker import chores
from tests.conftest import User, eventually, house_with
from tests.contract.promises import links_of
from tests.fakes.stores import SlowStore
from tests.unit.fetch.servers import PICTURE, Server, answer, fetcher, png, server

JPEG = {"Content-Type": "image/jpeg"}
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'


async def test_a_raw_picture_is_taken(alice: User, jpeg: bytes) -> None:
    answer = await alice.api.post("/uploads", content=jpeg, headers=JPEG)
    assert answer.status_code == 201
    body = answer.json()
    assert {name: value for name, value in body.items() if name != "url"} == {"width": 640, "height": 360, "content_type": "image/jpeg"}
    served = await alice.api.get(body["url"])
    assert (served.status_code, served.headers["content-type"]) == (200, "image/jpeg")


async def test_a_picture_in_a_form_is_taken(alice: User, jpeg: bytes) -> None:
    answer = await alice.api.post("/uploads", files={"file": ("photo.jpg", jpeg, "image/jpeg")}, data={"note": "mine"})
    assert answer.status_code == 201


def avif(size: tuple[int, int] = (640, 360)) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(out, "AVIF")
    return out.getvalue()


async def test_an_avif_is_taken_however_it_is_sent(alice: User) -> None:
    for sent in (
        {"content": avif(), "headers": {"Content-Type": "image/avif"}},
        {"content": avif(), "headers": {"Content-Type": "application/octet-stream"}},
        {"files": {"file": ("photo.avif", avif(), "image/avif")}},
    ):
        answer = await alice.api.post("/uploads", **sent)
        assert answer.status_code == 201, answer.text
        body = answer.json()
        assert (body["width"], body["height"], body["content_type"]) == (640, 360, "image/jpeg")
        assert body["url"].endswith(".jpg")


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"content": b"not a picture", "headers": JPEG}, 422, "image_unsupported"),
        ({"content": b"", "headers": JPEG}, 422, "image_unsupported"),
        ({"content": b"GIF89a", "headers": {"Content-Type": "image/gif"}}, 415, "unsupported_media_type"),
        ({"content": b"{}", "headers": {"Content-Type": "application/json"}}, 415, "unsupported_media_type"),
        ({"content": b"\0" * ((20 << 20) + 1), "headers": JPEG}, 413, "payload_too_large"),
        ({"files": {"picture": ("a.jpg", b"x", "image/jpeg")}}, 422, "validation_error"),
        ({"files": {"file": ("a.jpg", b"x", "image/jpeg"), "other": ("b.jpg", b"x", "image/jpeg")}}, 400, "malformed_request"),
        ({"content": b"--x\r\nnonsense", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 422, "validation_error"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "malformed_request"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=" + "b" * 300}}, 400, "malformed_request"),
        ({"content": b"x", "headers": JPEG | {"Content-Encoding": "gzip"}}, 415, "unsupported_media_type"),
        ({"data": {"file": "just text"}, "files": {"other": ("a.jpg", b"x")}}, 422, "validation_error"),
        ({"files": [("file", ("a.jpg", b"x")), ("file", ("b.jpg", b"x"))]}, 400, "malformed_request"),
        ({"files": {"file": ("a.jpg", b"x")}, "data": {str(number): "" for number in range(9)}}, 400, "malformed_request"),
        ({"content": PART + b"half of a pict", "headers": FORM}, 400, "malformed_request"),
        ({"content": b"--b\r\nContent-Type: image/jpeg\r\n\r\nx\r\n--b--\r\n", "headers": FORM}, 400, "malformed_request"),
        ({"content": PART + b"\0" * (20 << 20) + b"\0\r\n--b--\r\n", "headers": FORM}, 413, "payload_too_large"),
        ({"content": b"--b\r\nX: " + b"x" * (21 << 20), "headers": FORM}, 413, "payload_too_large"),
    ],
)
async def test_a_wrong_upload_is_told(alice: User, sent: dict[str, Any], status: int, code: str) -> None:
    answer = await alice.api.post("/uploads", **sent)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_a_form_may_come_in_any_pieces(alice: User, jpeg: bytes) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="note"\r\n\r\nmine\r\n' + PART + jpeg + b"\r\n--b--\r\n"

    async def pieces(size: int) -> AsyncIterator[bytes]:
        for at in range(0, len(body), size):
            yield body[at : at + size]

    for size in (1, 3, 1_000, len(body)):
        answer = await alice.api.post("/uploads", content=pieces(size), headers=FORM)
        assert (answer.status_code, answer.json()["width"]) == (201, 640), answer.text


async def test_too_much_is_answered_at_the_first_byte_too_many(alice: User) -> None:
    sent = [0]

    async def endless(start: bytes) -> AsyncIterator[bytes]:
        yield start
        while True:
            sent[0] += 1 << 16
            yield bytes(1 << 16)

    for start, headers in ((b"", JPEG), (PART, FORM)):
        sent[0] = 0
        answer = await alice.api.post("/uploads", content=endless(start), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
        assert sent[0] == (20 << 20) + (1 << 16)


async def test_who_stops_sending_is_told(alice: User, jpeg: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "STALLED_SECONDS", 0.2)

    async def stalls() -> AsyncIterator[bytes]:
        yield jpeg[:100]
        await asyncio.Event().wait()

    answer = await alice.api.post("/uploads", content=stalls(), headers=JPEG)
    assert (answer.status_code, answer.json()["code"]) == (408, "request_timeout")
    assert "stopped" in answer.json()["error"]


async def test_who_is_slow_and_goes_on_has_longer_but_not_for_ever(alice: User, jpeg: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    async def drips() -> AsyncIterator[bytes]:
        for at in range(0, len(jpeg), 1 + len(jpeg) // 8):
            await asyncio.sleep(0.1)
            yield jpeg[at : at + 1 + len(jpeg) // 8]

    monkeypatch.setattr(incoming, "STALLED_SECONDS", 0.6)
    assert (await alice.api.post("/uploads", content=drips(), headers=JPEG)).status_code == 201
    monkeypatch.setattr(incoming, "UPLOAD_SECONDS", 0.3)
    answer = await alice.api.post("/uploads", content=drips(), headers=JPEG)
    assert (answer.status_code, answer.json()["code"]) == (408, "request_timeout")


def taking_in(alice: User, there: Server, folder: Path) -> Callable[[str], Awaitable[Any]]:
    """`obtain` of an album that reaches this server."""
    service = alice.house.service
    album = Album(service.db, service.store, service.links, fetcher(there), service.bench, service.ids, incoming=folder)
    return lambda url: album.obtain(url, alice.id, Mode.TEST)


async def test_a_picture_from_an_address_is_copied(alice: User, tmp_path: Path) -> None:
    for reply in (PICTURE, answer("Content-Type: image/avif", body=avif()), answer("Content-Type: application/octet-stream", body=avif())):
        async with server(reply) as there:
            picture = await taking_in(alice, there, tmp_path)(there.url)
        with Image.open(io.BytesIO(await alice.house.service.store.read(picture.key, at_most=1 << 20))) as kept:
            assert (kept.format, kept.size) == ("JPEG", (picture.width, picture.height))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (answer("Location: http://example.com/", status="302 Found"), InvalidImageUrl),
        (answer("Location: https://127.0.0.1/", status="302 Found"), ImageUrlForbidden),
        (answer(status="404 Not Found"), ImageUnreachable),
        (answer("Content-Type: text/html", body=b"<html>"), ImageUnsupported),
        (answer("Content-Type: image/png", body=png()[:60]), ImageUnsupported),
        (answer("Content-Type: image/png", f"Content-Length: {21 << 20}", length=False), ImageTooLarge),
    ],
)
async def test_what_is_wrong_with_an_address_is_told_by_its_code(
    alice: User, reply: bytes, error: type[DomainError], tmp_path: Path
) -> None:
    async with server(reply) as there:
        with pytest.raises(error) as told:
            await taking_in(alice, there, tmp_path)(there.url)
    assert type(told.value) is error and len(told.value.detail) > 20
    assert list(tmp_path.iterdir()) == []


async def test_the_services_own_address_is_no_picture_but_what_it_stored_is(database_url: str, tmp_path: Path, jpeg: bytes) -> None:
    house_at = house_with(database_url, tmp_path, worker=False, public_url="https://videos.example.com")
    async with house_at as house, house.user() as alice:
        for path in ("/metrics", "/a.jpg", "/media/../me"):
            answer = await alice.api.post("/videos/animate", json=dance(f"https://videos.example.com{path}"))
            assert (answer.status_code, answer.json()["code"]) == (422, "image_url_forbidden"), path
        url = (await alice.api.post("/uploads", content=jpeg, headers=JPEG)).json()["url"]
        assert url.startswith("https://videos.example.com/")
        assert (await alice.api.post("/videos/animate", json=dance(url))).status_code == 202


async def test_a_picture_with_too_many_pixels_is_told(alice: User) -> None:
    out = io.BytesIO()
    Image.new("1", (8_000, 7_000)).save(out, "PNG")
    answer = await alice.api.post("/uploads", content=out.getvalue(), headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.json()["code"]) == (422, "image_too_large")


@pytest.mark.parametrize(("size", "aspect"), [((300, 420), "3:4"), ((400, 400), "1:1"), ((900, 200), "16:9")])
async def test_a_video_follows_its_picture_snapped_to_the_nearest_shape(alice: User, size: tuple[int, int], aspect: str) -> None:
    out = io.BytesIO()
    Image.effect_noise(size, 50).convert("RGB").save(out, "JPEG")
    url = (await alice.api.post("/uploads", content=out.getvalue(), headers=JPEG)).json()["url"]
    wish = {"image_url": url, "prompt": "dance [sandbox:instant]", "duration": "short", "resolution": "sd_480p"}
    job = (await alice.api.post("/videos/animate", json=wish)).json()["job_id"]
    video = (await alice.until_final(job))["video"]
    assert (video["aspect_ratio"], video["source_image_url"], video["generation_type"]) == (aspect, url, "image_to_video")
    assert await alice.dust() == (992, 0, 992)


async def test_a_wanted_shape_wins_over_the_pictures(alice: User, picture_url: str) -> None:
    wish = {"image_url": picture_url, "prompt": "x [sandbox:instant]", "duration": "short", "resolution": "sd_480p", "aspect_ratio": "9:16"}
    job = (await alice.api.post("/videos/animate", json=wish)).json()["job_id"]
    assert (await alice.until_final(job))["video"]["aspect_ratio"] == "9:16"


async def grown_old(alice: User) -> list[str]:
    """All of alice's pictures are a day older; what a sweep then lets go of."""
    service = alice.house.service
    async with service.db.transaction() as db:
        await db.execute("update pictures set touched_at = touched_at - interval '25 hours' where user_id = %s", (alice.id,))
    return await service.album.sweep()


async def is_served(alice: User, url: str) -> bool:
    status = (await alice.api.get(url)).status_code
    assert status in (200, 404)
    return status == 200


def dance(url: str, prompt: str = "x [sandbox:instant]") -> dict[str, Any]:
    return {"image_url": url, "prompt": prompt, "duration": "short", "resolution": "sd_480p"}


async def test_an_unused_picture_goes_after_a_day_and_its_object_with_it(alice: User, picture_url: str) -> None:
    service = alice.house.service
    assert service.links.key_of(picture_url) not in await service.album.sweep()
    swept = await grown_old(alice)
    assert service.links.key_of(picture_url) in swept
    async with service.db.connection() as db:
        rows = await (await db.execute("select key from removals where key = any(%s)", (swept,))).fetchall()
    assert len(rows) == len(swept), "whatever dies now, the object is not forgotten"

    async def gone() -> bool:
        await chores.remove_objects(service.store, service.db)
        return not await is_served(alice, picture_url)

    await eventually(gone, "the unused upload to be gone")
    answer = await alice.api.post("/videos/animate", json=dance(picture_url))
    assert (answer.status_code, answer.json()["code"]) == (422, "image_unreachable")


async def test_a_picture_that_was_asked_for_again_has_another_day(alice: User, picture_url: str) -> None:
    service = alice.house.service
    async with service.db.transaction() as db:
        await db.execute("update pictures set touched_at = now() - interval '25 hours' where user_id = %s", (alice.id,))
    await service.album.obtain(picture_url, alice.id, Mode.TEST)
    assert service.links.key_of(picture_url) not in await service.album.sweep()


async def test_a_picture_lives_as_long_as_a_job_that_may_need_it(alice: User, picture_url: str) -> None:
    job = (await alice.api.post("/videos/animate", json=dance(picture_url, "x [sandbox:hang]"))).json()["job_id"]
    key = alice.house.service.links.key_of(picture_url)
    assert key not in await grown_old(alice)
    assert (await alice.api.delete(f"/videos/jobs/{job}")).status_code == 200
    assert key not in await grown_old(alice), "the job is still there to be looked at"
    await expire(alice, job)
    assert key in await grown_old(alice)


async def test_a_used_picture_lives_as_long_as_its_video(alice: User, picture_url: str) -> None:
    service = alice.house.service
    key = service.links.key_of(picture_url)
    job = (await alice.api.post("/videos/animate", json=dance(picture_url))).json()["job_id"]
    video = (await alice.until_final(job))["video"]
    assert key not in await grown_old(alice)
    await expire(alice, job)
    assert key not in await grown_old(alice) and await is_served(alice, picture_url)
    assert (await alice.api.delete(f"/videos/{video['id']}")).json() == {"deleted_from_storage": True}
    assert await is_served(alice, picture_url), "the video's own objects are gone, the picture goes with the sweep"
    assert key in await grown_old(alice)


async def test_a_picture_of_two_videos_outlives_the_first(alice: User, picture_url: str) -> None:
    key = alice.house.service.links.key_of(picture_url)
    jobs = [(await alice.api.post("/videos/animate", json=dance(picture_url))).json()["job_id"] for _ in range(2)]
    ids = [(await alice.until_final(job))["video"]["id"] for job in jobs]
    await expire(alice, *jobs)
    await alice.api.delete(f"/videos/{ids[0]}")
    assert key not in await grown_old(alice)
    await alice.api.delete(f"/videos/{ids[1]}")
    assert key in await grown_old(alice)


async def expire(alice: User, *jobs: str) -> None:
    """As if a day had passed since these jobs ended."""
    left = set(jobs)
    while left:
        async with alice.house.service.db.transaction() as db:
            expired = await life.expire(db, keep_seconds=-1)
        assert expired, f"{left} would not expire"
        left -= {str(job) for job in expired}


async def test_what_storage_would_not_give_up_is_told_and_tried_again(alice: User) -> None:
    video = await alice.video()
    service = alice.house.service
    assert isinstance(service.media, Path)
    key = service.links.key_of(video["url"])
    assert key is not None
    path = service.media / key
    path.unlink()
    path.mkdir()  # what can't be unlinked
    answer = await alice.api.delete(f"/videos/{video['id']}")
    assert (answer.status_code, answer.json()) == (200, {"deleted_from_storage": False})
    assert (await alice.api.get(f"/videos/{video['id']}")).status_code == 404
    path.rmdir()
    path.write_bytes(b"the video")

    async def tried_again() -> bool:
        async with service.db.transaction() as db:
            await db.execute("update removals set due_at = now() where key = %s", (key,))
        await chores.remove_objects(service.store, service.db)
        return not path.exists()

    await eventually(tried_again, "the object to be removed")


async def test_what_a_cancelled_job_had_stored_is_removed(database_url: str, tmp_path: Path) -> None:
    async with house_with(database_url, tmp_path, worker=False) as house:
        slow = SlowStore(house.service.store)
        async with working(replace(house.service, store=slow)), house.user() as alice:
            job = await alice.generate()
            await asyncio.wait_for(slow.reached.wait(), 60)
            assert (await alice.api.delete(f"/videos/jobs/{job}")).status_code == 200

            async def swept() -> bool:
                async with house.service.db.transaction() as db:
                    await db.execute("update removals set due_at = now()")
                await chores.remove_objects(slow, house.service.db)
                async with house.service.db.connection() as db:
                    rows = await (await db.execute("select key from removals")).fetchall()
                return not rows and len(slow.deleted) == 5

            await eventually(swept, "all that was announced to be removed")
            assert [file for file in (tmp_path / "media").rglob("*") if file.is_file()] == []


async def test_what_a_video_is_made_of_stays(alice: User) -> None:
    video = await alice.video()
    async with alice.house.service.db.connection() as db:
        keys = [alice.house.service.links.key_of(url) for url in links_of(video)]
        rows = await (await db.execute("select key from removals where key = any(%s)", (keys,))).fetchall()
    assert rows == []
