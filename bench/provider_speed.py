"""`python -m bench.provider_speed`: a thousand videos at once from a provider that takes ten seconds for each, and how soon one is there.

Crowd: a thousand jobs wait, a worker starts, and all are to be done within 1.3 times what the bare parts take in the same run: a script
that orders, is told by webhook, downloads, checks and keeps a thousand videos with the same libraries, and has no database, no users and
no memory of what it did. Haste: the time from the provider's webhook to a result that a caller can read, one video after the other.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psutil
import psycopg
import uvicorn

from bench.processes import running
from dustreel.base.db import Database
from dustreel.base.embedded import EmbeddedPostgres
from dustreel.base.ids import RandomIds
from dustreel.base.migrate import migrate
from dustreel.base.tls import trusted
from dustreel.base.vocabulary import AspectRatio, Frame, Mode, Resolution
from dustreel.callers import make_key
from dustreel.media import Workbench, webvtt
from dustreel.queue import engine_schema
from dustreel.storage import DiskStore
from tests.e2e.served import free_port
from tests.fakes.films import film
from tests.fakes.replicate import TOKEN, FakeReplicate

CROWD = 1_000
RENDER_SECONDS = 10.0
HASTE = 100
PORT = 8915
SUBMITS_AT_ONCE = 16
# Enough that somebody always has something to check.
COLLECTED_AT_ONCE = 8
LOOK_SECONDS = 0.02


async def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="dustreel-bench-"))
    postgres = EmbeddedPostgres(folder / "postgres")
    url = await postgres.start()
    upstream = FakeReplicate(film(854, 480, 5))
    upstream.webhook_base = f"http://127.0.0.1:{PORT}"
    try:
        async with upstream.running():
            user, key = await _caller(url)
            settings = _settings(folder / "home", url, upstream)
            with running(["dustreel", "serve", "--no-worker"], settings, PORT):
                async with httpx.AsyncClient(
                    base_url=upstream.webhook_base, headers={"Authorization": f"Bearer {key}"}, timeout=30.0, verify=trusted()
                ) as api:
                    bare = await _bare(folder / "bare", upstream)
                    upstream.reset(upstream.video)
                    upstream.webhook_base = f"http://127.0.0.1:{PORT}"
                    await crowd(api, user, url, settings, upstream, bare)
                    await haste(api, user, settings, upstream)
    finally:
        await postgres.stop()


async def crowd(api: httpx.AsyncClient, user: UUID, url: str, settings: dict[str, str], upstream: FakeReplicate, bare: float) -> None:
    upstream.boot_seconds, upstream.render_seconds = 0.0, RENDER_SECONDS
    places = asyncio.Semaphore(SUBMITS_AT_ONCE)

    async def submit(number: int) -> None:
        async with places:
            await _generate(api, user, f"Film {number}")

    await asyncio.gather(*(submit(number) for number in range(CROWD)))
    began = time.monotonic()
    with running(["dustreel", "worker"], settings, None) as pid:
        async with _peak(pid) as peak:
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                while await _open(connection):
                    await asyncio.sleep(0.1)
            took = time.monotonic() - began
    print(
        f"{CROWD:,} at once: {took:.1f} s, the bare parts {bare:.1f} s, ratio {took / bare:.2f}; "
        f"{len(upstream.predictions):,} orders; worker's peak {peak[0]:,.0f} MB"
    )


async def haste(api: httpx.AsyncClient, user: UUID, settings: dict[str, str], upstream: FakeReplicate) -> None:
    upstream.render_seconds = 0.5
    with running(["dustreel", "worker"], settings, None):
        await _result(api, await _generate(api, user, "The first warms the room"))
        took = []
        for number in range(HASTE):
            prompt = f"Haste {number}"
            await _result(api, await _generate(api, user, prompt))
            (made,) = upstream.of_prompt(prompt)
            took.append(1000 * (time.time() - made.made_at - upstream.boot_seconds - upstream.render_seconds))
    took.sort()
    print(f"done → result readable, of {HASTE}: p50 {statistics.median(took):.0f} ms, p99 {took[int(0.99 * HASTE)]:.0f} ms")


async def _caller(url: str) -> tuple[UUID, str]:
    db, user = Database(url), uuid4()
    await db.open()
    await migrate(db, before=[engine_schema()])
    async with db.transaction() as connection:
        _, key = await make_key(connection, RandomIds(), user, mode=Mode.LIVE)
    await db.close()
    return user, key


def _settings(home: Path, url: str, upstream: FakeReplicate) -> dict[str, str]:
    home.mkdir()
    (home / "welcomed").touch()
    return {
        "DUSTREEL_HOME": str(home),
        "DUSTREEL_DATABASE_URL": url,
        "DUSTREEL_PORT": str(PORT),
        "DUSTREEL_PUBLIC_URL": "https://dustreel.test",
        "DUSTREEL_PROVIDERS": "replicate",
        "DUSTREEL_PROVIDER_RATES": "replicate=1000000/second",
        "REPLICATE_API_TOKEN": TOKEN,
        "REPLICATE_BASE_URL": upstream.base_url,
        "DUSTREEL_STARTING_DUST": "1000000",
        "DUSTREEL_MAX_ACTIVE_JOBS": str(2 * CROWD),
        "DUSTREEL_RATE_LIMIT": "1000000/second",
        "DUSTREEL_SUBMIT_LIMIT": "1000000/second",
        "DUSTREEL_LOG_LEVEL": "WARNING",
    }


async def _bare(folder: Path, upstream: FakeReplicate) -> float:
    """Seconds that a crowd takes where nothing is written down."""
    store, bench, told, port = DiskStore(folder / "store"), Workbench(), defaultdict[str, asyncio.Event](asyncio.Event), free_port()
    upstream.boot_seconds, upstream.render_seconds = 0.0, RENDER_SECONDS
    upstream.webhook_base = f"http://127.0.0.1:{port}"
    frame = Frame.of(Resolution.SD_480P, AspectRatio.WIDE)

    async def hear(scope: Any, receive: Any, send: Any) -> None:
        body = json.loads((await receive())["body"])
        if body["status"] == "succeeded":
            told[body["id"]].set()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    ordering, hands = asyncio.Semaphore(SUBMITS_AT_ONCE), asyncio.Semaphore(COLLECTED_AT_ONCE)

    async def one(api: httpx.AsyncClient, number: int) -> None:
        events = ["start", "completed"]
        wish = {"input": {"prompt": f"Film {number}"}, "webhook": f"https://dustreel.test/{number}", "webhook_events_filter": events}
        async with ordering:
            name = (await api.post("/models/minimax/video-01/predictions", json=wish)).json()["id"]
        await told[name].wait()
        async with hands:
            output, file = (await api.get(f"/predictions/{name}")).json()["output"], folder / f"{number}.mp4"
            file.write_bytes((await api.get(output)).content)
            await bench.adapt(file, folder / f"{number}.adapted.mp4", to=frame, seconds=5, max_upscale=1.5)
            seen = await bench.examine(file, expect=frame, seconds=5)
            await store.put_file(f"videos/{number:022}.mp4", file, "video/mp4")
            await store.put_bytes(f"thumbnails/{number:022}.jpg", seen.thumbnail, "image/jpeg")
            assert seen.preview is not None and seen.sprite is not None and seen.layout is not None
            await store.put_bytes(f"previews/{number:022}.mp4", seen.preview, "video/mp4")
            await store.put_bytes(f"sprites/{number:022}.jpg", seen.sprite, "image/jpeg")
            await store.put_bytes(f"sprites/{number:022}.vtt", webvtt(seen.layout, f"{number:022}.jpg", 5.0).encode(), "text/vtt")
            file.unlink()

    await bench.warm()
    server = uvicorn.Server(uvicorn.Config(hear, port=port, log_config=None, lifespan="off"))
    listening = asyncio.create_task(server.serve())
    async with httpx.AsyncClient(
        base_url=upstream.base_url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60.0, verify=trusted()
    ) as api:
        began = time.monotonic()
        await asyncio.gather(*(one(api, number) for number in range(CROWD)))
        took = time.monotonic() - began
    server.should_exit = True
    await listening
    await bench.close()
    return took


async def _generate(api: httpx.AsyncClient, user: UUID, prompt: str) -> str:
    wish = {"user_id": str(user), "prompt": prompt, "duration": "short", "resolution": "sd_480p", "aspect_ratio": "16:9"}
    answer = await api.post("/videos/generate", json=wish)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


async def _result(api: httpx.AsyncClient, job: str) -> None:
    while "video" not in (body := (await api.get(f"/videos/jobs/{job}/result")).json()):
        assert body.get("status") not in ("failed", "cancelled"), body
        await asyncio.sleep(LOOK_SECONDS)


async def _open(connection: psycopg.AsyncConnection) -> int:
    cursor = await connection.execute(
        "select count(*) filter (where finished_at is null), count(*) filter (where status = 'failed') from jobs"
    )
    row = await cursor.fetchone()
    assert row is not None and row[1] == 0, f"{row} failed"
    return int(row[0])


@asynccontextmanager
async def _peak(pid: int) -> AsyncIterator[list[float]]:
    """The most memory of a process, in MB; its helpers apart."""
    most = [0.0]

    async def watch() -> None:
        while True:
            most[0] = max(most[0], psutil.Process(pid).memory_info().rss / 1e6)
            await asyncio.sleep(0.2)

    watching = asyncio.create_task(watch())
    try:
        yield most
    finally:
        watching.cancel()


if __name__ == "__main__":
    asyncio.run(main())
