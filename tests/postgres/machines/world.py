"""The model of jobs: purses, jobs, orders and beats, how one thing that happens moves the others, and the same read from the database."""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from dustreel.base.db import Row
from dustreel.base.vocabulary import Dust, Mode
from dustreel.jobs import Deadlines, Job, Status, Step
from dustreel.jobs.submissions import State
from tests.postgres.machines.acts import Facts

# Hours beside minutes: what is dead has not beaten for two hours, so that no pause of the machine ever decides.
DEAD_AFTER = 600.0
FAR = 3_600.0
KEEP = 86_400.0
DEADLINES = Deadlines(queue=10_000, job=10_000, render=10_000, settle=10_000)
STARTING = Dust(100)
LIVE_AT_MOST = 5

type Owner = tuple[UUID, Mode]


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
    rows = eye.execute(_JOBS).fetchall()
    purses, given = read_purses(eye)
    world = World(purses, given)
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


def read_purses(eye: psycopg.Connection[Row]) -> tuple[dict[Owner, Purse], dict[tuple[Owner, str], bool]]:
    """Every account's sums, and which named grants it was given."""
    purses: dict[Owner, Purse] = {}
    given: dict[tuple[Owner, str], bool] = {}
    for row in eye.execute(_PURSES):
        owner = row["user_id"], Mode(row["mode"])
        purses[owner] = Purse(row["wallet"], row["held"])
        given |= {(owner, reference): True for reference in row["given"]}
    return purses, given
