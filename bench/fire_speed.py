"""`python -m bench.fire_speed`: what safety costs, side by side in one run.

Submit: the service on its schema, against the same service on the same schema without the triggers that only check. Waiting: what 5,000
jobs that wait for a provider add to a worker, in memory and in processor time.
"""

import asyncio
import statistics
import tempfile
import time
from contextlib import ExitStack
from itertools import batched
from pathlib import Path
from uuid import UUID, uuid4

import psutil
import psycopg
from psycopg import conninfo, sql

from bench import load
from bench.api_speed import SECONDS, USERS, prepare, unlimited, wishes_of
from bench.processes import running
from dustreel.base.db import Connection, Database
from dustreel.base.embedded import EmbeddedPostgres
from dustreel.base.vocabulary import AspectRatio, Duration, Dust, GenerationType, Mode, Resolution, Seconds
from dustreel.jobs import Deadlines, Draft, Terms, life, submissions
from tests.fakes.films import film
from tests.fakes.replicate import TOKEN, FakeReplicate

ROUNDS = 7
CHECKED, UNCHECKED = 8913, 8914
WAITING = 5_000
MEASURED_SECONDS = 20.0
# Until every job was looked at once, and the pauses between looks have grown.
SETTLING_SECONDS = 150.0
DEADLINES = Deadlines(queue=86_400, job=86_400, render=86_400, settle=86_400)

# `dust_entries_post` stays: it moves the balance. All others only refuse.
_WITHOUT_CHECKS = """
drop trigger jobs_move on jobs; drop trigger jobs_begin on jobs; drop trigger jobs_resolved on jobs; drop trigger jobs_stay on jobs;
drop trigger dust_entries_fit on dust_entries; drop trigger dust_entries_append_only on dust_entries;
drop trigger dust_accounts_follow on dust_accounts;
"""


async def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="dustreel-bench-"))
    postgres = EmbeddedPostgres(folder / "postgres")
    server = await postgres.start()
    try:
        await compare_submits(folder, server)
        await wait_for_many(folder, server)
    finally:
        await postgres.stop()


async def compare_submits(folder: Path, server: str) -> None:
    urls = {port: await _database(server, f"bench_{port}") for port in (CHECKED, UNCHECKED)}
    wishes = {port: wishes_of(await prepare(url)) for port, url in urls.items()}
    async with await psycopg.AsyncConnection.connect(urls[UNCHECKED], autocommit=True) as connection:
        await connection.execute(_WITHOUT_CHECKS)
    found: dict[int, list[float]] = {CHECKED: [], UNCHECKED: []}
    with ExitStack() as stack:
        for port, url in urls.items():
            stack.enter_context(running(["dustreel", "serve", "--no-worker"], unlimited(folder / str(port), url, port), port))
        for _ in range(ROUNDS):
            for port in (UNCHECKED, CHECKED):
                result = await load.run(port, wishes[port].__getitem__, connections=USERS, seconds=SECONDS, expect=202)
                assert not result.errors, f"{result.errors} answers were not 202"
                found[port].append(result.per_second)
    checked, unchecked = statistics.median(found[CHECKED]), statistics.median(found[UNCHECKED])
    print(f"submit: {checked:,.0f}/s with the database's checks, {unchecked:,.0f}/s without, ratio {checked / unchecked:.2f}")


async def wait_for_many(folder: Path, server: str) -> None:
    url = await _database(server, "bench_waiting")
    await prepare(url)
    upstream = FakeReplicate(film(854, 480, 5))
    upstream.render_seconds = 86_400.0
    async with upstream.running():
        settings = unlimited(folder / "waiting", url, 0) | {"DUSTREEL_PROVIDERS": "replicate", "REPLICATE_API_TOKEN": TOKEN}
        settings["REPLICATE_BASE_URL"] = upstream.base_url
        alone = await _measure(settings, settle=10.0)
        await _make_waiting(url, upstream)
        crowded = await _measure(settings, settle=SETTLING_SECONDS)
    print(
        f"{WAITING:,} waiting jobs add {crowded[0] - alone[0]:,.0f} MB to a worker ({alone[0]:,.0f} MB without) "
        f"and {100 * (crowded[1] - alone[1]):.1f} % of a core ({100 * alone[1]:.1f} % without); {upstream.count('look'):,} looks in all"
    )


async def _database(server: str, name: str) -> str:
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
        await connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return conninfo.make_conninfo(server, dbname=name)


async def _measure(settings: dict[str, str], *, settle: float) -> tuple[float, float]:
    """A worker's memory in MB, and its share of a core, once it has settled."""
    with running(["dustreel", "worker"], settings, None) as pid:
        await asyncio.sleep(settle)
        process = psutil.Process(pid)
        before, began = process.cpu_times(), time.monotonic()
        await asyncio.sleep(MEASURED_SECONDS)
        after, took = process.cpu_times(), time.monotonic() - began
        return process.memory_info().rss / 1e6, (after.user + after.system - before.user - before.system) / took


async def _make_waiting(url: str, upstream: FakeReplicate) -> None:
    """Jobs as they stand after a submit, each with its order at the provider."""
    db = Database(url)
    await db.open()
    terms = Terms(Dust(1_000_000), WAITING + 1, 86_400)
    user, worker = uuid4(), uuid4()
    drafts = [_draft(user) for _ in range(WAITING)]
    for some in batched(drafts, 50):
        async with db.transaction() as connection:
            for draft in some:
                await life.accept(connection, draft, terms)
        # A job begins queued, which is checked when the transaction ends.
        async with db.transaction() as connection:
            for draft in some:
                await _send(connection, draft.id, worker, upstream)
    await db.close()


async def _send(connection: Connection, job_id: UUID, worker: UUID, upstream: FakeReplicate) -> None:
    job = await life.start(connection, job_id, worker_id=worker, deadlines=DEADLINES)
    submission = uuid4()
    assert job.prompt is not None
    await submissions.intend(connection, job, submission, {"prompt": job.prompt}, lease=60.0, deadlines=DEADLINES)
    order = upstream.take(job.model, {"prompt": job.prompt})
    await submissions.accepted(connection, submission, order.id, after=1.0)


def _draft(user: UUID) -> Draft:
    return Draft(
        id=uuid4(),
        user_id=user,
        mode=Mode.LIVE,
        generation_type=GenerationType.TEXT_TO_VIDEO,
        prompt="A lighthouse",
        duration=Duration.SHORT,
        resolution=Resolution.SD_480P,
        aspect_ratio=AspectRatio.WIDE,
        camera_fixed=False,
        reference_person=None,
        source_image_url=None,
        picture_id=None,
        provider="replicate",
        model="minimax/video-01",
        lane="light",
        price=Dust(10),
        estimated_seconds=Seconds(240),
    )


if __name__ == "__main__":
    asyncio.run(main())
