"""The sandbox as a provider: waits in the event loop, renders in a process of its own."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dustreel.base.log import logger
from dustreel.base.vocabulary import AspectRatio, Duration, GenerationType, Resolution
from dustreel.base.workshop import Broke, Declined, Workshop
from dustreel.providers.port import Capability, Order, Refused, Shot, Stumbled, Tell
from dustreel.providers.sandbox.directives import Directives, UnknownDirective, directives_of

log = logger(__name__)

ANIMATIC = Capability(
    model="animatic-1",
    generation_types=frozenset(GenerationType),
    shots=tuple(Shot(duration.seconds, resolution.short_side) for duration in Duration for resolution in Resolution),
    aspect_ratios=frozenset(AspectRatio),
    camera_fixed=True,
    reference_person=True,
)
# Renders yield to the API, which people wait for.
NICENESS = 5
# Quick orders shouldn't wait for a place behind long ones.
EXTRA_PLACES = 2
PACE_SECONDS = 0.25
# A paced order leaves this share of its time for making the file.
PACED_SHARE = 0.95
REFUSAL = "Model refused the prompt: it was flagged by the content policy"


class SandboxProvider:
    """A `LocalProvider`."""

    name = "sandbox"
    models: tuple[Capability, ...] = (ANIMATIC,)

    def __init__(self, *, processes: int) -> None:
        """`processes`: how many busy renders may run at the same time."""
        self._shop = Workshop("dustreel.providers.sandbox.bench", places=processes + EXTRA_PLACES, niceness=NICENESS)

    def is_light(self, order: Order) -> bool:
        try:
            _, directives = _read(order)
        except Refused:
            return True
        return directives.keeps_no_processor_busy

    async def warm(self) -> None:
        await self._shop.warm()

    async def close(self) -> None:
        await self._shop.close()

    async def render(self, order: Order, into: Path, tell: Tell) -> None:
        prompt, directives = _read(order)
        if directives != Directives():
            await self._play(directives, order, tell)
        draft = directives.instant or directives.seconds is not None
        work = {
            "prompt": prompt,
            "picture": None if order.picture is None else str(order.picture),
            "width": order.frame.width,
            "height": order.frame.height,
            "seconds": order.seconds,
            "camera_fixed": order.camera_fixed,
            "draft": draft,
            "silent": directives.silent,
            "into": str(into),
        }

        async def told(progress: Mapping[str, Any]) -> None:
            # A draft is over before its progress is of use, and a paced order's was told by the clock.
            if not draft or (progress["share"] == 0 and directives.seconds is None):
                await tell(progress["share"])

        try:
            await self._shop.run(work, told=told)
        except Declined as declined:
            raise Refused(str(declined)) from None
        except Broke as broke:
            log.error("the renderer broke", job_id=str(order.job_id), error=str(broke))
            raise Stumbled("The renderer broke") from broke

    async def _play(self, directives: Directives, order: Order, tell: Tell) -> None:
        """Everything that a directive asks for before a file is made. Raises Refused, Stumbled."""
        if directives.flaky and order.attempt == 1:
            await tell(0.0)
            raise Stumbled("The sandbox was told to stumble once")
        if directives.hang:
            await tell(0.0)
            await asyncio.Event().wait()
        if directives.seconds is not None:
            await _pace(directives.seconds, tell)
        if directives.moderated:
            await tell(0.0)
            raise Refused(REFUSAL)
        if directives.fail is not None:
            await tell(0.0)
            raise Refused(directives.fail)


def _read(order: Order) -> tuple[str, Directives]:
    if not order.directives:
        return order.prompt, Directives()
    try:
        return directives_of(order.prompt)
    except UnknownDirective as unknown:
        raise Refused(str(unknown)) from None


async def _pace(seconds: float, tell: Tell) -> None:
    """Let the time pass, telling how much of it has."""
    clock = asyncio.get_running_loop().time
    began = clock()
    await tell(0.0)
    while (elapsed := clock() - began) < seconds * PACED_SHARE:
        await tell(elapsed / seconds)
        await asyncio.sleep(min(PACE_SECONDS, seconds * PACED_SHARE - elapsed))
