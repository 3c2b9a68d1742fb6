"""The model of the ledger alone: its accounts and entries without a job's life around them, and every call of its SQL functions."""

from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from uuid import UUID

import psycopg

from dustreel.base.db import Database, Row
from dustreel.base.vocabulary import Mode
from tests.postgres.machines.acts import Act, Facts, Said
from tests.postgres.machines.lab import forge
from tests.postgres.machines.world import Owner, Purse, read_purses


@dataclass(frozen=True, slots=True)
class Page:
    """What the ledger knows of one job."""

    owner: Owner
    amount: int
    kinds: tuple[str, ...]


@dataclass
class Books(Facts):
    purses: dict[Owner, Purse] = field(default_factory=dict)
    given: dict[tuple[Owner, str], bool] = field(default_factory=dict)
    pages: dict[UUID, Page] = field(default_factory=dict)

    def post(self, owner: Owner, kind: str, amount: int) -> bool:
        """False, and nothing is posted, where an account would fall below zero or out of its type's range."""
        purse = self.purses.get(owner)
        after = purse and purse.after(kind, amount)
        if after is None or not (0 <= after.wallet < 2**63 and 0 <= after.held < 2**63):
            return False
        self.purses[owner] = after
        return True


async def make_bare_jobs(db: Database, owners: dict[UUID, Owner]) -> None:
    """Jobs without entries, so that the ledger can be spoken to in any order."""
    for job_id, (user_id, mode) in owners.items():
        await forge(
            db,
            "insert into jobs (id, user_id, mode, generation_type, prompt, duration, resolution, aspect_ratio, camera_fixed, provider, "
            "model, lane, price, estimated_seconds, progress, deadline_at) "
            "values (%s, %s, %s, 'text_to_video', 'A pond', 'short', 'sd_480p', '16:9', false, 'sandbox', 'animatic-1', "
            "'light', 10, 1, 0, now() + interval '1 hour')",
            job_id,
            user_id,
            mode,
        )


def read(eye: psycopg.Connection[Row]) -> Books:
    pages = b"""
        select job_id, user_id, mode, min(amount) as amount, array_agg(kind order by kind) as kinds
          from dust_entries where job_id is not null group by job_id, user_id, mode
    """
    purses, given = read_purses(eye)
    books = Books(purses, given)
    for row in eye.execute(pages):
        assert row["job_id"] not in books.pages, "a job's entries are one account's"
        books.pages[row["job_id"]] = Page((row["user_id"], Mode(row["mode"])), row["amount"], tuple(row["kinds"]))
    return books


class Posting(Act[Books]):
    """One call of a SQL function."""

    @abstractmethod
    def call(self) -> tuple[str, tuple[object, ...]]: ...

    async def post(self, connection: Any) -> object:
        statement, values = self.call()
        row = await (await connection.execute(statement.encode(), values)).fetchone()
        return row is not None and row[0] is not None

    async def play(self, db: Database) -> object:
        async with db.transaction() as connection:
            return await self.post(connection)


@dataclass(frozen=True)
class OpenAccount(Posting):
    owner: Owner
    starting: int

    def call(self) -> tuple[str, tuple[object, ...]]:
        return "select dust_open(%s, %s, %s)", (*self.owner, self.starting)

    def foretell(self, world: Books) -> object:
        if self.owner not in world.purses:
            world.purses[self.owner] = Purse(self.starting)
            if self.starting:
                world.given[self.owner, "starting"] = True
        return True


@dataclass(frozen=True)
class Give(Posting):
    owner: Owner
    amount: int
    reference: str | None

    def call(self) -> tuple[str, tuple[object, ...]]:
        return "select dust_grant(%s, %s, %s, %s)", (*self.owner, self.amount, self.reference)

    def foretell(self, world: Books) -> object:
        if self.amount <= 0:
            return Said.REFUSED
        if self.reference is not None and (self.owner, self.reference) in world.given:
            return False
        if not world.post(self.owner, "grant", self.amount):
            return Said.REFUSED
        if self.reference is not None:
            world.given[self.owner, self.reference] = True
        return True


