"""The real Cog server with a toy of a model, as a process of its own, and somebody who receives its webhooks."""

import asyncio
import os
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from tests.conftest import eventually
from tests.fakes.wire import Asked, Told

TOY = Path(__file__).parents[1] / "providers" / "cog_toy"
ASYNC = {"Prefer": "respond-async"}
FINAL = ("succeeded", "failed", "canceled")


@dataclass
class Receiver:
    """Where the webhooks arrive, and the files, if the server is told to upload them here."""

    url: str = ""
    came: dict[str, list[Asked]] = field(default_factory=lambda: defaultdict(list))
    """By the last part of the address."""
    refusals: list[int] = field(default_factory=list)
    """What the next final webhooks are answered, before 200."""

    async def answer(self, asked: Asked) -> Told:
        self.came[asked.path.rpartition("/")[2]].append(asked)
        final = asked.method == "POST" and asked.json()["status"] in FINAL
        return Told(self.refusals.pop(0) if final and self.refusals else 200)

    def told(self, name: UUID | str) -> list[dict[str, Any]]:
        return [asked.json() for asked in self.came[str(name)]]

    async def until_ended(self, name: UUID | str, times: int = 1) -> dict[str, Any]:
        """The last word of an order."""

        async def ended() -> dict[str, Any] | None:
            final = [told for told in self.told(name) if told["status"] in FINAL]
            return final[-1] if len(final) >= times else None

        return await eventually(ended, f"the end of {name}")


@dataclass
class Cog:
    """A running server with its toy."""

    url: str
    raw: httpx.AsyncClient
    process: asyncio.subprocess.Process
    runs_in: Path
    receiver: Receiver

    def runs(self, prompt: str) -> int:
        """How often the model was really run with this prompt."""
        return self.runs_in.read_text().splitlines().count(prompt) if self.runs_in.exists() else 0

    async def put(self, name: str, **values: Any) -> httpx.Response:
        """An order, past the adapter."""
        body = {"input": values, "webhook": f"{self.receiver.url}/{name}", "webhook_events_filter": ["start", "logs", "completed"]}
        return await self.raw.put(f"/predictions/{name}", headers=ASYNC, json=body)

    async def cancel(self, name: str) -> httpx.Response:
        return await self.raw.post(f"/predictions/{name}/cancel")

    async def status(self) -> str:
        return str((await self.raw.get("/health-check")).json()["status"])

    async def until(self, status: str) -> None:
        async def reached() -> bool:
            with suppress(httpx.TransportError):
                return await self.status() == status
            return False

        await eventually(reached, f"Cog to be {status}")

    async def until_run(self, prompt: str, times: int = 1) -> None:
        async def ran() -> bool:
            return self.runs(prompt) >= times

        await eventually(ran, f"run {times} of {prompt!r}")


@asynccontextmanager
async def cog_at(port: int, home: Path, receiver: Receiver, *arguments: str, **toy: str) -> AsyncIterator[Cog]:
    """A server's life; `toy` are what the toy reads from its environment."""
    runs_in = home / "runs"
    environment = os.environ | {
        "PORT": str(port),
        "COG_PREDICT_TYPE_STUB": "predict.py:Runner",
        # It starts its model's process as `python`, whatever started itself.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(home),
        "TOY_RUNS": str(runs_in),
    }
    with (home / "cog.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cog.server.http", "--host", "127.0.0.1", *arguments),
            cwd=TOY,
            env=environment | toy,
            stdout=log,
            stderr=log,
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as raw:
            yield Cog(f"http://127.0.0.1:{port}", raw, process, runs_in, receiver)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()  # within ten seconds, whatever runs
