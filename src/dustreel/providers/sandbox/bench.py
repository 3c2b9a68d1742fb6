"""`python -m dustreel.providers.sandbox.bench`: the process that draws and encodes."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2

from dustreel.base.workplace import Tell, serve
from dustreel.providers.sandbox.director import direct
from dustreel.providers.sandbox.encode import Encoder
from dustreel.providers.sandbox.engine.compose import compose
from dustreel.providers.sandbox.scene import Scene, Shot
from dustreel.providers.sandbox.sound import score
from dustreel.providers.sandbox.still import Still, open_picture, retold
from dustreel.providers.sandbox.storyboard import Storyboard

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
    picture = None if work["picture"] is None else Path(work["picture"])
    storyboard = direct(shot.prompt, seconds=shot.seconds, camera_fixed=shot.camera_fixed)
    if picture is not None:
        storyboard = retold(storyboard, shot.prompt)
    sound = None if draft or work["silent"] else partial(score, storyboard, shot.seconds)
    # Opened before anything is drawn: the sound is made meanwhile.
    with Encoder(Path(work["into"]), shot.width, shot.height, shot.fps, draft=draft, sound=sound) as encoder:
        scene = _scene(shot, storyboard, picture)
        frames = shot.seconds * shot.fps
        if draft:
            encoder.write(scene.frame(shot.seconds * DRAFT_MOMENT), frames)
            return {}, b""
        for number in range(frames):
            encoder.write(scene.frame(number / shot.fps))
            if number % (shot.fps // 4) == 0:
                tell({"share": number / frames})
    return {}, b""


def _scene(shot: Shot, storyboard: Storyboard, picture: Path | None) -> Scene:
    if picture is None:
        return compose(shot, storyboard)
    return Still(shot, open_picture(picture, shot.width, shot.height), storyboard)


if __name__ == "__main__":
    av.logging.set_level(av.logging.PANIC)
    # Drawing and encoding already share the processors between them.
    cv2.setNumThreads(1)
    serve(handle)
