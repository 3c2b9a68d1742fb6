"""One place to run trials in: a database server, a provider, forked services, and the means to kill any of them at a message."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import psycopg
from psycopg import conninfo

from dustreel.base.db import Database
from dustreel.base.embedded import EmbeddedPostgres
from dustreel.base.migrate import migrate
from dustreel.base.settings import env_name
from dustreel.base.waiting import uncut
from dustreel.queue import engine_schema
from dustreel.storage import S3Store
from dustreel.storage.disk import UNDER_WAY
from tests.chaos.disk import watching
from tests.chaos.pgproxy import pg_proxy
from tests.chaos.points import Moment, Trigger
from tests.e2e.served import free_port
from tests.fakes.cog_server import Cog, Receiver, cog_at
from tests.fakes.vendors import Vendor
from tests.fakes.wire import Asked, Cut, Told, serving
from tests.storage.harness import ACCESS_KEY, SECRET_KEY, bucket_at, swift
from tests.storage.harness import BUCKET as BUCKET_NAME
from tests.storage.proxy import Asked as S3Asked
from tests.storage.proxy import StrictProxy

GONE_SECONDS = 15.0
TEMPLATE = "template_chaos"
BUCKET = "bucket"
"""Begins the names of the messages to it."""
# What is killed are processes, never the machine, so memory keeps what was written; and a trial makes and drops a database.
IN_MEMORY = "/dev/shm"


class Victim(StrEnum):
    PROCESS = "process"
    """Killed with -9."""
    DATABASE = "database"
    """The server, killed with -9; it is started again, and the services never."""
    STOPPED = "stopped"
    """The process, told to stop by SIGTERM, as a rolling restart does."""
    CONNECTION = "connection"
    """Only the connection that the message travels on."""


@dataclass
class Actor:
    """A service under test: what it runs, and its life of the moment."""

    role: str
    settings: dict[str, str]
    pid: int = 0
    was_killed: bool = False
    starts: int = 0


class Stage:
    def __init__(
        self, folder: Path, postgres: EmbeddedPostgres, server: str, zygote: asyncio.subprocess.Process, stack: AsyncExitStack
    ) -> None:
        self.folder, self.postgres, self.server, self._stack = folder, postgres, server, stack
        self._zygote = zygote
        self._forking = asyncio.Lock()
        self._cog: Cog | None = None
        self._swift: int | None = None

    @property
    def socket_path(self) -> str:
        return f"{conninfo.conninfo_to_dict(self.server)['host']}/.s.PGSQL.5432"

    def database_url(self, name: str) -> str:
        return conninfo.make_conninfo(self.server, dbname=name)

    async def cog(self) -> Cog:
        """The real server with its toy; started when it is first wanted, and there until the end."""
        if self._cog is None:
            home = self.folder / "cog"
            home.mkdir()
            self._cog = await self._stack.enter_async_context(cog_at(free_port(), home, Receiver()))
        await self._cog.until("READY")
        return self._cog

    async def swift(self) -> int:
        """The port of a real S3 server; started when it is first wanted, and there until the end."""
        if self._swift is None:
            self._swift = await asyncio.to_thread(self._stack.enter_context, swift())
        return self._swift

    async def fork(self, role: str, settings: dict[str, str], log: Path, mutant: str | None) -> int:
        """The new service's process id. Not to be cut off: the next to ask would be told this one's."""
        assert self._zygote.stdin is not None and self._zygote.stdout is not None
        order = {"role": role, "settings": settings, "log": str(log), "mutant": mutant}
        async with self._forking:
            self._zygote.stdin.write(json.dumps(order).encode() + b"\n")
            return int(await self._zygote.stdout.readline())

    @asynccontextmanager
    async def fresh_database(self) -> AsyncIterator[str]:
        name = f"chaos_{uuid4().hex[:12]}"
        async with await psycopg.AsyncConnection.connect(self.server, autocommit=True) as connection:
            await connection.execute(f"create database {name} template {TEMPLATE} strategy file_copy".encode())
        try:
            yield name
        finally:
            async with await psycopg.AsyncConnection.connect(self.server, autocommit=True) as connection:
                await connection.execute(f"drop database {name} with (force)".encode())


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    folder = Path(tempfile.mkdtemp(prefix="dustreel-chaos-", dir=IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None))
    folder.chmod(0o755)
    postgres = EmbeddedPostgres(folder / "postgres")
    zygote = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chaos.zygote", str(folder), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        server = await postgres.start()
        async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
            for setting in ("fsync = off", "full_page_writes = off", "max_connections = 200"):
                await connection.execute(f"alter system set {setting}".encode())
            await connection.execute("select pg_reload_conf()")
            await connection.execute(f"create database {TEMPLATE}".encode())
        template = Database(conninfo.make_conninfo(server, dbname=TEMPLATE))
        await template.open()
        await migrate(template, before=[engine_schema()])
        await template.close()
        async with AsyncExitStack() as stack:
            yield Stage(folder, postgres, server, zygote, stack)
    finally:
        zygote.kill()
        await zygote.wait()
        await postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Play:
    """One trial's world: its own database, data folder, provider and services."""

    def __init__(
        self,
        stage: Stage,
        trigger: Trigger,
        victims: Callable[[], Victim],
        vendor: Vendor,
        mutant: str | None = None,
        *,
        swift: int | None = None,
    ) -> None:
        """`victims` names the next one, each time that something is to die; `swift` is the port of an S3 server to keep videos in."""
        self.stage, self.trigger, self._victims, self._mutant, self._swift = stage, trigger, victims, mutant, swift
        self.home = stage.folder / f"home-{uuid4().hex[:8]}"
        self.log = self.home / "log"
        self.vendor = vendor
        self.actors: list[Actor] = []
        self.db: Database
        """The harness's own way to the database, past every proxy."""
        self.database = ""
        self.port = free_port()
        self.disk_was_full = False
        """Whether what is made of a video may have found no place."""
        self._tasks: list[asyncio.Task[None]] = []
        self._database_restarts: list[asyncio.Task[None]] = []
        self._recovering = 0

    @property
    def upstream(self) -> Any:
        """The vendor's fake."""
        return self.vendor.fake

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def bucket(self) -> S3Store | None:
        """The bucket itself, past every proxy; None where videos are kept on disk."""
        return None if self._swift is None else S3Store(bucket_at(f"http://127.0.0.1:{self._swift}", prefix=self._prefix))

    @property
    def _prefix(self) -> str:
        return f"{self.home.name}/"

    @asynccontextmanager
    async def set(self) -> AsyncIterator["Play"]:
        """A database and a data folder, and nobody yet who could die."""
        self.home.mkdir()
        try:
            async with self.stage.fresh_database() as self.database:
                self.db = Database(self.stage.database_url(self.database), max_size=3)
                await self.db.open()
                try:
                    yield self
                finally:
                    await self.db.close()
        finally:
            shutil.rmtree(self.home, ignore_errors=True)

    @asynccontextmanager
    async def running(self, *, workers: int, settings: dict[str, str]) -> AsyncIterator[None]:
        """The services, up and restarted whenever they die."""
        async with AsyncExitStack() as stack:
            self.vendor.tell(self.url)
            media = self.home / "media"
            folders = [media / UNDER_WAY, *(media / kind for kind in ("videos", "thumbnails", "previews", "sprites"))]
            for folder in folders:
                folder.mkdir(parents=True)
            stack.enter_context(watching(folders, self._disk))
            for number in range(workers):
                self.actors.append(await self._enlist(stack, "serve" if number == 0 else "worker", settings))
            stack.push_async_callback(self._end)
            for actor in self.actors:
                await uncut(self._start(actor))
                self._tasks.append(asyncio.create_task(self._keep_alive(actor)))
            yield

    async def _enlist(self, stack: AsyncExitStack, role: str, settings: dict[str, str]) -> Actor:
        actor = Actor(role, {})

        async def answer(asked: Asked) -> Told:
            message = f"{self.vendor.name} {self.vendor.kind_of(asked)}"
            if self._reached(actor, message, Moment.BEFORE):
                raise Cut
            told = await self.vendor.answer(asked)
            if self._reached(actor, message, Moment.AFTER):
                raise Cut
            return told

        database = await stack.enter_async_context(
            pg_proxy(self.stage.socket_path, lambda message, moment: self._reached(actor, message, moment))
        )
        provider = await stack.enter_async_context(serving(answer))
        user = conninfo.conninfo_to_dict(self.stage.server)["user"]
        actor.settings = {
            "DUSTREEL_HOME": str(self.home),
            "DUSTREEL_PORT": str(self.port),
            "DUSTREEL_DATABASE_URL": f"postgresql://{user}@127.0.0.1:{database}/{self.database}?sslmode=disable&gssencmode=disable",
            "DUSTREEL_BEAT_SECONDS": "0.2",
            "DUSTREEL_DEAD_AFTER_SECONDS": "0.8",
            "DUSTREEL_SETTLE_SECONDS": "1.5",
            "DUSTREEL_CIRCUIT_SECONDS": "0.5",
            "DUSTREEL_RENDER_PROCESSES": "1",
            "DUSTREEL_LOG_LEVEL": "WARNING",
        }
        actor.settings |= {env_name(field): value for field, value in self.vendor.settings(provider).items()} | settings
        if self._swift is not None:
            actor.settings |= await self._in_bucket(stack, actor, self._swift)
        return actor

    async def _in_bucket(self, stack: AsyncExitStack, actor: Actor, swift: int) -> dict[str, str]:
        def reached(asked: S3Asked, is_done: bool) -> bool:
            # An object's kind is the folder that it is in.
            message = f"{BUCKET} {asked.kind} {asked.path.split('/')[-2]}"
            return self._reached(actor, message, Moment.AFTER if is_done else Moment.BEFORE)

        proxy = await stack.enter_async_context(StrictProxy(swift, reached=reached).running())
        access = {"AWS_ENDPOINT_URL": proxy.url, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        return {"DUSTREEL_STORAGE_URL": f"s3://{BUCKET_NAME}/{self._prefix}"} | access

    def _disk(self, message: str) -> None:
        # The kernel doesn't say who did it; with two workers either may die of it.
        self._reached(self.actors[-1], f"disk {message}", Moment.AFTER)

    def _reached(self, actor: Actor, message: str, moment: Moment) -> bool:
        """Whether the message ends here, because one of its two ends has just died over it."""
        if not self.trigger.reached(message, moment):
            return False
        match self._victims():
            case Victim.STOPPED:
                _signal(actor.pid, signal.SIGTERM)
                return False
            case Victim.CONNECTION:
                return True
            case Victim.DATABASE:
                self._down()
                self._database_restarts.append(asyncio.create_task(self._restart_database()))
                return not message.startswith((self.vendor.name, "disk"))
            case Victim.PROCESS:
                self._down()
                _signal(actor.pid, signal.SIGKILL)
                actor.was_killed = True
                return True

    async def _restart_database(self) -> None:
        pid = int((self.stage.folder / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])
        _signal(pid, signal.SIGKILL)
        await self.stage.postgres.start()
        self._up()

    def _down(self) -> None:
        """Until whatever died is back, nothing else dies."""
        self._recovering += 1
        self.trigger.is_open = False

    def _up(self) -> None:
        self._recovering -= 1
        self.trigger.is_open = self._recovering == 0

    async def calm(self) -> None:
        """From here on nothing dies."""
        self._down()
        await asyncio.gather(*self._database_restarts)
        await self.db.pool.check()  # connections that died with the database

    async def _start(self, actor: Actor) -> None:
        actor.pid = await self.stage.fork(actor.role, actor.settings, self.log, self._mutant)
        actor.starts += 1
        if actor.was_killed:
            actor.was_killed = False
            self._up()

    async def _keep_alive(self, actor: Actor) -> None:
        """As an operator's supervisor does."""
        while True:
            if psutil.pid_exists(actor.pid):
                await asyncio.sleep(0.02)
            else:
                # Also when the play ends meanwhile: who was started is to be found, and killed.
                await uncut(self._start(actor))

    async def _end(self) -> None:
        self._down()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*self._database_restarts)
        for actor in self.actors:
            _signal(actor.pid, signal.SIGKILL)
        for actor in self.actors:
            async with asyncio.timeout(GONE_SECONDS):
                while psutil.pid_exists(actor.pid):
                    await asyncio.sleep(0.01)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
