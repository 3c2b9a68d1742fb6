"""The fal adapter against fal's wire: what it sends, how it reads every answer and every silence. fal's own client meets the same fake."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import fal_client
import fal_client.client
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from dustreel.base.vocabulary import AspectRatio, GenerationType, Resolution, Seconds
from dustreel.providers import (
    Findable,
    Hooked,
    Knock,
    NotAccepted,
    NotAWebhook,
    Order,
    Phase,
    Refused,
    RemoteProvider,
    Sighting,
    Stumbled,
    Ticket,
    Unclear,
    Want,
    vendor,
)
from dustreel.providers.catalogue import read_catalogue
from dustreel.providers.fal import FalProvider, outcome
from tests.fakes.fal import KEY, FakeFal, Request
from tests.fakes.scripted import Fault
from tests.fakes.wire import Asked, Told, serving

MODEL = "fal-ai/minimax/hailuo-2.3/standard/text-to-video"
PICTURED = "fal-ai/minimax/hailuo-2.3/standard/image-to-video"
HOOK = "https://dustreel.test/hooks/fal/1d0c?token=a-secret&and=more"
SENT = {"prompt": "A lighthouse", "duration": "6"}


@dataclass
class HandClock:
    """Moves only by hand, from now on."""

    moved: timedelta = timedelta()
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        return self.started + self.moved

    def monotonic(self) -> float:
        return 1_000.0 + self.moved.total_seconds()


@pytest.fixture
async def upstream() -> AsyncIterator[FakeFal]:
    async with FakeFal(b"a film").running() as fake:
        yield fake


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@asynccontextmanager
async def provider(address: str, clock: HandClock | None = None) -> AsyncIterator[FalProvider]:
    keys = f"{address}/.well-known/jwks.json"
    made = FalProvider(KEY, read_catalogue("fal"), clock=clock or HandClock(), queue_url=address, rest_url=address, jwks_url=keys)
    yield made
    await made.close()


@pytest.fixture
async def fal(upstream: FakeFal, clock: HandClock) -> AsyncIterator[FalProvider]:
    async with provider(upstream.url, clock) as made:
        yield made


@dataclass
class Elsewhere:
    """Another host, with all that was asked of it."""

    url: str
    asked: list[Asked]


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    asked: list[Asked] = []

    async def answer(one: Asked) -> Told:
        asked.append(one)
        return Told(204)

    async with serving(answer) as url:
        yield Elsewhere(url, asked)


async def submitted(fal: FalProvider, prompt: str = "A lighthouse", webhook_url: str | None = None, model: str = MODEL) -> Ticket:
    return await fal.submit(model, SENT | {"prompt": prompt}, uuid4(), webhook_url)


def order(fal: FalProvider, model: str, picture: Path | None = None, **changes: Any) -> Order:
    """An order for which the model's own best shot is chosen."""
    kind = GenerationType.IMAGE_TO_VIDEO if picture else GenerationType.TEXT_TO_VIDEO
    made = Order(
        job_id=uuid4(),
        attempt=1,
        generation_type=kind,
        prompt="A lighthouse",
        seconds=Seconds(5),
        resolution=Resolution.HD_720P,
        aspect_ratio=AspectRatio.WIDE,
        camera_fixed=False,
        picture=picture,
        reference_person=False,
        directives=False,
    )
    made = replace(made, **changes)
    want = Want(kind, made.seconds, made.resolution, made.aspect_ratio, camera_fixed=False, reference_person=False)
    plan = next(one for one in fal.models if one.model == model).plan(want, max_upscale=1.5)
    assert plan is not None
    return replace(made, shot=plan.shot)


def over(upstream: FakeFal) -> None:
    """Every request is over from now on."""
    upstream.queue_seconds = upstream.render_seconds = 0.0


# What is sent.


async def test_it_is_what_the_worker_asks_for(fal: FalProvider) -> None:
    assert isinstance(fal, RemoteProvider) and isinstance(fal, Hooked)
    assert not isinstance(fal, Findable) and fal.asked_twice_is_asked_once is False


async def test_a_key_is_tried_without_an_order(upstream: FakeFal, fal: FalProvider) -> None:
    assert await fal.check() == "the key is valid"
    upstream.fail_next("token", Fault(status=401))
    with pytest.raises(Unclear, match="fal answered 401"):
        await fal.check()
    assert upstream.paid == 0


