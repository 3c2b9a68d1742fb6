"""For operators and their machines: alive, ready, counted. No credentials, and nothing about users."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dustreel.http import answers
from dustreel.http.caller import service
from dustreel.http.describe import described

router = APIRouter(tags=["Operations"])


@router.get("/healthz", **described("healthz"))
async def healthz(request: Request) -> Response:
    return answers.json({"status": "ok"})


@router.get("/readyz", **described("readyz"))
async def readyz(request: Request) -> Response:
    database = service(request).db
    async with database.connection() as db:
        await database.pool.check_connection(db)
    return answers.json({"status": "ok"})


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    return Response(generate_latest(request.app.state.metrics), media_type=CONTENT_TYPE_LATEST)


@router.get("/", include_in_schema=False)
async def root(request: Request) -> Response:
    return RedirectResponse("/docs")
