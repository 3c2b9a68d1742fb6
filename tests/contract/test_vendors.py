"""The contract's flow through each vendor, from the post to the stored video, and what becomes of it when the vendor misbehaves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from dustreel.base.vocabulary import Mode
from dustreel.http.app import build_app
from dustreel.jobs import desk
from dustreel.providers import vendor
from dustreel.worker import lookout, pipeline, remote
from tests.chaos.scenarios import jpeg
from tests.conftest import House, User, eventually, house_with
from tests.e2e.served import free_port
from tests.fakes import fal
from tests.fakes.cog_server import Receiver, cog_at
from tests.fakes.openai_videos import Dialect
from tests.fakes.scripted import Fault
from tests.fakes.vendors import Fal, OpenAICompatible, Vendor
from tests.fakes.wire import serving

_LARGE = b"select from submissions where length(coalesce(told::text, '')) + length(coalesce(output, '')) > 2000"
WISH = {"duration": "short", "resolution": "sd_480p", "aspect_ratio": "16:9"}


@dataclass
class Scene:
    caller: User
    vendor: Vendor
    house: House

    async def final(self, prompt: str = "A lighthouse", **changes: Any) -> dict[str, Any]:
        return await self.caller.until_final(await self.caller.generate(prompt, **(WISH | changes)))

    async def settled(self) -> None:
        """Every order has ended, here and there."""

        async def ended() -> bool:
            async with self.house.service.db.connection() as db:
                cursor = await db.execute(b"select from submissions where wake_at is not null")
                return await cursor.fetchall() == [] and self.vendor.still_running() == []

        await eventually(ended, "every order to end")

    async def paid(self, jobs: int) -> None:
        """As many orders as jobs that were charged."""
        assert len(self.vendor.taken()) == jobs
        assert await self.caller.dust() == (100 - 10 * jobs, 0, 100 - 10 * jobs)


@asynccontextmanager
async def scene(vendor: Vendor, database_url: str, home: Path, **changes: Any) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(vendor.answer))
        settings: dict[str, Any] = {"starting_dust": "100", "settle_seconds": "2"} | vendor.settings(url) | changes
        house = await stack.enter_async_context(house_with(database_url, home, **settings))
        yield Scene(await stack.enter_async_context(house.user(mode=Mode.LIVE)), vendor, house)


@pytest.fixture(params=[Fal, OpenAICompatible])
async def live(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(request.param(), database_url, tmp_path) as found:
        yield found


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "REMOTE_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(lookout, "LONGEST_PAUSE_SECONDS", 0.3)
    monkeypatch.setattr(lookout, "LONGEST_CANCEL_PAUSE_SECONDS", 0.3)
    monkeypatch.setattr(lookout, "GONE_AFTER_SECONDS", 0.5)
    monkeypatch.setattr(remote, "FIRST_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(desk, "SHUT_KNOWN_SECONDS", 0.0)


async def test_a_prompt_and_a_picture_become_stored_videos(live: Scene) -> None:
    result = await live.final()
    assert result["success"] and result["generation_info"]["model_used"].startswith(f"{live.vendor.name}/")
    video = await live.house.client().get(result["video"]["url"])
    assert (video.status_code, video.headers["content-type"]) == (200, "video/mp4")
    api = live.caller.api
    address = (await api.post("/uploads", content=jpeg(), headers={"Content-Type": "image/jpeg"})).json()["url"]
    wish = WISH | {"user_id": str(live.caller.id), "image_url": address, "prompt": "It dances"}
    animated = await api.post("/videos/animate", json=wish)
    assert animated.status_code == 202, animated.text
    assert (await live.caller.until_final(animated.json()["job_id"]))["success"]
    assert live.vendor.taken() == ["A lighthouse", "It dances"]
    assert await live.caller.dust() == (82, 0, 82)


@pytest.mark.parametrize("dialect", [Dialect.SGLANG, Dialect.FASTVIDEO])
async def test_servers_of_other_dialects_make_videos_and_are_told_of_a_cancel(database_url: str, tmp_path: Path, dialect: Dialect) -> None:
    async with scene(OpenAICompatible(dialect), database_url, tmp_path) as live:
        assert (await live.final())["success"]
        assert not (await live.final("It fails"))["success"]
        live.vendor.fake.render_seconds = 2.0  # such a server can't stop what it has begun
        job = await live.caller.generate("A lighthouse", **WISH)
        await live.caller.until(job, "starting", "processing")
        assert (await live.caller.api.delete(f"/videos/jobs/{job}")).status_code == 200
        await live.settled()
        assert await live.caller.dust() == (90, 0, 90)


async def test_what_a_model_refuses_is_told_and_given_back(live: Scene) -> None:
    result = await live.final("It is moderated")
    assert result["error"].startswith("Video generation failed: Model refused the prompt: ")
    await live.settled()
    assert await live.caller.dust() == (100, 0, 100)


async def test_a_cancel_reaches_the_vendor(live: Scene) -> None:
    live.vendor.fake.render_seconds = 60.0
    job = await live.caller.generate("A lighthouse", **WISH)
    await live.caller.until(job, "processing")
    assert (await live.caller.api.delete(f"/videos/jobs/{job}")).status_code == 200
    await live.settled()
    assert await live.caller.dust() == (100, 0, 100)


async def test_an_order_whose_answer_was_lost_is_never_sent_again(live: Scene) -> None:
    live.vendor.fake.fail_next(live.vendor.kinds["create"], Fault(cut=True, done_first=True))
    result = await live.final()
    lists = isinstance(live.vendor, OpenAICompatible)
    assert result["success"] is lists, "it is found where the vendor's list tells what was asked"
    assert len(live.vendor.taken()) == 1
    assert await live.caller.dust() == ((90, 0, 90) if lists else (100, 0, 100))


async def test_a_vendor_that_throttles_is_asked_again(live: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """More often than a job may stumble; where it says no time it is waited for a while all the same."""
    monkeypatch.setattr(vendor, "THROTTLED_SECONDS", 0.1)
    monkeypatch.setattr(vendor, "RETRY_AFTER_AT_MOST", 0.2)
    throttled = [Fault(status=429)] * (pipeline.STUMBLES_AT_MOST + 1)
    live.vendor.fake.fail_next(live.vendor.kinds["create"], *throttled)
    assert (await live.final())["success"]
    await live.paid(1)


async def test_looks_and_downloads_that_break_are_made_again(live: Scene) -> None:
    live.vendor.fake.fail_next(live.vendor.kinds["look"], Fault(status=500), Fault(cut=True), Fault(garbage=True))
    live.vendor.fake.fail_next(live.vendor.kinds["output"], Fault(half=True))
    assert (await live.final())["success"]
    await live.paid(1)


async def test_a_video_that_is_gone_ends_in_a_refund(live: Scene) -> None:
    live.vendor.fake.outputs_gone = True
    assert not (await live.final())["success"]
    assert await live.caller.dust() == (100, 0, 100)


async def test_a_state_that_nobody_knows_keeps_the_job_waiting(live: Scene) -> None:
    live.vendor.fake.state_shown, live.vendor.fake.render_seconds = "PONDERING", 1.0
    assert (await live.final())["success"]
    await live.paid(1)


@asynccontextmanager
async def listening(house: House, port: int = 0) -> AsyncIterator[str]:
    """The API at an address that a vendor reaches."""
    server = uvicorn.Server(uvicorn.Config(build_app(house.service), port=port, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await eventually(started, "the API to listen")
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@pytest.fixture
def _only_webhooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "FIRST_LOOK_SECONDS", 3_600.0)
    monkeypatch.setattr(lookout, "_pause", lambda *_: 3_600.0)


@pytest.fixture
def _no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the next tick were far away."""

    async def nothing(*_: object, **__: object) -> None:
        pass

    monkeypatch.setattr(lookout.Lookout, "_claim", nothing)


