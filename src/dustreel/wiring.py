"""The only file that names concrete adapters: settings in, a running service out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg

from dustreel import videos
from dustreel.base.bell import Bell
from dustreel.base.clock import Clock, SystemClock
from dustreel.base.db import Database
from dustreel.base.embedded import EmbeddedPostgres
from dustreel.base.errors import Misconfigured, Unavailable
from dustreel.base.ids import Ids, RandomIds
from dustreel.base.kept import kept_secret
from dustreel.base.log import logger
from dustreel.base.migrate import migrate
from dustreel.base.scratch import scratch_folder
from dustreel.base.settings import Settings, by_name, env_name, rate_of, split
from dustreel.base.tls import trusted
from dustreel.base.vocabulary import Dust, GenerationType
from dustreel.base.waiting import in_background, told_to_stop
from dustreel.callers import Gate, Limits, TokenRules, Tokens
from dustreel.dust import Prices
from dustreel.fetch import SafeFetch
from dustreel.jobs import Allowance, Deadlines, Desk, DeskRules, Estimates, JobReads
from dustreel.media import Workbench
from dustreel.pictures import Album
from dustreel.providers import Preferences, Provider, Registry
from dustreel.providers.catalogue import read_catalogue
from dustreel.providers.cog import CogProvider
from dustreel.providers.fal import FalProvider
from dustreel.providers.openai_compatible import OpenAICompatibleProvider
from dustreel.providers.replicate import ReplicateProvider
from dustreel.providers.sandbox import SandboxProvider
from dustreel.queue import Lane, engine_schema
from dustreel.storage import (
    Access,
    Cloudflare,
    DiskStore,
    Links,
    ObjectStore,
    Presigned,
    Purger,
    RemoteStore,
    S3Store,
    SignedMedia,
    Signer,
    open_store,
    remove,
)

log = logger(__name__)

PROVIDERS = ("sandbox", "replicate", "fal", "openai_compatible", "cog")
KEY_USE_WRITTEN_SECONDS = 10.0
REACHED_SECONDS = 5.0
# Whoever deletes a video waits no longer for its objects to go; what is left then goes later.
REMOVAL_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that the API and the worker share in one process."""

    settings: Settings
    db: Database
    bell: Bell
    clock: Clock
    ids: Ids
    gate: Gate
    limits: Limits
    prices: Prices
    registry: Registry
    allowances: Mapping[str, Allowance]
    """What each provider may be sent, by its name."""
    store: ObjectStore
    links: Links
    signed_media: SignedMedia | None
    """What links to the API's own media route must be signed by; None where they are public."""
    purger: Purger | None
    """Tells the CDN to forget; None where there is none that can be told."""
    bench: Workbench
    album: Album
    desk: Desk
    reads: JobReads
    deadlines: Deadlines
    lanes: dict[Lane, int]
    stopping: asyncio.Event
    """Set when this process takes no more requests."""
    media: Path | RemoteStore
    """What the API serves objects from: the disk store's folder, or a store that it hands them through from."""

    async def remove_objects(self, keys: list[str]) -> bool:
        """Remove a deleted video's objects and purge their links now.

        False when something of them is left: the removals stay written down and are tried again.
        """
        gone: list[str] = []
        try:
            async with asyncio.timeout(REMOVAL_SECONDS):
                gone = await remove(self.store, keys, self.purger)
        except TimeoutError:
            log.warning("the storage takes too long to remove objects; a sweep goes on with it", keys=keys)
        try:
            async with self.db.transaction() as connection:
                await videos.removed(connection, gone)
        except Unavailable:
            log.info("the database is away; a sweep finds that these objects are gone", keys=gone)
        return len(gone) == len(keys)


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[Database]:
    """An open, migrated database: the embedded server, started and watched, or the one that the settings name. Raises Misconfigured."""
    async with AsyncExitStack() as stack:
        conninfo = settings.database_url
        if not conninfo:
            conninfo = await stack.enter_async_context(_embedded(settings))
        db = await _reached(conninfo, settings)
        await db.open()
        stack.push_async_callback(db.close)
        applied = await migrate(db, before=[engine_schema()])
        if applied:
            log.info("migrated the database", applied=applied)
        yield db


