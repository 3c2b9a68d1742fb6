"""`python -m bench.api_speed`: the API against the bare parts, side by side in one run; medians and ratios.

Status: polls of queued jobs over 64 connections, against a bare ASGI app that runs the same query. Submit: 16 users at once, against the
bare app that makes the same rows. Start: from the 202 to `processing`, on an idle worker.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import httpx

from bench import load
from bench.processes import running
from dustreel.base.db import Database
from dustreel.base.embedded import EmbeddedPostgres
from dustreel.base.ids import RandomIds, user_of
from dustreel.base.migrate import migrate
from dustreel.base.vocabulary import Mode
from dustreel.callers import make_key
from dustreel.queue import engine_schema

ROUNDS = 5
SECONDS = 3.0
POLLERS = 64
USERS = 16
OURS, BARE = 8911, 8912


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="dustreel-bench-"))
    asyncio.run(measure(folder))


async def measure(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder / "postgres")
    url = await postgres.start()
    try:
        keys = await prepare(url)
        with ours(folder, url, worker=False), bare(url):
            await status(keys)
            await submit(keys)
        with ours(folder, url, worker=True, fresh=True):
            await start(keys)
    finally:
        await postgres.stop()


async def prepare(url: str) -> list[tuple[UUID, str]]:
    db = Database(url)
    await db.open()
    await migrate(db, before=[engine_schema()])
    keys = []
    async with db.transaction() as connection:
        for number in range(USERS):
            user = user_of(f"bench-{number}")
            keys.append((user, (await make_key(connection, RandomIds(), user, mode=Mode.TEST))[1]))
    await db.close()
    return keys


async def status(keys: list[tuple[UUID, str]]) -> None:
    jobs = [await _job(keys[number % USERS]) for number in range(POLLERS)]
    headers = [{"Authorization": f"Bearer {keys[number % USERS][1]}"} for number in range(POLLERS)]
    polls = [load.request("GET", f"/videos/jobs/{job}/status", headers[number]) for number, job in enumerate(jobs)]
    await _compare("status", lambda number: polls[number], POLLERS, 200)


async def submit(keys: list[tuple[UUID, str]]) -> None:
    wishes = wishes_of(keys)
    await _compare("submit", lambda number: wishes[number], USERS, 202)


async def start(keys: list[tuple[UUID, str]]) -> None:
    """Milliseconds from the 202 to the first status that says `processing`."""
    user, key = keys[0]
    took = []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{OURS}", headers={"Authorization": f"Bearer {key}"}) as api:
        await _until(api, await _generate(api, user, "[sandbox:instant]"), "completed")
        for _ in range(15):
            job = await _generate(api, user, "A sailing boat at sunset")
            began = time.perf_counter()
            await _until(api, job, "processing")
            took.append(1000 * (time.perf_counter() - began))
            await api.delete(f"/videos/jobs/{job}")
            await asyncio.sleep(1.5)  # idle again: the next render process is ready
    print(f"accepted → render started: p50 {statistics.median(took):.1f} ms, worst {max(took):.1f} ms, of {len(took)}")


async def _compare(what: str, make: Callable[[int], bytes], connections: int, expect: int) -> None:
    found: dict[int, list[float]] = {OURS: [], BARE: []}
    for _ in range(ROUNDS):
        for port in (BARE, OURS):
            result = await load.run(port, make, connections=connections, seconds=SECONDS, expect=expect)
            assert not result.errors, f"{result.errors} answers were not {expect}"
            found[port].append(result.per_second)
    ours_median, bare_median = statistics.median(found[OURS]), statistics.median(found[BARE])
    print(f"{what}: {ours_median:,.0f}/s, bare {bare_median:,.0f}/s, ratio {ours_median / bare_median:.2f}")


async def _job(caller: tuple[UUID, str]) -> str:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{OURS}", headers={"Authorization": f"Bearer {caller[1]}"}) as api:
        return await _generate(api, caller[0], "A quiet lake")


async def _generate(api: httpx.AsyncClient, user: UUID, prompt: str) -> str:
    answer = await api.post("/videos/generate", json=_wish(user) | {"prompt": prompt})
    answer.raise_for_status()
    job: str = answer.json()["job_id"]
    return job


async def _until(api: httpx.AsyncClient, job: str, status: str) -> None:
    async with asyncio.timeout(30):
        while (await api.get(f"/videos/jobs/{job}/status")).json()["status"] != status:
            await asyncio.sleep(0.001)


def _wish(user: UUID) -> dict[str, object]:
    return {"user_id": str(user), "prompt": "A quiet lake", "duration": "short", "resolution": "hd_720p", "aspect_ratio": "16:9"}


@contextmanager
def ours(folder: Path, url: str, *, worker: bool, fresh: bool = False) -> Iterator[None]:
    if fresh:
        _empty_queue(url)
    with running(["dustreel", "serve", "--worker" if worker else "--no-worker"], unlimited(folder / "home", url, OURS), OURS):
        yield


@contextmanager
def bare(url: str) -> Iterator[None]:
    words = ["uvicorn", "bench.bare:app", "--port", str(BARE), "--log-level", "warning", "--lifespan", "off"]
    with running(words, {"DUSTREEL_DATABASE_URL": url}, BARE):
        yield


def unlimited(home: Path, url: str, port: int) -> dict[str, str]:
    """The settings of a service that refuses nobody."""
    return {
        "DUSTREEL_HOME": str(home),
        "DUSTREEL_DATABASE_URL": url,
        "DUSTREEL_PORT": str(port),
        "DUSTREEL_STARTING_DUST": "100000000",
        "DUSTREEL_MAX_ACTIVE_JOBS": "100000000",
        "DUSTREEL_RATE_LIMIT": "100000000/minute",
        "DUSTREEL_SUBMIT_LIMIT": "100000000/minute",
        "DUSTREEL_LOG_LEVEL": "WARNING",
    }


def wishes_of(keys: list[tuple[UUID, str]]) -> list[bytes]:
    """One submit for each user."""
    return [
        load.request("POST", "/videos/generate", {"Authorization": f"Bearer {key}"}, json.dumps(_wish(user)).encode()) for user, key in keys
    ]


def _empty_queue(url: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "with gone as (update jobs set status = 'cancelled', finished_at = now() where status = 'queued' returning id) "
            "select dust_release(id) from gone"
        )
        connection.execute("delete from oban_jobs")


if __name__ == "__main__":
    main()
