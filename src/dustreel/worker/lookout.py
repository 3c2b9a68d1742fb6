"""Waiting for providers, without waiting: a row has a time to be looked at, and whoever is there looks.

A look asks the provider how an order stands and writes down what it says. An order whose fate is unknown is searched for; one whose job
has ended is cancelled, again and again until the provider says that it has ended too.
"""

import asyncio
import math
import random
from collections.abc import Coroutine
from uuid import UUID

from dustreel.base.errors import Unavailable
from dustreel.base.log import logger
from dustreel.base.waiting import told_to_stop
from dustreel.jobs import Due, Overtaken, Submission, life, submissions
from dustreel.jobs.submissions import State
from dustreel.providers import Findable, Phase, RemoteProvider, Sighting, Telling, Ticket, Unclear
from dustreel.worker.crew import Crew

log = logger(__name__)

TICK_SECONDS = 1.0
# Replicate allows 3,000 calls a minute. With more orders waiting each is looked at less often, unless it is urgent.
LOOKS_A_SECOND = 40.0
URGENT_PAGE = 100
# A look that nobody finishes (its worker died) is made by another after so many times as long as it takes to call a worker dead.
LEASE_DEAD_AFTERS = 1.2
LONGEST_PAUSE_SECONDS = 10.0
LONGEST_CANCEL_PAUSE_SECONDS = 60.0
# A provider may need a moment until it knows what it has just taken.
GONE_AFTER_SECONDS = 15.0
UNCONFIGURED_PAUSE_SECONDS = 60.0


