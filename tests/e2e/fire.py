"""Several processes on one database and one provider, and the means to end any of them. For the tests under fire."""

import asyncio
import contextlib
import logging
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psutil
import psycopg
from psycopg.rows import dict_row

from dustreel.base.embedded import NAME, EmbeddedPostgres
from dustreel.base.ids import RandomIds
from dustreel.base.vocabulary import Mode
from dustreel.callers import make_key
from tests.conftest import PATIENCE_SECONDS, eventually
from tests.e2e.served import free_port, new_home
from tests.fakes.films import film
from tests.fakes.replicate import TOKEN, FakeReplicate
from tests.fakes.wire import Asked, Told

log = logging.getLogger("fire")

STARTING_DUST = 1_000
WISH = {"duration": "short", "resolution": "sd_480p", "aspect_ratio": "16:9"}
# Of films a few will do: what is on fire are the processes.
FAILING, ENDLESS, QUICK = "A pond [sandbox:fail=No]", "A pond [sandbox:hang]", "A pond [sandbox:instant]"


async def happens[T](look: Callable[[], T | None], what: str) -> T:
    """As `eventually`, for what this process itself sees."""

    async def looked() -> T | None:
        return look()

    return await eventually(looked, what)


def kept(promise: str, seconds: float, *, within: float) -> None:
    """A promise of so many seconds. `--log-cli-level=INFO` shows what was measured."""
    log.info("%s: %.2f s of %.0f s", promise, seconds, within)
    assert seconds <= within, f"{promise}: {seconds:.2f} s, and {within:.0f} s were promised"


@dataclass
class Member:
    """One process of ours."""

    name: str
    words: tuple[str, ...]
    process: asyncio.subprocess.Process
    log: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def lives(self) -> bool:
        return self.process.returncode is None

    @contextlib.contextmanager
    def asleep(self) -> Iterator[None]:
        """It does nothing meanwhile, so that all that comes is another's."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        """As the kernel does when memory is short."""
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> float:
        """As a supervisor does; returns the seconds that it took."""
        began = time.monotonic()
        self.process.terminate()
        async with asyncio.timeout(PATIENCE_SECONDS):
            code = await self.process.wait()
        assert code == 0, self.last_words()
        return time.monotonic() - began

    def last_words(self) -> str:
        return f"{self.name} ended with {self.process.returncode}: {self.log.read_text(errors='replace')[-3_000:]}"


@dataclass(frozen=True)
class Seen:
    """A request that the provider was asked."""

    at: float
    by: str
    """Whose token it carried; empty for a download, which carries none."""
    kind: str
    order: str
    """Its name; of one that is about to be made, its prompt."""


class FirstLook:
    """The first look that a worker makes from now on, and no other."""

    def __init__(self, by: str) -> None:
        self._by = by
        self.order: str | None = None

    def __call__(self, seen: Seen) -> bool:
        if seen.by != self._by or seen.kind != "look" or self.order not in (None, seen.order):
            return False
        self.order = seen.order
        return True


class WatchedReplicate(FakeReplicate):
    """Replicate with a watch and a good memory for faces: each worker calls it under a token of its own."""

    def __init__(self) -> None:
        super().__init__(film(854, 480, 5))
        self.seen: list[Seen] = []
        self._held: list[Callable[[Seen], bool]] = []

    async def answer(self, asked: Asked) -> Told:
        by = asked.headers.get("authorization", "").removeprefix("Bearer ")
        one = Seen(time.monotonic(), by, self.kind_of(asked), self._order(asked))
        self.seen.append(one)
        while any(held(one) for held in self._held):
            await asyncio.sleep(0.01)
        return await super().answer(replace(asked, headers={**asked.headers, "authorization": f"Bearer {TOKEN}"}))

    def _order(self, asked: Asked) -> str:
        parts = asked.path.removesuffix(".mp4").split("/")
        match self.kind_of(asked):
            case "create":
                return str(asked.json()["input"]["prompt"])
            case "output":
                return parts[2]
            case "look" | "cancel":
                return parts[3]
            case _:
                return ""

    @contextlib.contextmanager
    def holding(self, held: Callable[[Seen], bool]) -> Iterator[None]:
        """Requests like this find no answer meanwhile."""
        self._held.append(held)
        try:
            yield
        finally:
            self._held.remove(held)

    async def asked_for(self, kind: str, order: str, *, after: float = 0.0) -> float:
        """When it was first asked this; waits for it."""

        def first() -> float | None:
            return next((one.at for one in self.seen if one.kind == kind and one.order == order and one.at > after), None)

        return await happens(first, f"a {kind} of {order}")

    def finish(self, order: str) -> None:
        """Its render is over, whatever the others' take."""
        self.predictions[order].made_at = 0.0


