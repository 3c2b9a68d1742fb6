"""A database that is busy, stopped or gone keeps nobody waiting: a caller hears of it within five seconds, and a worker tries again."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from dustreel.base.bell import CHANNEL, Bell
from dustreel.base.db import IDLE_IN_TRANSACTION_SECONDS, LOCK_SECONDS, Database
from dustreel.base.errors import Misconfigured, Unavailable
from dustreel.base.migrate import MIGRATION_LOCK, Migration, migrate
from dustreel.base.vocabulary import Dust, Mode
from dustreel.dust import balance
from tests.conftest import User, eventually, fresh_database, house_with

NO_HANG = 5.0
LOCK_ACCOUNT = "select from dust_accounts where user_id = %s for update"


class TestCallers:
    async def test_a_locked_account_keeps_nobody_waiting(self, database_url: str, tmp_path: Path) -> None:
        async with house_with(database_url, tmp_path, worker=False) as house, house.user() as alice:
            job = await alice.generate()
            with _locked_account(database_url, alice.id):
                answers = await asyncio.gather(*map(_timed, (*_asked(alice, job), alice.api.delete(f"/videos/jobs/{job}"))))
                assert {answer.status_code for answer, _ in answers} == {200, 503}
                assert {answer.request.url.path for answer, _ in answers if answer.status_code == 200} == {
                    f"/videos/jobs/{job}/status",
                    "/readyz",
                }
            _all_told_in_time(answers)
            assert await alice.dust() == (1000, 10, 990)
            await alice.generate()

    async def test_a_stopped_server_keeps_nobody_waiting_and_all_is_well_when_it_goes_on(self, database_url: str, tmp_path: Path) -> None:
        async with house_with(database_url, tmp_path) as house, house.user() as alice:
            job = await alice.generate("A pond [sandbox:seconds=3600]")
            await alice.until(job, "processing")
            with _stopped_server(database_url):
                # One after another too: a read waits for the batch before its own.
                answers = await asyncio.gather(
                    *(_timed(asked, after=number / 10) for number in range(30) for asked in (*_asked(alice, job), alice.api.get("/videos")))
                )
                _all_told_in_time(answers)
                assert {answer.status_code for answer, _ in answers} == {503}

            async def answers_again() -> bool:
                return (await alice.api.get("/readyz")).status_code == 200

            await eventually(answers_again, "the database to answer")
            answers = await asyncio.gather(*map(_timed, _asked(alice, job)))
            assert [answer.status_code for answer, _ in answers] == [200, 200, 200, 202]
            assert (await alice.status(job))["status"] == "processing", "the worker has its connections back as well"
            assert (await alice.until_final(await alice.generate()))["success"]

    async def test_a_worker_that_was_stopped_in_a_transaction_blocks_neither_its_user_nor_others(
        self, database_url: str, tmp_path: Path
    ) -> None:
        async with house_with(database_url, tmp_path, worker=False) as house, house.user() as alice:
            job = await alice.generate()
            with _stopped_in_a_transaction(database_url, alice.id):
                answers = await asyncio.gather(
                    _timed(alice.api.post("/videos/generate", json=alice.wish())), _timed(alice.api.delete(f"/videos/jobs/{job}"))
                )
                assert [answer.status_code for answer, _ in answers] == [202, 200]
                _all_told_in_time(answers)


class TestTransactions:
    async def test_one_that_was_idle_for_too_long_is_one_whose_database_was_away(self, db: Database) -> None:
        async def dawdle() -> None:
            async with db.transaction(wait=30.0) as connection:
                await connection.execute("select 1")
                await asyncio.sleep(IDLE_IN_TRANSACTION_SECONDS + 0.5)
                await connection.execute("select 1")

        with pytest.raises(Unavailable):
            await dawdle()
        assert await _one(db) == 1

    async def test_a_lock_that_is_held_is_one_too(self, db: Database) -> None:
        async with db.transaction() as connection:
            await balance(connection, user := uuid4(), Mode.TEST, starting=Dust(1))
        with _locked_account(db.conninfo, user):
            began = time.monotonic()
            with pytest.raises(Unavailable):
                async with db.transaction(wait=30.0) as connection:
                    await connection.execute(LOCK_ACCOUNT, (user,))
            assert LOCK_SECONDS <= time.monotonic() - began < NO_HANG
        assert await _one(db) == 1

    async def test_a_statement_that_takes_too_long_is_one_too(self, database_url: str) -> None:
        async with _opened(make_conninfo(database_url, options="-c statement_timeout=200ms")) as db:
            with pytest.raises(Unavailable):
                async with db.connection(wait=30.0) as connection:
                    await connection.execute("select pg_sleep(60)")

    async def test_what_took_too_long_leaves_the_pool_whole(self, database_url: str) -> None:
        async with _opened(database_url, max_size=2) as db:
            for _ in range(3):
                answers = await asyncio.gather(*(_asleep(db, wait=0.5) for _ in range(2)), return_exceptions=True)
                assert [type(answer) for answer in answers] == [Unavailable] * 2
            async with db.transaction(wait=0.2) as connection:
                await connection.execute("select 1")
            async with db.connection(wait=0.2):
                await asyncio.sleep(0.3)  # nothing went wrong, and nobody must be given this connection any more
            assert [await _one(db) for _ in range(5)] == [1] * 5

    async def test_a_server_that_answers_is_asked_to_let_go(self, db: Database) -> None:
        with pytest.raises(Unavailable) as told:
            await _asleep(db, wait=0.5)
        assert isinstance(told.value.__cause__, psycopg.errors.QueryCanceled), "so it is known that nothing was done"

    async def test_who_is_cut_off_himself_hears_of_that_and_of_nothing_else(self, database_url: str) -> None:
        async with _opened(database_url, max_size=2) as db:
            asleep = asyncio.create_task(_asleep(db, wait=30.0))
            await asyncio.sleep(0.3)
            asleep.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asleep
            assert await _one(db) == 1


class TestConnections:
    async def test_what_the_operator_says_about_them_holds(self, database_url: str) -> None:
        url = make_conninfo(database_url, options="-c lock_timeout=7s --statement-timeout=9s", connect_timeout=11, keepalives_idle=13)
        async with _opened(url) as db:
            assert {"connect_timeout": "11", "keepalives_idle": "13", "keepalives_count": "3"}.items() <= conninfo_to_dict(
                db.conninfo
            ).items()
            async with db.connection() as connection:
                shown = [await _value(connection, f"show {name}") for name in ("lock_timeout", "statement_timeout")]
                assert shown == ["7s", "9s"]
                assert await _value(connection, "show idle_in_transaction_session_timeout") == "1300ms"

    async def test_a_crowd_leaves_the_beat_its_own(self, database_url: str) -> None:
        async with _opened(database_url, max_size=2) as db:
            crowd = [asyncio.create_task(_asleep(db, wait=3.0)) for _ in range(10)]
            await asyncio.sleep(0.3)
            assert await _one(db.patient().reserve) == await _one(db.reserve) == 1
            with contextlib.suppress(Unavailable):
                await asyncio.gather(*crowd, return_exceptions=True)

    async def test_the_bell_hears_on_after_a_ring_that_nobody_understands(self, db: Database) -> None:
        bell, stopping, heard = Bell(db), asyncio.Event(), list[str]()
        bell.on("stop", lambda text: heard.append(str(UUID(text))))
        listening = asyncio.create_task(bell.listen(stopping))
        await bell.listening.wait()
        async with db.connection() as connection:
            for text in ("nonsense", known := str(uuid4())):
                await connection.execute("select pg_notify(%s, %s)", (CHANNEL, f"stop:{text}"))

        async def rung() -> bool:
            return bool(heard)

        await eventually(rung, "the bell to be heard")
        assert heard == [known] and not listening.done()
        stopping.set()
        await listening


class TestMigrations:
    """What an operator can mend is told in a sentence."""

    async def test_a_role_that_may_not_create(self, template: str) -> None:
        name = f"role_{uuid4().hex[:12]}"
        with psycopg.connect(template, autocommit=True) as connection:
            connection.execute(f"create role {name} login")
            connection.execute(f"create database {name} template template0")
        try:
            with pytest.raises(Misconfigured, match="may not change the schema: permission denied for schema public"):
                await migrate(Database(make_conninfo(template, dbname=name, user=name)))
        finally:
            with psycopg.connect(template, autocommit=True) as connection:
                connection.execute(f"drop database {name} with (force)")
                connection.execute(f"drop role {name}")

    async def test_what_the_server_refuses(self, database_url: str) -> None:
        with pytest.raises(Misconfigured, match=r"can't be brought up to date: relation \"nothing\" does not exist\.$"):
            await migrate(Database(database_url), before=[Migration("9999", "alter table nothing add column x int")])

    async def test_a_connection_that_is_lost(self, template: str) -> None:
        async with fresh_database(template) as url:
            with psycopg.connect(url, autocommit=True) as other:
                other.execute("select pg_advisory_lock(%s)", (MIGRATION_LOCK,))
                migrating = asyncio.create_task(migrate(Database(url)))
                waits = "datname = current_database() and wait_event = 'advisory'"

                async def ended() -> bool:
                    return other.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where {waits}".encode()).rowcount > 0

                await eventually(ended, "the migration to wait for its turn")
                with pytest.raises(Unavailable, match="connection to the database was lost"):
                    await migrating


@contextlib.asynccontextmanager
async def _opened(url: str, *, max_size: int = 4) -> AsyncIterator[Database]:
    db = Database(url, max_size=max_size)
    await db.open()
    try:
        yield db
    finally:
        await db.close()


async def _one(db: Database) -> Any:
    async with db.connection() as connection:
        return await _value(connection, "select 1")


async def _value(connection: psycopg.AsyncConnection, statement: str) -> Any:
    row = await (await connection.execute(statement.encode())).fetchone()
    assert row is not None
    return row[0]


async def _asleep(db: Database, *, wait: float) -> None:
    async with db.connection(wait=wait) as connection:
        await connection.execute("select pg_sleep(9)")


def _asked(alice: User, job: str) -> list[Awaitable[httpx.Response]]:
    return [
        alice.api.get(f"/videos/jobs/{job}/status"),
        alice.api.get("/me"),
        alice.api.get("/readyz"),
        alice.api.post("/videos/generate", json=alice.wish()),
    ]


async def _timed(asked: Awaitable[httpx.Response], *, after: float = 0.0) -> tuple[httpx.Response, float]:
    await asyncio.sleep(after)
    began = time.monotonic()
    return await asked, time.monotonic() - began


def _all_told_in_time(answers: Iterable[tuple[httpx.Response, float]]) -> None:
    for answer, seconds in answers:
        assert seconds < NO_HANG
        assert answer.status_code != 503 or ("Retry-After" in answer.headers and answer.json()["code"] == "unavailable")


@contextlib.contextmanager
def _locked_account(url: str, user: UUID) -> Iterator[None]:
    with psycopg.connect(url) as connection:
        connection.execute(LOCK_ACCOUNT, (user,))
        yield


@contextlib.contextmanager
def _stopped_server(url: str) -> Iterator[None]:
    """All of its processes: it refuses nothing, it ends nothing, it says nothing."""
    folder = Path(str(conninfo_to_dict(url)["host"]))
    postmaster = psutil.Process(int((folder / "postmaster.pid").read_text().split("\n", 1)[0]))
    everybody = [postmaster, *postmaster.children(recursive=True)]
    try:
        for process in everybody:
            process.send_signal(signal.SIGSTOP)
        yield
    finally:
        for process in everybody:
            process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def _stopped_in_a_transaction(url: str, user: UUID) -> Iterator[None]:
    """A process of ours that has locked a user's account and is then stopped."""
    script = f"""
import asyncio
from dustreel.base.db import Database
async def main():
    db = Database({url!r})
    await db.open()
    async with db.transaction(wait=60.0) as connection:
        await connection.execute({LOCK_ACCOUNT!r}, ({str(user)!r},))
        print("locked", flush=True)
        await asyncio.sleep(0)
        while True:
            await connection.execute("select 1")
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"locked\n"
            process.send_signal(signal.SIGSTOP)
            yield
        finally:
            process.kill()
