"""The adapter for Cog against the real thing: cog 0.23.1's own server with a toy of a model, and webhooks that it really sends."""

import hashlib
import hmac
import json
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import av
import pytest
from PIL import Image

from dustreel.base.vocabulary import AspectRatio, GenerationType, Resolution, Seconds
from dustreel.providers import (
    Knock,
    NotAccepted,
    NotAWebhook,
    Notice,
    Order,
    Phase,
    Refused,
    RemoteProvider,
    Shot,
    Sighting,
    Telling,
    Ticket,
    Unclear,
)
from dustreel.providers.catalogue import read_catalogue
from dustreel.providers.cog import CogProvider
from tests.conftest import eventually
from tests.e2e.served import free_port
from tests.fakes.cog_server import FINAL, Cog, Receiver, cog_at
from tests.fakes.wire import Asked, Told, serving

SECRET = b"what makes tokens"


@asynccontextmanager
async def adapter(url: str) -> AsyncIterator[CogProvider]:
    provider = CogProvider(url, read_catalogue("cog"), callback_url="http://127.0.0.1:8000/", secret=SECRET)
    yield provider
    await provider.close()


def token(submission_id: UUID, secret: bytes = SECRET) -> str:
    return hmac.new(secret, str(submission_id).encode(), hashlib.sha256).hexdigest()


