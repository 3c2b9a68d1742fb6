"""How often a user may call. Counted in this process's memory: each API process has its own window."""

import math
import time
from uuid import UUID

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from dustreel.base.errors import DomainError
from dustreel.base.vocabulary import Mode


class RateLimited(DomainError):
    code = "rate_limited"

    def __init__(self, limit: RateLimitItem, retry_after: int) -> None:
        super().__init__(f"You have reached the limit of {limit}. Try again in {retry_after} s.")
        self.quota, self.window, self._retry_after = limit.amount, limit.get_expiry(), retry_after

    @property
    def retry_after(self) -> int:
        return self._retry_after


class Limits:
    """The two rates of a user: of all requests, and of submitted jobs."""

    def __init__(self, *, requests: str, submits: str) -> None:
        """Each written like `1200/minute`."""
        self._requests, self._submits = parse(requests), parse(submits)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def request(self, user_id: UUID, mode: Mode) -> None:
        """Count a request. Raises RateLimited."""
        await self._count(self._requests, "request", user_id, mode)

    async def submit(self, user_id: UUID, mode: Mode) -> None:
        """Count a submitted job, which is a request too. Raises RateLimited."""
        await self._count(self._requests, "request", user_id, mode)
        await self._count(self._submits, "submit", user_id, mode)

    async def _count(self, limit: RateLimitItem, what: str, user_id: UUID, mode: Mode) -> None:
        identifiers = (what, user_id.hex, mode.value)
        if not await self._limiter.hit(limit, *identifiers):
            window = await self._limiter.get_window_stats(limit, *identifiers)
            raise RateLimited(limit, max(1, math.ceil(window.reset_time - time.time())))
