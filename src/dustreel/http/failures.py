"""The one table from errors to HTTP, and the one body that every error has.

The body is RFC 9457's `application/problem+json` with the contract's habit on top: `success: false` and `error`, the sentence.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response

from dustreel import callers, dust, jobs, media, providers, storage, videos
from dustreel.base import errors
from dustreel.base.errors import DomainError
from dustreel.http import asked
from dustreel.jobs import hooks

PROBLEM_JSON = "application/problem+json"

# What a URI's path may hold as it is (RFC 3986), and the percent sign of one that was never decoded.
_PATH = "/:@!$&'()*+,;=~%"


@dataclass(frozen=True, slots=True)
class Failure:
    status: int
    title: str


FAILURES: dict[type[DomainError], Failure] = {
    asked.MalformedJson: Failure(400, "The body is not JSON"),
    asked.MalformedRequest: Failure(400, "The request is malformed"),
    asked.InvalidIdempotencyKey: Failure(400, "The Idempotency-Key is not usable"),
    callers.Unauthenticated: Failure(401, "Who is calling?"),
    callers.InvalidToken: Failure(401, "The token is not valid"),
    callers.TokenExpired: Failure(401, "The token has expired"),
    callers.InvalidSignature: Failure(401, "The token's signature is wrong"),
    dust.InsufficientDust: Failure(402, "Not enough DUST"),
    asked.UserMismatch: Failure(403, "You may act for yourself only"),
    asked.Forbidden: Failure(403, "Not allowed"),
    errors.NotYours: Failure(403, "This belongs to somebody else"),
    storage.LinkInvalid: Failure(403, "The link is not signed"),
    storage.LinkExpired: Failure(403, "The link has expired"),
    hooks.Unverified: Failure(403, "This webhook is not its provider's"),
    asked.NotFound: Failure(404, "Not found"),
    hooks.NoSuchHook: Failure(404, "Not found"),
    jobs.JobNotFound: Failure(404, "No such job"),
    jobs.JobExpired: Failure(404, "Jobs are kept for 24 hours after completion"),
    videos.VideoNotFound: Failure(404, "No such video"),
    asked.MethodNotAllowed: Failure(405, "Method not allowed"),
    asked.RequestTimeout: Failure(408, "The request took too long to arrive"),
    jobs.JobNotCancellable: Failure(409, "The job has already ended"),
    asked.PayloadTooLarge: Failure(413, "The body is too large"),
    asked.UnsupportedMediaType: Failure(415, "Unsupported media type"),
    asked.RangeNotSatisfiable: Failure(416, "The range is outside the file"),
    asked.Invalid: Failure(422, "The request is not valid"),
    asked.InvalidUserId: Failure(422, "The user_id is not valid"),
    asked.InvalidPrompt: Failure(422, "The prompt is not valid"),
    asked.InvalidRelationship: Failure(422, "The relationship is not valid"),
    asked.PersonNotFound: Failure(422, "No such person"),
    media.InvalidImageUrl: Failure(422, "The image_url is not usable"),
    media.ImageUrlForbidden: Failure(422, "The image_url is not allowed"),
    media.ImageUnreachable: Failure(422, "The picture can't be fetched"),
    media.ImageUnsupported: Failure(422, "This is no picture that can be used"),
    media.ImageTooLarge: Failure(422, "The picture is too large"),
    providers.UnsupportedCombination: Failure(422, "Nobody can make this"),
    jobs.IdempotencyKeyReused: Failure(422, "The Idempotency-Key was used before"),
    dust.GrantKeyReused: Failure(422, "The Idempotency-Key was used before"),
    callers.RateLimited: Failure(429, "Too many requests"),
    jobs.TooManyActiveJobs: Failure(429, "Too many jobs at once"),
    asked.Internal: Failure(500, "Something went wrong here"),
    errors.Unavailable: Failure(503, "Not available for a moment"),
}


def problem(request: Request, error: DomainError, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that failed."""
    failure = FAILURES[type(error)]
    body: dict[str, object] = {
        "type": f"/docs/errors#{error.code}",
        "title": failure.title,
        "status": failure.status,
        "detail": error.detail,
        # Not request.url, which raises over a query that is no UTF-8: an answer to a failure must not fail.
        "instance": quote(request.scope["path"], safe=_PATH, errors="replace"),
        "success": False,
        "error": error.detail,
        "code": error.code,
        "request_id": request.state.request_id,
        **error.extra,
    }
    sent = dict(headers or {})
    if failure.status == 401:
        # RFC 6750, section 3.1, has one code for every token that is not good.
        sent["WWW-Authenticate"] = "Bearer" if isinstance(error, callers.Unauthenticated) else 'Bearer error="invalid_token"'
    # draft-ietf-httpapi-ratelimit-headers: the quota and its window in seconds or its unit, what is left of it, and when to look again.
    if isinstance(error, callers.RateLimited):
        sent["RateLimit-Policy"] = f'"default";q={error.quota};w={error.window}'
        sent["RateLimit"] = f'"default";r=0;t={error.retry_after}'
    elif isinstance(error, jobs.TooManyActiveJobs):
        sent["RateLimit-Policy"] = f'"active-jobs";q={error.quota};qu="concurrent-requests"'
        sent["RateLimit"] = f'"active-jobs";r=0;t={error.retry_after}'
    if error.retry_after is not None:
        sent["Retry-After"] = str(error.retry_after)
    return Response(_utf8(body), failure.status, sent, PROBLEM_JSON)


def _utf8(body: Mapping[str, object]) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:
        # A caller's JSON may name a field by half of a surrogate pair, which UTF-8 can't say.
        return json.dumps(body, ensure_ascii=False).encode(errors="replace")
