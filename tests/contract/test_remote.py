"""A provider on the other side of a network, as callers notice it: what they pay, what they get, and what the provider is asked."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from PIL import Image

from dustreel.base.vocabulary import Mode
from dustreel.http import build_app
from dustreel.jobs import desk
from dustreel.worker import lookout, pipeline, remote
from tests.conftest import House, User, eventually, fresh_database, house_with
from tests.fakes.films import film
from tests.fakes.replicate import TOKEN, FakeReplicate
from tests.fakes.scripted import Fault

WISH = {"duration": "short", "resolution": "hd_720p", "aspect_ratio": "16:9"}


@dataclass
class Scene:
    """A caller with a live key, the service, and Replicate behind it."""

    caller: User
    upstream: FakeReplicate
    house: House

    async def generate(self, prompt: str = "A lighthouse", **changes: Any) -> str:
        return await self.caller.generate(prompt, **(WISH | changes))

    async def final(self, prompt: str = "A lighthouse", **changes: Any) -> dict[str, Any]:
        return await self.caller.until_final(await self.generate(prompt, **changes))

    async def metadata(self, video_id: str) -> dict[str, Any]:
        ((found,),) = await self.rows("select metadata from videos where id = %s", video_id)
        return dict(found)

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        async with self.house.service.db.connection() as db:
            return list(await (await db.execute(statement.encode(), values)).fetchall())

    async def states(self, job_id: str) -> list[str]:
        return [state for (state,) in await self.rows("select state from submissions where job_id = %s order by created_at", job_id)]

    async def until_states(self, job_id: str, *wanted: str) -> None:
        async def reached() -> bool:
            return await self.states(job_id) == list(wanted)

        await eventually(reached, f"the submissions of {job_id} to be {wanted}")

    async def until_shown(self, job_id: str, status: str) -> None:
        await self.caller.until(job_id, status)


@asynccontextmanager
async def scene(database_url: str, home: Path, **settings: Any) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(FakeReplicate(film(854, 480, 5)).running())
        chosen: dict[str, Any] = {
            "providers": "replicate",
            "model_text": "replicate/minimax/video-01",
            "model_image": "replicate/minimax-video-01",
            "replicate_api_token": TOKEN,
            "replicate_base_url": upstream.base_url,
            "starting_dust": "100",
            "settle_seconds": "3",
        }
        house = await stack.enter_async_context(house_with(database_url, home, **(chosen | settings)))
        caller = await stack.enter_async_context(house.user(mode=Mode.LIVE))
        yield Scene(caller, upstream, house)


@pytest.fixture(scope="module")
async def shared(template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with fresh_database(template) as database_url, scene(database_url, tmp_path_factory.mktemp("remote")) as found:
        yield found


@pytest.fixture
async def live(shared: Scene) -> AsyncIterator[Scene]:
    """A user of the test's own; Replicate as if nobody had been there."""
    shared.upstream.reset(film(854, 480, 5))
    await shared.rows("delete from provider_circuits returning 1")  # what failed for another test
    await shared.rows("delete from provider_rests returning 1")
    async with shared.house.user(mode=Mode.LIVE) as caller:
        found = Scene(caller, shared.upstream, shared.house)
        yield found
    shared.upstream.reset(b"")  # what is still open is forgotten by the provider, and ends

    async def settled() -> bool:
        return await found.rows("select from submissions where wake_at is not null") == []

    await eventually(settled, "every submission to end")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that people wouldn't mind and tests would."""
    monkeypatch.setattr(pipeline, "REMOTE_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(lookout, "LONGEST_PAUSE_SECONDS", 0.3)
    monkeypatch.setattr(lookout, "LONGEST_CANCEL_PAUSE_SECONDS", 0.3)
    monkeypatch.setattr(lookout, "GONE_AFTER_SECONDS", 2.5)
    monkeypatch.setattr(remote, "FIRST_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(desk, "SHUT_KNOWN_SECONDS", 0.0)


async def test_a_native_six_seconds_become_the_five_that_were_asked_for(live: Scene) -> None:
    live.upstream.video = film(1280, 720, 6)
    result = await live.final(resolution="hd_1080p")
    video = result["video"]
    assert result["generation_info"]["model_used"] == "replicate/minimax-video-01"
    assert (video["duration_seconds"], video["resolution"], video["aspect_ratio"]) == (5, "hd_1080p", "16:9")
    metadata = await live.metadata(video["id"])
    assert (metadata["width"], metadata["height"]) == (1920, 1080)
    assert metadata["adapted"] == {"trimmed_from": 6.0, "scaled_from": "1280x720"}
    assert await live.caller.dust() == (90, 0, 90)
    (asked,) = [asked for kind, asked in live.upstream.asked if kind == "create"]
    assert asked.json() == {"input": {"prompt": "A lighthouse"}}


async def test_what_fits_already_is_kept_byte_for_byte(live: Scene) -> None:
    metadata = await live.metadata((await live.final(resolution="sd_480p"))["video"]["id"])
    assert "adapted" not in metadata
    assert metadata["bytes"] == len(live.upstream.video)


async def test_progress_comes_from_the_providers_log(live: Scene) -> None:
    live.upstream.render_seconds = 2.0
    job = await live.generate(resolution="sd_480p")
    body = await live.caller.until(job, "processing")
    assert body["generation_info"]["current_step"] == "Generating frames"
    seen = [body.get("progress")]
    while body["status"] == "processing":
        body = await live.caller.status(job)
        seen.append(body.get("progress"))
        await asyncio.sleep(0.05)
    shares = [share for share in seen if share is not None]
    assert shares == sorted(shares)
    assert any(0.0 < share < 0.98 for share in shares)


async def test_a_picture_reaches_the_provider_in_the_videos_shape(live: Scene) -> None:
    out = io.BytesIO()
    Image.new("RGB", (400, 400), (200, 80, 20)).save(out, "JPEG")
    uploaded = await live.caller.api.post("/uploads", content=out.getvalue(), headers={"Content-Type": "image/jpeg"})
    wish = {"image_url": uploaded.json()["url"], "prompt": "Dance", "duration": "short", "resolution": "sd_480p", "aspect_ratio": "16:9"}
    job = (await live.caller.api.post("/videos/animate", json=wish)).json()["job_id"]
    assert (await live.caller.until_final(job))["success"]
    (made,) = live.upstream.of_prompt("Dance")
    kind, _, data = made.input["first_frame_image"].partition(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert picture.size == (400, 225)
    assert await live.caller.dust() == (92, 0, 92)


async def test_a_large_picture_is_uploaded_to_the_provider(live: Scene) -> None:
    out = io.BytesIO()
    Image.effect_noise((1600, 900), 80).convert("RGB").save(out, "JPEG")
    uploaded = await live.caller.api.post("/uploads", content=out.getvalue(), headers={"Content-Type": "image/jpeg"})
    wish = {"image_url": uploaded.json()["url"], "prompt": "Dance", "duration": "short", "resolution": "sd_480p"}
    job = (await live.caller.api.post("/videos/animate", json=wish)).json()["job_id"]
    assert (await live.caller.until_final(job))["success"]
    assert live.upstream.of_prompt("Dance")[0].input["first_frame_image"].startswith(f"{live.upstream.base_url}/files/")


@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        ("It fails", "Video generation failed: CUDA out of memory"),
        ("It is moderated", "Video generation failed: Model refused the prompt: The input was flagged as sensitive. (E005)"),
        ("An invalid input", "Video generation failed: - input.prompt: is not to our liking"),
    ],
)
async def test_what_the_provider_fails_is_told_and_given_back(live: Scene, prompt: str, error: str) -> None:
    result = await live.final(prompt)
    assert (result["status"], result["error"]) == ("failed", error)
    assert await live.caller.dust() == (100, 0, 100)
    assert len(live.upstream.of_prompt(prompt)) <= 1


async def test_an_order_whose_answer_was_lost_is_found_in_the_list(live: Scene) -> None:
    live.upstream.fail_next("create", Fault(cut=True, done_first=True))
    assert (await live.final(resolution="sd_480p"))["success"]
    assert live.upstream.count("create") == 1, "never sent again on hope"
    assert len(live.upstream.predictions) == 1


async def test_two_lost_orders_with_one_prompt_are_two(live: Scene) -> None:
    live.upstream.fail_next("create", Fault(cut=True, done_first=True), Fault(half=True))
    first, second = await live.generate(resolution="sd_480p"), await live.generate(resolution="sd_480p")
    for job in (first, second):
        assert (await live.caller.until_final(job))["success"]
    named = await live.rows("select count(distinct upstream_id) from submissions where job_id in (%s, %s)", first, second)
    assert named == [(2,)] and len(live.upstream.predictions) == 2


async def test_a_list_of_several_pages_is_searched_with_our_token_kept_at_home(live: Scene) -> None:
    live.upstream.render_seconds = 30.0
    for number in range(205):
        live.upstream._create("minimax/video-01", {"input": {"prompt": f"Somebody else's {number}"}})
    live.upstream.fail_next("create", Fault(cut=True, done_first=True))
    job = await live.generate(resolution="sd_480p")
    for _ in range(3):  # what came later stands before it
        live.upstream._create("minimax/video-01", {"input": {"prompt": "Later"}})
    await live.until_states(job, "accepted")


@pytest.mark.parametrize("fault", [Fault(cut=True), Fault(status=502), Fault(garbage=True)])
async def test_what_stays_unknown_fails_at_its_deadline_and_is_given_back(live: Scene, fault: Fault) -> None:
    live.upstream.fail_next("create", fault)
    result = await live.final()
    assert result["error"] == "Video generation failed: It could not be learned whether the provider took it"
    assert await live.caller.dust() == (100, 0, 100)
    assert live.upstream.count("create") == 1
    assert live.upstream.count("list") >= 2


async def test_a_provider_that_provably_did_not_take_it_is_asked_again(live: Scene) -> None:
    live.upstream.fail_next("create", Fault(status=429), Fault(status=402))
    job = await live.generate(resolution="sd_480p")
    assert (await live.caller.until_final(job))["success"]
    assert await live.states(job) == ["refused", "refused", "succeeded"]
    assert await live.caller.dust() == (90, 0, 90)


async def test_a_provider_that_never_takes_it_ends_in_a_refund(live: Scene) -> None:
    live.upstream.fail_next("create", *[Fault(status=401)] * 3)
    result = await live.final()
    assert result["error"] == "Video generation failed: No provider could take it"
    assert await live.caller.dust() == (100, 0, 100)


async def test_a_cancelled_job_is_cancelled_upstream_until_it_holds(live: Scene) -> None:
    live.upstream.render_seconds, live.upstream.cancels_ignored = 60.0, 2
    job = await live.generate()
    await live.until_shown(job, "processing")
    assert (await live.caller.api.delete(f"/videos/jobs/{job}")).status_code == 200
    await live.until_states(job, "cancelled")
    (made,) = live.upstream.predictions.values()
    assert made.cancelled and live.upstream.count("cancel") == 3
    assert await live.caller.dust() == (100, 0, 100)


async def test_a_video_that_comes_after_the_cancel_is_dropped(live: Scene) -> None:
    live.upstream.render_seconds, live.upstream.cancels_ignored = 1.5, 1_000
    job = await live.generate()
    await live.until_shown(job, "processing")
    await live.caller.api.delete(f"/videos/jobs/{job}")
    await live.until_states(job, "succeeded")
    assert (await live.caller.result(job))["status"] == "cancelled"
    assert (await live.caller.api.get("/videos")).json()["videos"] == []
    assert await live.caller.dust() == (100, 0, 100)


async def test_a_job_cancelled_while_its_order_is_on_the_way_is_cancelled_upstream(live: Scene) -> None:
    live.upstream.render_seconds = 60.0
    live.upstream.fail_next("create", Fault(seconds=1.0, done_first=True))
    job = await live.generate()
    await live.until_shown(job, "starting")
    await live.until_states(job, "intent")
    await live.caller.api.delete(f"/videos/jobs/{job}")
    await live.until_states(job, "cancelled")
    assert all(made.cancelled for made in live.upstream.predictions.values())


async def test_waiting_takes_no_place_in_the_queue(database_url: str, tmp_path: Path) -> None:
    async with scene(database_url, tmp_path, light_jobs="1", render_processes="1") as live:
        live.upstream.render_seconds = 60.0
        jobs = [await live.generate() for _ in range(4)]
        for job in jobs:
            await live.until_states(job, "accepted")


async def test_a_state_that_nobody_knows_keeps_the_job_waiting(live: Scene) -> None:
    live.upstream.state_shown, live.upstream.render_seconds = "dreaming", 1.5
    job = await live.generate(resolution="sd_480p")
    await live.until_states(job, "accepted")
    assert (await live.caller.status(job))["status"] == "starting"
    assert (await live.caller.until_final(job))["success"]


async def test_looks_that_fail_are_made_again(live: Scene) -> None:
    live.upstream.fail_next("look", Fault(status=404), Fault(cut=True), Fault(status=500), Fault(garbage=True), Fault(half=True))
    result = await live.final(resolution="sd_480p")
    assert result["success"], result


async def test_a_prediction_that_the_provider_forgot_ends_in_a_refund(live: Scene) -> None:
    live.upstream.render_seconds = 60.0
    job = await live.generate()
    await live.until_states(job, "accepted")
    live.upstream.predictions.clear()
    assert (await live.caller.until_final(job))["error"] == "Video generation failed: The provider no longer knows of it"
    assert await live.caller.dust() == (100, 0, 100)


async def test_a_video_that_is_gone_when_it_is_fetched_ends_in_a_refund(live: Scene) -> None:
    live.upstream.outputs_gone = True
    assert (await live.final())["error"] == "Video generation failed: The provider no longer has the video"
    assert await live.caller.dust() == (100, 0, 100)


async def test_a_download_that_breaks_is_made_again(live: Scene) -> None:
    live.upstream.fail_next("output", Fault(half=True), Fault(status=503))
    assert (await live.final(resolution="sd_480p"))["success"]
    assert live.upstream.count("output") == 3 and live.upstream.count("create") == 1


@pytest.mark.parametrize(
    ("native", "error"),
    [
        (film(1280, 720, 3), "The provider's video is 3.00 s long, not 5"),
        (film(640, 640, 5), "The provider's video is 640×640, which is of another shape than 1280×720"),
        (film(640, 360, 5), "The provider's video is 640×360, too small for 1280×720"),
        (b"<html>Not here</html>", "The provider's video can't be decoded"),
    ],
    ids=["short", "square", "small", "html"],
)
async def test_a_video_that_can_not_be_made_to_fit_ends_in_a_refund(live: Scene, native: bytes, error: str) -> None:
    live.upstream.video = native
    assert (await live.final())["error"] == f"Video generation failed: {error}"
    assert await live.caller.dust() == (100, 0, 100)


async def test_test_keys_never_reach_the_provider(live: Scene) -> None:
    async with live.house.user() as tester:
        result = await tester.until_final(await tester.generate())
    assert result["generation_info"]["model_used"] == "sandbox/animatic-1"
    assert live.upstream.asked == []


@asynccontextmanager
async def hooked(database_url: str, home: Path) -> AsyncIterator[Scene]:
    """With an address that the provider can reach: it tells by webhook, and polls are far apart."""
    async with scene(database_url, home, public_url="https://dustreel.test") as live:
        server = uvicorn.Server(uvicorn.Config(build_app(live.house.service), port=0, log_config=None, lifespan="off"))
        task = asyncio.create_task(server.serve())

        async def started() -> bool:
            return server.started

        await eventually(started, "the API to listen")
        port = server.servers[0].sockets[0].getsockname()[1]
        live.upstream.webhook_base = f"http://127.0.0.1:{port}"
        yield live
        server.should_exit = True
        await task


async def test_a_webhook_brings_the_look_forward_and_coming_twice_changes_nothing(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "FIRST_LOOK_SECONDS", 3_600.0)
    monkeypatch.setattr(lookout, "LONGEST_PAUSE_SECONDS", 3_600.0)
    monkeypatch.setattr(lookout, "_pause", lambda *_: 3_600.0)
    async with hooked(database_url, tmp_path) as live:
        live.upstream.webhook_copies = 2
        assert (await live.final(resolution="sd_480p"))["success"]
        assert live.upstream.count("look") <= 3
        assert await live.caller.dust() == (90, 0, 90)


async def test_a_webhook_names_an_order_that_nobody_could_find(database_url: str, tmp_path: Path) -> None:
    async with hooked(database_url, tmp_path) as live:
        live.upstream.fail_next("create", Fault(cut=True, done_first=True))
        live.upstream.fail_next("list", *[Fault(status=500)] * 1_000)
        assert (await live.final(resolution="sd_480p"))["success"]
        assert live.upstream.count("create") == 1


async def test_an_order_that_was_given_up_is_cancelled_when_a_webhook_tells_of_it(database_url: str, tmp_path: Path) -> None:
    async with hooked(database_url, tmp_path) as live:
        live.upstream.boot_seconds, live.upstream.render_seconds = 6.0, 60.0
        live.upstream.fail_next("create", Fault(cut=True, done_first=True))
        live.upstream.fail_next("list", *[Fault(status=500)] * 1_000)
        job = await live.generate()
        assert (await live.caller.until_final(job))["status"] == "failed"
        await live.until_states(job, "lost")
        await live.until_states(job, "cancelled")
        assert await live.caller.dust() == (100, 0, 100)


async def test_a_webhook_that_is_not_the_providers_is_refused(database_url: str, tmp_path: Path) -> None:
    async with hooked(database_url, tmp_path) as live:
        live.upstream.render_seconds = 60.0
        job = await live.generate()
        await live.until_states(job, "accepted")
        (made,) = live.upstream.predictions.values()
        assert await live.upstream.tell(made, secret=b"somebody else's") == [403]
        assert await live.upstream.tell(made, age=400) == [403]
        assert await live.upstream.tell(made, age=-400) == [403]
        assert await live.upstream.tell(made) == [204]
        api = live.caller.api
        for path, body in [("/hooks/sandbox/x", b"{}"), ("/hooks/replicate/x", b"{}"), (f"/hooks/nobody/{job}", b"{}")]:
            assert (await api.post(path, content=body)).status_code == 404
        assert (await api.post(f"/hooks/replicate/{job}", content=b"{}")).status_code == 403
        assert (await api.post(f"/hooks/replicate/{job}", content=b"x" * (2 << 20))).status_code == 413
