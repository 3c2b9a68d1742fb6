"""Frames and sound in, an MP4 out: H.264 High, BT.709, AAC, ready to be streamed from its first byte. Encoding has a thread of its own."""

import queue
import threading
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import cv2
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from numpy.typing import NDArray

# Frames that may wait for the encoder: enough to smooth, few enough for 2160p (25 MB each).
WAITING_AT_MOST = 3
COMMENT = "Sandbox animatic: drawn by a procedure, no AI model was used."
SOUND_RATE = 48_000
SOUND_BITS = 128_000

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
# x264's ultrafast leaves out what makes a stream High.
_DRAFT = {"preset": "ultrafast", "crf": "20", "x264-params": "8x8dct=1"}
_FULL = {"preset": "veryfast", "crf": "20"}

type Rgb = NDArray[np.uint8]
type Sound = NDArray[np.float32]
"""(2, samples), -1 to 1, at SOUND_RATE."""


class Encoder:
    """Writes frames of one size to a file. Leaving the block without an error completes the file."""

    def __init__(
        self, path: Path, width: int, height: int, fps: int, *, draft: bool = False, sound: Callable[[], Sound] | None = None
    ) -> None:
        """`sound` is called in the encoder's thread, while the first frame is being drawn."""
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._container.metadata["comment"] = COMMENT
        self._container.metadata["title"] = "Dustreel sandbox animatic"
        stream = self._container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options.update(_DRAFT if draft else _FULL)
        context = stream.codec_context
        context.thread_type = "AUTO"
        context.color_primaries = context.color_trc = context.colorspace = context.color_range = _BT709
        self._stream, self._fps = stream, fps
        self._track = None if sound is None else _Track(self._container, sound)
        self._planes = _Planes(width, height)
        self._number = 0
        self._failed: BaseException | None = None
        self._waiting: queue.Queue[tuple[Rgb, int] | None] = queue.Queue(WAITING_AT_MOST)
        self._free: queue.SimpleQueue[Rgb] = queue.SimpleQueue()
        for _ in range(WAITING_AT_MOST + 1):
            self._free.put(np.empty((height, width, 3), np.uint8))
        self._thread = threading.Thread(target=self._encode_all, name="encoder")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def write(self, frame: Rgb, times: int = 1) -> None:
        """Take a copy of a frame, to be shown `times` in a row: the drawing goes on in the same buffer."""
        copy = self._free.get()
        if self._failed is not None:
            raise self._failed
        np.copyto(copy, frame)
        self._waiting.put((copy, times))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._waiting.put(None)
        self._thread.join()
        if kind is None:
            if self._failed is not None:
                raise self._failed
            self._mux(self._stream.encode())
            if self._track is not None:
                self._mux(self._track.rest())
        self._container.close()

    def _encode_all(self) -> None:
        if self._track is not None:
            try:
                self._track.make()
            except BaseException as error:  # told to whoever writes next
                self._failed = error
        while (written := self._waiting.get()) is not None:
            frame, times = written
            if self._failed is None:
                try:
                    self._encode(frame, times)
                except BaseException as error:  # told to whoever writes next
                    self._failed = error
            self._free.put(frame)

    def _encode(self, frame: Rgb, times: int) -> None:
        picture = self._planes.fill(frame)
        for _ in range(times):
            picture.pts, picture.time_base = self._number, Fraction(1, self._fps)
            self._number += 1
            self._mux(self._stream.encode(picture))
            if self._track is not None:
                self._mux(self._track.until(self._number / self._fps))

    def _mux(self, packets: "list[av.Packet[Any]]") -> None:
        for packet in packets:
            self._container.mux(packet)


class _Track:
    """The sound's packets, handed out as the pictures go on, so that a player finds both side by side in the file."""

    def __init__(self, container: "av.container.OutputContainer", sound: Callable[[], Sound]) -> None:
        self._sound = sound
        self._stream = container.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        self._stream.bit_rate = SOUND_BITS
        # A third of the default's time; what it loses is not heard in soft sounds.
        self._stream.codec_context.options = {"aac_coder": "fast"}
        self._packets: deque[av.Packet[Any]] = deque()

    def make(self) -> None:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(self._sound(), np.float32), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, 0, Fraction(1, SOUND_RATE)
        self._packets.extend([*self._stream.encode(frame), *self._stream.encode()])

    def until(self, second: float) -> "list[av.Packet[Any]]":
        found = []
        while self._packets and (self._packets[0].pts or 0) <= second * SOUND_RATE:
            found.append(self._packets.popleft())
        return found

    def rest(self) -> "list[av.Packet[Any]]":
        return self.until(float("inf"))


class _Planes:
    """One frame of 4:2:0, filled again and again: x264 copies what it is given."""

    def __init__(self, width: int, height: int) -> None:
        self._frame = VideoFrame(width, height, "yuv420p")
        self._targets = [
            np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width] for plane in self._frame.planes
        ]
        self._yuv = np.empty((height, width, 3), np.uint8)
        self._half = np.empty((height // 2, width // 2, 3), np.uint8)

    def fill(self, rgb: Rgb) -> VideoFrame:
        """By OpenCV, which leaves the interpreter free."""
        cv2.transform(rgb, _TO_YUV, dst=self._yuv)
        height, width = self._half.shape[:2]
        cv2.resize(self._yuv, (width, height), dst=self._half, interpolation=cv2.INTER_AREA)
        cv2.extractChannel(self._yuv, 0, dst=self._targets[0])
        cv2.extractChannel(self._half, 1, dst=self._targets[1])
        cv2.extractChannel(self._half, 2, dst=self._targets[2])
        return self._frame
