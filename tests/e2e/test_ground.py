"""The ground that a service stands on: being installed, being told to stop before it has started, and sharing a folder with others."""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from dustreel.base.migrate import MIGRATION_LOCK
from dustreel.base.scratch import scratch_folder
from tests.e2e.served import Served, command_environment, free_port, new_home, processes_in, served, start, wait_until

ROOT = Path(__file__).parents[2]
STOPS = 10.0


class TestAStopWhileItStarts:
    """Ctrl-C and SIGTERM are obeyed within ten seconds, whatever the start is waiting for."""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_while_another_process_has_the_embedded_database(self, number: signal.Signals) -> None:
        with new_home() as home, _held(home / "postgres.lock"):
            running = start(home)
            wait_until((home / "postgres.lease").exists, "the start to have come to the database")
            _stopped(running, number)

    def test_while_the_embedded_database_is_made(self) -> None:
        with new_home() as home:
            running = start(home)
            wait_until((home / "postgres.new").exists, "the database to be under way")
            _stopped(running, signal.SIGTERM)
            with served(home):
                pass

    def test_while_another_process_migrates(self, database_url: str) -> None:
        with new_home() as home, psycopg.connect(database_url, autocommit=True) as other:
            other.execute("select pg_advisory_lock(%s)", (MIGRATION_LOCK,))
            running = start(home, database_url=database_url)
            waiting = b"select from pg_stat_activity where wait_event = 'advisory' and datname = current_database()"
            wait_until(lambda: other.execute(waiting).rowcount, "the start to have come to the schema")
            _stopped(running, signal.SIGTERM)

    def test_a_worker_too(self) -> None:
        with new_home() as home, _held(home / "postgres.lock"):
            running = _worker(home)
            wait_until((home / "postgres.lease").exists, "the start to have come to the database")
            _stopped(running, signal.SIGTERM)


class TestScratch:
    def test_two_workers_on_one_folder_leave_each_others_files_alone(self, tmp_path: Path) -> None:
        with scratch_folder(tmp_path / "scratch", uuid4()) as first:
            first.mkdir()
            (first / "video.mp4").touch()
            with scratch_folder(tmp_path / "scratch", uuid4()) as second:
                assert second != first and (first / "video.mp4").exists()
            assert (first / "video.mp4").exists()
        assert list((tmp_path / "scratch").iterdir()) == []

    def test_what_a_killed_one_left_is_removed(self, tmp_path: Path) -> None:
        script = f"""
import os
from pathlib import Path
from uuid import uuid4
from dustreel.base.scratch import scratch_folder
with scratch_folder(Path({str(tmp_path / "scratch")!r}), uuid4()) as own:
    own.mkdir()
    (own / "video.mp4").touch()
    os.kill(os.getpid(), 9)
"""
        assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
        (left,) = (tmp_path / "scratch").iterdir()
        with scratch_folder(tmp_path / "scratch", uuid4()):
            assert not left.exists()


class TestBootstrap:
    """`make run` before there is anything, with an installer that only says so."""

    def test_a_kill_at_any_moment_holds_up_nobody(self, tmp_path: Path) -> None:
        folder = _unpacked(tmp_path, installer="sleep 60")
        with _bootstrap(folder) as first:
            wait_until(lambda: "installing" in _said(folder), "the first to install")
            with _bootstrap(folder) as second:
                wait_until(lambda: "waiting for it" in _said(folder), "the second to wait")
                os.killpg(first.pid, signal.SIGKILL)
                wait_until(lambda: _said(folder).count("installing 1 locked") == 2, "the second to go on")
                assert second.poll() is None

    @pytest.mark.parametrize("left", ["nothing", "a process id that is somebody else's by now"])
    def test_what_an_older_one_left_holds_up_nobody(self, tmp_path: Path, left: str) -> None:
        folder = _unpacked(tmp_path)
        (folder / ".bootstrap.lock").mkdir()
        if left != "nothing":
            (folder / ".bootstrap.lock" / "pid").write_text(f"{os.getpid()}\n")
        with _bootstrap(folder) as only:
            assert only.wait(30) == 0, _said(folder)

    def test_who_waited_finds_it_installed(self, tmp_path: Path) -> None:
        folder = _unpacked(tmp_path, installer="sleep 1")
        with _bootstrap(folder) as first, _bootstrap(folder) as second:
            assert (first.wait(30), second.wait(30)) == (0, 0), _said(folder)
        assert _said(folder).count("waiting for it") == _said(folder).count("installing 1 locked") == 1, _said(folder)


def _worker(home: Path) -> Served:
    environment = command_environment(home, port := free_port())
    words = [sys.executable, "-m", "dustreel", "worker"]
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    return Served(home, port, environment, process)


def _stopped(running: Served, number: signal.Signals) -> None:
    took = running.signal(number)
    output = running.process.communicate()[0]
    assert running.process.returncode == 0, output
    assert "Traceback" not in output
    assert took < STOPS
    assert processes_in(running.home) == []


@contextmanager
def _held(file: Path) -> Iterator[None]:
    with file.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _unpacked(folder: Path, *, installer: str = "true") -> Path:
    """A copy of what bootstrap.sh looks at, and an installer of ours in the place of uv."""
    for name in ("scripts/bootstrap.sh", "requirements-tools.txt", "pyproject.toml", "third_party/erlpack/erlpack/__init__.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "requirements.txt").write_text("nothing==1.0\n")
    (folder / "requirements-dev.txt").write_text("nothing==1.0\n")
    _program(folder / ".tools" / "bin" / "uv", f'[ "$1" = pip ] && {installer}\nexit 0')
    digest = hashlib.sha256((folder / "requirements-tools.txt").read_bytes()).hexdigest()
    (folder / ".tools" / ".stamp").write_text(digest + "\n")
    _program(folder / ".venv" / "bin" / "python", f'exec {sys.executable} "$@"')
    _program(folder / ".venv" / "bin" / "dustreel", "exit 0")
    return folder


def _program(file: Path, does: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{does}\n")
    file.chmod(0o755)


@contextmanager
def _bootstrap(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "said").open("ab") as said:
        process = subprocess.Popen([folder / "scripts" / "bootstrap.sh"], stdout=said, stderr=said, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _said(folder: Path) -> str:
    return (folder / "said").read_text()
