"""The full check of a video: every frame, and nothing believed that the file merely says."""

import hashlib
import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from PIL import Image

from dustreel.base.vocabulary import Frame
from dustreel.base.workshop import Declined
from dustreel.media import BrokenVideo, Workbench
from dustreel.media.videos import examine

WIDTH, HEIGHT, SECONDS, FPS = 128, 72, 2, 12


def make(
    path: Path,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    seconds: float = SECONDS,
    kind: str = "mp4",
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> Path:
    """Black at first, then stripes that wander."""
    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream(codec, rate=FPS)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        for number in range(int(seconds * FPS)):
            picture = np.zeros((size[1], size[0], 3), np.uint8)
            if number >= FPS // 2:
                picture[:, (np.arange(size[0]) + number) % 16 < 8] = (230, 120, 60)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return make(tmp_path / "good.mp4")


def broken(path: Path) -> str:
    with pytest.raises(Declined) as declined:
        examine(path, WIDTH, HEIGHT, SECONDS)
    assert declined.value.kind == "broken"
    return str(declined.value)


def test_a_good_video_is_told_exactly(good: Path) -> None:
    facts, _ = examine(good, WIDTH, HEIGHT, SECONDS)
    assert facts == {
        "duration_seconds": 2.0,
        "width": WIDTH,
        "height": HEIGHT,
        "fps": 12.0,
        "frames": 24,
        "codec": "h264",
        "bytes": good.stat().st_size,
        "sha256": hashlib.sha256(good.read_bytes()).hexdigest(),
    }


def test_its_thumbnail_shows_something(good: Path) -> None:
    _, derived = examine(good, WIDTH, HEIGHT, SECONDS)
    with Image.open(io.BytesIO(derived.thumbnail)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (WIDTH, HEIGHT))
        assert np.asarray(thumbnail).mean() > 40, "not the black beginning"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda data: b"", "can't be decoded"),
        (lambda data: b"nonsense" * 1000, "can't be decoded"),
        (lambda data: data[: len(data) // 2], ""),
        (lambda data: data[:-200], ""),
        (lambda data: data[:2000] + bytes(b ^ 0x5A for b in data[2000:2600]) + data[2600:], ""),
        (lambda data: b"#EXTM3U\nfile:///etc/passwd\n", "can't be decoded"),
    ],
)
def test_a_spoilt_file_is_refused(good: Path, spoil: Callable[[bytes], bytes], says: str) -> None:
    good.write_bytes(spoil(good.read_bytes()))
    assert says in broken(good)


def test_another_size_length_codec_or_form_is_refused(tmp_path: Path) -> None:
    assert "not 128×72" in broken(make(tmp_path / "size.mp4", size=(160, 90)))
    assert "not 2" in broken(make(tmp_path / "length.mp4", seconds=3))
    assert "not H.264" in broken(make(tmp_path / "codec.mp4", codec="mpeg4"))
    assert "not H.264" in broken(make(tmp_path / "pixels.mp4", pixels="yuv444p"))
    assert broken(make(tmp_path / "form.mkv", kind="matroska"))


async def test_the_bench_examines_in_a_process_of_its_own(good: Path, tmp_path: Path) -> None:
    bench = Workbench()
    try:
        await bench.warm()
        examined = await bench.examine(good, expect=Frame(WIDTH, HEIGHT), seconds=SECONDS)
        assert examined.facts.frames == 24 and examined.thumbnail.startswith(b"\xff\xd8")
        (tmp_path / "bad.mp4").write_bytes(b"")
        with pytest.raises(BrokenVideo):
            await bench.examine(tmp_path / "bad.mp4", expect=Frame(WIDTH, HEIGHT), seconds=SECONDS)
    finally:
        await bench.close()
