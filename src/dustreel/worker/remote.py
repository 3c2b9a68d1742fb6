"""A job's way through a provider on the other side of a network: sent once, waited for as a row, collected.

What is sent may cost the operator money. So the intent is committed before the first byte, the sending is never cut in two by a stop,
and whatever the provider did not provably refuse is asked about (`lookout.py`), never sent again on hope.
"""

import asyncio
import contextlib
import random
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from dustreel.base.errors import Unavailable
from dustreel.base.log import logger
from dustreel.base.waiting import uncut
from dustreel.jobs import Allowance, Job, life, submissions, traffic
from dustreel.jobs.submissions import State
from dustreel.providers import (
    NotAccepted,
    Refused,
    RemoteProvider,
    Shot,
    Stumbled,
    Telling,
    Ticket,
    UnsupportedCombination,
    Want,
)
from dustreel.worker.crew import Crew
from dustreel.worker.order import order_of
from dustreel.worker.store import store

log = logger(__name__)

# An answer that comes by drips is none. Sending can't be cut off, so nothing else would end it.
SUBMIT_SECONDS = 20.0
# Longer than that.
SUBMIT_LEASE_SECONDS = 60.0
# A picture may have to be uploaded.
PREPARE_SECONDS = 60.0
# Until a provider that nothing is to be sent to is worth another thought.
CLOSED_SECONDS = 10.0
# The quickest models take seconds; a look costs next to nothing.
FIRST_LOOK_SECONDS = 1.0


async def submit(job: Job, crew: Crew) -> Job:
    """Write down what is about to be sent, send it, and leave the job to the lookout. Raises Overtaken, Refused, Stumbled.

    A provider that has enough is waited for; one that nothing is to be sent to is passed over for the next that can.
    """
    provider = _provider(job, crew)
    shot = crew.registry.shot(job.provider, job.model, want_of(job))
    if shot is None:
        raise Refused("The model that was to make it is no longer offered")
    allowance, submission_id = crew.allowances.get(job.provider, Allowance()), crew.ids.uuid()
    try:
        await crew.say(partial(traffic.expect, job=job, usd=shot.usd, allowance=allowance))
        sent = await _prepared(job, crew, provider, shot)
        intended = await _intend(job, crew, submission_id, sent, usd=shot.usd, allowance=allowance)
    except traffic.Full as full:
        return await _wait(job, crew, after=full.after)
    except traffic.Closed as closed:
        return await _around(job, crew, closed)
    return await uncut(_send(intended, crew, provider, submission_id, sent))


async def _prepared(job: Job, crew: Crew, provider: RemoteProvider, shot: Shot) -> Mapping[str, Any]:
    """What will be sent, its picture uploaded. Raises Overtaken, Refused, Stumbled."""
    async with crew.workplace(job.id) as folder:
        order = await order_of(job, crew, folder, shot=shot)
        try:
            async with asyncio.timeout(PREPARE_SECONDS):
                return await provider.prepare(order, job.model)
        except NotAccepted as no:
            raise Stumbled(str(no)) from no
        except TimeoutError as late:
            raise Stumbled("The provider did not take the picture in time") from late


async def _intend(job: Job, crew: Crew, submission_id: UUID, sent: Mapping[str, Any], *, usd: Decimal, allowance: Allowance) -> Job:
    """Raises Overtaken, Full, Closed."""
    is_first = True

    async def both(db: Any) -> Job:
        nonlocal is_first
        # Where the answer to a commit was lost it may stand, and then it was admitted, too.
        stands = not is_first and await submissions.find(db, submission_id) is not None
        is_first = False
        intended = await submissions.intend(db, job, submission_id, sent, usd=usd, lease=SUBMIT_LEASE_SECONDS, deadlines=crew.deadlines)
        if not stands:
            await traffic.admit(db, job, allowance)
        return intended

    return await crew.write(both)


async def _wait(job: Job, crew: Crew, *, after: float) -> Job:
    """Nobody's fault: the job is taken up again later, and its own deadline ends the waiting. Never all at once."""

    async def both(db: Any) -> Job:
        await life.hand_over(db, job, after=after * random.uniform(1.0, 1.5))
        return await life.reread(db, job.id)

    return await crew.write(both)


async def _around(job: Job, crew: Crew, closed: traffic.Closed) -> Job:
    """The next provider that can; where there is none, this one later. Raises Overtaken, Refused."""
    log.info("a provider is passed over", job_id=str(job.id), provider=job.provider, model=job.model, reason=str(closed))

    async def elsewhere(db: Any) -> Job | None:
        tried, shut = await submissions.tried(db, job.id), await traffic.shut(db, crew.allowances)
        if not closed.is_spent:  # a budget says itself what it is too small for
            shut = shut.and_also(job.provider, job.model)
        # Rather one that has refused it once than none.
        for without in (tried, frozenset[str]()):
            with contextlib.suppress(UnsupportedCombination, Unavailable):
                route = crew.registry.route(want_of(job), job.mode, without=without, shut=shut)
                return await life.reroute(db, job, provider=route.provider.name, model=route.capability.model)
        return None

    rerouted = await crew.write(elsewhere)
    if rerouted is not None:
        return rerouted
    if closed.is_spent:
        raise Refused("No more videos can be ordered today")
    return await _wait(job, crew, after=CLOSED_SECONDS)


