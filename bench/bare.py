"""The bare parts that the service is measured against: an ASGI app with psycopg and orjson, and nothing else.

`/status/ID` runs the one query that a status needs; `/submit` makes the rows that a submit makes, in the same schema.
"""

import os
from typing import Any
from uuid import UUID, uuid4

import orjson
from psycopg_pool import AsyncConnectionPool

from dustreel.jobs.views import SQL

_STATUS = SQL["by_ids"].replace(b"id = any(%(ids)s)", b"id = %(id)s")
_JOB = """
insert into jobs (id, user_id, mode, generation_type, prompt, duration, resolution, aspect_ratio, camera_fixed, provider, model, lane,
                  price, estimated_seconds, progress, deadline_at, queue_row)
values (%(id)s, %(user_id)s, 'test', 'text_to_video', %(prompt)s, 'short', 'hd_720p', '16:9', false, 'sandbox', 'animatic-1', 'heavy',
        10, 240, 0, now() + interval '1 day',
        queue_put('heavy', 'dustreel.errand', jsonb_build_object('job', %(id)s::uuid, 'attempt', 0), 0))
"""


_OPENED: list[AsyncConnectionPool] = []


async def pool() -> AsyncConnectionPool:
    if not _OPENED:
        url = os.environ["DUSTREEL_DATABASE_URL"]
        _OPENED.append(AsyncConnectionPool(url, min_size=2, max_size=20, open=False, kwargs={"autocommit": True}))
        await _OPENED[0].open()
    return _OPENED[0]


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    if scope["method"] == "POST":
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        await _answer(send, 202, await _submit(orjson.loads(body)))
    else:
        await _answer(send, 200, await _status(UUID(scope["path"].rsplit("/", 2)[-2])))


async def _status(job_id: UUID) -> dict[str, Any]:
    async with (await pool()).connection() as connection:
        row = await (await connection.execute(_STATUS, {"id": job_id})).fetchone()
    assert row is not None
    return {
        "success": True,
        "job_id": str(row[0]),
        "status": row[3],
        "progress": row[5],
        "generation_info": {"current_step": "Waiting in queue", "estimated_remaining_seconds": row[6]},
        "created_at": row[7].isoformat(),
        "updated_at": row[8].isoformat(),
    }


async def _submit(body: dict[str, Any]) -> dict[str, Any]:
    job_id = uuid4()
    async with (await pool()).connection() as connection, connection.transaction():
        await connection.execute("select * from dust_open(%s, 'test', 1000000)", (body["user_id"],))
        await connection.execute(_JOB, {"id": job_id, "user_id": body["user_id"], "prompt": body["prompt"]})
        await connection.execute("select dust_hold(%s, %s, 'test', 10)", (job_id, body["user_id"]))
    return {"success": True, "job_id": str(job_id), "status": "queued", "estimated_completion_seconds": 240, "message": "…"}


async def _answer(send: Any, status: int, body: dict[str, Any]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": orjson.dumps(body)})
