"""Jobs: status, result, cancel, the active ones, the history."""

from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dustreel import jobs, videos
from dustreel.base.ids import parse_uuid
from dustreel.http import answers, wire
from dustreel.http.caller import acting_user, service
from dustreel.http.describe import described
from dustreel.http.paths import JOB
from dustreel.http.query import PAGE, PAGE_DEFAULTS, read_query
from dustreel.jobs import FINAL, JobNotFound, Status

router = APIRouter(tags=["Jobs"])

# The contract recommends polling every 5 to 10 seconds.
POLL_AGAIN_SECONDS = "5"


@router.get(JOB + "/status", **described("status"))
async def status(request: Request) -> Response:
    acting = await acting_user(request)
    glance = await service(request).reads.glance(_job_id(request), acting.user_id, acting.mode)
    return answers.json(wire.status(glance), headers=None if glance.status in FINAL else {"Retry-After": POLL_AGAIN_SECONDS})


@router.get("/videos/jobs/active", **described("active"))
async def active(request: Request) -> Response:
    acting = await acting_user(request)
    return answers.json(wire.active(await service(request).reads.active(acting.user_id, acting.mode)))


@router.get("/videos/jobs", **described("history"))
async def history(request: Request) -> Response:
    acting = await acting_user(request)
    page = read_query(request, PAGE, PAGE_DEFAULTS)
    async with service(request).db.connection() as db:
        found, total = await jobs.history(db, acting.user_id, acting.mode, **page)
    return answers.json(
        {"jobs": [wire.history_entry(job) for job in found], "pagination": wire.pagination(total=total, shown=len(found), **page)}
    )


@router.get(JOB + "/result", **described("result"))
async def result(request: Request) -> Response:
    acting = await acting_user(request)
    running = service(request)
    async with running.db.connection() as db:
        job = await jobs.find(db, _job_id(request), acting.user_id, acting.mode)
        if job.status is Status.COMPLETED:
            video = await videos.by_job(db, job.id, acting.user_id, acting.mode)
            return answers.json(wire.completed(video, running.links))
    return answers.json(wire.not_completed(job), headers=None if job.is_final else {"Retry-After": POLL_AGAIN_SECONDS})


@router.delete(JOB, **described("cancel"))
async def cancel(request: Request) -> Response:
    acting = await acting_user(request)
    running = service(request)
    async with running.db.transaction() as db:
        job = await jobs.find(db, _job_id(request), acting.user_id, acting.mode)
        await jobs.life.cancel(db, job, refund_charge=running.settings.refund_cancelled)
    return answers.json(wire.cancelled(job))


def _job_id(request: Request) -> UUID:
    """An id that is no UUID names no job."""
    found = parse_uuid(request.path_params["job_id"])
    if found is None:
        raise JobNotFound
    return found
