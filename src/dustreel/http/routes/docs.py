"""`/docs`, without the internet: its assets come from a package, not from a CDN. And a page for every error code."""

from html import escape
from pathlib import Path

import fastapi_offline
from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from dustreel.http.failures import FAILURES

router = APIRouter(include_in_schema=False)

ASSETS = StaticFiles(directory=Path(fastapi_offline.__file__).parent / "static")

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Dustreel: errors</title><style>body{{font:16px/1.5 system-ui;max-width:46rem;margin:2rem auto;padding:0 1rem}}
td,th{{text-align:left;padding:.3rem 1rem .3rem 0;vertical-align:top}}tr:target{{background:#ffec99}}</style>
<h1>Errors</h1><p>Every error is <code>application/problem+json</code> (RFC 9457) with <code>success: false</code>, <code>error</code>,
<code>code</code> and <code>request_id</code>.</p><table><tr><th>Status</th><th>Code</th><th>Meaning</th></tr>{rows}</table></html>"""


@router.get("/docs")
async def docs(request: Request) -> Response:
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Dustreel API",
        swagger_js_url="/docs/assets/swagger-ui-bundle.js",
        swagger_css_url="/docs/assets/swagger-ui.css",
        swagger_favicon_url="/docs/assets/favicon.png",
        swagger_ui_parameters={"persistAuthorization": True, "tryItOutEnabled": True},
    )


@router.get("/docs/errors")
async def errors(request: Request) -> Response:
    told = {kind.code: failure for kind, failure in reversed(FAILURES.items())}  # of several with one code the first
    rows = "".join(
        f'<tr id="{code}"><td>{failure.status}</td><td><code>{code}</code></td><td>{escape(failure.title)}</td></tr>'
        for code, failure in reversed(told.items())
    )
    return HTMLResponse(_PAGE.format(rows=rows))
