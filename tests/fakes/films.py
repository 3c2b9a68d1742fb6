"""Small real videos, as a provider might deliver them."""

import tempfile
from functools import cache
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream


@cache
def film(
    width: int = 1280,
    height: int = 720,
    seconds: float = 6,
    *,
    fps: int = 8,
    codec: str = "libx264",
    kind: str = "mp4",
    movflags: str = "+faststart",
) -> bytes:
    """A field of colours with a bar that wanders across it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "film"
        rows, columns = np.mgrid[0:height, 0:width]
        field = np.stack([columns * 255 // width, rows * 255 // height, np.full_like(rows, 90)], axis=-1).astype(np.uint8)
        with av.open(str(file), "w", format=kind, options={"movflags": movflags} if movflags and kind == "mp4" else {}) as container:
            stream = container.add_stream(codec, rate=fps)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for number in range(round(seconds * fps)):
                picture = field.copy()
                left = int(width * number / (seconds * fps))
                picture[:, left : left + width // 12] = (240, 240, 230)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            container.mux(stream.encode())
        return file.read_bytes()
