"""The two reads that every front end repeats, status and active, ahead of the framework.

Measured (bench/api_speed.py): through CORS middleware, FastAPI's exit stacks and the router a status cost more than its query. Here it
costs a look at the path, the caller's cached credential, and a share of a joined read.
"""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dustreel.base.errors import DomainError
from dustreel.http.failures import problem

type Handler = Callable[[Request], Awaitable[Response]]

_PREFIX = "/videos/jobs/"
_STATUS = "/status"


class HotReads:
    def __init__(self, rest: ASGIApp, api: FastAPI, *, status: Handler, active: Handler, cors: dict[str, str] | None) -> None:
        """`cors`: what an answer to another origin carries; None where origins differ, and such a request goes the long way."""
        self._rest, self._api = rest, api
        self._status, self._active, self._cors = status, active, cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._handler(scope)
        if handler is None:
            await self._rest(scope, receive, send)
            return
        request = Request(scope)
        from_elsewhere = "origin" in request.headers
        if from_elsewhere and self._cors is None:
            await self._rest(scope, receive, send)
            return
        try:
            response = await handler(request)
        except DomainError as error:
            response = problem(request, error)
        if from_elsewhere and self._cors is not None:
            response.headers.update(self._cors)
        await response(scope, receive, send)

    def _handler(self, scope: Scope) -> Handler | None:
        if scope["type"] != "http" or scope["method"] != "GET":
            return None
        path: str = scope["path"]
        if not path.startswith(_PREFIX):
            return None
        rest = path[len(_PREFIX) :]
        if rest == "active":
            handler, job_id = self._active, ""
        elif rest.endswith(_STATUS) and "/" not in (job_id := rest[: -len(_STATUS)]):
            handler = self._status
        else:
            return None
        scope["app"] = self._api
        scope["path_params"] = {"job_id": job_id}
        scope["hot_route"] = "/videos/jobs/active" if not job_id else "/videos/jobs/{job_id}/status"
        return handler
