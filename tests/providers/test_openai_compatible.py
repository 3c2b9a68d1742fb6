"""Servers of `/v1/videos`, in each dialect: what they are asked for, how an order stands with them, and what becomes of every fault."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import openai
import pytest
from structlog.testing import capture_logs

from dustreel.base.vocabulary import AspectRatio, GenerationType, Resolution, Seconds
from dustreel.providers import NotAccepted, Phase, Refused, RemoteProvider, Stumbled, Ticket, Unclear
from dustreel.providers import openai_compatible as adapter
from dustreel.providers.catalogue import Catalogue, Recipe, read_catalogue
from dustreel.providers.openai_compatible import OpenAICompatibleProvider
from dustreel.providers.port import Order, Sighting, Want
from tests.fakes.openai_videos import KEY, Dialect, FakeVideos
from tests.fakes.scripted import Fault
from tests.fakes.wire import Asked, Told, serving

FILM = bytes(range(256)) * 5_000
# Not one: with a line end at either side and dashes in it, a multipart parser has something to get wrong.
PICTURE = b"\r\n\xff\xd8 a picture --\r\n--\xff\xd9\r\n"
WAN = "Wan-AI/Wan2.2-TI2V-5B-Diffusers"
SORA = Recipe.model_validate(
    {
        "model": "sora-2",
        "types": ["text_to_video", "image_to_video"],
        "aspect_ratios": ["16:9", "9:16"],
        "inputs": {"picture": "input_reference", "seconds": "seconds", "frame": "size"},
        "shots": [{"seconds": [4, 8, 12], "short_side": 720, "usd_per_second": "0.1"}],
    }
)
SELF_HOSTED = (Dialect.VLLM, Dialect.SGLANG, Dialect.FASTVIDEO)
LISTING = (Dialect.OPENAI, Dialect.VLLM)

every_dialect = pytest.mark.parametrize("dialect", list(Dialect))
each = pytest.mark.parametrize


@dataclass
class Scene:
    """A server with a clock that only the test moves, and our adapter in front of it."""

    server: FakeVideos
    provider: OpenAICompatibleProvider
    model: str
    hands: list[float]

    def pass_(self, seconds: float) -> None:
        self.hands[0] += seconds

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.hands[0], UTC)

    async def sent(self, prompt: str = "A lighthouse", picture: Path | None = None) -> dict[str, Any]:
        """As it comes out of the database."""
        kind = GenerationType.TEXT_TO_VIDEO if picture is None else GenerationType.IMAGE_TO_VIDEO
        want = Want(kind, Seconds(5), Resolution.HD_720P, AspectRatio.WIDE, camera_fixed=False, reference_person=False)
        plan = next(model for model in self.provider.models if model.model == self.model).plan(want, max_upscale=1.5)
        assert plan is not None
        order = Order(
            job_id=uuid4(),
            attempt=1,
            generation_type=kind,
            prompt=prompt,
            seconds=want.seconds,
            resolution=want.resolution,
            aspect_ratio=want.aspect_ratio,
            camera_fixed=False,
            picture=picture,
            reference_person=False,
            directives=False,
            shot=plan.shot,
        )
        stored: dict[str, Any] = json.loads(json.dumps(dict(await self.provider.prepare(order, self.model))))
        return stored

    async def submit(self, prompt: str = "A lighthouse", picture: Path | None = None) -> Ticket:
        return await self.provider.submit(self.model, await self.sent(prompt, picture), uuid4(), None)

    async def done(self, prompt: str = "A lighthouse") -> tuple[Ticket, Sighting]:
        """An order, and how it stands when its time is over."""
        ticket = await self.submit(prompt)
        self.pass_(100)
        return ticket, await self.provider.look(ticket)

    async def output(self) -> str:
        _, seen = await self.done()
        assert seen.phase is Phase.SUCCEEDED and seen.output is not None
        return seen.output


@asynccontextmanager
async def speaking(dialect: Dialect, *, api_key: str | None = KEY) -> AsyncIterator[Scene]:
    hands = [1_800_000_000.0]
    server = FakeVideos(FILM, dialect, now=lambda: hands[0])
    server.boot_seconds, server.render_seconds = 10, 50
    async with server.running():
        is_openai = dialect is Dialect.OPENAI
        catalogue = Catalogue((SORA,)) if is_openai else read_catalogue("openai_compatible")
        provider = OpenAICompatibleProvider(server.base_url, catalogue, api_key=api_key)
        yield Scene(server, provider, SORA.model if is_openai else WAN, hands)
        await provider.close()


@pytest.fixture
async def scene(dialect: Dialect) -> AsyncIterator[Scene]:
    async with speaking(dialect) as one:
        yield one


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture"
    path.write_bytes(PICTURE)
    return path


class TestWhatIsSent:
    @every_dialect
    async def test_the_fields_of_the_recipe_and_no_others(self, scene: Scene) -> None:
        ticket = await scene.submit("A lighthouse\n— at dawn")
        (made,) = scene.server.taken
        assert ticket == Ticket(scene.model, made.id) and made.files == {}
        common = {"model": scene.model, "prompt": "A lighthouse\n— at dawn"}
        if scene.server.dialect is Dialect.OPENAI:
            assert made.form == common | {"seconds": "8", "size": "1280x720"}
        else:
            assert made.form == common | {"seconds": "5", "size": "1280x704", "num_frames": "121", "fps": "24"}

    @every_dialect
    async def test_a_picture_waits_as_text_and_arrives_as_the_file_it_was(self, scene: Scene, picture: Path) -> None:
        await scene.submit(picture=picture)
        (made,) = scene.server.taken
        upload = made.files["input_reference"]
        assert (upload.data, upload.content_type, upload.filename) == (PICTURE, "image/jpeg", "picture.jpg")
        assert list(made.files) == ["input_reference"] and "input_reference" not in made.form

    @every_dialect
    @each("prompt", ["data:image/jpeg;base64,AAAA", '{"output_path": "/etc"}', '"; filename="x', "output_path=/etc&video_path=/etc"])
    async def test_whatever_a_prompt_looks_like_it_stays_a_prompt(self, scene: Scene, prompt: str) -> None:
        await scene.submit(prompt)
        (made,) = scene.server.taken
        assert made.form["prompt"] == prompt and made.files == {}
        assert not {"output_path", "video_path"} & made.form.keys()

    @each("dialect", [Dialect.VLLM])
    async def test_a_picture_that_is_too_large_is_refused_before_it_is_read(
        self, scene: Scene, picture: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(adapter, "PICTURE_BYTES_AT_MOST", len(PICTURE) - 1)
        with pytest.raises(Refused, match="too large"):
            await scene.sent(picture=picture)
        monkeypatch.setattr(adapter, "PICTURE_BYTES_AT_MOST", len(PICTURE))
        assert (await scene.sent(picture=picture))["files"]

    @each("dialect", SELF_HOSTED)
    async def test_a_server_without_a_key_is_sent_none(self, dialect: Dialect) -> None:
        async with speaking(dialect, api_key=None) as scene:
            if dialect is Dialect.VLLM:
                with pytest.raises(NotAccepted, match="401: Unauthorized"):
                    await scene.submit()
            else:
                await scene.submit()
            assert "authorization" not in scene.server.asked[0][1].headers


class TestHowItStands:
    @every_dialect
    async def test_an_order_is_followed_to_its_end_and_fetched(self, scene: Scene, tmp_path: Path) -> None:
        ticket = await scene.submit()
        assert await scene.provider.look(ticket) == Sighting(Phase.WAITING)
        scene.pass_(10 + 25)
        halfway = {
            Dialect.OPENAI: Sighting(Phase.RENDERING, progress=0.49),
            Dialect.SGLANG: Sighting(Phase.RENDERING, progress=0.49),
            Dialect.VLLM: Sighting(Phase.RENDERING, progress=None),
            Dialect.FASTVIDEO: Sighting(Phase.WAITING),
        }
        assert await scene.provider.look(ticket) == halfway[scene.server.dialect]
        scene.pass_(25)
        seen = await scene.provider.look(ticket)
        assert seen.phase is Phase.SUCCEEDED and seen.output is not None
        await scene.provider.fetch(seen.output, tmp_path / "film.mp4")
        assert (tmp_path / "film.mp4").read_bytes() == FILM

    @every_dialect
    async def test_a_job_that_failed_says_why(self, scene: Scene) -> None:
        _, seen = await scene.done("It fails")
        assert seen == Sighting(Phase.FAILED, error="CUDA out of memory")

    @every_dialect
    async def test_a_moderated_one_does_not_look_like_an_outage(self, scene: Scene) -> None:
        _, seen = await scene.done("To be moderated")
        said = "Model refused the prompt: Your request was blocked by our moderation system."
        assert seen == Sighting(Phase.FAILED, error=said)

    @each("dialect", [Dialect.VLLM])
    @each("code", [400, 404, 422, 500, 503])
    async def test_the_status_that_a_job_failed_with_is_not_the_answers_own(self, scene: Scene, code: int) -> None:
        scene.server.failure_code = code
        _, seen = await scene.done("It fails")
        assert seen == Sighting(Phase.FAILED, error="CUDA out of memory")

    @every_dialect
    async def test_a_server_that_started_anew_knows_of_nothing(self, scene: Scene) -> None:
        ticket = await scene.submit()
        scene.server.restart()
        assert await scene.provider.look(ticket) == Sighting(Phase.GONE)

    @each("dialect", [Dialect.SGLANG])
    @each(
        ("state", "phase"),
        [
            ("processing", Phase.RENDERING),
            ("cancelled", Phase.CANCELLED),
            ("deleted", Phase.CANCELLED),
            ("pondering", Phase.WAITING),
            ("COMPLETED", Phase.WAITING),
        ],
    )
    async def test_a_state_that_nobody_knows_is_waited_for_and_logged(self, scene: Scene, state: str, phase: Phase) -> None:
        ticket = await scene.submit()
        scene.pass_(35)
        scene.server.state_shown = state
        with capture_logs() as lines:
            assert (await scene.provider.look(ticket)).phase is phase
        unknown = [{"status": state, "event": "a video is in a state that we don't know", "log_level": "warning"}]
        assert lines == (unknown if phase is Phase.WAITING else [])

    @every_dialect
    @each("fault", [Fault(status=500), Fault(status=401), Fault(status=429), Fault(cut=True), Fault(garbage=True), Fault(half=True)])
    async def test_a_look_that_went_wrong_says_nothing(self, scene: Scene, fault: Fault) -> None:
        ticket = await scene.submit()
        scene.server.fail_next("look", fault)
        with pytest.raises(Unclear) as unclear:
            await scene.provider.look(ticket)
        assert unclear.value.retry_after == (7.0 if fault.status == 429 else None)
        assert (await scene.provider.look(ticket)).phase is Phase.WAITING


class TestWhatIsKnownAfterAFault:
    @every_dialect
    @each(
        "fault",
        [
            Fault(status=500),
            Fault(status=502, done_first=True),
            Fault(status=408),
            Fault(status=409),
            Fault(cut=True),
            Fault(cut=True, done_first=True),
            Fault(half=True),
            Fault(garbage=True),
        ],
    )
    async def test_an_order_that_may_have_been_taken_is_sent_once_and_unclear(self, scene: Scene, fault: Fault) -> None:
        scene.server.fail_next("create", fault)
        with pytest.raises(Unclear):
            await scene.submit()
        assert scene.server.count("create") == 1
        assert len(scene.server.taken) == (fault.done_first or fault.half)

    @each("dialect", [Dialect.SGLANG])
    async def test_a_server_that_takes_its_time_may_have_taken_the_order(self, dialect: Dialect, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("dustreel.providers.vendor.TIMES", httpx.Timeout(5.0, read=0.05))
        async with speaking(dialect) as scene:
            scene.server.fail_next("create", Fault(seconds=0.3, done_first=True))
            with pytest.raises(Unclear, match="did not answer"):
                await scene.submit()
            async with asyncio.timeout(10):
                while not scene.server.taken:
                    await asyncio.sleep(0.01)
            assert scene.server.count("create") == 1

    @every_dialect
    @each(("status", "after"), [(401, None), (403, None), (404, None), (413, None), (429, 7.0)])
    async def test_an_order_that_was_turned_away_may_go_to_another(self, scene: Scene, status: int, after: float | None) -> None:
        scene.server.fail_next("create", Fault(status=status))
        with pytest.raises(NotAccepted) as no:
            await scene.submit()
        assert (no.value.for_good, no.value.retry_after) == (False, after)
        assert scene.server.count("create") == 1 and not scene.server.taken

    @every_dialect
    async def test_what_it_does_not_like_it_will_not_like_tomorrow(self, scene: Scene) -> None:
        with pytest.raises(NotAccepted, match="not to our liking") as no:
            await scene.submit("This is not to our liking")
        assert no.value.for_good and not scene.server.taken
        with pytest.raises(Refused, match="Model refused the prompt: Your request was blocked"):
            await scene.submit("A forbidden thing")

    @each("dialect", [Dialect.VLLM])
    async def test_a_server_with_another_model_says_so(self, scene: Scene) -> None:
        scene.server.served_model = "Lightricks/LTX-2"
        with pytest.raises(NotAccepted, match=f"Model mismatch: request specifies '{WAN}'") as no:
            await scene.submit()
        assert no.value.for_good

    @each("dialect", [Dialect.SGLANG])
    async def test_a_field_of_the_wrong_kind_is_told_in_the_servers_words(self, scene: Scene) -> None:
        sent = await scene.sent()
        with pytest.raises(NotAccepted, match="Input should be a valid integer") as no:
            await scene.provider.submit(scene.model, sent | {"form": sent["form"] | {"seconds": "five"}}, uuid4(), None)
        assert no.value.for_good

    async def test_a_server_that_is_not_there_took_nothing(self) -> None:
        async with speaking(Dialect.VLLM) as scene:
            sent = await scene.sent()
        async with serving(_nobody) as address:
            pass
        away = OpenAICompatibleProvider(f"{address}/v1", read_catalogue("openai_compatible"))
        with pytest.raises(NotAccepted, match="can't be reached"):
            await away.submit(WAN, sent, uuid4(), None)
        with pytest.raises(Unclear):
            await away.look(Ticket(WAN, "video_1"))
        await away.close()

    @each("dialect", [Dialect.VLLM])
    async def test_an_answer_without_a_name_is_unclear(self, scene: Scene) -> None:
        sent = await scene.sent()

        async def nameless(_: Asked) -> Told:
            return Told.of({"object": "video", "id": None})

        async with serving(nameless) as address:
            provider = OpenAICompatibleProvider(f"{address}/v1", read_catalogue("openai_compatible"))
            with pytest.raises(Unclear, match="without naming it"):
                await provider.submit(WAN, sent, uuid4(), None)
            await provider.close()


class TestCancelling:
    @every_dialect
    async def test_what_a_cancel_comes_to(self, scene: Scene) -> None:
        ticket = await scene.submit()
        await scene.provider.cancel(ticket)
        (made,) = scene.server.taken
        assert made.aborted is (scene.server.dialect is Dialect.VLLM)
        # OpenAI goes on, and the look tells how it ends; the others know it no longer.
        expected = Phase.WAITING if scene.server.dialect is Dialect.OPENAI else Phase.GONE
        assert (await scene.provider.look(ticket)).phase is expected

    @each("dialect", [Dialect.VLLM])
    async def test_a_cancel_that_takes_its_time_is_asked_for_again(self, scene: Scene) -> None:
        ticket = await scene.submit()
        scene.server.cancels_pending = 1
        await scene.provider.cancel(ticket)
        assert (await scene.provider.look(ticket)).phase is Phase.WAITING
        await scene.provider.cancel(ticket)
        assert (await scene.provider.look(ticket)).phase is Phase.GONE

    @every_dialect
    async def test_one_that_is_gone_or_has_no_route_needs_none(self, scene: Scene) -> None:
        await scene.provider.cancel(Ticket(scene.model, "video_unknown"))
        ticket = await scene.submit()
        scene.server.fail_next("cancel", Fault(status=405))
        await scene.provider.cancel(ticket)
        scene.server.fail_next("cancel", Fault(status=500), Fault(status=401))
        for _ in range(2):
            with pytest.raises(Unclear):
                await scene.provider.cancel(ticket)

    @each("dialect", [Dialect.VLLM])
    async def test_a_name_is_one_step_of_a_path_whatever_is_in_it(self, scene: Scene) -> None:
        await scene.provider.cancel(Ticket(scene.model, "../videos/a?b#c"))
        (kind, asked), *_ = scene.server.asked
        assert (kind, asked.path, asked.query) == ("cancel", "/v1/videos/..%2Fvideos%2Fa%3Fb%23c", {})


class TestFindingALostOrder:
    async def lost(self, scene: Scene, sent: dict[str, Any]) -> None:
        scene.server.fail_next("create", Fault(cut=True, done_first=True))
        with pytest.raises(Unclear):
            await scene.provider.submit(scene.model, sent, uuid4(), None)

    @every_dialect
    @each("prompt", ["A lighthouse", "None"])
    async def test_it_is_found_where_the_list_shows_what_was_asked(self, scene: Scene, prompt: str) -> None:
        sent = await scene.sent(prompt)
        await self.lost(scene, sent)
        scene.pass_(1)
        await scene.submit("Another thing")
        found = await scene.provider.find(scene.model, sent, since=scene.now)
        assert found == ([scene.server.taken[0].id] if scene.server.dialect in LISTING else [])

    @every_dialect
    async def test_one_with_a_picture_is_never_taken_for_another(self, scene: Scene, picture: Path) -> None:
        sent = await scene.sent(picture=picture)
        await self.lost(scene, sent)
        assert await scene.provider.find(scene.model, sent, since=scene.now) == []

    @each("dialect", LISTING)
    @each("other", [{"size": "720x1280"}, {"seconds": "12"}, {"prompt": "a lighthouse"}, {"model": "another"}])
    async def test_nothing_but_the_very_same_is_found(self, scene: Scene, other: dict[str, str]) -> None:
        sent = await scene.sent()
        scene.server.take({"model": scene.model} | sent["form"] | other)
        assert await scene.provider.find(scene.model, sent, since=scene.now) == []
        scene.server.take({"model": scene.model} | sent["form"])
        assert await scene.provider.find(scene.model, sent, since=scene.now) == [scene.server.taken[1].id]

    @each("dialect", LISTING)
    async def test_all_that_are_young_enough_are_found_over_many_pages_oldest_first(self, scene: Scene) -> None:
        sent = await scene.sent()
        for _ in range(150):
            scene.server.take({"model": scene.model} | sent["form"])
        scene.pass_(adapter.CLOCKS_APART.total_seconds() + 1)
        since = scene.now
        for number in range(250):
            scene.pass_(1)
            scene.server.take({"model": scene.model} | sent["form"] | ({} if number in (0, 130, 249) else {"prompt": "Another"}))
        found = await scene.provider.find(scene.model, sent, since=since)
        assert found == [scene.server.taken[150 + number].id for number in (0, 130, 249)]
        assert scene.server.count("list") == 3, "the fourth page has only older ones"

    @each("dialect", LISTING)
    async def test_one_that_was_sent_without_a_prompt_by_that_name_is_like_any_other(self, scene: Scene) -> None:
        sent = await scene.sent()
        await scene.submit()
        nameless = {name: value for name, value in sent["form"].items() if name != "prompt"}
        assert await scene.provider.find(scene.model, sent | {"form": nameless}, since=scene.now) == []

    @each("dialect", [Dialect.VLLM])
    async def test_a_list_without_an_end_is_given_up(self, scene: Scene) -> None:
        sent = await scene.sent()
        for _ in range(adapter.PAGE * adapter.LIST_PAGES_AT_MOST + 1):
            scene.server.take({"model": scene.model, "prompt": "Another"})
        with pytest.raises(Unclear, match="longer"):
            await scene.provider.find(scene.model, sent, since=scene.now - timedelta(days=1))

    @each("dialect", [Dialect.VLLM])
    @each(
        ("fault", "is_unclear"),
        [(Fault(status=404), False), (Fault(status=405), False), (Fault(status=500), True), (Fault(cut=True), True)],
    )
    async def test_a_gateway_without_a_list_knows_nothing_and_one_that_fails_may(
        self, scene: Scene, fault: Fault, is_unclear: bool
    ) -> None:
        sent = await scene.sent()
        await self.lost(scene, sent)
        scene.server.fail_next("list", fault)
        if is_unclear:
            with pytest.raises(Unclear):
                await scene.provider.find(scene.model, sent, since=scene.now)
        else:
            assert await scene.provider.find(scene.model, sent, since=scene.now) == []
        assert len(await scene.provider.find(scene.model, sent, since=scene.now)) == 1


class TestFetching:
    @every_dialect
    @each("fault", [Fault(status=500), Fault(cut=True), Fault(half=True)])
    async def test_what_broke_may_be_fetched_again(self, scene: Scene, fault: Fault, tmp_path: Path) -> None:
        output = await scene.output()
        scene.server.fail_next("content", fault)
        with pytest.raises(Stumbled):
            await scene.provider.fetch(output, tmp_path / "film.mp4")
        await scene.provider.fetch(output, tmp_path / "film.mp4")
        assert (tmp_path / "film.mp4").read_bytes() == FILM

    @every_dialect
    async def test_what_is_gone_is_gone(self, scene: Scene, tmp_path: Path) -> None:
        output = await scene.output()
        scene.server.outputs_gone = True
        with pytest.raises(Refused, match="no longer has"):
            await scene.provider.fetch(output, tmp_path / "film.mp4")

    @every_dialect
    async def test_the_key_goes_to_no_other_host(self, scene: Scene, tmp_path: Path) -> None:
        asked: list[Asked] = []

        async def listen(one: Asked) -> Told:
            asked.append(one)
            return Told(200, FILM)

        output = await scene.output()
        async with serving(listen) as elsewhere:
            scene.server.content_moved_to = f"{elsewhere}/film.mp4"
            with pytest.raises(Refused, match="no business to be"):
                await scene.provider.fetch(output, tmp_path / "film.mp4")
        assert asked == []

    @each("dialect", [Dialect.SGLANG])
    async def test_a_video_that_sglang_keeps_elsewhere_is_not_ours_to_fetch(self, scene: Scene, tmp_path: Path) -> None:
        scene.server.cloud = "https://bucket.s3.example/film.mp4"
        output = await scene.output()
        with pytest.raises(Refused, match="no business to be"):
            await scene.provider.fetch(output, tmp_path / "film.mp4")


@pytest.mark.filterwarnings("ignore:The Sora API is scheduled")
class TestThatTheFakeIsFaithful:
    """OpenAI's own client meets the same answers as we do."""

    @asynccontextmanager
    async def client(self, scene: Scene) -> AsyncIterator[openai.AsyncOpenAI]:
        async with openai.AsyncOpenAI(base_url=scene.server.base_url, api_key=KEY, max_retries=0) as client:
            yield client

    async def create(self, client: openai.AsyncOpenAI, scene: Scene, prompt: str = "A lighthouse", **more: Any) -> Any:
        return await client.videos.create(model=scene.model, prompt=prompt, seconds="4", size="1280x720", **more)

    @every_dialect
    async def test_openais_client_makes_a_video(self, scene: Scene) -> None:
        async with self.client(scene) as client:
            made = await self.create(client, scene)
            assert (made.object, made.status, made.progress) == ("video", "queued", 0)
            (taken,) = scene.server.taken
            assert taken.form == {"model": scene.model, "prompt": "A lighthouse", "seconds": "4", "size": "1280x720"}
            assert (made.id, made.model, made.seconds, made.size) == (taken.id, scene.model, "4", "1280x720")
            assert made.created_at == int(scene.hands[0]) and made.completed_at is None and made.error is None
            scene.pass_(35)
            halfway = "queued" if scene.server.dialect is Dialect.FASTVIDEO else "in_progress"
            assert (await client.videos.retrieve(made.id)).status == halfway
            scene.pass_(100)
            done = await client.videos.retrieve(made.id)
            assert (done.status, done.progress) == ("completed", 100) and done.completed_at is not None
            assert (await client.videos.download_content(made.id)).content == FILM

    @every_dialect
    async def test_openais_client_sends_a_picture(self, scene: Scene) -> None:
        async with self.client(scene) as client:
            await self.create(client, scene, input_reference=("mine.png", PICTURE, "image/png"))
            upload = scene.server.taken[0].files["input_reference"]
            assert (upload.filename, upload.content_type, upload.data) == ("mine.png", "image/png", PICTURE)

    @every_dialect
    async def test_openais_client_pages_through_the_list(self, scene: Scene) -> None:
        async with self.client(scene) as client:
            made = []
            for number in range(5):
                made.append((await self.create(client, scene, f"Lighthouse {number}")).id)
                scene.pass_(1)
            listed = [one async for one in client.videos.list(limit=2)]
            # FastVideo does not say that there is more, and OpenAI's client stops.
            many = 2 if scene.server.dialect is Dialect.FASTVIDEO else 5
            assert [one.id for one in listed] == made[::-1][:many]
            oldest = await client.videos.list(limit=2, order="asc", after=made[1])
            assert [one.id for one in oldest.data] == made[2:4]
            assert all((one.prompt is not None) is (scene.server.dialect in LISTING) for one in listed)

    @every_dialect
    async def test_openais_client_deletes(self, scene: Scene) -> None:
        async with self.client(scene) as client:
            made = await self.create(client, scene)
            scene.pass_(100)
            answered = (await client.videos.delete(made.id)).to_dict()
            if scene.server.dialect in LISTING:
                assert answered == {"id": made.id, "object": "video.deleted", "deleted": True}
            else:
                assert (answered["object"], answered["status"]) == ("video", "deleted")
            with pytest.raises(openai.NotFoundError):
                await client.videos.retrieve(made.id)

    @every_dialect
    async def test_openais_client_hears_of_a_failure(self, scene: Scene) -> None:
        async with self.client(scene) as client:
            made = await self.create(client, scene, "It fails")
            scene.pass_(100)
            if scene.server.dialect is Dialect.VLLM:
                with pytest.raises(openai.InternalServerError) as failed:
                    await client.videos.retrieve(made.id)
                job = failed.value.response.json()
                assert (job["id"], job["status"], job["error"]) == (made.id, "failed", {"code": 500, "message": "CUDA out of memory"})
            else:
                seen = await client.videos.retrieve(made.id)
                assert seen.status == "failed" and seen.error is not None and seen.error.message == "CUDA out of memory"
            with pytest.raises(openai.APIStatusError) as refused:
                await client.videos.download_content(made.id)
            assert refused.value.status_code == {Dialect.VLLM: 422, Dialect.FASTVIDEO: 500}.get(scene.server.dialect, 404)

    @each("dialect", [Dialect.SGLANG])
    async def test_sglang_has_no_variant_by_openais_name(self, scene: Scene) -> None:
        async with self.client(scene) as client:
            made = await self.create(client, scene)
            scene.pass_(100)
            with pytest.raises(openai.NotFoundError):
                await client.videos.download_content(made.id, variant="video")

    @every_dialect
    async def test_openais_client_is_turned_away_as_we_are(self, scene: Scene) -> None:
        async with self.client(scene) as client:
            with pytest.raises(openai.BadRequestError) as refused:
                await self.create(client, scene, "This is not to our liking")
            assert "not to our liking" in refused.value.response.text
            scene.server.fail_next("create", Fault(status=429))
            with pytest.raises(openai.RateLimitError):
                await self.create(client, scene)
        async with openai.AsyncOpenAI(base_url=scene.server.base_url, api_key="wrong", max_retries=0) as stranger:
            if scene.server.dialect in LISTING:
                with pytest.raises(openai.AuthenticationError):
                    await self.create(stranger, scene)
            else:
                await self.create(stranger, scene)


def test_it_is_what_the_worker_asks_for() -> None:
    provider = OpenAICompatibleProvider("http://localhost:8000/v1", read_catalogue("openai_compatible"))
    assert isinstance(provider, RemoteProvider)
    assert provider.models and not provider.asked_twice_is_asked_once


async def _nobody(_: Asked) -> Told:
    raise AssertionError("nobody is to come here")