@dataclass(frozen=True)
class Hold(Posting):
    job_id: UUID
    owner: Owner
    amount: int

    def call(self) -> tuple[str, tuple[object, ...]]:
        return "select dust_hold(%s, %s, %s, %s)", (self.job_id, *self.owner, self.amount)

    def foretell(self, world: Books) -> object:
        if self.job_id in world.pages or self.amount < 0 or not world.post(self.owner, "hold", self.amount):
            return Said.REFUSED
        world.pages[self.job_id] = Page(self.owner, self.amount, ("hold",))
        return True


@dataclass(frozen=True)
class Resolve(Posting):
    """A hold is captured or released, and a capture refunded: each once, and never both."""

    job_id: UUID
    kind: str

    def call(self) -> tuple[str, tuple[object, ...]]:
        return f"select dust_{self.kind}(%s)", (self.job_id,)

    def foretell(self, world: Books) -> object:
        page = world.pages.get(self.job_id)
        if page is None or (self.kind == "refund" and "capture" not in page.kinds):
            return False  # there is nothing to resolve
        rivals = {"refund"} if self.kind == "refund" else {"capture", "release"}
        if rivals & set(page.kinds) or not world.post(page.owner, self.kind, page.amount):
            return Said.REFUSED
        world.pages[self.job_id] = replace(page, kinds=tuple(sorted((*page.kinds, self.kind))))
        return True


@dataclass(frozen=True)
class InOneTransaction(Posting):
    postings: tuple[Posting, ...]

    def call(self) -> tuple[str, tuple[object, ...]]:
        raise AssertionError("it is several calls")

    async def post(self, connection: Any) -> object:
        return tuple([await each.post(connection) for each in self.postings])

    def foretell(self, world: Books) -> object:
        before = world.copy()
        said = tuple(each.foretell(world) for each in self.postings)
        if Said.REFUSED not in said:
            return said
        world.purses, world.given, world.pages = before.purses, before.given, before.pages
        return Said.REFUSED


@dataclass(frozen=True)
class Forgery(Posting):
    """Past the ledger's door."""

    what: str

    statements: ClassVar[dict[str, str]] = {
        "an entry that doubles what it moves": "insert into dust_entries (user_id, mode, kind, amount, from_account, to_account) "
        "select user_id, mode, 'grant', 5, 'wallet', 'wallet' from dust_accounts",
        "a refund of more than was charged": "insert into dust_entries (user_id, mode, kind, amount, from_account, to_account, job_id) "
        "select user_id, mode, 'refund', amount + 1, 'sales', 'wallet', job_id from dust_entries where kind = 'hold'",
        "a release to somebody else": "insert into dust_entries (user_id, mode, kind, amount, from_account, to_account, job_id) "
        "select a.user_id, a.mode, 'release', amount, 'held', 'wallet', job_id from dust_entries e join dust_accounts a "
        "on (a.user_id, a.mode) <> (e.user_id, e.mode) where kind = 'hold'",
        "a hold for no job": "select dust_hold(gen_random_uuid(), user_id, mode, 0) from dust_accounts",
        "a larger entry": "update dust_entries set amount = amount + 1",
        "an entry taken out": "delete from dust_entries",
        "a fuller wallet": "update dust_accounts set wallet = wallet + 1",
    }

    def call(self) -> tuple[str, tuple[object, ...]]:
        statement = self.statements[self.what]
        return statement if statement.startswith("select") else f"{statement} returning true", ()

    def foretell(self, world: Books) -> object:
        holds = any("hold" in page.kinds for page in world.pages.values())
        is_there = {
            "an entry that doubles what it moves": bool(world.purses),
            "a refund of more than was charged": holds,
            "a release to somebody else": holds and len(world.purses) > 1,
            "a hold for no job": bool(world.purses),
            "a larger entry": holds or bool(world.given),
            "an entry taken out": holds or bool(world.given),
            "a fuller wallet": bool(world.purses),
        }
        return Said.REFUSED if is_there[self.what] else False
