"""A caller's own picture: raw or as a form, checked, and good for `animate`."""

import asyncio
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dustreel.cli.serve import working
from dustreel.worker import chores
from tests.conftest import User, eventually, house_with
from tests.fakes.stores import SlowStore

JPEG = {"Content-Type": "image/jpeg"}


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
    ],
)
async def test_a_wrong_upload_is_told(alice: User, sent: dict[str, Any], status: int, code: str) -> None:
    answer = await alice.api.post("/uploads", **sent)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


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


async def test_a_picture_lives_as_long_as_its_video_and_an_unused_one_a_day(alice: User, picture_url: str, jpeg: bytes) -> None:
    unused = (await alice.api.post("/uploads", content=jpeg, headers=JPEG)).json()["url"]
    wish = {"image_url": picture_url, "prompt": "x [sandbox:instant]", "duration": "short", "resolution": "sd_480p"}
    await alice.until_final((await alice.api.post("/videos/animate", json=wish)).json()["job_id"])
    service = alice.house.service
    async with service.db.transaction() as db:
        await db.execute("update pictures set touched_at = now() - interval '25 hours' where user_id = %s", (alice.id,))
    swept = await service.album.sweep()
    assert service.links.key_of(unused) in swept and service.links.key_of(picture_url) not in swept
    assert (await alice.api.get(picture_url)).status_code == 200
    await service.remove_objects(swept)

    async def gone() -> bool:
        return (await alice.api.get(unused)).status_code == 404

    await eventually(gone, "the unused upload to be gone")


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
                return not rows and len(slow.deleted) == 2

            await eventually(swept, "both objects to be removed")
            assert [file for file in (tmp_path / "media").rglob("*") if file.is_file()] == []


async def test_what_a_video_is_made_of_stays(alice: User) -> None:
    video = await alice.video()
    async with alice.house.service.db.connection() as db:
        keys = [alice.house.service.links.key_of(video[name]) for name in ("url", "thumbnail_url")]
        rows = await (await db.execute("select key from removals where key = any(%s)", (keys,))).fetchall()
    assert rows == []
