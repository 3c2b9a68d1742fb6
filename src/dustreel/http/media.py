"""Objects as a browser wants them: ranges for seeking, validators, a year's caching, a name for saving. From a disk, or handed through."""

import errno
import os
import re
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import format_datetime
from functools import partial
from pathlib import Path

import anyio
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from dustreel.base.errors import DomainError, Unavailable
from dustreel.base.log import logger
from dustreel.http.asked import NotFound, RangeNotSatisfiable
from dustreel.http.ranges import ask, disposition, is_fresh, parts_of, wants_parts
from dustreel.storage import PRIVATE_CACHE, PUBLIC_CACHE, Links, ObjectStore, RemoteStore, SignedMedia, content_type, is_key

log = logger(__name__)

# A cue a second of the longest film is two kilobytes.
WEBVTT_AT_MOST = 1 << 20
_SPRITE = re.compile(r"^([\w-]+\.jpg)(?=#xywh=)", re.MULTILINE)

type Problem = Callable[[Request, DomainError, Mapping[str, str] | None], Response]


@dataclass(frozen=True, slots=True)
class Private:
    """What it takes to serve signed links only."""

    signed: SignedMedia
    links: Links
    store: ObjectStore


def media_route(source: Path | RemoteStore, problem: Problem, private: Private | None = None) -> Route:
    """Serves objects at `/media/{key}`: the files below a folder, or what a store on a network holds. With `private`: signed links only."""
    answer = partial(_from_disk, source) if isinstance(source, Path) else partial(_from_afar, source)

    async def serve(request: Request) -> Response:
        key = request.path_params["key"]
        try:
            if private is not None:
                private.signed.check(key, request.query_params.get("expires"), request.query_params.get("signature"))
            if not is_key(key):
                raise NotFound("There is no such file.")
            if private is not None and key.endswith(".vtt"):
                return await _with_signed_sprite(private, key)
            return await answer(request, key, PUBLIC_CACHE if private is None else PRIVATE_CACHE)
        except _OutsideTheFile as outside:
            return problem(request, RangeNotSatisfiable(), {"Content-Range": f"bytes */{outside.size}"})
        except DomainError as refused:
            return problem(request, refused, None)

    return Route("/media/{key:path}", serve, methods=["GET"], name="media")


async def _with_signed_sprite(private: Private, key: str) -> Response:
    """The WebVTT with the sprite's own link in each cue, which stands there as a name beside it."""
    with _told(key):
        text = (await private.store.read(key, at_most=WEBVTT_AT_MOST)).decode()
    folder = key.rpartition("/")[0]
    signed = _SPRITE.sub(lambda found: private.links.url(f"{folder}/{found[1]}"), text)
    return Response(signed, media_type=content_type(key), headers={"Cache-Control": PRIVATE_CACHE, "X-Content-Type-Options": "nosniff"})


class _OutsideTheFile(Exception):
    def __init__(self, size: int) -> None:
        self.size = size


async def _from_disk(root: Path, request: Request, key: str, cache: str) -> Response:
    found = await anyio.to_thread.run_sync(_regular_file, root / key)
    headers = _headers(request, key, cache)
    response = FileResponse(root / key, headers=headers, media_type=content_type(key), stat_result=found)
    if is_fresh(request.headers, response.headers):
        return _not_modified(response.headers)
    ask(request, _parts(request, response.headers, found.st_size))
    return response


async def _from_afar(store: RemoteStore, request: Request, key: str, cache: str) -> Response:
    """No more of it in memory than a chunk: the store is read as fast as the caller takes it. Of several ranges the whole is sent."""
    with _told(key):
        found = await store.head(key)
    if found is None:
        raise NotFound("There is no such file.")
    headers = _headers(request, key, cache) | {
        "Last-Modified": format_datetime(found.modified, usegmt=True),
        "Accept-Ranges": "bytes",
        "Content-Type": content_type(key),
        "Content-Length": str(found.size),
    }
    lower = {name.lower(): value for name, value in headers.items()}
    if is_fresh(request.headers, lower):
        return _not_modified(lower)
    parts = _parts(request, lower, found.size)
    if request.method == "HEAD" or found.size == 0:
        return Response(headers=headers)
    if parts is None or len(parts) != 1:
        return StreamingResponse(await _begun(store, key, 0, found.size - 1), headers=headers)
    first, last = parts[0]
    headers |= {"Content-Range": f"bytes {first}-{last}/{found.size}", "Content-Length": str(last - first + 1)}
    return StreamingResponse(await _begun(store, key, first, last), 206, headers)


async def _begun(store: RemoteStore, key: str, first: int, last: int) -> AsyncIterator[bytes]:
    """The bytes, once the first of them are there: after the headers nothing but a cut connection could tell of a failure."""
    chunks = store.open_range(key, first, last)
    with _told(key):
        beginning = await anext(chunks, b"")

    async def all_of_it() -> AsyncIterator[bytes]:
        yield beginning
        async for chunk in chunks:
            yield chunk

    return all_of_it()


@contextmanager
def _told(key: str) -> Iterator[None]:
    """What a store says, in the API's words. Raises NotFound, Unavailable."""
    try:
        yield
    except FileNotFoundError:
        raise NotFound("There is no such file.") from None
    except OSError as failed:
        log.error("the storage can't be read", key=key, error=str(failed))
        raise Unavailable("The storage can't be read for the moment. Try again shortly.") from failed


def _regular_file(file: Path) -> os.stat_result:
    """Only a file itself: nothing that a link points to. Raises NotFound."""
    try:
        found = file.lstat()
    except OSError as failed:
        if failed.errno not in (errno.ENOENT, errno.ENOTDIR):
            log.error("the storage can't be read", file=str(file), error=str(failed))
        raise NotFound("There is no such file.") from None
    if not stat.S_ISREG(found.st_mode):
        raise NotFound("There is no such file.")
    return found


def _headers(request: Request, key: str, cache: str) -> dict[str, str]:
    return {
        "ETag": f'"{Path(key).stem}"',
        "Cache-Control": cache,
        "X-Content-Type-Options": "nosniff",
        **disposition(request, key),
    }


def _not_modified(headers: Mapping[str, str]) -> Response:
    kept = {name: value for name, value in headers.items() if name not in ("content-length", "content-type")}
    return Response(status_code=304, headers=kept)


def _parts(request: Request, have: Mapping[str, str], size: int) -> list[tuple[int, int]] | None:
    """What is asked for of it; None for the whole. Raises _OutsideTheFile."""
    parts = parts_of(request.headers["range"], size) if wants_parts(request, have) else None
    if parts == []:
        raise _OutsideTheFile(size)
    return parts
