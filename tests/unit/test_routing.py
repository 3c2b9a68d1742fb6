"""Who renders: the first provider in order that can; nobody pays for a cartoon that a model should have made."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dustreel.base.vocabulary import AspectRatio, Duration, GenerationType, Mode, Resolution, Seconds
from dustreel.providers import Capability, Order, Registry, Shot, Tell, UnsupportedCombination, Want, model_used

ALL = Capability(
    model="everything",
    generation_types=frozenset(GenerationType),
    shots=tuple(Shot(seconds, resolution.short_side) for seconds in (5, 10, 15) for resolution in Resolution),
    aspect_ratios=frozenset(AspectRatio),
    camera_fixed=True,
    reference_person=True,
)
SHORT_ONLY = replace(
    ALL, model="acme/short-01", shots=tuple(shot for shot in ALL.shots if shot.seconds == 5), camera_fixed=False, reference_person=False
)
WANT = Want(GenerationType.TEXT_TO_VIDEO, Seconds(5), Resolution.HD_720P, AspectRatio.WIDE, camera_fixed=False, reference_person=False)


@dataclass
class Stub:
    name: str
    models: tuple[Capability, ...]
    closed: int = 0
    warmed: int = 0

    def is_light(self, order: Order) -> bool:
        return True

    async def render(self, order: Order, into: Path, tell: Tell) -> None:
        raise NotImplementedError

    async def warm(self) -> None:
        self.warmed += 1

    async def close(self) -> None:
        self.closed += 1


def test_the_first_that_can_is_chosen() -> None:
    first, second, sandbox = Stub("first", (SHORT_ONLY,)), Stub("second", (ALL,)), Stub("sandbox", (ALL,))
    registry = Registry([first, second, sandbox], sandbox)
    assert registry.route(WANT, Mode.LIVE).model_used == "first/acme-short-01"
    assert registry.route(replace(WANT, seconds=Duration.LONG.seconds), Mode.LIVE).provider is second
    assert registry.route(replace(WANT, camera_fixed=True), Mode.LIVE).provider is second
    assert registry.route(WANT, Mode.TEST).provider is sandbox


def test_a_live_job_reaches_the_sandbox_only_where_it_stands_alone() -> None:
    first, sandbox = Stub("first", (SHORT_ONLY,)), Stub("sandbox", (ALL,))
    assert Registry([sandbox], sandbox).route(WANT, Mode.LIVE).provider is sandbox
    with pytest.raises(UnsupportedCombination) as told:
        Registry([first, sandbox], sandbox).route(replace(WANT, seconds=Duration.LONG.seconds), Mode.LIVE)
    nearest = {"duration": "short", "resolution": "hd_720p", "aspect_ratio": "16:9", "camera_fixed": False}
    assert told.value.extra["alternatives"][0] == nearest  # type: ignore[index]


def test_a_job_finds_its_provider_again_or_that_it_is_gone() -> None:
    sandbox = Stub("sandbox", (ALL,))
    registry = Registry([sandbox], sandbox)
    assert registry.local("sandbox") is sandbox and registry.remote("sandbox") is None
    assert registry.local("gone") is None and registry.remote("gone") is None


def test_who_has_refused_is_left_out() -> None:
    first, second, sandbox = Stub("first", (ALL,)), Stub("second", (ALL,)), Stub("sandbox", (ALL,))
    registry = Registry([first, second, sandbox], sandbox)
    assert registry.route(WANT, Mode.LIVE, without=frozenset({"first"})).provider is second
    with pytest.raises(UnsupportedCombination):
        registry.route(WANT, Mode.LIVE, without=frozenset({"first", "second"}))


async def test_each_provider_is_warmed_and_closed_once() -> None:
    first, sandbox = Stub("first", (ALL,)), Stub("sandbox", (ALL,))
    registry = Registry([first, sandbox], sandbox)
    await registry.warm()
    await registry.close()
    assert [(stub.warmed, stub.closed) for stub in (first, sandbox)] == [(1, 1), (1, 1)]


def test_a_models_slashes_become_hyphens() -> None:
    assert model_used("replicate", "minimax/video-01") == "replicate/minimax-video-01"
