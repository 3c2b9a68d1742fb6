"""The API, put together: routes, error handlers, CORS, the documentation."""

from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from prometheus_client import CollectorRegistry
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

import dustreel
from dustreel.base.errors import DomainError
from dustreel.base.settings import split
from dustreel.http.asked import MalformedRequest, MethodNotAllowed, NotFound, RangeNotSatisfiable
from dustreel.http.describe import MODELS
from dustreel.http.envelope import Counts, Envelope
from dustreel.http.failures import problem
from dustreel.http.hot import HotReads
from dustreel.http.media import Private, media_route
from dustreel.http.routes import account, docs, health, hooks, jobs, submit, uploads, videos
from dustreel.wiring import Service

DESCRIPTION = """Asynchronous video generation: post a prompt or a picture, get a job id at once, poll its status, fetch the video.

Authenticate with `Authorization: Bearer dr_test_…` (or a JSON Web Token). Test keys render in the sandbox and spend test DUST."""

# A browser may read these of an answer from another origin.
EXPOSED = [
    "Location",
    "Retry-After",
    "RateLimit",
    "RateLimit-Policy",
    "ETag",
    "X-Request-Id",
    "Content-Range",
    "Accept-Ranges",
]
ACCEPTED = ["Authorization", "Content-Type", "Idempotency-Key", "Prefer", "X-User-Id", "Last-Event-ID", "If-None-Match", "Range"]


def build_app(service: Service) -> ASGIApp:
    """The whole application: counted and numbered, the hot reads first, the rest behind CORS."""
    api = build_api(service)
    origins = list(split(service.settings.cors_origins))
    cors = partial(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"],
        allow_headers=ACCEPTED,
        expose_headers=EXPOSED,
        max_age=86_400,
    )
    to_any = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": ", ".join(EXPOSED)}
    hot = HotReads(cors(api), api, status=jobs.status, active=jobs.active, cors=to_any if origins == ["*"] else None)
    return Envelope(hot, Counts(api.state.metrics), service.stopping, cors)


def build_api(service: Service | None) -> FastAPI:
    """Routes and error handlers. Without a service it can only describe itself."""
    api = FastAPI(
        title="Dustreel",
        version=dustreel.__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    api.state.service, api.state.metrics = service, CollectorRegistry()
    api.add_exception_handler(DomainError, _tell)
    api.add_exception_handler(HTTPException, _tell_http)
    api.add_exception_handler(Exception, _tell_nothing)
    for resource in (submit, jobs, videos, account, uploads, health, docs, hooks):
        # Not include_router, which hides its routes from `_allowed`.
        api.router.routes.extend(resource.router.routes)
    api.mount("/docs/assets", docs.ASSETS)
    if service is not None:
        signed = service.signed_media
        private = None if signed is None else Private(signed, service.links, service.store)
        api.router.routes.append(media_route(service.media, problem, private))
    api.openapi = lambda: _openapi(api)  # type: ignore[method-assign]
    return api


async def _tell(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    return problem(request, error)


async def _tell_http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: no such route, no such method, a body it can't read."""
    assert isinstance(error, HTTPException)
    kinds: dict[int, type[DomainError]] = {404: NotFound, 405: MethodNotAllowed, 416: RangeNotSatisfiable}
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers
    return problem(request, kinds.get(error.status_code, MalformedRequest)(), headers)


async def _tell_nothing(request: Request, error: Exception) -> Response:
    """Where our own code broke. The framework raises the error again whatever is said here, and the envelope answers it."""
    return _Nothing()


class _Nothing(Response):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pass


def _allowed(request: Request) -> str:
    """Every method of the address: the framework names those of its first route only."""
    found: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return ", ".join(sorted(found))


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes, tags=_TAGS)
        _, schemas = models_json_schema([(model, "validation") for model in MODELS.values()], ref_template="#/components/schemas/{model}")
        document["components"] = {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key (`dr_live_…`, `dr_test_…`) or a JSON Web Token.",
                }
            },
        }
        document["security"] = [{"bearer": []}]
        document["servers"] = [{"url": "/"}]
        app.openapi_schema = document
    return app.openapi_schema


_TAGS = [
    {"name": "Make a video", "description": "Submit a job. Always answered at once."},
    {"name": "Jobs", "description": "Poll, fetch the result, cancel."},
    {"name": "Videos", "description": "What was made, kept for good."},
    {"name": "Pictures", "description": "Pictures to animate."},
    {"name": "Account", "description": "Who calls, and their DUST."},
    {"name": "Operations", "description": "For those who run the service."},
]
