"""Processes of our own for work that would block the event loop: decoding, checking, rendering.

A workshop keeps warm processes that have imported what they need and wait for work on their standard input. A cancelled or overdue task
kills its process; the death of the parent, however sudden, ends all of them.

On the wire, both ways: one line of JSON, then as many raw bytes as its `attached` says.
"""

import asyncio
import collections
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from dustreel.base.log import logger

log = logger(__name__)

# A process that has done this much is replaced: whatever the codecs leaked goes with it.
RETIRES_AFTER = 200
STDERR_LINES = 12
# Reading an interpreter and a codec from a cold disk.
STARTS_WITHIN_SECONDS = 60.0
LINE_AT_MOST = 1 << 20
# An idle process has nothing to do but to leave; the whole service has ten seconds to stop.
ENDS_WITHIN_SECONDS = 2.0

type Told = Callable[[Mapping[str, Any]], Awaitable[None]]


class Declined(Exception):
    """The work was looked at and can't be done. `kind` is for the program, the text for people."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Broke(Exception):
    """The process died over its work, or took too long. The text is for the operator."""


@dataclass(frozen=True, slots=True)
class Answer:
    values: Mapping[str, Any]
    data: bytes


class Workshop:
    """Processes that run one module, `places` of them at most."""

    def __init__(self, module: str, *, places: int, niceness: int = 0) -> None:
        """`module` is run with `python -m` and calls `dustreel.base.workplace.serve`."""
        self._module, self._niceness = module, niceness
        self._places = asyncio.Semaphore(places)
        self._spares: list[_Process] = []
        self._busy: set[_Process] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._closed = False

    async def warm(self) -> None:
        """Have a process waiting."""
        if not self._spares and not self._closed:
            self._spares.append(await _Process.start(self._module, self._niceness))

    async def run(self, work: Mapping[str, Any], data: bytes = b"", *, told: Told | None = None, within: float | None = None) -> Answer:
        """Have work done. `told` hears what is said on the way; `within` is in seconds. Raises Declined, Broke."""
        async with self._places:
            process = await self._take()
            self._busy.add(process)
            try:
                async with asyncio.timeout(within):
                    answer = await process.do(work, data, told)
            except Declined:
                self._return(process)
                raise
            except TimeoutError:
                await self._scrap(process)
                raise Broke(f"it took longer than {within:.0f} s") from None
            except BaseException:
                await self._scrap(process)
                raise
            self._return(process)
            return answer

    async def close(self) -> None:
        """End every process."""
        self._closed = True
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        for process in self._busy:
            process.kill()
        await asyncio.gather(*(process.end() for process in (*self._spares, *self._busy)))
        self._spares.clear()

    async def _take(self) -> "_Process":
        while self._spares:
            process = self._spares.pop()
            if process.is_alive:
                return process
        return await _Process.start(self._module, self._niceness)

    def _return(self, process: "_Process") -> None:
        self._busy.discard(process)
        if not process.is_alive or process.is_relieved or self._closed:
            self._in_background(process.end())
            self._refill()
            return
        self._spares.append(process)
        if process.done % RETIRES_AFTER == 0:
            self._in_background(self._relieve(process))

    async def _relieve(self, worn: "_Process") -> None:
        """It works on until the next one is there: nobody waits for an interpreter to start."""
        self._spares.append(await _Process.start(self._module, self._niceness))
        worn.is_relieved = True
        if worn in self._spares:
            self._spares.remove(worn)
            await worn.end()

    async def _scrap(self, process: "_Process") -> None:
        self._busy.discard(process)
        process.kill()
        self._refill()
        await process.end()

    def _refill(self) -> None:
        """The next one shouldn't wait for an interpreter to start."""
        if not self._spares and not self._closed:
            self._in_background(self.warm())

    def _in_background(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        task.add_done_callback(lambda done: None if done.cancelled() or not done.exception() else log.warning("a process did not start"))


@dataclass(eq=False, slots=True)
class _Process:
    process: asyncio.subprocess.Process
    said: collections.deque[str]
    listening: asyncio.Task[None]
    done: int = field(default=0)
    is_relieved: bool = field(default=False)
    """Another has taken its place: it has one more piece of work to finish at most."""

    @classmethod
    async def start(cls, module: str, niceness: int) -> "_Process":
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            str(niceness),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # A terminal's Ctrl-C is for the parent, which ends its children by itself.
            start_new_session=True,
            limit=LINE_AT_MOST,
        )
        said: collections.deque[str] = collections.deque(maxlen=STDERR_LINES)
        found = cls(process, said, asyncio.create_task(_listen(process, said)))
        try:
            async with asyncio.timeout(STARTS_WITHIN_SECONDS):
                await found._read()
        except BaseException:
            found.kill()
            await found.end()
            raise
        return found

    @property
    def is_alive(self) -> bool:
        return self.process.returncode is None

    async def do(self, work: Mapping[str, Any], data: bytes, told: Told | None) -> Answer:
        self.done += 1
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps({**work, "attached": len(data)}).encode() + b"\n" + data)
            await self.process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            await self._died()
        while True:
            answer = await self._read()
            if "declined" in answer.values:
                raise Declined(answer.values["declined"], answer.values["text"])
            if "told" not in answer.values:
                return answer
            if told is not None:
                await told(answer.values["told"])

    async def _read(self) -> Answer:
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        try:
            if not line.endswith(b"\n"):
                await self._died()
            values = json.loads(line)
            return Answer(values, await self.process.stdout.readexactly(values.pop("attached", 0)))
        except asyncio.IncompleteReadError:
            await self._died()

    async def _died(self) -> NoReturn:
        code = await self.process.wait()
        await self.listening
        how = f"signal {-code}" if code < 0 else f"exit status {code}"
        raise Broke(f"the process ended with {how}: {' | '.join(self.said) or 'it said nothing'}")

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    async def end(self) -> None:
        """Let it go home: without more to read it ends by itself, and is killed where it doesn't."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            async with asyncio.timeout(ENDS_WITHIN_SECONDS):
                await self.process.wait()
        except TimeoutError:
            self.kill()
            await self.process.wait()
        await self.listening


async def _listen(process: asyncio.subprocess.Process, said: collections.deque[str]) -> None:
    assert process.stderr is not None
    with contextlib.suppress(ValueError):  # a line longer than a megabyte says nothing more to us
        async for line in process.stderr:
            said.append(line.decode(errors="replace").rstrip())
