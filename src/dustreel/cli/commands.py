"""Every command of `dustreel`: what it takes, and what it prints."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from dustreel import dust, jobs
from dustreel.base.clock import stamp
from dustreel.base.db import Database
from dustreel.base.errors import Misconfigured
from dustreel.base.ids import RandomIds, parse_uuid, user_of
from dustreel.base.settings import SECRETS, Settings, env_name
from dustreel.base.vocabulary import Dust, Mode
from dustreel.callers import Role, keys_of, make_key, revoke_key
from dustreel.cli import serve as serving
from dustreel.cli import tryout
from dustreel.cli.running import run_command, settings_said
from dustreel.cli.storage import storage_app
from dustreel.cli.storyboard import storyboard_lines
from dustreel.cli.welcome import welcome
from dustreel.providers.sandbox.director import direct
from dustreel.wiring import database, prices_of, running_service

app = typer.Typer(help="Dustreel: a self-hosted, asynchronous video-generation API.", no_args_is_help=True, add_completion=False)
keys_app = typer.Typer(help="API keys.", no_args_is_help=False, invoke_without_command=True)
app.add_typer(keys_app, name="keys")
app.add_typer(storage_app, name="storage")

User = Annotated[str, typer.Argument(metavar="USER", help="A UUID, or a name (which becomes a UUIDv5).")]
Live = Annotated[bool, typer.Option("--live", help="Live DUST and keys instead of test ones.")]


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (DUSTREEL_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (DUSTREEL_PORT); 0 takes any free one.")] = None,
    worker: Annotated[bool, typer.Option("--worker/--no-worker", help="Whether a worker runs in this process too.")] = True,
) -> None:
    """Answer requests, and render beside it."""
    settings = settings_said(DUSTREEL_HOST=host, DUSTREEL_PORT=None if port is None else str(port))
    run_command(serving.serve(settings, with_worker=worker, ready=welcome))


@app.command()
def worker() -> None:
    """Only render: a worker on the database and storage that the settings name."""
    run_command(serving.work(settings_said()))


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date."""

    async def run() -> None:
        async with _database(settings_said()):
            print("The database is up to date.")

    run_command(run())


@app.command()
def token(
    user: User,
    admin: Annotated[bool, typer.Option("--admin", help="A key that may grant DUST.")] = False,
    service: Annotated[bool, typer.Option("--service", help="A key that may act for any user.")] = False,
    live: Live = False,
    name: Annotated[str, typer.Option(help="A name to tell it by.")] = "",
) -> None:
    """Make an API key and print it: the only time that it can be seen."""
    if admin and service:
        raise Misconfigured("A key is for an admin or for a service, not for both.")
    role = Role.ADMIN if admin else Role.SERVICE if service else Role.USER

    async def run() -> None:
        async with _database(settings_said()) as db, db.transaction() as connection:
            _, secret = await make_key(connection, RandomIds(), user_of(user), mode=_mode(live), role=role, name=name)
        print(secret)

    run_command(run())


@keys_app.callback()
def keys(context: typer.Context, user: Annotated[str | None, typer.Option(help="Of one user only.")] = None) -> None:
    """List API keys, without their secrets."""
    if context.invoked_subcommand is not None:
        return

    async def run() -> None:
        table = Table("id", "key", "user", "mode", "role", "name", "made", "last used", "revoked", box=None)
        async with _database(settings_said()) as db, db.connection() as connection:
            for key in await keys_of(connection, None if user is None else user_of(user)):
                moments = (stamp(moment) if moment else "" for moment in (key.created_at, key.last_used_at, key.revoked_at))
                table.add_row(str(key.id), key.hint + "…", str(key.user_id), key.mode, key.role, key.name, *moments)
        Console(width=None if sys.stdout.isatty() else 240).print(table)

    run_command(run())


@keys_app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, from `dustreel keys`.")]) -> None:
    """Revoke a key: it is refused from now on."""

    async def run() -> None:
        found = parse_uuid(key_id)
        async with _database(settings_said()) as db, db.transaction() as connection:
            if found is None or not await revoke_key(connection, found):
                raise Misconfigured(f"There is no key {key_id}; `dustreel keys` lists them.")
        print("Revoked.")

    run_command(run())


