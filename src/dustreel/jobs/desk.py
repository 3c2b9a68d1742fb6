"""The desk where jobs are handed in: every check in the design's order, then one transaction that decides."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from dustreel.base.db import Database
from dustreel.base.errors import Unavailable
from dustreel.base.ids import Ids
from dustreel.base.vocabulary import AspectRatio, Duration, GenerationType, Mode, Resolution
from dustreel.dust import InsufficientDust, Prices, balance
from dustreel.jobs import life, traffic
from dustreel.jobs.estimates import Alike, Estimates
from dustreel.jobs.job import Person, TooManyActiveJobs
from dustreel.jobs.life import Accepted, Deadlines, Draft, Idempotency, Terms
from dustreel.jobs.traffic import Allowance
from dustreel.pictures import Album, StoredPicture
from dustreel.providers import Order, Registry, Route, Shut, UnsupportedCombination, Want
from dustreel.queue import Lane

SHUT_KNOWN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller asked for, checked field by field."""

    user_id: UUID
    mode: Mode
    prompt: str
    duration: Duration
    resolution: Resolution
    aspect_ratio: AspectRatio | None
    """None: that of the picture, snapped to the nearest of the five."""
    camera_fixed: bool
    reference_person: Person | None
    image_url: str | None
    """None for text_to_video."""

    @property
    def generation_type(self) -> GenerationType:
        return GenerationType.TEXT_TO_VIDEO if self.image_url is None else GenerationType.IMAGE_TO_VIDEO


@dataclass(frozen=True, slots=True)
class DeskRules:
    prices: Prices
    deadlines: Deadlines
    live_at_most: int


