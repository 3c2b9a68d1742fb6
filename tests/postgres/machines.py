"""A model of jobs and of the ledger, small enough to be seen through, and everything that the product can be asked to do to them.

Each act is played against the real database and foretold by the model. Acts that are played at once are held to one question: is there
an order in which they, one after the other, would have come to the same? So no race is spelled out, and none is left out.
"""

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, Self
from uuid import UUID

import psycopg
import uvloop
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from dustreel import jobs, videos
from dustreel.base.db import Database, Row, one
from dustreel.base.vocabulary import Dust, Mode
from dustreel.dust import InsufficientDust, balance, grant
from dustreel.jobs import (
    Deadlines,
    IdempotencyKeyReused,
    Job,
    JobNotCancellable,
    Overtaken,
    Status,
    Step,
    Terms,
    TooManyActiveJobs,
    life,
    submissions,
)
from dustreel.jobs.submissions import State
from dustreel.jobs.submissions import may_move as order_may_move
from dustreel.videos import NewVideo
from tests.conftest import PATIENCE_SECONDS, fresh_database
from tests.postgres.made import draft

# Hours beside minutes: what is dead has not beaten for two hours, so that no pause of the machine ever decides.
DEAD_AFTER = 600.0
FAR = 3_600.0
KEEP = 86_400.0
DEADLINES = Deadlines(queue=10_000, job=10_000, render=10_000, settle=10_000)
STARTING = Dust(100)
LIVE_AT_MOST = 5
# A race's acts, whoever jams them, and whoever watches them wait.
CONNECTIONS = 14
# Durability is the chaos harness's to try; here waiting for the disk would be most of the time.
_OPTIONS = ("synchronous_commit=off", "lock_timeout=60s", "statement_timeout=60s", "idle_in_transaction_session_timeout=60s")

type Owner = tuple[UUID, Mode]


