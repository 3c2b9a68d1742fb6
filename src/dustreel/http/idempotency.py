"""The Idempotency-Key header: printable, at most 255 characters."""

import re

from starlette.requests import Request

from dustreel.http.asked import InvalidIdempotencyKey

_USABLE = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?")


def idempotency_key(request: Request) -> str | None:
    """None where there is none. Raises InvalidIdempotencyKey."""
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    if len(keys) > 1 or not _USABLE.fullmatch(keys[0]):
        raise InvalidIdempotencyKey
    return keys[0]
