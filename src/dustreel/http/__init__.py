"""What a caller sees: the routes, the contract's bodies, and the one table from errors to HTTP."""

from dustreel.http.app import build_app
from dustreel.http.protocol import GuardedProtocol

__all__ = ["GuardedProtocol", "build_app"]
