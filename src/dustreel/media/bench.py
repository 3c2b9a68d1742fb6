"""`python -m dustreel.media.bench`: the process that decodes. It trusts nothing that it is given."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av

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
    return examine(Path(work["file"]), work["width"], work["height"], work["seconds"])


if __name__ == "__main__":
    av.logging.set_level(av.logging.PANIC)
    serve(handle)
