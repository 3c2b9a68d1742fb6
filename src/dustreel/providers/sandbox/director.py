"""From a prompt to a scene: which words are there, and what they ask for."""

import re

from dustreel.providers.sandbox.scene import Scene, Shot
from dustreel.providers.sandbox.scenes.abstract import Abstract


def direct(shot: Shot) -> Scene:
    """The scene for a prompt; an abstract one where nothing is recognised."""
    return Abstract(shot)


def words_of(prompt: str) -> list[str]:
    return re.findall(r"[a-z]+", prompt.lower())
