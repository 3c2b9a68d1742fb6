"""What an act is: played against the database, foretold by a model, and, where several are played at once, explained by some order."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

import psycopg

from dustreel.base.db import Database, one
from dustreel.dust import InsufficientDust
from dustreel.jobs import IdempotencyKeyReused, JobNotCancellable, Overtaken, TooManyActiveJobs


class Said(StrEnum):
    """How the product says no."""

    OVERTAKEN = "overtaken"
    NOT_CANCELLABLE = "not cancellable"
    TOO_MANY = "too many"
    INSUFFICIENT = "insufficient"
    REUSED = "key reused"
    REFUSED = "refused by the database"


_SAID: dict[type[Exception], Said] = {
    Overtaken: Said.OVERTAKEN,
    JobNotCancellable: Said.NOT_CANCELLABLE,
    TooManyActiveJobs: Said.TOO_MANY,
    InsufficientDust: Said.INSUFFICIENT,
    IdempotencyKeyReused: Said.REUSED,
    psycopg.IntegrityError: Said.REFUSED,
    psycopg.DataError: Said.REFUSED,
}


@dataclass
class Facts:
    """What a model holds to be so: tables of frozen rows, so that a copy is cheap and two worlds can be compared."""

    def copy(self) -> Self:
        return replace(self, **{each.name: dict(getattr(self, each.name)) for each in fields(self)})

    def key(self) -> object:
        return tuple(frozenset(getattr(self, each.name).items()) for each in fields(self))

    def difference(self, actual: Self) -> str:
        """What isn't as it was foretold, a line each."""
        lines = []
        for each in fields(self):
            ours, theirs = getattr(self, each.name), getattr(actual, each.name)
            for name in sorted(ours.keys() | theirs.keys(), key=str):
                if ours.get(name) != theirs.get(name):
                    lines.append(f"{each.name} {name}\n    foretold {ours.get(name)}\n    found    {theirs.get(name)}")
        return "\n".join(lines)


class Act[W: Facts](ABC):
    @abstractmethod
    async def play(self, db: Database) -> object:
        """Have the product do it, as the product itself would; returns or raises what it says."""

    @abstractmethod
    def foretell(self, world: W) -> object:
        """What it must say, and change, in this world."""

    def allows(self, world: W, outcome: object, *, alone: bool) -> bool:
        """Whether this may come of it, in this world, which it changes accordingly."""
        return self.foretell(world) == outcome


class Sweep[W: Facts](Act[W]):
    """Takes many rows, and passes by what somebody else has locked: all of them when alone, else some."""

    @abstractmethod
    def due(self, world: W) -> set[UUID]: ...

    @abstractmethod
    def touch(self, world: W, each: UUID) -> None: ...

    def foretell(self, world: W) -> frozenset[UUID]:
        due = frozenset(self.due(world))
        for each in due:
            self.touch(world, each)
        return due

    def allows(self, world: W, outcome: object, *, alone: bool) -> bool:
        if not isinstance(outcome, frozenset) or not self.enough(world, outcome, alone=alone):
            return False
        for each in outcome:
            self.touch(world, each)
        return True

    def enough(self, world: W, took: frozenset[UUID], *, alone: bool) -> bool:
        due = self.due(world)
        return took == due if alone else took <= due


async def played[W: Facts](act: Act[W], db: Database) -> object:
    try:
        return await act.play(db)
    except Exception as no:
        for kind, said in _SAID.items():
            if isinstance(no, kind):
                return said
        raise


async def played_at_once[W: Facts](db: Database, acts: Sequence[Act[W]], jam: str | None, *values: object) -> list[object]:
    """Play them on connections of their own. `jam` locks a row till each has ended or waits, so that all meet what none had seen."""
    async with jammed(db, jam, *values):
        tasks = [asyncio.create_task(played(act, db)) for act in acts]
        if jam is not None:
            await until_each_waits(db, tasks)
    said = await asyncio.gather(*tasks, return_exceptions=True)
    for each in said:
        if isinstance(each, BaseException):
            raise each  # a deadlock is one: Unavailable, from DeadlockDetected
    return said


@asynccontextmanager
async def jammed(db: Database, statement: str | None, *values: object) -> AsyncIterator[None]:
    if statement is None:
        yield
        return
    async with db.transaction() as connection:
        await connection.execute(statement.encode(), values)
        yield


async def until_each_waits(db: Database, tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Until each has ended or waits for a lock."""
    waiting = b"select count(*) as here from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    async with db.connection() as connection:
        for _ in range(1_000):
            row = await one(connection, waiting)
            assert row is not None
            if row["here"] >= sum(not task.done() for task in tasks):
                return
            await asyncio.sleep(0.001)


def explained[W: Facts](before: W, acts: Sequence[Act[W]], said: Sequence[object], after: W) -> bool:
    """Whether the acts, in some order, one after the other, would have said this and come to that."""
    dead_ends: set[object] = set()

    def search(world: W, left: frozenset[int]) -> bool:
        if not left:
            return world == after
        here = (left, world.key())
        if here in dead_ends:
            return False
        for each in sorted(left):
            then = world.copy()
            if acts[each].allows(then, said[each], alone=False) and search(then, left - {each}):
                return True
        dead_ends.add(here)
        return False

    return search(before, frozenset(range(len(acts))))
