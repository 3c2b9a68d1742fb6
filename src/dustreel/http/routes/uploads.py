"""`POST /uploads`: a caller's own picture, raw or as a form, whose url then works as `image_url`."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dustreel.http import answers
from dustreel.http.body import check_announced_size
from dustreel.http.caller import acting_user, service
from dustreel.http.describe import described
from dustreel.http.incoming import FORM_AT_MOST, receive

router = APIRouter(tags=["Pictures"])


@router.post("/uploads", **described("upload"))
async def upload(request: Request) -> Response:
    check_announced_size(request, FORM_AT_MOST)
    acting = await acting_user(request)
    running = service(request)
    async with running.album.tray() as tray:
        sent = tray / "sent"
        await receive(request, sent)
        picture = await running.album.upload(sent, acting.user_id, acting.mode)
    return answers.json(
        {
            "url": running.links.url(picture.key),
            "width": picture.width,
            "height": picture.height,
            "content_type": picture.content_type,
        },
        201,
    )
