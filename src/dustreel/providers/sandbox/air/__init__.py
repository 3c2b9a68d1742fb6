"""Weather between set and camera: rain, snow, fog, embers, leaves, dust."""

from dustreel.providers.sandbox.engine.port import Air, Light
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.storyboard import Storyboard


def build(shot: Shot, storyboard: Storyboard, light: Light) -> tuple[Air, ...]:
    return ()
