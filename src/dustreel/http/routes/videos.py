"""Videos: list, look, favourite, delete; and what the processor behind has done."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dustreel import videos
from dustreel.base.ids import parse_uuid
from dustreel.base.vocabulary import GenerationType
from dustreel.http import answers, wire
from dustreel.http.asked import Invalid
from dustreel.http.body import JSON_AT_MOST, JSON_SECONDS, parse_json, read_body
from dustreel.http.caller import acting_user, service
from dustreel.http.describe import described
from dustreel.http.paths import VIDEO
from dustreel.http.query import PAGE, PAGE_DEFAULTS, one_of, read_query, truth
from dustreel.http.schemas import UserVideo
from dustreel.storage import Links
from dustreel.videos import VideoFilter, VideoNotFound

router = APIRouter(tags=["Videos"])

VIDEO_FIELDS = frozenset(UserVideo.model_fields)

_LIST = {**PAGE, "favorites_only": truth, "generation_type": one_of("all", *(kind.value for kind in GenerationType))}
_LIST_DEFAULTS = {**PAGE_DEFAULTS, "favorites_only": False, "generation_type": "all"}


@router.get("/videos/stats", **described("stats"))
async def stats(request: Request) -> Response:
    await acting_user(request)
    return answers.json(wire.statistics(await service(request).reads.statistics()))


@router.get("/videos/models", **described("models"))
async def models(request: Request) -> Response:
    acting = await acting_user(request)
    return answers.json(wire.models(service(request).registry.offers(acting.mode)))


@router.get("/videos", **described("list_videos"))
async def list_videos(request: Request) -> Response:
    acting = await acting_user(request)
    asked = read_query(request, _LIST, _LIST_DEFAULTS)
    kind = asked["generation_type"]
    only = VideoFilter(asked["favorites_only"], None if kind == "all" else GenerationType(kind))
    page = {"limit": asked["limit"], "offset": asked["offset"]}
    running = service(request)
    async with running.db.connection() as db:
        found, total = await videos.page(db, acting.user_id, acting.mode, only, **page)
    return answers.json(
        {
            "videos": [wire.video(video, running.links) for video in found],
            "pagination": wire.pagination(total=total, shown=len(found), **page),
        }
    )


@router.get(VIDEO, **described("get_video"))
async def get_video(request: Request) -> Response:
    acting = await acting_user(request)
    running = service(request)
    async with running.db.connection() as db:
        video = await videos.find(db, _video_id(request), acting.user_id, acting.mode)
    return answers.json({"video": wire.video(video, running.links)})


@router.put(VIDEO, **described("update_video"))
async def update_video(request: Request) -> Response:
    raw = await read_body(request, at_most=JSON_AT_MOST, seconds=JSON_SECONDS)
    acting = await acting_user(request)
    changes = _changes(parse_json(request, raw))
    running = service(request)
    async with running.db.transaction() as db:
        video = await videos.find(db, _video_id(request), acting.user_id, acting.mode)
        _check_unchanged(changes, wire.video(video, running.links), running.links)
        video = await videos.set_favorite(db, video.id, changes["is_favorited"])
    return answers.json({"video": wire.video(video, running.links)})


@router.delete(VIDEO, **described("delete_video"))
async def delete_video(request: Request) -> Response:
    acting = await acting_user(request)
    running = service(request)
    async with running.db.transaction() as db:
        video = await videos.find(db, _video_id(request), acting.user_id, acting.mode)
        keys = await videos.delete(db, video.id)
    return answers.json({"deleted_from_storage": await running.remove_objects(keys)})


def _video_id(request: Request) -> UUID:
    """An id that is no UUID names no video."""
    found = parse_uuid(request.path_params["video_id"])
    if found is None:
        raise VideoNotFound
    return found


def _changes(body: Any) -> dict[str, Any]:
    """A body that says what `is_favorited` is to be. Raises Invalid."""
    if not isinstance(body, dict):
        raise Invalid([("", "The body must be a JSON object.")])
    errors = [(name, "is not a field of a video; is_favorited is what can be changed") for name in body if name not in VIDEO_FIELDS]
    if "is_favorited" not in body:
        errors.append(("is_favorited", "is required"))
    elif not isinstance(body["is_favorited"], bool):
        errors.append(("is_favorited", "must be true or false"))
    if errors:
        raise Invalid(errors)
    return body


def _check_unchanged(changes: dict[str, Any], shown: dict[str, Any], links: Links) -> None:
    """The rest of a UserVideo may come along as it was read (read, modify, write); a changed field is refused. Raises Invalid."""
    changed = [name for name, value in changes.items() if name != "is_favorited" and _by_keys(value, links) != _by_keys(shown[name], links)]
    if changed:
        raise Invalid([(name, "can't be changed; is_favorited can") for name in changed])


def _by_keys(value: Any, links: Links) -> Any:
    """With each link of ours as the key behind it: a private one is signed afresh at every read, and means the same."""
    if isinstance(value, str):
        return links.key_of(value) or value
    if isinstance(value, list):
        return [_by_keys(part, links) for part in value]
    if isinstance(value, dict):
        return {name: _by_keys(part, links) for name, part in value.items()}
    return value
