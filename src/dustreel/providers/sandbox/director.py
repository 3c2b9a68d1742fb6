"""From a prompt to a scene: which words are there, and what they ask for."""

from dustreel.providers.sandbox.scene import Scene, Shot
from dustreel.providers.sandbox.scenes.abstract import Abstract
from dustreel.providers.sandbox.scenes.jazz import Jazz
from dustreel.providers.sandbox.scenes.land import Land
from dustreel.providers.sandbox.setting import read_setting, words_of

_CLUB = frozenset("jazz piano pianist saxophone nightclub cabaret blues".split())


def direct(shot: Shot) -> Scene:
    """The scene for a prompt; an abstract one where nothing is recognised."""
    if not _CLUB.isdisjoint(words_of(shot.prompt)):
        return Jazz(shot)
    setting = read_setting(shot.prompt)
    return Land(shot, setting) if setting.is_somewhere else Abstract(shot)
