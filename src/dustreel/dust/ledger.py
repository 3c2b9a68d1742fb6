"""Reading the ledger, and granting. Holding, capturing, releasing and refunding happen inside a job's own transitions, in SQL."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from dustreel.base.db import Connection, Statements, every, one
from dustreel.base.errors import DomainError
from dustreel.base.vocabulary import Dust, Mode

SQL = Statements(__package__, "dust.sql")


class EntryKind(StrEnum):
    GRANT = "grant"
    HOLD = "hold"
    CAPTURE = "capture"
    RELEASE = "release"
    REFUND = "refund"


class InsufficientDust(DomainError):
    code = "insufficient_dust"
    sentence = "The balance is lower than the price."

    def __init__(self, *, available: Dust, price: Dust) -> None:
        super().__init__(f"This video costs {price} DUST and {available} DUST are available.")
        self._available, self._price = available, price

    @property
    def extra(self) -> Mapping[str, object]:
        return {"balance": self._available, "price": self._price}


@dataclass(frozen=True, slots=True)
class Account:
    """What a user has in one mode. The balance falls when a job starts; what is available falls when a job is accepted."""

    available: Dust
    held: Dust

    @property
    def balance(self) -> Dust:
        return Dust(self.available + self.held)


@dataclass(frozen=True, slots=True)
class Entry:
    id: int
    kind: EntryKind
    amount: Dust
    from_account: str
    to_account: str
    job_id: UUID | None
    reference: str | None
    created_at: datetime


async def balance(db: Connection, user_id: UUID, mode: Mode, *, starting: Dust) -> Account:
    """The account; a newcomer's is made with `starting` DUST."""
    row = await one(db, SQL["open_account"], user_id=user_id, mode=mode, starting=starting)
    assert row is not None
    return Account(Dust(row["wallet"]), Dust(row["held"]))


async def grant(db: Connection, user_id: UUID, mode: Mode, amount: Dust, *, reference: str | None, starting: Dust) -> Entry | None:
    """Give a user DUST; within the caller's transaction. With a reference it is given once: None means that it had been given before."""
    await balance(db, user_id, mode, starting=starting)
    row = await one(db, SQL["grant"], user_id=user_id, mode=mode, amount=amount, reference=reference)
    assert row is not None
    if row["entry_id"] is None:
        return None
    (page, _total) = await entries(db, user_id, mode, limit=1, offset=0)
    return page[0]


async def entries(db: Connection, user_id: UUID, mode: Mode, *, limit: int, offset: int) -> tuple[list[Entry], int]:
    """One page, newest first, and the number of all."""
    rows = await every(db, SQL["entries"], user_id=user_id, mode=mode, limit=limit, offset=offset)
    counted = rows[0] if rows else await one(db, SQL["count_entries"], user_id=user_id, mode=mode)
    assert counted is not None
    return [
        Entry(
            id=row["id"],
            kind=EntryKind(row["kind"]),
            amount=Dust(row["amount"]),
            from_account=row["from_account"],
            to_account=row["to_account"],
            job_id=row["job_id"],
            reference=row["reference"],
            created_at=row["created_at"],
        )
        for row in rows
    ], counted["total"]
