"""How every command begins: settings with what was said on the command line, and a loop to run in."""

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path

import uvloop

from dustreel.base import log
from dustreel.base.settings import Settings, read_settings


def settings_said(**said: str | None) -> Settings:
    """The settings, with what was said on the command line on top. Logging follows them."""
    environment = {**os.environ, **{name: value for name, value in said.items() if value is not None}}
    settings = read_settings(environment, dotenv=Path(".env"))
    log.configure(settings.log_level, json=not sys.stderr.isatty())
    return settings


def run_command(command: Coroutine[None, None, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(command)
