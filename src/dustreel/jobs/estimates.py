"""How long a job will take: what like jobs took lately, and the contract's first guess where there are none."""

from dataclasses import dataclass

from dustreel.base.clock import Clock
from dustreel.base.db import Database, Statements, one
from dustreel.base.vocabulary import Duration, GenerationType, Resolution, Seconds

SQL = Statements(__package__, "jobs.sql")

# What the contract shows before anything has been learned.
FIRST_GUESS = {GenerationType.TEXT_TO_VIDEO: Seconds(240), GenerationType.IMAGE_TO_VIDEO: Seconds(180)}
# A median over fifty jobs moves slowly; asking for it at every submit would cost more than it tells.
REMEMBERED_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Alike:
    """What makes two jobs comparable."""

    provider: str
    generation_type: GenerationType
    resolution: Resolution
    duration: Duration
    lane: str
    """What the sandbox was told to hurry or to drag out runs beside the rest, and says nothing about it."""


class Estimates:
    """Estimates for submits, remembered for two seconds each."""

    def __init__(self, db: Database, clock: Clock, *, slots: dict[str, int]) -> None:
        """`slots`: how many jobs of a lane one worker runs at once."""
        self._db, self._clock, self._slots = db, clock, slots
        self._medians: dict[Alike, tuple[float, float | None]] = {}
        self._waits: dict[str, tuple[float, float]] = {}

    async def seconds(self, alike: Alike) -> Seconds:
        """Whole seconds from accept to end, at least 1. Raises Unavailable."""
        median = await self._median(alike)
        if median is None:
            return FIRST_GUESS[alike.generation_type]
        return Seconds(max(1, round(median + await self._wait(alike.lane))))

    async def _median(self, alike: Alike) -> float | None:
        known = self._medians.get(alike)
        if known is None or known[0] < self._clock.monotonic():
            async with self._db.connection() as connection:
                row = await one(
                    connection,
                    SQL["estimate"],
                    provider=alike.provider,
                    generation_type=alike.generation_type,
                    resolution=alike.resolution,
                    duration=alike.duration,
                    lane=alike.lane,
                )
            assert row is not None
            known = self._medians[alike] = (self._clock.monotonic() + REMEMBERED_SECONDS, row["median"])
        return known[1]

    async def _wait(self, lane: str) -> float:
        known = self._waits.get(lane)
        if known is None or known[0] < self._clock.monotonic():
            async with self._db.connection() as connection:
                row = await one(connection, SQL["queue_ahead"], lane=lane)
            assert row is not None
            ahead = max(0, row["ahead"] - self._slots[lane] + 1)
            wait = ahead * float(row["seconds_each"] or 0) / self._slots[lane]
            known = self._waits[lane] = (self._clock.monotonic() + REMEMBERED_SECONDS, wait)
        return known[1]


def remaining(*, estimated: Seconds, since_accept: float, since_start: float | None, progress: float | None) -> Seconds:
    """Whole seconds that a live job still needs, at least 1: from its own pace once it shows one, before that from the estimate."""
    # Below a few percent the pace says more about the start than about the work.
    if since_start is not None and progress is not None and progress >= 0.05:
        return Seconds(max(1, round(since_start * (1 - progress) / progress)))
    return Seconds(max(1, round(estimated - since_accept)))
