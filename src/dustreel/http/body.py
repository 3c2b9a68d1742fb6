"""Reading a request's body: how much, how long, of what type, and whether it is the JSON that it says.

Stricter than the usual parser: a key given twice, NaN, or bytes that are not UTF-8 are errors, because two readers would read them
differently.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request

from dustreel.http.asked import MalformedJson, MalformedRequest, PayloadTooLarge, RequestTimeout, UnsupportedMediaType

JSON_AT_MOST = 256 << 10
# A phone on a bad line sends 256 KiB in this time; what is slower holds a connection for its own sake.
JSON_SECONDS = 10.0


def check_announced_size(request: Request, at_most: int) -> None:
    """Refuse a body that says it is too large before a byte of it is read. Raises PayloadTooLarge, MalformedRequest."""
    announced = request.headers.get("content-length")
    if announced is None:
        return
    # Thousands of zeros are digits too, and more than int() takes.
    if not (announced.isascii() and announced.isdigit()) or len(announced) > 20:
        raise MalformedRequest("The Content-Length is not a number.")
    if int(announced) > at_most:
        raise PayloadTooLarge(f"The body is larger than {at_most >> 10:,} KiB.")


async def read_body(request: Request, *, at_most: int, seconds: float) -> bytes:
    """All of the body. Raises PayloadTooLarge, RequestTimeout, MalformedRequest."""
    check_announced_size(request, at_most)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > at_most:
                    raise PayloadTooLarge(f"The body is larger than {at_most >> 10:,} KiB.")
    except TimeoutError:
        raise RequestTimeout(f"The body did not arrive within {seconds:.0f} seconds.") from None
    except ClientDisconnect:
        raise MalformedRequest("The connection ended before the body did.") from None
    return bytes(body)


def parse_json(request: Request, body: bytes) -> Any:
    """The JSON value. Raises UnsupportedMediaType, MalformedJson."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType(f"Send the body as application/json, not {media_type or 'without a Content-Type'}.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body without a Content-Encoding.")
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
    except UnicodeDecodeError as wrong:
        raise MalformedJson(f"The body is not UTF-8: byte {wrong.start} is wrong.") from None
    except json.JSONDecodeError as wrong:
        raise MalformedJson(f"The body is not valid JSON: {wrong.msg} at line {wrong.lineno}, column {wrong.colno}.") from None
    except RecursionError:
        raise MalformedJson("The body is nested too deeply.") from None
    except ValueError:
        raise MalformedJson("The body holds a number that is too long.") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise MalformedJson(f"The body has the key {key[:80]!r} twice.")
        found[key] = value
    return found


def _refuse_constant(name: str) -> Callable[[], None]:
    raise MalformedJson(f"{name} is not JSON.")
