"""`POST /uploads`: a caller's own picture, raw or as a form, whose url then works as `image_url`."""

from collections.abc import AsyncGenerator

from fastapi import APIRouter
from python_multipart.exceptions import ParseError
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response

from dustreel.http import answers
from dustreel.http.asked import Invalid, MalformedRequest, PayloadTooLarge, UnsupportedMediaType
from dustreel.http.body import check_announced_size, read_body
from dustreel.http.caller import acting_user, service
from dustreel.http.describe import described

router = APIRouter(tags=["Pictures"])

UPLOAD_AT_MOST = 20 << 20
# What a form adds around the picture.
FORM_AT_MOST = UPLOAD_AT_MOST + (64 << 10)
UPLOAD_SECONDS = 120.0

_RAW_TYPES = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")


@router.post("/uploads", **described("upload"))
async def upload(request: Request) -> Response:
    check_announced_size(request, FORM_AT_MOST)
    acting = await acting_user(request)
    data = await _picture(request)
    running = service(request)
    picture = await running.album.upload(data, acting.user_id, acting.mode)
    return answers.json(
        {
            "url": running.links.url(picture.key),
            "width": picture.width,
            "height": picture.height,
            "content_type": picture.content_type,
        },
        201,
    )


async def _picture(request: Request) -> bytes:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type in _RAW_TYPES:
        return await read_body(request, at_most=UPLOAD_AT_MOST, seconds=UPLOAD_SECONDS)
    if media_type != "multipart/form-data":
        raise UnsupportedMediaType("Send a JPEG, PNG or WebP as it is, or as the field `file` of multipart/form-data.")
    return await _from_form(request, await read_body(request, at_most=FORM_AT_MOST, seconds=UPLOAD_SECONDS))


async def _from_form(request: Request, body: bytes) -> bytes:
    async def chunks() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(request.headers, chunks(), max_files=1, max_fields=8, max_part_size=64 << 10)
    # The body is in memory already: no part of it goes to a disk that may be full.
    parser.spool_max_size = FORM_AT_MOST
    try:
        form = await parser.parse()
    except (MultiPartException, ParseError, KeyError, UnicodeDecodeError) as wrong:
        raise MalformedRequest(f"The form can't be read: {str(getattr(wrong, 'message', wrong)).rstrip('.')}.") from None
    try:
        file = form.get("file")
        if file is None or isinstance(file, str):
            raise Invalid([("file", "is required, as a file")])
        data = await file.read()
        if len(data) > UPLOAD_AT_MOST:
            raise PayloadTooLarge(f"The picture is larger than {UPLOAD_AT_MOST >> 20} MiB.")
        return data
    finally:
        await form.close()