@pytest.fixture(scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with serving(receiver.answer) as receiver.url:
        yield receiver


@pytest.fixture(scope="module")
async def running(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cog]:
    async with cog_at(free_port(), tmp_path_factory.mktemp("cog"), receiver) as cog:
        yield cog


@pytest.fixture
async def cog(running: Cog) -> Cog:
    """The module's server, once it is idle."""
    running.receiver.refusals.clear()
    await running.until("READY")
    return running


@pytest.fixture
async def provider(cog: Cog) -> AsyncIterator[CogProvider]:
    async with adapter(cog.url) as provider:
        yield provider


@dataclass
class Sent:
    """An order that went through the adapter."""

    provider: CogProvider
    receiver: Receiver
    submission_id: UUID
    ticket: Ticket

    @property
    def knocks(self) -> list[Knock]:
        return [
            Knock(self.submission_id, asked.query.get("token", ""), asked.headers, asked.body)
            for asked in self.receiver.came[str(self.submission_id)]
        ]

    async def notices(self) -> list[Notice]:
        return [await self.provider.read_webhook(knock) for knock in self.knocks]

    async def last(self) -> Sighting:
        """How it ended, as the adapter reads it."""
        await self.receiver.until_ended(self.submission_id)
        sightings = [notice.sighting for notice in await self.notices()]
        return next(sighting for sighting in sightings if sighting is not None and sighting.phase not in (Phase.WAITING, Phase.RENDERING))

    async def until_rendering(self) -> Sighting:
        async def drawn() -> Sighting | None:
            sightings = [notice.sighting for notice in await self.notices()]
            return next((sighting for sighting in sightings if sighting is not None and sighting.progress), None)

        return await eventually(drawn, f"progress of {self.submission_id}")


def order(prompt: str = "A lighthouse", *, seconds: int = 1, picture: Path | None = None) -> Order:
    return Order(
        job_id=uuid4(),
        attempt=1,
        generation_type=GenerationType.IMAGE_TO_VIDEO if picture else GenerationType.TEXT_TO_VIDEO,
        prompt=prompt,
        seconds=Seconds(seconds),
        resolution=Resolution.SD_480P,
        aspect_ratio=AspectRatio.WIDE,
        camera_fixed=False,
        picture=picture,
        reference_person=False,
        directives=False,
        shot=Shot(seconds, 90),
    )


async def send(cog: Cog, provider: CogProvider, wanted: Order) -> Sent:
    submission_id = uuid4()
    sent = await provider.prepare(wanted, "predictor")
    assert json.loads(json.dumps(sent)) == sent
    ticket = await provider.submit("predictor", sent, submission_id, f"{cog.receiver.url}/hooks/cog/{submission_id}")
    assert ticket == Ticket("predictor", str(submission_id))
    return Sent(provider, cog.receiver, submission_id, ticket)


# What the adapter relies on


def test_it_is_the_version_that_was_tried() -> None:
    assert version("cog") == version("coglet") == "0.23.1"


async def test_a_put_that_is_repeated_while_it_runs_starts_nothing(cog: Cog) -> None:
    first = await cog.put("twice", prompt="slowly, twice")
    assert (first.status_code, first.json()) == (202, {"id": "twice", "status": "starting"})
    await cog.until_run("slowly, twice")
    again = [await cog.put("twice", prompt="slowly, twice"), await cog.put("twice", prompt="slowly, but otherwise")]
    assert [answer.status_code for answer in again] == [202, 202]
    assert all(answer.json()["status"] == "processing" and answer.json()["input"]["prompt"] == "slowly, twice" for answer in again)
    await cog.cancel("twice")
    assert (await cog.receiver.until_ended("twice"))["status"] == "canceled"
    await cog.until("READY")
    # What comes next finds a free place, and nothing of the repetitions was run before it.
    await cog.put("after-twice", prompt="After twice", seconds=1)
    await cog.receiver.until_ended("after-twice")
    assert (cog.runs("slowly, twice"), cog.runs("slowly, but otherwise"), cog.runs("After twice")) == (1, 0, 1)
    assert sum(told["status"] in FINAL for told in cog.receiver.told("twice")) == 1


@pytest.mark.parametrize(("prompt", "ended"), [("Over", "succeeded"), ("It fails, over", "failed"), ("slowly, over", "canceled")])
async def test_a_put_that_is_repeated_after_the_end_runs_it_anew(cog: Cog, prompt: str, ended: str) -> None:
    name = f"over-{ended}"
    for times in (1, 2):
        answer = await cog.put(name, prompt=prompt, seconds=1)
        assert (answer.status_code, answer.json()) == (202, {"id": name, "status": "starting"})
        await cog.until_run(prompt, times)
        if ended == "canceled":
            assert (await cog.cancel(name)).status_code == 200
        assert (await cog.receiver.until_ended(name, times))["status"] == ended
        await cog.until("READY")
    assert cog.runs(prompt) == 2
    assert (await cog.cancel(name)).status_code == 404


async def test_a_restart_forgets_what_ran_and_tells_nobody(receiver: Receiver, tmp_path: Path) -> None:
    port = free_port()
    async with cog_at(port, tmp_path, receiver) as cog:
        await cog.until("READY")
        await cog.put("lost", prompt="slowly, lost")
        await cog.until_run("slowly, lost")
        cog.process.kill()
        await cog.process.wait()
    async with cog_at(port, tmp_path, receiver) as cog:
        await cog.until("READY")
        assert (await cog.cancel("lost")).status_code == 404
        assert not any(told["status"] in FINAL for told in receiver.told("lost"))
        assert (await cog.put("lost", prompt="Found again", seconds=1)).json() == {"id": "lost", "status": "starting"}
        assert (await receiver.until_ended("lost"))["status"] == "succeeded"
        assert (cog.runs("slowly, lost"), cog.runs("Found again")) == (1, 1)


async def test_it_sends_the_last_webhook_again_word_for_word_and_signs_nothing(cog: Cog) -> None:
    cog.receiver.refusals[:] = [500, 503]
    await cog.put("again", prompt="Told again", seconds=1)
    await cog.receiver.until_ended("again", 3)
    final = [asked for asked in cog.receiver.came["again"] if asked.json()["status"] in FINAL]
    assert len({asked.body for asked in final}) == 1 and cog.runs("Told again") == 1
    told = {name for asked in cog.receiver.came["again"] for name in asked.headers}
    assert told == {"content-type", "accept", "user-agent", "host", "content-length"}


async def test_what_it_refuses_is_never_told_of_by_webhook(cog: Cog) -> None:
    await cog.put("busy", prompt="slowly, busy")
    busy = await cog.put("refused", prompt="Refused")
    assert (busy.status_code, busy.json()["status"]) == (409, "failed") and await cog.status() == "BUSY"
    wrong = await cog.put("refused", prompt="Refused", seconds=99)
    assert (wrong.status_code, wrong.json()["detail"][0]["loc"]) == (422, ["body", "input", "seconds"])
    await cog.cancel("busy")
    await cog.receiver.until_ended("busy")
    assert cog.receiver.told("refused") == [] and cog.runs("Refused") == 0


async def test_its_file_can_be_sent_elsewhere_for_all_orders(receiver: Receiver, tmp_path: Path) -> None:
    async with cog_at(free_port(), tmp_path, receiver, "--upload-url", f"{receiver.url}/files/") as cog:
        await cog.until("READY")
        await cog.put("uploaded", prompt="Uploaded", seconds=1)
        assert (await receiver.until_ended("uploaded"))["output"] == f"{receiver.url}/files/film.mp4"
    (file,) = receiver.came["film.mp4"]
    assert (file.method, file.headers["x-prediction-id"], file.headers["content-type"]) == ("PUT", "uploaded", "video/mp4")
    assert file.body[4:8] == b"ftyp"


# What the adapter makes of it


async def test_an_order_goes_its_way_to_a_film_that_plays(cog: Cog, provider: CogProvider, tmp_path: Path) -> None:
    picture = tmp_path / "still.jpg"
    Image.new("RGB", (160, 90), (200, 30, 30)).save(picture)
    sent = await send(cog, provider, order(seconds=2, picture=picture))
    assert await provider.look(sent.ticket) == Sighting(Phase.WAITING)
    last = await sent.last()
    assert last.phase is Phase.SUCCEEDED and last.output is not None
    assert Sighting.told(json.loads(json.dumps(asdict(last)))) == last

    await provider.fetch(last.output, film := tmp_path / "film.mp4")
    with av.open(film) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert (stream.width, stream.height, len(frames), float(stream.average_rate or 0)) == (160, 90, 16, 8.0)
    red, green, blue = frames[0][-1, -1]
    assert red > 150 and max(green, blue) < 80  # the still that was sent along

    first, *_ = await sent.notices()
    assert first.sighting == Sighting(Phase.RENDERING) and first.upstream_id == str(sent.submission_id)


async def test_progress_is_the_bar_that_was_drawn_and_a_cancelled_order_ends(cog: Cog, provider: CogProvider) -> None:
    sent = await send(cog, provider, order("slowly"))
    sighting = await sent.until_rendering()
    assert sighting.phase is Phase.RENDERING and sighting.progress is not None and 0 < sighting.progress < 0.5
    await provider.cancel(sent.ticket)
    assert await sent.last() == Sighting(Phase.CANCELLED)
    await provider.cancel(sent.ticket)  # is gone by now, which is no error


@pytest.mark.parametrize(
    ("prompt", "said"),
    [("It fails", "It failed, as it was told"), ("It offends", "Model refused the prompt: NSFW content detected")],
)
async def test_a_failure_is_told_in_the_models_words(cog: Cog, provider: CogProvider, prompt: str, said: str) -> None:
    sent = await send(cog, provider, order(prompt))
    assert await sent.last() == Sighting(Phase.FAILED, error=said)


async def test_a_wrong_input_is_refused_for_good_and_named(cog: Cog, provider: CogProvider) -> None:
    with pytest.raises(NotAccepted, match="seconds: 61 is greater than the maximum of 60") as no:
        await send(cog, provider, order(seconds=61))
    assert no.value.for_good


async def test_while_it_is_busy_it_takes_nothing_else_and_may_be_asked_again(cog: Cog, provider: CogProvider) -> None:
    sent = await send(cog, provider, order("slowly"))
    with pytest.raises(NotAccepted, match="takes no order now: At capacity") as no:
        await send(cog, provider, order())
    assert not no.value.for_good and no.value.retry_after
    await provider.cancel(sent.ticket)
    await sent.last()


async def test_before_its_setup_has_ended_it_takes_nothing_yet(receiver: Receiver, tmp_path: Path) -> None:
    awaited = tmp_path / "go"
    async with cog_at(free_port(), tmp_path, receiver, TOY_WAITS_FOR=str(awaited)) as cog, adapter(cog.url) as provider:
        await cog.until("STARTING")
        with pytest.raises(NotAccepted, match="Setup has not finished yet") as no:
            await send(cog, provider, order())
        assert not no.value.for_good and no.value.retry_after
        assert await provider.look(Ticket("predictor", "any")) == Sighting(Phase.WAITING)
        awaited.touch()
        await cog.until("READY")
        assert (await (await send(cog, provider, order())).last()).phase is Phase.SUCCEEDED


async def test_a_model_that_can_not_be_set_up_is_told_to_the_operator_and_not_waited_for(receiver: Receiver, tmp_path: Path) -> None:
    async with cog_at(free_port(), tmp_path, receiver, TOY_SETUP_FAILS="1") as cog, adapter(cog.url) as provider:
        await cog.until("SETUP_FAILED")
        with pytest.raises(Unclear, match=r"SETUP_FAILED.*The weights are missing"):
            await provider.check()
        assert await provider.look(Ticket("predictor", "any")) == Sighting(Phase.GONE)
        with pytest.raises(NotAccepted, match=r"SETUP_FAILED.*The weights are missing") as no:
            await send(cog, provider, order())
        assert no.value.retry_after is None and not no.value.for_good, "an outage: the next provider is asked"


async def test_a_model_that_dies_fails_its_order_and_takes_no_other(receiver: Receiver, tmp_path: Path) -> None:
    async with cog_at(free_port(), tmp_path, receiver) as cog, adapter(cog.url) as provider:
        await cog.until("READY")
        sent = await send(cog, provider, order("It dies"))
        assert await sent.last() == Sighting(Phase.FAILED, error="Worker crashed")
        await cog.until("UNHEALTHY")
        with pytest.raises(NotAccepted, match="UNHEALTHY") as no:
            await send(cog, provider, order())
        assert no.value.retry_after is None and not no.value.for_good


async def test_a_server_that_is_not_there_has_taken_nothing() -> None:
    async with adapter(f"http://127.0.0.1:{free_port()}") as provider:
        with pytest.raises(NotAccepted, match="can't be reached"):
            await provider.submit("predictor", {"prompt": "x"}, uuid4(), "http://127.0.0.1:8000/hooks/cog/1")
        with pytest.raises(Unclear):
            await provider.look(Ticket("predictor", "any"))
        with pytest.raises(Unclear):
            await provider.cancel(Ticket("predictor", "any"))


@pytest.mark.parametrize("status", [409, 502, 503])
async def test_a_gateways_refusal_proves_nothing(status: int) -> None:
    async def gateway(_: Asked) -> Told:
        return Told(status, b"<html>no upstream</html>")

    async with serving(gateway) as url, adapter(url) as provider:
        with pytest.raises(Unclear):
            await provider.submit("predictor", {"prompt": "x"}, uuid4(), "http://127.0.0.1:8000/hooks/cog/1")


async def test_only_a_webhook_with_its_orders_token_is_believed(cog: Cog, provider: CogProvider) -> None:
    sent, other = await send(cog, provider, order()), uuid4()
    await sent.last()
    genuine = sent.knocks[-1]
    notice = await provider.read_webhook(genuine)
    assert await provider.read_webhook(genuine) == notice
    assert len({notice.webhook_id for notice in await sent.notices()}) == len({knock.body for knock in sent.knocks}) >= 2

    assert genuine.token == token(sent.submission_id)
    forged = token(sent.submission_id, b"another secret")
    for wrong in ("", forged, genuine.token[:-1], genuine.token.upper(), "ключ", "\udc80"):
        with pytest.raises(NotAWebhook, match="token"):
            await provider.read_webhook(Knock(sent.submission_id, wrong, genuine.headers, genuine.body))
    with pytest.raises(NotAWebhook, match="token"):
        await provider.read_webhook(Knock(other, genuine.token, genuine.headers, genuine.body))
    with pytest.raises(NotAWebhook, match="another order"):
        await provider.read_webhook(Knock(other, token(other), genuine.headers, genuine.body))
    for body in (b"", b"{", b"[]", b"\xff\xfe\x00", b"[" * 100_000, b'{"status": "succeeded"}'):
        with pytest.raises(NotAWebhook):
            await provider.read_webhook(Knock(sent.submission_id, genuine.token, genuine.headers, body))


@pytest.mark.parametrize(
    ("told", "sighting"),
    [
        ({"status": "starting"}, Sighting(Phase.WAITING)),
        ({"status": "meditating"}, Sighting(Phase.WAITING)),
        ({"status": ["succeeded"], "output": "data:,"}, Sighting(Phase.WAITING)),
        ({"status": "processing", "logs": None}, Sighting(Phase.RENDERING)),
        ({"status": "processing", "logs": "\r100%|####| 4/4\n\r 25%|#   | 1/4"}, Sighting(Phase.RENDERING, progress=0.25)),
        ({"status": "succeeded", "output": ["http://h/1.mp4", "http://h/2.mp4"]}, Sighting(Phase.SUCCEEDED, output="http://h/2.mp4")),
        ({"status": "succeeded", "output": None}, Sighting(Phase.FAILED, error="The model made no video")),
        ({"status": "succeeded", "output": []}, Sighting(Phase.FAILED, error="The model made no video")),
        ({"status": "failed"}, Sighting(Phase.FAILED, error="The model failed without a reason")),
        (
            {"status": "failed", "error": "Prediction failed: torch.OutOfMemoryError: CUDA out of memory"},
            Sighting(Phase.FAILED, error="CUDA out of memory"),
        ),
        ({"status": "failed", "error": "a\0b \ud800"}, Sighting(Phase.FAILED, error="ab ?")),
    ],
)
async def test_every_word_of_a_webhook_is_weighed(told: dict[str, Any], sighting: Sighting) -> None:
    submission_id = uuid4()
    async with adapter("http://127.0.0.1:1") as provider:
        body = json.dumps({"id": str(submission_id)} | told).encode()
        notice = await provider.read_webhook(Knock(submission_id, token(submission_id), {}, body))
    assert notice.sighting == sighting


async def test_a_film_is_fetched_from_the_container_and_from_nowhere_else(
    cog: Cog, provider: CogProvider, receiver: Receiver, tmp_path: Path
) -> None:
    into = tmp_path / "film"
    await provider.fetch(f"{cog.url}/openapi.json", into)
    assert json.loads(into.read_bytes())["openapi"]
    for address in (f"{receiver.url}/files/film.mp4", "https://replicate.delivery/film.mp4", "file:///etc/hostname", "film.mp4"):
        with pytest.raises(Refused):
            await provider.fetch(address, into)
    assert not any(asked.method == "GET" for asked in receiver.came["film.mp4"])


async def test_a_data_url_becomes_the_same_bytes_or_nothing(provider: CogProvider, tmp_path: Path) -> None:
    into = tmp_path / "film"
    for size in (0, 1, 2, 3, 786_431, 786_432, 786_433, 2_000_000):
        film = os.urandom(size)
        await provider.fetch(f"data:video/mp4;base64,{b64encode(film).decode()}", into)
        assert into.read_bytes() == film
    for garbled in (
        "data:video/mp4;base64,AAA",
        "data:video/mp4;base64,AA$A",
        "data:video/mp4;base64,Ää==",
        "data:video/mp4,AAAA",
        "data:",
    ):
        with pytest.raises(Refused):
            await provider.fetch(garbled, into)


async def test_without_an_address_for_its_webhooks_nothing_is_sent(provider: CogProvider) -> None:
    with pytest.raises(NotAccepted) as no:
        await provider.submit("predictor", {"prompt": "x"}, uuid4(), None)
    assert no.value.for_good
    assert isinstance(provider, RemoteProvider) and isinstance(provider, Telling) and provider.callback_url == "http://127.0.0.1:8000"
