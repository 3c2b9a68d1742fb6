"""The disk store's objects, as a browser wants them: ranges for seeking, validators, a year's caching, a name for saving."""

import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import anyio
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from dustreel.base.errors import DomainError
from dustreel.http.asked import NotFound, RangeNotSatisfiable
from dustreel.storage import is_key

type Problem = Callable[[Request, DomainError, Mapping[str, str] | None], Response]

# An object never changes under its key.
CACHE = "public, max-age=31536000, immutable"
TYPES = {"mp4": "video/mp4", "jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "vtt": "text/vtt; charset=utf-8"}

# RFC 9110, section 14.1.2.
_RANGE = re.compile(r"([0-9]+)-([0-9]*)|-([0-9]+)")


def media_route(root: Path, problem: Problem) -> Route:
    """Serves the objects below `root` at `/media/{key}`."""

    async def serve(request: Request) -> Response:
        key = request.path_params["key"]
        found = await anyio.to_thread.run_sync(_regular_file, root, key)
        if found is None:
            return problem(request, NotFound("There is no such file."), None)
        headers = {
            "ETag": f'"{Path(key).stem}"',
            "Cache-Control": CACHE,
            "X-Content-Type-Options": "nosniff",
            **_disposition(request, key),
        }
        response = FileResponse(root / key, headers=headers, media_type=TYPES.get(key.rpartition(".")[2]), stat_result=found)
        if _is_fresh(request.headers, response.headers):
            kept = {name: value for name, value in response.headers.items() if name not in ("content-length", "content-type")}
            return Response(status_code=304, headers=kept)
        parts = _parts(request.headers["range"], found.st_size) if _wants_parts(request, response.headers) else None
        if parts == []:
            return problem(request, RangeNotSatisfiable(), {"Content-Range": f"bytes */{found.st_size}"})
        _ask(request, parts)
        return response

    return Route("/media/{key:path}", serve, methods=["GET"], name="media")


def _regular_file(root: Path, key: str) -> os.stat_result | None:
    """Only what has the form of a key, and only a file itself: nothing that a link points to."""
    if not is_key(key):
        return None
    try:
        found = (root / key).lstat()
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _disposition(request: Request, key: str) -> dict[str, str]:
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


def _is_fresh(asked: Headers, have: Mapping[str, str]) -> bool:
    """Whether the caller already has it. If-None-Match wins over If-Modified-Since (RFC 9110, section 13.2.2)."""
    tags = asked.get("if-none-match")
    if tags is not None:
        return any(tag.strip().removeprefix("W/") in ("*", have["etag"]) for tag in tags.split(","))
    return asked.get("if-modified-since") == have["last-modified"]


def _wants_parts(request: Request, have: Mapping[str, str]) -> bool:
    """Whether Range is heeded at all: for GET only, and not where If-Range names another version (RFC 9110, sections 13.1.5 and 14.2)."""
    version = request.headers.get("if-range")
    return request.method == "GET" and "range" in request.headers and version in (None, have["etag"], have["last-modified"])


def _parts(header: str, size: int) -> list[tuple[int, int]] | None:
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


def _number(digits: str) -> int:
    """What has more digits than any file has bytes is cut to that many: int() refuses thousands."""
    return int(digits.lstrip("0")[:20] or "0")


def _ask(request: Request, parts: list[tuple[int, int]] | None) -> None:
    """Put the Range as we understood it in place of what was sent: Starlette answers 400 or 416 where it understands another."""
    headers = [(name, value) for name, value in request.scope["headers"] if name != b"range"]
    if parts:
        headers.append((b"range", b"bytes=" + b",".join(b"%d-%d" % part for part in parts)))
    request.scope["headers"] = headers
