"""`POST /videos/generate` and `POST /videos/animate`: a job, at once."""

import hashlib

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dustreel.base.vocabulary import Mode
from dustreel.http import answers, wire
from dustreel.http.asked import PersonNotFound
from dustreel.http.body import JSON_AT_MOST, JSON_SECONDS, parse_json, read_body
from dustreel.http.caller import Acting, caller_of, on_behalf, service
from dustreel.http.describe import described
from dustreel.http.idempotency import idempotency_key
from dustreel.http.requests import AnimateRequest, GenerateRequest, ReferencePerson, validate
from dustreel.jobs import Idempotency, Person, Wish

router = APIRouter(tags=["Make a video"])


@router.post("/videos/generate", **described("generate"))
async def generate(request: Request) -> Response:
    return await _submit(request, GenerateRequest)


@router.post("/videos/animate", **described("animate"))
async def animate(request: Request) -> Response:
    return await _submit(request, AnimateRequest)


async def _submit(request: Request, model: type[GenerateRequest | AnimateRequest]) -> Response:
    """In the design's order: size, caller, media type, JSON form, schema, ownership; the desk asks the rest."""
    raw = await read_body(request, at_most=JSON_AT_MOST, seconds=JSON_SECONDS)
    caller = await caller_of(request)
    body = validate(model, parse_json(request, raw))
    acting = on_behalf(request, caller, named=body.user_id)
    running = service(request)
    job = await running.desk.submit(
        _wish(body, acting), idempotency=_idempotency(request, raw), admit=lambda: running.limits.submit(acting.user_id, acting.mode)
    )
    return answers.json(wire.accepted(job), 202, {"Location": f"/videos/jobs/{job.job_id}/status"})


def _wish(body: GenerateRequest | AnimateRequest, acting: Acting) -> Wish:
    return Wish(
        user_id=acting.user_id,
        mode=acting.mode,
        prompt=body.prompt,
        duration=body.duration,
        resolution=body.resolution,
        aspect_ratio=body.aspect_ratio,
        camera_fixed=bool(body.camera_fixed),
        reference_person=_person(body.reference_person, acting) if isinstance(body, GenerateRequest) else None,
        image_url=body.image_url if isinstance(body, AnimateRequest) else None,
    )


def _idempotency(request: Request, raw: bytes) -> Idempotency | None:
    key = idempotency_key(request)
    return None if key is None else Idempotency(key, hashlib.sha256(request.scope["path"].encode() + b"\n" + raw).digest())


def _person(body: ReferencePerson | None, acting: Acting) -> Person | None:
    """Under test keys any UUID stands for a consenting stand-in; under live keys a person must have been recorded with their consent."""
    if body is None:
        return None
    if acting.mode is Mode.LIVE:
        raise PersonNotFound([("reference_person.person_id", "There is no such person among yours.")])
    return Person(body.person_id, body.relationship)
