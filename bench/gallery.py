"""`make gallery`: the prompts by which the sandbox is judged, as clips, thumbnails and one page, for somebody to look at."""

import argparse
import html
from pathlib import Path

import av
import cv2
import numpy as np

from dustreel.providers.sandbox.bench import handle
from dustreel.providers.sandbox.director import gallery
from dustreel.providers.sandbox.kit import Picture

SIZES = {"16:9": (854, 480), "9:16": (480, 854), "1:1": (480, 480), "4:3": (640, 480), "3:4": (480, 640)}
# Of the clip; where a thumbnail is taken.
MOMENT = 0.4
_SHEET_COLUMNS, _SHEET_WIDTH = 4, 384

_PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Dustreel sandbox: gallery</title>
<style>
  body {{ background: #14121a; color: #d8d4e0; font: 15px/1.4 system-ui, sans-serif; margin: 2rem; }}
  main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1.5rem; }}
  video {{ width: 100%; border-radius: 8px; background: #000; }}
  figure {{ margin: 0; }}
</style>
<h1>Gallery</h1>
<main>
{figures}
</main>
"""
_FIGURE = """<figure>
  <video src="{clip}" poster="{thumbnail}" controls loop muted preload="none" onmouseover="this.play()"></video>
  <figcaption>{prompt}</figcaption>
</figure>"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=Path("gallery"))
    parser.add_argument("--aspect", choices=SIZES, default="16:9")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of prompts, from 1")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    asked.into.mkdir(parents=True, exist_ok=True)
    figures, thumbnails = [], []
    for number, prompt in enumerate(gallery(), 1):
        if asked.only and number not in asked.only:
            continue
        clip, thumbnail = asked.into / f"{number:02}.mp4", asked.into / f"{number:02}.jpg"
        _render(prompt, SIZES[asked.aspect], asked.seconds, clip)
        picture = _moment(clip, asked.seconds * MOMENT)
        cv2.imwrite(str(thumbnail), picture)
        thumbnails.append(picture)
        figures.append(_FIGURE.format(clip=clip.name, thumbnail=thumbnail.name, prompt=html.escape(prompt)))
        print(f"{number:2}  {prompt}", flush=True)
    (asked.into / "index.html").write_text(_PAGE.format(figures="\n".join(figures)))
    cv2.imwrite(str(asked.into / "sheet.jpg"), _sheet(thumbnails))
    print(asked.into / "index.html")


def _render(prompt: str, size: tuple[int, int], seconds: int, into: Path) -> None:
    work = {"prompt": prompt, "picture": None, "width": size[0], "height": size[1], "seconds": seconds}
    handle(work | {"camera_fixed": False, "draft": False, "silent": False, "into": str(into)}, b"", lambda share: None)


def _moment(clip: Path, at: float) -> Picture:
    with av.open(str(clip)) as opened:
        for frame in opened.decode(video=0):
            if frame.time is not None and frame.time >= at:
                return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    raise ValueError(f"{clip} ends before {at} seconds")


def _sheet(pictures: list[Picture]) -> Picture:
    """All thumbnails in one picture."""
    height = round(_SHEET_WIDTH * pictures[0].shape[0] / pictures[0].shape[1])
    cells = [np.asarray(cv2.resize(one, (_SHEET_WIDTH, height), interpolation=cv2.INTER_AREA), np.uint8) for one in pictures]
    cells += [np.zeros_like(cells[0])] * (-len(cells) % _SHEET_COLUMNS)
    rows = [np.hstack(cells[at : at + _SHEET_COLUMNS]) for at in range(0, len(cells), _SHEET_COLUMNS)]
    return np.asarray(np.vstack(rows), np.uint8)


if __name__ == "__main__":
    main()