async def test_an_order_is_its_models_input_with_a_webhook_and_without_retries_of_theirs(upstream: FakeFal, fal: FalProvider) -> None:
    ticket = await submitted(fal, webhook_url=HOOK)
    (asked,) = upstream.of_kind("submit")
    assert (asked.method, asked.path, asked.query) == ("POST", f"/{MODEL}", {"fal_webhook": HOOK})
    assert asked.json() == SENT
    assert (asked.headers["authorization"], asked.headers["x-fal-no-retry"]) == (f"Key {KEY}", "1")
    assert ticket == Ticket(MODEL, next(iter(upstream.requests)))


async def test_without_a_public_address_no_webhook_is_asked_for(upstream: FakeFal, fal: FalProvider) -> None:
    await submitted(fal)
    assert upstream.of_kind("submit")[0].query == {}


@pytest.mark.parametrize(
    ("model", "changes", "expected"),
    [
        (MODEL, {}, {"prompt": "A lighthouse", "duration": "6"}),
        ("fal-ai/minimax/hailuo-2.3/pro/text-to-video", {}, {"prompt": "A lighthouse"}),
        (
            "fal-ai/veo3.1",
            {"resolution": Resolution.UHD_2160P},
            {"prompt": "A lighthouse", "duration": "8s", "resolution": "4k", "aspect_ratio": "16:9", "generate_audio": True},
        ),
        (
            "fal-ai/bytedance/seedance/v1/pro/text-to-video",
            {"seconds": Seconds(10), "camera_fixed": True, "aspect_ratio": AspectRatio.TALL},
            {"prompt": "A lighthouse", "duration": "10", "resolution": "720p", "aspect_ratio": "9:16", "camera_fixed": True},
        ),
        (
            "fal-ai/wan/v2.2-a14b/text-to-video",
            {"seconds": Seconds(10), "aspect_ratio": AspectRatio.SQUARE},
            {"prompt": "A lighthouse", "num_frames": 161, "frames_per_second": 16, "resolution": "720p", "aspect_ratio": "1:1"},
        ),
        (
            "bytedance/seedance-2.0/text-to-video",
            {"seconds": Seconds(15)},
            {"prompt": "A lighthouse", "duration": "15", "resolution": "720p", "aspect_ratio": "16:9"},
        ),
    ],
)
async def test_a_model_is_sent_its_own_words(fal: FalProvider, model: str, changes: dict[str, Any], expected: dict[str, Any]) -> None:
    assert await fal.prepare(order(fal, model, **changes), model) == expected


async def test_a_model_that_is_gone_is_refused(fal: FalProvider) -> None:
    with pytest.raises(Refused):
        await fal.prepare(order(fal, MODEL), "fal-ai/forgotten")


async def test_a_picture_with_an_address_is_sent_as_that(upstream: FakeFal, fal: FalProvider, tmp_path: Path) -> None:
    wanted = order(fal, PICTURED, tmp_path / "never read", picture_url="https://dustreel.test/p.jpg")
    assert (await fal.prepare(wanted, PICTURED))["image_url"] == "https://dustreel.test/p.jpg"
    assert upstream.asked == []


async def test_a_small_picture_travels_in_the_order(upstream: FakeFal, fal: FalProvider, tmp_path: Path) -> None:
    (picture := tmp_path / "p.jpg").write_bytes(b"\xff\xd8 small")
    sent = await fal.prepare(order(fal, PICTURED, picture), PICTURED)
    assert sent["image_url"] == f"data:image/jpeg;base64,{base64.b64encode(b'\xff\xd8 small').decode()}"
    assert upstream.asked == []


@pytest.fixture
def large(tmp_path: Path) -> Path:
    (picture := tmp_path / "large.jpg").write_bytes(b"\xff\xd8" + bytes(300_000))
    return picture


async def test_a_large_picture_is_uploaded_for_a_day_and_without_our_key(upstream: FakeFal, fal: FalProvider, large: Path) -> None:
    sent = await fal.prepare(order(fal, PICTURED, large), PICTURED)
    ((path, data),) = upstream.stored.items()
    assert data == large.read_bytes() and sent["image_url"] == f"{upstream.url}{path}"
    (initiated,), (put,) = upstream.of_kind("initiate"), upstream.of_kind("put")
    assert initiated.json() == {"file_name": "picture.jpg", "content_type": "image/jpeg"}
    assert initiated.headers["x-fal-object-lifecycle"] == '{"expiration_duration_seconds": 86400}'
    assert put.headers["content-type"] == "image/jpeg" and "authorization" not in put.headers
    assert upstream.paid == 0


