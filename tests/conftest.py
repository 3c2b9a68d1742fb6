"""What tests stand on: a real PostgreSQL, the real service with its worker, real bytes. Each user is fresh, so tests don't meet."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from dustreel.base.db import Database
from dustreel.base.embedded import EmbeddedPostgres
from dustreel.base.ids import RandomIds
from dustreel.base.migrate import migrate
from dustreel.base.settings import Settings, env_name, read_settings
from dustreel.base.vocabulary import Mode
from dustreel.callers import Role, make_key
from dustreel.cli.serve import working
from dustreel.http import build_app
from dustreel.queue import engine_schema
from dustreel.wiring import Service, running_service

# A condition that hasn't come true by then never will; generous, because machines are shared.
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """An embedded PostgreSQL of this test run's own; its conninfo names the maintenance database."""
    # Not pytest's folder: a socket's path must be short, and as root the server's user must be able to reach it.
    folder = Path(tempfile.mkdtemp(prefix="dustreel-pg-"))
    postgres = EmbeddedPostgres(folder / "postgres")
    conninfo = asyncio.run(postgres.start())
    yield conninfo
    asyncio.run(postgres.stop())
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template(server: str) -> str:
    """A migrated database that others are copied from."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("create database template_dustreel")
    asyncio.run(_migrate(_named(server, "template_dustreel")))
    return server


@pytest.fixture
async def database_url(template: str) -> AsyncIterator[str]:
    """A fresh, migrated database."""
    async with fresh_database(template) as url:
        yield url


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, max_size=10)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def house(template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator["House"]:
    """The service that most tests share, with its worker."""
    with psycopg.connect(template, autocommit=True) as connection:
        connection.execute("create database house template template_dustreel")
    async with house_with(_named(template, "house"), tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture
async def alice(house: "House") -> AsyncIterator["User"]:
    async with house.user() as user:
        yield user


@pytest.fixture
async def bob(house: "House") -> AsyncIterator["User"]:
    async with house.user() as user:
        yield user


@asynccontextmanager
async def fresh_database(template: str) -> AsyncIterator[str]:
    name = f"test_{uuid4().hex}"
    with psycopg.connect(template, autocommit=True) as connection:
        connection.execute(f"create database {name} template template_dustreel")
    yield _named(template, name)
    with psycopg.connect(template, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@asynccontextmanager
async def house_with(database_url: str, home: Path, *, worker: bool = True, **settings: str) -> AsyncIterator["House"]:
    """A service of a test's own, with settings of its own: `house_with(url, tmp_path, max_active_jobs="2")`."""
    said = {env_name(name): value for name, value in settings.items()}
    chosen = {"DUSTREEL_HOME": str(home), "DUSTREEL_DATABASE_URL": database_url, "DUSTREEL_RATE_LIMIT": "100000/minute"}
    chosen |= {"DUSTREEL_SUBMIT_LIMIT": "100000/minute", "DUSTREEL_BEAT_SECONDS": "0.2", "DUSTREEL_DEAD_AFTER_SECONDS": "1"}
    chosen |= {"DUSTREEL_PUBLIC_URL": "http://dustreel.test"} | said
    async with running_service(read_settings(chosen)) as service:
        house = House(service)
        if not worker:
            yield house
            return
        async with working(service):
            yield house


@dataclass
class House:
    """A running service and its API, spoken to in this process."""

    service: Service
    transport: httpx.ASGITransport = field(init=False)

    def __post_init__(self) -> None:
        self.transport = httpx.ASGITransport(build_app(self.service), raise_app_exceptions=False)

    @property
    def settings(self) -> Settings:
        return self.service.settings

    def client(self, token: str | None = None, **headers: str) -> httpx.AsyncClient:
        said = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(
            transport=self.transport, base_url="http://dustreel.test", headers=said | headers, timeout=PATIENCE_SECONDS
        )

    async def key(self, user_id: UUID, *, mode: Mode = Mode.TEST, role: Role = Role.USER) -> str:
        async with self.service.db.transaction() as db:
            _, secret = await make_key(db, RandomIds(), user_id, mode=mode, role=role)
        return secret

    @asynccontextmanager
    async def user(self, *, mode: Mode = Mode.TEST, role: Role = Role.USER) -> AsyncIterator["User"]:
        user_id = uuid4()
        async with self.client(await self.key(user_id, mode=mode, role=role)) as client:
            yield User(user_id, client, self)


@dataclass
class User:
    """A front end that acts for one user."""

    id: UUID
    api: httpx.AsyncClient
    house: House

    def wish(self, prompt: str = "A cat playing piano in a jazz club [sandbox:instant]", **changes: Any) -> dict[str, Any]:
        """A body for generate; a change to None leaves the field out."""
        body = {"user_id": str(self.id), "prompt": prompt, "duration": "short", "resolution": "sd_480p", "aspect_ratio": "16:9"}
        return {name: value for name, value in (body | changes).items() if value is not None}

    async def generate(self, prompt: str = "A cat playing piano in a jazz club [sandbox:instant]", **changes: Any) -> str:
        answer = await self.api.post("/videos/generate", json=self.wish(prompt, **changes))
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["job_id"]
        return job_id

    async def status(self, job_id: str) -> dict[str, Any]:
        answer = await self.api.get(f"/videos/jobs/{job_id}/status")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def result(self, job_id: str) -> dict[str, Any]:
        answer = await self.api.get(f"/videos/jobs/{job_id}/result")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def until(self, job_id: str, *statuses: str) -> dict[str, Any]:
        """The first status body that shows one of these."""

        async def reached() -> dict[str, Any] | None:
            body = await self.status(job_id)
            return body if body["status"] in statuses else None

        return await eventually(reached, f"job {job_id} to be {' or '.join(statuses)}")

    async def until_final(self, job_id: str) -> dict[str, Any]:
        """The job's result, once it has ended."""
        await self.until(job_id, "completed", "failed", "cancelled")
        return await self.result(job_id)

    async def video(self, prompt: str = "A quiet harbour [sandbox:instant]", **changes: Any) -> dict[str, Any]:
        """A finished video."""
        result = await self.until_final(await self.generate(prompt, **changes))
        assert result["success"], result
        video: dict[str, Any] = result["video"]
        return video

    async def dust(self) -> tuple[int, int, int]:
        """Balance, held, available."""
        dust = (await self.api.get("/me")).json()["dust"]
        return dust["balance"], dust["held"], dust["available"]


async def eventually[T](look: Callable[[], Awaitable[T | None]], what: str) -> T:
    """Look again and again until there is something to see; fails after a deadline, saying what didn't come."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                seen = await look()
                if seen:
                    return seen
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"waited {PATIENCE_SECONDS:.0f} s in vain for {what}")


async def _migrate(conninfo: str) -> None:
    database = Database(conninfo)
    await database.open()
    await migrate(database, before=[engine_schema()])
    await database.close()


def _named(conninfo: str, name: str) -> str:
    return psycopg.conninfo.make_conninfo(conninfo, dbname=name)


def pytest_configure() -> None:
    # Settings of the person who runs the tests are not the tests'.
    for name in [name for name in os.environ if name.startswith(("DUSTREEL_", "AWS_", "CLOUDFLARE_"))]:
        del os.environ[name]