@dataclass
class Caller:
    """A user with a key, who talks to one API."""

    api: httpx.AsyncClient

    async def generate(self, prompt: str, **changes: str) -> str:
        answer = await self.api.post("/videos/generate", json=WISH | {"prompt": prompt} | changes)
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["job_id"]
        return job_id

    async def status(self, job_id: str) -> dict[str, Any]:
        answer = await self.api.get(f"/videos/jobs/{job_id}/status")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def until(self, job_id: str, *statuses: str) -> dict[str, Any]:
        async def reached() -> dict[str, Any] | None:
            body = await self.status(job_id)
            return body if body["status"] in statuses else None

        return await eventually(reached, f"job {job_id} to be {' or '.join(statuses)}")

    async def spent(self) -> int:
        """DUST that is gone; nothing may be held any more."""
        dust = (await self.api.get("/me")).json()["dust"]
        assert dust["held"] == 0 and dust["balance"] == dust["available"]
        return STARTING_DUST - int(dust["balance"])


@dataclass
class Cast:
    """Who plays: processes of ours on one home and one database."""

    home: Path
    conninfo: str
    upstream: WatchedReplicate
    settings: dict[str, str]
    stack: AsyncExitStack
    members: list[Member] = field(default_factory=list)
    _eyes: psycopg.AsyncConnection[dict[str, Any]] | None = None

    async def serve(self, *words: str) -> Member:
        """`dustreel serve`, answering."""
        return await self._answering(await self._start("api", "serve", *words, port=free_port()))

    async def again(self, member: Member) -> Member:
        """An API that has ended, started as it was."""
        return await self._answering(await self._start(member.name, *member.words, port=member.port))

    async def _answering(self, member: Member) -> Member:
        async with httpx.AsyncClient(base_url=member.url) as client:

            async def answers() -> bool:
                assert member.lives, member.last_words()
                with contextlib.suppress(httpx.HTTPError):
                    return (await client.get("/readyz")).status_code == 200
                return False

            await eventually(answers, "the API to answer")
        return member

    async def worker(self, name: str) -> Member:
        """`dustreel worker`, beating. The provider knows it by its name."""
        member = await self._start(name, "worker", port=0)

        async def beats() -> bool:
            assert member.lives, member.last_words()
            with contextlib.suppress(psycopg.Error):  # the first of all makes the database
                return await self.worker_id(member) is not None
            return False

        await eventually(beats, f"{name} to beat")
        return member

    async def worker_id(self, member: Member) -> UUID | None:
        found = await self.rows("select id from workers where pid = %s", member.process.pid)
        return found[0]["id"] if found else None

    async def only(self, *names: str) -> list[Member]:
        """These workers, started where they don't live, and no other."""
        living = {member.name: member for member in self.members if member.lives and not member.port}
        await asyncio.gather(*(member.stop() for name, member in living.items() if name not in names))
        fresh = await asyncio.gather(*(self.worker(name) for name in names if name not in living))
        living |= {member.name: member for member in fresh}
        return [living[name] for name in names]

    async def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Seen from outside. Raises psycopg.OperationalError while there is no server."""
        try:
            return await self._look(statement, values)
        except psycopg.OperationalError:  # of another life of the server, perhaps
            return await self._look(statement, values)

    async def _look(self, statement: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
        if self._eyes is None or self._eyes.closed:
            connecting = psycopg.AsyncConnection.connect(self.conninfo, autocommit=True, row_factory=dict_row)
            self._eyes = await self.stack.enter_async_context(await connecting)
        return await (await self._eyes.execute(statement.encode(), values)).fetchall()

    async def job(self, job_id: str) -> dict[str, Any]:
        (row,) = await self.rows("select * from jobs where id = %s", job_id)
        return row

    async def all_end(self, jobs: list[str]) -> None:
        """Each is there, and ends."""

        async def ended() -> bool:
            found = await self.rows("select count(*) as n from jobs where id = any(%s::uuid[]) and finished_at is not null", jobs)
            return bool(found[0]["n"] == len(jobs))

        await eventually(ended, "every promised job to end")

    async def until_job(self, job_id: str, holds: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        async def reached() -> dict[str, Any] | None:
            row = await self.job(job_id)
            return row if holds(row) else None

        return await eventually(reached, f"job {job_id} to be {what}")

    async def orders(self, jobs: list[str]) -> dict[str, str]:
        """What the provider calls them, once it has taken them all."""

        async def taken() -> dict[str, str] | None:
            rows = await self.rows(
                "select job_id, upstream_id from submissions where job_id = any(%s::uuid[]) and state = 'accepted'", jobs
            )
            return {str(row["job_id"]): row["upstream_id"] for row in rows} if len(rows) == len(jobs) else None

        return await eventually(taken, "the provider to have every job")

    async def looks_due(self, jobs: list[str]) -> dict[str, float]:
        """When each is looked at next, by this process's monotonic clock."""
        rows = await self.rows(
            "select job_id, extract(epoch from wake_at - clock_timestamp())::float8 as due from submissions"
            " where job_id = any(%s::uuid[]) and wake_at is not null",
            jobs,
        )
        now = time.monotonic()
        return {str(row["job_id"]): now + row["due"] for row in rows}

    async def caller(self, *instances: Member, mode: Mode = Mode.TEST) -> Caller:
        """A new user, who comes through a front where there are several instances."""
        async with await psycopg.AsyncConnection.connect(self.conninfo) as connection:
            _, key = await make_key(connection, RandomIds(), uuid4(), mode=mode)
        front, headers = Front([member.port for member in instances]), {"Authorization": f"Bearer {key}"}
        client = httpx.AsyncClient(base_url=instances[0].url, headers=headers, timeout=PATIENCE_SECONDS, transport=front)
        return Caller(await self.stack.enter_async_context(client))

    def films(self) -> int:
        """How many were ever kept."""
        return len(list((self.home / "media" / "videos").glob("*.mp4")))

    async def audit(self) -> None:
        """`dustreel audit` finds nothing."""
        member = await self._start("audit", "audit", port=0)
        assert await member.process.wait() == 0, member.last_words()

    async def _start(self, name: str, *words: str, port: int) -> Member:
        log = self.home / f"{len(self.members)}-{name}.log"
        said = {"DUSTREEL_HOME": str(self.home), "DUSTREEL_PORT": str(port), "DUSTREEL_STARTING_DUST": str(STARTING_DUST)}
        said |= {
            "DUSTREEL_RATE_LIMIT": "100000/minute",
            "DUSTREEL_SUBMIT_LIMIT": "100000/minute",
            "DUSTREEL_PROVIDERS": "replicate",
            "REPLICATE_API_TOKEN": name,
            "REPLICATE_BASE_URL": self.upstream.base_url,
        }
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "dustreel",
                *words,
                env={**os.environ, **said, **self.settings},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        member = Member(name, words, process, log, port)
        self.members.append(member)
        return member


