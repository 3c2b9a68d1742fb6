"""One process: the API, the worker beside it unless told otherwise, and the embedded database. A signal stops all of it."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager

import uvicorn

from dustreel.base.errors import Misconfigured
from dustreel.base.log import logger
from dustreel.base.scratch import scratch_folder
from dustreel.base.settings import Settings
from dustreel.base.waiting import uncut
from dustreel.http import GuardedProtocol, build_app
from dustreel.wiring import Service, running_service
from dustreel.worker import Crew, Foreman, Pace

log = logger(__name__)

# Open requests get this long to end; the whole process has ten seconds.
ANSWERS_FINISH_SECONDS = 2
# Callers with a request or a reused connection under way are answered 503 for so long, rather than cut off.
DRAIN_SECONDS = 0.5
BACKLOG = 2_048
# A worker's start is a few statements; in the middle of it, it could not be stopped.
STARTS_SECONDS = 2.0
# Longer than a browser or a proxy keeps an idle connection, so that they close first and no request meets a closing one.
KEEP_ALIVE_SECONDS = 75

type Ready = Callable[[Service], Awaitable[None]]


async def serve(settings: Settings, *, with_worker: bool, ready: Ready) -> None:
    """Answer requests until a signal. `ready` is awaited once they are answered. Raises Misconfigured when it can't start."""
    prepare_home(settings)
    listener = listen(settings)
    settings = settings.model_copy(update={"port": listener.getsockname()[1]})
    async with AsyncExitStack() as stack:
        stack.callback(listener.close)
        stopping, failed = _stop_signals(), asyncio.Event()
        async with _given_up(stopping):
            service = await stack.enter_async_context(running_service(settings))
            if with_worker:
                await stack.enter_async_context(working(service))
            failed = await stack.enter_async_context(_answering(service, listener))
            await ready(service)
        await _first(stopping.wait(), failed.wait())
        log.info("stopping")


async def work(settings: Settings) -> None:
    """Only the worker, until a signal. Raises Misconfigured."""
    prepare_home(settings)
    async with AsyncExitStack() as stack:
        stopping = _stop_signals()
        async with _given_up(stopping):
            service = await stack.enter_async_context(running_service(settings))
            await stack.enter_async_context(working(service))
            log.info("the worker is running")
        await stopping.wait()
        log.info("stopping")


@asynccontextmanager
async def working(service: Service) -> AsyncIterator[None]:
    """A worker in this process."""
    settings, worker_id = service.settings, service.ids.uuid()
    with scratch_folder(settings.home.absolute() / "scratch", worker_id) as scratch:
        crew = Crew(
            worker_id=worker_id,
            db=service.db.patient(),
            registry=service.registry,
            album=service.album,
            store=service.store,
            bench=service.bench,
            ids=service.ids,
            clock=service.clock,
            deadlines=service.deadlines,
            max_upscale=settings.max_upscale,
            hooks_url=settings.hooks_url,
            links=service.links if settings.hooks_url else None,
            purger=service.purger,
            allowances=service.allowances,
            circuit_seconds=settings.circuit_seconds,
            scratch=scratch,
        )
        pace = Pace(settings.beat_seconds, settings.dead_after_seconds, settings.job_ttl_hours * 3_600)
        foreman = Foreman(crew, service.bell, lanes=service.lanes, pace=pace)
        try:
            await uncut(foreman.start(), within=STARTS_SECONDS)
        except asyncio.CancelledError:
            await foreman.stop()
            raise
        warming = asyncio.gather(service.registry.warm(), service.bench.warm())
        try:
            yield
        finally:
            warming.cancel()
            await asyncio.gather(warming, return_exceptions=True)
            await foreman.stop()


def listen(settings: Settings) -> socket.socket:
    """The API's socket, bound before anything is started. Raises Misconfigured."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as failed:
        where = f"{settings.host}:{settings.port}"
        if failed.errno == errno.EADDRINUSE:
            raise Misconfigured(f"{where} is taken: stop what listens there, or set DUSTREEL_PORT.") from failed
        raise Misconfigured(f"Dustreel can't listen on {where}: {failed.strerror}.") from failed
    return listener


def prepare_home(settings: Settings) -> None:
    """Make the data folder, and see that it can be written to. Raises Misconfigured."""
    home = settings.home.absolute()
    probe = home / f".writable-{os.getpid()}"
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"\0" * 4_096)
        probe.unlink()
    except OSError as failed:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
        raise Misconfigured(f"The data folder {home} can't be used: {failed.strerror}. Set DUSTREEL_HOME to one that can.") from failed


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals are ours: the API is one of several things that stop."""
        yield


@asynccontextmanager
async def _answering(service: Service, listener: socket.socket) -> AsyncIterator[asyncio.Event]:
    """The API on its socket. The event is set should the server end by itself."""
    config = uvicorn.Config(
        build_app(service),
        http=GuardedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # Nobody asks for a caller's address or scheme, and nobody is believed about them.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=ANSWERS_FINISH_SECONDS,
    )
    server = _Server(config)
    failed = asyncio.Event()
    task = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    task.add_done_callback(lambda _: failed.set())
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has a flag for this and no event
        await asyncio.sleep(0.005)
    try:
        yield failed
    finally:
        service.stopping.set()
        await _close_the_door(server, listener)
        await _drained(server)
        server.should_exit = True
        await task


async def _close_the_door(server: uvicorn.Server, listener: socket.socket) -> None:
    """Who comes from now on is refused, and a balancer goes elsewhere; who is in, or stands at the door, is still answered.

    Were it closed last, it would fall shut on those who had just come in and not yet spoken.
    """
    loop, config = asyncio.get_running_loop(), server.config
    waiting: list[socket.socket] = []
    listener.setblocking(False)
    with contextlib.suppress(OSError):
        while True:
            waiting.append(listener.accept()[0])
    for one in server.servers:
        one.close()
    listener.close()

    def protocol() -> asyncio.Protocol:
        made: asyncio.Protocol = config.http_protocol_class(  # type: ignore[call-arg]
            config=config, server_state=server.server_state, app_state=server.lifespan.state, _loop=loop
        )
        return made

    for connection in waiting:
        await loop.connect_accepted_socket(protocol, connection)


async def _drained(server: uvicorn.Server) -> None:
    """Wait, for a moment at most, until nobody is connected: each answer now says "not now" and closes its connection."""
    until = asyncio.get_running_loop().time() + DRAIN_SECONDS
    while server.server_state.connections and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110 - uvicorn keeps a mere set
        await asyncio.sleep(0.01)


@asynccontextmanager
async def _given_up(stopping: asyncio.Event) -> AsyncIterator[None]:
    """A start that is cut off, wherever it stands, when the word to stop comes first. What has begun is stopped by its own exits."""
    try:
        async with asyncio.timeout(None) as start:

            async def hear() -> None:
                await stopping.wait()
                start.reschedule(asyncio.get_running_loop().time())

            hearing = asyncio.create_task(hear(), name="told to stop while starting")
            try:
                yield
            finally:
                hearing.cancel()
    except TimeoutError:
        if not start.expired():
            raise
        log.info("told to stop while starting")


def _stop_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


async def _first(*waits: Awaitable[object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    _, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
