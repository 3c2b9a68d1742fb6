"""`python -m bench.render_speed`: how near the sandbox's whole render comes to the speed of encoding ready-made frames, and its memory.

One process renders as the service's own does (`bench.handle`), another encodes the same frames, which it drew beforehand and keeps in
memory as libx264 takes them; the drawing isn't counted. They take turns, so that whatever else the machine does slows both.

    python -m bench.render_speed [--rounds 3] [--long]     --long adds 2160p, which takes a minute
"""

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from dustreel.base.vocabulary import AspectRatio, Frame, Resolution
from dustreel.providers.sandbox import bench
from dustreel.providers.sandbox.director import direct
from dustreel.providers.sandbox.engine.compose import compose
from dustreel.providers.sandbox.scene import Scene, Shot
from dustreel.providers.sandbox.still import Still, open_picture, retold

SECONDS = 5
PROMPTS = {
    "jazz club": "A cat playing piano in a jazz club",
    "snowy forest": "A fox walks through a snowy forest on a starry night",
    "rainy street": "A girl with a yellow umbrella dances in the rain on a city street at dusk",
    "abstract": "The quiet weight of a promise, in violet and gold",
    "picture": "Slowly zoom in",
}
# What the demand says, for the table's last column.
RATIO_AT_LEAST = {Resolution.HD_720P: 0.6, Resolution.HD_1080P: 0.6}
LENGTHS_AT_MOST = {Resolution.SD_480P: 1 / 1.5, Resolution.UHD_2160P: 8.0}
MEGABYTES_AT_MOST = {Resolution.HD_1080P: 500, Resolution.UHD_2160P: 900}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--long", action="store_true")
    options = arguments.parse_args()
    resolutions = [Resolution.SD_480P, Resolution.HD_720P, Resolution.HD_1080P, *([Resolution.UHD_2160P] if options.long else [])]
    with tempfile.TemporaryDirectory() as folder, as_file(files("dustreel") / "assets" / "sample.jpg") as sample:
        for resolution in resolutions:
            for what, prompt in PROMPTS.items():
                rounds = 1 if resolution is Resolution.UHD_2160P else options.rounds
                _report(resolution, what, _work(resolution, prompt, sample if what == "picture" else None, Path(folder)), rounds)


def _report(resolution: Resolution, what: str, work: Mapping[str, Any], rounds: int) -> None:
    rendering, encoding, peaks = [], [], []
    for _ in range(rounds):
        seconds, megabytes = _apart(_render, work)
        rendering.append(seconds)
        peaks.append(megabytes)
        # All frames of 2160p would not fit into a small machine's memory.
        if resolution is not Resolution.UHD_2160P:
            encoding.append(_apart(_encode, work)[0])
    took = statistics.median(rendering)
    ratio = statistics.median(encoding) / took if encoding else None
    wanted = [
        f"ratio ≥ {RATIO_AT_LEAST[resolution]}" if resolution in RATIO_AT_LEAST else "",
        f"≤ {LENGTHS_AT_MOST[resolution]:.2f} × its length" if resolution in LENGTHS_AT_MOST else "",
        f"≤ {MEGABYTES_AT_MOST[resolution]} MB" if resolution in MEGABYTES_AT_MOST else "",
    ]
    print(
        f"{resolution} {what}: {took:.2f} s, {took / SECONDS:.2f} × its length"
        + (f", ratio to encoding alone {ratio:.2f}" if ratio is not None else "")
        + f", peak {max(peaks):.0f} MB (wanted: {', '.join(filter(None, wanted)) or 'nothing'})",
        flush=True,
    )


def _work(resolution: Resolution, prompt: str, picture: Path | None, folder: Path) -> dict[str, Any]:
    frame = Frame.of(resolution, AspectRatio.WIDE)
    return {
        "prompt": prompt,
        "picture": None if picture is None else str(picture),
        "width": frame.width,
        "height": frame.height,
        "seconds": SECONDS,
        "camera_fixed": False,
        "draft": False,
        "silent": False,
        "into": str(folder / "video.mp4"),
    }


def _apart(measured: Callable[[Mapping[str, Any]], tuple[float, float]], work: Mapping[str, Any]) -> tuple[float, float]:
    """In a process of its own: seconds, and the most memory in megabytes."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measured, (work,))


def _render(work: Mapping[str, Any]) -> tuple[float, float]:
    cv2.setNumThreads(1)
    began = time.perf_counter()
    bench.handle(work, b"", lambda _: None)
    return time.perf_counter() - began, _peak()


def _encode(work: Mapping[str, Any]) -> tuple[float, float]:
    ready = []
    for number, picture in enumerate(_drawn(work)):
        frame = VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
        frame.pts, frame.time_base = number, Fraction(1, bench.FPS)
        ready.append(frame)
    began = time.perf_counter()
    with av.open(str(Path(work["into"]).with_name("again.mp4")), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=bench.FPS, options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = work["width"], work["height"], "yuv420p"
        stream.codec_context.thread_type = "AUTO"
        for frame in ready:
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return time.perf_counter() - began, _peak()


def _drawn(work: Mapping[str, Any]) -> Iterator[NDArray[np.uint8]]:
    shot = Shot(work["width"], work["height"], work["seconds"], bench.FPS, work["prompt"], work["camera_fixed"])
    storyboard = direct(shot.prompt, seconds=shot.seconds, camera_fixed=shot.camera_fixed)
    scene: Scene
    if work["picture"] is None:
        scene = compose(shot, storyboard)
    else:
        scene = Still(shot, open_picture(Path(work["picture"]), shot.width, shot.height), retold(storyboard, shot.prompt))
    for number in range(shot.seconds * shot.fps):
        yield scene.frame(number / shot.fps)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
