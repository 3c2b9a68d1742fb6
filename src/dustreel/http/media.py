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
_RANGES = re.compile(r"bytes=\s*(\d+-\d*|-\d+)(\s*,\s*(\d+-\d*|-\d+))*\s*", re.IGNORECASE)


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
        if not _ranges_make_sense(request.headers.get("range"), found.st_size):
            return problem(request, RangeNotSatisfiable(), {"Content-Range": f"bytes */{found.st_size}"})
        _drop_unreadable_range(request)
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


def _ranges_make_sense(header: str | None, size: int) -> bool:
    """False when a well-formed range begins outside the file."""
    if header is None or not _RANGES.fullmatch(header):
        return True
    starts = [part.strip().partition("-")[0] for part in header.partition("=")[2].split(",")]
    return all(not start or int(start) < size for start in starts) and not header.rstrip().endswith("=-0")


def _drop_unreadable_range(request: Request) -> None:
    """A Range that means nothing is ignored, as RFC 9110 asks; Starlette would answer 400."""
    header = request.headers.get("range")
    if header is None:
        return
    parts = [part.strip().partition("-") for part in header.partition("=")[2].split(",")]
    backwards = any(start.isdigit() and end.isdigit() and int(start) > int(end) for start, _, end in parts)
    if backwards or not _RANGES.fullmatch(header):
        request.scope["headers"] = [(name, value) for name, value in request.scope["headers"] if name != b"range"]
