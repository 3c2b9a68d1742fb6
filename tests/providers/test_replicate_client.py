"""Replicate's own client 1.0.7 against our fake of Replicate, and what the client knows of an answer read by our adapter."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from replicate.client import Client
from replicate.exceptions import ReplicateError
from replicate.prediction import Prediction
from replicate.webhook import Webhooks, WebhookSigningSecret

from dustreel.base.clock import SystemClock
from dustreel.providers import Knock, Phase, Sighting, Ticket
from dustreel.providers.catalogue import read_catalogue
from dustreel.providers.replicate import ReplicateProvider
from tests.fakes.replicate import SECRET, TOKEN, FakeReplicate, part_of
from tests.fakes.wire import Asked, Told, serving

MODEL = "minimax/video-01"
INPUT = {"prompt": "A lighthouse"}
HOOK = "https://dustreel.test/hooks/replicate/1d0c"
EVENTS = ["start", "completed"]


@pytest.fixture
async def upstream() -> AsyncIterator[FakeReplicate]:
    async with FakeReplicate(b"a film").running() as fake:
        yield fake


@pytest.fixture
def client(upstream: FakeReplicate) -> Client:
    made = Client(api_token=TOKEN, base_url=upstream.url)
    made.poll_interval = 0.01
    return made


@asynccontextmanager
async def provider(base_url: str) -> AsyncIterator[ReplicateProvider]:
    made = ReplicateProvider(TOKEN, read_catalogue("replicate"), clock=SystemClock(), base_url=base_url)
    yield made
    await made.close()


@pytest.fixture
async def ours(upstream: FakeReplicate) -> AsyncIterator[ReplicateProvider]:
    async with provider(upstream.base_url) as made:
        yield made


# Their client against our fake.


async def test_the_client_sends_the_order_that_we_send(upstream: FakeReplicate, client: Client, ours: ReplicateProvider) -> None:
    await ours.submit(MODEL, INPUT, uuid4(), HOOK)
    await client.models.predictions.async_create(MODEL, INPUT, webhook=HOOK, webhook_events_filter=EVENTS)
    mine, theirs = [
        (asked.method, asked.path, asked.json(), asked.headers["authorization"]) for kind, asked in upstream.asked if kind == "create"
    ]
    assert mine == theirs


async def test_the_client_follows_a_prediction_to_its_output(upstream: FakeReplicate, client: Client) -> None:
    prediction = await client.models.predictions.async_create(MODEL, INPUT)
    assert (prediction.status, prediction.model, prediction.output) == ("starting", MODEL, None)
    await prediction.async_wait()
    assert (prediction.status, prediction.error) == ("succeeded", None)
    assert prediction.output == f"{upstream.url}/outputs/{prediction.id}.mp4"
    assert prediction.input is not None and prediction.input["prompt"] == "A lighthouse"


async def test_the_client_reads_a_failure(client: Client) -> None:
    prediction = await client.models.predictions.async_create(MODEL, {"prompt": "It fails"})
    await prediction.async_wait()
    assert (prediction.status, prediction.error, prediction.output) == ("failed", "CUDA out of memory", None)


async def test_the_client_reads_a_refusal(client: Client) -> None:
    with pytest.raises(ReplicateError) as told:
        await client.models.predictions.async_create(MODEL, {"prompt": "An invalid input"})
    assert (told.value.status, told.value.title) == (422, "Input validation failed")


async def test_the_client_lists_page_by_page(upstream: FakeReplicate, client: Client) -> None:
    for number in range(103):
        upstream.take(MODEL, {"prompt": f"Number {number}"})
    first = await client.predictions.async_list()
    assert first.next is not None and first.previous is None
    second = await client.predictions.async_list(first.next.replace("https://elsewhere.example", upstream.url))
    assert (len(first.results), len(second.results), second.next) == (100, 3, None)
    assert {one.id for one in (*first.results, *second.results)} == set(upstream.predictions)


async def test_the_client_cancels(upstream: FakeReplicate, client: Client, ours: ReplicateProvider) -> None:
    upstream.render_seconds = 1_000.0
    prediction = await client.models.predictions.async_create(MODEL, INPUT)
    await prediction.async_cancel()
    assert prediction.status == "canceled"
    assert await ours.look(Ticket(MODEL, prediction.id)) == Sighting(Phase.CANCELLED)


async def test_the_client_uploads_a_file(upstream: FakeReplicate, client: Client) -> None:
    made = await client.files.async_create(io.BytesIO(b"a picture"), filename="picture.jpg", content_type="image/jpeg")
    assert (made.name, made.content_type, made.size) == ("picture.jpg", "image/jpeg", 9)
    assert made.urls["get"].startswith(f"{upstream.base_url}/files/")
    ((_, asked),) = [(kind, one) for kind, one in upstream.asked if kind == "file"]
    assert part_of(asked).get_payload(decode=True) == b"a picture"


async def test_the_client_accepts_the_webhooks_that_we_accept(upstream: FakeReplicate, ours: ReplicateProvider) -> None:
    received: list[Asked] = []
    come = asyncio.Event()

    async def receive(asked: Asked) -> Told:
        received.append(asked)
        come.set()
        return Told(204)

    async with serving(receive) as address:
        upstream.webhook_base = address
        ticket = await ours.submit(MODEL, INPUT, uuid4(), HOOK)
        await asyncio.wait_for(come.wait(), 30)
    asked = received[0]
    secret = WebhookSigningSecret(key=f"whsec_{base64.b64encode(SECRET).decode()}")
    Webhooks.validate(headers=asked.headers, body=asked.body.decode(), secret=secret, tolerance=300)
    notice = await ours.read_webhook(Knock(uuid4(), "", asked.headers, asked.body))
    assert notice.upstream_id == ticket.upstream_id


# Answers as Replicate documents them, read by our adapter. (HTTP reference, "Get a prediction"; the client's `Prediction` has the same.)

DOCUMENTED: dict[str, Any] = {
    "id": "gm3qorzdhgbfurvjtvhg6dckhu",
    "model": "replicate/hello-world",
    "version": "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa",
    "input": {"text": "Alice"},
    "logs": "",
    "output": None,
    "error": None,
    "status": "starting",
    "created_at": "2023-09-08T16:19:34.765994657Z",
    "data_removed": False,
    "urls": {
        "web": "https://replicate.com/p/gm3qorzdhgbfurvjtvhg6dckhu",
        "get": "https://api.replicate.com/v1/predictions/gm3qorzdhgbfurvjtvhg6dckhu",
        "cancel": "https://api.replicate.com/v1/predictions/gm3qorzdhgbfurvjtvhg6dckhu/cancel",
    },
}
STARTED = {"started_at": "2023-09-08T16:19:34.779176Z"}
OVER = STARTED | {"completed_at": "2023-09-08T16:19:34.791859Z", "metrics": {"predict_time": 0.012683, "total_time": 0.025865}}
BARS = "Using seed: 12345\n 18%|█▊        | 9/50 [00:01<00:05,  7.62it/s]\n 20%|██        | 10/50 [00:01<00:05,  7.61it/s]\n"
DELIVERED = "https://replicate.delivery/pbxt/hrd/output.mp4"
EXAMPLES = [
    ({}, Sighting(Phase.WAITING)),
    (STARTED | {"status": "processing"}, Sighting(Phase.RENDERING)),
    (STARTED | {"status": "processing", "logs": BARS}, Sighting(Phase.RENDERING, progress=0.2)),
    (OVER | {"status": "succeeded", "output": DELIVERED}, Sighting(Phase.SUCCEEDED, output=DELIVERED)),
    (OVER | {"status": "succeeded", "output": [DELIVERED]}, Sighting(Phase.SUCCEEDED, output=DELIVERED)),
    (OVER | {"status": "failed", "error": "Prediction failed."}, Sighting(Phase.FAILED, error="Prediction failed.")),
    (OVER | {"status": "canceled"}, Sighting(Phase.CANCELLED)),
]


@asynccontextmanager
async def telling(value: Any) -> AsyncIterator[ReplicateProvider]:
    """Our adapter, to which Replicate always says the same."""

    async def answer(_: Asked) -> Told:
        return Told.of(value)

    async with serving(answer) as address, provider(f"{address}/v1") as made:
        yield made


@pytest.mark.parametrize(("example", "expected"), EXAMPLES, ids=lambda value: value.get("status") if isinstance(value, dict) else "")
async def test_a_documented_answer_is_read_as_what_it_says(example: dict[str, Any], expected: Sighting) -> None:
    answered = DOCUMENTED | example
    known = Prediction(**answered)  # it is one to their client, too
    assert known.progress is None or known.progress.percentage == expected.progress
    async with telling(answered) as ours:
        assert await ours.look(Ticket("replicate/hello-world", answered["id"])) == expected


async def test_an_order_is_found_in_a_documented_list() -> None:
    page = {"next": None, "previous": None, "results": [DOCUMENTED, DOCUMENTED | {"id": "other", "input": {"text": "Bob"}}]}
    since = datetime(2023, 9, 8, 16, 19, 30, tzinfo=UTC)
    async with telling(page) as ours:
        assert await ours.find("replicate/hello-world", {"text": "Alice"}, since=since) == [DOCUMENTED["id"]]
