"""What `openapi.json` says of each operation: a summary, an example, and the errors it can answer with."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from dustreel.http import examples, requests, schemas
from dustreel.http.failures import FAILURES, PROBLEM_JSON
from dustreel.storage import LinkExpired, LinkInvalid

_CALLER = (400, 401, 403, 422, 429, 500, 503)
_BODY = (408, 413, 415)
# Whoever follows a link to a file may be told these; no route of the document is one.
_OF_FILES = (LinkExpired, LinkInvalid)

_PAGE_PARAMETERS: list[tuple[str, str, dict[str, Any]]] = [
    ("limit", "How many at most.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
    ("offset", "How many to skip.", {"type": "integer", "minimum": 0, "maximum": 1_000_000, "default": 0}),
]
_LIST_PARAMETERS: list[tuple[str, str, dict[str, Any]]] = [
    *_PAGE_PARAMETERS,
    ("favorites_only", "Favourites only.", {"type": "boolean", "default": False}),
    (
        "generation_type",
        "Of one kind only.",
        {"type": "string", "enum": ["all", "text_to_video", "image_to_video"], "default": "all"},
    ),
]


_RATE_HEADERS = {
    "RateLimit-Policy": 'What was reached: `"default";q=120;w=60` is requests in seconds, `"active-jobs";q=20` jobs at once.',
    "RateLimit": "What is left of it, and after how many seconds there may be more.",
}


@dataclass(frozen=True, slots=True)
class Operation:
    summary: str
    description: str
    answer: type[BaseModel] | tuple[type[BaseModel], ...]
    errors: tuple[int, ...]
    status: int = 200
    body: type[BaseModel] | None = None
    path: str | None = None
    """The name of a UUID in the path."""
    query: tuple[tuple[str, str, dict[str, Any]], ...] = ()
    idempotent: bool = False
    more_examples: tuple[str, ...] = ()
    public: bool = False


OPERATIONS: dict[str, Operation] = {
    "generate": Operation(
        "Generate a video from text",
        "Returns a job at once; poll its status. Costs 10 DUST, held now, charged when the job starts, given back if it fails.",
        schemas.AcceptedJob,
        (*_CALLER, *_BODY, 402),
        status=202,
        body=requests.GenerateRequest,
        idempotent=True,
    ),
    "animate": Operation(
        "Animate a picture",
        "Returns a job at once; poll its status. The picture is fetched, checked and copied before the answer. Costs 8 DUST.",
        schemas.AcceptedJob,
        (*_CALLER, *_BODY, 402),
        status=202,
        body=requests.AnimateRequest,
        idempotent=True,
    ),
    "status": Operation(
        "Check a job's status",
        "Poll every 5 to 10 seconds; `Retry-After` advises.",
        schemas.JobStatus,
        (*_CALLER, 404),
        path="job_id",
    ),
    "result": Operation(
        "Get a job's result",
        "The video when completed, the reason when failed or cancelled, a short word while under way: always 200.",
        (schemas.CompletedResult, schemas.UnderWayResult, schemas.UnmadeResult),
        (*_CALLER, 404),
        path="job_id",
        more_examples=("result_failed", "result_under_way", "result_cancelled"),
    ),
    "cancel": Operation(
        "Cancel a job",
        "Stops it and gives the DUST back. Cancelling twice is cancelling once.",
        schemas.CancelledJob,
        (*_CALLER, 404, 409),
        path="job_id",
    ),
    "active": Operation("Get active jobs", "The caller's queued, starting and processing jobs, oldest first.", schemas.ActiveJobs, _CALLER),
    "history": Operation(
        "List past and present jobs",
        "Every job of the caller's that has not expired, newest first.",
        schemas.JobHistory,
        _CALLER,
        query=tuple(_PAGE_PARAMETERS),
    ),
    "list_videos": Operation("List videos", "Newest first.", schemas.VideoPage, _CALLER, query=tuple(_LIST_PARAMETERS)),
    "get_video": Operation("Get a video", "One of the caller's videos.", schemas.OneVideo, (*_CALLER, 404), path="video_id"),
    "update_video": Operation(
        "Update a video",
        "Sets `is_favorited`. The rest of the video may come along unchanged.",
        schemas.OneVideo,
        (*_CALLER, *_BODY, 404),
        path="video_id",
        body=requests.UpdateVideoRequest,
    ),
    "delete_video": Operation(
        "Delete a video",
        "Removes the video and its files. `deleted_from_storage` is false when storage failed and the removal will be tried again.",
        schemas.DeletedVideo,
        (*_CALLER, 404),
        path="video_id",
    ),
    "stats": Operation("Get the background processor's statistics", "Of the whole service.", schemas.ProcessorStats, _CALLER),
    "models": Operation(
        "List the models",
        "What may be chosen for the caller, in order of preference. What comes out natively goes before what must be adapted.",
        schemas.Models,
        _CALLER,
    ),
    "me": Operation("Who am I?", "The user and mode of the key, and the DUST balance.", schemas.Me, _CALLER),
    "dust_entries": Operation("List DUST entries", "Newest first.", schemas.DustEntries, _CALLER, query=tuple(_PAGE_PARAMETERS)),
    "grant": Operation(
        "Grant DUST",
        "Admin keys only. With a `reference`, or else by its Idempotency-Key, it is given once.",
        schemas.Granted,
        (*_CALLER, *_BODY),
        status=200,
        body=requests.GrantRequest,
        idempotent=True,
    ),
    "upload": Operation(
        "Upload a picture",
        "JPEG, PNG, WebP or AVIF, raw or as multipart field `file`; at most 20 MiB and 50 megapixels. Turned upright and stripped of "
        "metadata. Kept for a day, or as long as a video that is made from it.",
        schemas.Upload,
        (*_CALLER, *_BODY),
        status=201,
    ),
    "healthz": Operation("Is the process alive?", "No credentials needed.", schemas.Health, (500,), public=True),
    "readyz": Operation("Can requests be served?", "No credentials needed.", schemas.Health, (500, 503), public=True),
}

MODELS = {
    model.__name__: model
    for operation in OPERATIONS.values()
    for model in (*(operation.answer if isinstance(operation.answer, tuple) else (operation.answer,)), operation.body, schemas.Problem)
    if model is not None
}


def described(name: str) -> dict[str, Any]:
    """Keyword arguments for a FastAPI route, which documents it and leaves parsing and answering to us."""
    operation = OPERATIONS[name]
    return {
        "operation_id": name,
        "summary": operation.summary,
        "description": operation.description,
        "status_code": operation.status,
        "response_model": None,
        "openapi_extra": {
            "responses": _responses(name, operation),
            "parameters": _parameters(operation),
            **_request_body(name, operation),
            **({"security": []} if operation.public else {}),
        },
    }


def _responses(name: str, operation: Operation) -> dict[str, Any]:
    answers = operation.answer if isinstance(operation.answer, tuple) else (operation.answer,)
    schema = _ref(answers[0]) if len(answers) == 1 else {"oneOf": [_ref(answer) for answer in answers]}
    shown = {key: {"value": examples.ANSWERS[key]} for key in (name, *operation.more_examples)}
    good: dict[str, Any] = {
        "description": "Accepted" if operation.status == 202 else "Created" if operation.status == 201 else "OK",
        "content": {"application/json": {"schema": schema, "examples": shown}},
    }
    if operation.status == 202:
        good["headers"] = {"Location": {"description": "The job's status.", "schema": {"type": "string"}}}
    return {str(operation.status): good} | {str(status): _failure(status) for status in sorted(set(operation.errors))}


def _failure(status: int) -> dict[str, Any]:
    failures = [(kind.code, failure) for kind, failure in FAILURES.items() if failure.status == status and kind not in _OF_FILES]
    codes = list(dict.fromkeys(code for code, _ in failures))
    answer: dict[str, Any] = {
        "description": ", ".join(f"`{code}`" for code in codes),
        "content": {PROBLEM_JSON: {"schema": _ref(schemas.Problem), "example": _problem_example(status, codes[0], failures[0][1].title)}},
    }
    if status == 401:
        answer["headers"] = {"WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}}}
    if status in (429, 500, 503):
        answer["headers"] = {"Retry-After": {"description": "Seconds until trying again makes sense.", "schema": {"type": "integer"}}}
    if status == 429:
        answer["headers"] |= {name: {"description": text, "schema": {"type": "string"}} for name, text in _RATE_HEADERS.items()}
    return answer


def _problem_example(status: int, code: str, title: str) -> dict[str, Any]:
    example: dict[str, Any] = {
        "type": f"/docs/errors#{code}",
        "title": title,
        "status": status,
        "detail": f"{title}.",
        "instance": "/videos/generate",
        "success": False,
        "error": f"{title}.",
        "code": code,
        "request_id": "01JD8K7WZ4T4V0Q5X3N9",
    }
    if status == 402:
        example |= {"balance": 4, "available": 4, "price": 10}
    return example


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if operation.path is not None:
        found.append({"name": operation.path, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}})
    found += [{"name": name, "in": "query", "description": text, "schema": schema} for name, text, schema in operation.query]
    if not operation.public:
        found.append(
            {
                "name": "X-User-Id",
                "in": "header",
                "description": "The user that a service key acts for, where the body has no user_id.",
                "schema": {"type": "string", "format": "uuid"},
            }
        )
    if operation.idempotent:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "A repeated request with the same key is answered as the first was, for 24 hours.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            }
        )
    return found


def _request_body(name: str, operation: Operation) -> dict[str, Any]:
    if name == "upload":
        picture = {"schema": {"type": "string", "format": "binary"}}
        form = {"schema": {"type": "object", "required": ["file"], "properties": {"file": picture["schema"]}}}
        kinds = ("image/jpeg", "image/png", "image/webp", "image/avif")
        content: dict[str, Any] = dict.fromkeys(kinds, picture) | {"multipart/form-data": form}
        return {"requestBody": {"required": True, "content": content}}
    if operation.body is None:
        return {}
    json = {"schema": _ref(operation.body), "example": examples.REQUESTS[name]}
    return {"requestBody": {"required": True, "content": {"application/json": json}}}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
