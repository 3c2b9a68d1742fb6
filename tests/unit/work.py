"""`python -m tests.unit.work`: work for the workshop's tests."""

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from dustreel.base.workplace import Tell, serve
from dustreel.base.workshop import Declined


def handle(work: Mapping[str, Any], data: bytes, tell: Tell) -> tuple[Mapping[str, Any], bytes]:
    match work["do"]:
        case "double":
            for step in range(work["steps"]):
                tell({"step": step})
            print("a library that prints must not break the wire")  # noqa: T201
            return {"length": 2 * len(data)}, data * 2
        case "pid":
            return {"pid": os.getpid()}, b""
        case "decline":
            raise Declined("mood", "not today")
        case "hang":
            tell({"pid": os.getpid()})
            while True:
                time.sleep(60)
        case _:
            print("alas", file=sys.stderr)  # noqa: T201
            os._exit(3)


if __name__ == "__main__":
    serve(handle)