async def submit_again(job: Job, crew: Crew) -> Job:
    """Send an order whose fate is unknown once more, under the same id, to a provider that knows it by that. Raises Overtaken."""
    provider = _provider(job, crew)
    submission = await crew.say(partial(submissions.of_job, job_id=job.id))
    if submission is None or submission.state is not State.INTENT or submission.sent is None or not provider.asked_twice_is_asked_once:
        return await _let_go(job, crew)
    return await uncut(_send(job, crew, provider, submission.id, submission.sent, again=True))


async def collect(job: Job, crew: Crew) -> Job:
    """Fetch what the provider made, make it what was asked for, and keep our own copy. Raises Overtaken, Refused, Stumbled, BrokenVideo."""
    provider = _provider(job, crew)
    submission = await crew.say(partial(submissions.of_job, job_id=job.id))
    assert submission is not None and submission.output is not None, "a rendered job has a submission that succeeded"
    async with crew.workplace(job.id) as folder:
        native, adapted = folder / "native.mp4", folder / "video.mp4"
        if isinstance(provider, Telling) and submission.output.startswith(submissions.KEPT):
            await crew.store.fetch(submission.output.removeprefix(submissions.KEPT), native)
        else:
            await provider.fetch(submission.output, native)
        done = await crew.bench.adapt(native, adapted, to=job.frame, seconds=job.duration.seconds, max_upscale=crew.max_upscale)
        return await store(job, crew, adapted if done else native, adapted=done)


def _provider(job: Job, crew: Crew) -> RemoteProvider:
    provider = crew.registry.remote(job.provider)
    if provider is None:
        log.error("a job's provider is no longer configured", job_id=str(job.id), provider=job.provider)
        raise Refused("The provider that was to make it is no longer there")
    return provider


async def _send(
    job: Job, crew: Crew, provider: RemoteProvider, submission_id: UUID, sent: Mapping[str, Any], *, again: bool = False
) -> Job:
    """Returns the job as its row says afterwards: with the provider, back at its first step for another one, or ended meanwhile.

    `again`: it may have been taken the first time. A refusal of the repetition proves nothing about that.
    """
    try:
        async with asyncio.timeout(SUBMIT_SECONDS):
            ticket = await provider.submit(job.model, sent, submission_id, crew.webhook_url(provider, submission_id))
    except (Refused, NotAccepted) as no:
        if again:
            log.info("an order whose fate is unknown can't be repeated now", job_id=str(job.id), provider=provider.name, error=str(no))
            return await _let_go(job, crew)
        if isinstance(no, Refused):
            await crew.write(partial(_refused, job=job, submission_id=submission_id, because=str(no)))
            raise
        return await _elsewhere(job, crew, submission_id, no)
    except Exception as unclear:
        # Whatever this was, the order may have been taken.
        log.warning("it is not known whether a provider took a job", job_id=str(job.id), provider=provider.name, error=str(unclear))
        await crew.write(partial(traffic.failed, provider=job.provider, model=job.model, rest=crew.circuit_seconds))
        return await _let_go(job, crew)
    return await _taken(job, crew, submission_id, ticket)


async def _taken(job: Job, crew: Crew, submission_id: UUID, ticket: Ticket) -> Job:
    async def both(db: Any) -> Job:
        await submissions.accepted(db, submission_id, ticket.upstream_id, after=FIRST_LOOK_SECONDS)
        await traffic.is_well(db, job.provider, job.model)
        return await life.reread(db, job.id)

    return await crew.write(both)


async def _refused(db: Any, job: Job, submission_id: UUID, because: str) -> None:
    """A matter of taste, not of health."""
    await traffic.is_well(db, job.provider, job.model)
    await submissions.refused(db, job, submission_id, because=because, provider=job.provider, model=job.model)


async def _elsewhere(job: Job, crew: Crew, submission_id: UUID, no: NotAccepted) -> Job:
    """The next provider that can; where there is none, this one later. Raises Overtaken, Stumbled, Refused."""
    log.warning("a provider did not take a job", job_id=str(job.id), provider=job.provider, error=str(no))

    async def write_down(db: Any) -> Job:
        if no.retry_after is None and not no.for_good:
            await traffic.failed(db, job.provider, job.model, rest=crew.circuit_seconds)
        else:
            await traffic.is_well(db, job.provider, job.model)
        if no.retry_after is not None:
            await traffic.rest(db, job.provider, no.retry_after)
        tried, shut = await submissions.tried(db, job.id), await traffic.shut(db, crew.allowances)
        try:
            route = crew.registry.route(want_of(job), job.mode, without=tried | {job.provider}, shut=shut)
            name, model = route.provider.name, route.capability.model
        except (UnsupportedCombination, Unavailable):
            name, model = job.provider, job.model
        return await submissions.refused(db, job, submission_id, because=str(no), provider=name, model=model)

    back = await crew.write(write_down)
    if back.provider != job.provider:
        return back
    if no.for_good:
        raise Refused(str(no)) from no
    if no.retry_after is not None:
        return await _wait(back, crew, after=no.retry_after)
    raise Stumbled("No provider could take it") from no


async def _let_go(job: Job, crew: Crew) -> Job:
    async def both(db: Any) -> Job:
        await life.hand_over(db, job)
        return await life.reread(db, job.id)

    return await crew.write(both)


def want_of(job: Job) -> Want:
    return Want(
        generation_type=job.generation_type,
        seconds=job.duration.seconds,
        resolution=job.resolution,
        aspect_ratio=job.aspect_ratio,
        camera_fixed=job.camera_fixed,
        reference_person=job.reference_person is not None,
    )
