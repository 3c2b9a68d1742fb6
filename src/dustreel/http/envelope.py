"""Around every request: its id, its one log line, its count, and an answer even where our own code broke."""

import asyncio
import random
import time

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dustreel.base.errors import Unavailable
from dustreel.base.log import logger
from dustreel.http.asked import Internal
from dustreel.http.failures import problem

log = logger(__name__)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})


class Counts:
    """What `/metrics` tells of requests."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "dustreel_http_requests", "Requests, by route and status.", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "dustreel_http_seconds",
            "Seconds from a request's head to the start of its answer.",
            registry=registry,
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
        )

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        # The route's pattern, never the path: a metric a job id would be one a request.
        route = scope.get("hot_route") or getattr(scope.get("route"), "path", None) or "other"
        self.requests.labels(scope["method"] if scope["method"] in _METHODS else "other", route, status).inc()
        self.seconds.observe(seconds)


class Envelope:
    """Outermost: a request's id, and its count. Once the process stops, what still comes is told to come back."""

    def __init__(self, app: ASGIApp, counts: Counts, stopping: asyncio.Event) -> None:
        self._app, self._counts, self._stopping = app, counts, stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # For finding a request's log lines, not for keeping secrets: no need for the system's randomness.
        request_id = f"{random.getrandbits(80):020x}"
        scope.setdefault("state", {})["request_id"] = request_id
        began = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                self._counts.count(scope, message["status"], time.perf_counter() - began)
            await send(message)

        if self._stopping.is_set():
            leaving = Unavailable("This process is stopping. Try again shortly.")
            await problem(Request(scope), leaving, {"Connection": "close"})(scope, receive, send_with_id)
        else:
            await self._app(scope, receive, send_with_id)


class Safety:
    """Innermost: where our own code broke there is an answer, and a log line that tells how."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=scope["state"]["request_id"]):
            try:
                await self._app(scope, receive, send_and_note)
            except Exception:
                log.exception("a request broke", method=scope["method"], path=scope["path"])
                if begun:
                    raise  # half an answer is out: only cutting the connection tells the caller
                await problem(Request(scope), Internal())(scope, receive, send)
