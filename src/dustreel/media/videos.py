"""The full check of an MP4: every frame decoded, and nothing believed that the file merely says of itself."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image

from dustreel.base.workshop import Declined

# 15 s of 2160p from a generous encoder.
BYTES_AT_MOST = 1 << 30
# Renderers round to whole frames, and some to whole groups of them.
DURATION_OFF_BY = 0.25
FRAMES_A_SECOND_AT_MOST = 120
THUMBNAIL_SIDE = 640
THUMBNAIL_QUALITY = 84
# Where candidates are taken from: past a fade-in, before a fade-out.
CANDIDATES_AT = (0.15, 0.3, 0.45, 0.6, 0.75)


@dataclass(frozen=True, slots=True)
class _Candidate:
    score: float
    picture: NDArray[np.uint8]


def examine(file: Path, width: int, height: int, seconds: int) -> tuple[Mapping[str, Any], bytes]:
    """What the video is (the fields of `VideoFacts`) and its thumbnail, a JPEG. Raises Declined of kind `broken`."""
    size = file.stat().st_size
    if size > BYTES_AT_MOST:
        raise _broken("The video is larger than 1 GiB")
    try:
        # The format is forced and every protocol refused: a playlist in a video's clothes could read our files.
        with (
            file.open("rb") as data,
            av.open(data, "r", format="mov", options={"protocol_whitelist": "", "enable_drefs": "0"}) as container,
        ):
            facts, best = _decode(container, width, height, seconds)
    except (av.FFmpegError, OSError, ValueError, IndexError) as wrong:
        # OSError: a damaged file makes the demuxer seek to where there is nothing.
        raise _broken("The video can't be decoded") from wrong
    digest = hashlib.sha256()
    with file.open("rb") as data:
        while chunk := data.read(1 << 20):
            digest.update(chunk)
    return {**facts, "bytes": size, "sha256": digest.hexdigest()}, _jpeg(best.picture)


def _decode(container: "av.container.InputContainer", width: int, height: int, seconds: int) -> tuple[dict[str, Any], _Candidate]:
    if len(container.streams.video) != 1:
        raise _broken("The file holds no video")
    stream = container.streams.video[0]
    codec = stream.codec_context
    if codec.name != "h264" or codec.pix_fmt != "yuv420p":
        raise _broken(f"The video is {codec.name} {codec.pix_fmt}, not H.264 4:2:0")
    if (codec.width, codec.height) != (width, height):
        raise _broken(f"The video is {codec.width}×{codec.height}, not {width}×{height}")
    codec.thread_type = "AUTO"
    codec.options = {"err_detect": "explode+crccheck+bitstream+buffer"}
    expected = stream.frames
    if not 0 < expected <= seconds * FRAMES_A_SECOND_AT_MOST * 2:
        raise _broken("The video does not say how long it is")
    wanted = {int(expected * share) for share in CANDIDATES_AT}
    frames, best, end = 0, _Candidate(-1.0, np.zeros((2, 2, 3), np.uint8)), 0.0
    for frame in container.decode(stream):
        if frame.is_corrupt or (frame.width, frame.height) != (width, height):
            raise _broken(f"The video is damaged at frame {frames}")
        if frames in wanted or frames == 0:
            candidate = _judge(frame)
            best = candidate if candidate.score > best.score else best
        frames += 1
        if frames > expected:
            raise _broken("The video holds more than it says")
        end = (frame.time or 0.0) + (1 / float(stream.average_rate or 1))
    if frames < expected:
        raise _broken("The video ends before its end")
    if abs(end - seconds) > DURATION_OFF_BY:
        raise _broken(f"The video is {end:.2f} s long, not {seconds}")
    facts = {
        "duration_seconds": round(end, 3),
        "width": width,
        "height": height,
        "fps": round(float(stream.average_rate or 0), 3),
        "frames": frames,
        "codec": "h264",
    }
    return facts, best


def _judge(frame: VideoFrame) -> _Candidate:
    """A frame made small, and how well it stands for the whole: contrast and sharpness, neither dark nor burnt out."""
    scale = min(1.0, THUMBNAIL_SIDE / max(frame.width, frame.height))
    small = frame.reformat(width=max(2, round(frame.width * scale)), height=max(2, round(frame.height * scale)), format="rgb24")
    picture = np.asarray(small.to_ndarray(), np.uint8)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    sharpness = float(np.log1p(cv2.Laplacian(grey, cv2.CV_32F).var()))
    light = float(grey.mean())
    usable = min(1.0, light / 40.0, (255.0 - light) / 25.0)
    return _Candidate((float(grey.std()) / 16 + sharpness) * max(0.05, usable), picture)


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=THUMBNAIL_QUALITY, optimize=True, progressive=True)
    return out.getvalue()


def _broken(text: str) -> Declined:
    return Declined("broken", text)
