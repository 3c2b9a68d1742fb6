"""Everything that is made of a film beside its own copy, from the one decode that checks it: thumbnail, preview, sprite, ThumbHash.

Nothing here fails a video. What can't be made is left out and told; a thumbnail there is always.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial

import cv2
import numpy as np
from av.video.frame import VideoFrame

from dustreel.media.preview import Stretch, encode
from dustreel.media.sampling import Rgb, Sampler, fitted, sampled_every
from dustreel.media.sprite import Sheet
from dustreel.media.thumbhash import SIDE_AT_MOST, thumbhash
from dustreel.media.thumbnail import Choice, Plain, card, jpeg, shrunk
from dustreel.media.vtt import Layout

SPRITE_QUALITY = 78

# What can be missing, by the names that a video's metadata uses.
THUMBNAIL, PREVIEW, SPRITE, THUMBHASH = "thumbnail", "preview", "sprite", "thumbhash"
FALLBACK = "fallback"


@dataclass(slots=True)
class Derived:
    thumbnail: bytes
    """A JPEG."""
    preview: bytes | None = None
    """An MP4."""
    sprite: bytes | None = None
    """A JPEG."""
    layout: Layout | None = None
    """The sprite's."""
    thumbhash: str | None = None
    """In base64."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """What could not be made, and why not, for the operator."""


class Derivation:
    """Is shown every frame of a film in its order, keeps a few of them small, and makes what is made of them at the end."""

    def __init__(self, width: int, height: int, seconds: int, rate: Fraction, *, plainly: bool = False) -> None:
        """`rate`: frames a second. `plainly`: no more than a thumbnail, with as little work as can be."""
        self._width, self._height = width, height
        self._every = sampled_every(rate)
        self._sample_rate = rate / self._every
        self._plain = Plain()
        self._sampler = Sampler(width, height)
        self._choice, self._stretch, self._sheet = Choice(), Stretch(self._sample_rate), Sheet(width, height, seconds)
        self._watching: dict[str, Choice | Stretch | Sheet] = {THUMBNAIL: self._choice, PREVIEW: self._stretch, SPRITE: self._sheet}
        self._failed: dict[str, str] = {}
        if plainly:
            self._watching.clear()
            self._failed = dict.fromkeys((THUMBNAIL, PREVIEW, SPRITE), "not tried again")

    def see(self, number: int, frame: VideoFrame) -> None:
        """Never raises."""
        if number % self._every:
            return
        self._made(lambda: self._plain.see(frame), FALLBACK)
        sample = self._made(lambda: self._sampler.sample(frame), *self._watching) if self._watching else None
        for name, watcher in self._watching.items():
            if sample is not None:
                self._made(partial(watcher.see, sample, frame), name)
        for name in self._failed.keys() & self._watching.keys():
            del self._watching[name]

    def finish(self) -> Derived:
        picture = self._picture()
        derived = Derived(jpeg(picture), failed=self._failed)
        if PREVIEW in self._watching:
            derived.preview = self._made(self._preview, PREVIEW)
        if SPRITE in self._watching:
            self._made(partial(self._put_sprite, derived), SPRITE)
        derived.thumbhash = self._made(lambda: _hashed(picture), THUMBHASH)
        # Of interest only where it was needed.
        if (fallback := self._failed.pop(FALLBACK, None)) is not None and THUMBNAIL in self._failed:
            self._failed[THUMBNAIL] += f"; nor a plain frame: {fallback}"
        return derived

    def _picture(self) -> Rgb:
        """The thumbnail: the frame that was chosen, or a plain one, or a card."""
        if THUMBNAIL in self._watching:
            chosen = self._made(lambda: shrunk(self._choice.best()), THUMBNAIL)
            if chosen is not None:
                return chosen
        plain = self._made(lambda: shrunk(self._plain.best()), FALLBACK)
        return card(self._width, self._height) if plain is None else plain

    def _preview(self) -> bytes:
        return encode(self._stretch.loop(), self._sample_rate, film_height=self._height)

    def _put_sprite(self, derived: Derived) -> None:
        sprite = self._sheet.finish()
        derived.sprite, derived.layout = jpeg(sprite.picture, SPRITE_QUALITY), sprite.layout

    def _made[T](self, make: Callable[[], T], *names: str) -> T | None:
        """What this makes; None where it fails, which is written down for everything that needs it."""
        try:
            return make()
        except Exception as wrong:
            for name in names:
                self._failed.setdefault(name, f"{type(wrong).__name__}: {wrong}")
            return None


def _hashed(picture: Rgb) -> str:
    height, width = picture.shape[:2]
    small = cv2.resize(picture, fitted(width, height, SIDE_AT_MOST), interpolation=cv2.INTER_AREA)
    return base64.b64encode(thumbhash(np.asarray(small, np.uint8))).decode()
