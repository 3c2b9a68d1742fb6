"""What every fake of a vendor has: it remembers what it was asked, and what goes wrong with it is written in a script."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from tests.fakes.wire import Asked, Cut, Told, serving


@dataclass
class Fault:
    """What goes wrong with the next request of a kind."""

    status: int | None = None
    """Answered instead, with nothing done."""
    headers: dict[str, str] = field(default_factory=dict)
    """Go with `status`: a `location` to redirect to, say."""
    body: Any = None
    """Goes with `status`; the vendor's own words where there is none."""
    done_first: bool = False
    """Whether what was asked is done before the fault."""
    cut: bool = False
    half: bool = False
    garbage: bool = False
    seconds: float = 0.0


class Scripted(ABC):
    def __init__(self) -> None:
        self.url = ""
        self._telling: set[asyncio.Task[None]] = set()
        self.forget()

    def forget(self) -> None:
        """As if nobody had asked anything."""
        self.faults: dict[str, list[Fault]] = {}
        """By kind of request, as `kind_of` names it."""
        self.asked: list[tuple[str, Asked]] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        async with serving(self.answer) as address:
            self.url = address
            yield self
            for task in self._telling:
                task.cancel()
            await asyncio.gather(*self._telling, return_exceptions=True)

    def count(self, kind: str) -> int:
        return sum(asked == kind for asked, _ in self.asked)

    def fail_next(self, kind: str, *faults: Fault) -> None:
        self.faults.setdefault(kind, []).extend(faults)

    async def answer(self, asked: Asked) -> Told:
        kind = self.kind_of(asked)
        self.asked.append((kind, asked))
        if not self.may(kind, asked):
            return self.unwelcome()
        queue = self.faults.get(kind)
        fault = queue.pop(0) if queue else Fault()
        await asyncio.sleep(fault.seconds)
        if fault.done_first or not (fault.cut or fault.status or fault.garbage):
            told = self.do(kind, asked)
        if fault.cut:
            raise Cut
        if fault.status is not None:
            said = self.broken(fault.status) if fault.body is None else Told.of(fault.body, fault.status)
            return Told(said.status, said.body, said.headers | fault.headers)
        if fault.garbage:
            return Told(200, b"<html>")
        if fault.half:
            return Told(told.status, told.body, told.headers, cut_after=len(told.body) // 2)
        return told

    @abstractmethod
    def kind_of(self, asked: Asked) -> str: ...

    @abstractmethod
    def may(self, kind: str, asked: Asked) -> bool:
        """Whether the request carries the right key, or needs none."""

    @abstractmethod
    def unwelcome(self) -> Told:
        """What a wrong key is told."""

    @abstractmethod
    def do(self, kind: str, asked: Asked) -> Told:
        """What was asked, with nothing wrong."""

    @abstractmethod
    def broken(self, status: int) -> Told:
        """What this vendor says with a status that a script wants."""

    def later(self, telling: Coroutine[Any, Any, None]) -> None:
        """A webhook's sending, which ends with the server."""
        task = asyncio.create_task(telling)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
