"""The `dustreel` command."""

from dustreel.cli.commands import main

__all__ = ["main"]