@app.command()
def grant(
    user: User,
    amount: Annotated[int, typer.Argument(min=1, max=1_000_000_000, help="DUST to give.")],
    live: Live = False,
    reference: Annotated[str | None, typer.Option(help="A name for this grant; given twice, it is granted once.")] = None,
) -> None:
    """Give a user DUST, and print the new balance."""
    if reference is not None and dust.is_reserved(reference):
        raise Misconfigured(f"{reference!r} is a name that the house itself gives: choose another reference.")
    settings = settings_said()

    async def run() -> None:
        async with _database(settings) as db, db.transaction() as connection:
            starting = prices_of(settings).starting(_mode(live))
            entry = await dust.grant(connection, user_of(user), _mode(live), Dust(amount), reference=reference, starting=starting)
            account = await dust.balance(connection, user_of(user), _mode(live), starting=starting)
        if entry is None:
            print("This had been granted before; nothing was given again.", file=sys.stderr)
        print(account.balance)

    run_command(run())


@app.command()
def balance(user: User, live: Live = False) -> None:
    """Print a user's DUST."""
    settings = settings_said()

    async def run() -> None:
        async with _database(settings) as db, db.transaction() as connection:
            account = await dust.balance(connection, user_of(user), _mode(live), starting=prices_of(settings).starting(_mode(live)))
        print(f"{account.balance} ({account.held} held, {account.available} available)")

    run_command(run())


@app.command()
def audit() -> None:
    """Check every invariant of jobs, DUST and videos in the database; exit 1 at the first that does not hold."""

    async def run() -> None:
        # A large ledger takes a while, and so does whoever reads this page by page.
        async with _database(settings_said()) as db, db.unhurried("dustreel audit") as connection, connection.transaction():
            async for finding in jobs.audit(connection):
                print(f"{'ok  ' if finding.holds else 'FAIL'}  {finding.invariant}" + (f": {finding.detail}" if finding.detail else ""))
                if not finding.holds:
                    raise SystemExit(1)

    run_command(run())


@app.command()
def doctor() -> None:
    """List every setting with its value and meaning, and try what the service needs."""
    settings = settings_said()
    table = Table("setting", "value", "meaning", box=None)
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        shown = "(set)" if name in SECRETS and value else str(value if value is not None else "")
        table.add_row(env_name(name), shown, field.description or "")
    Console(width=None if sys.stdout.isatty() else 200).print(table)

    async def run() -> None:
        serving.prepare_home(settings)
        async with running_service(settings) as service, service.db.connection() as connection:
            version = connection.info.parameter_status("server_version")
            print(f"\nDatabase: PostgreSQL {version}, schema up to date.\nStorage: {settings.media_url}")
            found = await tryout.checks(service)
            print("\nProviders:", *(line for line, _ in found), "Live keys would be served by:", *tryout.routes(service), sep="\n  ")
            if not all(is_well for _, is_well in found):
                raise SystemExit(1)
            print("\nAll is well.")

    run_command(run())


@app.command()
def provider_test(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A remote provider of DUSTREEL_PROVIDERS.")],
    model: Annotated[str | None, typer.Option(help="One of its models; else the first that can.")] = None,
    into: Annotated[Path, typer.Option(help="Where the video goes.")] = Path("provider-test.mp4"),
    yes: Annotated[bool, typer.Option("--yes", help="Order without asking.")] = False,
) -> None:
    """Have a provider make one real video, which costs what it costs, and look at what it made."""
    settings = settings_said()

    async def run() -> None:
        serving.prepare_home(settings)
        async with running_service(settings) as service:
            await tryout.try_out(service, name, model, into, sure=yes)

    run_command(run())


@app.command()
def storyboard(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What a video should show.")],
    seconds: Annotated[int, typer.Option(min=5, max=15, help="The video's length.")] = 5,
    fixed: Annotated[bool, typer.Option("--fixed", help="With a camera that doesn't move.")] = False,
    json: Annotated[bool, typer.Option("--json", help="All of it, for machines.")] = False,
) -> None:
    """Print what the sandbox makes of a prompt: who does what, where and when, and how the camera sees it."""
    made = direct(prompt, seconds=seconds, camera_fixed=fixed)
    print(orjson.dumps(made, option=orjson.OPT_INDENT_2).decode() if json else "\n".join(storyboard_lines(made)))


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    serving.prepare_home(settings)
    async with database(settings) as db:
        yield db


def _mode(live: bool) -> Mode:
    return Mode.LIVE if live else Mode.TEST
