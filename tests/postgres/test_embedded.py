"""The embedded PostgreSQL: it starts, is shared, comes back, and goes."""

import asyncio
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from dustreel.base.embedded import EmbeddedPostgres
from dustreel.base.errors import Misconfigured
from tests.conftest import eventually
from tests.e2e.served import new_home, processes_in


@pytest.fixture
def home() -> Iterator[Path]:
    with new_home() as folder:
        yield folder


class Watched(EmbeddedPostgres):
    connecting = waiting = False

    def _conninfo(self, database: str) -> str:
        self.connecting = True
        return super()._conninfo(database)

    def _remains(self) -> bool:
        self.waiting = super()._remains()
        return self.waiting

    async def connects(self) -> bool:
        return self.connecting

    async def waits(self) -> bool:
        return self.waiting


async def test_it_starts_and_stops_and_starts_again(home: Path) -> None:
    postgres = EmbeddedPostgres(home / "postgres")
    for _ in range(2):
        conninfo = await postgres.start()
        assert _answers(conninfo)
        await postgres.stop()
        assert processes_in(home) == []
        assert not _answers(conninfo)


async def test_its_socket_is_its_owners_alone(home: Path) -> None:
    postgres = EmbeddedPostgres(home / "postgres")
    conninfo = await postgres.start()
    folder = Path(psycopg.conninfo.conninfo_to_dict(conninfo)["host"])  # type: ignore[arg-type]
    assert folder.stat().st_mode & 0o077 == 0
    with psycopg.connect(conninfo) as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("",)
    await postgres.stop()


async def test_a_long_path_gets_a_short_private_socket_folder(home: Path) -> None:
    postgres = EmbeddedPostgres(home / ("long" * 30) / "postgres")
    conninfo = await postgres.start()
    folder = Path(psycopg.conninfo.conninfo_to_dict(conninfo)["host"])  # type: ignore[arg-type]
    assert len(str(folder)) < 60 and folder.stat().st_mode & 0o077 == 0
    await postgres.stop()
    folder.rmdir()


async def test_the_last_user_stops_it(home: Path) -> None:
    first, second = EmbeddedPostgres(home / "postgres"), EmbeddedPostgres(home / "postgres")
    conninfo = await first.start()
    assert await second.start() == conninfo
    await first.stop()
    assert _answers(conninfo)
    await second.stop()
    assert not _answers(conninfo)


async def test_a_killed_server_comes_back_while_it_is_watched(home: Path) -> None:
    postgres, stopping = EmbeddedPostgres(home / "postgres"), asyncio.Event()
    conninfo = await postgres.start()
    watch = asyncio.create_task(postgres.watch(stopping))
    before = _pid(home)
    os.kill(before, 9)

    async def back() -> bool:
        return _answers(conninfo) and _pid(home) != before

    await eventually(back, "the server to come back")
    stopping.set()
    await watch
    await postgres.stop()


async def test_one_that_dies_again_while_it_is_brought_back_comes_back_all_the_same(home: Path) -> None:
    class Unlucky(EmbeddedPostgres):
        deaths = 0

        async def _until_it_answers(self) -> Any:
            answered = await super()._until_it_answers()
            if self.deaths:
                self.deaths -= 1
                psutil.Process(_pid(home)).kill()
            return answered

    postgres, stopping = Unlucky(home / "postgres"), asyncio.Event()
    conninfo = await postgres.start()
    watch = asyncio.create_task(postgres.watch(stopping))
    postgres.deaths = 2
    os.kill(_pid(home), 9)

    async def back() -> bool:
        return postgres.deaths == 0 and _answers(conninfo)

    await eventually(back, "the server to come back")
    assert not watch.done()
    stopping.set()
    await watch
    await postgres.stop()
    assert processes_in(home) == []


async def test_one_that_dies_in_its_first_moment_is_told_in_a_sentence(home: Path) -> None:
    class Doomed(EmbeddedPostgres):
        async def _until_it_answers(self) -> Any:
            answered = await super()._until_it_answers()
            psutil.Process(_pid(home)).kill()
            return answered

    with pytest.raises(Misconfigured, match=r"can't be made ready: [^\n]+$"):
        await Doomed(home / "postgres").start()


async def test_one_that_dies_while_it_is_being_adopted_is_started_anew(home: Path) -> None:
    first, second = EmbeddedPostgres(home / "postgres"), Watched(home / "postgres")
    await first.start()
    dying = psutil.Process(_pid(home))
    dying.suspend()  # who connects now waits for an answer
    adopting = asyncio.create_task(second.start())

    await eventually(second.connects, "the second to find the server and connect to it")
    dying.kill()
    await eventually(second.waits, "the second to wait for its burial")
    dying.wait()
    assert _answers(await adopting)
    assert _pid(home) != dying.pid
    await first.stop()
    await second.stop()
    assert processes_in(home) == []


async def test_one_whose_children_outlive_it_is_started_when_they_have_gone(home: Path) -> None:
    postgres = Watched(home / "postgres")
    await postgres.start()
    killed = psutil.Process(_pid(home))
    child = next(process for process in killed.children() if "checkpointer" in process.cmdline()[0])
    child.suspend()
    killed.kill()
    starting = asyncio.create_task(postgres.start())
    await eventually(postgres.waits, "the start to wait for the child")
    child.resume()
    assert _answers(await starting)
    await postgres.stop()
    assert processes_in(home) == []


async def test_who_waits_for_another_that_starts_it_can_be_told_to_stop(home: Path) -> None:
    with (home / "postgres.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        postgres = EmbeddedPostgres(home / "postgres")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(postgres.start(), 0.3)
        await asyncio.wait_for(postgres.stop(), 5.0)


async def test_the_server_of_a_killed_parent_is_adopted(home: Path) -> None:
    script = f"""
import asyncio, os
from pathlib import Path
from dustreel.base.embedded import EmbeddedPostgres
asyncio.run(EmbeddedPostgres(Path({str(home / "postgres")!r})).start())
os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    left = _pid(home)
    postgres = EmbeddedPostgres(home / "postgres")
    assert _answers(await postgres.start())
    assert _pid(home) == left
    await postgres.stop()
    assert processes_in(home) == []


async def test_a_stale_file_that_names_somebody_elses_process_fools_nobody(home: Path) -> None:
    postgres = EmbeddedPostgres(home / "postgres")
    await postgres.start()
    text = (home / "postgres" / "postmaster.pid").read_text()
    os.kill(_pid(home), 9)

    async def gone() -> bool:
        return processes_in(home) == []

    await eventually(gone, "the server to be gone")
    (home / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n" + text.split("\n", 1)[1])
    assert _answers(await postgres.start())
    await postgres.stop()


@pytest.mark.parametrize("spoil", ["file", "other files", "other version"])
async def test_a_folder_that_can_not_be_a_database_is_told_in_a_sentence(home: Path, spoil: str) -> None:
    folder = home / "postgres"
    if spoil == "file":
        (home / "in-the-way").write_text("")
        folder = home / "in-the-way" / "postgres"
    else:
        folder.mkdir()
        (folder / ("PG_VERSION" if spoil == "other version" else "thesis.txt")).write_text("13\n")
    with pytest.raises(Misconfigured) as told:
        await EmbeddedPostgres(folder).start()
    assert "\n" not in str(told.value)


def _pid(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])


def _answers(conninfo: str) -> bool:
    try:
        psycopg.connect(conninfo, connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True
