"""What is written down of orders to providers: who looks when, who takes over, and what no two writers do at once."""

import asyncio
from uuid import uuid4

import pytest

from dustreel.base.db import Database, one
from dustreel.jobs import Job, Overtaken, Status, Step, life, submissions
from dustreel.jobs.submissions import State
from tests.postgres.made import DEADLINES, beat, intended, taken


async def test_an_intent_is_written_once_though_its_commit_is_answered_to_nobody(db: Database) -> None:
    job, submission_id = await intended(db, uuid4())
    async with db.transaction() as connection:
        again = await submissions.intend(connection, job, submission_id, {"prompt": "A pond"}, lease=60.0, deadlines=DEADLINES)
        assert (again.step, again.attempt) == (Step.SUBMITTED, job.attempt)
        with pytest.raises(Overtaken):
            await submissions.intend(connection, job, uuid4(), {}, lease=60.0, deadlines=DEADLINES)


async def test_a_due_look_is_given_to_one_worker_only_and_again_after_its_lease(db: Database) -> None:
    made = {(await taken(db, uuid4()))[1] for _ in range(12)}

    async def claim() -> list[object]:
        async with db.transaction() as connection:
            return [due.submission.id for due in await submissions.claim_due(connection, at_most=5, lease=60.0)]

    claimed = [each for batch in await asyncio.gather(*(claim() for _ in range(4))) for each in batch]
    assert len(claimed) == len(set(claimed)) and set(claimed) <= made
    rest = await claim()
    assert set(claimed) | set(rest) == made or len(claimed) + len(rest) < 12
    async with db.transaction() as connection:
        await connection.execute("update submissions set wake_at = now()")
        assert len(await submissions.claim_due(connection, at_most=100, lease=60.0)) == 12


async def test_what_is_urgent_waits_behind_nobody(db: Database) -> None:
    waiting = [await taken(db, uuid4()) for _ in range(4)]
    (ended, first), (_, told) = waiting[2], waiting[3]
    async with db.transaction() as connection:
        await connection.execute("update submissions set wake_at = now() - interval '1 hour'")
        await life.cancel(connection, ended, refund_charge=True)
        found = await submissions.find(connection, told)
        assert found is not None and found.upstream_id is not None
        await submissions.heard(connection, told, provider=found.provider, webhook_id="msg_1", upstream_id=found.upstream_id)
        urgent = await submissions.claim_urgent(connection, at_most=100, lease=60.0)
        assert {due.submission.id for due in urgent} == {first, told}
        assert await submissions.claim_urgent(connection, at_most=100, lease=60.0) == []


async def test_the_workers_share_what_is_looked_at(db: Database) -> None:
    for _ in range(10):
        await taken(db, uuid4())
    async with db.transaction() as connection:
        for _ in range(3):
            await beat(connection, uuid4())
        assert len(await submissions.claim_due(connection, at_most=10, lease=60.0)) == 4


async def test_what_was_sent_is_read_only_while_it_may_have_to_be_found(db: Database) -> None:
    (_, unknown), (_, known) = await intended(db, uuid4()), await taken(db, uuid4())
    async with db.transaction() as connection:
        await connection.execute("update submissions set wake_at = now()")
        due = {each.submission.id: each.submission.sent for each in await submissions.claim_due(connection, at_most=10, lease=60.0)}
        assert due == {unknown: {"prompt": "A pond"}, known: None}


async def test_a_wait_needs_no_worker_and_a_dead_senders_wait_is_woken(db: Database) -> None:
    dead = uuid4()
    waiting, _ = await taken(db, dead)
    sending, submission_id = await intended(db, dead)
    async with db.transaction() as connection:
        await beat(connection, dead, seconds_ago=60)
        assert await life.take_over(connection, dead_after=10.0) == [sending.id]
        due = await submissions.claim_due(connection, at_most=10, lease=60.0)
        assert submission_id in [each.submission.id for each in due]
        row = await one(connection, b"select attempt, worker_id, queue_row from jobs where id = %(id)s", id=sending.id)
        assert row == {"attempt": sending.attempt + 1, "worker_id": None, "queue_row": None}
        assert (await life.reread(connection, waiting.id)).attempt == waiting.attempt


