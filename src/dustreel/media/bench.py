"""`python -m dustreel.media.bench`: the process that decodes. It trusts nothing that it is given."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import cv2

from dustreel.base.workplace import Tell, serve
from dustreel.media.adapt import adapt
from dustreel.media.pictures import crop, tidy
from dustreel.media.videos import examine


def handle(work: Mapping[str, Any], data: bytes, tell: Tell) -> tuple[Mapping[str, Any], bytes]:
    if work["do"] == "tidy":
        return tidy(Path(work["file"]), Path(work["into"])), b""
    if work["do"] == "crop":
        return {}, crop(data, work["across"], work["down"])
    if work["do"] == "adapt":
        sizes = work["width"], work["height"], work["seconds"], work["max_upscale"]
        return adapt(Path(work["file"]), Path(work["into"]), *sizes), b""
    facts, derived = examine(Path(work["file"]), work["width"], work["height"], work["seconds"], plainly=work["plainly"])
    parts = {"thumbnail": derived.thumbnail, "preview": derived.preview, "sprite": derived.sprite}
    made = {
        "parts": {name: len(part) for name, part in parts.items() if part is not None},
        "layout": None if derived.layout is None else asdict(derived.layout),
        "thumbhash": derived.thumbhash,
        "failed": dict(derived.failed),
    }
    return {"facts": dict(facts), **made}, b"".join(part for part in parts.values() if part is not None)


if __name__ == "__main__":
    av.logging.set_level(av.logging.PANIC)
    # What is scaled here is small; the decoder has threads of its own.
    cv2.setNumThreads(1)
    serve(handle)
