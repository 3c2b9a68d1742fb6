"""The inside of a workshop's process: takes work from standard input, answers on standard output, and dies with its parent."""

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

from dustreel.base.workshop import Declined

# linux/prctl.h
PR_SET_PDEATHSIG = 1

type Tell = Callable[[Mapping[str, Any]], None]
type Handle = Callable[[Mapping[str, Any], bytes, Tell], tuple[Mapping[str, Any], bytes]]


def serve(handle: Handle) -> None:
    """Do work until there is no more. `handle` is given what was asked and a way to tell how it goes; it may raise Declined."""
    _die_with_parent()
    os.nice(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not end up between our lines

    def write(values: Mapping[str, Any], data: bytes = b"") -> None:
        out.write(json.dumps({**values, "attached": len(data)}).encode() + b"\n" + data)
        out.flush()

    write({"ready": True})
    while line := sys.stdin.buffer.readline():
        work = json.loads(line)
        data = sys.stdin.buffer.read(work.pop("attached", 0))
        try:
            write(*handle(work, data, lambda told: write({"told": dict(told)})))
        except Declined as declined:
            write({"declined": declined.kind, "text": str(declined)})


def _die_with_parent() -> None:
    """So that a kill -9 of the parent leaves no process behind, not even one in the middle of its work."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)  # it died before we could ask
