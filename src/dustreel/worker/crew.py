"""What a job's way needs, handed from step to step."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from dustreel.base.clock import Clock
from dustreel.base.db import Connection, Database
from dustreel.base.errors import Unavailable
from dustreel.base.ids import Ids
from dustreel.base.log import logger
from dustreel.jobs import Allowance, Deadlines
from dustreel.media import Workbench
from dustreel.pictures import Album
from dustreel.providers import Hooked, Registry, RemoteProvider, Telling
from dustreel.storage import Links, ObjectStore, Purger

log = logger(__name__)

# The database may be away for a while in the middle of a render; what was made is worth waiting for.
WRITE_AGAIN_SECONDS = 0.5
WRITE_WAIT_SECONDS = 5.0

type Way = Callable[..., AbstractAsyncContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class Crew:
    worker_id: UUID
    db: Database
    registry: Registry
    album: Album
    store: ObjectStore
    bench: Workbench
    ids: Ids
    clock: Clock
    deadlines: Deadlines
    max_upscale: float
    """How many times a provider's video may be enlarged at most."""
    hooks_url: str | None
    """Where providers reach us; None where they can't."""
    links: Links | None
    """Where anybody fetches our objects; None where only this machine does."""
    purger: Purger | None
    """Tells the CDN to forget; None where there is none that can be told."""
    allowances: Mapping[str, Allowance]
    """What each provider may be sent."""
    circuit_seconds: float
    """How long a model that fails again and again is sent nothing."""
    scratch: Path
    """A folder for files under way; emptied at every start."""

    async def write[T](self, change: Callable[[Connection], Awaitable[T]]) -> T:
        """Make one change to a job in a transaction of its own, however long the database is away.

        A commit whose answer was lost is made again: each change either finds its row moved on (Overtaken) or says the same once more.
        """
        return await self._until_it_is_back(self.db.transaction, change)

    async def say[T](self, change: Callable[[Connection], Awaitable[T]]) -> T:
        """As `write`, for a change or a question that is one statement: a transaction by itself, for a third of the exchanges."""
        return await self._until_it_is_back(self.db.connection, change)

    async def _until_it_is_back[T](self, way: Way, change: Callable[[Connection], Awaitable[T]]) -> T:
        while True:
            try:
                async with way(wait=WRITE_WAIT_SECONDS) as connection:
                    return await change(connection)
            except Unavailable:
                if self.db.pool.closed:
                    raise
                log.warning("the database is away; the job's next step waits for it")
                await asyncio.sleep(WRITE_AGAIN_SECONDS)

    def webhook_url(self, provider: RemoteProvider, submission_id: UUID) -> str | None:
        """Where the provider is to tell of this order, if it can and may."""
        if isinstance(provider, Telling):
            return f"{provider.callback_url}/hooks/{provider.name}/{submission_id}"
        if self.hooks_url is None or not isinstance(provider, Hooked):
            return None
        return f"{self.hooks_url}/{provider.name}/{submission_id}"

    @asynccontextmanager
    async def workplace(self, job_id: UUID) -> AsyncIterator[Path]:
        """A folder for one attempt's files, gone afterwards."""
        folder = self.scratch / f"{job_id}-{self.ids.secret()[:8]}"
        await asyncio.to_thread(folder.mkdir, parents=True)
        try:
            yield folder
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
