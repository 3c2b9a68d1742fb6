"""Around every request: its id, its one log line, its count, and an answer even where our own code broke."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dustreel.base.errors import DomainError, Unavailable
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
    """Outermost: a request's id, its count, and an answer whatever happens within.

    Once the process stops, what still comes is told to come back. Where our own code broke, one log line tells how and the caller is told
    that it did; where half an answer is out, only cutting the connection tells it.
    """

    def __init__(self, app: ASGIApp, counts: Counts, stopping: asyncio.Event, cors: Callable[[ASGIApp], ASGIApp] | None = None) -> None:
        """`cors` wraps what is answered here: without it a browser shows another origin's page a network error instead."""
        self._app, self._counts, self._stopping = app, counts, stopping
        leaving = _saying(Unavailable("This process is stopping. Try again shortly."), {"Connection": "close"})
        broken = _saying(Internal())
        self._leaving, self._broken = (leaving, broken) if cors is None else (cors(leaving), cors(broken))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # For finding a request's log lines, not for keeping secrets: no need for the system's randomness.
        request_id = f"{random.getrandbits(80):020x}"
        scope.setdefault("state", {})["request_id"] = request_id
        began, begun = time.perf_counter(), False

        async def send_with_id(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                self._counts.count(scope, message["status"], time.perf_counter() - began)
            await send(message)

        app = self._leaving if self._stopping.is_set() else self._app
        bound = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await app(scope, receive, send_with_id)
        except asyncio.CancelledError:
            # A stopping server cuts off what takes too long, and would say 500. What was asked may have been done, as after a lost answer.
            if begun or not self._stopping.is_set():
                raise
            await self._leaving(scope, receive, send_with_id)
        except Exception:
            log.exception("a request broke", method=scope["method"], path=scope["path"])
            # The server cuts the connection where an answer has begun and not ended; to raise would only have it log all this again.
            if not begun:
                await self._broken(scope, receive, send_with_id)
        finally:
            structlog.contextvars.reset_contextvars(**bound)


def _saying(error: DomainError, headers: Mapping[str, str] | None = None) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await problem(Request(scope), error, headers)(scope, receive, send)

    return app
