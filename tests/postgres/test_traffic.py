"""What goes to providers: counted for all workers together, a failing model left alone, one probe at a time."""

import asyncio
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from dustreel.base.db import Database, one
from dustreel.jobs import Allowance, Job, submissions, traffic
from dustreel.jobs.submissions import State
from dustreel.providers import Shut
from tests.postgres.made import DEADLINES, started

HERE, MODEL = "sandbox", "animatic-1"


async def send(db: Database, allowance: Allowance, *, usd: str = "0", job: Job | None = None) -> UUID:
    """One more order, if it may be sent."""
    job, submission_id = job or await started(db, uuid4()), uuid4()
    async with db.transaction() as connection:
        await submissions.intend(connection, job, submission_id, {}, usd=Decimal(usd), lease=60.0, deadlines=DEADLINES)
        await traffic.admit(connection, job, allowance)
    return submission_id


async def expect(db: Database, allowance: Allowance, *, usd: str = "0", job: Job | None = None) -> None:
    job = job or await started(db, uuid4())
    async with db.connection() as connection:
        await traffic.expect(connection, job, usd=Decimal(usd), allowance=allowance)


async def shut(db: Database, **allowances: Allowance) -> Shut:
    async with db.connection() as connection:
        return await traffic.shut(connection, allowances)


async def closed(db: Database) -> frozenset[tuple[str, str | None]]:
    return (await shut(db)).models


async def fail(db: Database, times: int, *, rest: float = 60.0) -> None:
    for _ in range(times):
        async with db.transaction() as connection:
            await traffic.failed(connection, HERE, MODEL, rest=rest)


async def test_no_more_are_sent_than_may_be_under_way_at_once(db: Database) -> None:
    allowance = Allowance(at_once=3)
    jobs = [await started(db, uuid4()) for _ in range(8)]
    sent: dict[UUID, UUID] = {}
    for _ in range(len(jobs)):  # whoever was refused asks again, all at once
        waiting = [job for job in jobs if job.id not in sent]
        told = await asyncio.gather(*(send(db, allowance, job=job) for job in waiting), return_exceptions=True)
        sent |= {job.id: one for job, one in zip(waiting, told, strict=True) if isinstance(one, UUID)}
        assert all(isinstance(one, traffic.Full) and one.after > 0 for one in told if not isinstance(one, UUID)), told
    assert list(sent) == [job.id for job in jobs[:3]], "those who have waited longest"
    async with db.connection() as connection:
        left = await one(connection, b"select count(*)::int as many from submissions")
        assert left == {"many": 3}, "no trace of the others"
    async with db.transaction() as connection:
        await submissions.ended(connection, sent[jobs[0].id], State.LOST, because="gone")
    assert await send(db, allowance, job=jobs[3])


async def test_no_more_are_sent_than_the_rate_allows(db: Database) -> None:
    allowance = Allowance(rate=(2, 60.0))
    assert await send(db, allowance) and await send(db, allowance)
    third = await started(db, uuid4())
    for _ in range(2):
        with pytest.raises(traffic.Full) as full:
            await send(db, allowance, job=third)
        assert full.value.after == pytest.approx(30.0)
        with pytest.raises(traffic.Full):
            await expect(db, allowance, job=third)
    async with db.transaction() as connection:
        await connection.execute(b"update submissions set created_at = created_at - interval '61 seconds'")
    assert await send(db, allowance, job=third)


async def test_no_more_is_spent_than_the_days_budget(db: Database) -> None:
    allowance = Allowance(usd_a_day=Decimal("1.00"))
    first = await send(db, allowance, usd="0.60")
    assert (await shut(db, sandbox=allowance)).left == {HERE: Decimal("0.40")}
    with pytest.raises(traffic.Closed) as told:
        await send(db, allowance, usd="0.60")
    assert told.value.is_spent
    with pytest.raises(traffic.Closed):
        await expect(db, allowance, usd="0.60")
    await expect(db, allowance, usd="0.40")
    assert await send(db, allowance, usd="0.40")
    left = await shut(db, sandbox=allowance)
    assert left.has(HERE, MODEL, Decimal("0.01")) and not left.has(HERE, MODEL, Decimal(0))
    async with db.transaction() as connection:
        await connection.execute(b"update submissions set created_at = created_at - interval '25 hours' where id = %s", (first,))
    assert (await shut(db, sandbox=allowance)).left == {HERE: Decimal("0.60")}


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
        await traffic.is_well(connection, HERE, MODEL)
    assert await closed(db) == frozenset() and await send(db, Allowance())


async def test_a_probe_that_fails_leaves_it_alone_for_longer(db: Database) -> None:
    lasts: list[float] = []
    for _ in range(3):
        await fail(db, traffic.FAILURES_AT_MOST if not lasts else 1, rest=10.0)  # the first of them was a probe
        async with db.connection() as connection:
            statement = b"select extract(epoch from open_until - now())::float8 as seconds from provider_circuits"
            row = await one(connection, statement)
        assert row is not None
        lasts.append(row["seconds"])
        async with db.transaction() as connection:
            await connection.execute(b"update provider_circuits set open_until = now()")
    assert lasts == [pytest.approx(10, abs=2), pytest.approx(20, abs=2), pytest.approx(40, abs=2)]


async def test_a_success_forgets_the_failures(db: Database) -> None:
    await fail(db, traffic.FAILURES_AT_MOST - 1)
    async with db.transaction() as connection:
        await traffic.is_well(connection, HERE, MODEL)
    await fail(db, traffic.FAILURES_AT_MOST - 1)
    assert await closed(db) == frozenset()


async def test_places_go_to_those_who_have_waited_longest(db: Database) -> None:
    first, second = await started(db, uuid4()), await started(db, uuid4())
    allowance = Allowance(at_once=1)
    with pytest.raises(traffic.Full) as full:
        await expect(db, allowance, job=second)
    assert full.value.after == traffic.FULL_SECONDS
    await expect(db, allowance, job=first)
    for _ in range(2 * traffic.LINE):
        await started(db, uuid4())
    with pytest.raises(traffic.Full) as full:
        await expect(db, allowance)
    assert full.value.after > 2 * traffic.FULL_SECONDS, "far behind in the line it asks more seldom"


async def test_what_was_under_way_when_a_circuit_opened_does_not_lengthen_its_pause(db: Database) -> None:
    await fail(db, 3 * traffic.FAILURES_AT_MOST, rest=10.0)
    async with db.connection() as connection:
        row = await one(connection, b"select extract(epoch from open_until - now())::float8 as seconds from provider_circuits")
    assert row is not None and row["seconds"] <= 10.0


async def test_a_long_rest_is_not_waited_for(db: Database) -> None:
    async with db.transaction() as connection:
        await traffic.rest(connection, HERE, 10 * traffic.SHORT_REST_SECONDS)
    assert await closed(db) == {(HERE, None)}
    with pytest.raises(traffic.Closed):
        await send(db, Allowance())
