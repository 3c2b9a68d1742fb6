"""A real Chromium, driven by Playwright. Where there is none the test fails, and says so."""

import fcntl
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

ROOT = Path(__file__).parents[1]
# No word to outside hosts, which a closed network would refuse one by one.
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-gpu"]


def chromium_path() -> str:
    """Installs a browser where there is none; one process of a test run does, the others wait."""
    with Path(tempfile.gettempdir(), f"dustreel-chromium-{os.getuid()}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = subprocess.run([ROOT / "scripts" / "chromium.sh"], stdout=subprocess.PIPE, text=True, check=True)
    return found.stdout.strip()


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Headless. Chromium refuses its sandbox to root, as whom containers run tests."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path(), args=[*QUIET, *(["--no-sandbox"] if os.getuid() == 0 else [])]
        )
        try:
            yield browser
        finally:
            await browser.close()
