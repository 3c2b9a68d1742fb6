"""More than one remote provider, and one that knows orders by our own ids: who is asked, and how often."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from dustreel.base.vocabulary import AspectRatio, GenerationType, Mode
from dustreel.cli.serve import working
from dustreel.jobs import desk, traffic
from dustreel.providers import Capability, NotAccepted, Order, Phase, Registry, Shot, Sighting, Ticket, Unclear
from dustreel.worker import lookout, pipeline, remote
from tests.conftest import User, eventually, house_with
from tests.fakes.films import film

WISH = {"duration": "short", "resolution": "sd_480p", "aspect_ratio": "16:9"}


SHORT = Capability(
    model="minimax/video-01",
    generation_types=frozenset(GenerationType),
    shots=(Shot(6, 720, usd=Decimal("0.30")),),
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
        self.renders_on = False
        self._under_way: set[str] = set()
        self.most_at_once = 0

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
        self._under_way.add(f"{self.name} {submission_id}")
        self.most_at_once = max(self.most_at_once, len(self._under_way))
        return Ticket(model, f"{self.name} {submission_id}")

    async def look(self, ticket: Ticket) -> Sighting:
        if self.renders_on:
            return Sighting(Phase.WAITING)
        self._under_way.discard(ticket.upstream_id)
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
    monkeypatch.setattr(traffic, "FULL_SECONDS", 0.2)
    # The kitchens stand in the worker alone; the desk knows nothing of them, and is not to hear that one is closed.
    monkeypatch.setattr(desk, "SHUT_KNOWN_SECONDS", math.inf)


@asynccontextmanager
async def staffed(database_url: str, home: Path, *kitchens: Kitchen, **changes: str) -> AsyncIterator[User]:
    """A caller with a live key in front of these providers."""
    settings: dict[str, Any] = {"providers": "replicate", "replicate_api_token": "x", "starting_dust": "100", "settle_seconds": "2"}
    settings["model_text"] = f"replicate/{SHORT.model}"  # what the kitchens make
    async with house_with(database_url, home, worker=False, **(settings | changes)) as house:
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


async def test_a_provider_that_has_enough_is_waited_for(database_url: str, tmp_path: Path) -> None:
    kitchen = Kitchen("replicate")
    kitchen.renders_on = True
    async with staffed(database_url, tmp_path, kitchen, provider_concurrency="replicate=1") as caller:
        jobs = [await caller.generate(**WISH) for _ in range(3)]
        await _until(lambda: len(kitchen.taken) == 1, "one to be taken")
        await caller.until(jobs[-1], "starting")
        kitchen.renders_on = False
        assert all([(await caller.until_final(job))["success"] for job in jobs])
        assert kitchen.most_at_once == 1 and len(kitchen.asked) == 3


async def test_a_provider_that_throttles_is_asked_again_when_it_says_and_no_job_fails_of_it(database_url: str, tmp_path: Path) -> None:
    throttled = [NotAccepted("throttled", retry_after=0.1) for _ in range(pipeline.STUMBLES_AT_MOST + 1)]
    kitchen = Kitchen("replicate", *throttled)
    async with staffed(database_url, tmp_path, kitchen) as caller:
        assert (await caller.until_final(await caller.generate(**WISH)))["success"]
        assert len(kitchen.asked) == len(throttled) + 1
        assert await caller.dust() == (90, 0, 90)


async def test_a_provider_that_fails_again_and_again_is_passed_over(database_url: str, tmp_path: Path) -> None:
    down = [NotAccepted("down") for _ in range(traffic.FAILURES_AT_MOST)]
    first, second = Kitchen("replicate", *down), Kitchen("second")
    async with staffed(database_url, tmp_path, first, second) as caller:
        for _ in range(len(down) + 2):
            assert (await caller.until_final(await caller.generate(**WISH)))["generation_info"]["model_used"] == "second/minimax-video-01"
        assert len(first.asked) == len(down), "after so many failures nobody asks it"


async def test_a_probe_finds_that_it_is_well_again(database_url: str, tmp_path: Path) -> None:
    down = [NotAccepted("down") for _ in range(traffic.FAILURES_AT_MOST)]
    first, second = Kitchen("replicate", *down), Kitchen("second")
    async with staffed(database_url, tmp_path, first, second, circuit_seconds="0.2") as caller:

        async def back() -> bool:
            result = await caller.until_final(await caller.generate(**WISH))
            return bool(result["generation_info"]["model_used"] == "replicate/minimax-video-01")

        await eventually(back, "the first to be asked again")
        assert len(first.asked) == len(down) + 1


async def test_no_more_is_ordered_than_the_days_budget_pays_for(database_url: str, tmp_path: Path) -> None:
    first, second = Kitchen("replicate"), Kitchen("fal")
    # What is left at the end is less than an order's price at either.
    async with staffed(database_url, tmp_path, first, second, provider_budgets="replicate=0.70,fal=0.40") as caller:
        used = [(await caller.until_final(await caller.generate(**WISH)))["generation_info"]["model_used"] for _ in range(3)]
        assert used == ["replicate/minimax-video-01", "replicate/minimax-video-01", "fal/minimax-video-01"]
        result = await caller.until_final(await caller.generate(**WISH))
        assert result["error"] == "Video generation failed: No more videos can be ordered today"
        assert await caller.dust() == (70, 0, 70)


async def test_a_repetition_that_is_refused_proves_nothing_about_the_first_time(database_url: str, tmp_path: Path) -> None:
    """It may have been taken; so nobody else is asked."""
    kitchen = Kitchen("replicate", Unclear("no answer"), *[NotAccepted("busy", retry_after=0.1)] * 1_000, asked_twice_is_asked_once=True)
    other = Kitchen("second")
    async with staffed(database_url, tmp_path, kitchen, other) as caller:
        result = await caller.until_final(await caller.generate(**WISH))
        assert result["error"] == "Video generation failed: It could not be learned whether the provider took it"
        assert len(set(kitchen.asked)) == 1 and len(kitchen.asked) > 1 and other.asked == []
        assert await caller.dust() == (100, 0, 100)


async def test_a_provider_that_was_too_busy_is_asked_again_when_the_other_can_not(database_url: str, tmp_path: Path) -> None:
    first, second = Kitchen("replicate", NotAccepted("throttled", retry_after=0.5)), Kitchen("fal")
    async with staffed(database_url, tmp_path, first, second, provider_budgets="fal=0.10") as caller:
        result = await caller.until_final(await caller.generate(**WISH))
        assert result["generation_info"]["model_used"] == "replicate/minimax-video-01"
        assert (len(first.asked), len(second.asked)) == (2, 0)


async def _until(holds: Callable[[], bool], what: str) -> None:
    async def look() -> bool:
        return holds()

    await eventually(look, what)
