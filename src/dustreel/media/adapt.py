"""Making a provider's video what was asked for: trimmed and scaled, never stretched in time, cropped or padded to another shape."""

import io
import struct
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import Interpolation

from dustreel.base.workshop import Declined

# Encoders and models round sizes to whole blocks: 1366×768, 1280×704 and 832×480 count as 16:9.
SHAPE_OFF_BY = 0.03
# As `videos.examine` allows.
SHORT_BY_AT_MOST = 0.25
# Containers that hold videos, and no protocol: a playlist in a video's clothes could read our files.
OPTIONS = {"format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm", "protocol_whitelist": "", "enable_drefs": "0"}
_BT709 = 1


def adapt(file: Path, into: Path, width: int, height: int, seconds: int, max_upscale: float) -> Mapping[str, Any]:
    """Write the first `seconds` at this size to `into`, where the file isn't so already.

    Returns what was done: `trimmed_from` seconds, `scaled_from` pixels, `encoded_from` a codec, `remuxed` where only the container was
    written afresh, with its index first; empty where nothing was needed and nothing written. Raises Declined of kind `broken`.
    """
    try:
        with file.open("rb") as data, av.open(data, "r", options=OPTIONS) as source:
            if not source.streams.video:
                raise Declined("broken", "The provider's file holds no video")
            done = _needed(source, width, height, seconds, max_upscale)
            if done:
                _rewrite(source, into, width, height, seconds)
            elif not has_index_first(file):
                done["remuxed"] = True
                _remux(source, into)
    except (av.FFmpegError, OSError, ValueError) as wrong:
        raise Declined("broken", "The provider's video can't be decoded") from wrong
    return done


def has_index_first(file: Path) -> bool:
    """Whether an MP4 can be played from its first byte: its index, whole, stands before its data (ISO/IEC 14496-12, 4.2)."""
    has_index = False
    with file.open("rb") as data:
        while len(head := data.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            read = 8
            if length == 1:
                (length,), read = struct.unpack(">Q", data.read(8).rjust(8, b"\0")), 16
            if kind in (b"mdat", b"moof"):  # a fragment's index says nothing of what follows it
                return has_index and kind == b"mdat"
            has_index = has_index or kind == b"moov"
            if length < read:  # to the end of the file, or nonsense
                return False
            data.seek(length - read, io.SEEK_CUR)
    return False


def _needed(source: "av.container.InputContainer", width: int, height: int, seconds: int, max_upscale: float) -> dict[str, Any]:
    stream = source.streams.video[0]
    native = (stream.codec_context.width, stream.codec_context.height)
    long = (
        float(stream.duration * stream.time_base) if stream.duration and stream.time_base else float((source.duration or 0) / av.time_base)
    )
    if not all(native) or abs((native[0] * height) / (native[1] * width) - 1) > SHAPE_OFF_BY:
        raise Declined("broken", f"The provider's video is {native[0]}×{native[1]}, which is of another shape than {width}×{height}")
    if height > native[1] * max_upscale:
        raise Declined("broken", f"The provider's video is {native[0]}×{native[1]}, too small for {width}×{height}")
    if long < seconds - SHORT_BY_AT_MOST:
        raise Declined("broken", f"The provider's video is {long:.2f} s long, not {seconds}")
    done: dict[str, Any] = {}
    if long > seconds + SHORT_BY_AT_MOST:
        done["trimmed_from"] = round(long, 3)
    if native != (width, height):
        done["scaled_from"] = f"{native[0]}x{native[1]}"
    codec = stream.codec_context
    if not done and (codec.name != "h264" or codec.pix_fmt != "yuv420p" or "mp4" not in source.format.name):
        done["encoded_from"] = codec.name
    return done


def _rewrite(source: "av.container.InputContainer", into: Path, width: int, height: int, seconds: int) -> None:
    stream = source.streams.video[0]
    stream.codec_context.thread_type = "AUTO"
    rate = stream.average_rate or Fraction(25)
    with av.open(str(into), "w", format="mp4", options={"movflags": "+faststart"}) as target:
        made = target.add_stream("libx264", rate=rate)
        made.width, made.height, made.pix_fmt = width, height, "yuv420p"
        made.options = {"preset": "veryfast", "crf": "18"}
        context = made.codec_context
        context.thread_type = "AUTO"
        context.color_primaries = context.color_trc = context.colorspace = context.color_range = _BT709
        for number, frame in enumerate(_first(source.decode(stream), round(seconds * rate))):
            scaled = frame.reformat(width=width, height=height, format="yuv420p", interpolation=Interpolation.LANCZOS)
            scaled.pts, scaled.time_base, scaled.pict_type = number, 1 / rate, PictureType.NONE
            for packet in made.encode(scaled):
                target.mux(packet)
        for packet in made.encode():
            target.mux(packet)


def _remux(source: "av.container.InputContainer", into: Path) -> None:
    """The same pictures and sounds, packet for packet, in a file whose index comes first."""
    streams = [*source.streams.video, *source.streams.audio]
    with av.open(str(into), "w", format="mp4", options={"movflags": "+faststart"}) as target:
        twins = {stream.index: target.add_stream_from_template(stream) for stream in streams}
        for packet in source.demux(streams):
            if packet.dts is not None:  # the last of each stream is empty
                packet.stream = twins[packet.stream.index]
                target.mux(packet)


def _first(frames: Iterator[VideoFrame], count: int) -> Iterator[VideoFrame]:
    for _, frame in zip(range(count), frames, strict=False):
        yield frame