@pytest.mark.parametrize("kind", ["initiate", "put"])
@pytest.mark.parametrize(
    "fault", [Fault(status=500), Fault(status=404), Fault(cut=True), Fault(status=307)], ids=["500", "404", "cut", "307"]
)
async def test_a_picture_that_is_not_taken_is_an_order_that_is_not(
    upstream: FakeFal, fal: FalProvider, large: Path, kind: str, fault: Fault
) -> None:
    upstream.fail_next(kind, replace(fault))
    with pytest.raises(NotAccepted, match="fal did not take the picture"):
        await fal.prepare(order(fal, PICTURED, large), PICTURED)


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:9", "http://v3.fal.media", "https://v3.fal.media:8443", "https://fal.media.example", "::"]
)
async def test_a_picture_goes_to_no_address_that_is_not_fals(upstream: FakeFal, fal: FalProvider, large: Path, base: str) -> None:
    upstream.upload_base = base
    with pytest.raises(NotAccepted, match="it gave it no address"):
        await fal.prepare(order(fal, PICTURED, large), PICTURED)


# How an order's taking is read.


@pytest.mark.parametrize(
    "fault",
    [
        Fault(cut=True),
        Fault(cut=True, done_first=True),
        Fault(half=True),
        Fault(garbage=True),
        Fault(garbage=True, done_first=True),
        Fault(status=200, body={"status": "IN_QUEUE"}),
        *[Fault(status=status, done_first=True) for status in (408, 409, 500, 502, 503, 504)],
    ],
    ids=lambda fault: f"{fault.status or ''} {'cut' * fault.cut} {'half' * fault.half} {'garbage' * fault.garbage} {fault.done_first}",
)
async def test_an_order_whose_fate_is_unknown_is_unclear_and_never_sent_again(upstream: FakeFal, fal: FalProvider, fault: Fault) -> None:
    upstream.fail_next("submit", replace(fault))
    with pytest.raises(Unclear):
        await submitted(fal)
    assert upstream.count("submit") == 1 and upstream.paid == (1 if fault.done_first or fault.half else 0)


async def test_an_order_that_is_not_answered_in_time_is_unclear(upstream: FakeFal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor, "TIMES", httpx.Timeout(0.2, connect=5.0))
    async with provider(upstream.url) as fal:
        upstream.fail_next("submit", Fault(seconds=5.0, done_first=True))
        with pytest.raises(Unclear, match="did not answer"):
            await submitted(fal)


@pytest.mark.parametrize("status", [401, 402, 403, 404, 429])
async def test_an_order_that_was_provably_not_taken_may_go_to_another(upstream: FakeFal, fal: FalProvider, status: int) -> None:
    upstream.fail_next("submit", Fault(status=status, body={"detail": "User is locked."}, headers={"retry-after": "7"}))
    with pytest.raises(NotAccepted, match=f"fal answered {status}: User is locked") as told:
        await submitted(fal)
    assert not told.value.for_good and told.value.retry_after == 7.0
    assert upstream.paid == 0


async def test_an_order_that_never_left_was_not_taken() -> None:
    async with FakeFal(b"").running() as gone:
        address = gone.url
    async with provider(address) as fal:
        with pytest.raises(NotAccepted, match="fal can't be reached"):
            await submitted(fal)


async def test_an_input_that_fal_would_refuse_again_is_refused_for_good(upstream: FakeFal, fal: FalProvider) -> None:
    with pytest.raises(NotAccepted, match="is not to our liking") as told:
        await submitted(fal, "An invalid input")
    assert told.value.for_good and upstream.paid == 0


async def test_a_prompt_that_is_refused_at_once_is_told_as_that(upstream: FakeFal, fal: FalProvider) -> None:
    one = {"loc": ["body", "prompt"], "msg": "The content was flagged by a content checker.", "type": "content_policy_violation"}
    upstream.fail_next("submit", Fault(status=422, body={"detail": [one]}))
    with pytest.raises(Refused, match=r"Model refused the prompt: The content was flagged by a content checker\."):
        await submitted(fal)


# How an order stands.


async def test_a_request_waits_renders_with_progress_and_succeeds(upstream: FakeFal, fal: FalProvider) -> None:
    upstream.queue_seconds = 1_000.0
    ticket = await submitted(fal)
    assert await fal.look(ticket) == Sighting(Phase.WAITING)
    upstream.queue_seconds, upstream.render_seconds = 0.0, 1_000.0
    upstream.requests[ticket.upstream_id].made_at = time.time() - 425.0
    assert await fal.look(ticket) == Sighting(Phase.RENDERING, progress=0.42)
    over(upstream)
    assert await fal.look(ticket) == Sighting(Phase.SUCCEEDED, output=f"{upstream.url}/files/b/{ticket.upstream_id}/out.mp4")
    assert all(asked.query == {"logs": "1"} for asked in upstream.of_kind("status"))