@asynccontextmanager
async def running_service(settings: Settings) -> AsyncIterator[Service]:
    """The service on its database. Raises Misconfigured."""
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(database(settings))
        clock, ids, bell = SystemClock(), RandomIds(), Bell(db)
        client = await stack.enter_async_context(httpx.AsyncClient(verify=trusted()))
        bench = Workbench()
        stack.push_async_callback(bench.close)
        store = await open_store(settings.media_url, access_of(settings))
        signed_media = _signed_media(settings, clock)
        links = _links(settings, store, signed_media, clock)
        fetcher = SafeFetch(allow=split(settings.fetch_allow), own_hosts=[urlsplit(settings.base_url).hostname or ""])
        incoming = stack.enter_context(scratch_folder(settings.home.absolute() / "incoming", ids.uuid()))
        album = Album(db, store, links, fetcher, bench, ids, incoming=incoming)
        registry, allowances = _registry(settings, clock), allowances_of(settings)
        stack.push_async_callback(registry.close)
        prices = prices_of(settings)
        deadlines = Deadlines(
            queue=settings.queue_timeout_seconds,
            job=settings.job_timeout_seconds,
            render=settings.render_timeout_seconds,
            settle=settings.settle_seconds,
        )
        lanes = {Lane.HEAVY: settings.heavy_jobs, Lane.LIGHT: settings.light_jobs}
        estimates = Estimates(db, clock, slots={lane.value: slots for lane, slots in lanes.items()})
        rules = DeskRules(prices, deadlines, settings.max_active_jobs)
        token_rules = TokenRules(
            settings.jwt_secret or None, settings.jwks_url or None, settings.jwt_issuer or None, settings.jwt_audience or None
        )
        service = Service(
            settings=settings,
            db=db,
            bell=bell,
            clock=clock,
            ids=ids,
            gate=Gate(db, Tokens(token_rules, clock, client), clock, bell),
            limits=Limits(requests=settings.rate_limit, submits=settings.submit_limit),
            prices=prices,
            registry=registry,
            allowances=allowances,
            store=store,
            links=links,
            signed_media=signed_media,
            purger=_purger(settings, links, client),
            bench=bench,
            album=album,
            desk=Desk(db, registry, allowances, album, estimates, ids, rules),
            reads=JobReads(db),
            deadlines=deadlines,
            lanes=lanes,
            stopping=asyncio.Event(),
            media=store.root if isinstance(store, DiskStore) else store,
        )
        await stack.enter_async_context(in_background(bell.listen, "bell"))
        await stack.enter_async_context(in_background(lambda stopping: _write_down_key_use(service, stopping), "key use"))
        yield service


def _registry(settings: Settings, clock: Clock) -> Registry:
    sandbox = SandboxProvider(processes=settings.heavy_jobs)
    known: dict[str, Callable[[], Provider]] = {
        "sandbox": lambda: sandbox,
        "replicate": lambda: _replicate(settings, clock),
        "fal": lambda: _fal(settings, clock),
        "openai_compatible": lambda: _openai_compatible(settings),
        "cog": lambda: _cog(settings),
    }
    wanted = split(settings.providers) or ("sandbox",)
    for name in wanted:
        if name not in PROVIDERS:
            raise Misconfigured(f"DUSTREEL_PROVIDERS names {name!r}, which is none of: {', '.join(PROVIDERS)}.")
    pins = {GenerationType.TEXT_TO_VIDEO: settings.model_text, GenerationType.IMAGE_TO_VIDEO: settings.model_image}
    preferences = Preferences(settings.max_upscale, {kind: pin for kind, pin in pins.items() if pin})
    return Registry([known[name]() for name in wanted], sandbox, preferences)


def _replicate(settings: Settings, clock: Clock) -> ReplicateProvider:
    token = _needed(settings, "replicate", "replicate_api_token")
    catalogue = read_catalogue("replicate", settings.models_file)
    return ReplicateProvider(token, catalogue, clock=clock, base_url=settings.replicate_base_url)


def _fal(settings: Settings, clock: Clock) -> FalProvider:
    key, catalogue = _needed(settings, "fal", "fal_key"), read_catalogue("fal", settings.models_file)
    keys = f"{settings.fal_rest_url}/.well-known/jwks.json"
    return FalProvider(key, catalogue, clock=clock, queue_url=settings.fal_queue_url, rest_url=settings.fal_rest_url, jwks_url=keys)


def _openai_compatible(settings: Settings) -> OpenAICompatibleProvider:
    url = _needed(settings, "openai_compatible", "openai_base_url")
    # Asked for another model, some servers use the one that they have without a word.
    loaded = split(_needed(settings, "openai_compatible", "openai_models"))
    catalogue = read_catalogue("openai_compatible", settings.models_file).only(loaded)
    return OpenAICompatibleProvider(url, catalogue, api_key=settings.openai_api_key or None)


def _cog(settings: Settings) -> CogProvider:
    url, catalogue = _needed(settings, "cog", "cog_url"), read_catalogue("cog", settings.models_file, is_guess=True)
    secret = settings.hook_secret or kept_secret(settings.home / "hook-secret")
    return CogProvider(url, catalogue, callback_url=settings.cog_callback_url or settings.base_url, secret=secret.encode())


