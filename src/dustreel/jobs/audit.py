"""Every invariant of §1 of the design, asked of the database by name."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from dustreel.base.db import Connection, Statements, one, one_state

SQL = Statements(__package__, "audit.sql")


@dataclass(frozen=True, slots=True)
class Finding:
    invariant: str
    """In words."""
    holds: bool
    detail: str
    """The first thing that breaks it; empty where it holds."""


async def audit(db: Connection) -> AsyncIterator[Finding]:
    """One finding an invariant, within one transaction of the caller's."""
    await one_state(db)
    for name in SQL:
        row = await one(db, SQL[name])
        yield Finding(name.replace("_", " "), row is None, "" if row is None else row["broken"])