@pytest.mark.parametrize(
    ("model", "app"),
    [
        (MODEL, "fal-ai/minimax"),
        ("fal-ai/veo3.1", "fal-ai/veo3.1"),
        ("bytedance/seedance-2.0/text-to-video", "bytedance/seedance-2.0"),
        ("workflows/somebody/their-flow/deep/down", "workflows/somebody/their-flow"),
    ],
)
async def test_a_request_is_asked_about_without_its_models_subpath(upstream: FakeFal, fal: FalProvider, model: str, app: str) -> None:
    over(upstream)
    ticket = await submitted(fal, model=model)
    assert (await fal.look(ticket)).phase is Phase.SUCCEEDED
    await fal.cancel(ticket)
    at = f"/{app}/requests/{ticket.upstream_id}"
    assert [asked.path for _, asked in upstream.asked[1:]] == [f"{at}/status", at, f"{at}/cancel"]


async def test_progress_is_unknown_before_there_is_a_bar(upstream: FakeFal, fal: FalProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.queue_seconds, upstream.render_seconds = 0.0, 1_000.0
    ticket = await submitted(fal)
    monkeypatch.setattr(upstream, "_line", lambda _: {"message": "loading"})
    assert await fal.look(ticket) == Sighting(Phase.RENDERING, progress=None)


async def test_a_state_that_nobody_knows_is_waiting_and_logged(upstream: FakeFal, fal: FalProvider) -> None:
    upstream.queue_seconds, upstream.render_seconds, upstream.state_shown = 0.0, 1_000.0, "DREAMING"
    ticket = await submitted(fal)
    with capture_logs() as lines:
        assert await fal.look(ticket) == Sighting(Phase.WAITING)
    assert [(line["log_level"], line["status"]) for line in lines] == [("warning", "DREAMING")]


@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        ("It is moderated", "Model refused the prompt: Rejected by a checker (content_policy_violation)"),
        ("It is flagged", "Model refused the prompt: The content was flagged by a content checker."),
        ("It times out", "Request timed out"),
        ("It goes too far", "Input should be less than 10"),
        ("It stays blank", "The model made no video"),
    ],
)
async def test_what_failed_is_told_in_their_words(upstream: FakeFal, fal: FalProvider, prompt: str, error: str) -> None:
    over(upstream)
    assert await fal.look(await submitted(fal, prompt)) == Sighting(Phase.FAILED, error=error)


CANCELLED = {"x-fal-error-type": "client_cancelled"}
TYPED = {"detail": [{"loc": ["body"], "msg": "It took too long", "type": "generation_timeout"}]}
MODERATED = {"error": "no", "error_type": "content_policy_violation"}
OUTCOMES = [
    # A model's own 5xx names its kind; what the status tells alone needs no result.
    ({}, httpx.Response(504, json=TYPED), Phase.FAILED, "It took too long"),
    ({"error": "Runner crashed"}, httpx.Response(502, text="<html>"), Phase.FAILED, "Runner crashed"),
    ({"error_type": "runner_disconnected"}, httpx.Response(200, json={}), Phase.FAILED, "The model failed without a reason"),
    ({}, httpx.Response(400, text="<html>"), Phase.FAILED, "The model failed without a reason"),
    (MODERATED, httpx.Response(422), Phase.FAILED, "Model refused the prompt: no (content_policy_violation)"),
    # A list without a wrapping, as some models have it.
    ({}, httpx.Response(422, json=TYPED["detail"]), Phase.FAILED, "It took too long"),
    # Cancelled, by each of the ways to tell it.
    ({}, httpx.Response(499, text="Request cancelled"), Phase.CANCELLED, None),
    ({"error": "x", "error_type": "client_cancelled"}, httpx.Response(200, json={}), Phase.CANCELLED, None),
    ({}, httpx.Response(400, headers=CANCELLED), Phase.CANCELLED, None),
    # Results are kept for a while only.
    ({}, httpx.Response(404, json={"detail": "Request not found"}), Phase.GONE, None),
    ({}, httpx.Response(410), Phase.GONE, None),
    ({"error": "It broke"}, httpx.Response(404), Phase.FAILED, "It broke"),
]


