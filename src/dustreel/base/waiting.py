"""How a background loop is kept up and waits for its next turn, how work is kept whole, and how processes take turns."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

from dustreel.base.log import logger

log = logger(__name__)

# A loop that broke is not to fill the log.
BROKEN_PAUSE_SECONDS = 1.0
# Of its own accord a loop ends within a step or two of being told.
STOP_SECONDS = 2.0
LOCK_LOOK_SECONDS = 0.05
# Who holds a lock for so long may be stuck, and whoever waits should be told for what.
LONG_LOCKED_SECONDS = 3.0


@asynccontextmanager
async def in_background(run: Callable[[asyncio.Event], Coroutine[None, None, None]], name: str) -> AsyncIterator[None]:
    """A named loop beside the block, begun again should it end or break. It is told to stop at the block's end, and then cut off."""
    stopping = asyncio.Event()
    task = asyncio.create_task(_kept_up(run, name, stopping), name=name)
    try:
        yield
    finally:
        stopping.set()
        _, unfinished = await asyncio.wait([task], timeout=STOP_SECONDS)
        for late in unfinished:
            late.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _kept_up(run: Callable[[asyncio.Event], Coroutine[None, None, None]], name: str, stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        try:
            await run(stopping)
        except Exception:
            log.exception("a background loop broke", loop=name)
        if not stopping.is_set():
            log.warning("beginning a background loop again", loop=name)
            await told_to_stop(stopping, BROKEN_PAUSE_SECONDS)


async def told_to_stop(stopping: asyncio.Event, within: float) -> bool:
    """Whether the word came within so many seconds."""
    try:
        async with asyncio.timeout(within):
            return await stopping.wait()
    except TimeoutError:
        return False


async def uncut[T](work: Coroutine[Any, Any, T], *, within: float | None = None) -> T:
    """Await to its end what must not be cut in two, and only then let a cancel through; `within` seconds later it is cut all the same."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        _, unfinished = await asyncio.wait([task], timeout=within)
        for late in unfinished:
            late.cancel()
        raise


@asynccontextmanager
async def alone(file: Path) -> AsyncIterator[None]:
    """One process at a time, by a lock on this file that ends with its holder. Whoever waits for it can be told to stop."""
    with file.open("ab") as lock:
        loop = asyncio.get_running_loop()
        since, told = loop.time(), False
        while not _taken(lock):
            if not told and loop.time() - since > LONG_LOCKED_SECONDS:
                log.warning("waiting for another process", lock=str(file))
                told = True
            await asyncio.sleep(LOCK_LOOK_SECONDS)
        yield


def _taken(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
