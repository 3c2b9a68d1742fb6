"""What a request for a file says beyond its name: a part of it, a version that it has already, a name to save it under."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request

# RFC 9110, section 14.1.2.
_RANGE = re.compile(r"([0-9]+)-([0-9]*)|-([0-9]+)")


def disposition(request: Request, key: str) -> dict[str, str]:
    """`?download=NAME` saves under that name instead of showing (RFC 6266, RFC 8187)."""
    name = request.query_params.get("download")
    if name is None:
        return {}
    suffix = "." + key.rpartition(".")[2]
    plain = re.sub(r"[^A-Za-z0-9 ._-]", "_", name).strip(" .")[:100] or "video"
    plain += "" if plain.endswith(suffix) else suffix
    wanted = name.strip()[:100].encode(errors="replace").decode() or plain
    wanted += "" if wanted.endswith(suffix) else suffix
    return {"Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(wanted, safe='')}"}


def is_fresh(asked: Headers, have: Mapping[str, str]) -> bool:
    """Whether the caller already has it. If-None-Match wins over If-Modified-Since (RFC 9110, section 13.2.2)."""
    tags = asked.get("if-none-match")
    if tags is not None:
        return any(tag.strip().removeprefix("W/") in ("*", have["etag"]) for tag in tags.split(","))
    return asked.get("if-modified-since") == have["last-modified"]


def wants_parts(request: Request, have: Mapping[str, str]) -> bool:
    """Whether Range is heeded at all: for GET only, and not where If-Range names another version (RFC 9110, sections 13.1.5 and 14.2)."""
    version = request.headers.get("if-range")
    return request.method == "GET" and "range" in request.headers and version in (None, have["etag"], have["last-modified"])


def parts_of(header: str, size: int) -> list[tuple[int, int]] | None:
    """First and last byte of every part that is asked for and there; None where the header means nothing and is to be ignored."""
    unit, _, ranges = header.partition("=")
    asked = [part.strip(" \t") for part in ranges.split(",")]
    found = [_RANGE.fullmatch(part) for part in asked if part]
    if unit.strip().lower() != "bytes" or not found:
        return None
    parts: list[tuple[int, int]] = []
    for match in found:
        if match is None:
            return None
        first, last, suffix = match.groups()
        if suffix is not None:
            part = (max(0, size - _number(suffix)), size - 1)
        else:
            part = (_number(first), min(_number(last), size - 1) if last else size - 1)
            if last and _number(last) < _number(first):
                return None
        if part[0] < size:
            parts.append(part)
    return parts


def ask(request: Request, parts: list[tuple[int, int]] | None) -> None:
    """Put the Range as we understood it in place of what was sent: Starlette answers 400 or 416 where it understands another."""
    headers = [(name, value) for name, value in request.scope["headers"] if name != b"range"]
    if parts:
        headers.append((b"range", b"bytes=" + b",".join(b"%d-%d" % part for part in parts)))
    request.scope["headers"] = headers


def _number(digits: str) -> int:
    """What has more digits than any file has bytes is cut to that many: int() refuses thousands."""
    return int(digits.lstrip("0")[:20] or "0")