class Desk:
    """Takes wishes in and makes them jobs."""

    def __init__(
        self,
        db: Database,
        registry: Registry,
        allowances: Mapping[str, Allowance],
        album: Album,
        estimates: Estimates,
        ids: Ids,
        rules: DeskRules,
    ) -> None:
        self._db, self._registry, self._allowances, self._album = db, registry, allowances, album
        self._estimates, self._ids, self._rules = estimates, ids, rules
        self._shut_read_at = -math.inf
        self._known_shut = Shut()
        self._answering: dict[tuple[UUID, Mode, Idempotency], asyncio.Task[Accepted]] = {}

    async def submit(self, wish: Wish, *, idempotency: Idempotency | None, admit: Callable[[], Awaitable[None]]) -> Accepted:
        """Accept a job. `admit` raises where the caller is over a rate; it is asked only for what isn't a repetition.

        Raises IdempotencyKeyReused, TooManyActiveJobs, UnsupportedCombination, InsufficientDust, the picture's errors, Unavailable.
        """
        if idempotency is None:
            await admit()
            return await self._take_in(wish, None)
        # A repetition shares the first one's answer, whatever that is, and so never waits longer; in another process, and with another
        # body, it waits for the account's row.
        name = (wish.user_id, wish.mode, idempotency)
        answering = self._answering.get(name)
        if answering is None:
            answering = self._answering[name] = asyncio.create_task(self._answer(wish, idempotency, admit))
            answering.add_done_callback(lambda task: self._answered(name, task))
        # The first may be cut off; that must not take the answer from the others.
        return await asyncio.shield(answering)

    async def _answer(self, wish: Wish, idempotency: Idempotency, admit: Callable[[], Awaitable[None]]) -> Accepted:
        async with self._db.connection() as connection:
            earlier = await life.recall(connection, wish.user_id, wish.mode, idempotency)
        if earlier is not None:
            return earlier
        await admit()
        return await self._take_in(wish, idempotency)

    def _answered(self, name: tuple[UUID, Mode, Idempotency], task: asyncio.Task[Accepted]) -> None:
        del self._answering[name]
        if not task.cancelled():
            task.exception()  # nobody may be waiting any more; that is no reason for a warning

    async def _take_in(self, wish: Wish, idempotency: Idempotency | None) -> Accepted:
        shut = await self._shut() if wish.mode is Mode.LIVE else None
        try:
            route = self._registry.route(_want(wish, wish.aspect_ratio or AspectRatio.WIDE), wish.mode, shut=shut)
        except (UnsupportedCombination, Unavailable):
            await self._check_live(wish)  # who has too many jobs hears of that first
            raise
        picture = None
        aspect = wish.aspect_ratio
        if wish.image_url is not None:
            await self._check_live(wish)
            await self._check_balance(wish)
            picture = await self._album.obtain(wish.image_url, wish.user_id, wish.mode)
            aspect = aspect or AspectRatio.nearest(picture.width, picture.height)
            route = self._registry.route(_want(wish, aspect), wish.mode, shut=shut)
        assert aspect is not None
        return await self._accept(wish, route, aspect, picture, idempotency)

    async def _accept(
        self, wish: Wish, route: Route, aspect: AspectRatio, picture: StoredPicture | None, idempotency: Idempotency | None
    ) -> Accepted:
        job_id = self._ids.uuid()
        lane = Lane.LIGHT if route.is_light(_order(wish, job_id, aspect)) else Lane.HEAVY
        alike = Alike(route.provider.name, wish.generation_type, wish.resolution, wish.duration, lane)
        draft = Draft(
            id=job_id,
            user_id=wish.user_id,
            mode=wish.mode,
            generation_type=wish.generation_type,
            prompt=wish.prompt,
            duration=wish.duration,
            resolution=wish.resolution,
            aspect_ratio=aspect,
            camera_fixed=wish.camera_fixed,
            reference_person=wish.reference_person,
            source_image_url=wish.image_url,
            picture_id=None if picture is None else picture.id,
            provider=route.provider.name,
            model=route.capability.model,
            lane=lane,
            price=self._rules.prices.of(wish.generation_type),
            estimated_seconds=await self._estimates.seconds(alike),
        )
        terms = Terms(self._rules.prices.starting(wish.mode), self._rules.live_at_most, self._rules.deadlines.queue)
        if idempotency is None:
            async with self._db.connection() as connection:
                return await life.accept(connection, draft, terms)
        async with self._db.transaction() as connection:
            return await life.accept_once(connection, draft, terms, idempotency)

    async def _shut(self) -> Shut | None:
        """What is sent nothing now: read anew once a second, for many callers at once."""
        if not self._registry.has_remote:
            return None
        now = time.monotonic()
        if now - self._shut_read_at > SHUT_KNOWN_SECONDS:
            self._shut_read_at = now
            async with self._db.connection() as connection:
                self._known_shut = await traffic.shut(connection, self._allowances)
        return self._known_shut

    async def _check_live(self, wish: Wish) -> None:
        async with self._db.connection() as connection:
            if await life.count_live(connection, wish.user_id, wish.mode) >= self._rules.live_at_most:
                raise TooManyActiveJobs(self._rules.live_at_most)

    async def _check_balance(self, wish: Wish) -> None:
        """So that a picture isn't fetched for somebody who can't pay; the transaction decides all the same."""
        price = self._rules.prices.of(wish.generation_type)
        async with self._db.transaction() as connection:
            account = await balance(connection, wish.user_id, wish.mode, starting=self._rules.prices.starting(wish.mode))
        if account.available < price:
            raise InsufficientDust(available=account.available, price=price)


def _want(wish: Wish, aspect: AspectRatio) -> Want:
    return Want(
        generation_type=wish.generation_type,
        seconds=wish.duration.seconds,
        resolution=wish.resolution,
        aspect_ratio=aspect,
        camera_fixed=wish.camera_fixed,
        reference_person=wish.reference_person is not None,
    )


def _order(wish: Wish, job_id: UUID, aspect: AspectRatio) -> Order:
    """The order as it would be given, for asking what kind of work it is."""
    return Order(
        job_id=job_id,
        attempt=1,
        generation_type=wish.generation_type,
        prompt=wish.prompt,
        seconds=wish.duration.seconds,
        resolution=wish.resolution,
        aspect_ratio=aspect,
        camera_fixed=wish.camera_fixed,
        picture=None,
        reference_person=wish.reference_person is not None,
        directives=wish.mode is Mode.TEST,
    )
