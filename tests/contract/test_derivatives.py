"""What a video comes with beside its own file: linked from its metadata, reachable, and gone with it."""

import base64
import io
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin

import av
import pytest
from PIL import Image
from structlog.testing import capture_logs

from dustreel.cli.serve import working
from dustreel.storage import ObjectStore
from dustreel.worker import chores
from tests.conftest import User, house_with
from tests.contract.promises import links_of

FACTS = {"duration", "width", "height", "fps", "bytes", "sha256", "codec"}


class RefusingStore:
    """A store that has no room for objects of some kinds."""

    def __init__(self, store: ObjectStore, *kinds: str) -> None:
        self._store, self._kinds = store, kinds
        self.put_file, self.fetch, self.read, self.delete = store.put_file, store.fetch, store.read, store.delete

    async def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        if key.startswith(self._kinds):
            raise OSError(28, "No space left on device")
        await self._store.put_bytes(key, data, content_type)


async def test_metadata_tells_the_facts_and_links_to_all_that_was_made(alice: User) -> None:
    video = await alice.video(aspect_ratio="9:16")
    metadata = video["metadata"]
    assert set(metadata) == FACTS | {"thumbhash", "preview_url", "sprite_url", "vtt_url"}
    answers = [await alice.api.get(url) for url in links_of(video)]
    types = [answer.headers["content-type"] for answer in answers]
    assert types == ["video/mp4", "image/jpeg", "video/mp4", "image/jpeg", "text/vtt; charset=utf-8"]
    film, thumbnail, preview, sprite, vtt = (answer.content for answer in answers)
    assert len(film) == metadata["bytes"]
    with Image.open(io.BytesIO(thumbnail)) as picture, Image.open(io.BytesIO(sprite)) as sheet:
        assert picture.size == (360, 640)
        assert sheet.size == (5 * 90, 2 * 160)
    with av.open(io.BytesIO(preview)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
    assert vtt.startswith(b"WEBVTT\n")
    assert 5 <= len(base64.b64decode(metadata["thumbhash"])) <= 30


async def test_the_webvtt_leads_to_the_sprite_from_wherever_it_lies(alice: User) -> None:
    video = await alice.video()
    text = (await alice.api.get(video["metadata"]["vtt_url"])).text
    cues = [line for line in text.splitlines() if "#xywh=" in line]
    assert len(cues) == text.count(" --> ") == 10
    for cue in cues:
        address, _, fragment = cue.partition("#xywh=")
        assert urljoin(video["metadata"]["vtt_url"], address) == video["metadata"]["sprite_url"]
        left, top, width, height = map(int, fragment.split(","))
        assert (width, height) == (160, 90) and left + width <= 800 and top + height <= 180
    assert text.rstrip().splitlines()[-2].endswith("--> 00:00:05.000")


async def test_a_deleted_video_takes_everything_with_it(alice: User) -> None:
    video = await alice.video()
    assert len({await _status(alice, url) for url in links_of(video)} | {200}) == 1
    answer = await alice.api.delete(f"/videos/{video['id']}")
    assert answer.json() == {"deleted_from_storage": True}
    assert [await _status(alice, url) for url in links_of(video)] == [404] * 5


@pytest.mark.parametrize(
    ("kinds", "failed", "missing"),
    [
        (["previews/"], ["preview"], {"preview_url"}),
        (["sprites/"], ["sprite"], {"sprite_url", "vtt_url"}),
        (["previews/", "sprites/"], ["preview", "sprite"], {"preview_url", "sprite_url", "vtt_url"}),
    ],
    ids=["preview", "sprite", "both"],
)
async def test_what_can_t_be_stored_is_noted_and_fails_no_video(
    database_url: str, tmp_path: Path, kinds: list[str], failed: list[str], missing: set[str]
) -> None:
    async with house_with(database_url, tmp_path, worker=False) as house, house.user() as alice:
        with capture_logs() as lines:
            async with working(replace(house.service, store=RefusingStore(house.service.store, *kinds))):
                video = await alice.video()
        assert video["metadata"]["derivatives_failed"] == failed
        assert missing.isdisjoint(video["metadata"])
        assert await _status(alice, video["url"]) == await _status(alice, video["thumbnail_url"]) == 200
        told = {line["what"]: line["because"] for line in lines if line["event"] == "a video goes without one of its derivatives"}
        assert sorted(told) == failed and all("No space left" in because for because in told.values())
        async with house.service.db.transaction() as db:
            await db.execute("update removals set due_at = now()")
        await chores.remove_objects(house.service.store, house.service.db)
        there = {str(file.relative_to(tmp_path / "media")) for file in (tmp_path / "media").rglob("*") if file.is_file()}
        urls = [video["url"], video["thumbnail_url"], *(video["metadata"][name] for name in video["metadata"] if name.endswith("_url"))]
        assert there == {house.service.links.key_of(url) for url in urls}


async def test_a_video_from_before_there_were_any_stays_as_it_is(alice: User) -> None:
    video = await alice.video()
    async with alice.house.service.db.transaction() as db:
        await db.execute(
            "update videos set preview_key = null, sprite_key = null, vtt_key = null, metadata = metadata - 'thumbhash' where id = %s",
            (video["id"],),
        )
    answer = await alice.api.get(f"/videos/{video['id']}")
    assert set(answer.json()["video"]["metadata"]) == FACTS
    assert (await alice.api.put(f"/videos/{video['id']}", json=answer.json()["video"] | {"is_favorited": True})).status_code == 200
    assert (await alice.api.delete(f"/videos/{video['id']}")).json() == {"deleted_from_storage": True}


async def _status(user: User, url: str) -> int:
    return (await user.api.get(url)).status_code