class Postgres:
    """A server of the test's own: nobody but the test brings it back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._embedded = EmbeddedPostgres(folder)

    async def start(self) -> str:
        return await self._embedded.start()

    async def stop(self) -> None:
        await self._embedded.stop()

    def kill(self) -> None:
        """All of its processes at once, as a power cut would."""
        postmaster = postmaster_of(self.folder)
        everybody = [postmaster, *postmaster.children(recursive=True)]
        for process in everybody:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(everybody, timeout=10)


def postmaster_of(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "postmaster.pid").read_text().split("\n", 1)[0]))


@asynccontextmanager
async def cast(*, embedded: bool = False) -> AsyncIterator[tuple[Cast, Postgres]]:
    """Nobody on stage yet. `embedded`: the processes themselves run the database and watch over it."""
    async with AsyncExitStack() as stack:
        home = stack.enter_context(new_home())
        (home / "welcomed").touch()  # the welcome video would only warm the room
        upstream = WatchedReplicate()
        await stack.enter_async_context(upstream.running())
        postgres = Postgres(home / "postgres")
        settings = {}
        if embedded:
            conninfo = psycopg.conninfo.make_conninfo(host=str(postgres.folder), dbname=NAME, user=NAME)
        else:
            conninfo = await postgres.start()
            stack.push_async_callback(postgres.stop)
            settings["DUSTREEL_DATABASE_URL"] = conninfo
        found = Cast(home, conninfo, upstream, settings, stack)
        stack.push_async_callback(_off_stage, found)
        yield found, postgres


async def _off_stage(found: Cast) -> None:
    for member in found.members:
        if member.lives:
            await member.kill()


class Front(httpx.AsyncBaseTransport):
    """As a load balancer: the instances in turn, and the next one only where nobody listens. Whatever else goes wrong its caller sees."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ways = [(port, httpx.AsyncHTTPTransport()) for port in ports]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._ways = [*self._ways[1:], self._ways[0]]
        for number, (port, way) in enumerate(self._ways, 1):
            request.url = request.url.copy_with(port=port)
            try:
                return await way.handle_async_request(request)
            except httpx.ConnectError as failed:
                if not _refused(failed) or number == len(self._ways):
                    raise
        raise AssertionError("a front has instances")

    async def aclose(self) -> None:
        for _, way in self._ways:
            await way.aclose()


