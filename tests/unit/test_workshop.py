"""Processes for work: they answer, decline, die, are killed, and never outlive us."""

import asyncio
import subprocess
import sys
import time

import psutil
import pytest

from dustreel.base import workshop
from dustreel.base.workshop import Broke, Declined, Workshop
from tests.conftest import eventually

MODULE = "tests.unit.work"


@pytest.fixture
async def shop():  # type: ignore[no-untyped-def]
    workshop = Workshop(MODULE, places=2)
    yield workshop
    await workshop.close()


async def test_work_is_answered_with_what_was_said_on_the_way(shop: Workshop) -> None:
    told: list[int] = []

    async def hear(words: object) -> None:
        told.append(words["step"])  # type: ignore[index]

    answer = await shop.run({"do": "double", "steps": 3}, b"abc", told=hear)
    assert (answer.values, answer.data, told) == ({"length": 6}, b"abcabc", [0, 1, 2])


async def test_a_process_is_used_again(shop: Workshop) -> None:
    first = (await shop.run({"do": "pid"})).values["pid"]
    assert (await shop.run({"do": "pid"})).values["pid"] == first


async def test_a_worn_process_works_on_until_the_next_one_is_there(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workshop, "RETIRES_AFTER", 2)
    worn = (await shop.run({"do": "pid"})).values["pid"]
    may_start, start = asyncio.Event(), workshop._Process.start

    async def slowly(module: str, niceness: int) -> workshop._Process:
        await may_start.wait()
        return await start(module, niceness)

    monkeypatch.setattr(workshop._Process, "start", slowly)
    assert [(await shop.run({"do": "pid"})).values["pid"] for _ in range(2)] == [worn, worn]
    may_start.set()
    await eventually(lambda: _gone(worn), "the worn process to go")
    assert (await shop.run({"do": "pid"})).values["pid"] != worn


async def test_work_may_be_declined_and_the_process_lives_on(shop: Workshop) -> None:
    pid = (await shop.run({"do": "pid"})).values["pid"]
    with pytest.raises(Declined, match="not today") as declined:
        await shop.run({"do": "decline"})
    assert declined.value.kind == "mood"
    assert (await shop.run({"do": "pid"})).values["pid"] == pid


async def test_a_process_that_dies_is_told_with_its_last_words(shop: Workshop) -> None:
    with pytest.raises(Broke, match="exit status 3: alas"):
        await shop.run({"do": "die"})
    assert (await shop.run({"do": "double", "steps": 0}, b"x")).data == b"xx"


async def test_work_that_takes_too_long_is_killed(shop: Workshop) -> None:
    pids: list[int] = []
    with pytest.raises(Broke, match="longer than"):
        await shop.run({"do": "hang"}, told=_remember(pids), within=1.0)
    await eventually(lambda: _gone(pids[0]), "the overdue process to be gone")


async def test_a_cancel_kills_the_process_within_a_second(shop: Workshop) -> None:
    pids: list[int] = []
    task = asyncio.create_task(shop.run({"do": "hang"}, told=_remember(pids)))

    async def began() -> bool:
        return bool(pids)

    await eventually(began, "the work to begin")
    cancelled_at = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: _gone(pids[0]), "the cancelled process to be gone")
    assert time.monotonic() - cancelled_at < 1.0


async def test_no_more_run_at_once_than_there_are_places(shop: Workshop) -> None:
    answers = await asyncio.gather(*(shop.run({"do": "pid"}) for _ in range(12)))
    assert len({answer.values["pid"] for answer in answers}) <= 2


async def test_a_killed_parent_leaves_no_process_behind() -> None:
    script = f"""
import asyncio
from dustreel.base.workshop import Workshop
async def main():
    shop = Workshop({MODULE!r}, places=1)
    async def hear(told): print(told["pid"], flush=True)
    await shop.run({{"do": "hang"}}, told=hear)
asyncio.run(main())
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(await asyncio.to_thread(parent.stdout.readline))
    assert psutil.pid_exists(pid)
    parent.kill()
    parent.wait()
    await eventually(lambda: _gone(pid), "the orphan to die")


def _remember(pids: list[int]):  # type: ignore[no-untyped-def]
    async def hear(told: object) -> None:
        pids.append(told["pid"])  # type: ignore[index]

    return hear


async def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
