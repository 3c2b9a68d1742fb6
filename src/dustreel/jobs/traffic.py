"""How much may be sent to a provider, and whether anything may: counted in the database, so that all workers count together."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from dustreel.base.db import Connection, Row, Statements, every, one
from dustreel.jobs.job import Job
from dustreel.providers import Shut

SQL = Statements(__package__, "traffic.sql")

# So many failures in a row are no accident.
FAILURES_AT_MOST = 5
# Nothing is sent then for a while, and for twice as long after every probe that fails, up to so many times.
LONGER_AT_MOST = 10
# A probe that nobody reports on (its worker died) is made by another after this.
PROBE_SECONDS = 60.0
# Where a provider has as much as it may have, something ends every few seconds. Who stands far behind in the line asks more seldom.
FULL_SECONDS = 2.0
LINE = 20
# A rest that is shorter is waited for; for a longer one another provider is asked.
SHORT_REST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one provider may be sent; None where it is any amount."""

    at_once: int | None = None
    """Orders that it has at the same time."""
    rate: tuple[int, float] | None = None
    """So many orders within so many seconds."""
    usd_a_day: Decimal | None = None
    """What the operator is ready to pay within twenty-four hours, by the catalogue's prices."""


class Full(Exception):
    """The provider has as much as it may have for now."""

    def __init__(self, after: float) -> None:
        """`after`: seconds until it is worth asking again."""
        super().__init__(after)
        self.after = after


class Closed(Exception):
    """Nothing is to be sent there for now; another provider may be asked. The text is for the operator."""

    def __init__(self, text: str, *, is_spent: bool = False) -> None:
        """`is_spent`: the day's budget is the reason, which no waiting of minutes changes."""
        super().__init__(text)
        self.is_spent = is_spent


async def expect(db: Connection, job: Job, *, usd: Decimal, allowance: Allowance) -> None:
    """Whether one more order would be let through now: asked before a picture is uploaded for it. Raises Full, Closed."""
    stand = await _stand(db, job, allowance)
    _judge(stand, job.provider, allowance, more=1, usd=usd)
    if stand["is_shut"]:
        raise Closed(f"{job.provider} has failed to take orders for {job.model}")


async def admit(db: Connection, job: Job, allowance: Allowance) -> None:
    """Whether the order that this transaction has just written down may be sent. Raises Full, Closed; then nothing of it may stay."""
    await db.execute(SQL["lock"], {"provider": job.provider})
    stand = await _stand(db, job, allowance)
    _judge(stand, job.provider, allowance, more=0, usd=Decimal(0))
    if stand["is_open"] and await one(db, SQL["probe"], provider=job.provider, model=job.model, seconds=PROBE_SECONDS) is None:
        raise Closed(f"{job.provider} has failed to take orders for {job.model}")


async def _stand(db: Connection, job: Job, allowance: Allowance) -> Row:
    stand = await one(
        db,
        SQL["stand"],
        job_id=job.id,
        provider=job.provider,
        model=job.model,
        counts_places=allowance.at_once is not None,
        counts_rate=allowance.rate is not None,
        counts_dollars=allowance.usd_a_day is not None,
        window=0.0 if allowance.rate is None else allowance.rate[1],
    )
    assert stand is not None, "jobs are kept"
    return stand


def _judge(stand: Row, provider: str, allowance: Allowance, *, more: int, usd: Decimal) -> None:
    """With so many orders more, and what they cost. Places go to those who have waited longest."""
    if allowance.usd_a_day is not None and stand["spent"] + usd > allowance.usd_a_day:
        raise Closed(f"the day's budget for {provider} is spent", is_spent=True)
    if stand["rests"] is not None and stand["rests"] > SHORT_REST_SECONDS:
        raise Closed(f"{provider} asked to be left alone")
    if stand["rests"] is not None:
        raise Full(stand["rests"])
    wanted = more + (stand["ahead"] or 0)
    pause = FULL_SECONDS * max(1.0, wanted / LINE)
    if allowance.at_once is not None and stand["under_way"] + wanted > allowance.at_once:
        raise Full(pause)
    if allowance.rate is not None:
        many, window = allowance.rate
        if stand["recent"] + wanted > many:
            raise Full(max(pause, window / many))


async def is_well(db: Connection, provider: str, model: str) -> None:
    """It answered in its senses: it took an order, or said why it would not take this one, or asked to be left alone."""
    await db.execute(SQL["is_well"], {"provider": provider, "model": model})


async def failed(db: Connection, provider: str, model: str, *, rest: float) -> None:
    """It did not take an order, or it is not known whether it did, and the order itself was not the reason.

    After some failures in a row nothing is sent for `rest` seconds.
    """
    values = {"at_most": FAILURES_AT_MOST, "seconds": rest, "longest": rest * LONGER_AT_MOST}
    await db.execute(SQL["failed"], {"provider": provider, "model": model} | values)


async def rest(db: Connection, provider: str, seconds: float) -> None:
    """It asked to be left alone for so long."""
    await db.execute(SQL["rest"], {"provider": provider, "seconds": seconds})


async def shut(db: Connection, allowances: Mapping[str, Allowance]) -> Shut:
    """What nothing is to be sent to now, and what there is left to spend."""
    models = frozenset((row["provider"], row["model"]) for row in await every(db, SQL["shut"], short=SHORT_REST_SECONDS))
    budgets = {name: allowance.usd_a_day for name, allowance in allowances.items() if allowance.usd_a_day is not None}
    if not budgets:
        return Shut(models)
    spent = {row["provider"]: row["spent"] for row in await every(db, SQL["spent"], providers=list(budgets))}
    return Shut(models, {name: budget - spent.get(name, Decimal(0)) for name, budget in budgets.items()})