def _refused(failed: BaseException | None) -> bool:
    return failed is not None and (isinstance(failed, ConnectionRefusedError) or _refused(failed.__cause__ or failed.__context__))


@dataclass(frozen=True)
class Answer:
    asked: str
    at: float
    """When it came."""
    seconds: float
    status: int
    complaint: str
    """What a caller has against it, which is neither done nor a 503 that says when to come again. Empty where that is nothing."""


class Crowd:
    """Callers who keep asking, and remember every answer."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.over = asyncio.Event()
        self.promised: list[str] = []
        """Jobs that were answered 202."""
        self.completed: set[str] = set()
        """Of those that are polled."""

    async def ask(self, caller: Caller, method: str, path: str, **sent: Any) -> httpx.Response | None:
        """None where no answer came."""
        began = time.monotonic()
        try:
            answer = await caller.api.request(method, path, **sent)
            status, complaint = answer.status_code, _complaint(answer)
        except httpx.HTTPError as failed:
            answer, status, complaint = None, 0, repr(failed)
        self.answers.append(Answer(f"{method} {path}", time.monotonic(), time.monotonic() - began, status, complaint))
        return answer

    async def poll(self, caller: Caller, job: str) -> None:
        while not self.over.is_set():
            answer = await self.ask(caller, "GET", f"/videos/jobs/{job}/status")
            if answer is not None and answer.is_success and answer.json()["status"] == "completed":
                self.completed.add(job)
            await asyncio.sleep(0.1)

    async def submit(self, caller: Caller, *, at_once: int = 1) -> None:
        """Each job under a key of its own, said again until it is promised; `at_once` says it so many times together."""
        key = uuid4().hex
        while not self.over.is_set():
            wish = {"json": WISH | {"prompt": FAILING}, "headers": {"Idempotency-Key": key}}
            answers = await asyncio.gather(*(self.ask(caller, "POST", "/videos/generate", **wish) for _ in range(at_once)))
            jobs = {answer.json()["job_id"] for answer in answers if answer is not None and answer.status_code == 202}
            if jobs:
                (job,) = jobs
                self.promised.append(job)
                key = uuid4().hex
            await asyncio.sleep(0.2)

    async def use(self, caller: Caller, chance: random.Random) -> None:
        """As a front end does: submit, poll, and change one's mind now and then."""
        while not self.over.is_set():
            mind_changes = chance.random() < 0.4
            prompt = ENDLESS if mind_changes else chance.choice([FAILING] * 9 + [QUICK])
            job = await self._promised(caller, prompt, chance)
            for _ in range(chance.randrange(2, 8)):
                await self.ask(caller, "GET", f"/videos/jobs/{job}/status")
                await asyncio.sleep(chance.uniform(0.0, 0.3))
            while mind_changes:
                answer = await self.ask(caller, "DELETE", f"/videos/jobs/{job}")
                mind_changes = answer is None or answer.status_code != 200
                await asyncio.sleep(chance.uniform(0.0, 0.3))

    async def _promised(self, caller: Caller, prompt: str, chance: random.Random) -> str:
        key = uuid4().hex
        while True:
            wish = {"json": WISH | {"prompt": prompt}, "headers": {"Idempotency-Key": key}}
            answer = await self.ask(caller, "POST", "/videos/generate", **wish)
            await asyncio.sleep(chance.uniform(0.0, 0.3))
            if answer is not None and answer.status_code == 202:
                job: str = answer.json()["job_id"]
                self.promised.append(job)
                return job

    @property
    def complaints(self) -> set[str]:
        return {f"{answer.asked.split('/')[-1]}: {answer.complaint}" for answer in self.answers if answer.complaint}

    def counts(self) -> dict[tuple[str, int], int]:
        """Answers, by method and status."""
        return Counter((answer.asked.split()[0], answer.status) for answer in self.answers)

    def last_refusal(self) -> float:
        """When the last 503 came."""
        return max((answer.at for answer in self.answers if answer.status == 503), default=0.0)


def _complaint(answer: httpx.Response) -> str:
    if answer.is_success:
        return ""
    kind, again = answer.headers.get("content-type"), answer.headers.get("retry-after", "")
    if answer.status_code == 503 and kind == "application/problem+json" and again.isdigit():
        return ""
    return f"{answer.status_code} of {kind}, to come again in {again!r}: {answer.text[:200]}"
