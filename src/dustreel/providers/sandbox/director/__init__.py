"""From a prompt to a storyboard. Nothing recognised is no error, but an abstract piece whose colours and rhythm follow the words."""

import hashlib
from importlib.resources import files

from dustreel.providers.sandbox.director.camera import takes_of
from dustreel.providers.sandbox.director.casting import cast
from dustreel.providers.sandbox.director.dice import Dice
from dustreel.providers.sandbox.director.reading import read
from dustreel.providers.sandbox.director.setting import names_a_place, set_in
from dustreel.providers.sandbox.storyboard import Storyboard

__all__ = ["direct", "gallery"]


def direct(prompt: str, *, seconds: int, camera_fixed: bool) -> Storyboard:
    """The same prompt always gives the same; of any text, a storyboard."""
    seed = _seed(prompt)
    dice = Dice(seed)
    reading = read(prompt)
    acting = cast(reading, dice, somewhere=names_a_place(reading))
    scene = set_in(reading, acting, dice)
    return Storyboard(
        seed=seed,
        place=scene.place,
        hour=scene.hour,
        weather=scene.weather,
        season=scene.season,
        mood=scene.mood,
        style=scene.style,
        palette=scene.palette,
        roles=acting.roles,
        takes=takes_of(reading, acting, dice, seconds=seconds, tempo=scene.tempo, fixed=camera_fixed),
        tempo=scene.tempo,
    )


def gallery() -> tuple[str, ...]:
    """The prompts by which the sandbox is judged."""
    return tuple(files("dustreel.providers.sandbox").joinpath("gallery.txt").read_text("utf-8").splitlines())


def _seed(prompt: str) -> int:
    # Prompts may hold halves of surrogate pairs.
    return int(hashlib.sha256(prompt.encode(errors="replace")).hexdigest()[:8], 16)
