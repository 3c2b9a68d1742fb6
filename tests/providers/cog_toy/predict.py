"""A toy of a video model for the real Cog server: a real MP4 of the size and length asked, within moments.

Its prompt says what goes wrong: "It fails", "It offends", "It dies", and "slowly" takes until it is cancelled, or half a minute.
Set from outside: TOY_RUNS names a file that gets a line a run, TOY_WAITS_FOR one that the setup waits for, TOY_SETUP_FAILS breaks it.
"""

import os
import sys
import tempfile
import time
from pathlib import Path as File

import av
import numpy as np
from av.video.stream import VideoStream
from cog import BaseRunner, Input, Path  # type: ignore[import-untyped]  # it ships no types

FPS = 8
SLOW_STEPS = 300
STEP_SECONDS = 0.1


class Runner(BaseRunner):  # type: ignore[misc]
    def setup(self) -> None:
        awaited = os.environ.get("TOY_WAITS_FOR")
        while awaited and not File(awaited).exists():
            time.sleep(0.02)
        if os.environ.get("TOY_SETUP_FAILS"):
            raise RuntimeError("The weights are missing")

    def run(
        self,
        prompt: str = Input(description="What is to be seen"),
        image: Path | None = None,
        seconds: int = Input(default=5, ge=1, le=60),
        width: int = Input(default=160, ge=16, le=1920),
        height: int = Input(default=96, ge=16, le=1920),
    ) -> Path:
        with File(os.environ["TOY_RUNS"]).open("a") as runs:
            runs.write(f"{prompt}\n")
        if "It dies" in prompt:
            os._exit(3)
        if "It fails" in prompt:
            raise RuntimeError("It failed, as it was told")
        if "It offends" in prompt:
            raise ValueError("NSFW content detected")
        if "slowly" in prompt:
            for step in range(SLOW_STEPS):
                draw_bar(step + 1, SLOW_STEPS)
                time.sleep(STEP_SECONDS)
        film = File(tempfile.mkdtemp(prefix="cog-toy-")) / "film.mp4"
        write_film(film, width, height, seconds, first_frame(image, width, height))
        return Path(film)


def draw_bar(done: int, of: int) -> None:
    """As tqdm draws it: over itself, on stderr."""
    percent = 100 * done // of
    sys.stderr.write(f"\r{percent:3d}%|{'#' * (percent // 10):10}| {done}/{of} [00:00<00:00, 9.9it/s]")
    sys.stderr.flush()


def first_frame(image: File | None, width: int, height: int) -> np.ndarray:
    """The still in the film's size; without one, a field of one colour."""
    if image is None:
        return np.full((height, width, 3), (40, 90, 160), np.uint8)
    with av.open(str(image)) as still:
        return next(still.decode(video=0)).reformat(width, height, "rgb24").to_ndarray()


def write_film(into: File, width: int, height: int, seconds: int, still: np.ndarray) -> None:
    frames = seconds * FPS
    with av.open(into, "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            picture = still.copy()
            left = width * number // frames
            picture[:, left : left + width // 12] = (240, 240, 230)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")):
                container.mux(packet)
            draw_bar(number + 1, frames)
        for packet in stream.encode():
            container.mux(packet)
