"""What callers do: hand jobs in, cancel them, are given DUST and ask for it; and what they could try at the ledger's own door."""

from dataclasses import dataclass
from uuid import UUID

from dustreel.base.db import Database, one
from dustreel.base.vocabulary import Dust
from dustreel.dust import balance, grant
from dustreel.jobs import Job, Status, Terms, life
from tests.postgres.machines.acts import Act, Said
from tests.postgres.machines.world import DEADLINES, LIVE_AT_MOST, STARTING, Fact, Owner, World
from tests.postgres.made import draft


@dataclass(frozen=True)
class Accept(Act[World]):
    job_id: UUID
    owner: Owner
    price: int
    key: life.Idempotency | None = None

    async def play(self, db: Database) -> object:
        user_id, mode = self.owner
        wish = draft(user_id, id=self.job_id, mode=mode, price=self.price)
        terms = Terms(STARTING, LIVE_AT_MOST, DEADLINES.queue)
        if self.key is None:
            async with db.connection() as connection:
                return (await life.accept(connection, wish, terms)).job_id
        async with db.transaction() as connection:
            return (await life.accept_once(connection, wish, terms, self.key)).job_id

    def foretell(self, world: World) -> object:
        before = world.copy()
        said = self._foretell(world)
        if self.key is not None and isinstance(said, Said):
            world.purses, world.given = before.purses, before.given  # its transaction is rolled back, the new account with it
        return said

    def _foretell(self, world: World) -> object:
        purse = world.open(self.owner)
        earlier = None if self.key is None else world.keys.get((self.owner, self.key.key))
        if self.key is not None and earlier is not None:
            return earlier[1] if earlier[0] == self.key.fingerprint else Said.REUSED
        if sum(row.owner == self.owner and not row.status.is_final for row in world.jobs.values()) >= LIVE_AT_MOST:
            return Said.TOO_MANY
        if purse.wallet < self.price:
            return Said.INSUFFICIENT
        world.jobs[self.job_id] = Fact(self.owner, self.price, provider="sandbox")
        world.post(self.job_id, "hold")
        if self.key is not None:
            world.keys[self.owner, self.key.key] = self.key.fingerprint, self.job_id
        return self.job_id


@dataclass(frozen=True)
class Cancel(Act[World]):
    job: Job
    refunds: bool

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            await life.cancel(connection, self.job, refund_charge=self.refunds)
        return None

    def foretell(self, world: World) -> object:
        status = world.jobs[self.job.id].status
        if status.is_final:
            return None if status is Status.CANCELLED else Said.NOT_CANCELLABLE
        world.end(self.job.id, Status.CANCELLED, gives_back=self.refunds or status is Status.QUEUED)
        return None


@dataclass(frozen=True)
class Grant(Act[World]):
    owner: Owner
    amount: int
    reference: str | None

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            entry = await grant(connection, *self.owner, Dust(self.amount), reference=self.reference, starting=STARTING)
            return entry and (entry.amount, entry.reference)

    def foretell(self, world: World) -> object:
        purse = world.open(self.owner)
        if self.reference is not None:
            if (self.owner, self.reference) in world.given:
                return None
            world.given[self.owner, self.reference] = True
        world.purses[self.owner] = purse.after("grant", self.amount)
        return self.amount, self.reference


@dataclass(frozen=True)
class Balance(Act[World]):
    owner: Owner

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            account = await balance(connection, *self.owner, starting=STARTING)
            return account.available, account.held

    def foretell(self, world: World) -> object:
        purse = world.open(self.owner)
        return purse.wallet, purse.held


@dataclass(frozen=True)
class MoveMoney(Act[World]):
    """By the ledger's own door, but without the job: what no code of ours does, and the database must not let."""

    job_id: UUID
    kind: str

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            row = await one(connection, f"select dust_{self.kind}(%(job_id)s) as entry_id".encode(), job_id=self.job_id)
        return row is not None and row["entry_id"] is not None

    def foretell(self, world: World) -> object:
        row = world.jobs[self.job_id]
        if self.kind == "refund" and "capture" not in row.entries:
            return False
        # A charge that a cancel has kept may still be given back.
        if (self.kind, row.status, row.entries) != ("refund", Status.CANCELLED, ("capture", "hold")):
            return Said.REFUSED
        world.post(self.job_id, "refund")
        return True
