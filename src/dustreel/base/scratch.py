"""Folders for files under way, which end with the process that made them, however that ends."""

import contextlib
import errno
import fcntl
import shutil
from collections.abc import Generator
from pathlib import Path
from uuid import UUID

LOCK = "lock"
# The embedded database is on the same disk, and must never find it full.
SPARE_BYTES = 256 << 20


@contextlib.contextmanager
def scratch_folder(base: Path, owner: UUID) -> Generator[Path]:
    """A folder for one owner's files under way. Those of owners that are gone are removed.

    A lock tells whether its owner lives. A process id does not: two containers on one data folder are both number 1.
    """
    base.mkdir(exist_ok=True)
    for folder in base.iterdir():
        if not folder.name.startswith(".") and _is_left(folder):
            shutil.rmtree(folder, ignore_errors=True)
    # Others see it under its name only once it is locked.
    fresh, own = base / f".{owner}", base / str(owner)
    fresh.mkdir()
    with (fresh / LOCK).open("ab") as lock:
        with contextlib.suppress(OSError):  # a file system without locks: then nobody removes anybody's
            fcntl.flock(lock, fcntl.LOCK_EX)
        fresh.rename(own)
        try:
            yield own / "files"
        finally:
            shutil.rmtree(own, ignore_errors=True)


def check_room(folder: Path) -> None:
    """Raises OSError where the disk is so full that strangers' files may take no more of it."""
    if shutil.disk_usage(folder).free < SPARE_BYTES:
        raise OSError(errno.ENOSPC, f"less than {SPARE_BYTES >> 20} MiB are free", str(folder))


def _is_left(folder: Path) -> bool:
    try:
        with (folder / LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
