"""What goes to providers: counted for all workers together, a failing model left alone, one probe at a time."""

import asyncio
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from dustreel.base.db import Database, one
from dustreel.jobs import Allowance, submissions, traffic
from dustreel.jobs.submissions import State
from tests.postgres.made import DEADLINES, started

HERE, MODEL = "sandbox", "animatic-1"


async def send(db: Database, allowance: Allowance, *, usd: str = "0") -> UUID:
    """One more order, if it may be sent."""
    job, submission_id = await started(db, uuid4()), uuid4()
    async with db.transaction() as connection:
        await submissions.intend(connection, job, submission_id, {}, usd=Decimal(usd), lease=60.0, deadlines=DEADLINES)
        await traffic.admit(connection, job.provider, job.model, allowance)
    return submission_id


async def expect(db: Database, allowance: Allowance, *, usd: str = "0") -> None:
    async with db.connection() as connection:
        await traffic.expect(connection, HERE, MODEL, usd=Decimal(usd), allowance=allowance)


async def closed(db: Database, **allowances: Allowance) -> frozenset[tuple[str, str | None]]:
    async with db.connection() as connection:
        return await traffic.closed(connection, allowances)


async def fail(db: Database, times: int, *, rest: float = 60.0) -> None:
    for _ in range(times):
        async with db.transaction() as connection:
            await traffic.failed(connection, HERE, MODEL, rest=rest)


async def test_no_more_are_sent_than_may_be_under_way_at_once(db: Database) -> None:
    allowance = Allowance(at_once=3)
    told = await asyncio.gather(*(send(db, allowance) for _ in range(8)), return_exceptions=True)
    sent = [one for one in told if isinstance(one, UUID)]
    assert len(sent) == 3
    assert all(isinstance(one, traffic.Full) and one.after > 0 for one in told if not isinstance(one, UUID))
    async with db.connection() as connection:
        left = await one(connection, b"select count(*)::int as many from submissions")
        assert left == {"many": 3}, "no trace of the others"
    async with db.transaction() as connection:
        await submissions.ended(connection, sent[0], State.LOST, because="gone")
    assert await send(db, allowance)


async def test_no_more_are_sent_than_the_rate_allows(db: Database) -> None:
    allowance = Allowance(rate=(2, 60.0))
    assert await send(db, allowance) and await send(db, allowance)
    with pytest.raises(traffic.Full) as full:
        await send(db, allowance)
    assert full.value.after == pytest.approx(30.0)
    with pytest.raises(traffic.Full):
        await expect(db, allowance)
    async with db.transaction() as connection:
        await connection.execute(b"update submissions set created_at = created_at - interval '61 seconds'")
    assert await send(db, allowance)


async def test_no_more_is_spent_than_the_days_budget(db: Database) -> None:
    allowance = Allowance(usd_a_day=Decimal("1.00"))
    first = await send(db, allowance, usd="0.60")
    assert await closed(db, sandbox=allowance) == frozenset()
    with pytest.raises(traffic.Closed) as told:
        await send(db, allowance, usd="0.60")
    assert told.value.is_spent
    with pytest.raises(traffic.Closed):
        await expect(db, allowance, usd="0.60")
    await expect(db, allowance, usd="0.40")
    assert await send(db, allowance, usd="0.40")
    assert await closed(db, sandbox=allowance) == {(HERE, None)}
    async with db.transaction() as connection:
        await connection.execute(b"update submissions set created_at = created_at - interval '25 hours' where id = %s", (first,))
    assert await closed(db, sandbox=allowance) == frozenset()


async def test_what_was_refused_cost_nothing(db: Database) -> None:
    allowance = Allowance(usd_a_day=Decimal("1.00"))
    job, submission_id = await started(db, uuid4()), uuid4()
    async with db.transaction() as connection:
        job = await submissions.intend(connection, job, submission_id, {}, usd=Decimal("0.90"), lease=60.0, deadlines=DEADLINES)
        await submissions.refused(connection, job, submission_id, because="no", provider=HERE, model=MODEL)
    assert await send(db, allowance, usd="0.90")


async def test_a_provider_that_asked_to_be_left_alone_is(db: Database) -> None:
    async with db.transaction() as connection:
        await traffic.rest(connection, HERE, 20.0)
        await traffic.rest(connection, HERE, 5.0)
    with pytest.raises(traffic.Full) as full:
        await send(db, Allowance())
    assert 15 < full.value.after <= 20
    async with db.transaction() as connection:
        await connection.execute(b"update provider_rests set until = now()")
    assert await send(db, Allowance())


async def test_a_model_that_fails_again_and_again_is_left_alone_then_tried_by_one_and_closed_by_success(db: Database) -> None:
    await fail(db, traffic.FAILURES_AT_MOST - 1)
    assert await closed(db) == frozenset() and await send(db, Allowance())
    await fail(db, 1)
    assert await closed(db) == {(HERE, MODEL)}
    with pytest.raises(traffic.Closed) as told:
        await send(db, Allowance())
    assert not told.value.is_spent
    with pytest.raises(traffic.Closed):
        await expect(db, Allowance())
    async with db.transaction() as connection:
        await connection.execute(b"update provider_circuits set open_until = now()")
    assert await closed(db) == frozenset()
    told_each = await asyncio.gather(*(send(db, Allowance()) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(one, UUID) for one in told_each) == 1, "one probe"
    assert await closed(db) == {(HERE, MODEL)}, "nobody is sent there while it is under way"
    async with db.transaction() as connection:
        await traffic.took(connection, HERE, MODEL)
    assert await closed(db) == frozenset() and await send(db, Allowance())


async def test_a_probe_that_fails_leaves_it_alone_for_longer(db: Database) -> None:
    lasts: list[float] = []
    for _ in range(3):
        await fail(db, traffic.FAILURES_AT_MOST if not lasts else 1, rest=10.0)
        async with db.connection() as connection:
            statement = b"select extract(epoch from open_until - now())::float8 as seconds from provider_circuits"
            row = await one(connection, statement)
        assert row is not None
        lasts.append(row["seconds"])
    assert lasts == [pytest.approx(10, abs=2), pytest.approx(20, abs=2), pytest.approx(40, abs=2)]


async def test_a_success_forgets_the_failures(db: Database) -> None:
    await fail(db, traffic.FAILURES_AT_MOST - 1)
    async with db.transaction() as connection:
        await traffic.took(connection, HERE, MODEL)
    await fail(db, traffic.FAILURES_AT_MOST - 1)
    assert await closed(db) == frozenset()


async def test_the_more_wait_for_a_place_the_more_seldom_each_asks(db: Database) -> None:
    allowance = Allowance(at_once=1)
    await send(db, allowance)
    pauses = []
    for _ in range(2):
        with pytest.raises(traffic.Full) as full:
            await expect(db, allowance)
        pauses.append(full.value.after)
        for _ in range(2 * traffic.CROWD):
            await started(db, uuid4())
    assert pauses == [traffic.FULL_SECONDS, 2 * traffic.FULL_SECONDS]
