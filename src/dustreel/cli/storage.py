"""`dustreel storage`: is everything there that should be, and nothing else; and the road from a disk to a bucket."""

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from dustreel.base.errors import Misconfigured
from dustreel.cli import serve as serving
from dustreel.cli.inventory import Inventory, remove_strays, take_inventory
from dustreel.cli.moving import Moved, copy_library
from dustreel.cli.running import run_command, settings_said
from dustreel.storage import LibraryStore, open_store, remove
from dustreel.wiring import access_of, running_service

storage_app = typer.Typer(help="The stored objects.", no_args_is_help=True)


@storage_app.command()
def check(
    fix: Annotated[bool, typer.Option("--fix", help="Remove stray objects that are older than the grace.")] = False,
    grace_hours: Annotated[float, typer.Option(min=0, help="How young a stray object may be and stay.")] = 24,
) -> None:
    """Find objects without rows and rows without objects; exit 1 when any are left. Changes nothing without --fix."""
    settings, grace = settings_said(), timedelta(hours=grace_hours)

    async def run() -> None:
        serving.prepare_home(settings)
        async with running_service(settings) as service:
            store = service.store
            assert isinstance(store, LibraryStore)
            try:
                found = await take_inventory(store, service.db, now=service.clock.now(), grace=grace)
            except OSError as failed:
                raise Misconfigured(f"The storage can't be read: {failed.strerror}.") from failed
            _show(found)
            left = len(found.strays)
            if fix and found.strays:
                gone = await remove_strays(found.strays, service.db, grace=grace, remove=lambda keys: remove(store, keys, service.purger))
                left -= len(gone)
                print(f"Removed {len(gone)} stray objects." + (f" {left} are left: try again." if left else ""))
        if left or found.missing:
            raise SystemExit(1)
        print("All is well.")

    run_command(run())


@storage_app.command()
def move(target_url: Annotated[str, typer.Argument(metavar="TARGET_URL", help="Like DUSTREEL_STORAGE_URL.")]) -> None:
    """Copy the library to another store, comparing every object; exit 1 when one could not be. May be cut off and begun again."""
    settings = settings_said()

    async def run() -> None:
        if target_url.rstrip("/") == settings.media_url.rstrip("/"):
            raise Misconfigured(f"The library is at {target_url} already.")
        source = await open_store(settings.media_url, access_of(settings))
        target = await open_store(target_url, access_of(settings))
        # Beside the data, not in /tmp: that may be memory.
        serving.prepare_home(settings)
        with tempfile.TemporaryDirectory(prefix="moving-", dir=settings.home.absolute()) as scratch:
            try:
                moved = await copy_library(source, target, Path(scratch), lambda so_far: print(_line(so_far), flush=True))
            except* OSError as failed:
                raise Misconfigured(f"The storage {settings.media_url} can't be listed: {failed.exceptions[0]}.") from failed
        print(_line(moved))
        for key, why in moved.failed.items():
            print(f"FAIL  {key}: {why}")
        if moved.failed:
            raise SystemExit(1)
        print(_AFTERWARDS.format(url=target_url))

    run_command(run())


_AFTERWARDS = """
Every object is there and was compared. Now
  1. stop the service and run this once more: it copies only what came meanwhile;
  2. set DUSTREEL_STORAGE_URL={url} and start it: links follow, because rows hold keys and not addresses;
  3. run `dustreel storage check`, and keep the old store until you trust the new one."""


def _line(moved: Moved) -> str:
    gone = f", {moved.gone} deleted meanwhile" if moved.gone else ""
    failed = f", {len(moved.failed)} failed" if moved.failed else ""
    return f"{moved.copied} copied ({moved.size:,} bytes), {moved.skipped} there already{gone}{failed}"


def _show(found: Inventory) -> None:
    print(f"{found.objects} objects, {found.size:,} bytes.")
    for stray in found.strays:
        print(f"stray    {stray.key}: no row names it; {stray.size:,} bytes, {stray.modified:%Y-%m-%d %H:%M}")
    if found.young:
        print(f"{found.young} more that no row names are younger than the grace.")
    for owner, key in found.missing:
        print(f"missing  {key}: {owner} has no such object")
    if found.missing:
        print("What is missing comes back from a backup. Rows stay: only their owner deletes them.")
