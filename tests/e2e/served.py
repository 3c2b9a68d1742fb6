"""`dustreel serve` as a process of its own, with a data folder of its own."""

import contextlib
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

PATIENCE_SECONDS = 60.0


@dataclass
class Served:
    home: Path
    port: int
    environment: dict[str, str]
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        return (self.home / "dev-token").read_text().strip()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def api(self, token: str | None = None) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token or self.token}"}, timeout=PATIENCE_SECONDS)

    def signal(self, number: signal.Signals) -> float:
        """Send it, and wait for the end; returns how many seconds that took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(PATIENCE_SECONDS)
        return time.monotonic() - began

    def relatives(self) -> list[psutil.Process]:
        """Every process that belongs to this one: its children, and the database that lives apart."""
        found = {child.pid: child for child in psutil.Process(self.process.pid).children(recursive=True)}
        found |= {process.pid: process for process in processes_in(self.home)}
        return list(found.values())

    def processor_seconds(self) -> float:
        """What it and its relatives have used of a processor: the work, whoever else is at work on the machine."""
        spent = 0.0
        for process in (psutil.Process(self.process.pid), *self.relatives()):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                spent += times.user + times.system
        return spent

    def kill_everything(self) -> None:
        """As a power cut would."""
        everybody = self.relatives()
        self.process.kill()
        self.process.wait()
        for process in everybody:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(everybody, timeout=10)


def processes_in(home: Path) -> list[psutil.Process]:
    """The database's processes: their working directory is its data folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(home):
                found.append(process)
    return found


@contextlib.contextmanager
def new_home() -> Iterator[Path]:
    # Short and reachable for the database's user, as pytest's own folders are not.
    home = Path(tempfile.mkdtemp(prefix="dustreel-e2e-"))
    try:
        yield home
    finally:
        for process in processes_in(home):
            process.kill()
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def served(home: Path, **settings: str) -> Iterator[Served]:
    """The service, answering. Stopped by SIGTERM at the end unless it has ended before."""
    running = start(home, **settings)
    try:
        until_ready(running)
        yield running
    finally:
        if running.process.poll() is None:
            running.signal(signal.SIGTERM)


def start(home: Path, *words: str, **settings: str) -> Served:
    port = free_port()
    environment = command_environment(home, port, **settings)
    process = subprocess.Popen(
        [sys.executable, "-m", "dustreel", "serve", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    return Served(home, port, environment, process)


def until_ready(running: Served) -> None:
    """Read what it prints until it says that it runs; go on reading in the background."""
    ready: queue.Queue[bool] = queue.Queue()

    def read() -> None:
        assert running.process.stdout is not None
        for line in running.process.stdout:
            running.lines.append(line)
            if "Ctrl-C stops everything" in line:
                ready.put(True)
        ready.put(False)

    threading.Thread(target=read, daemon=True).start()
    assert ready.get(timeout=PATIENCE_SECONDS), running.output


def command_environment(home: Path, port: int, **settings: str) -> dict[str, str]:
    said = {f"DUSTREEL_{name.upper()}": value for name, value in settings.items()}
    return {**os.environ, "DUSTREEL_HOME": str(home), "DUSTREEL_PORT": str(port)} | said


def dustreel(*words: str, home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    environment = command_environment(home, free_port(), **settings)
    return subprocess.run(
        [sys.executable, "-m", "dustreel", *words], env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(look: Any, what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


def final_status(api: httpx.Client, job: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        body: dict[str, Any] = api.get(f"/videos/jobs/{job}/status").json()
        return body if body["status"] in ("completed", "failed", "cancelled") else None

    found: dict[str, Any] = wait_until(look, f"job {job} to end")
    return found


def one_sentence(result: subprocess.CompletedProcess[str]) -> str:
    """What a command that could not start said: one line, no traceback, a non-zero exit."""
    assert result.returncode != 0
    assert "Traceback" not in result.stderr + result.stdout
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("dustreel: ")]
    return re.sub(r"^dustreel: ", "", line)
