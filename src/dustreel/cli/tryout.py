"""`dustreel provider-test`: one real order at a provider, past the queue and the ledger, so that an operator sees what it makes."""

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path

import typer

from dustreel.base.errors import Misconfigured
from dustreel.base.vocabulary import AspectRatio, Duration, Frame, GenerationType, Mode, Resolution
from dustreel.media import BrokenVideo
from dustreel.providers import (
    Checkable,
    NotAccepted,
    Order,
    Phase,
    Refused,
    RemoteProvider,
    Stumbled,
    Telling,
    Ticket,
    Unclear,
    UnsupportedCombination,
    Want,
    model_used,
)
from dustreel.wiring import Service

PROMPT = "A lighthouse on a cliff at dusk, slow aerial shot"
LOOK_SECONDS = 2.0
# What the service itself would wait.
LOOKS_AT_MOST = 450
# A provider may need a moment until it knows what it has just taken.
NOT_GONE_LOOKS = 8


async def try_out(service: Service, name: str, model: str | None, into: Path, *, sure: bool) -> None:
    """Order five seconds at 480p, show how it goes, and write what was made to `into`. Raises Misconfigured."""
    provider = service.registry.remote(name)
    if provider is None:
        raise Misconfigured(f"{name!r} is no remote provider of DUSTREEL_PROVIDERS.")
    if isinstance(provider, Telling):
        raise Misconfigured(f"{name} tells by webhook only: start the service and generate a video with a live key.")
    want = _want(GenerationType.TEXT_TO_VIDEO, Resolution.SD_480P)
    order, chosen = _order(service, provider, model, want)
    assert order.shot is not None
    print(f"{model_used(name, chosen)} would make {order.shot.seconds} s of {order.shot.short_side}p for about ${order.shot.usd:.2f}.")
    if not sure:
        typer.confirm("Order it, at your own cost?", abort=True)
    try:
        ticket = await provider.submit(chosen, await provider.prepare(order, chosen), order.job_id, None)
        print(f"Taken as {ticket.upstream_id}.")
        output = await _made_or_cancelled(provider, ticket)
        native = into.with_suffix(".native")
        await provider.fetch(output, native)
        await _adapted(service, native, into, want)
    except (Refused, NotAccepted, Unclear, Stumbled, BrokenVideo) as failed:
        raise Misconfigured(f"{name}: {failed}") from failed


async def _adapted(service: Service, native: Path, into: Path, want: Want) -> None:
    """Raises BrokenVideo."""
    frame = Frame.of(want.resolution, want.aspect_ratio)
    done = await service.bench.adapt(native, into, to=frame, seconds=want.seconds, max_upscale=service.settings.max_upscale)
    await asyncio.to_thread(native.unlink if done else partial(native.rename, into))
    facts = (await service.bench.examine(into, expect=frame, seconds=want.seconds)).facts
    print(f"{into}: {facts.duration_seconds} s, {facts.width}x{facts.height}, {facts.fps} fps, {facts.bytes:,} bytes.")
    print(f"Adapted: {dict(done)}." if done else "As it came.")


def _want(kind: GenerationType, resolution: Resolution) -> Want:
    return Want(kind, Duration.SHORT.seconds, resolution, AspectRatio.WIDE, camera_fixed=False, reference_person=False)


def _order(service: Service, provider: RemoteProvider, model: str | None, want: Want) -> tuple[Order, str]:
    names = [known.model for known in provider.models if model is None or model in (known.model, model_used(provider.name, known.model))]
    for name in names:
        shot = service.registry.shot(provider.name, name, want)
        if shot is not None:
            order = Order(
                job_id=service.ids.uuid(),
                attempt=1,
                generation_type=want.generation_type,
                prompt=PROMPT,
                seconds=want.seconds,
                resolution=want.resolution,
                aspect_ratio=want.aspect_ratio,
                camera_fixed=False,
                picture=None,
                reference_person=False,
                directives=False,
            )
            return replace(order, shot=shot), name
    raise Misconfigured(f"{provider.name} has no such model that makes 5 s of 480p from text.")


async def _made_or_cancelled(provider: RemoteProvider, ticket: Ticket) -> str:
    """As `_made`; whoever stops waiting does not pay for what he doesn't get."""
    try:
        return await _made(provider, ticket)
    except (asyncio.CancelledError, Unclear):
        try:
            await provider.cancel(ticket)
            print(f"{ticket.upstream_id} is cancelled.")
        except Unclear as unclear:
            print(f"{ticket.upstream_id} could not be cancelled, and may cost you its price: {unclear}")
        raise


async def _made(provider: RemoteProvider, ticket: Ticket) -> str:
    """Where the video can be fetched from. Raises Refused, Unclear."""
    shown = ""
    for number in range(LOOKS_AT_MOST):
        await asyncio.sleep(LOOK_SECONDS)
        try:
            sighting = await provider.look(ticket)
        except Unclear as unclear:
            print(f"  it did not say: {unclear}")
            continue
        line = sighting.phase.value + (f" {sighting.progress:.0%}" if sighting.progress is not None else "")
        if line != shown:
            print(f"  {line}")
            shown = line
        if sighting.phase is Phase.SUCCEEDED and sighting.output is not None:
            return sighting.output
        if sighting.phase is Phase.GONE and number < NOT_GONE_LOOKS:
            continue
        if sighting.phase not in (Phase.WAITING, Phase.RENDERING):
            raise Refused(sighting.error or f"it is {sighting.phase.value}")
    raise Unclear("it took too long")


def routes(service: Service) -> list[str]:
    """What would be used for the commonest wishes of a live key, a line each."""
    lines = []
    for kind in GenerationType:
        for resolution in (Resolution.HD_720P, Resolution.HD_1080P):
            want = _want(kind, resolution)
            lines.append(f"{kind.value}, {want.seconds} s, {resolution.value}, 16:9: {_route(service, want)}")
    return lines


def _route(service: Service, want: Want) -> str:
    try:
        route = service.registry.route(want, Mode.LIVE)
    except UnsupportedCombination:
        return "nobody"
    shot = route.plan.shot
    return f"{route.model_used}, " + ("natively" if route.plan.is_native else f"adapted from {shot.seconds} s of {shot.short_side}p")


async def checks(service: Service) -> list[tuple[str, bool]]:
    """What each remote provider says to our key, a line each, and whether it lets us in."""
    found = []
    for provider in service.registry.remotes:
        try:
            said = await provider.check() if isinstance(provider, Checkable) else "it can't be asked without an order"
            found.append((f"{provider.name}: {said}; {len(provider.models)} models{_uncounted(service, provider)}", True))
        except Unclear as unclear:
            found.append((f"{provider.name}: {unclear}", False))
    return found


def _uncounted(service: Service, provider: RemoteProvider) -> str:
    """What a budget can't hold: by the catalogue it costs nothing."""
    allowance = service.allowances.get(provider.name)
    if allowance is None or allowance.usd_a_day is None:
        return ""
    unpriced = [known.model for known in provider.models if any(shot.usd == 0 for shot in known.shots)]
    return f"; its budget does not count {', '.join(unpriced)}, which the catalogue has no price for" if unpriced else ""
