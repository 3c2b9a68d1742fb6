"""Reading the ledger, and granting. Holding, capturing, releasing and refunding happen inside a job's own transitions, in SQL."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from dustreel.base.db import Connection, Statements, every, one
from dustreel.base.errors import DomainError
from dustreel.base.vocabulary import Dust, Mode

SQL = Statements(__package__, "dust.sql")

# So the migrations name what a newcomer's account begins with.
STARTING = "starting"
_KEY = re.compile(r"key:[0-9a-f]{64}")


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
        # What can be spent is what the caller has to know; `available` is its name at /me, where `balance` counts what is held too.
        return {"balance": self._available, "available": self._available, "price": self._price}


class GrantKeyReused(DomainError):
    code = "idempotency_key_reused"
    sentence = "This Idempotency-Key was used with another grant. Use a fresh key for a fresh grant."


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


def is_reserved(reference: str) -> bool:
    """Whether only the house gives grants of this name: a newcomer's first, and those that an Idempotency-Key names."""
    return reference == STARTING or _KEY.fullmatch(reference) is not None


async def grant(
    db: Connection, user_id: UUID, mode: Mode, amount: Dust, *, reference: str | None, key: str | None = None, starting: Dust
) -> Entry | None:
    """Give a user DUST; within the caller's transaction. With a reference it is given once: None means that it had been given before.

    `key` is the request's Idempotency-Key, which stands in for a reference. Raises GrantKeyReused where it came with another grant.
    """
    if reference is None and key is not None:
        reference = "key:" + hashlib.sha256(key.encode()).hexdigest()
        await one(db, SQL["lock_reference"], reference=reference)
        for given in await every(db, SQL["granted_as"], reference=reference):
            if (given["user_id"], given["mode"], given["amount"]) != (user_id, mode, amount):
                raise GrantKeyReused
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
