"""What must hold when the dust has settled, whatever died on the way."""

import asyncio
import contextlib
import hashlib
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import av
from psycopg.rows import dict_row

from dustreel.base.db import Connection
from dustreel.base.errors import Unavailable
from dustreel.jobs import audit
from dustreel.storage.disk import UNDER_WAY, DiskStore
from dustreel.worker import chores
from tests.chaos.front import Front
from tests.chaos.stage import Play

SETTLE_SECONDS = 60.0
LOOK_SECONDS = 0.05
# A video's columns that name its objects.
KEYS = ("video_key", "thumbnail_key", "preview_key", "sprite_key", "vtt_key")


async def settled(play: Play) -> None:
    """Every job has ended, and so has every order that a provider took. Raises TimeoutError."""
    open_rows = (
        "select (select count(*) from jobs where finished_at is null) + (select count(*) from submissions where wake_at is not null) as n"
    )
    async with asyncio.timeout(SETTLE_SECONDS):
        while True:
            with contextlib.suppress(Unavailable):  # while the database is the one that dies
                async with play.db.connection(wait=30.0) as connection:
                    ((still_open,),) = await (await connection.execute(open_rows.encode())).fetchall()
                if still_open == 0:
                    return
            await asyncio.sleep(LOOK_SECONDS)


async def still_open(play: Play) -> list[str]:
    """What has not ended, as its rows say."""
    job = "select j.id, status, step, j.attempt, worker_id, stumbles, deadline_at - now() as left, q.state as queue, q.attempted_by"
    async with play.db.connection(wait=30.0) as connection:
        jobs = await _rows(connection, f"{job} from jobs j left join oban_jobs q on q.id = j.queue_row where finished_at is null")
        waits = await _rows(connection, "select job_id, state, looks, wake_at - now() as wakes from submissions where wake_at is not null")
        workers = await _rows(connection, "select id, pid, now() - beaten_at as silent from workers")
    return [str({name: str(value) for name, value in row.items()}) for row in (*jobs, *waits, *workers)]


async def violations(play: Play, front: Front, *, start: int) -> list[str]:
    """Each broken promise, in words."""
    found = list(front.complaints)
    media, bucket = play.home / "media", play.bucket
    store = bucket or DiskStore(media)
    async with play.db.transaction(wait=30.0) as connection:
        await connection.execute("update removals set due_at = now()")
    await chores.remove_objects(store, play.db)
    if bucket is None:
        _age(media / UNDER_WAY)
        DiskStore(media)  # sweeps what killed processes left half-written, as every start does
    else:
        await bucket.sweep(older=None)
        async for stored in bucket.list_objects():
            await bucket.fetch(stored.key, media / stored.key)
    async with play.db.transaction() as connection:
        found += [f"audit: {finding.invariant}: {finding.detail}" async for finding in audit(connection) if not finding.holds]
    async with play.db.connection() as connection:
        jobs = await _rows(connection, "select * from jobs")
        videos = await _rows(connection, "select * from videos")
        pictures = await _rows(connection, "select key from pictures")
        lost = len(await _rows(connection, "select 1 as one from submissions where state = 'lost'"))
        money = await _rows(
            connection, "select coalesce(sum(wallet), 0)::int as wallet, coalesce(sum(held), 0)::int as held from dust_accounts"
        )
    found += _jobs(jobs, front)
    found += _charges(jobs, money[0], start)
    found += _orders(play, jobs, lost)
    found += await asyncio.to_thread(_objects, play, jobs, videos, pictures)
    return found


def _jobs(jobs: list[dict[str, Any]], front: Front) -> list[str]:
    found = [f"job {job['id']} is {job['status']}" for job in jobs if job["finished_at"] is None]
    known, told = {str(job["id"]) for job in jobs}, set(front.jobs.values())
    found += [f"job {job} was promised and is not there" for job in told - known]
    found += [f"job {job} is there and was promised to nobody" for job in known - told]
    return found


def _charges(jobs: list[dict[str, Any]], money: dict[str, Any], start: int) -> list[str]:
    if not jobs:
        return []
    due = sum(job["price"] for job in jobs if job["status"] == "completed")
    found = [f"{money['held']} DUST is still held"] if money["held"] else []
    if money["wallet"] != start - due:
        found.append(f"the wallet has {money['wallet']}, and should have {start} - {due}")
    return found


def _orders(play: Play, jobs: list[dict[str, Any]], lost: int) -> list[str]:
    """At most one order a job, and none still running for a job that has ended."""
    if not play.vendor.counts:
        return []
    sent = Counter(play.vendor.taken())
    found = [f"{prompt!r} was ordered {count} times" for prompt, count in sent.items() if count > 1]
    if play.vendor.lists or lost == 0:  # what can't be found can't be cancelled
        found += [f"the order {prompt!r} still runs" for prompt in play.vendor.still_running()]
    for job in jobs:
        if job["mode"] == "live" and job["status"] == "completed" and sent[job["prompt"]] != 1:
            found.append(f"job {job['id']} completed without an order")
    return found


def _objects(play: Play, jobs: list[dict[str, Any]], videos: list[dict[str, Any]], pictures: list[dict[str, Any]]) -> list[str]:
    media = play.home / "media"
    found = []
    completed = {job["id"] for job in jobs if job["status"] == "completed"}
    if {video["job_id"] for video in videos} != completed:
        found.append("completed jobs and videos do not match")
    for video in videos:
        file, keys = media / video["video_key"], _keys(video)
        if not all((media / key).is_file() for key in keys):
            found.append(f"video {video['id']} has no object")
        elif (len(keys) < len(KEYS)) != ("derivatives_failed" in video["metadata"]):
            found.append(f"video {video['id']} does not say what it goes without")
        elif len(keys) < len(KEYS) and not play.disk_was_full:
            found.append(f"video {video['id']} goes without a derivative")
        elif hashlib.sha256(file.read_bytes()).hexdigest() != video["metadata"]["sha256"]:
            found.append(f"video {video['id']} is not what was checked")
        elif not _plays(file):
            found.append(f"video {video['id']} does not play")
    named = {key for video in videos for key in _keys(video)} | {picture["key"] for picture in pictures}
    there = {str(file.relative_to(media)) for file in media.rglob("*") if file.is_file()}
    found += [f"stray object {key}" for key in sorted(there - named)]
    return found


def _keys(video: dict[str, Any]) -> list[str]:
    return [video[name] for name in KEYS if video[name] is not None]


def _plays(file: Path) -> bool:
    try:
        with av.open(str(file), format="mov") as container:
            return sum(1 for _ in container.decode(video=0)) > 0
    except av.FFmpegError:
        return False


def _age(folder: Path) -> None:
    long_ago = time.time() - 2 * 3_600
    for file in folder.iterdir():
        os.utime(file, (long_ago, long_ago))


async def _rows(connection: Connection, statement: str) -> list[dict[str, Any]]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(statement.encode())).fetchall()
