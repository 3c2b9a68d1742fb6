"""Whatever happens to jobs and to DUST, in whatever order and at whatever moment: the rows are what a small model foretells.

Hypothesis chooses what happens next, to which job, by whom, and how stale that one's knowledge is. After every step the whole database
is compared with the model and the audit is asked. What happens at once must be what some order of the same acts would have come to.
Nothing that is drawn depends on who wins a race, so the same examples are tried every time.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from dustreel.base.db import Connection, Database, Statements, one
from dustreel.base.vocabulary import Mode
from dustreel.dust import balance
from dustreel.jobs import Job, Status, Step, life, submissions
from dustreel.jobs.life import Idempotency
from dustreel.jobs.submissions import State
from tests.postgres.machines import books, callers, chance, orders, sweeps, workers
from tests.postgres.machines.acts import Act, Facts, explained, played, played_at_once, until_each_waits
from tests.postgres.machines.lab import Lab, broken, empty, lab_on, patient
from tests.postgres.machines.world import FAR, KEEP, Owner, World, read
from tests.postgres.made import DEADLINES, STARTING, accepted, beat, intended, processing, taken

PHASES = (Phase.explicit, Phase.generate, Phase.shrink)
STEADY = settings(derandomize=True, print_blob=True, deadline=None, suppress_health_check=list(HealthCheck))

# One user's two purses, and another's.
OWNERS: tuple[Owner, ...] = ((UUID(int=0xA), Mode.LIVE), (UUID(int=0xA), Mode.TEST), (UUID(int=0xB), Mode.TEST))
WORKERS = tuple(UUID(int=0xC0 + each) for each in range(3))
NOBODYS = UUID(int=0xF)
SHARES: tuple[float, ...] = (0.0, 0.3, 0.7, 1.0)

JAMS = {
    "job": "select from jobs where id = %s for no key update",
    "order": "select from submissions where job_id = %s for no key update",
    "account": "select from dust_accounts a join jobs j using (user_id, mode) where j.id = %s for no key update of a",
}


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """As everybody's, but in no hurry."""
    database = patient(database_url, connections=10)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="module")
def lab(template: str) -> Iterator[Lab]:
    with lab_on(template) as made:
        yield made


@dataclass(frozen=True)
class Pick:
    """To which job, with knowledge how many versions old, by whom, and how."""

    job: int
    back: int
    worker: int
    twist: int


class Machine[W: Facts](RuleBasedStateMachine):
    world: W

    def __init__(self, lab: Lab) -> None:
        super().__init__()
        self.lab = lab
        self.is_sound = True
        """Until a step goes wrong; then there is no end to be brought to."""
        self.audited: object = None
        lab.do(empty(lab.db))

    def look(self) -> W:
        """The world as the database has it."""
        raise AssertionError("each machine has its own")

    def findings(self) -> list[str]:
        """What the audit minds, asked again where something has changed."""
        if self.audited == self.world:
            return []
        self.audited = self.world.copy()
        return self.lab.do(broken(self.lab.db))

    def alone(self, act: Act[W]) -> None:
        """Play one act, which must say and change exactly what was foretold."""
        self.is_sound = False
        expected, told = self.world.copy(), self.world.copy()
        said = self.lab.do(played(act, self.lab.db))
        assert act.allows(expected, said, alone=True), f"{act}\nsaid     {said}\nforetold {act.foretell(told)}"
        self.world = self.look()
        assert self.world == expected, f"{act}\nsaid {said}, and\n{expected.difference(self.world)}"
        self.is_sound = True

    def at_once(self, acts: Sequence[Act[W]], jam: str | None = None, *values: object) -> None:
        """Play several at the same moment: they must come to what some order of them would."""
        self.is_sound = False
        said = self.lab.do(played_at_once(self.lab.crowd, acts, jam, *values))
        before, self.world = self.world, self.look()
        if not explained(before, acts, said, self.world):
            each = "\n".join(f"{act}\n    said {what}" for act, what in zip(acts, said, strict=True))
            raise AssertionError(f"No order of these comes to this:\n{each}\n{before.difference(self.world)}")
        self.is_sound = True


# ── Jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

EVENTS: dict[str, Callable[["Life", Pick], Act[World]]] = {
    "accept": lambda it, p: callers.Accept(it.fresh(), OWNERS[p.worker], (0, 10, 10, 30, 30, 60)[p.twist]),
    "accept once": lambda it, p: callers.Accept(it.fresh(), OWNERS[p.worker], 30, Idempotency(f"key {p.back}", b"%032d" % (p.twist // 4))),
    "grant": lambda it, p: callers.Grant(OWNERS[p.worker], 1 + p.twist, (None, "gift", "prize")[p.back % 3]),
    "balance": lambda it, p: callers.Balance(OWNERS[p.worker]),
    "cancel": lambda it, p: callers.Cancel(it.job(p), refunds=p.twist % 3 > 0),
    "start": lambda it, p: workers.Start(it.job(p).id, WORKERS[p.worker]),
    "resume": lambda it, p: workers.Resume(it.job(p).id, it.job(p).attempt, WORKERS[p.worker]),
    "render": lambda it, p: workers.Render(it.job(p), SHARES[p.twist % 4]),
    "progress": lambda it, p: workers.Progress(it.job(p), SHARES[p.twist % 4]),
    "rendered": lambda it, p: workers.Rendered(it.job(p)),
    "stored": lambda it, p: workers.Stored(it.job(p)),
    "finish": lambda it, p: workers.Finish(it.job(p), it.fresh()),
    "fail": lambda it, p: workers.Fail(it.job(p)),
    "hand over": lambda it, p: workers.HandOver(it.job(p), after=(0.0, 60.0)[p.twist % 2], stumbled=p.twist < 2),
    "intend": lambda it, p: orders.Intend(it.job(p), it.fresh_order(p)),
    "accepted": lambda it, p: orders.Accepted(it.order(p), it.upstream(p), after=(FAR, 0.0)[p.twist % 2]),
    "refused": lambda it, p: orders.Refused(it.job(p), it.own_order(p), ("sandbox", "elsewhere")[p.twist % 2]),
    "rendering": lambda it, p: orders.Rendering(it.order(p), it.share(p)),
    "succeeded": lambda it, p: orders.Succeeded(it.order(p)),
    "ended": lambda it, p: orders.Ended(it.order(p), (State.FAILED, State.CANCELLED, State.LOST)[p.twist % 3]),
    "ask again": lambda it, p: orders.AskAgain(it.order(p)),
    "look again": lambda it, p: orders.LookAgain(it.order(p), after=(FAR, 0.0)[p.twist % 2]),
    "heard": lambda it, p: orders.Heard(it.order(p), "sandbox", f"webhook {p.twist % 2}", it.upstream(p)),
    "take over": lambda it, p: sweeps.TakeOver(),
    "reclaim": lambda it, p: sweeps.Reclaim(it.job(p).worker_id or WORKERS[p.worker], (it.job(p).id,) if p.twist == 0 else ()),
    "fail overdue": lambda it, p: sweeps.FailOverdue(),
    "requeue lost": lambda it, p: sweeps.RequeueLost(),
    "expire": lambda it, p: sweeps.Expire(),
    "claim due": lambda it, p: sweeps.ClaimDue(at_most=1 + p.twist),
    "claim urgent": lambda it, p: sweeps.ClaimUrgent(at_most=1 + p.twist),
    "move money": lambda it, p: callers.MoveMoney(it.job(p).id, ("capture", "release", "refund")[p.twist % 3]),
    "go on": lambda it, p: it.next(p),
    # The answer to a commit was lost, so it is said again.
    "intend again": lambda it, p: orders.Intend(it.job(p), it.own_order(p)),
}
MONEY = ("accept", "accept once", "grant")
# What nobody does, and the sweeps that may notice.
CHANCES = {
    "it is overdue": ("fail overdue",),
    "it is idle": ("reclaim",),
    "it is old": ("expire",),
    "its queue row is lost": ("requeue lost", "take over"),
    "its queue row is fetched and never acted on": ("requeue lost", "take over"),
    "its queue row is being acted on": ("requeue lost", "take over"),
    "a look is due": ("claim due", "claim urgent"),
    "a worker beats": ("take over",),
    "a worker dies": ("take over", "claim urgent"),
    "a worker leaves": ("take over", "claim urgent"),
}
# Of what happens by itself most comes at a wrong moment; what races is to have a chance. A worker says one thing after the other: it does
# not repeat an intent while it is already told that it was refused. And nobody who moves money waits for an order of locks but ours.
RACING = (*sorted(EVENTS.keys() - {"intend again", "move money"}), *("go on",) * 8, *("cancel", "fail") * 3)

PICKS = st.builds(
    Pick, job=st.integers(0, 4), back=st.sampled_from((0, 0, 0, 0, 1, 2, 5)), worker=st.integers(0, 2), twist=st.integers(0, 5)
)
RACERS = st.lists(st.tuples(st.sampled_from(RACING), PICKS), min_size=2, max_size=6)
# The same by many: two starts, ten submits with the balance for three, one grant that is asked for twice.
CROWDS = st.builds(lambda racer, size: [racer] * size, st.tuples(st.sampled_from(RACING), PICKS), st.integers(2, 10))


JAM = st.sampled_from((None, *sorted(JAMS)))


class Life(Machine[World]):
    """Several users' jobs, three workers, and time."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.world = World()
        self.count = 0
        self.rows: dict[UUID, dict[str, object]] = {}
        self.known: dict[UUID, list[Job]] = {}
        """Every version of every job that somebody may still go by, oldest first."""
        self.orders: dict[UUID, list[UUID]] = {}

    def look(self) -> World:
        world, rows = read(self.lab.eye)
        for row in rows:
            if row != self.rows.get(row["id"]):
                self.rows[row["id"]] = row
                self.known.setdefault(row["id"], []).append(Job.from_row(row))
        return world

    @initialize()
    def there_are_jobs(self) -> None:
        for owner in OWNERS:
            self.alone(callers.Accept(self.fresh(), owner, 10))
        for worker in WORKERS[:2]:
            self.alone(chance.Happens("a worker beats", worker))

    @rule(events=st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), PICKS), min_size=1, max_size=5))
    def things_happen(self, events: list[tuple[str, Pick]]) -> None:
        """Mostly what should not: a stale worker, a wrong moment."""
        for event, pick in events:
            self.alone(EVENTS[event](self, pick))

    @rule(job=st.integers(0, 4), picks=st.lists(PICKS, min_size=1, max_size=6))
    def a_job_goes_on(self, job: int, picks: list[Pick]) -> None:
        """What the product would do next, some steps of it."""
        job = self.live(job)
        for pick in picks:
            self.alone(self.next(replace(pick, job=job, back=0)))

    @rule(chances=st.lists(st.tuples(st.sampled_from(sorted(CHANCES)), PICKS), min_size=1, max_size=3), is_noticed=st.booleans())
    def time_passes(self, chances: list[tuple[str, Pick]], is_noticed: bool) -> None:
        for what, picked in chances:
            pick = replace(picked, job=self.live(picked.job, carried="worker" in what), back=0)
            job = self.job(pick)
            to = (job.worker_id or WORKERS[pick.worker]) if "worker" in what else self.order(pick) if "look" in what else job.id
            self.alone(chance.Happens(what, to))
            for sweep in CHANCES[what] if is_noticed else ():
                self.alone(EVENTS[sweep](self, pick))

    @rule(job=st.integers(0, 4), jam=JAM, racers=RACERS | RACERS | CROWDS)
    def things_happen_at_once(self, job: int, jam: str | None, racers: list[tuple[str, Pick]]) -> None:
        self.race(job, jam, racers)

    @rule(job=st.integers(0, 4), jam=JAM, racers=RACERS | RACERS | CROWDS)
    def things_happen_to_one_job_at_once(self, job: int, jam: str | None, racers: list[tuple[str, Pick]]) -> None:
        self.race(job, jam, [(event, replace(pick, job=self.live(job))) for event, pick in racers])

    @invariant()
    def the_audit_finds_nothing(self) -> None:
        assert self.findings() == []

    def teardown(self) -> None:
        """Nothing waits for ever: a deadline ends what is left, and every DUST that was held is somebody's again."""
        if not self.is_sound:
            return
        for job_id, row in self.world.jobs.items():
            if not row.status.is_final:
                self.alone(chance.Happens("it is overdue", job_id))
        self.alone(sweeps.FailOverdue())
        for order_id, order in self.world.orders.items():
            if order.is_due is not None:
                self.alone(orders.Ended(order_id, State.LOST))
        assert all(row.status.is_final for row in self.world.jobs.values())
        assert all(purse.held == 0 for purse in self.world.purses.values())
        self.the_audit_finds_nothing()

    def race(self, job: int, jam: str | None, racers: Sequence[tuple[str, Pick]]) -> None:
        acts = [EVENTS[event](self, pick) for event, pick in racers]
        self.at_once(acts, None if jam is None else JAMS[jam], self.job(Pick(self.live(job), 0, 0, 0)).id)

    # What picks mean; that depends on what has happened, and what is drawn does not.

    def fresh(self) -> UUID:
        self.count += 1
        return UUID(int=0x1000 + self.count)

    def live(self, job: int, *, carried: bool = False) -> int:
        """One that has not ended, and that a worker has where it is to be `carried`; any where there is none."""
        rows = [self.world.jobs[each] for each in self.known]
        live = [at for at, row in enumerate(rows) if not row.status.is_final and (row.worker is not None or not carried)]
        return live[job % len(live)] if live else job

    def job(self, pick: Pick) -> Job:
        ids = list(self.known)
        versions = self.known[ids[pick.job % len(ids)]]
        return versions[max(-len(versions), -1 - pick.back)]

    def order(self, pick: Pick) -> UUID:
        """The job's own; of another where it has none."""
        made = self.orders.get(self.job(pick).id) or [each for many in self.orders.values() for each in many]
        return made[max(-len(made), -1 - pick.back)] if made else NOBODYS

    def own_order(self, pick: Pick) -> UUID:
        return self.order(pick) if self.job(pick).id in self.orders else NOBODYS

    def fresh_order(self, pick: Pick) -> UUID:
        made = self.orders.setdefault(self.job(pick).id, [])
        made.append(self.fresh())
        return made[-1]

    def upstream(self, pick: Pick) -> str:
        """Mostly the order's own name, now and then one that others may have too."""
        return "anybody's" if pick.twist == 0 else f"upstream {self.order(pick)}"

    def share(self, pick: Pick) -> float | None:
        return None if pick.twist > 3 else SHARES[pick.twist % 4]

    def next(self, pick: Pick) -> Act[World]:
        """What the product would do next with the job."""
        job = self.job(pick)
        row = self.world.jobs[job.id]
        order = next((each for each in self.world.orders.values() if each.job_id == job.id and each.state is not State.REFUSED), None)
        if row.status is Status.QUEUED:
            events = "start"
        elif row.status.is_final and order is not None and order.is_due is not None and pick.worker:
            events = "succeeded|succeeded|ended|heard|claim urgent|look again"
        elif row.is_expired:
            return callers.Accept(self.fresh(), row.owner, 5)
        elif row.status.is_final:
            if not row.is_old:
                return chance.Happens("it is old", job.id)
            events = "expire"
        elif row.worker is None and row.step is Step.SUBMITTED and order is not None:
            events = "heard|ask again|ended|claim due" if order.state is State.INTENT else "rendering|succeeded|succeeded|ended"
        elif row.worker is None:
            events = "resume"
        elif row.step is Step.SUBMITTED:
            events = "accepted|refused|hand over|accepted"
        elif row.step is Step.ACCEPTED and order is None and pick.worker:
            events = "intend"
        elif row.status is Status.STARTING:
            events = "render|render|hand over"
        else:
            onward = {Step.ACCEPTED: "rendered", Step.RENDERED: "stored", Step.STORED: "finish"}[row.step]
            events = f"{onward}|{onward}|{onward}|progress|hand over|{onward}"
        choices = events.split("|")
        return EVENTS[choices[pick.twist % len(choices)]](self, pick)


# Only a failure takes so long: the shortest way to it is looked for.
@pytest.mark.timeout(600)
def test_whatever_happens_to_jobs_the_rows_are_what_was_foretold(lab: Lab) -> None:
    run(Life, lab, examples=24, steps=30)


# The way to where it is to race, and what races there: each by another worker.
RACES = {
    "two starts": ("", "start start start"),
    "a start and every end": ("", "start cancel fail fail-overdue cancel"),
    "ten submits with the balance for three": ("", "accept " * 10),
    "one submit said six times": ("", "accept-once " * 6),
    "one grant said four times": ("", "grant " * 4),
    "every end of a stored job": ("start render rendered stored", "finish cancel fail take-over fail-overdue finish"),
    "two refunds": ("start render", "cancel cancel fail fail-overdue"),
    "two heirs": ("start hand-over", "resume resume resume cancel"),
    "a dead worker's last words": ("start render", "take-over hand-over fail progress reclaim"),
    "what a provider says, and a cancel": ("start intend accepted", "succeeded ended cancel heard heard rendering"),
    "an answer, a webhook and a refusal": ("start intend", "accepted heard refused ask-again take-over ended"),
    "looks that are due": ("start intend accepted", "claim-due claim-due claim-urgent heard look-again cancel"),
}


@pytest.mark.parametrize("name", RACES)
def test_what_happens_at_once_comes_to_what_one_order_would(name: str, lab: Lab) -> None:
    way, racers = ([event.replace("-", " ") for event in each.split()] for each in RACES[name])
    for jam in (None, *JAMS):
        it = Life(lab)
        it.there_are_jobs()
        pick = Pick(job=0, back=0, worker=0, twist=3)
        for event in way:
            it.alone(EVENTS[event](it, pick))
        it.alone(chance.Happens("it is overdue", it.job(pick).id))
        it.race(0, jam, [(event, replace(pick, worker=0 if event in MONEY else at % 3)) for at, event in enumerate(racers)])
        it.the_audit_finds_nothing()
        it.teardown()


# ── The ledger ──────────────────────────────────────────────────────────────────────────────────────────────────────────

BARE = {UUID(int=0x2000 + each): OWNERS[each % 3] for each in range(4)}
BARE_JOBS = st.sampled_from(tuple(BARE))
POSTINGS: st.SearchStrategy[books.Posting] = st.one_of(
    st.builds(books.OpenAccount, st.sampled_from(OWNERS), st.sampled_from((0, 50))),
    # The largest is so large that a second one no longer fits its type.
    st.builds(books.Give, st.sampled_from(OWNERS), st.sampled_from((-5, 0, 1, 40, 3 * 2**61)), st.sampled_from((None, "gift", "starting"))),
    st.builds(books.Hold, BARE_JOBS, st.sampled_from(OWNERS), st.sampled_from((-1, 0, 10, 10, 60))),
    st.builds(books.Resolve, BARE_JOBS, st.sampled_from(("capture", "release", "refund"))),
    st.builds(books.Resolve, BARE_JOBS, st.sampled_from(("capture", "release", "refund"))),
)
# They are about jobs; here there are none but in name.
ABOUT_JOBS = ("every job holds its price once", "money is where the status says")


class Ledger(Machine[books.Books]):
    """The ledger's SQL functions, in orders that no job would call them in."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.world = books.Books()
        self.lab.do(books.make_bare_jobs(self.lab.db, BARE))

    def look(self) -> books.Books:
        return books.read(self.lab.eye)

    @initialize(starting=st.sampled_from((0, 25, 100)))
    def there_are_accounts(self, starting: int) -> None:
        for owner in OWNERS[:2]:
            self.alone(books.OpenAccount(owner, starting))

    @rule(postings=st.lists(POSTINGS, min_size=1, max_size=6))
    def one_after_the_other(self, postings: list[books.Posting]) -> None:
        for posting in postings:
            self.alone(posting)

    @rule(postings=st.lists(POSTINGS, min_size=2, max_size=4))
    def all_or_none(self, postings: list[books.Posting]) -> None:
        self.alone(books.InOneTransaction(tuple(postings)))

    @rule(what=st.sampled_from(sorted(books.Forgery.statements)))
    def past_the_door(self, what: str) -> None:
        self.alone(books.Forgery(what))

    @rule(
        postings=st.lists(POSTINGS, min_size=2, max_size=6) | st.builds(lambda one, size: [one] * size, POSTINGS, st.integers(2, 10)),
        jammed=st.sampled_from((None, *OWNERS)),
    )
    def at_the_same_moment(self, postings: list[books.Posting], jammed: Owner | None) -> None:
        jam = "select from dust_accounts where (user_id, mode) = (%s, %s) for no key update"
        self.at_once(postings, None if jammed is None else jam, *(jammed or ()))

    @invariant()
    def the_sums_agree(self) -> None:
        assert [each for each in self.findings() if not each.startswith(ABOUT_JOBS)] == []


@pytest.mark.timeout(600)
def test_the_ledger_refuses_what_would_not_add_up_in_whatever_order_it_is_asked(template: str) -> None:
    # Whether a job's status allows it is tried above; here the ledger stands alone.
    with lab_on(template, broken_by="drop trigger if exists dust_entries_fit on dust_entries") as lab:
        run(Ledger, lab, examples=20, steps=20)


# ── Whether the machines would notice ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Mutant:
    room: Statements
    statement: str
    without: bytes
    broken_by: str = ""
    """What is taken out of the database, so that only the machine stands between the bug and the caller."""


# Everything that would refuse a second refund by itself.
NETS = (
    "drop trigger jobs_move on jobs; drop trigger jobs_resolved on jobs; drop trigger if exists dust_entries_fit on dust_entries;"
    "alter table dust_entries drop constraint dust_once_a_job_and_kind; drop index dust_hold_resolved_once;"
    "alter table jobs drop constraint job_completed_has_a_video, drop constraint job_progress_fits"
)
LIVE = b" and status in ('queued', 'starting', 'processing')"
MUTANTS = {
    "a refund without the state check": Mutant(life.SQL, "cancel", LIVE, NETS),
    "a failure told by a worker that was replaced": Mutant(
        life.SQL, "fail", b" and attempt = %(attempt)s and worker_id is not distinct from %(worker_id)s"
    ),
    "a cancel that locks nothing": Mutant(life.SQL, "cancel", b"for update\n"),
    "a take-over from workers that live": Mutant(
        life.SQL, "take_over", b" and job_is_orphaned(worker_id, step, queue_row, %(dead_after)s)"
    ),
    "a video that is to be fetched under the old attempt": Mutant(submissions.SQL, "succeeded", b" attempt = attempt + 1,"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_machine_catches(name: str, template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = MUTANTS[name]
    sound = mutant.room[mutant.statement]
    assert sound.count(mutant.without) == 1, "the mutant is to be made anew"
    monkeypatch.setitem(mutant.room._by_name, mutant.statement, sound.replace(mutant.without, b""))
    # A race need not come out the same way when hypothesis tries it once more; that is a find all the same.
    with lab_on(template, broken_by=mutant.broken_by) as lab, pytest.raises((AssertionError, Flaky)):
        run(Life, lab, examples=32, steps=30, phases=[Phase.generate])


# ── What the machines have found, each by itself ────────────────────────────────────────────────────────────────────────


async def sweep(db: Database, what: Callable[[Connection], Awaitable[list[UUID]]]) -> list[UUID]:
    async with db.transaction() as connection:
        return await what(connection)


async def test_of_two_sweeps_the_slower_leaves_a_job_to_the_worker_that_has_it_by_now(db: Database) -> None:
    dead, living = uuid4(), uuid4()
    sent, submission_id = await intended(db, dead)
    rendering = await processing(db, dead)
    async with db.transaction() as connection:
        await beat(connection, living)
    take_over = partial(life.take_over, dead_after=10.0)
    async with db.transaction() as lookout:
        await submissions.look_again(lookout, submission_id, after=60.0)  # which holds up the slower one at the first job
        slower = asyncio.create_task(sweep(db, take_over))
        await until_each_waits(db, [slower])
        faster = asyncio.create_task(sweep(db, take_over))
        await until_each_waits(db, [slower, faster])
        by_now = dead
        if faster.done() and faster.result() == [rendering.id]:
            async with db.transaction() as connection:
                await life.resume(connection, rendering.id, rendering.attempt + 1, worker_id=living)
            by_now = living
    took = await slower + await faster
    assert sorted(took) == sorted([sent.id, rendering.id]), "each once"
    async with db.connection() as connection:
        assert (await life.reread(connection, rendering.id)).worker_id == (living if by_now == living else None)


async def test_two_sweeps_of_overdue_jobs_never_wait_for_each_other(db: Database) -> None:
    ann, bob, eve = uuid4(), uuid4(), uuid4()
    for minutes, user in enumerate((ann, eve, bob, ann, bob)):
        job_id = await accepted(db, user)
        async with db.transaction() as connection:
            overdue = "update jobs set deadline_at = now() - make_interval(mins => %s) where id = %s"
            await connection.execute(overdue, (9 - minutes, job_id))
    async with db.transaction() as submitting:
        await balance(submitting, eve, Mode.TEST, starting=STARTING)  # which holds up the first one at the second account
        sweeping = [asyncio.create_task(sweep(db, life.fail_overdue))]
        await until_each_waits(db, sweeping)
        sweeping.append(asyncio.create_task(sweep(db, life.fail_overdue)))
        await until_each_waits(db, sweeping)
    assert len([each for swept in await asyncio.gather(*sweeping) for each in swept]) == 5


async def test_progress_is_left_out_where_the_provider_says_nothing(db: Database) -> None:
    job, submission_id = await taken(db, uuid4())
    async with db.transaction() as connection:
        submission = await submissions.find(connection, submission_id)
        assert submission is not None
        await submissions.rendering(connection, submission, None, deadlines=DEADLINES)
        now = await life.reread(connection, job.id)
    assert (now.status, now.progress) == (Status.PROCESSING, None)


async def test_an_order_that_is_still_open_says_nothing_of_an_expired_job(db: Database) -> None:
    job, submission_id = await taken(db, uuid4())
    async with db.transaction() as connection:
        await life.cancel(connection, job, refund_charge=True)
    await chance.Happens("it is old", job.id).play(db)
    async with db.transaction() as connection:
        assert await life.expire(connection, keep_seconds=KEEP) == [job.id]
        row = await one(connection, b"select sent, error from submissions")
        assert row == {"sent": None, "error": None}
        assert await submissions.ended(connection, submission_id, State.FAILED, because="A secret prompt was flagged")
        row = await one(connection, b"select sent, error from submissions")
        assert row == {"sent": None, "error": None}


def run(machine: type[Machine[Any]], lab: Lab, *, examples: int, steps: int, phases: Sequence[Phase] = PHASES) -> None:
    chosen = settings(STEADY, max_examples=examples, stateful_step_count=steps, phases=phases)
    factory: Any = partial(machine, lab)  # anything that returns a machine will do, say its documents
    run_state_machine_as_test(factory, settings=chosen)