class Lookout:
    def __init__(self, crew: Crew, *, dead_after: float) -> None:
        self._crew, self._lease = crew, dead_after * LEASE_DEAD_AFTERS
        self._looking: dict[asyncio.Task[None], UUID] = {}
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Something urgent has come up; without a word of it the next tick would find it, too."""
        self._rung.set()

    async def keep(self, stopping: asyncio.Event, *, tick: float = TICK_SECONDS) -> None:
        """Looks at what is urgent when rung, and at all that is due every `tick` seconds, until told to stop."""
        answering = asyncio.create_task(self._answer(stopping), name="urgent looks")
        while not await told_to_stop(stopping, tick):
            await self._soundly(self._claim(at_most=math.ceil(LOOKS_A_SECOND * tick)))
        self.ring()
        await answering
        await self._hand_over()

    async def _answer(self, stopping: asyncio.Event) -> None:
        while await self._rung.wait() and not stopping.is_set():
            self._rung.clear()
            await self._soundly(self._claim_urgent())

    async def _soundly(self, claim: Coroutine[None, None, None]) -> None:
        try:
            await claim
        except Unavailable:
            log.info("the database is away; what is due is looked at later")
        except Exception:
            log.exception("the lookout went wrong")

    async def _hand_over(self) -> None:
        """A look that is cut off is for somebody else, and now."""
        looking = dict(self._looking)
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)
        try:
            async with self._crew.db.transaction() as connection:
                for submission_id in looking.values():
                    await submissions.look_again(connection, submission_id, after=0.0)
        except Unavailable:
            log.info("the database is away; the looks that were cut off are made when their leases end")

    async def _claim(self, *, at_most: int) -> None:
        """Begin to look at all that is urgent, and at so many others."""
        await self._claim_urgent()
        async with self._crew.db.transaction() as connection:
            due = await submissions.claim_due(connection, at_most=at_most, lease=self._lease)
        self._begin(due)

    async def _claim_urgent(self) -> None:
        full = True
        while full:
            async with self._crew.db.transaction() as connection:
                urgent = await submissions.claim_urgent(connection, at_most=URGENT_PAGE, lease=self._lease)
            self._begin(urgent)
            full = len(urgent) == URGENT_PAGE

    def _begin(self, claimed: list[Due]) -> None:
        for due in claimed:
            task = asyncio.create_task(self._attend(due), name=f"look at {due.submission.id}")
            self._looking[task] = due.submission.id
            task.add_done_callback(self._looking.pop)

    async def _attend(self, due: Due) -> None:
        """Within the lease: after it the row is somebody else's."""
        try:
            async with asyncio.timeout(self._lease):
                await self._see_to(due)
        except TimeoutError:
            log.info("a look took too long", submission_id=str(due.submission.id))

    async def _see_to(self, due: Due) -> None:
        submission = due.submission
        provider = self._crew.registry.remote(submission.provider)
        try:
            if provider is None:
                log.error("a submission's provider is not configured", provider=submission.provider, submission_id=str(submission.id))
                await self._again(submission, after=UNCONFIGURED_PAUSE_SECONDS)
            elif submission.state is State.INTENT:
                await self._reconcile(due, provider)
            else:
                await self._look(due, provider)
        except Unclear as unclear:
            log.info("a provider did not say how an order stands", provider=submission.provider, error=str(unclear))
            await self._again(submission, after=max(_pause(submission, due.job_is_live), unclear.retry_after or 0.0))
        except (Unavailable, Overtaken):
            return  # the lease brings it back
        except Exception:
            log.exception("a look went wrong", submission_id=str(submission.id))

    async def _reconcile(self, due: Due, provider: RemoteProvider) -> None:
        """An order that may have been taken: searched for, or asked again where that is safe, and given up at its deadline."""
        submission = due.submission
        if provider.asked_twice_is_asked_once and due.job_is_live and not due.is_overdue:
            async with self._crew.db.transaction() as connection:
                await submissions.ask_again(connection, submission.id, lease=self._lease)
            return
        if isinstance(provider, Findable) and submission.sent is not None:
            for upstream_id in await self._found(provider, due):
                async with self._crew.db.transaction() as connection:
                    if await submissions.accepted(connection, submission.id, upstream_id, after=0.0):
                        log.info("found a lost order", submission_id=str(submission.id), upstream_id=upstream_id)
                        return
        if due.is_overdue:
            await self._end(submission, State.LOST, "It could not be learned whether the provider took it")
        else:
            await self._again(submission, after=_pause(submission, due.job_is_live))

    async def _found(self, provider: Findable, due: Due) -> list[str]:
        submission = due.submission
        assert submission.sent is not None
        try:
            return await provider.find(submission.model, submission.sent, since=submission.created_at)
        except Unclear:
            if due.is_overdue:
                return []  # a provider that can't be asked doesn't keep anybody waiting beyond the deadline
            raise

    async def _look(self, due: Due, provider: RemoteProvider) -> None:
        submission = due.submission
        assert submission.upstream_id is not None
        ticket = Ticket(submission.model, submission.upstream_id)
        if not due.job_is_live:
            await provider.cancel(ticket)
        sighting = await self._told(submission, ticket, provider) if isinstance(provider, Telling) else await provider.look(ticket)
        age = (self._crew.clock.now() - submission.created_at).total_seconds()
        if sighting.phase is Phase.GONE and age < GONE_AFTER_SECONDS:
            sighting = Sighting(Phase.WAITING)
        if isinstance(provider, Telling) and not due.job_is_live and due.is_overdue and sighting.phase in (Phase.WAITING, Phase.RENDERING):
            sighting = Sighting(Phase.GONE)  # it was told to stop, and its last word was lost
        await self._write_down(submission, sighting, pause=_pause(submission, due.job_is_live))

    async def _told(self, submission: Submission, ticket: Ticket, provider: RemoteProvider) -> Sighting:
        """What it told last. Of what is to come it tells nothing, unless a look shows that nothing will. Raises Unclear."""
        told = Sighting.told(submission.told)
        if told.phase in (Phase.WAITING, Phase.RENDERING) and (seen := await provider.look(ticket)).phase is Phase.GONE:
            return seen
        return told

    async def _write_down(self, submission: Submission, sighting: Sighting, *, pause: float) -> None:
        """A job that has ended meanwhile stays as it is: what comes late is dropped."""
        match sighting.phase:
            case Phase.WAITING:
                await self._again(submission, after=pause)
            case Phase.RENDERING:
                async with self._crew.db.transaction() as connection:
                    await submissions.rendering(connection, submission, sighting.progress, deadlines=self._crew.deadlines)
                    await submissions.look_again(connection, submission.id, after=pause)
            case Phase.SUCCEEDED:
                assert sighting.output is not None
                async with self._crew.db.connection() as connection:
                    await submissions.succeeded(connection, submission, sighting.output)
            case Phase.FAILED:
                await self._end(submission, State.FAILED, sighting.error or "The provider failed without a reason")
            case Phase.CANCELLED:
                await self._end(submission, State.CANCELLED, "The provider cancelled it")
            case Phase.GONE:
                await self._end(submission, State.LOST, "The provider no longer knows of it")

    async def _end(self, submission: Submission, state: State, because: str) -> None:
        """Close the submission and fail its job, where that is still live, in one transaction. Raises Overtaken."""
        async with self._crew.db.transaction() as connection:
            if await submissions.ended(connection, submission.id, state, because=because):
                job = await life.reread(connection, submission.job_id)
                if not job.is_final:
                    await life.fail(connection, job, because=because)

    async def _again(self, submission: Submission, *, after: float) -> None:
        async with self._crew.db.connection() as connection:
            await submissions.look_again(connection, submission.id, after=after)


def _pause(submission: Submission, job_is_live: bool) -> float:
    """Seconds to the next look: from one to ten, and up to a minute where only a cancel waits to be heard. Never all at once."""
    longest = LONGEST_PAUSE_SECONDS if job_is_live else LONGEST_CANCEL_PAUSE_SECONDS
    return min(1.25 ** min(submission.looks, 40), longest) * random.uniform(0.8, 1.0)
