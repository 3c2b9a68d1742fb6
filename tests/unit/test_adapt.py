"""A provider's video made what was asked for, and left as it is where it is that already."""

from pathlib import Path

import av
import pytest

from dustreel.base.workshop import Declined
from dustreel.media.adapt import adapt, has_index_first
from tests.fakes.films import film

WIDTH, HEIGHT, SECONDS = 160, 90, 2


def adapted(folder: Path, data: bytes, *, max_upscale: float = 1.5) -> tuple[dict[str, object], Path]:
    file, into = folder / "native.mp4", folder / "adapted.mp4"
    file.write_bytes(data)
    return dict(adapt(file, into, WIDTH, HEIGHT, SECONDS, max_upscale)), into


def test_what_is_as_it_was_asked_for_is_left_alone(tmp_path: Path) -> None:
    done, into = adapted(tmp_path, film(WIDTH, HEIGHT, SECONDS))
    assert done == {} and not into.exists()


@pytest.mark.parametrize("movflags", ["", "+frag_keyframe+empty_moov"], ids=["index last", "fragments"])
def test_a_video_that_can_t_be_played_from_its_first_byte_is_remuxed_picture_for_picture(tmp_path: Path, movflags: str) -> None:
    data = film(WIDTH, HEIGHT, SECONDS, movflags=movflags)
    done, into = adapted(tmp_path, data)
    assert done == {"remuxed": True}
    assert has_index_first(into) and not has_index_first(tmp_path / "native.mp4")
    assert _pictures(into) == _pictures(tmp_path / "native.mp4")


def test_what_is_longer_larger_or_of_another_codec_is_made_afresh_and_plays_from_its_first_byte(tmp_path: Path) -> None:
    assert adapted(tmp_path, film(WIDTH * 2, HEIGHT * 2, SECONDS + 1))[0] == {"trimmed_from": 3.0, "scaled_from": "320x180"}
    done, into = adapted(tmp_path, film(WIDTH, HEIGHT, SECONDS, codec="mpeg4"))
    assert done == {"encoded_from": "mpeg4"} and has_index_first(into)
    assert len(_pictures(into)) == SECONDS * 8


@pytest.mark.parametrize("data", [b"", b"nonsense" * 100, b"\0\0\0\1mdat"], ids=["empty", "nonsense", "a cut length"])
def test_what_is_no_video_is_declined(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Declined):
        adapted(tmp_path, data)
    assert not has_index_first(tmp_path / "native.mp4")


def _pictures(file: Path) -> list[bytes]:
    with av.open(str(file)) as container:
        return [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]