# ── Where it is played ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Lab:
    """A database of a test's own. Examples share it, each finding it empty; hypothesis knows no async, so the loop is kept here."""

    db: Database
    crowd: Database
    """For what happens at once. Apart, so that where one thing happens its few connections soon know every statement."""
    eye: psycopg.Connection[Row]
    """What reads everything after every step, in half the time that the loop would take."""
    loop: asyncio.AbstractEventLoop

    def do[T](self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def open(self) -> None:
        await self.db.open()
        await self.crowd.open()
        # All at once, so that no race waits for a connection.
        await self.crowd.pool.resize(CONNECTIONS, CONNECTIONS)
        await self.crowd.pool.wait()

    async def close(self) -> None:
        self.eye.close()
        await self.db.close()
        await self.crowd.close()


@contextmanager
def lab_on(template: str, *, broken_by: str = "") -> Iterator[Lab]:
    """`broken_by` is SQL that takes something out of the database."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        loop, made = runner.get_loop(), fresh_database(template)
        url = loop.run_until_complete(made.__aenter__())
        lab = Lab(
            patient(url, connections=2),
            patient(url, connections=CONNECTIONS),
            psycopg.connect(url, autocommit=True, row_factory=dict_row),
            loop,
        )
        try:
            lab.eye.execute((broken_by or "select").encode())
            lab.do(lab.open())
            yield lab
        finally:
            lab.do(lab.close())
            lab.do(made.__aexit__(None, None, None))


def patient(url: str, *, connections: int) -> Database:
    """A machine that others share may take its time over anything."""
    options = " ".join(f"-c {each}" for each in _OPTIONS)
    return Database(make_conninfo(url, options=options), max_size=connections).patient(PATIENCE_SECONDS)


async def forge(db: Database, statement: str, *values: object) -> None:
    """Execute with the triggers off, as no code of ours could."""
    async with db.transaction() as connection:
        await connection.execute("set local session_replication_role = replica")
        await connection.execute(statement.encode(), values or None)


async def empty(db: Database) -> None:
    tables = "dust_entries dust_accounts submissions provider_webhooks videos removals idempotency_keys jobs oban_jobs workers"
    await forge(db, ";".join(f"delete from {table}" for table in tables.split()))


async def broken(db: Database) -> list[str]:
    """The audit's findings that don't hold."""
    async with db.transaction() as connection:
        return [f"{finding.invariant}: {finding.detail}" async for finding in jobs.audit(connection) if not finding.holds]


# ── Acts ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Said(StrEnum):
    """How the product says no."""

    OVERTAKEN = "overtaken"
    NOT_CANCELLABLE = "not cancellable"
    TOO_MANY = "too many"
    INSUFFICIENT = "insufficient"
    REUSED = "key reused"
    REFUSED = "refused by the database"


_SAID: dict[type[Exception], Said] = {
    Overtaken: Said.OVERTAKEN,
    JobNotCancellable: Said.NOT_CANCELLABLE,
    TooManyActiveJobs: Said.TOO_MANY,
    InsufficientDust: Said.INSUFFICIENT,
    IdempotencyKeyReused: Said.REUSED,
    psycopg.IntegrityError: Said.REFUSED,
    psycopg.DataError: Said.REFUSED,
}


@dataclass
class Facts:
    """What a model holds to be so: tables of frozen rows, so that a copy is cheap and two worlds can be compared."""

    def copy(self) -> Self:
        return replace(self, **{each.name: dict(getattr(self, each.name)) for each in fields(self)})

    def key(self) -> object:
        return tuple(frozenset(getattr(self, each.name).items()) for each in fields(self))

    def difference(self, actual: Self) -> str:
        """What isn't as it was foretold, a line each."""
        lines = []
        for each in fields(self):
            ours, theirs = getattr(self, each.name), getattr(actual, each.name)
            for name in sorted(ours.keys() | theirs.keys(), key=str):
                if ours.get(name) != theirs.get(name):
                    lines.append(f"{each.name} {name}\n    foretold {ours.get(name)}\n    found    {theirs.get(name)}")
        return "\n".join(lines)


class Act[W: Facts](ABC):
    @abstractmethod
    async def play(self, db: Database) -> object:
        """Have the product do it, as the product itself would; returns or raises what it says."""

    @abstractmethod
    def foretell(self, world: W) -> object:
        """What it must say, and change, in this world."""

    def allows(self, world: W, outcome: object, *, alone: bool) -> bool:
        """Whether this may come of it, in this world, which it changes accordingly."""
        return self.foretell(world) == outcome


class Sweep[W: Facts](Act[W]):
    """Takes many rows, and passes by what somebody else has locked: all of them when alone, else some."""

    @abstractmethod
    def due(self, world: W) -> set[UUID]: ...

    @abstractmethod
    def touch(self, world: W, each: UUID) -> None: ...

    def foretell(self, world: W) -> frozenset[UUID]:
        due = frozenset(self.due(world))
        for each in due:
            self.touch(world, each)
        return due

    def allows(self, world: W, outcome: object, *, alone: bool) -> bool:
        if not isinstance(outcome, frozenset) or not self.enough(world, outcome, alone=alone):
            return False
        for each in outcome:
            self.touch(world, each)
        return True

    def enough(self, world: W, took: frozenset[UUID], *, alone: bool) -> bool:
        due = self.due(world)
        return took == due if alone else took <= due


async def played[W: Facts](act: Act[W], db: Database) -> object:
    try:
        return await act.play(db)
    except Exception as no:
        for kind, said in _SAID.items():
            if isinstance(no, kind):
                return said
        raise


async def played_at_once[W: Facts](db: Database, acts: Sequence[Act[W]], jam: str | None, *values: object) -> list[object]:
    """Play them on connections of their own. `jam` locks a row till each has ended or waits, so that all meet what none had seen."""
    async with jammed(db, jam, *values):
        tasks = [asyncio.create_task(played(act, db)) for act in acts]
        if jam is not None:
            await until_each_waits(db, tasks)
    said = await asyncio.gather(*tasks, return_exceptions=True)
    for each in said:
        if isinstance(each, BaseException):
            raise each  # a deadlock is one: Unavailable, from DeadlockDetected
    return said


@asynccontextmanager
async def jammed(db: Database, statement: str | None, *values: object) -> AsyncIterator[None]:
    if statement is None:
        yield
        return
    async with db.transaction() as connection:
        await connection.execute(statement.encode(), values)
        yield


async def until_each_waits(db: Database, tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Until each has ended or waits for a lock."""
    waiting = b"select count(*) as here from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    async with db.connection() as connection:
        for _ in range(1_000):
            row = await one(connection, waiting)
            assert row is not None
            if row["here"] >= sum(not task.done() for task in tasks):
                return
            await asyncio.sleep(0.001)


def explained[W: Facts](before: W, acts: Sequence[Act[W]], said: Sequence[object], after: W) -> bool:
    """Whether the acts, in some order, one after the other, would have said this and come to that."""
    dead_ends: set[object] = set()

    def search(world: W, left: frozenset[int]) -> bool:
        if not left:
            return world == after
        here = (left, world.key())
        if here in dead_ends:
            return False
        for each in sorted(left):
            then = world.copy()
            if acts[each].allows(then, said[each], alone=False) and search(then, left - {each}):
                return True
        dead_ends.add(here)
        return False

    return search(before, frozenset(range(len(acts))))


# ── The model of jobs ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Purse:
    wallet: int = 0
    held: int = 0

    def after(self, kind: str, amount: int) -> "Purse":
        wallet, held = _EFFECTS[kind]
        return Purse(self.wallet + wallet * amount, self.held + held * amount)


_EFFECTS = {"grant": (1, 0), "hold": (-1, 1), "capture": (0, -1), "release": (1, -1), "refund": (1, 0)}


@dataclass(frozen=True, slots=True)
class Fact:
    """A job."""

    owner: Owner
    price: int
    provider: str
    status: Status = Status.QUEUED
    step: Step = Step.ACCEPTED
    attempt: int = 0
    worker: UUID | None = None
    progress: float | None = 0.0
    stumbles: int = 0
    entries: tuple[str, ...] = ()
    errand: int | None = 0
    """The attempt that its row in the queue names; None where it has none that anybody would act on."""
    is_overdue: bool = False
    is_idle: bool = False
    """Whether nothing was written for long."""
    is_old: bool = False
    """Whether it ended long ago."""
    is_expired: bool = False
    is_filed: bool = False

    @property
    def is_started(self) -> bool:
        return self.status in (Status.STARTING, Status.PROCESSING)

    def belongs_to(self, job: Job) -> bool:
        """Whether a worker that knows this of the job may still write."""
        return self.attempt == job.attempt and self.worker == job.worker_id


@dataclass(frozen=True, slots=True)
class Order:
    """A submission."""

    job_id: UUID
    provider: str
    state: State = State.INTENT
    upstream: str | None = None
    is_due: bool | None = False
    """None where nobody is to look any more."""
    is_urgent: bool = False
    looks: int = 0
    says_what_was_sent: bool = True
    says_an_error: bool = False


class Seen(NamedTuple):
    """What a job that is handed back shows."""

    status: Status
    step: Step
    attempt: int
    worker: UUID | None


@dataclass
class World(Facts):
    purses: dict[Owner, Purse] = field(default_factory=dict)
    given: dict[tuple[Owner, str], bool] = field(default_factory=dict)
    keys: dict[tuple[Owner, str], tuple[bytes, UUID]] = field(default_factory=dict)
    jobs: dict[UUID, Fact] = field(default_factory=dict)
    orders: dict[UUID, Order] = field(default_factory=dict)
    heard: dict[tuple[str, str], bool] = field(default_factory=dict)
    beats: dict[UUID, bool] = field(default_factory=dict)
    """Whether a worker has beaten lately."""

    def open(self, owner: Owner) -> Purse:
        if owner not in self.purses:
            self.purses[owner] = Purse(STARTING)
            self.given[owner, "starting"] = True
        return self.purses[owner]

    def post(self, job_id: UUID, kind: str) -> None:
        row = self.jobs[job_id]
        self.purses[row.owner] = self.purses[row.owner].after(kind, row.price)
        self.jobs[job_id] = replace(row, entries=tuple(sorted((*row.entries, kind))))

    def move(self, job_id: UUID, **changes: Any) -> Seen:
        row = self.jobs[job_id] = replace(self.jobs[job_id], **({"is_idle": False} | changes))
        return Seen(row.status, row.step, row.attempt, row.worker)

    def forward(self, job_id: UUID, share: float, **changes: Any) -> Seen:
        """Progress never falls."""
        so_far = self.jobs[job_id].progress
        return self.move(job_id, progress=share if so_far is None else max(so_far, share), **changes)

    def end(self, job_id: UUID, status: Status, *, gives_back: bool = True, **changes: Any) -> Seen:
        if gives_back:
            self.post(job_id, "release" if self.jobs[job_id].status is Status.QUEUED else "refund")
        self.wake(job_id, looks=0)
        return self.move(job_id, status=status, **changes)

    def put_back(self, job_id: UUID, *, stumbled: bool = False) -> None:
        row = self.jobs[job_id]
        waits = row.step is Step.SUBMITTED
        self.move(
            job_id,
            attempt=row.attempt + 1,
            worker=None,
            stumbles=row.stumbles + stumbled,
            errand=None if waits else row.attempt + 1,
        )
        if waits:
            self.wake(job_id)

    def wake(self, job_id: UUID, **changes: Any) -> None:
        for order_id, order in self.orders.items():
            if order.job_id == job_id and order.is_due is not None:
                self.orders[order_id] = replace(order, is_due=True, is_urgent=True, **changes)

    def close(self, order_id: UUID, state: State, *, error: bool = False) -> None:
        order = self.orders[order_id]
        says = error and not self.jobs[order.job_id].is_expired
        self.orders[order_id] = replace(order, state=state, is_due=None, is_urgent=False, says_what_was_sent=False, says_an_error=says)

    def waiting(self, order: Order | None) -> bool:
        """Whether the order's job waits for it."""
        row = None if order is None else self.jobs[order.job_id]
        return row is not None and row.step is Step.SUBMITTED and row.is_started


_JOBS = b"""
select j.*, j.deadline_at < now() as is_overdue, j.updated_at < now() - interval '30 minutes' as is_idle,
       coalesce(j.finished_at < now() - interval '1 day', false) as is_old, v.id is not null as is_filed,
       (select coalesce(array_agg(kind order by kind), '{}') from dust_entries e where e.job_id = j.id) as entries,
       case when o.args->>'job' = j.id::text and (o.state in ('available', 'scheduled', 'retryable')
                 or (o.state = 'executing' and o.attempted_at > timezone('UTC', now()) - interval '10 minutes'))
            then (o.args->>'attempt')::integer end as errand
  from jobs j left join oban_jobs o on o.id = j.queue_row left join videos v on v.job_id = j.id and v.id = j.video_id
 order by j.id
"""
_ORDERS = b"""
select *, wake_at <= now() as is_due, sent is not null as says_what_was_sent, error is not null as says_an_error from submissions
"""
_PURSES = b"""
select user_id, mode, wallet, held,
       (select coalesce(array_agg(reference), '{}') from dust_entries e
         where e.user_id = a.user_id and e.mode = a.mode and kind = 'grant' and reference is not null) as given
  from dust_accounts a
"""
_REST = b"""
select 'beat' as what, id::text as a, null as b, null as c, null::bytea as d, null::uuid as e,
       beaten_at > now() - interval '10 minutes' as f from workers
union all select 'heard', provider, id, null, null, null, true from provider_webhooks
union all select 'key', user_id::text, mode, key, fingerprint, job_id, true from idempotency_keys
"""


def read(eye: psycopg.Connection[Row]) -> tuple[World, list[Row]]:
    """The world as the database has it, and the jobs' rows."""
    world = World()
    rows = eye.execute(_JOBS).fetchall()
    for row in eye.execute(_PURSES):
        owner = row["user_id"], Mode(row["mode"])
        world.purses[owner] = Purse(row["wallet"], row["held"])
        world.given |= {(owner, reference): True for reference in row["given"]}
    for row in eye.execute(_REST):
        match row["what"]:
            case "beat":
                world.beats[UUID(row["a"])] = row["f"]
            case "heard":
                world.heard[row["a"], row["b"]] = True
            case "key":
                world.keys[(UUID(row["a"]), Mode(row["b"])), row["c"]] = row["d"], row["e"]
    for row in rows:
        world.jobs[row["id"]] = Fact(
            owner=(row["user_id"], Mode(row["mode"])),
            price=row["price"],
            provider=row["provider"],
            status=Status(row["status"]),
            step=Step(row["step"]),
            attempt=row["attempt"],
            worker=row["worker_id"],
            progress=row["progress"],
            stumbles=row["stumbles"],
            entries=tuple(row["entries"]),
            errand=row["errand"],
            is_overdue=row["is_overdue"],
            is_idle=row["is_idle"],
            is_old=row["is_old"],
            is_expired=row["expired_at"] is not None,
            is_filed=row["is_filed"],
        )
    for row in eye.execute(_ORDERS):
        world.orders[row["id"]] = Order(
            job_id=row["job_id"],
            provider=row["provider"],
            state=State(row["state"]),
            upstream=row["upstream_id"],
            is_due=row["is_due"],
            is_urgent=row["urgent"],
            looks=row["looks"],
            says_what_was_sent=row["says_what_was_sent"],
            says_an_error=row["says_an_error"],
        )
    return world, rows


# ── What callers do ─────────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── What workers do ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Work(Act[World]):
    """A write by a worker that goes by what it knows of the job, which may be long out of date."""

    job: Job

    @abstractmethod
    async def write(self, connection: Any) -> Job | None: ...

    @abstractmethod
    def may(self, row: Fact) -> bool: ...

    @abstractmethod
    def change(self, world: World) -> Seen | None: ...

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            job = await self.write(connection)
        return None if job is None else Seen(job.status, job.step, job.attempt, job.worker_id)

    def foretell(self, world: World) -> object:
        row = world.jobs[self.job.id]
        return self.change(world) if row.belongs_to(self.job) and self.may(row) else Said.OVERTAKEN


@dataclass(frozen=True)
class Start(Act[World]):
    job_id: UUID
    worker: UUID

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            job = await life.start(connection, self.job_id, worker_id=self.worker, deadlines=DEADLINES)
        return Seen(job.status, job.step, job.attempt, job.worker_id)

    def foretell(self, world: World) -> object:
        row = world.jobs[self.job_id]
        if row.status is not Status.QUEUED:
            return Said.OVERTAKEN
        world.post(self.job_id, "capture")
        return world.move(self.job_id, status=Status.STARTING, attempt=row.attempt + 1, worker=self.worker, progress=None, is_overdue=False)


@dataclass(frozen=True)
class Resume(Act[World]):
    job_id: UUID
    attempt: int
    worker: UUID

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            job = await life.resume(connection, self.job_id, self.attempt, worker_id=self.worker)
        return Seen(job.status, job.step, job.attempt, job.worker_id)

    def foretell(self, world: World) -> object:
        row = world.jobs[self.job_id]
        open_to_it = row.is_started and row.worker is None and row.attempt == self.attempt
        return world.move(self.job_id, worker=self.worker) if open_to_it else Said.OVERTAKEN


@dataclass(frozen=True)
class Render(Work):
    job: Job
    share: float

    async def write(self, connection: Any) -> Job:
        return await life.render(connection, self.job, self.share, deadlines=DEADLINES)

    def may(self, row: Fact) -> bool:
        return row.worker is not None and row.is_started

    def change(self, world: World) -> Seen:
        return world.forward(self.job.id, min(self.share, 0.99), status=Status.PROCESSING)


class OfProcessing(Work):
    def may(self, row: Fact) -> bool:
        return row.worker is not None and row.status is Status.PROCESSING


@dataclass(frozen=True)
class Progress(OfProcessing):
    job: Job
    share: float

    async def write(self, connection: Any) -> None:
        await life.progress(connection, self.job, self.share)

    def change(self, world: World) -> None:
        world.forward(self.job.id, min(self.share, 0.99))


@dataclass(frozen=True)
class Rendered(OfProcessing):
    job: Job

    async def write(self, connection: Any) -> Job:
        return await life.rendered(connection, self.job, {"video_key": f"videos/{self.job.id}"})

    def change(self, world: World) -> Seen:
        return world.forward(self.job.id, 0.99, step=Step.RENDERED)


@dataclass(frozen=True)
class Stored(OfProcessing):
    job: Job

    async def write(self, connection: Any) -> Job:
        return await life.stored(connection, self.job, {"video_key": f"videos/{self.job.id}"})

    def change(self, world: World) -> Seen:
        return world.move(self.job.id, step=Step.STORED)


@dataclass(frozen=True)
class Finish(OfProcessing):
    job: Job
    video_id: UUID

    async def write(self, connection: Any) -> Job:
        finished = await life.finish(connection, self.job, video_id=self.video_id)
        await videos.file_video(connection, self._video)
        return finished

    @property
    def _video(self) -> NewVideo:
        job = self.job
        return NewVideo(
            id=self.video_id,
            job_id=job.id,
            user_id=job.user_id,
            mode=job.mode,
            video_key=f"videos/{self.video_id}.mp4",
            thumbnail_key=f"thumbnails/{self.video_id}.jpg",
            prompt="A pond",
            generation_type=job.generation_type,
            source_image_url=None,
            picture_id=None,
            duration_seconds=5,
            resolution=job.resolution,
            aspect_ratio=job.aspect_ratio,
            reference_person=None,
            metadata={},
            model_used="sandbox/animatic-1",
            generation_time_ms=1,
        )

    def may(self, row: Fact) -> bool:
        return super().may(row) and row.step is Step.STORED

    def change(self, world: World) -> Seen:
        return world.end(self.job.id, Status.COMPLETED, gives_back=False, step=Step.FILED, progress=1.0, is_filed=True)


@dataclass(frozen=True)
class Fail(Work):
    """By the worker that has the job, or by one that looked at it while nobody had."""

    job: Job

    async def write(self, connection: Any) -> Job:
        return await life.fail(connection, self.job, because="the model timed out")

    def may(self, row: Fact) -> bool:
        return not row.status.is_final

    def change(self, world: World) -> Seen:
        return world.end(self.job.id, Status.FAILED)


@dataclass(frozen=True)
class HandOver(Work):
    job: Job
    after: float
    stumbled: bool

    async def write(self, connection: Any) -> None:
        await life.hand_over(connection, self.job, after=self.after, stumbled=self.stumbled)

    def may(self, row: Fact) -> bool:
        return row.worker is not None and row.is_started

    def change(self, world: World) -> None:
        world.put_back(self.job.id, stumbled=self.stumbled)


# ── What sweeps do ──────────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── What becomes of orders ──────────────────────────────────────────────────────────────────────────────────────────────


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


# ── What time and chance do ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Happens(Act[World]):
    """Something that no code of ours does."""

    what: str
    to: UUID

    statements: ClassVar[dict[str, str]] = {
        # Less than five minutes: the audit minds what a sweep has long overlooked.
        "it is overdue": "update jobs set deadline_at = now() - interval '1 minute' where id = %s",
        "it is idle": "update jobs set updated_at = now() - interval '1 hour' where id = %s",
        "it is old": "update jobs set finished_at = now() - interval '2 days', created_at = now() - interval '3 days' "
        "where id = %s and finished_at is not null",
        "its queue row is lost": "delete from oban_jobs where id = (select queue_row from jobs where id = %s)",
        "its queue row is fetched and never acted on": "update oban_jobs set state = 'executing', "
        "attempted_at = timezone('UTC', now()) - interval '1 hour' where id = (select queue_row from jobs where id = %s)",
        "its queue row is being acted on": "update oban_jobs set state = 'executing', attempted_at = timezone('UTC', now()) "
        "where id = (select queue_row from jobs where id = %s) and state in ('available', 'scheduled')",
        "a look is due": "update submissions set wake_at = now() - interval '1 minute' where id = %s and wake_at is not null",
        "a worker beats": "insert into workers (id, host, pid) values (%s, 'here', 1) on conflict (id) do update set beaten_at = now()",
        "a worker dies": "update workers set beaten_at = now() - interval '2 hours' where id = %s",
        "a worker leaves": "delete from workers where id = %s",
    }

    async def play(self, db: Database) -> None:
        await forge(db, self.statements[self.what], self.to)

    def foretell(self, world: World) -> None:
        row, order = world.jobs.get(self.to), world.orders.get(self.to)
        match self.what:
            case "it is overdue" if row:
                world.jobs[self.to] = replace(row, is_overdue=True)
            case "it is idle" if row:
                world.jobs[self.to] = replace(row, is_idle=True)
            case "it is old" if row and row.status.is_final:
                world.jobs[self.to] = replace(row, is_old=True)
            case "its queue row is lost" | "its queue row is fetched and never acted on" if row:
                world.jobs[self.to] = replace(row, errand=None)
            case "a look is due" if order and order.is_due is not None:
                world.orders[self.to] = replace(order, is_due=True)
            case "a worker beats":
                world.beats[self.to] = True
            case "a worker dies" if self.to in world.beats:
                world.beats[self.to] = False
            case "a worker leaves":
                world.beats.pop(self.to, None)


# ── The model of the ledger alone ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Page:
    """What the ledger knows of one job."""

    owner: Owner
    amount: int
    kinds: tuple[str, ...]


@dataclass
class Books(Facts):
    purses: dict[Owner, Purse] = field(default_factory=dict)
    given: dict[tuple[Owner, str], bool] = field(default_factory=dict)
    pages: dict[UUID, Page] = field(default_factory=dict)

    def post(self, owner: Owner, kind: str, amount: int) -> bool:
        """False, and nothing is posted, where an account would fall below zero or out of its type's range."""
        purse = self.purses.get(owner)
        after = purse and purse.after(kind, amount)
        if after is None or not (0 <= after.wallet < 2**63 and 0 <= after.held < 2**63):
            return False
        self.purses[owner] = after
        return True


async def make_bare_jobs(db: Database, owners: dict[UUID, Owner]) -> None:
    """Jobs without entries, so that the ledger can be spoken to in any order."""
    for job_id, (user_id, mode) in owners.items():
        await forge(
            db,
            "insert into jobs (id, user_id, mode, generation_type, prompt, duration, resolution, aspect_ratio, camera_fixed, provider, "
            "model, lane, price, estimated_seconds, progress, deadline_at) "
            "values (%s, %s, %s, 'text_to_video', 'A pond', 'short', 'sd_480p', '16:9', false, 'sandbox', 'animatic-1', "
            "'light', 10, 1, 0, now() + interval '1 hour')",
            job_id,
            user_id,
            mode,
        )


def read_books(eye: psycopg.Connection[Row]) -> Books:
    pages = b"""
        select job_id, user_id, mode, min(amount) as amount, array_agg(kind order by kind) as kinds
          from dust_entries where job_id is not null group by job_id, user_id, mode
    """
    books = Books()
    for row in eye.execute(_PURSES):
        owner = row["user_id"], Mode(row["mode"])
        books.purses[owner] = Purse(row["wallet"], row["held"])
        books.given |= {(owner, reference): True for reference in row["given"]}
    for row in eye.execute(pages):
        assert row["job_id"] not in books.pages, "a job's entries are one account's"
        books.pages[row["job_id"]] = Page((row["user_id"], Mode(row["mode"])), row["amount"], tuple(row["kinds"]))
    return books


class Posting(Act[Books]):
    """One call of a SQL function."""

    @abstractmethod
    def call(self) -> tuple[str, tuple[object, ...]]: ...

    async def post(self, connection: Any) -> object:
        statement, values = self.call()
        row = await (await connection.execute(statement.encode(), values)).fetchone()
        return row is not None and row[0] is not None

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            return await self.post(connection)


@dataclass(frozen=True)
class OpenAccount(Posting):
    owner: Owner
    starting: int

    def call(self) -> tuple[str, tuple[object, ...]]:
        return "select dust_open(%s, %s, %s)", (*self.owner, self.starting)

    def foretell(self, world: Books) -> object:
        if self.owner not in world.purses:
            world.purses[self.owner] = Purse(self.starting)
            if self.starting:
                world.given[self.owner, "starting"] = True
        return True


@dataclass(frozen=True)
class Give(Posting):
    owner: Owner
    amount: int
    reference: str | None

    def call(self) -> tuple[str, tuple[object, ...]]:
        return "select dust_grant(%s, %s, %s, %s)", (*self.owner, self.amount, self.reference)

    def foretell(self, world: Books) -> object:
        if self.amount <= 0:
            return Said.REFUSED
        if self.reference is not None and (self.owner, self.reference) in world.given:
            return False
        if not world.post(self.owner, "grant", self.amount):
            return Said.REFUSED
        if self.reference is not None:
            world.given[self.owner, self.reference] = True
        return True


@dataclass(frozen=True)
class Hold(Posting):
    job_id: UUID
    owner: Owner
    amount: int

    def call(self) -> tuple[str, tuple[object, ...]]:
        return "select dust_hold(%s, %s, %s, %s)", (self.job_id, *self.owner, self.amount)

    def foretell(self, world: Books) -> object:
        if self.job_id in world.pages or self.amount < 0 or not world.post(self.owner, "hold", self.amount):
            return Said.REFUSED
        world.pages[self.job_id] = Page(self.owner, self.amount, ("hold",))
        return True


@dataclass(frozen=True)
class Resolve(Posting):
    """A hold is captured or released, and a capture refunded: each once, and never both."""

    job_id: UUID
    kind: str

    def call(self) -> tuple[str, tuple[object, ...]]:
        return f"select dust_{self.kind}(%s)", (self.job_id,)

    def foretell(self, world: Books) -> object:
        page = world.pages.get(self.job_id)
        if page is None or (self.kind == "refund" and "capture" not in page.kinds):
            return False  # there is nothing to resolve
        rivals = {"refund"} if self.kind == "refund" else {"capture", "release"}
        if rivals & set(page.kinds) or not world.post(page.owner, self.kind, page.amount):
            return Said.REFUSED
        world.pages[self.job_id] = replace(page, kinds=tuple(sorted((*page.kinds, self.kind))))
        return True


@dataclass(frozen=True)
class InOneTransaction(Posting):
    postings: tuple[Posting, ...]

    def call(self) -> tuple[str, tuple[object, ...]]:
        raise AssertionError("it is several calls")

    async def post(self, connection: Any) -> object:
        return tuple([await each.post(connection) for each in self.postings])

    def foretell(self, world: Books) -> object:
        before = world.copy()
        said = tuple(each.foretell(world) for each in self.postings)
        if Said.REFUSED not in said:
            return said
        world.purses, world.given, world.pages = before.purses, before.given, before.pages
        return Said.REFUSED


@dataclass(frozen=True)
class Forgery(Posting):
    """Past the ledger's door."""

    what: str

    statements: ClassVar[dict[str, str]] = {
        "an entry that doubles what it moves": "insert into dust_entries (user_id, mode, kind, amount, from_account, to_account) "
        "select user_id, mode, 'grant', 5, 'wallet', 'wallet' from dust_accounts",
        "a refund of more than was charged": "insert into dust_entries (user_id, mode, kind, amount, from_account, to_account, job_id) "
        "select user_id, mode, 'refund', amount + 1, 'sales', 'wallet', job_id from dust_entries where kind = 'hold'",
        "a release to somebody else": "insert into dust_entries (user_id, mode, kind, amount, from_account, to_account, job_id) "
        "select a.user_id, a.mode, 'release', amount, 'held', 'wallet', job_id from dust_entries e join dust_accounts a "
        "on (a.user_id, a.mode) <> (e.user_id, e.mode) where kind = 'hold'",
        "a hold for no job": "select dust_hold(gen_random_uuid(), user_id, mode, 0) from dust_accounts",
        "a larger entry": "update dust_entries set amount = amount + 1",
        "an entry taken out": "delete from dust_entries",
        "a fuller wallet": "update dust_accounts set wallet = wallet + 1",
    }

    def call(self) -> tuple[str, tuple[object, ...]]:
        statement = self.statements[self.what]
        return statement if statement.startswith("select") else f"{statement} returning true", ()

    def foretell(self, world: Books) -> object:
        holds = any("hold" in page.kinds for page in world.pages.values())
        is_there = {
            "an entry that doubles what it moves": bool(world.purses),
            "a refund of more than was charged": holds,
            "a release to somebody else": holds and len(world.purses) > 1,
            "a hold for no job": bool(world.purses),
            "a larger entry": holds or bool(world.given),
            "an entry taken out": holds or bool(world.given),
            "a fuller wallet": bool(world.purses),
        }
        return Said.REFUSED if is_there[self.what] else False
