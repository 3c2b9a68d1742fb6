"""Frames in, an MP4 out: H.264, BT.709, ready to be streamed from its first byte. Encoding has a thread of its own beside the drawing."""

import queue
import threading
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

# Frames that may wait for the encoder: enough to smooth, few enough for 2160p (25 MB each).
WAITING_AT_MOST = 3
COMMENT = "Sandbox animatic: drawn by a procedure, no AI model was used."

# RGB to limited-range Y'CbCr, BT.709 (ITU-R BT.709-6, section 3).
_TO_YUV = np.array(
    [
        [0.18259, 0.61423, 0.06201, 16.0],
        [-0.10064, -0.33857, 0.43922, 128.0],
        [0.43922, -0.39894, -0.04027, 128.0],
    ],
    np.float32,
)
# AVCOL_PRI_BT709 and its kin, and limited range: all 1 in FFmpeg's enums.
_BT709 = 1

type Rgb = NDArray[np.uint8]


class Encoder:
    """Writes frames of one size to a file. Leaving the block without an error completes the file."""

    def __init__(self, path: Path, width: int, height: int, fps: int, *, draft: bool) -> None:
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._container.metadata["comment"] = COMMENT
        self._container.metadata["title"] = "Dustreel sandbox animatic"
        stream = self._container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast" if draft else "veryfast", "crf": "20"}
        context = stream.codec_context
        context.thread_type = "AUTO"
        context.color_primaries = context.color_trc = context.colorspace = context.color_range = _BT709
        self._stream, self._fps = stream, fps
        self._number = 0
        self._failed: BaseException | None = None
        self._waiting: queue.Queue[Rgb | None] = queue.Queue(WAITING_AT_MOST)
        self._thread = threading.Thread(target=self._encode_all, name="encoder")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def write(self, frame: Rgb) -> None:
        """Take a copy of a frame: the drawing goes on in the same buffer."""
        if self._failed is not None:
            raise self._failed
        self._waiting.put(frame.copy())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._waiting.put(None)
        self._thread.join()
        if kind is None:
            if self._failed is not None:
                raise self._failed
            self._mux(self._stream.encode())
        self._container.close()

    def _encode_all(self) -> None:
        while (frame := self._waiting.get()) is not None:
            if self._failed is None:
                try:
                    self._mux(self._stream.encode(self._planes(frame)))
                except BaseException as error:  # told to whoever writes next
                    self._failed = error

    def _mux(self, packets: "list[av.Packet[Any]]") -> None:
        for packet in packets:
            self._container.mux(packet)

    def _planes(self, rgb: Rgb) -> VideoFrame:
        """4:2:0 by OpenCV, which is faster here than swscale and leaves the interpreter free."""
        height, width = rgb.shape[:2]
        luma, blue, red = cv2.split(cv2.transform(rgb, _TO_YUV))
        half = (width // 2, height // 2)
        frame = VideoFrame(width, height, "yuv420p")
        planes = (luma, cv2.resize(blue, half, interpolation=cv2.INTER_AREA), cv2.resize(red, half, interpolation=cv2.INTER_AREA))
        for target, source in zip(frame.planes, planes, strict=True):
            rows = np.frombuffer(target, np.uint8).reshape(-1, target.line_size)
            rows[: source.shape[0], : source.shape[1]] = source
        frame.pts, frame.time_base = self._number, Fraction(1, self._fps)
        self._number += 1
        return frame
