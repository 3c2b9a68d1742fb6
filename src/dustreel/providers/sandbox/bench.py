"""`python -m dustreel.providers.sandbox.bench`: the process that draws and encodes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import cv2

from dustreel.base.workplace import Tell, serve
from dustreel.providers.sandbox.director import direct
from dustreel.providers.sandbox.encode import Encoder
from dustreel.providers.sandbox.picture import Animate, open_picture
from dustreel.providers.sandbox.scene import Scene, Shot

FPS = 24
# A draft is one drawing; fewer frames of it are made and checked faster.
DRAFT_FPS = 8
# Which moment of the scene a draft shows.
DRAFT_MOMENT = 0.4


def handle(work: Mapping[str, Any], data: bytes, tell: Tell) -> tuple[Mapping[str, Any], bytes]:
    tell({"share": 0.0})
    draft = bool(work["draft"])
    shot = Shot(
        width=work["width"],
        height=work["height"],
        seconds=work["seconds"],
        fps=DRAFT_FPS if draft else FPS,
        prompt=work["prompt"],
        camera_fixed=work["camera_fixed"],
    )
    scene: Scene = direct(shot) if work["picture"] is None else Animate(shot, open_picture(Path(work["picture"])))
    with Encoder(Path(work["into"]), shot.width, shot.height, shot.fps, draft=draft) as encoder:
        frames = shot.seconds * shot.fps
        still = scene.frame(shot.seconds * DRAFT_MOMENT) if draft else None
        for number in range(frames):
            encoder.write(scene.frame(number / shot.fps) if still is None else still)
            if number % (shot.fps // 4) == 0:
                tell({"share": number / frames})
    return {}, b""


if __name__ == "__main__":
    av.logging.set_level(av.logging.PANIC)
    # Drawing and encoding already share the processors between them.
    cv2.setNumThreads(1)
    serve(handle)
