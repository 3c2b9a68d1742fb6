"""WebVTT for scrubbing: cues whose text is an address of a part of a picture (https://www.w3.org/TR/media-frags/#naming-space)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layout:
    """A sprite's tiles, in pixels, row by row from the top left."""

    width: int
    height: int
    columns: int
    tiles: int
    every: float
    """Seconds of film for each tile."""


def webvtt(layout: Layout, sprite: str, seconds: float) -> str:
    """The text for a film this long. `sprite` is the picture's address relative to the text's own, so that it holds on any host."""
    cues = ["WEBVTT"]
    for number in range(layout.tiles):
        begin = number * layout.every
        end = seconds if number == layout.tiles - 1 else min(seconds, begin + layout.every)
        if begin >= end:
            break
        left, top = number % layout.columns * layout.width, number // layout.columns * layout.height
        cues.append(f"{_clock(begin)} --> {_clock(end)}\n{sprite}#xywh={left},{top},{layout.width},{layout.height}")
    return "\n\n".join(cues) + "\n"


def _clock(seconds: float) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{thousandths:03}"
