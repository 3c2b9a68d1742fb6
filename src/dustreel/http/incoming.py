"""A picture on its way in: from the connection to a file as it comes, raw or as the one file of a form, never whole in memory."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import IO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from dustreel.base.scratch import check_room
from dustreel.http.asked import Invalid, MalformedRequest, PayloadTooLarge, RequestTimeout, UnsupportedMediaType
from dustreel.http.body import check_announced_size

UPLOAD_AT_MOST = 20 << 20
# What a form adds around the picture.
FORM_AT_MOST = UPLOAD_AT_MOST + (64 << 10)
PARTS_AT_MOST = 9
# A phone that changes its network is silent for so long; what is silent longer has left.
STALLED_SECONDS = 20.0
# 20 MiB at 35 kB/s, which every line does that is called one.
UPLOAD_SECONDS = 600.0
# Written to disk in pieces of this size: each costs a walk to another thread.
PIECE = 256 << 10

_RAW_TYPES = ("image/jpeg", "image/png", "image/webp", "image/avif", "application/octet-stream")


async def receive(request: Request, into: Path) -> None:
    """Write the picture that was sent to a new file.

    Raises UnsupportedMediaType, PayloadTooLarge, RequestTimeout, MalformedRequest, Invalid, and OSError where the file can't be written.
    """
    said = request.headers.get("content-type", "")
    media_type = said.partition(";")[0].strip().lower()
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the picture without a Content-Encoding.")
    if media_type in _RAW_TYPES:
        at_most = UPLOAD_AT_MOST
    elif media_type == "multipart/form-data":
        at_most = FORM_AT_MOST
    else:
        raise UnsupportedMediaType("Send a JPEG, PNG, WebP or AVIF as it is, or as the field `file` of multipart/form-data.")
    check_announced_size(request, at_most)
    with await asyncio.to_thread(into.open, "xb") as file:
        picture = _Picture(file, into.parent)
        form = _Form(said, picture) if at_most == FORM_AT_MOST else None
        await _read(request, at_most, picture, form.add if form else picture.add)
        if form is not None:
            form.check()
        await picture.write_down()


async def _read(request: Request, at_most: int, picture: "_Picture", add: Callable[[bytes], None]) -> None:
    """Every piece as it comes. Whoever keeps sending has minutes; whoever stops has seconds."""
    clock = asyncio.get_running_loop().time
    size, end = 0, clock() + UPLOAD_SECONDS
    try:
        async with asyncio.timeout(STALLED_SECONDS) as patience:
            async for piece in request.stream():
                patience.reschedule(min(clock() + STALLED_SECONDS, end))
                size += len(piece)
                if size > at_most:
                    raise _too_large()
                add(piece)
                if picture.has_much:
                    await picture.write_down()
    except TimeoutError:
        stalled = "stopped" if clock() < end else f"did not arrive within {UPLOAD_SECONDS / 60:.0f} minutes"
        raise RequestTimeout(f"The picture {stalled} on its way.") from None
    except ClientDisconnect:
        raise MalformedRequest("The connection ended before the body did.") from None


class _Picture:
    """What has come of the picture, the last of it still in memory."""

    def __init__(self, file: IO[bytes], folder: Path) -> None:
        self._file, self._folder = file, folder
        self._size, self._waiting = 0, bytearray()

    @property
    def has_much(self) -> bool:
        return len(self._waiting) >= PIECE

    def add(self, data: bytes) -> None:
        """Raises PayloadTooLarge at the first byte too many."""
        self._size += len(data)
        if self._size > UPLOAD_AT_MOST:
            raise _too_large()
        self._waiting += data

    async def write_down(self) -> None:
        data, self._waiting = self._waiting, bytearray()

        def write() -> None:
            check_room(self._folder)
            self._file.write(data)

        await asyncio.to_thread(write)


class _Form:
    """Reads a form as it comes. Its one file goes to the picture; other fields are passed over."""

    def __init__(self, content_type: str, picture: _Picture) -> None:
        """Raises MalformedRequest."""
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise MalformedRequest("The form can't be read: its Content-Type names no boundary.")
        self._picture = picture
        self._parts = self._files = 0
        self._name, self._value, self._disposition = b"", b"", b""
        self._is_picture = self._has_picture = self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._in_name,
                    "on_header_value": self._in_value,
                    "on_header_end": self._header,
                    "on_headers_finished": self._headers,
                    "on_part_data": self._data,
                    "on_end": self._end,
                },
            )
        except FormParserError as wrong:
            raise _unreadable(wrong) from None

    def add(self, data: bytes) -> None:
        """Raises MalformedRequest, PayloadTooLarge."""
        try:
            self._parser.write(data)
        except FormParserError as wrong:
            raise _unreadable(wrong) from None

    def check(self) -> None:
        """All of it has come. Raises Invalid, MalformedRequest."""
        if not self._has_picture:
            raise Invalid([("file", "is required, as a file")])
        if not self._ended:
            raise MalformedRequest("The form can't be read: it ends before its last boundary.")

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > PARTS_AT_MOST:
            raise MalformedRequest("The form can't be read: it has too many fields.")
        self._disposition, self._is_picture = b"", False

    def _in_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _in_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name = self._value = b""

    def _headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise MalformedRequest("The form can't be read: a field of it has no name.")
        if b"filename" not in options:
            return
        self._files += 1
        if self._files > 1:
            raise MalformedRequest("The form can't be read: it has more than one file.")
        self._is_picture = options[b"name"] == b"file"
        self._has_picture = self._has_picture or self._is_picture

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_picture:
            self._picture.add(data[start:end])

    def _end(self) -> None:
        self._ended = True


def _unreadable(wrong: FormParserError) -> MalformedRequest:
    return MalformedRequest(f"The form can't be read: {str(wrong).rstrip('.')[:200]}.")


def _too_large() -> PayloadTooLarge:
    return PayloadTooLarge(f"The picture is larger than {UPLOAD_AT_MOST >> 20} MiB.")
