"""A front end that never gives up: it repeats what was not answered, under the same Idempotency-Key, and remembers what it was shown."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx

# Several deaths may follow each other, on a machine that others use too.
PATIENCE_SECONDS = 60.0
AGAIN_SECONDS = 0.05
WATCH_SECONDS = 0.1
RANKS = {"queued": 0, "starting": 1, "processing": 2, "completed": 3, "failed": 3, "cancelled": 3}


@dataclass
class Front:
    api: httpx.AsyncClient
    user_id: UUID
    jobs: dict[str, str] = field(default_factory=dict)
    """Job ids by prompt."""
    seen: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    """What each job's status showed, one after the other."""
    complaints: dict[str, None] = field(default_factory=dict)
    """In their order, each once."""

    async def ask(self, method: str, path: str, **what: Any) -> httpx.Response:
        """An answer that is none of 'not now'."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    answer = await self.api.request(method, path, **what)
                except httpx.TransportError:
                    await asyncio.sleep(AGAIN_SECONDS)
                    continue
                if answer.status_code < 500:
                    return answer
                if answer.status_code != 503 or "retry-after" not in answer.headers:
                    self._complain(f"{method} {path} was answered {answer.status_code}: {answer.text[:200]}")
                await asyncio.sleep(AGAIN_SECONDS)

    def _complain(self, about: str) -> None:
        self.complaints[about] = None

    async def generate(self, prompt: str, *, copies: int = 1) -> str:
        wish = {"user_id": str(self.user_id), "prompt": prompt, "duration": "short", "resolution": "sd_480p", "aspect_ratio": "16:9"}
        return await self._submit("/videos/generate", wish, copies)

    async def animate(self, prompt: str, picture: bytes) -> str:
        uploaded = await self.ask("POST", "/uploads", content=picture, headers={"Content-Type": "image/jpeg"})
        wish = {"image_url": uploaded.json()["url"], "prompt": prompt, "duration": "short", "resolution": "sd_480p", "aspect_ratio": "16:9"}
        return await self._submit("/videos/animate", wish, 1)

    async def _submit(self, path: str, wish: dict[str, Any], copies: int) -> str:
        headers = {"Idempotency-Key": uuid4().hex}
        answers = await asyncio.gather(*(self.ask("POST", path, json=wish, headers=headers) for _ in range(copies)))
        ids = {answer.json().get("job_id") for answer in answers}
        if len(ids) != 1 or None in ids:
            self._complain(f"one Idempotency-Key was answered {[answer.text[:200] for answer in answers]}")
        job: str = answers[0].json()["job_id"]
        self.jobs[wish["prompt"]] = job
        self.seen[job] = []
        return job

    async def cancel(self, job: str) -> int:
        return (await self.ask("DELETE", f"/videos/jobs/{job}")).status_code

    async def look(self, job: str) -> dict[str, Any]:
        body: dict[str, Any] = (await self.ask("GET", f"/videos/jobs/{job}/status")).json()
        shown = body.get("status", ""), body.get("progress") or 0.0
        before = self.seen[job][-1] if self.seen[job] else ("queued", 0.0)
        if RANKS.get(shown[0], -1) < RANKS[before[0]] or (RANKS[before[0]] == 3 and shown[0] != before[0]):
            self._complain(f"job {job} went back from {before[0]} to {shown[0]}")
        elif shown[1] < before[1] and "progress" in body:
            self._complain(f"job {job}'s progress fell from {before[1]} to {shown[1]}")
        else:
            self.seen[job].append(shown)
        return body

    async def until(self, job: str, *statuses: str) -> str:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (status := (await self.look(job))["status"]) not in statuses and RANKS[status] < 3:
                await asyncio.sleep(WATCH_SECONDS)
        return str(status)

    async def until_all_final(self) -> None:
        await asyncio.gather(*(self.until(job, "completed", "failed", "cancelled") for job in self.jobs.values()))