def _needed(settings: Settings, provider: str, field: str) -> str:
    said: str = getattr(settings, field)
    if not said:
        raise Misconfigured(f"DUSTREEL_PROVIDERS names {provider}, which needs {env_name(field)}.")
    return said


def allowances_of(settings: Settings) -> dict[str, Allowance]:
    """What each provider may be sent, by its name."""
    at_once, rates = by_name(settings.provider_concurrency), by_name(settings.provider_rates)
    budgets = by_name(settings.provider_budgets)
    for name in {*at_once, *rates, *budgets}:
        if name not in PROVIDERS:
            raise Misconfigured(f"The limits of providers name {name!r}, which is none of: {', '.join(PROVIDERS)}.")
    return {
        name: Allowance(
            at_once=int(at_once[name]) if name in at_once else None,
            rate=rate_of(rates[name]) if name in rates else None,
            usd_a_day=Decimal(budgets[name]) if name in budgets else None,
        )
        for name in {*at_once, *rates, *budgets}
    }


def prices_of(settings: Settings) -> Prices:
    start = settings.starting_dust
    return Prices(
        text_to_video=Dust(settings.price_text),
        image_to_video=Dust(settings.price_image),
        starting_live=Dust(0 if start is None else start),
        starting_test=Dust(1_000 if start is None else start),
    )


def access_of(settings: Settings) -> Access:
    """How we are known where the storage is a bucket."""
    return Access(
        access_key_id=settings.aws_access_key_id,
        secret_access_key=settings.aws_secret_access_key,
        session_token=settings.aws_session_token,
        region=settings.aws_region,
        endpoint=settings.aws_endpoint_url_s3 or settings.aws_endpoint_url,
    )


def _signed_media(settings: Settings, clock: Clock) -> SignedMedia | None:
    if settings.media == "public":
        return None
    secret = settings.media_secret or kept_secret(settings.home / "media-secret")
    return SignedMedia(settings.base_url, secret.encode(), clock)


def _links(settings: Settings, store: DiskStore | S3Store, signed: SignedMedia | None, clock: Clock) -> Links:
    if signed is None:
        return Links(settings.base_url, settings.cdn_url or None)
    # A bucket signs for itself, and its viewers don't pass through the API.
    signers: list[Signer] = [Presigned(store.bucket, clock), signed] if isinstance(store, S3Store) else [signed]
    return Links(settings.base_url, settings.cdn_url or None, signers=signers)


def _purger(settings: Settings, links: Links, client: httpx.AsyncClient) -> Purger | None:
    if not settings.cdn_purge:
        return None
    return Cloudflare(
        links, zone=settings.cdn_purge, token=settings.cloudflare_api_token, api_url=settings.cloudflare_api_url, client=client
    )


@asynccontextmanager
async def _embedded(settings: Settings) -> AsyncIterator[str]:
    """The embedded server, watched while we run: it comes back by itself when it was killed."""
    postgres = EmbeddedPostgres(settings.home.absolute() / "postgres")
    try:
        conninfo = await postgres.start()
        async with in_background(postgres.watch, "postgres"):
            yield conninfo
    finally:
        await postgres.stop()


async def _write_down_key_use(service: Service, stopping: asyncio.Event) -> None:
    """Writes down when each key was last used, now and then and once more at the end."""
    stopped = False
    while not stopped:
        stopped = await told_to_stop(stopping, KEY_USE_WRITTEN_SECONDS)
        try:
            await service.gate.write_down_use()
        except Unavailable:
            log.info("the database is away; when keys were used is written down later")


async def _reached(conninfo: str, settings: Settings) -> Database:
    """One try before the pool's patient ones, so that a wrong address is told at once. Raises Misconfigured."""
    try:
        db = Database(conninfo)
    except psycopg.ProgrammingError:
        # What is wrong with it is not told: libpq would repeat the password.
        raise Misconfigured("DUSTREEL_DATABASE_URL must be like postgresql://user:password@host:5432/name.") from None
    try:
        async with asyncio.timeout(REACHED_SECONDS), await db.dial("dustreel"):
            return db
    except (psycopg.Error, TimeoutError, OSError) as failed:
        where = "DUSTREEL_DATABASE_URL" if settings.database_url else "the embedded database"
        # The first line says what happened; what follows are hints.
        reason = str(failed).strip().splitlines()[0].strip() if str(failed).strip() else f"no answer within {REACHED_SECONDS:.0f} seconds"
        raise Misconfigured(f"The database of {where} can't be reached: {reason}") from failed