async def test_a_success_brings_the_job_back_into_the_queue_once(db: Database) -> None:
    job, submission_id = await taken(db, uuid4())
    async with db.transaction() as connection:
        submission = await submissions.find(connection, submission_id)
        assert submission is not None
        assert await submissions.succeeded(connection, submission, "https://there/video.mp4")
        assert not await submissions.succeeded(connection, submission, "https://there/video.mp4")
        now = await life.reread(connection, job.id)
        assert (now.status, now.step, now.attempt) == (Status.PROCESSING, Step.RENDERED, job.attempt + 1)
        again = await submissions.find(connection, submission_id)
        assert again is not None and again.sent is None, "what was sent is forgotten"


async def test_the_end_of_a_job_wakes_its_submission(db: Database) -> None:
    job, submission_id = await taken(db, uuid4())
    async with db.transaction() as connection:
        await submissions.look_again(connection, submission_id, after=3_600.0)
        assert await submissions.claim_due(connection, at_most=10, lease=60.0) == []
        await life.cancel(connection, job, refund_charge=True)
        (due,) = await submissions.claim_due(connection, at_most=10, lease=60.0)
        assert not due.job_is_live


async def test_a_late_success_changes_nothing_for_a_cancelled_job(db: Database) -> None:
    job, submission_id = await taken(db, uuid4())
    async with db.transaction() as connection:
        await life.cancel(connection, job, refund_charge=True)
        submission = await submissions.find(connection, submission_id)
        assert submission is not None
        assert not await submissions.succeeded(connection, submission, "https://there/video.mp4")
        await submissions.rendering(connection, submission, 0.5, deadlines=DEADLINES)
        assert (await life.reread(connection, job.id)).status is Status.CANCELLED


async def test_a_cancel_and_a_success_at_the_same_moment_never_wait_for_each_other(db: Database) -> None:
    for _ in range(12):
        job, submission_id = await taken(db, uuid4())
        async with db.connection() as connection:
            submission = await submissions.find(connection, submission_id)
        assert submission is not None

        async def cancel(job: Job = job) -> None:
            async with db.transaction() as connection:
                await life.cancel(connection, job, refund_charge=True)

        async def succeed(submission: submissions.Submission = submission) -> None:
            async with db.transaction() as connection:
                await submissions.succeeded(connection, submission, "x")

        async def hear(submission: submissions.Submission = submission) -> None:
            async with db.transaction() as connection:
                await submissions.heard(
                    connection, submission.id, provider="sandbox", webhook_id="1", upstream_id=submission.upstream_id or ""
                )

        await asyncio.gather(cancel(), succeed(), hear(), hear())
        async with db.connection() as connection:
            assert (await life.reread(connection, job.id)).status is Status.CANCELLED


async def test_a_lost_order_that_turns_up_is_open_again(db: Database) -> None:
    job, submission_id = await intended(db, uuid4())
    async with db.transaction() as connection:
        assert await submissions.ended(connection, submission_id, State.LOST, because="nobody knows")
        await life.fail(connection, job, because="nobody knows")
        assert await submissions.accepted(connection, submission_id, "late", after=0.0)
        assert not await submissions.accepted(connection, submission_id, "later", after=0.0)
        (due,) = await submissions.claim_due(connection, at_most=10, lease=60.0)
        assert (due.submission.upstream_id, due.job_is_live) == ("late", False)


async def test_a_taken_order_that_was_lost_is_open_again_under_its_own_name_only(db: Database) -> None:
    job, submission_id = await taken(db, uuid4())
    async with db.transaction() as connection:
        submission = await submissions.find(connection, submission_id)
        assert submission is not None and submission.upstream_id is not None
        assert await submissions.ended(connection, submission_id, State.LOST, because="nobody knows")
        await life.fail(connection, job, because="nobody knows")
        assert not await submissions.accepted(connection, submission_id, "another", after=0.0)
        assert await submissions.accepted(connection, submission_id, submission.upstream_id, after=0.0)
        (due,) = await submissions.claim_due(connection, at_most=10, lease=60.0)
        assert (due.submission.upstream_id, due.job_is_live) == (submission.upstream_id, False)


async def test_what_was_said_of_an_expired_job_is_forgotten(db: Database) -> None:
    job, submission_id = await taken(db, uuid4())
    async with db.transaction() as connection:
        await submissions.ended(connection, submission_id, State.FAILED, because="A secret prompt was flagged")
        await life.fail(connection, job, because="flagged")
        await connection.execute("set local session_replication_role = replica")
        await connection.execute("update jobs set finished_at = now() - interval '2 days', created_at = now() - interval '3 days'")
        await connection.execute("set local session_replication_role = origin")
        assert await life.expire(connection, keep_seconds=86_400.0) == [job.id]
        assert await one(connection, b"select error, sent from submissions") == {"error": None, "sent": None}
