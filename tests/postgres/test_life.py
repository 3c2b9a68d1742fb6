"""The life of a job against the real database: who may write, who takes over, what ends a wait."""

import asyncio
from uuid import uuid4

import pytest
from oban import Oban
from oban.job import Job as ObanJob

from dustreel import jobs
from dustreel.base.db import Database, every, one
from dustreel.base.vocabulary import Mode
from dustreel.jobs import Deadlines, Overtaken, Status, life
from tests.postgres.made import accepted, beat, processing, started


async def test_the_queue_row_is_what_the_engine_itself_would_write(db: Database) -> None:
    job_id = await accepted(db, lane="heavy")
    async with db.connection() as connection:
        ours = await one(connection, b"select * from oban_jobs")
        args = {"job": str(job_id), "attempt": 0}
        await Oban(pool=db.pool).enqueue(ObanJob(worker="dustreel.errand", queue="heavy", args=args), conn=connection)
        theirs = await one(connection, b"select * from oban_jobs order by id desc limit 1")
    assert ours is not None and theirs is not None
    apart = {"id", "inserted_at", "scheduled_at"}
    assert {name: value for name, value in ours.items() if name not in apart} == {
        name: value for name, value in theirs.items() if name not in apart
    }


@pytest.mark.parametrize(("wanted", "written"), [(-3, 0), (0, 0), (5, 5), (9, 9), (400, 9)])
async def test_a_queue_row_has_a_priority_that_the_engine_takes(db: Database, wanted: int, written: int) -> None:
    async with db.connection() as connection:
        await connection.execute("select queue_put('heavy', 'dustreel.errand', '{}', %s)", (wanted,))
        row = await one(connection, b"select priority from oban_jobs")
    assert row == {"priority": written}


async def test_one_users_many_jobs_wait_behind_anothers_first(db: Database) -> None:
    many, few = uuid4(), uuid4()
    for _ in range(4):
        await accepted(db, many)
    await accepted(db, few)
    async with db.connection() as connection:
        rows = await every(
            connection,
            b"select j.user_id, q.priority from jobs j join oban_jobs q on q.id = j.queue_row order by q.priority, q.id",
        )
    assert [row["user_id"] for row in rows] == [many, few, many, many, many]


async def test_only_one_of_many_workers_starts_a_job(db: Database) -> None:
    job_id = await accepted(db)

    async def start() -> bool:
        try:
            await started(db, uuid4(), job_id)
        except Overtaken:
            return False
        return True

    assert sorted(await asyncio.gather(*(start() for _ in range(8)))) == [False] * 7 + [True]


async def test_a_worker_that_was_replaced_writes_nothing(db: Database) -> None:
    dead, heir = uuid4(), uuid4()
    job = await processing(db, dead)
    async with db.transaction() as connection:
        assert await life.take_over(connection, dead_after=1.0) == [job.id]
        resumed = await life.resume(connection, job.id, job.attempt + 1, worker_id=heir)
    for late in (
        lambda c: life.progress(c, job, 0.7),
        lambda c: life.rendered(c, job, {"video_key": "videos/k.mp4"}),
        lambda c: life.stored(c, job, {}),
        lambda c: life.finish(c, job, video_id=uuid4()),
        lambda c: life.fail(c, job, because="too late"),
        lambda c: life.hand_over(c, job),
        lambda c: life.resume(c, job.id, job.attempt + 1, worker_id=dead),
    ):
        with pytest.raises(Overtaken):
            async with db.transaction() as connection:
                await late(connection)
    async with db.transaction() as connection:
        await life.progress(connection, resumed, 0.5)


async def test_a_worker_that_beats_keeps_its_jobs(db: Database) -> None:
    alive, dead = uuid4(), uuid4()
    kept, lost = await started(db, alive), await processing(db, dead)
    async with db.transaction() as connection:
        await beat(connection, alive)
        await beat(connection, dead, seconds_ago=30)
        assert await life.take_over(connection, dead_after=10.0) == [lost.id]
        assert await life.take_over(connection, dead_after=10.0) == [], "a job that waits in the queue isn't taken over again"
        row = await one(connection, b"select attempt, worker_id from jobs where id = %(id)s", id=kept.id)
    assert row == {"attempt": 1, "worker_id": alive}


async def test_a_living_worker_puts_back_what_it_has_by_its_row_but_does_not_carry(db: Database) -> None:
    worker, other = uuid4(), uuid4()
    carried, lost, fresh, theirs = [await started(db, owner) for owner in (worker, worker, worker, other)]
    async with db.transaction() as connection:
        await connection.execute("update jobs set updated_at = now() - interval '20 s' where id <> %s", (fresh.id,))
        assert await life.reclaim(connection, [carried.id], worker_id=worker, dead_after=10.0) == [lost.id]
        assert await life.reclaim(connection, [carried.id], worker_id=worker, dead_after=10.0) == []
        assert (await life.resume(connection, lost.id, 2, worker_id=worker)).attempt == 2
    assert theirs.worker_id == other


