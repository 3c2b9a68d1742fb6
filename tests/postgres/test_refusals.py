"""What must not be is refused by the database itself, whoever asks: each is tried by plain SQL."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from dustreel.base.db import Database
from dustreel.base.vocabulary import Mode
from dustreel.dust import balance
from dustreel.jobs.states import Status, may_move
from dustreel.jobs.submissions import State
from dustreel.jobs.submissions import may_move as submission_may_move
from tests.postgres.made import STARTING, accepted, intended, processing, started, taken


async def refused(db: Database, statement: str, *values: Any) -> str:
    with pytest.raises(psycopg.errors.IntegrityError) as error:
        async with db.transaction() as connection:
            await connection.execute(statement.encode(), values)
    return str(error.value)


@pytest.mark.parametrize("old", Status)
@pytest.mark.parametrize("new", Status)
async def test_the_database_knows_the_very_transitions_of_the_table(db: Database, old: Status, new: Status) -> None:
    async with db.connection() as connection:
        row = await (await connection.execute("select job_may_move(%s, %s)", (old, new))).fetchone()
    assert row == (may_move(old, new),)


@pytest.mark.parametrize("new", ["processing", "completed", "dreaming"])
async def test_an_unlisted_transition(db: Database, new: str) -> None:
    job = await accepted(db)
    await refused(db, "update jobs set status = %s, started_at = now(), progress = null where id = %s", new, job)


async def test_a_job_that_does_not_begin_queued(db: Database) -> None:
    job = await accepted(db)
    copied = (
        "insert into jobs select (jsonb_populate_record(jobs, jsonb_build_object('id', %s::text, 'status', 'failed'))).* "
        "from jobs where id = %s"
    )
    assert "begins queued" in await refused(db, copied, str(uuid4()), job)


async def test_a_final_job_without_its_resolution(db: Database) -> None:
    job = await accepted(db)
    assert "has the entries {hold}" in await refused(
        db, "update jobs set status = 'failed', error = 'x', finished_at = now() where id = %s", job
    )


async def test_a_completed_job_whose_charge_was_refunded(db: Database) -> None:
    job = await processing(db, uuid4())
    finish = (
        "with moved as (update jobs set status = 'completed', progress = 1, video_id = gen_random_uuid(), finished_at = now() "
        "where id = %s returning id) select dust_refund(id) from moved"
    )
    assert "has the entries {capture,hold,refund}" in await refused(db, finish, job.id)


async def test_a_started_job_that_was_not_charged(db: Database) -> None:
    job = await accepted(db)
    await refused(db, "update jobs set status = 'starting', started_at = now(), progress = null where id = %s", job)


async def test_a_final_job_that_moves_again(db: Database) -> None:
    job = await accepted(db)
    async with db.transaction() as connection:
        await connection.execute(
            "with gone as (update jobs set status = 'cancelled', finished_at = now() where id = %s returning id) "
            "select dust_release(id) from gone",
            (job,),
        )
    await refused(db, "update jobs set status = 'queued', finished_at = null where id = %s", job)
    await refused(db, "update jobs set finished_at = now() + interval '1 s' where id = %s", job)


async def test_progress_or_an_attempt_that_falls(db: Database) -> None:
    job = await processing(db, uuid4())
    async with db.transaction() as connection:
        await connection.execute("update jobs set progress = 0.5 where id = %s", (job.id,))
    await refused(db, "update jobs set progress = 0.4 where id = %s", job.id)
    await refused(db, "update jobs set attempt = 0 where id = %s", job.id)
    await refused(db, "update jobs set progress = 1 where id = %s", job.id)


async def test_a_job_that_goes_away_or_changes_what_it_is(db: Database) -> None:
    job = await accepted(db)
    await refused(db, "delete from jobs where id = %s", job)
    await refused(db, "update jobs set price = 0 where id = %s", job)
    await refused(db, "update jobs set user_id = gen_random_uuid() where id = %s", job)


async def test_a_second_hold_capture_release_or_refund(db: Database) -> None:
    job = await started(db, uuid4())
    for again in ("dust_capture", "dust_release"):
        await refused(db, f"select {again}(%s)", job.id)
    await refused(db, "select dust_hold(%s, %s, 'test', 10)", job.id, job.user_id)


async def test_a_refund_of_what_was_never_charged(db: Database) -> None:
    job, user = await accepted(db), uuid4()
    entry = (
        "insert into dust_entries (user_id, mode, kind, amount, from_account, to_account, job_id) values (%s, 'test', %s, %s, %s, %s, %s)"
    )
    async with db.connection() as connection:
        row = await (await connection.execute("select user_id from jobs where id = %s", (job,))).fetchone()
    assert row is not None
    owner: UUID = row[0]
    await refused(db, entry, owner, "refund", 10, "sales", "wallet", job)
    await refused(db, entry, owner, "capture", 11, "held", "sales", job)
    await refused(db, entry, user, "capture", 10, "held", "sales", job)


async def test_money_that_moves_without_its_job(db: Database) -> None:
    await refused(db, "select dust_refund(%s)", (await started(db, uuid4())).id)
    await refused(db, "select dust_capture(%s)", await accepted(db))
    await refused(db, "select dust_release(%s)", await accepted(db))


@pytest.mark.parametrize(
    ("kind", "amount", "source", "target"),
    [
        ("grant", 5, "wallet", "wallet"),
        ("grant", 5, "sales", "wallet"),
        ("grant", -5, "treasury", "wallet"),
        ("grant", 0, "treasury", "wallet"),
        ("gift", 5, "treasury", "wallet"),
    ],
)
async def test_an_unbalanced_entry(db: Database, kind: str, amount: int, source: str, target: str) -> None:
    user = uuid4()
    async with db.transaction() as connection:
        await balance(connection, user, Mode.TEST, starting=STARTING)
    entry = "insert into dust_entries (user_id, mode, kind, amount, from_account, to_account) values (%s, 'test', %s, %s, %s, %s)"
    await refused(db, entry, user, kind, amount, source, target)


async def test_an_entry_or_a_balance_that_changes(db: Database) -> None:
    await accepted(db)
    for statement in (
        "update dust_entries set amount = 1",
        "delete from dust_entries",
        "truncate dust_entries cascade",
        "update dust_accounts set wallet = 1000000",
        "insert into dust_accounts (user_id, mode, wallet) values (gen_random_uuid(), 'live', 5)",
    ):
        await refused(db, statement)


async def test_a_negative_balance(db: Database) -> None:
    user = uuid4()
    job = await accepted(db, user)
    assert "dust_wallet_not_negative" in await refused(
        db,
        "insert into dust_entries (user_id, mode, kind, amount, from_account, to_account, job_id) "
        "select user_id, mode, 'hold', 5000, 'wallet', 'held', gen_random_uuid() from jobs where id = %s",
        job,
    )


@pytest.mark.parametrize("old", State)
@pytest.mark.parametrize("new", State)
async def test_the_database_knows_the_very_moves_of_a_submission(db: Database, old: State, new: State) -> None:
    async with db.connection() as connection:
        row = await (await connection.execute("select submission_may_move(%s, %s)", (old, new))).fetchone()
    assert row == (submission_may_move(old, new),)


async def test_two_live_submissions_of_one_job(db: Database) -> None:
    job, _ = await taken(db, uuid4())
    second = "insert into submissions (id, job_id, attempt, provider, model, wake_at, settle_by) values (%s, %s, 2, 'x', 'y', now(), now())"
    assert "submission_one_a_job" in await refused(db, second, uuid4(), job.id)


async def test_a_submission_beside_one_that_may_have_been_charged(db: Database) -> None:
    job, first = await intended(db, uuid4())
    async with db.transaction() as connection:
        await connection.execute(
            "update submissions set state = 'lost', sent = null, wake_at = null, ended_at = now() where id = %s", (first,)
        )
    second = "insert into submissions (id, job_id, attempt, provider, model, wake_at, settle_by) values (%s, %s, 2, 'x', 'y', now(), now())"
    assert "submission_one_a_job" in await refused(db, second, uuid4(), job.id)


async def test_one_order_of_a_provider_that_is_two_jobs(db: Database) -> None:
    (_, first), (_, second) = await taken(db, uuid4()), await intended(db, uuid4())
    steal = "update submissions set state = 'accepted', upstream_id = (select upstream_id from submissions where id = %s) where id = %s"
    assert "submission_of_upstream" in await refused(db, steal, first, second)


@pytest.mark.parametrize(
    "change",
    [
        "state = 'succeeded', output = 'x', sent = null, wake_at = null, ended_at = now()",
        "state = 'dreaming'",
        "wake_at = null",
        "state = 'accepted'",
        "job_id = gen_random_uuid()",
        "provider = 'another'",
        "output = 'x'",
        "ended_at = now()",
    ],
)
async def test_a_submission_that_contradicts_itself(db: Database, change: str) -> None:
    _, submission_id = await intended(db, uuid4())
    await refused(db, f"update submissions set {change} where id = %s", submission_id)


async def test_a_submission_that_begins_in_the_middle(db: Database) -> None:
    job = await started(db, uuid4())
    begin = (
        "insert into submissions (id, job_id, attempt, provider, model, state, upstream_id, wake_at, settle_by) "
        "values (%s, %s, 1, 'x', 'y', 'accepted', 'z', now(), now())"
    )
    assert "begins as an intent" in await refused(db, begin, uuid4(), job.id)


async def test_a_submission_that_takes_another_name(db: Database) -> None:
    _, submission_id = await taken(db, uuid4())
    await refused(db, "update submissions set upstream_id = 'another' where id = %s", submission_id)
