"""How a background loop waits for its next turn."""

import asyncio


async def told_to_stop(stopping: asyncio.Event, within: float) -> bool:
    """Whether the word came within so many seconds."""
    try:
        async with asyncio.timeout(within):
            return await stopping.wait()
    except TimeoutError:
        return False
