"""Around every request: its id, its one log line, its count, and an answer even where our own code broke."""

import time
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dustreel.base.ids import RandomIds
from dustreel.base.log import logger
from dustreel.http.asked import Internal
from dustreel.http.failures import problem

log = logger(__name__)


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


class Envelope:
    def __init__(self, app: ASGIApp, counts: Counts) -> None:
        self._app, self._counts = app, counts
        self._ids = RandomIds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._ids.secret()[:16]
        scope.setdefault("state", {})["request_id"] = request_id
        began = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                self._count(scope, status, time.perf_counter() - began)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception:
                log.exception("a request broke", method=scope["method"], path=scope["path"])
                if status:
                    raise  # half an answer is out: only cutting the connection tells the caller
                await problem(Request(scope), Internal())(scope, receive, send_with_id)

    def _count(self, scope: dict[str, Any] | Scope, status: int, seconds: float) -> None:
        # The route's pattern, never the path: a metric a job id would be one a request.
        route = getattr(scope.get("route"), "path", None) or ("other" if status == 404 else scope["path"].split("/")[1] or "/")
        self._counts.requests.labels(scope["method"], route, status).inc()
        self._counts.seconds.observe(seconds)
