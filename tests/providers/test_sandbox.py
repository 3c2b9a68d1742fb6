"""The sandbox as a provider: real files, honest progress, directives, and no process left behind."""

import asyncio
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import av
import psutil
import pytest

from dustreel.base.vocabulary import AspectRatio, Frame, GenerationType, Resolution, Seconds
from dustreel.providers import Order, Refused, Stumbled
from dustreel.providers.sandbox import SandboxProvider, directives_of
from dustreel.providers.sandbox.directives import UnknownDirective
from tests.conftest import eventually


@pytest.fixture(scope="module")
async def sandbox() -> Any:
    provider = SandboxProvider(processes=1)
    await provider.warm()
    yield provider
    await provider.close()


def order(prompt: str, **changes: Any) -> Order:
    values: dict[str, Any] = {
        "job_id": uuid4(),
        "attempt": 1,
        "generation_type": GenerationType.TEXT_TO_VIDEO,
        "prompt": prompt,
        "seconds": Seconds(5),
        "resolution": Resolution.SD_480P,
        "aspect_ratio": AspectRatio.WIDE,
        "camera_fixed": False,
        "picture": None,
        "reference_person": False,
        "directives": True,
    }
    return Order(**(values | changes))


async def rendered(provider: SandboxProvider, what: Order, into: Path) -> list[float]:
    told: list[float] = []

    async def tell(share: float) -> None:
        told.append(share)

    await provider.render(what, into, tell)
    return told


async def test_a_real_render_is_exact_and_tells_honest_progress(sandbox: SandboxProvider, tmp_path: Path) -> None:
    file = tmp_path / "video.mp4"
    told = await rendered(sandbox, order("A sailboat at sunset"), file)
    assert told[0] == 0.0 and told == sorted(told) and told[-1] < 1.0 and len(set(told)) >= 15
    with av.open(str(file), "r") as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.codec_context.pix_fmt) == (854, 480, "yuv420p")
        assert (stream.codec_context.profile, container.duration) == ("High", 5 * av.time_base)
        assert float(stream.average_rate or 0) == 24
        assert (stream.codec_context.colorspace, stream.codec_context.color_primaries, stream.codec_context.color_trc) == (1, 1, 1)
        assert sum(1 for _ in container.decode(stream)) == 120
        (sound,) = container.streams.audio
        assert (sound.codec_context.name, sound.rate, sound.codec_context.channels) == ("aac", 48_000, 2)
        assert "no AI model" in container.metadata["comment"]
    head = file.read_bytes()[:64]
    assert head.index(b"ftyp") < 16 and b"moov" in head, "it plays before it has been read to its end"


async def test_a_prompt_may_ask_for_silence(sandbox: SandboxProvider, tmp_path: Path) -> None:
    file = tmp_path / "video.mp4"
    await rendered(sandbox, order("A sailboat at sunset [sandbox:silent]"), file)
    with av.open(str(file), "r") as container:
        assert not container.streams.audio
        assert container.streams.video[0].frames == 120


@pytest.mark.parametrize("aspect", AspectRatio)
async def test_every_shape_is_exact(sandbox: SandboxProvider, tmp_path: Path, aspect: AspectRatio) -> None:
    file = tmp_path / "video.mp4"
    await rendered(sandbox, order("A fox [sandbox:instant]", aspect_ratio=aspect, resolution=Resolution.HD_720P), file)
    with av.open(str(file), "r") as container:
        stream = container.streams.video[0]
        assert Frame(stream.width, stream.height) == Frame.of(Resolution.HD_720P, aspect)


@pytest.mark.parametrize(
    ("prompt", "error", "text"),
    [
        ("x [sandbox:fail=Model timeout]", Refused, "Model timeout"),
        ("x [sandbox:fail]", Refused, "told to fail"),
        ("x [sandbox:moderated]", Refused, "Model refused the prompt"),
        ("x [sandbox:flaky]", Stumbled, "stumble"),
        ("x [sandbox:instnat]", Refused, "did you mean instant"),
        ("x [sandbox:seconds=soon]", Refused, "must be a number"),
    ],
)
async def test_directives_end_as_they_say(sandbox: SandboxProvider, tmp_path: Path, prompt: str, error: type[Exception], text: str) -> None:
    assert sandbox.is_light(order(prompt)) is not (error is Stumbled)
    with pytest.raises(error, match=text):
        await rendered(sandbox, order(prompt), tmp_path / "video.mp4")


async def test_an_instant_order_is_instant(sandbox: SandboxProvider, tmp_path: Path) -> None:
    took = []
    for prompt in ("x [sandbox:instant]", "A fox in the snow [sandbox:instant]", "The sea [sandbox:instant]"):
        began = time.monotonic()
        await rendered(sandbox, order(prompt), tmp_path / "video.mp4")
        took.append(time.monotonic() - began)
    # 0.4 s where nothing else runs.
    assert min(took) < 1.5


async def test_a_flaky_order_succeeds_at_its_second_attempt(sandbox: SandboxProvider, tmp_path: Path) -> None:
    await rendered(sandbox, order("x [sandbox:flaky] [sandbox:instant]", attempt=2), tmp_path / "video.mp4")
    assert (tmp_path / "video.mp4").stat().st_size > 1000


async def test_a_paced_order_takes_its_time_and_tells_it(sandbox: SandboxProvider, tmp_path: Path) -> None:
    began = time.monotonic()
    told = await rendered(sandbox, order("x [sandbox:seconds=2]"), tmp_path / "video.mp4")
    assert time.monotonic() - began > 1.8
    assert told == sorted(told) and len(told) >= 6 and told[-1] < 1.0
    assert (tmp_path / "video.mp4").exists()


async def test_directives_are_text_where_they_are_not_honoured(sandbox: SandboxProvider, tmp_path: Path) -> None:
    what = order("A quiet pond [sandbox:fail]", directives=False)
    assert not sandbox.is_light(what)
    await rendered(sandbox, what, tmp_path / "video.mp4")


async def test_a_cancelled_render_is_gone_within_a_second(tmp_path: Path) -> None:
    under_way = asyncio.Event()

    async def tell(share: float) -> None:
        if share > 0:
            under_way.set()

    others = {child.pid for child in psutil.Process().children()}
    provider = SandboxProvider(processes=1)
    await provider.warm()
    (renderer,) = [child for child in psutil.Process().children() if child.pid not in others]
    what = order("A storm", seconds=Seconds(15), resolution=Resolution.HD_1080P)
    task = asyncio.create_task(provider.render(what, tmp_path / "v.mp4", tell))
    await asyncio.wait_for(under_way.wait(), 60)
    cancelled_at = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async def gone() -> bool:
        return not renderer.is_running()

    await eventually(gone, "the renderer to be gone")
    assert time.monotonic() - cancelled_at < 1.0
    await provider.close()


def test_directives_are_read_from_the_end_only() -> None:
    prompt, directives = directives_of("A [sandbox:fail] in the middle [sandbox:INSTANT] [sandbox:seconds=1.5]")
    assert prompt == "A [sandbox:fail] in the middle"
    assert (directives.instant, directives.seconds, directives.fail) == (True, 1.5, None)
    with pytest.raises(UnknownDirective, match="not a directive"):
        directives_of("x [sandbox:levitate]")
