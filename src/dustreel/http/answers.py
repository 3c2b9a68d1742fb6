"""Answers as JSON, quickly."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response


def json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, "application/json")
