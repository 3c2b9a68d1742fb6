"""Small secrets in the data folder, for their owner's eyes only (0600)."""

import contextlib
import os
import secrets
from pathlib import Path


def keep(file: Path, text: str) -> None:
    """Write it whole, or not at all."""
    _write(file.with_suffix(".new"), text).rename(file)


def kept_secret(file: Path) -> str:
    """What the file holds; made at the first call, and the same for all processes that make that call at once."""
    if not file.exists():
        fresh = _write(file.with_suffix(f".{secrets.token_hex(8)}"), secrets.token_urlsafe(32))
        with contextlib.suppress(FileExistsError):  # another was first
            os.link(fresh, file)
        fresh.unlink()
    return file.read_text().strip()


def _write(file: Path, text: str) -> Path:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text + "\n")
    return file
