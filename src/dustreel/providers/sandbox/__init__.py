"""The sandbox: a procedural renderer that needs no key and no network, and says so in the picture."""

from dustreel.providers.sandbox.directives import Directives, directives_of
from dustreel.providers.sandbox.provider import SandboxProvider

__all__ = ["Directives", "SandboxProvider", "directives_of"]
