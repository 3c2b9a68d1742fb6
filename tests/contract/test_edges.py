"""Where something of ours breaks, is full or is away: the answer is still the one that was promised, and comes in time."""

import asyncio
import errno
import json
import logging
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.types import Receive, Scope, Send
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from dustreel import dust, videos
from dustreel.base.errors import Unavailable
from dustreel.callers import Role
from dustreel.http import GuardedProtocol, app, build_app
from dustreel.http.envelope import Counts, Envelope
from dustreel.worker import chores
from tests.conftest import House, User, eventually, house_with
from tests.contract.promises import links_of

GENERATE, ANIMATE, GRANTS = "/videos/generate", "/videos/animate", "/dust/grants"
ELSEWHERE = {"Origin": "https://shop.example"}
JPEG = {"Content-Type": "image/jpeg"}


@pytest.fixture
async def quiet(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A house of the test's own, without a worker."""
    async with house_with(database_url, tmp_path, worker=False) as house:
        yield house


class TestOurOwnCodeBreaks:
    @pytest.mark.parametrize("where", ["a route", "a hot read", "an error handler"])
    @pytest.mark.parametrize("origins", ["*", "https://shop.example"])
    async def test_it_is_told_in_the_one_body_and_logged_once(
        self, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, origins: str
    ) -> None:
        async with house_with(database_url, tmp_path, worker=False, cors_origins=origins) as house, house.user() as alice:
            paths = {"a route": "/me", "a hot read": f"/videos/jobs/{uuid4()}/status", "an error handler": "/nowhere"}
            monkeypatch.setattr(dust, "balance", _break)
            monkeypatch.setattr(house.service.reads, "glance", _break)
            monkeypatch.setattr(app, "problem", _break)
            with capture_logs([merge_contextvars]) as lines:
                answer = await alice.api.get(paths[where], headers=ELSEWHERE)
        body = answer.json()
        assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
        assert (body["code"], body["success"], body["instance"]) == ("internal", False, paths[where])
        assert body["request_id"] == answer.headers["x-request-id"]
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["access-control-allow-origin"] in ("*", ELSEWHERE["Origin"])
        assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
        (line,) = [line for line in lines if line["log_level"] == "error"]
        assert line["exc_info"] and line["path"] == paths[where]
        assert line["request_id"] == body["request_id"]

    async def test_half_an_answer_is_cut_off_and_logged_once(self, caplog: pytest.LogCaptureFixture) -> None:
        async def halfway(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
            raise RuntimeError("broken")

        async with _listening(Envelope(halfway, Counts(CollectorRegistry()), asyncio.Event())) as url, httpx.AsyncClient() as client:
            with capture_logs() as lines, caplog.at_level(logging.ERROR), pytest.raises(httpx.RemoteProtocolError):
                await client.get(url)
        assert [line["event"] for line in lines if line.get("exc_info")] == ["a request broke"]
        assert [record for record in caplog.records if record.exc_info] == []

    async def test_a_process_that_stops_tells_a_browser_on_another_origin_too(self, quiet: House) -> None:
        stopping = asyncio.Event()
        stopping.set()
        leaving = httpx.ASGITransport(build_app(replace(quiet.service, stopping=stopping)))
        async with httpx.AsyncClient(transport=leaving, base_url="http://dustreel.test") as client:
            for path in ("/me", f"/videos/jobs/{uuid4()}/status"):
                answer = await client.get(path, headers=ELSEWHERE)
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
                assert (answer.headers["access-control-allow-origin"], answer.headers["connection"]) == ("*", "close")
                assert answer.headers["x-request-id"] == answer.json()["request_id"]

    async def test_a_request_that_a_stopping_server_cuts_off_is_told_to_come_back(self) -> None:
        reached, stopping, sent = asyncio.Event(), asyncio.Event(), list[Any]()

        async def endless(scope: Scope, receive: Receive, send: Send) -> None:
            reached.set()
            await asyncio.Event().wait()

        async def keep(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/me", "query_string": b"", "headers": []}
        envelope = Envelope(endless, Counts(CollectorRegistry()), stopping)
        request = asyncio.create_task(envelope(scope, _nothing_to_receive, keep))
        await reached.wait()
        stopping.set()
        request.cancel()
        await request
        assert [message["status"] for message in sent if "status" in message] == [503]

    async def test_a_query_that_is_no_text_breaks_nothing(self, house: House) -> None:
        sent: list[Any] = []
        scope = {"type": "http", "method": "GET", "path": "/nowhere", "query_string": b"a=\xff", "headers": [(b"host", b"a")]}

        async def send(message: Any) -> None:
            sent.append(message)

        await house.transport.app(scope, _nothing_to_receive, send)
        assert sent[0]["status"] == 404


async def _nothing_to_receive() -> Any:
    return {"type": "http.request"}


async def test_a_video_is_deleted_though_the_database_leaves_right_after(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    video = await alice.video()
    service = alice.house.service
    keys = [service.links.key_of(url) for url in links_of(video)]

    async def away(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(videos, "removed", away)
        answer = await alice.api.delete(f"/videos/{video['id']}")
    assert (answer.status_code, answer.json()) == (200, {"deleted_from_storage": True})
    assert (await alice.api.get(f"/videos/{video['id']}")).status_code == 404
    assert await _removals(alice.house, keys) == len(keys) == 5

    async def swept() -> bool:
        async with service.db.transaction() as db:
            await db.execute("update removals set due_at = now() where key = any(%s)", (keys,))
        await chores.remove_objects(service.store, service.db)
        return await _removals(alice.house, keys) == 0

    await eventually(swept, "a sweep to find that the objects are gone")


class TestStorage:
    async def test_an_object_of_ours_that_is_too_large_is_no_picture(self, alice: User) -> None:
        service = alice.house.service
        ours = "thumbnails/" + "t" * 32 + ".jpg"
        await service.store.put_bytes(ours, bytes((20 << 20) + 1), "image/jpeg")
        answer = await alice.api.post(ANIMATE, json=_dance(service.links.url(ours)))
        assert (answer.status_code, answer.json()["code"]) == (422, "image_too_large")

    async def test_a_video_of_ours_is_no_picture(self, alice: User) -> None:
        video = await alice.video()
        answer = await alice.api.post(ANIMATE, json=_dance(video["url"]))
        assert (answer.status_code, answer.json()["code"]) == (422, "image_unsupported")
        assert (await alice.api.post(ANIMATE, json=_dance(video["thumbnail_url"]))).status_code == 202

    async def test_a_full_disk_is_told_and_leaves_nothing_to_use(self, quiet: House, jpeg: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        service = quiet.service
        ours = "pictures/" + "p" * 32 + ".jpg"
        await service.store.put_bytes(ours, jpeg, "image/jpeg")
        async with quiet.user() as alice:
            with monkeypatch.context() as patch, capture_logs():
                patch.setattr(service.store, "put_file", _full)
                for answer in (
                    await alice.api.post("/uploads", content=jpeg, headers=JPEG),
                    await alice.api.post(ANIMATE, json=_dance(service.links.url(ours))),
                ):
                    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
                    assert int(answer.headers["retry-after"]) > 0
            assert await alice.dust() == (1000, 0, 1000)
        async with service.db.transaction() as db:
            await db.execute("update pictures set touched_at = now() - interval '25 hours'")
        swept = await service.album.sweep()
        assert len(swept) == 2 and await _removals(quiet, swept) == 2
        assert await service.remove_objects(swept)

    async def test_a_disk_that_can_not_be_read_is_told(self, quiet: House, jpeg: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        async with quiet.user() as alice:
            with capture_logs():
                monkeypatch.setattr(quiet.service.store, "fetch", _full)
                answer = await alice.api.post(ANIMATE, json=_dance(quiet.service.links.url("pictures/" + "p" * 32 + ".jpg")))
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")

    @pytest.mark.parametrize("broken", ["mkdir", "open"])
    async def test_a_disk_that_takes_no_picture_in_is_told_and_left_clean(
        self, quiet: House, jpeg: bytes, monkeypatch: pytest.MonkeyPatch, broken: str
    ) -> None:
        incoming, real = quiet.settings.home.absolute() / "incoming", getattr(Path, broken)

        def full(path: Path, *arguments: Any, **options: Any) -> Any:
            if path.is_relative_to(incoming):
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(path, *arguments, **options)

        async with quiet.user() as alice:
            sent: list[dict[str, Any]] = [{"content": jpeg, "headers": JPEG}, {"files": {"file": ("a.jpg", jpeg, "image/jpeg")}}]
            with monkeypatch.context() as patch, capture_logs():
                patch.setattr(Path, broken, full)
                answers = [await alice.api.post("/uploads", **one) for one in sent]
            for answer in answers:
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert (await alice.api.post("/uploads", **sent[0])).status_code == 201
        assert [path for path in incoming.rglob("*") if path.name == "sent"] == []

    async def test_strangers_pictures_leave_the_database_some_disk(
        self, quiet: House, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        free = iter([1 << 40, 1 << 40, 1 << 20, 1 << 20])  # enough for the tray and the first piece

        def disk_usage(_: Path) -> Any:
            return SimpleNamespace(free=next(free))

        async with quiet.user() as alice:
            url = (await alice.api.post("/uploads", content=jpeg, headers=JPEG)).json()["url"]
            monkeypatch.setattr(shutil, "disk_usage", disk_usage)
            with capture_logs():
                answers = [await alice.api.post("/uploads", content=bytes(1 << 20), headers=JPEG) for _ in range(2)]
            for answer in answers:
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert next(free, None) is None
            assert (await alice.api.post(ANIMATE, json=_dance(url))).status_code == 202, "what is there already needs no room"


async def test_fifty_repetitions_wait_no_longer_than_one(quiet: House, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []

    @asynccontextmanager
    async def away(**_: object) -> AsyncIterator[None]:
        waited.append(1)
        await asyncio.sleep(0.2)
        raise Unavailable
        yield

    async with quiet.user() as alice:
        await alice.dust()
        with monkeypatch.context() as patch:
            patch.setattr(quiet.service.db, "connection", away)
            began = time.monotonic()
            posts = [alice.api.post(GENERATE, json=alice.wish(), headers={"Idempotency-Key": "the one"}) for _ in range(50)]
            answers = await asyncio.gather(*posts)
            took = time.monotonic() - began
        assert {answer.status_code for answer in answers} == {503}
        assert len(waited) == 1 and took < 50 * 0.2 / 2
        answer = await alice.api.post(GENERATE, json=alice.wish(), headers={"Idempotency-Key": "the one"})
        assert answer.status_code == 202


async def test_a_first_that_is_cut_off_takes_no_answer_from_the_others(quiet: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async with quiet.user() as alice:
        await alice.dust()
        first, other = [
            asyncio.create_task(alice.api.post(GENERATE, json=alice.wish(), headers={"Idempotency-Key": "the one"})) for _ in range(2)
        ]
        while not quiet.service.desk._answering:
            await asyncio.sleep(0)
        first.cancel()
        assert (await other).status_code == 202
        assert (await alice.api.get("/videos/jobs")).json()["pagination"]["total"] == 1


class TestLimits:
    async def test_too_many_jobs_are_told_with_the_quota(self, database_url: str, tmp_path: Path) -> None:
        async with house_with(database_url, tmp_path, worker=False, max_active_jobs="1") as house, house.user() as alice:
            await alice.generate()
            late = await alice.api.post(GENERATE, json=alice.wish())
        assert (late.status_code, late.json()["code"]) == (429, "too_many_active_jobs")
        assert late.headers["ratelimit-policy"] == '"active-jobs";q=1;qu="concurrent-requests"'
        assert late.headers["ratelimit"] == f'"active-jobs";r=0;t={late.headers["retry-after"]}'

    async def test_who_can_not_pay_is_told_what_they_can_spend(self, database_url: str, tmp_path: Path) -> None:
        async with house_with(database_url, tmp_path, worker=False, starting_dust="15") as house, house.user() as alice:
            await alice.generate()
            body = (await alice.api.post(GENERATE, json=alice.wish())).json()
            assert (body["balance"], body["available"], body["price"]) == (5, 5, 10)
            assert await alice.dust() == (15, 10, 5)


class TestGrants:
    @pytest.mark.parametrize("reference", ["a\0b", "a\ud800b", "a\nb", " ", "", "x" * 256, "starting", " starting ", "key:" + "0f" * 32])
    async def test_a_reference_is_plain_text_and_not_one_of_the_houses(self, house: House, alice: User, reference: str) -> None:
        body = json.dumps({"user_id": str(alice.id), "amount": 5, "reference": reference})
        async with house.user(role=Role.ADMIN) as admin:
            answer = await admin.api.post(GRANTS, content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_error"), answer.text
        assert [error["field"] for error in answer.json()["errors"]] == ["reference"]
        assert await alice.dust() == (1000, 0, 1000)

    @pytest.mark.parametrize("change", [{"amount": 6}, {"mode": "live"}, {"user_id": str(uuid4())}])
    async def test_a_key_is_for_one_grant(self, house: House, alice: User, change: dict[str, Any]) -> None:
        grant = {"user_id": str(alice.id), "amount": 5}
        key = {"Idempotency-Key": str(uuid4())}
        async with house.user(role=Role.ADMIN) as admin:
            first, again = [await admin.api.post(GRANTS, json=grant, headers=key) for _ in range(2)]
            assert (first.json()["granted"], again.json()["granted"]) == (True, False)
            other = await admin.api.post(GRANTS, json=grant | change, headers=key)
            assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        assert await alice.dust() == (1005, 0, 1005)

    async def test_of_two_grants_at_once_with_one_key_one_is_given(self, house: House, alice: User, bob: User) -> None:
        key = {"Idempotency-Key": str(uuid4())}
        async with house.user(role=Role.ADMIN) as admin:
            grants = [{"user_id": str((alice, bob)[number % 2].id), "amount": 5} for number in range(10)]
            answers = await asyncio.gather(*(admin.api.post(GRANTS, json=grant, headers=key) for grant in grants))
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [422] * 5
        assert (await alice.dust())[0] + (await bob.dust())[0] == 2005


async def test_whether_requests_can_be_served_is_told(quiet: House) -> None:
    async with quiet.client() as nobody:
        assert (await nobody.get("/readyz")).status_code == 200
        await quiet.service.db.pool.close()
        assert (await nobody.get("/readyz")).status_code == 503
        assert (await nobody.get("/healthz")).status_code == 200


def _dance(url: str) -> dict[str, Any]:
    return {"image_url": url, "prompt": "dance", "duration": "short", "resolution": "sd_480p"}


def _break(*_: object, **__: object) -> Any:
    raise RuntimeError("broken")


async def _full(*_: object, **__: object) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


async def _removals(house: House, keys: list[Any]) -> int:
    """How many of these are written down to be removed."""
    async with house.service.db.connection() as db:
        return len(await (await db.execute("select from removals where key = any(%s)", (keys,))).fetchall())


@asynccontextmanager
async def _listening(served: Any) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(served, port=0, http=GuardedProtocol, ws="none", lifespan="off", log_config=None))
    task = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await eventually(started, "the server to listen")
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    await task