@pytest.mark.parametrize(("status", "answer", "phase", "error"), OUTCOMES)
def test_what_a_finished_request_came_to(status: dict[str, Any], answer: httpx.Response, phase: Phase, error: str | None) -> None:
    assert outcome({"status": "COMPLETED"} | status, answer) == Sighting(phase, error=error)


@pytest.mark.parametrize(
    "answer",
    [
        *[httpx.Response(status, json={"detail": "Not you"}) for status in (401, 403, 408, 425, 429)],
        *[httpx.Response(status, text="<html>nginx</html>") for status in (500, 502, 503, 504)],
        httpx.Response(400, json={"detail": "Request is still in progress"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
    ],
    ids=lambda answer: f"{answer.status_code} {answer.text[:12]}",
)
def test_a_result_that_could_not_be_had_is_no_failure(answer: httpx.Response) -> None:
    with pytest.raises(Unclear):
        outcome({"status": "COMPLETED"}, answer)


FAULTS = [
    Fault(cut=True),
    Fault(half=True),
    Fault(garbage=True),
    Fault(status=500),
    Fault(status=502),
    Fault(status=429),
    Fault(status=307),
]


@pytest.mark.parametrize("kind", ["status", "result"])
@pytest.mark.parametrize("fault", FAULTS, ids=["cut", "half", "garbage", "500", "502", "429", "307"])
async def test_a_look_that_tells_nothing_is_unclear_and_the_next_tells(
    upstream: FakeFal, fal: FalProvider, kind: str, fault: Fault
) -> None:
    over(upstream)
    ticket = await submitted(fal)
    upstream.fail_next(kind, replace(fault))
    with pytest.raises(Unclear):
        await fal.look(ticket)
    assert (await fal.look(ticket)).phase is Phase.SUCCEEDED
    assert upstream.paid == 1


@pytest.mark.parametrize("kind", ["status", "result"])
async def test_being_asked_to_come_later_is_passed_on(upstream: FakeFal, fal: FalProvider, kind: str) -> None:
    over(upstream)
    ticket = await submitted(fal)
    upstream.fail_next(kind, Fault(status=429, headers={"retry-after": "30"}))
    with pytest.raises(Unclear) as told:
        await fal.look(ticket)
    assert told.value.retry_after == 30.0


async def test_a_request_that_fal_does_not_know_is_gone(upstream: FakeFal, fal: FalProvider) -> None:
    assert await fal.look(Ticket(MODEL, "../../nobody's")) == Sighting(Phase.GONE)
    (asked,) = upstream.of_kind("status")
    assert asked.path == "/fal-ai/minimax/requests/..%2F..%2Fnobody%27s/status"


@pytest.mark.parametrize("queued", [True, False])
async def test_a_cancelled_request_is_seen_as_that(upstream: FakeFal, fal: FalProvider, queued: bool) -> None:
    upstream.queue_seconds, upstream.render_seconds = (1_000.0 if queued else 0.0), 1_000.0
    ticket = await submitted(fal)
    await fal.cancel(ticket)
    assert await fal.look(ticket) == Sighting(Phase.CANCELLED)
    upstream.cancelled_vanish = True
    assert await fal.look(ticket) == Sighting(Phase.GONE)


async def test_a_cancel_that_is_not_heeded_is_seen_too(upstream: FakeFal, fal: FalProvider) -> None:
    upstream.queue_seconds, upstream.render_seconds, upstream.cancels_ignored = 0.0, 1_000.0, 1
    ticket = await submitted(fal)
    await fal.cancel(ticket)
    assert (await fal.look(ticket)).phase is Phase.RENDERING


async def test_a_cancel_that_comes_too_late_or_hits_nothing_is_no_error(upstream: FakeFal, fal: FalProvider) -> None:
    over(upstream)
    ticket = await submitted(fal)
    await fal.cancel(ticket)
    await fal.cancel(Ticket(MODEL, "nobody"))
    assert upstream.count("cancel") == 2
    assert (await fal.look(ticket)).phase is Phase.SUCCEEDED


@pytest.mark.parametrize("fault", [Fault(cut=True), Fault(status=500), Fault(status=401)], ids=["cut", "500", "401"])
async def test_a_cancel_that_was_not_heard_is_unclear(upstream: FakeFal, fal: FalProvider, fault: Fault) -> None:
    upstream.fail_next("cancel", replace(fault))
    with pytest.raises(Unclear):
        await fal.cancel(await submitted(fal))


# Fetching, and where the key goes.


async def test_a_video_is_fetched_without_the_key(upstream: FakeFal, fal: FalProvider, tmp_path: Path) -> None:
    over(upstream)
    sighting = await fal.look(await submitted(fal))
    assert sighting.output is not None
    await fal.fetch(sighting.output, tmp_path / "v.mp4")
    assert (tmp_path / "v.mp4").read_bytes() == b"a film"
    assert "authorization" not in upstream.of_kind("output")[0].headers


async def test_a_video_that_is_gone_is_refused_and_one_that_breaks_off_is_tried_again(
    upstream: FakeFal, fal: FalProvider, tmp_path: Path
) -> None:
    address = f"{upstream.url}/files/b/x/out.mp4"
    upstream.fail_next("output", Fault(half=True), Fault(status=503))
    for _ in range(2):
        with pytest.raises(Stumbled):
            await fal.fetch(address, tmp_path / "v.mp4")
    upstream.outputs_gone = True
    with pytest.raises(Refused, match="no longer has the video"):
        await fal.fetch(address, tmp_path / "v.mp4")


@pytest.mark.parametrize(
    "address", ["http://v3.fal.media/files/v.mp4", "https://fal.media.example/v.mp4", "https://storage.googleapis.com/v.mp4"]
)
async def test_a_video_is_fetched_from_fals_hosts_only(fal: FalProvider, tmp_path: Path, address: str) -> None:
    with pytest.raises(Refused, match="has no business to be"):
        await fal.fetch(address, tmp_path / "v.mp4")


@pytest.mark.parametrize("kind", ["submit", "status", "result", "cancel", "initiate", "put", "output", "keys"])
async def test_no_redirect_leads_anything_elsewhere(
    upstream: FakeFal, fal: FalProvider, clock: HandClock, elsewhere: Elsewhere, large: Path, tmp_path: Path, kind: str
) -> None:
    over(upstream)
    upstream.fail_next(kind, Fault(status=307, headers={"location": f"{elsewhere.url}/caught"}))

    async def a_whole_life() -> None:
        sent = await fal.prepare(order(fal, PICTURED, large), PICTURED)
        ticket = await fal.submit(PICTURED, sent, uuid4(), HOOK)
        await fal.cancel(ticket)
        await fal.read_webhook(knock(upstream, upstream.requests[ticket.upstream_id]))
        await fal.fetch((await fal.look(ticket)).output or "", tmp_path / "v.mp4")

    with pytest.raises((Unclear, NotAccepted, Refused)):
        await a_whole_life()
    assert upstream.count(kind) == 1 and elsewhere.asked == []
    clock.moved = timedelta(seconds=61)  # keys are not asked for again at once
    await a_whole_life()  # and nothing else was wrong
    keyed = {known for known, asked in upstream.asked if "authorization" in asked.headers}
    assert keyed == {"initiate", "submit", "cancel", "status", "result"}


# Webhooks.


def knock(
    upstream: FakeFal, made: Request, headers: Mapping[str, str] | None = None, *, key: Ed25519PrivateKey | None = None, age: int = 0
) -> Knock:
    """A webhook as it comes in; with `headers` in place of its own, and without those that are empty."""
    signed, body = upstream.webhook(made, key=key, age=age)
    changed = signed | {f"x-fal-webhook-{name}": value for name, value in (headers or {}).items()}
    return Knock(uuid4(), "", {name: value for name, value in changed.items() if value}, body)


@pytest.fixture
def finished(upstream: FakeFal) -> Request:
    over(upstream)
    return upstream.take(MODEL, dict(SENT), HOOK)


async def test_a_webhook_names_its_request_and_a_repetition_is_known_by_it(upstream: FakeFal, fal: FalProvider, finished: Request) -> None:
    first = await fal.read_webhook(knock(upstream, finished))
    again = await fal.read_webhook(knock(upstream, finished, age=7))
    other = await fal.read_webhook(knock(upstream, upstream.take(MODEL, SENT | {"prompt": "It is moderated"}, HOOK)))
    assert (first.upstream_id, first.sighting) == (finished.id, None) and first == again
    assert other.webhook_id != first.webhook_id
    assert upstream.count("keys") == 1, "keys are kept"


async def test_a_webhook_that_is_delivered_twice_is_read_as_one(upstream: FakeFal, fal: FalProvider) -> None:
    received: list[Asked] = []
    both = asyncio.Event()

    async def receive(asked: Asked) -> Told:
        received.append(asked)
        if len(received) == 2:
            both.set()
        return Told(204)

    async with serving(receive) as address:
        upstream.webhook_base, upstream.webhook_copies = address, 2
        ticket = await submitted(fal, webhook_url=HOOK)
        await asyncio.wait_for(both.wait(), 30)
    assert {(one.path, one.query["token"]) for one in received} == {("/hooks/fal/1d0c", "a-secret")}
    notices = [await fal.read_webhook(Knock(uuid4(), "a-secret", one.headers, one.body)) for one in received]
    assert notices[0] == notices[1] and notices[0].upstream_id == ticket.upstream_id


@pytest.mark.parametrize(
    "headers",
    [
        {"request-id": "another"},
        {"user-id": "another"},
        {"timestamp": "a second later"},
        {"signature": "00" * 64},
        {"signature": "00" * 63},
        {"signature": "0" * 127},
        {"signature": "gg" * 64},
        {"timestamp": "now"},
        {"request-id": ""},
        {"user-id": ""},
        {"timestamp": ""},
        {"signature": ""},
    ],
    ids=str,
)
async def test_a_webhook_with_any_part_changed_is_none(
    upstream: FakeFal, fal: FalProvider, finished: Request, headers: dict[str, str]
) -> None:
    if headers.get("timestamp") == "a second later":
        headers = {"timestamp": str(int(time.time()) + 1)}
    with pytest.raises(NotAWebhook):
        await fal.read_webhook(knock(upstream, finished, headers))


async def test_a_webhook_with_another_body_or_by_another_key_is_none(upstream: FakeFal, fal: FalProvider, finished: Request) -> None:
    genuine = knock(upstream, finished)
    with pytest.raises(NotAWebhook, match="its signature is wrong"):
        await fal.read_webhook(replace(genuine, body=genuine.body + b" "))
    with pytest.raises(NotAWebhook, match="its signature is wrong"):
        await fal.read_webhook(knock(upstream, finished, key=Ed25519PrivateKey.generate()))


@pytest.mark.parametrize("sign", [1, -1])
async def test_a_webhook_is_good_for_five_minutes(upstream: FakeFal, fal: FalProvider, finished: Request, sign: int) -> None:
    with pytest.raises(NotAWebhook, match="five minutes"):
        await fal.read_webhook(knock(upstream, finished, age=sign * 320))
    assert upstream.count("keys") == 0
    await fal.read_webhook(knock(upstream, finished, age=sign * 280))


@pytest.mark.parametrize("told", [b"<html>", b"[]", b"{}", b'{"request_id": 1}'])
async def test_a_signed_webhook_that_names_no_request_is_none(upstream: FakeFal, fal: FalProvider, finished: Request, told: bytes) -> None:
    signed, body = upstream.webhook(finished, body=told)
    with pytest.raises(NotAWebhook, match=r"not JSON|not an object|names no request"):
        await fal.read_webhook(Knock(uuid4(), "", signed, body))


async def test_keys_are_learned_anew_when_they_change_but_once_a_minute_at_most(
    upstream: FakeFal, fal: FalProvider, clock: HandClock, finished: Request
) -> None:
    await fal.read_webhook(knock(upstream, finished))
    upstream.key = Ed25519PrivateKey.generate()
    for _ in range(3):
        with pytest.raises(NotAWebhook):
            await fal.read_webhook(knock(upstream, finished))
    assert upstream.count("keys") == 1
    clock.moved = timedelta(seconds=61)
    await fal.read_webhook(knock(upstream, finished))
    assert upstream.count("keys") == 2


async def test_keys_are_kept_for_a_day_and_no_longer(upstream: FakeFal, fal: FalProvider, clock: HandClock, finished: Request) -> None:
    for hours, asked in [(0.0, 1), (23.9, 1), (24.1, 2), (24.2, 2)]:
        clock.moved = timedelta(hours=hours)
        await fal.read_webhook(knock(upstream, finished, age=-round(hours * 3_600)))
        assert upstream.count("keys") == asked


NO_KEYS = [Fault(status=200, body={"keys": keys}) for keys in ([], [{"x": "short"}, 1], None)]


@pytest.mark.parametrize("fault", [Fault(status=500), Fault(status=404), Fault(cut=True), Fault(garbage=True), *NO_KEYS])
async def test_a_webhook_that_can_not_be_checked_now_is_unclear(
    upstream: FakeFal, fal: FalProvider, finished: Request, fault: Fault
) -> None:
    upstream.fail_next("keys", replace(fault))
    for _ in range(3):
        with pytest.raises(Unclear):
            await fal.read_webhook(knock(upstream, finished))
    assert upstream.count("keys") == 1, "anybody can make us ask"


# fal's own client against the same fake.


@pytest.fixture
def client(upstream: FakeFal, monkeypatch: pytest.MonkeyPatch) -> fal_client.AsyncClient:
    # FAL_QUEUE_RUN_HOST is read at import, and https is written before it: these three are what the client makes every address of.
    monkeypatch.setattr(fal_client.client, "QUEUE_URL_FORMAT", f"{upstream.url}/")
    monkeypatch.setattr(fal_client.client, "REST_URL", upstream.url)
    monkeypatch.setattr(fal_client.client, "CDN_URL", upstream.url)
    return fal_client.AsyncClient(key=KEY)


async def test_fals_client_sends_the_order_that_we_send(upstream: FakeFal, fal: FalProvider, client: fal_client.AsyncClient) -> None:
    await submitted(fal, webhook_url=HOOK)
    handle = await client.submit(MODEL, dict(SENT), webhook_url=HOOK)
    ours, theirs = [
        (asked.method, asked.path, asked.query, asked.json(), asked.headers["authorization"], asked.headers["content-type"])
        for asked in upstream.of_kind("submit")
    ]
    assert ours == theirs
    assert handle.request_id in upstream.requests


async def test_fals_client_follows_a_request_to_its_result(upstream: FakeFal, client: fal_client.AsyncClient) -> None:
    upstream.queue_seconds = 1_000.0
    handle = await client.submit(MODEL, dict(SENT))
    assert await handle.status() == fal_client.Queued(position=2)
    upstream.queue_seconds, upstream.render_seconds = 0.0, 1_000.0
    upstream.requests[handle.request_id].made_at = time.time() - 425.0
    silent, rendering = await handle.status(), await client.status(MODEL, handle.request_id, with_logs=True)
    assert silent == fal_client.InProgress(logs=None)
    assert isinstance(rendering, fal_client.InProgress) and rendering.logs and "42%|" in rendering.logs[1]["message"]
    over(upstream)
    completed = await handle.status(with_logs=True)
    assert isinstance(completed, fal_client.Completed) and completed.metrics["inference_time"] == 0.2 and completed.error is None
    by_handle, by_name = await handle.get(), await client.result(MODEL, handle.request_id)
    assert by_handle == by_name and by_name["video"]["url"].endswith(f"{handle.request_id}/out.mp4")


async def test_fals_client_subscribes(upstream: FakeFal, client: fal_client.AsyncClient) -> None:
    seen: list[fal_client.Status] = []
    sync = fal_client.SyncClient(key=KEY)
    result = await asyncio.to_thread(sync.subscribe, MODEL, dict(SENT), with_logs=True, interval=0.01, on_queue_update=seen.append)
    assert result["seed"] == 42 and upstream.paid == 1
    assert {type(one) for one in seen} == {fal_client.Queued, fal_client.InProgress, fal_client.Completed}


async def test_fals_client_reads_what_failed(upstream: FakeFal, client: fal_client.AsyncClient) -> None:
    over(upstream)
    handle = await client.submit(MODEL, {"prompt": "It times out"})
    completed = await handle.status()
    assert isinstance(completed, fal_client.Completed)
    assert (completed.error, completed.error_type) == ("Request timed out", "request_timeout")
    moderated = await client.submit(MODEL, {"prompt": "It is moderated"})
    with pytest.raises(fal_client.FalClientHTTPError) as told:
        await moderated.get()
    assert told.value.status_code == 422 and told.value.response.json()["detail"][0]["type"] == "content_policy_violation"


async def test_fals_client_cancels(upstream: FakeFal, client: fal_client.AsyncClient) -> None:
    upstream.render_seconds = 1_000.0
    handle = await client.submit(MODEL, dict(SENT))
    await handle.cancel()
    completed = await handle.status()
    assert isinstance(completed, fal_client.Completed) and completed.error_type == "client_cancelled"
    with pytest.raises(fal_client.FalClientHTTPError) as told:
        await client.cancel(MODEL, handle.request_id)
    assert told.value.response.json() == {"status": "ALREADY_COMPLETED"}


@pytest.mark.parametrize(("repository", "kinds"), [("fal_v3", ["token", "cdn"]), ("fal", ["initiate", "put"])])
async def test_fals_client_uploads(upstream: FakeFal, client: fal_client.AsyncClient, repository: Any, kinds: list[str]) -> None:
    address = await client.upload(b"a picture", "image/jpeg", "picture.jpg", repository=repository)
    assert [kind for kind, _ in upstream.asked] == kinds
    assert upstream.stored[httpx.URL(address).path] == b"a picture"
