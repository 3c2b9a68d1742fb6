"""What an operator and a caller can learn of the models, before anything is charged."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from dustreel.base.errors import Misconfigured
from dustreel.base.vocabulary import Mode
from dustreel.cli import tryout
from dustreel.http.schemas import Models
from tests.conftest import User, eventually, house_with
from tests.fakes.films import film
from tests.fakes.replicate import TOKEN, FakeReplicate
from tests.fakes.scripted import Fault

SETTINGS: dict[str, Any] = {"providers": "replicate,sandbox", "replicate_api_token": TOKEN, "starting_dust": "100"}
UNPRICED = """
[[replicate]]
model = "acme/free"
types = ["text_to_video"]
aspect_ratios = ["16:9"]
expected_seconds = 60
inputs = {}
shots = [{ seconds = [5], short_side = 720 }]
"""


async def shown(caller: User) -> dict[str, Any]:
    """The models by name, as the caller sees them."""
    answer = await caller.api.get("/videos/models")
    assert answer.status_code == 200
    Models.model_validate(answer.json())
    return {model["model"]: model for model in answer.json()["models"]}


async def test_a_caller_sees_the_models_that_may_make_something_for_it(database_url: str, tmp_path: Path) -> None:
    async with house_with(database_url, tmp_path, worker=False, **SETTINGS) as house:
        async with house.user(mode=Mode.LIVE) as caller:
            models = await shown(caller)
            assert "sandbox/animatic-1" not in models, "nobody pays for a cartoon"
            assert next(iter(models)) == "replicate/bytedance-seedance-1-pro"
            hailuo = models["replicate/minimax-hailuo-2.3"]
            assert {"duration": "medium", "resolution": "hd_1080p", "native": False} in hailuo["makes"]
            assert not any(made["duration"] == "long" for made in hailuo["makes"])
            assert models["replicate/wan-video-wan-2.2-i2v-fast"]["generation_types"] == ["image_to_video"]
        async with house.user(mode=Mode.TEST) as tester:
            (sandbox,) = (await shown(tester)).values()
            assert len(sandbox["makes"]) == 12 and all(made["native"] for made in sandbox["makes"])


async def test_a_pinned_model_is_shown_for_its_kind_alone(database_url: str, tmp_path: Path) -> None:
    pins = {"model_text": "replicate/minimax/video-01", "model_image": "replicate/wan-video/wan-2.2-i2v-fast"}
    async with house_with(database_url, tmp_path, worker=False, **SETTINGS, **pins) as house, house.user(mode=Mode.LIVE) as caller:
        models = await shown(caller)
        assert {name: model["generation_types"] for name, model in models.items()} == {
            "replicate/minimax-video-01": ["text_to_video"],
            "replicate/wan-video-wan-2.2-i2v-fast": ["image_to_video"],
        }


async def test_what_nobody_can_make_is_refused_with_what_can_be_had(database_url: str, tmp_path: Path) -> None:
    async with house_with(database_url, tmp_path, worker=False, **SETTINGS) as house, house.user(mode=Mode.LIVE) as caller:
        wish = {"user_id": str(caller.id), "prompt": "A pond", "duration": "short", "resolution": "4k_2160p", "aspect_ratio": "16:9"}
        answer = await caller.api.post("/videos/generate", json=wish)
        assert (answer.status_code, answer.json()["code"]) == (422, "unsupported_combination")
        nearest = answer.json()["alternatives"][0]
        assert (nearest["duration"], nearest["aspect_ratio"]) == ("short", "16:9") and nearest["resolution"] != "4k_2160p"
        assert await caller.dust() == (100, 0, 100)


async def test_the_doctor_tells_whether_a_key_works_and_who_would_be_asked(database_url: str, tmp_path: Path) -> None:
    async with FakeReplicate(film(854, 480, 5)).running() as upstream:
        settings = SETTINGS | {"replicate_base_url": upstream.base_url}
        async with house_with(database_url, tmp_path, worker=False, **settings) as house:
            assert await tryout.checks(house.service) == [("replicate: the token is acme's; 9 models", True)]
            lines = tryout.routes(house.service)
            assert lines[0] == "text_to_video, 5 s, hd_720p, 16:9: replicate/bytedance-seedance-1-pro, natively"
            upstream.fail_next("account", Fault(status=401))
            assert await tryout.checks(house.service) == [("replicate: Replicate answered 401", False)]


async def test_an_operator_has_one_video_made_to_see_it(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tryout, "LOOK_SECONDS", 0.05)
    async with FakeReplicate(film(1280, 720, 6)).running() as upstream:
        settings = SETTINGS | {"replicate_base_url": upstream.base_url}
        async with house_with(database_url, tmp_path, worker=False, **settings) as house:
            into = tmp_path / "seen.mp4"
            await tryout.try_out(house.service, "replicate", "minimax/video-01", into, sure=True)
            said = capsys.readouterr().out
            assert "6 s of 720p for about $0.50" in said and "5.0 s, 854x480" in said and "trimmed_from" in said
            assert into.stat().st_size > 1_000 and [made.model for made in upstream.predictions.values()] == ["minimax/video-01"]
            with pytest.raises(Misconfigured, match="no such model"):
                await tryout.try_out(house.service, "replicate", "nobody", into, sure=True)
            with pytest.raises(Misconfigured, match="no remote provider"):
                await tryout.try_out(house.service, "sandbox", None, into, sure=True)


async def test_an_operator_who_stops_waiting_does_not_pay_for_what_is_not_made(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tryout, "LOOK_SECONDS", 0.05)
    async with FakeReplicate(film(1280, 720, 6)).running() as upstream:
        upstream.render_seconds = 60.0
        settings = SETTINGS | {"replicate_base_url": upstream.base_url}
        async with house_with(database_url, tmp_path, worker=False, **settings) as house:
            order = tryout.try_out(house.service, "replicate", "minimax/video-01", tmp_path / "seen.mp4", sure=True)
            waiting = asyncio.create_task(order)

            async def looked_at() -> bool:
                return upstream.count("look") > 0

            await eventually(looked_at, "a look at the order")
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            (made,) = upstream.predictions.values()
            assert made.cancelled and f"{made.id} is cancelled." in capsys.readouterr().out


async def test_the_doctor_names_what_a_budget_does_not_count(database_url: str, tmp_path: Path) -> None:
    models = tmp_path / "models.toml"
    models.write_text(UNPRICED)
    async with FakeReplicate(film(854, 480, 5)).running() as upstream:
        settings = SETTINGS | {"replicate_base_url": upstream.base_url, "models_file": str(models), "provider_budgets": "replicate=5"}
        async with house_with(database_url, tmp_path, worker=False, **settings) as house:
            ((line, is_well),) = await tryout.checks(house.service)
            assert is_well and line.endswith("; its budget does not count acme/free, which the catalogue has no price for")
