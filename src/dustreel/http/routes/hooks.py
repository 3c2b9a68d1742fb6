"""`POST /hooks/{provider}/{submission_id}`: what providers tell us. Not for callers, so not in the documents."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dustreel.http.body import read_body
from dustreel.http.caller import service
from dustreel.jobs import hooks

router = APIRouter()

# A prediction with its logs; outputs are addresses.
HOOK_AT_MOST = 1 << 20
HOOK_SECONDS = 5.0
# The video itself may be inside, as base64.
VIDEO_AT_MOST = 64 << 20
VIDEO_SECONDS = 60.0


@router.post("/hooks/{provider}/{submission_id}", include_in_schema=False)
async def hook(request: Request) -> Response:
    running, where = service(request), request.path_params
    token = request.query_params.get("token", "")
    may_be_large = hooks.expect(running.registry, where["provider"], where["submission_id"], token)
    at_most, seconds = (VIDEO_AT_MOST, VIDEO_SECONDS) if may_be_large else (HOOK_AT_MOST, HOOK_SECONDS)
    raw = await read_body(request, at_most=at_most, seconds=seconds)
    headers = {name.lower(): value for name, value in request.headers.items()}
    await hooks.hear(
        running.db,
        running.registry,
        running.store,
        running.ids,
        where["provider"],
        where["submission_id"],
        token=token,
        headers=headers,
        body=raw,
    )
    return Response(status_code=204)