async def test_a_job_whose_queue_row_was_lost_is_put_back(db: Database) -> None:
    queued, handed, fine = await accepted(db), await started(db, uuid4()), await accepted(db)
    async with db.transaction() as connection:
        await life.hand_over(connection, handed)
        await connection.execute("delete from oban_jobs where id <> (select queue_row from jobs where id = %s)", (fine,))
        assert await life.requeue_lost(connection, dead_after=10.0) == [queued]
        assert await life.take_over(connection, dead_after=10.0) == [handed.id]
        assert await life.requeue_lost(connection, dead_after=10.0) == []


async def test_a_job_that_was_fetched_by_a_process_that_died_is_put_back(db: Database) -> None:
    job_id = await accepted(db)
    fetched = "update oban_jobs set state = 'executing', attempt = 1, attempted_at = timezone('UTC', now()) - make_interval(secs => %s)"
    async with db.transaction() as connection:
        await connection.execute(fetched.encode(), (1,))
        assert await life.requeue_lost(connection, dead_after=10.0) == []
        await connection.execute(fetched.encode(), (11,))
        assert await life.requeue_lost(connection, dead_after=10.0) == [job_id]


@pytest.mark.parametrize("phase", ["queue", "job", "render"])
async def test_every_wait_has_an_end(db: Database, phase: str) -> None:
    short = Deadlines(**({"queue": 1_000.0, "job": 1_000.0, "render": 1_000.0, "settle": 1_000.0} | {phase: -1.0}))
    user = uuid4()
    job_id = await accepted(db, user, deadlines=short)
    async with db.transaction() as connection:
        if phase != "queue":
            job = await life.start(connection, job_id, worker_id=uuid4(), deadlines=short)
        if phase == "render":
            await life.render(connection, job, 0.0, deadlines=short)
    async with db.transaction() as connection:
        assert await life.fail_overdue(connection) == [job_id]
        failed = await jobs.find(connection, job_id, user, Mode.TEST)
        account = await one(connection, b"select wallet, held from dust_accounts where user_id = %(user)s", user=user)
    assert (failed.status, failed.error) == (Status.FAILED, "Video generation failed: It took longer than is allowed")
    assert account == {"wallet": 1_000, "held": 0}


async def test_a_cancel_may_keep_the_charge(db: Database) -> None:
    job = await processing(db, uuid4())
    async with db.transaction() as connection:
        await life.cancel(connection, job, refund_charge=False)
    async with db.transaction() as connection:
        account = await one(connection, b"select wallet from dust_accounts where user_id = %(user)s", user=job.user_id)
        assert account == {"wallet": 990}
    async with db.transaction() as connection:
        assert [finding.invariant async for finding in jobs.audit(connection) if not finding.holds] == []


async def test_the_audit_finds_what_is_wrong(db: Database) -> None:
    await accepted(db)
    async with db.transaction() as connection:
        await connection.execute("set local session_replication_role = replica")  # triggers off, as no code of ours could
        await connection.execute("update dust_accounts set wallet = wallet + 7")
    async with db.transaction() as connection:
        broken = [finding.invariant async for finding in jobs.audit(connection) if not finding.holds]
    assert broken == ["balances are what entries sum to", "the ledger sums to zero"]


async def test_an_estimate_learns_from_like_jobs(db: Database) -> None:
    from dustreel.base.clock import SystemClock
    from dustreel.base.vocabulary import Duration, GenerationType, Resolution
    from dustreel.jobs import Alike, Estimates

    alike = Alike("sandbox", GenerationType.TEXT_TO_VIDEO, Resolution.SD_480P, Duration.SHORT, "light")
    assert await Estimates(db, SystemClock(), slots={"light": 4}).seconds(alike) == 240
    for seconds in (10, 20, 60):
        job = await processing(db, uuid4())
        async with db.transaction() as connection:
            stored = await life.stored(connection, job, {})
            await connection.execute("update jobs set started_at = now() - make_interval(secs => %s) where id = %s", (seconds, job.id))
            await life.finish(connection, stored, video_id=uuid4())
    assert await Estimates(db, SystemClock(), slots={"light": 4}).seconds(alike) == 20
    other = Alike("sandbox", GenerationType.IMAGE_TO_VIDEO, Resolution.SD_480P, Duration.SHORT, "light")
    assert await Estimates(db, SystemClock(), slots={"light": 4}).seconds(other) == 180
    for _ in range(8):
        await accepted(db)
    assert await Estimates(db, SystemClock(), slots={"light": 4}).seconds(alike) > 20, "the queue's wait is added"