@pytest.mark.usefixtures("_only_webhooks")
async def test_fals_webhook_brings_the_look_forward_and_coming_twice_changes_nothing(database_url: str, tmp_path: Path) -> None:
    vendor = Fal()
    async with scene(vendor, database_url, tmp_path, public_url="https://dustreel.test") as live, listening(live.house) as address:
        vendor.fake.webhook_base, vendor.fake.webhook_copies = address, 2
        assert (await live.final())["success"]
        assert vendor.fake.count("status") <= 3
        await live.paid(1)


@pytest.mark.usefixtures("_only_webhooks", "_no_clock")
async def test_a_webhook_and_a_cancel_wake_whoever_looks(database_url: str, tmp_path: Path) -> None:
    vendor = Fal()
    async with scene(vendor, database_url, tmp_path, public_url="https://dustreel.test") as live, listening(live.house) as address:
        vendor.fake.webhook_base = address
        assert (await live.final())["success"]
        vendor.fake.requests.clear()
        vendor.fake.render_seconds = 600.0
        job = await live.caller.generate("A lighthouse", **WISH)

        async def taken() -> bool:
            async with live.house.service.db.connection() as db:
                cursor = await db.execute(b"select from submissions where state = 'accepted'")
                return await cursor.fetchall() != []

        await eventually(taken, "the order to be taken")
        assert (await live.caller.api.delete(f"/videos/jobs/{job}")).status_code == 200
        await live.settled()


