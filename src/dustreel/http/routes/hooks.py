"""`POST /hooks/{provider}/{submission_id}`: what providers tell us. Not for callers, so not in the documents."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dustreel.http.body import read_body
from dustreel.http.caller import service
from dustreel.jobs import hooks
from dustreel.providers import Telling

router = APIRouter()

# A prediction with its logs; outputs are addresses.
HOOK_AT_MOST = 1 << 20
HOOK_SECONDS = 5.0
# From a provider that can't be looked at: the video itself may be inside, as base64.
TELLING_AT_MOST = 64 << 20
TELLING_SECONDS = 60.0


@router.post("/hooks/{provider}/{submission_id}", include_in_schema=False)
async def hook(request: Request) -> Response:
    running, where = service(request), request.path_params
    tells = isinstance(running.registry.remote(where["provider"]), Telling)
    at_most, seconds = (TELLING_AT_MOST, TELLING_SECONDS) if tells else (HOOK_AT_MOST, HOOK_SECONDS)
    raw = await read_body(request, at_most=at_most, seconds=seconds)
    headers = {name.lower(): value for name, value in request.headers.items()}
    token = request.query_params.get("token", "")
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
