"""`POST /hooks/{provider}/{submission_id}`: what providers tell us. Not for callers, so not in the documents."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dustreel.base.errors import Unavailable
from dustreel.base.ids import parse_uuid
from dustreel.base.log import logger
from dustreel.http.asked import Forbidden, NotFound
from dustreel.http.body import read_body
from dustreel.http.caller import service
from dustreel.jobs import submissions
from dustreel.providers import Hooked, NotAWebhook, Unclear

log = logger(__name__)
router = APIRouter()

# A prediction with its logs; outputs are addresses.
HOOK_AT_MOST = 1 << 20
HOOK_SECONDS = 5.0


@router.post("/hooks/{provider}/{submission_id}", include_in_schema=False)
async def hook(request: Request) -> Response:
    """Verified over the raw body and kept once. It only prompts a look: the provider's own answer decides."""
    raw = await read_body(request, at_most=HOOK_AT_MOST, seconds=HOOK_SECONDS)
    running = service(request)
    provider = running.registry.remote(request.path_params["provider"])
    submission_id = parse_uuid(request.path_params["submission_id"])
    if not isinstance(provider, Hooked) or provider is None or submission_id is None:
        raise NotFound
    try:
        notice = await provider.read_webhook({name.lower(): value for name, value in request.headers.items()}, raw)
    except NotAWebhook as wrong:
        log.warning("refused a webhook", provider=provider.name, reason=str(wrong))
        raise Forbidden("This webhook can't be verified.") from wrong
    except Unclear as unclear:
        raise Unavailable from unclear
    async with running.db.transaction() as db:
        await submissions.heard(db, submission_id, provider=provider.name, webhook_id=notice.webhook_id, upstream_id=notice.upstream_id)
    return Response(status_code=204)
