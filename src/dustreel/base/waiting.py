"""How a background loop waits for its next turn, and how work is kept whole."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def told_to_stop(stopping: asyncio.Event, within: float) -> bool:
    """Whether the word came within so many seconds."""
    try:
        async with asyncio.timeout(within):
            return await stopping.wait()
    except TimeoutError:
        return False


async def uncut[T](work: Coroutine[Any, Any, T]) -> T:
    """Await to its end what must not be cut in two, and only then let a cancel through."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
