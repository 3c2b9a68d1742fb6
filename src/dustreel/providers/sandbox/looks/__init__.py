"""Styles over the finished picture."""

from dustreel.providers.sandbox.engine.port import Look
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.storyboard import Storyboard


def build(shot: Shot, storyboard: Storyboard) -> Look | None:
    return None
