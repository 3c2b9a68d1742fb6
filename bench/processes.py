"""Processes that are measured: started, waited for, stopped."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

STARTS_WITHIN_SECONDS = 30.0


@contextmanager
def running(words: Sequence[str], environment: dict[str, str], port: int | None) -> Iterator[int]:
    """`python -m …`, answering on its port where it has one; its process id."""
    process = subprocess.Popen([sys.executable, "-m", *words], env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    try:
        if port is not None:
            _wait_for(port)
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int) -> None:
    until = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing listens on {port}")
