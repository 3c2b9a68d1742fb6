"""A still picture set in motion: its subject cut out of it, what was behind filled, and a camera that moves between the two."""

from dustreel.providers.sandbox.still.scene import Still
from dustreel.providers.sandbox.still.source import open_picture
from dustreel.providers.sandbox.still.wishes import retold

__all__ = ["Still", "open_picture", "retold"]
