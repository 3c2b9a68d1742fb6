"""The `dustreel` command."""

import sys

__all__ = ["main"]


def main() -> None:
    """The entry point: one sentence and a non-zero exit where the operator can do something, never a traceback."""
    try:
        # Importing the service takes a second, in which somebody may press Ctrl-C.
        from dustreel.base.errors import DomainError, Misconfigured  # noqa: PLC0415
        from dustreel.cli.commands import app  # noqa: PLC0415

        try:
            app()
        except (Misconfigured, DomainError) as wrong:
            print(f"dustreel: {wrong}", file=sys.stderr)
            raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
