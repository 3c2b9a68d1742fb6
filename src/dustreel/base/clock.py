"""Time as an argument, so that tests own it; and the one way a moment is written on the wire."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The moment, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back, for measuring."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def stamp(moment: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ`, as the contract writes every time."""
    return moment.astimezone(UTC).isoformat()[:19] + "Z"
