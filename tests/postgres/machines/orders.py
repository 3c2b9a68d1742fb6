"""What becomes of orders: written down, sent, answered, refused, heard of, looked at, and brought to an end."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from dustreel.base.db import Database
from dustreel.jobs import Job, Status, Step, life, submissions
from dustreel.jobs.submissions import State
from dustreel.jobs.submissions import may_move as order_may_move
from tests.postgres.machines.acts import Act, Said
from tests.postgres.machines.workers import Work
from tests.postgres.machines.world import DEADLINES, FAR, Fact, Order, Seen, World


@dataclass(frozen=True)
class Intend(Work):
    job: Job
    order_id: UUID

    async def write(self, connection: Any) -> Job:
        return await submissions.intend(connection, self.job, self.order_id, {"prompt": "A pond"}, lease=FAR, deadlines=DEADLINES)

    def may(self, row: Fact) -> bool:
        return row.worker is not None and row.is_started

    def change(self, world: World) -> Any:
        row, order = world.jobs[self.job.id], world.orders.get(self.order_id)
        if row.step is Step.ACCEPTED:
            if order is not None:
                return Said.REFUSED  # an id is one order's
            world.orders[self.order_id] = Order(self.job.id, row.provider)
            return world.move(self.job.id, step=Step.SUBMITTED)
        # Said again, because the answer to the first commit was lost.
        said_before = order is not None and order.job_id == self.job.id and order.state is State.INTENT and row.step is Step.SUBMITTED
        return Seen(row.status, row.step, row.attempt, row.worker) if said_before else Said.OVERTAKEN


@dataclass(frozen=True)
class Accepted(Act[World]):
    order_id: UUID
    upstream: str
    after: float

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            return await submissions.accepted(connection, self.order_id, self.upstream, after=self.after)

    def foretell(self, world: World) -> object:
        order = world.orders.get(self.order_id)
        if order is None or order.state not in (State.INTENT, State.LOST):
            return False
        others = [each for name, each in world.orders.items() if name != self.order_id]
        if any(each.provider == order.provider and each.upstream == self.upstream for each in others):
            return False
        if order.upstream not in (None, self.upstream):
            return False  # lost under one name, it can't turn up under another
        world.orders[self.order_id] = replace(
            order, state=State.ACCEPTED, upstream=self.upstream, is_due=self.after <= 0, looks=0, says_an_error=False
        )
        if world.waiting(order):
            world.move(order.job_id, worker=None)
        return True


@dataclass(frozen=True)
class Heard(Act[World]):
    order_id: UUID
    provider: str
    webhook_id: str
    upstream: str

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            await submissions.heard(
                connection, self.order_id, provider=self.provider, webhook_id=self.webhook_id, upstream_id=self.upstream
            )
        return None

    def foretell(self, world: World) -> object:
        if Accepted(self.order_id, self.upstream, after=0.0).foretell(world):
            return None
        is_new = (self.provider, self.webhook_id) not in world.heard
        world.heard[self.provider, self.webhook_id] = True
        order = world.orders.get(self.order_id)
        known = order is not None and (order.provider, order.upstream, order.state) == (self.provider, self.upstream, State.ACCEPTED)
        if order is not None and known and is_new:
            world.orders[self.order_id] = replace(order, is_due=True, is_urgent=True)
        return None


@dataclass(frozen=True)
class Refused(Work):
    job: Job
    order_id: UUID
    provider: str

    async def write(self, connection: Any) -> Job:
        return await submissions.refused(connection, self.job, self.order_id, because="no", provider=self.provider, model="animatic-1")

    def may(self, row: Fact) -> bool:
        return row.worker is not None and row.is_started and row.step is Step.SUBMITTED

    def change(self, world: World) -> Any:
        order = world.orders.get(self.order_id)
        if order is None or order.state is not State.INTENT:
            return Said.OVERTAKEN
        world.close(self.order_id, State.REFUSED, error=True)
        return world.move(self.job.id, step=Step.ACCEPTED, provider=self.provider)


@dataclass(frozen=True)
class Rendering(Act[World]):
    order_id: UUID
    share: float | None

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            submission = await submissions.find(connection, self.order_id)
            if submission is not None:
                await submissions.rendering(connection, submission, self.share, deadlines=DEADLINES)
        return None

    def foretell(self, world: World) -> object:
        order = world.orders.get(self.order_id)
        if order is None or order.state is not State.ACCEPTED or not world.waiting(order):
            return None
        row = world.jobs[order.job_id]
        share = row.progress if self.share is None else max(row.progress or 0.0, min(self.share, 0.99))
        if row.status is Status.STARTING or share != row.progress:
            world.move(order.job_id, status=Status.PROCESSING, progress=share)
        return None


@dataclass(frozen=True)
class LookAgain(Act[World]):
    order_id: UUID
    after: float

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            await submissions.look_again(connection, self.order_id, after=self.after)
        return None

    def foretell(self, world: World) -> object:
        order = world.orders.get(self.order_id)
        if order is not None and order.is_due is not None:
            world.orders[self.order_id] = replace(order, is_due=self.after <= 0)
        return None


@dataclass(frozen=True)
class Succeeded(Act[World]):
    order_id: UUID

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            submission = await submissions.find(connection, self.order_id)
            return submission is not None and await submissions.succeeded(connection, submission, "https://there/video.mp4")

    def foretell(self, world: World) -> object:
        order = world.orders.get(self.order_id)
        if order is None or order.state is not State.ACCEPTED:
            return False
        world.close(self.order_id, State.SUCCEEDED)
        if not world.waiting(order):
            return False
        attempt = world.jobs[order.job_id].attempt + 1
        world.forward(order.job_id, 0.99, status=Status.PROCESSING, step=Step.RENDERED, attempt=attempt, worker=None, errand=attempt)
        return True


@dataclass(frozen=True)
class Ended(Act[World]):
    """With its job, where that is still live, in one transaction: as the lookout does it."""

    order_id: UUID
    state: State

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            if not await submissions.ended(connection, self.order_id, self.state, because="gone"):
                return False
            submission = await submissions.find(connection, self.order_id)
            assert submission is not None
            job = await life.reread(connection, submission.job_id)
            if not job.is_final:
                await life.fail(connection, job, because="gone")
            return True

    def foretell(self, world: World) -> object:
        order = world.orders.get(self.order_id)
        if order is None or order.is_due is None:
            return False
        if not order_may_move(order.state, self.state):
            return Said.REFUSED
        world.close(self.order_id, self.state, error=True)
        if not world.jobs[order.job_id].status.is_final:
            world.end(order.job_id, Status.FAILED)
        return True


@dataclass(frozen=True)
class AskAgain(Act[World]):
    order_id: UUID

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            return await submissions.ask_again(connection, self.order_id, lease=FAR)

    def foretell(self, world: World) -> object:
        order = world.orders.get(self.order_id)
        if order is None or order.state is not State.INTENT:
            return False
        world.orders[self.order_id] = replace(order, is_due=False)
        row = world.jobs[order.job_id]
        if not world.waiting(order) or row.worker is not None:
            return False
        world.move(order.job_id, attempt=row.attempt + 1, errand=row.attempt + 1)
        return True
