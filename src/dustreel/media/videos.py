"""The full check of an MP4: every frame decoded, and nothing believed that the file merely says of itself."""

import hashlib
import os
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from dustreel.base.workshop import Declined
from dustreel.media.derive import Derivation, Derived

# 15 s of 2160p from a generous encoder.
BYTES_AT_MOST = 1 << 30
# Renderers round to whole frames, and some to whole groups of them.
DURATION_OFF_BY = 0.25
FRAMES_A_SECOND_AT_MOST = 120
DECODERS_AT_MOST = 16


def examine(file: Path, width: int, height: int, seconds: int, *, plainly: bool = False) -> tuple[Mapping[str, Any], Derived]:
    """What the video is (the fields of `VideoFacts`) and what is made of it; `plainly`, only a thumbnail.

    Raises Declined of kind `broken`.
    """
    size = file.stat().st_size
    if size > BYTES_AT_MOST:
        raise _broken("The video is larger than 1 GiB")
    try:
        # The format is forced and every protocol refused: a playlist in a video's clothes could read our files.
        with (
            file.open("rb") as data,
            av.open(data, "r", format="mov", options={"protocol_whitelist": "", "enable_drefs": "0"}) as container,
        ):
            facts, derivation = _decode(container, width, height, seconds, plainly=plainly)
    except (av.FFmpegError, OSError, ValueError, IndexError) as wrong:
        # OSError: a damaged file makes the demuxer seek to where there is nothing.
        raise _broken("The video can't be decoded") from wrong
    with file.open("rb") as data:
        sha256 = hashlib.file_digest(data, "sha256").hexdigest()
    return {**facts, "bytes": size, "sha256": sha256}, derivation.finish()


def _decode(
    container: "av.container.InputContainer", width: int, height: int, seconds: int, *, plainly: bool
) -> tuple[dict[str, Any], Derivation]:
    if len(container.streams.video) != 1:
        raise _broken("The file holds no video")
    stream = container.streams.video[0]
    codec = stream.codec_context
    if codec.name != "h264" or codec.pix_fmt != "yuv420p":
        raise _broken(f"The video is {codec.name} {codec.pix_fmt}, not H.264 4:2:0")
    if (codec.width, codec.height) != (width, height):
        raise _broken(f"The video is {codec.width}×{codec.height}, not {width}×{height}")
    codec.thread_type = "AUTO"
    # Some more than libav takes by itself: frames go on being decoded while this thread scales one. Each holds one frame.
    codec.thread_count = min(DECODERS_AT_MOST, (os.cpu_count() or 1) + 3)
    codec.options = {"err_detect": "explode+crccheck+bitstream+buffer"}
    expected = stream.frames
    if not 0 < expected <= seconds * FRAMES_A_SECOND_AT_MOST * 2:
        raise _broken("The video does not say how long it is")
    derivation = Derivation(width, height, seconds, Fraction(expected, seconds), plainly=plainly)
    frames, end = 0, 0.0
    for frame in container.decode(stream):
        if frame.is_corrupt or (frame.width, frame.height) != (width, height):
            raise _broken(f"The video is damaged at frame {frames}")
        derivation.see(frames, frame)
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
    return facts, derivation


def _broken(text: str) -> Declined:
    return Declined("broken", text)
