"""Styles over the finished picture, each known at once and cheap per frame: bytes, tables, and textures that are made once."""

from collections.abc import Callable

import numpy as np

from dustreel.providers.sandbox.engine.port import Look
from dustreel.providers.sandbox.looks.anime import Anime
from dustreel.providers.sandbox.looks.clay import Clay
from dustreel.providers.sandbox.looks.neon import NeonLook
from dustreel.providers.sandbox.looks.noir import Noir
from dustreel.providers.sandbox.looks.paper import Paper
from dustreel.providers.sandbox.looks.pixel import Pixel
from dustreel.providers.sandbox.looks.vintage import Vintage
from dustreel.providers.sandbox.looks.watercolour import Watercolour
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.storyboard import Storyboard, Style

LOOKS: dict[Style, Callable[[Shot, np.random.Generator], Look]] = {
    Style.NOIR: Noir,
    Style.WATERCOLOUR: Watercolour,
    Style.NEON: NeonLook,
    Style.ANIME: Anime,
    Style.PIXEL: Pixel,
    Style.PAPER: Paper,
    Style.CLAY: Clay,
    Style.VINTAGE: Vintage,
}


def build(shot: Shot, storyboard: Storyboard) -> Look | None:
    look = LOOKS.get(storyboard.style)
    return look(shot, np.random.default_rng((storyboard.seed, 303))) if look else None
