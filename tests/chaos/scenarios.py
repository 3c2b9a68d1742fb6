"""What callers do while processes die: one short story each, with what the provider and the disk do meanwhile."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache

from PIL import Image

from tests.chaos.cog import RealCog
from tests.chaos.front import Front
from tests.chaos.stage import Play, Stage, Victim
from tests.fakes.scripted import Fault
from tests.fakes.vendors import Fal, OpenAICompatible, Replicate, Vendor

OBSTACLE_SECONDS = 1.0
PUBLIC = {"DUSTREEL_PUBLIC_URL": "https://dustreel.test"}


async def replicate(stage: Stage) -> Vendor:
    return Replicate()


async def fal(stage: Stage) -> Vendor:
    return Fal()


async def vllm(stage: Stage) -> Vendor:
    return OpenAICompatible()


async def cog(stage: Stage) -> Vendor:
    return RealCog(await stage.cog())


@dataclass(frozen=True)
class Scenario:
    name: str
    tell: Callable[[Play, Front], Awaitable[None]]
    victim: Victim = Victim.PROCESS
    workers: int = 1
    settings: dict[str, str] = field(default_factory=dict)
    mode: str = "live"
    vendor: Callable[[Stage], Awaitable[Vendor]] = replicate
    only_its_story: bool = False
    """Whether what every scenario has, at each start and by the clock, is left to the others."""
    in_bucket: bool = False
    """Whether videos are kept in a bucket. What is said to that is then its whole story."""


async def text(play: Play, front: Front) -> None:
    await front.generate("A lighthouse")


async def picture(play: Play, front: Front) -> None:
    await front.animate("It dances", jpeg())


async def failing(play: Play, front: Front) -> None:
    await front.generate("It fails")


async def moderated(play: Play, front: Front) -> None:
    await front.generate("It is moderated")


async def refused(play: Play, front: Front) -> None:
    play.upstream.fail_next("create", Fault(status=429))
    await front.generate("A lighthouse")


async def cancel_queued(play: Play, front: Front) -> None:
    play.upstream.render_seconds = 60.0
    await front.cancel(await front.generate("A lighthouse"))


async def cancel_starting(play: Play, front: Front) -> None:
    play.upstream.boot_seconds, play.upstream.cancels_ignored = 60.0, 1
    job = await front.generate("A lighthouse")
    await front.until(job, "starting")
    await front.cancel(job)


async def cancel_processing(play: Play, front: Front) -> None:
    play.upstream.render_seconds = 60.0
    job = await front.generate("A lighthouse")
    await front.until(job, "processing")
    await front.cancel(job)
    await front.cancel(job)


async def late_success(play: Play, front: Front) -> None:
    """The provider doesn't listen to the cancel, and delivers."""
    play.upstream.render_seconds, play.upstream.cancels_ignored = 1.5, 1_000
    job = await front.generate("A lighthouse")
    await front.until(job, "processing")
    await front.cancel(job)


async def webhook_and_poll(play: Play, front: Front) -> None:
    play.upstream.boot_seconds = 0.3
    await front.generate("A lighthouse")


async def webhook_twice(play: Play, front: Front) -> None:
    play.upstream.webhook_copies = 2
    await front.generate("A lighthouse")


async def ambiguous(play: Play, front: Front) -> None:
    """The order was taken, and the answer lost."""
    play.upstream.fail_next(play.vendor.kinds["create"], Fault(cut=True, done_first=True))
    await front.generate("A lighthouse")


async def ambiguous_untaken(play: Play, front: Front) -> None:
    play.upstream.fail_next("create", Fault(status=502))
    await front.generate("A lighthouse")


async def unsteady(play: Play, front: Front) -> None:
    """Looks and downloads break, each in its way."""
    play.upstream.fail_next("look", Fault(cut=True), Fault(garbage=True))
    play.upstream.fail_next("output", Fault(half=True))
    await front.generate("A lighthouse")


async def storage_failing(play: Play, front: Front) -> None:
    """A file stands where the folder of videos should be, until somebody removes it."""
    await front.ask("GET", "/healthz")
    videos = play.home / "media" / "videos"
    videos.rename(play.home / "aside")
    videos.touch()

    async def remove() -> None:
        await asyncio.sleep(OBSTACLE_SECONDS)
        videos.unlink()
        (play.home / "aside").rename(videos)

    await asyncio.gather(front.generate("A lighthouse"), remove())


async def slow_on_cog(play: Play, front: Front) -> None:
    job = await front.generate("A lighthouse, slowly")
    await front.until(job, "processing")
    await front.cancel(job)


async def repeated(play: Play, front: Front) -> None:
    """Ten copies of one request at once, as an impatient client sends them."""
    await front.generate("A lighthouse", copies=10)


async def several(play: Play, front: Front) -> None:
    await asyncio.gather(*(front.generate(f"Lighthouse {number}") for number in range(2)))


async def drawn(play: Play, front: Front) -> None:
    await front.generate("A pond [sandbox:instant]")


async def drawn_flaky(play: Play, front: Front) -> None:
    await front.generate("A pond [sandbox:flaky] [sandbox:instant]")


async def drawn_and_cancelled(play: Play, front: Front) -> None:
    job = await front.generate("A pond [sandbox:hang]")
    await front.until(job, "processing")
    await front.cancel(job)


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("text", text),
        Scenario("picture", picture),
        Scenario("failing", failing, only_its_story=True),
        Scenario("moderated", moderated, only_its_story=True),
        Scenario("refused", refused, only_its_story=True),
        Scenario("cancel queued", cancel_queued, only_its_story=True),
        Scenario("cancel starting", cancel_starting, only_its_story=True),
        Scenario("cancel processing", cancel_processing, only_its_story=True),
        Scenario("late success", late_success, only_its_story=True),
        Scenario("webhook and poll", webhook_and_poll, settings=PUBLIC),
        Scenario("webhook twice", webhook_twice, settings=PUBLIC, only_its_story=True),
        Scenario("ambiguous", ambiguous, only_its_story=True),
        Scenario("ambiguous untaken", ambiguous_untaken, only_its_story=True),
        Scenario("unsteady", unsteady, only_its_story=True),
        Scenario("storage failing", storage_failing),
        Scenario("bucket", text, in_bucket=True, only_its_story=True),
        Scenario("repeated", repeated, only_its_story=True),
        Scenario("two workers", several, workers=2),
        Scenario("database", text, victim=Victim.DATABASE),
        Scenario("stopped", text, victim=Victim.STOPPED),
        Scenario("fal webhook", webhook_twice, settings=PUBLIC, vendor=fal, only_its_story=True),
        Scenario("fal cancel", cancel_processing, vendor=fal, only_its_story=True),
        Scenario("vllm ambiguous", ambiguous, vendor=vllm, only_its_story=True),
        Scenario("cog", text, vendor=cog, only_its_story=True),
        Scenario("cog cancel", slow_on_cog, vendor=cog, only_its_story=True),
        Scenario("drawn", drawn, mode="test"),
        Scenario("drawn flaky", drawn_flaky, mode="test", only_its_story=True),
        Scenario("drawn and cancelled", drawn_and_cancelled, mode="test", only_its_story=True),
    )
}


@cache
def jpeg() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((320, 180)).save(out, "JPEG")
    return out.getvalue()
