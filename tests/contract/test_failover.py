"""More than one remote provider, and one that knows orders by our own ids: who is asked, and how often."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from dustreel.base.vocabulary import AspectRatio, GenerationType, Mode
from dustreel.cli.serve import working
from dustreel.providers import Capability, NotAccepted, Order, Phase, Registry, Shot, Sighting, Ticket, Unclear
from dustreel.worker import lookout, pipeline, remote
from tests.conftest import User, house_with
from tests.fakes.films import film

WISH = {"duration": "short", "resolution": "sd_480p", "aspect_ratio": "16:9"}


SHORT = Capability(
    model="minimax/video-01",
    generation_types=frozenset(GenerationType),
    shots=(Shot(6, 720),),
    aspect_ratios=frozenset({AspectRatio.WIDE}),
    camera_fixed=False,
    reference_person=False,
)


class Kitchen:
    """A remote provider without a network. `answers` are what the next submits come to; after them it takes everything."""

    models: tuple[Capability, ...] = (SHORT,)

    def __init__(self, name: str, *answers: Exception, asked_twice_is_asked_once: bool = False) -> None:
        self.name, self.asked_twice_is_asked_once = name, asked_twice_is_asked_once
        self.answers = list(answers)
        self.asked: list[UUID] = []
        self.taken: set[UUID] = set()
        self.answers_never = False

    async def prepare(self, order: Order, model: str) -> Mapping[str, Any]:
        return {"prompt": order.prompt}

    async def submit(self, model: str, sent: Mapping[str, Any], submission_id: UUID, webhook_url: str | None) -> Ticket:
        self.asked.append(submission_id)
        if self.answers_never:
            await asyncio.Event().wait()
        answer = self.answers.pop(0) if self.answers else None
        if not isinstance(answer, NotAccepted):
            self.taken.add(submission_id)
        if answer is not None:
            raise answer
        return Ticket(model, f"{self.name} {submission_id}")

    async def look(self, ticket: Ticket) -> Sighting:
        return Sighting(Phase.SUCCEEDED, output="the video")

    async def cancel(self, ticket: Ticket) -> None:
        raise AssertionError("nobody asked for that")

    async def fetch(self, output: str, into: Path) -> None:
        await asyncio.to_thread(into.write_bytes, film(854, 480, 5))

    async def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "REMOTE_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(lookout, "LONGEST_PAUSE_SECONDS", 0.3)
    monkeypatch.setattr(remote, "FIRST_LOOK_SECONDS", 0.1)


@asynccontextmanager
async def staffed(database_url: str, home: Path, *kitchens: Kitchen) -> AsyncIterator[User]:
    """A caller with a live key in front of these providers."""
    settings: dict[str, Any] = {"providers": "replicate", "replicate_api_token": "x", "starting_dust": "100", "settle_seconds": "2"}
    settings["model_text"] = f"replicate/{SHORT.model}"  # what the kitchens make
    async with house_with(database_url, home, worker=False, **settings) as house:
        registry = house.service.registry
        sandbox = registry.local("sandbox")
        assert sandbox is not None
        service = replace(house.service, registry=Registry(kitchens, sandbox))
        async with working(service), house.user(mode=Mode.LIVE) as caller:
            yield caller


async def test_the_next_provider_is_asked_when_the_first_provably_refused(database_url: str, tmp_path: Path) -> None:
    first, second = Kitchen("replicate", NotAccepted("closed today")), Kitchen("second")
    async with staffed(database_url, tmp_path, first, second) as caller:
        result = await caller.until_final(await caller.generate(**WISH))
        assert result["generation_info"]["model_used"] == "second/minimax-video-01"
        assert (len(first.asked), len(second.asked)) == (1, 1) and not first.taken
        assert await caller.dust() == (90, 0, 90)


async def test_the_next_provider_is_asked_when_the_first_would_never_take_it(database_url: str, tmp_path: Path) -> None:
    first, second = Kitchen("replicate", NotAccepted("no such input", for_good=True)), Kitchen("second")
    async with staffed(database_url, tmp_path, first, second) as caller:
        assert (await caller.until_final(await caller.generate(**WISH)))["success"]
        assert (len(first.asked), len(second.asked)) == (1, 1)
        assert await caller.dust() == (90, 0, 90)


async def test_what_nobody_would_ever_take_is_not_asked_again(database_url: str, tmp_path: Path) -> None:
    only = Kitchen("replicate", NotAccepted("no such input", for_good=True))
    async with staffed(database_url, tmp_path, only) as caller:
        result = await caller.until_final(await caller.generate(**WISH))
        assert result["error"] == "Video generation failed: no such input"
        assert len(only.asked) == 1
        assert await caller.dust() == (100, 0, 100)


async def test_an_answer_that_never_ends_is_none(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "SUBMIT_SECONDS", 0.2)
    slow = Kitchen("replicate")
    slow.answers_never = True
    async with staffed(database_url, tmp_path, slow) as caller:
        result = await caller.until_final(await caller.generate(**WISH))
        assert result["error"] == "Video generation failed: It could not be learned whether the provider took it"
        assert await caller.dust() == (100, 0, 100)


async def test_no_other_provider_is_asked_after_an_unclear_answer(database_url: str, tmp_path: Path) -> None:
    first, second = Kitchen("replicate", Unclear("no answer")), Kitchen("second")
    async with staffed(database_url, tmp_path, first, second) as caller:
        result = await caller.until_final(await caller.generate(**WISH))
        assert result["error"] == "Video generation failed: It could not be learned whether the provider took it"
        assert (len(first.asked), len(second.asked)) == (1, 0)
        assert await caller.dust() == (100, 0, 100)


async def test_a_provider_that_knows_our_ids_is_asked_again_under_the_same_one(database_url: str, tmp_path: Path) -> None:
    kitchen = Kitchen("replicate", Unclear("no answer"), TimeoutError(), asked_twice_is_asked_once=True)
    async with staffed(database_url, tmp_path, kitchen) as caller:
        assert (await caller.until_final(await caller.generate(**WISH)))["success"]
        assert len(kitchen.asked) == 3 and len(set(kitchen.asked)) == 1
        assert await caller.dust() == (90, 0, 90)


async def test_a_job_whose_provider_is_no_longer_configured_is_given_back(database_url: str, tmp_path: Path) -> None:
    async with staffed(database_url, tmp_path, Kitchen("another")) as caller:
        result = await caller.until_final(await caller.generate(**WISH))
        assert result["error"] == "Video generation failed: The provider that was to make it is no longer there"
        assert await caller.dust() == (100, 0, 100)
