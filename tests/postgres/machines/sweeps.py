"""What sweeps do: take over, requeue, reclaim, end and expire jobs, and claim the orders that are to be looked at."""

import math
from dataclasses import dataclass, replace
from uuid import UUID

from dustreel.base.db import Database
from dustreel.jobs import Status, Step, life, submissions
from tests.postgres.machines.acts import Sweep
from tests.postgres.machines.world import DEAD_AFTER, FAR, KEEP, Fact, World


@dataclass(frozen=True)
class TakeOver(Sweep[World]):
    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            return frozenset(await life.take_over(connection, dead_after=DEAD_AFTER))

    def due(self, world: World) -> set[UUID]:
        return {each for each, row in world.jobs.items() if row.is_started and self._is_orphaned(row, world)}

    def _is_orphaned(self, row: Fact, world: World) -> bool:
        if row.worker is None:
            return row.step is not Step.SUBMITTED and row.errand is None
        return not world.beats.get(row.worker, False)

    def touch(self, world: World, each: UUID) -> None:
        world.put_back(each)


@dataclass(frozen=True)
class RequeueLost(Sweep[World]):
    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            return frozenset(await life.requeue_lost(connection, dead_after=DEAD_AFTER))

    def due(self, world: World) -> set[UUID]:
        return {each for each, row in world.jobs.items() if row.status is Status.QUEUED and row.errand is None}

    def touch(self, world: World, each: UUID) -> None:
        world.move(each, errand=0)


@dataclass(frozen=True)
class Reclaim(Sweep[World]):
    worker: UUID
    carried: tuple[UUID, ...]

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            return frozenset(await life.reclaim(connection, list(self.carried), worker_id=self.worker, dead_after=DEAD_AFTER))

    def due(self, world: World) -> set[UUID]:
        return {
            each
            for each, row in world.jobs.items()
            if row.is_started and row.worker == self.worker and row.is_idle and each not in self.carried
        }

    def touch(self, world: World, each: UUID) -> None:
        world.put_back(each)


@dataclass(frozen=True)
class FailOverdue(Sweep[World]):
    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            return frozenset(await life.fail_overdue(connection))

    def due(self, world: World) -> set[UUID]:
        return {each for each, row in world.jobs.items() if row.is_overdue and not row.status.is_final}

    def touch(self, world: World, each: UUID) -> None:
        world.end(each, Status.FAILED)


@dataclass(frozen=True)
class Expire(Sweep[World]):
    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            return frozenset(await life.expire(connection, keep_seconds=KEEP))

    def due(self, world: World) -> set[UUID]:
        return {each for each, row in world.jobs.items() if row.is_old and not row.is_expired}

    def touch(self, world: World, each: UUID) -> None:
        world.jobs[each] = replace(world.jobs[each], is_expired=True)
        for order_id, order in world.orders.items():
            if order.job_id == each:
                world.orders[order_id] = replace(order, says_what_was_sent=False, says_an_error=False)


@dataclass(frozen=True)
class ClaimDue(Sweep[World]):
    at_most: int

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            due = await submissions.claim_due(connection, at_most=self.at_most, lease=FAR)
        return frozenset(each.submission.id for each in due)

    def due(self, world: World) -> set[UUID]:
        return {each for each, order in world.orders.items() if order.is_due}

    def most(self, world: World) -> int:
        """The living share what all together may look at."""
        return math.ceil(self.at_most / max(1, sum(world.beats.values())))

    def enough(self, world: World, took: frozenset[UUID], *, alone: bool) -> bool:
        due = self.due(world)
        most = min(self.most(world), len(due))
        return took <= due and (len(took) == most if alone else len(took) <= most)

    def touch(self, world: World, each: UUID) -> None:
        order = world.orders[each]
        world.orders[each] = replace(order, is_due=False, is_urgent=False, looks=order.looks + 1)


@dataclass(frozen=True)
class ClaimUrgent(ClaimDue):
    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            due = await submissions.claim_urgent(connection, at_most=self.at_most, lease=FAR)
        return frozenset(each.submission.id for each in due)

    def due(self, world: World) -> set[UUID]:
        return {each for each, order in world.orders.items() if order.is_urgent}

    def most(self, world: World) -> int:
        return self.at_most
