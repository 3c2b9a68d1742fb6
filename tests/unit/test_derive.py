"""What is made of a film in the decode that checks it, and that none of it can fail the film."""

import base64
import io
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

from dustreel.base.vocabulary import Frame
from dustreel.media import Layout, Workbench, derive, preview, webvtt
from dustreel.media.adapt import has_index_first
from dustreel.media.derive import Derivation, Derived
from dustreel.media.sampling import Sampler
from dustreel.media.sprite import Sheet
from dustreel.media.thumbhash import thumbhash
from dustreel.media.thumbnail import Choice, Plain
from dustreel.media.videos import examine

WIDTH, HEIGHT, SECONDS, FPS = 320, 180, 5, 24
BLACK = np.zeros((HEIGHT, WIDTH, 3), np.uint8)

type Picture = NDArray[np.uint8]
type Paint = Callable[[float], Picture]
"""The picture at a second."""


def scene(t: float, hue: int = 0) -> Picture:
    """Something to look at: tiles of many colours with a disc that crosses them."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    field = np.stack([(x // 20 * 37 + hue) % 200 + 30, (y // 20 * 53) % 160 + 40, (x // 20 * y // 20 * 11) % 180 + 30], axis=-1)
    return np.asarray(cv2.circle(field.astype(np.uint8), (int(WIDTH * t / SECONDS), HEIGHT // 2), 40, (245, 240, 200), -1), np.uint8)


def film(path: Path, paint: Paint, *, seconds: int = SECONDS, fps: int = FPS, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "12"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(seconds * fps):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(paint(number / fps), "rgb24")))
        container.mux(stream.encode())
    return path


def derived(path: Path, paint: Paint, **shape: int) -> Derived:
    seconds = shape.get("seconds", SECONDS)
    return examine(film(path / "film.mp4", paint, **shape), WIDTH, HEIGHT, seconds)[1]  # type: ignore[arg-type]


def opened(jpeg: bytes) -> Picture:
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert picture.format == "JPEG"
        return np.asarray(picture.convert("RGB"), np.uint8)


def apart(one: Picture, other: Picture) -> float:
    """The mean difference in levels."""
    return float(np.abs(one.astype(np.int16) - other).mean())


def played(mp4: bytes) -> list[Picture]:
    with av.open(io.BytesIO(mp4), "r") as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Derived]:
    file = film(tmp_path_factory.mktemp("good") / "film.mp4", scene)
    return file, examine(file, WIDTH, HEIGHT, SECONDS)[1]


class TestTheThumbnail:
    def test_of_a_film_that_is_black_for_most_of_its_length_is_not_black(self, tmp_path: Path) -> None:
        made = derived(tmp_path, lambda t: BLACK if t < 3.5 or t > 4.2 else scene(t))
        assert apart(opened(made.thumbnail), scene(3.9)) < 25

    def test_of_a_film_that_begins_and_ends_blurred_is_sharp(self, tmp_path: Path) -> None:
        def paint(t: float) -> Picture:
            return scene(t) if 2.0 < t < 2.5 else np.asarray(cv2.GaussianBlur(scene(t), (0, 0), 6), np.uint8)

        picture = opened(derived(tmp_path, paint).thumbnail)
        assert _sharpness(picture) > 0.7 * _sharpness(scene(2.2)) > 2 * _sharpness(paint(1.0))

    def test_is_neither_burnt_out_nor_in_the_middle_of_a_fade(self, tmp_path: Path) -> None:
        def paint(t: float) -> Picture:
            light = min(1.0, max(0.0, (t - 0.5) / 2.0), max(0.0, (4.5 - t) / 1.0))
            return (scene(t) * light).astype(np.uint8) if t < 4.5 else np.full_like(BLACK, 254)

        found = float(opened(derived(tmp_path, paint).thumbnail).mean())
        whole = float(scene(3.0).mean())
        assert abs(found - whole) < 0.1 * whole

    def test_is_at_most_640_pixels_long_and_in_the_films_shape_and_colours(self, tmp_path: Path) -> None:
        red = np.full((1080, 608, 3), (200, 40, 30), np.uint8)
        red[:540] = (30, 60, 190)
        file = film(tmp_path / "tall.mp4", lambda t: red, seconds=1, size=(608, 1080))
        picture = opened(examine(file, 608, 1080, 1)[1].thumbnail)
        assert picture.shape == (640, 360, 3)
        # The film says nothing of its matrix, so it is read as a browser reads a large one; film() encoded it by BT.601.
        assert picture[600, 180].argmax() == 0 and picture[40, 180].argmax() == 2

    def test_has_the_colours_that_the_film_says_it_has(self, tmp_path: Path) -> None:
        colour = (200, 60, 40)
        for matrix, code in (("bt709", 1), ("smpte170m", 6)):
            frame = _tagged(colour, code)
            watched = Derivation(WIDTH, HEIGHT, SECONDS, Fraction(FPS))
            watched.see(0, frame)
            shown = opened(watched.finish().thumbnail)[HEIGHT // 2, WIDTH // 2]
            assert np.abs(shown.astype(int) - colour).max() <= 4, matrix


class TestThePreview:
    def test_is_a_short_small_silent_mp4_that_plays_from_its_first_byte(self, good: tuple[Path, Derived], tmp_path: Path) -> None:
        made = good[1].preview
        assert made is not None and len(made) < 300_000
        (tmp_path / "preview.mp4").write_bytes(made)
        assert has_index_first(tmp_path / "preview.mp4")
        with av.open(io.BytesIO(made), "r") as container:
            assert [stream.type for stream in container.streams] == ["video"]
            codec = container.streams.video[0].codec_context
            assert (codec.name, codec.pix_fmt, codec.width, codec.height) == ("h264", "yuv420p", WIDTH, HEIGHT)
            assert container.duration is not None and 2.0 <= container.duration / av.time_base <= 3.0

    def test_closes_without_a_jump(self, good: tuple[Path, Derived]) -> None:
        assert good[1].preview is not None
        frames = played(good[1].preview)
        steps = [apart(one, other) for one, other in pairwise(frames)]
        assert apart(frames[-1], frames[0]) < 2 * max(steps)
        # A stretch that simply began again would jump: what the disc moved in two and a half seconds.
        assert apart(frames[-1], frames[0]) < 0.5 * apart(frames[len(frames) // 2], frames[0])

    def test_shows_the_stretch_where_something_happens(self, tmp_path: Path) -> None:
        still = scene(0)

        def paint(t: float) -> Picture:
            return BLACK if t < 4 else still if t < 9 else scene((t - 9) % SECONDS, hue=90)

        made = derived(tmp_path, paint, seconds=15, fps=12).preview
        assert made is not None
        assert apart(played(made)[10], scene(1, hue=90)) < apart(played(made)[10], still)

    def test_of_a_film_without_a_word_about_its_colours_says_what_browsers_take_a_large_one_for(self, tmp_path: Path) -> None:
        file = film(tmp_path / "hd.mp4", lambda t: np.full((720, 1280, 3), 90, np.uint8), seconds=1, fps=8, size=(1280, 720))
        made = examine(file, 1280, 720, 1)[1].preview
        assert made is not None
        with av.open(io.BytesIO(made), "r") as container:
            assert container.streams.video[0].codec_context.colorspace == 1
            assert (container.streams.video[0].width, container.streams.video[0].height) == (480, 270)

    def test_loops_all_frames_but_those_that_its_end_passes_into(self) -> None:
        frames = [_grey(level) for level in range(20, 220, 10)]
        closed = [int(frame.to_ndarray()[0, 0]) for frame in preview.closed(frames, 4)]
        assert closed[:12] == list(range(60, 180, 10))
        assert closed[12:] == [148, 126, 104, 82], "from 180 to 210, passing into 20 to 50, which comes before 60"


class TestTheSprite:
    def test_has_a_tile_of_its_own_for_every_moment(self, tmp_path: Path) -> None:
        made = derived(tmp_path, lambda t: np.full_like(BLACK, 40 + 20 * int(t * 2)))
        assert made.sprite is not None and made.layout == Layout(160, 90, columns=5, tiles=10, every=0.5)
        sheet = opened(made.sprite)
        assert sheet.shape == (2 * 90, 5 * 160, 3)
        middles = [int(sheet[row * 90 + 45, column * 160 + 80, 0]) for row in range(2) for column in range(5)]
        assert all(abs(middle - (40 + 20 * number)) <= 4 for number, middle in enumerate(middles)), middles

    @pytest.mark.parametrize(("seconds", "tiles"), [(5, 10), (10, 10), (15, 15)])
    def test_of_a_longer_film_has_a_tile_a_second(self, seconds: int, tiles: int) -> None:
        sheet = Sheet(1080, 1920, seconds)
        sampler = Sampler(WIDTH, HEIGHT)
        for number in range(seconds * 2 - 1):
            frame = _grey(number * 8)
            frame.pts, frame.time_base = number, Fraction(1, 2)
            sheet.see(sampler.sample(frame), frame)
        made = sheet.finish()
        assert (made.layout.width, made.layout.height, made.layout.tiles) == (90, 160, tiles)
        assert made.picture.shape == (-(-tiles // 5) * 160, 5 * 90, 3)

    def test_is_told_cue_by_cue(self) -> None:
        text = webvtt(Layout(160, 90, columns=2, tiles=3, every=1.0), "abc.jpg", 2.96)
        assert text == (
            "WEBVTT\n\n"
            "00:00:00.000 --> 00:00:01.000\nabc.jpg#xywh=0,0,160,90\n\n"
            "00:00:01.000 --> 00:00:02.000\nabc.jpg#xywh=160,0,160,90\n\n"
            "00:00:02.000 --> 00:00:02.960\nabc.jpg#xywh=0,90,160,90\n"
        )


def test_the_thumbhash_is_the_thumbnails(good: tuple[Path, Derived]) -> None:
    assert good[1].thumbhash is not None
    small = cv2.resize(opened(good[1].thumbnail), (100, 56), interpolation=cv2.INTER_AREA)
    said, again = base64.b64decode(good[1].thumbhash), thumbhash(np.asarray(small, np.uint8))
    assert len(said) == len(again) and said[:3] == again[:3], "but for what the JPEG lost"


def test_the_whole_of_a_long_film_is_never_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """The frames alive at once: the best stretch and that of now, and some whole ones."""
    watched = Derivation(WIDTH, HEIGHT, 15, Fraction(60))
    alive = []
    for number in range(15 * 60):
        frame = _grey(40 + number // 6)
        frame.pts, frame.time_base = number, Fraction(1, 60)
        watched.see(number, frame)
        stretch = watched._stretch
        alive.append(len({id(sample.small) for sample in (*stretch._now, *stretch._best)}))
    assert max(alive) <= 2 * 36
    assert watched.finish().failed == {}


class TestWhatFails:
    @pytest.mark.parametrize(
        ("spoil", "missing"),
        [
            ((Choice, "see"), ["thumbnail"]),
            ((Choice, "best"), ["thumbnail"]),
            ((preview.Stretch, "see"), ["preview"]),
            ((derive, "encode"), ["preview"]),
            ((Sheet, "see"), ["sprite"]),
            ((Sheet, "finish"), ["sprite"]),
            ((derive, "thumbhash"), ["thumbhash"]),
            ((Sampler, "sample"), ["preview", "sprite", "thumbnail"]),
        ],
        ids=lambda value: f"{value[0].__name__.rpartition('.')[2]}.{value[1]}" if isinstance(value, tuple) else "",
    )
    def test_is_left_out_and_told_and_the_rest_is_there(
        self, good: tuple[Path, Derived], monkeypatch: pytest.MonkeyPatch, spoil: tuple[object, str], missing: list[str]
    ) -> None:
        monkeypatch.setattr(*spoil, _fail)
        facts, made = examine(good[0], WIDTH, HEIGHT, SECONDS)
        assert facts["frames"] == SECONDS * FPS
        assert sorted(made.failed) == missing and "on purpose" in str(made.failed)
        there = {"preview": made.preview, "sprite": made.sprite, "thumbhash": made.thumbhash}
        assert {name for name, value in there.items() if value is None} == set(missing) - {"thumbnail"}
        assert (made.layout is None) == (made.sprite is None)
        assert _sharpness(opened(made.thumbnail)) > 100, "a picture of the film all the same"

    def test_leaves_a_plain_frame_that_is_not_black(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Choice, "best", _fail)
        made = derived(tmp_path, lambda t: BLACK if t < 2 else scene(t))
        assert apart(opened(made.thumbnail), scene(2.05)) < 12

    def test_leaves_a_card_in_the_videos_shape_at_worst(self, good: tuple[Path, Derived], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Sampler, "sample", _fail)
        monkeypatch.setattr(Plain, "see", _fail)
        _, made = examine(good[0], WIDTH, HEIGHT, SECONDS)
        assert opened(made.thumbnail).shape == (HEIGHT, WIDTH, 3)
        assert "nor a plain frame" in made.failed["thumbnail"]
        assert made.thumbhash is not None

    async def test_to_the_point_of_killing_its_process_is_tried_without(
        self, good: tuple[Path, Derived], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As a codec that crashes does."""
        (tmp_path / "sitecustomize.py").write_text(
            "import os, sys\n"
            "if 'dustreel.media.bench' in sys.orig_argv:\n"
            "    from dustreel.media import preview\n"
            "    preview.closed = lambda *_: os._exit(11)\n"
        )
        monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
        bench = Workbench()
        try:
            examined = await bench.examine(good[0], expect=Frame(WIDTH, HEIGHT), seconds=SECONDS)
        finally:
            await bench.close()
        assert examined.facts.frames == SECONDS * FPS
        assert sorted(examined.failed) == ["preview", "sprite", "thumbnail"]
        assert examined.preview is None and _sharpness(opened(examined.thumbnail)) > 100


def _fail(*_: object, **__: object) -> Iterator[None]:
    raise RuntimeError("on purpose")


def _sharpness(picture: Picture) -> float:
    return float(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var())


def _grey(level: int) -> VideoFrame:
    frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
    for number, plane in enumerate(frame.planes):
        np.frombuffer(plane, np.uint8)[:] = 128 if number else level
    return frame


def _tagged(colour: tuple[int, int, int], code: int) -> VideoFrame:
    """One colour, encoded by the matrix of this number (ITU-T H.273, table 4), with limited range."""
    red, blue = {1: (0.2126, 0.0722), 6: (0.299, 0.114)}[code]
    r, g, b = (value / 255 for value in colour)
    luma = red * r + (1 - red - blue) * g + blue * b
    levels = (16 + 219 * luma, 128 + 224 * (b - luma) / (2 - 2 * blue), 128 + 224 * (r - luma) / (2 - 2 * red))
    frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
    for plane, level in zip(frame.planes, levels, strict=True):
        np.frombuffer(plane, np.uint8)[:] = round(level)
    frame.colorspace, frame.color_range, frame.pts, frame.time_base = code, 1, 0, Fraction(1, FPS)
    return frame