async def test_a_webhook_that_is_not_fals_is_refused(database_url: str, tmp_path: Path) -> None:
    vendor = Fal()
    async with scene(vendor, database_url, tmp_path, public_url="https://dustreel.test") as live, listening(live.house) as address:
        vendor.fake.render_seconds = 60.0
        job = await live.caller.generate("A lighthouse", **WISH)
        await live.caller.until(job, "processing")
        (made,) = vendor.fake.requests.values()
        assert made.webhook is not None
        path = httpx.URL(made.webhook).path
        async with httpx.AsyncClient(base_url=address) as anybody:
            forged = {"x-fal-webhook-request-id": made.id, "x-fal-webhook-user-id": fal.USER, "x-fal-webhook-timestamp": "1"}
            assert (await anybody.post(path, content=b"{}", headers=forged)).status_code == 403
            assert (await anybody.post(path, content=b"{}")).status_code == 403


@pytest.mark.usefixtures("_only_webhooks")
async def test_the_whole_flow_through_the_real_cog(database_url: str, tmp_path: Path) -> None:
    """One container, one order at a time, and nothing but its webhooks to know anything by."""
    receiver, port = Receiver(), free_port()
    settings: dict[str, Any] = {"providers": "cog", "starting_dust": "100", "cog_callback_url": f"http://127.0.0.1:{port}"}
    cog_home = tmp_path / "cog"
    cog_home.mkdir()
    async with cog_at(free_port(), cog_home, receiver) as cog:
        await cog.until("READY")
        async with (
            house_with(database_url, tmp_path, **settings, cog_url=cog.url) as house,
            listening(house, port),
            house.user(mode=Mode.LIVE) as caller,
        ):
            first, second, third = [await caller.generate(prompt, **WISH) for prompt in ("One", "Two", "It fails")]
            assert (await caller.until_final(first))["generation_info"]["model_used"] == "cog/predictor"
            assert (await caller.until_final(second))["success"]
            assert (await caller.until_final(third))["error"] == "Video generation failed: It failed, as it was told"
            slow = await caller.generate("A lighthouse, slowly", **WISH)
            await caller.until(slow, "processing")

            async def progressed() -> bool:
                return float((await caller.status(slow)).get("progress") or 0) > 0

            await eventually(progressed, "progress by the bars that it draws")
            assert (await caller.api.delete(f"/videos/jobs/{slow}")).status_code == 200
            await cog.until("READY")
            assert await caller.dust() == (80, 0, 80)
            forged = f"http://127.0.0.1:{port}/hooks/cog/{slow}?token=forged"
            async with httpx.AsyncClient() as anybody:
                assert (await anybody.post(forged, content=b"x" * (2 << 20))).status_code == 403, "before its body is read"
            assert [cog.runs(prompt) for prompt in ("One", "Two", "It fails")] == [1, 1, 1]
            async with house.service.db.connection() as db:
                rows = await (await db.execute(_LARGE)).fetchall()
            assert rows == [], "no video lies in a row"
