"""The gallery measured: moving but not jumping, neither black nor blown, colourful, heard but not loud, and no two alike."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.frame import Frame
from numpy.typing import NDArray

from dustreel.media.videos import examine
from dustreel.providers.sandbox.director import direct, gallery
from dustreel.providers.sandbox.encode import SOUND_RATE, Encoder
from dustreel.providers.sandbox.engine.compose import compose
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.sound import score

WIDTH, HEIGHT, SECONDS, FPS = 192, 108, 5, 24
# Within takes and over their dissolves; the fades at both ends are left out.
MOMENTS = tuple(np.arange(0.6, 4.5, 0.65))
PROMPTS = gallery()

type Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Seen:
    frames: tuple[Picture, ...]
    """At the moments."""
    following: tuple[Picture, ...]
    """One frame after each."""


@cache
def seen(prompt: str) -> Seen:
    scene = compose(Shot(WIDTH, HEIGHT, SECONDS, FPS, prompt, False), direct(prompt, seconds=SECONDS, camera_fixed=False))
    pairs = [(scene.frame(t).copy(), scene.frame(t + 1 / FPS).copy()) for t in MOMENTS]
    return Seen(tuple(first for first, _ in pairs), tuple(second for _, second in pairs))


def test_there_are_24_prompts() -> None:
    assert len(set(PROMPTS)) == len(PROMPTS) == 24


@pytest.mark.parametrize("prompt", PROMPTS)
def test_it_moves_and_does_not_jump(prompt: str) -> None:
    piece = seen(prompt)
    steps = [_apart(first, second) for first, second in zip(piece.frames, piece.following, strict=True)]
    strides = [_apart(first, second) for first, second in itertools.pairwise(piece.frames)]
    assert min(steps) > 0.02, f"frozen: {steps}"
    # Lightning is the most that may happen from one frame to the next.
    assert max(steps) < 14, f"jumps: {steps}"
    assert min(strides) > 0.5, f"hardly moves: {strides}"


@pytest.mark.parametrize("prompt", PROMPTS)
def test_no_frame_is_black_or_blown(prompt: str) -> None:
    for frame in seen(prompt).frames:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        assert 12 < grey.mean() < 225
        assert np.percentile(grey, 99.5) > 70, "no light in it"
        assert (np.asarray(grey) > 250).mean() < 0.25, "blown"
        assert (np.asarray(grey) < 4).mean() < 0.60, "black"


@pytest.mark.parametrize("prompt", PROMPTS)
def test_it_has_tones_and_colours(prompt: str) -> None:
    frames = seen(prompt).frames
    lab = cv2.cvtColor(frames[len(frames) // 2].astype(np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    assert lab[:, 0].std() > 7, "flat"
    # Film noir has none, and is meant to.
    if "noir" not in prompt.lower():
        assert np.linalg.norm(lab[:, 1:].std(0)) > 2.5, "without colour"


def test_no_two_pieces_look_alike() -> None:
    hashes = [_hash(seen(prompt).frames[len(MOMENTS) // 2]) for prompt in PROMPTS]
    for (one, first), (other, second) in itertools.combinations(enumerate(hashes), 2):
        assert np.count_nonzero(first != second) >= 12, f"{PROMPTS[one]!r} looks like {PROMPTS[other]!r}"


def test_the_same_prompt_gives_the_same_bytes_in_any_order() -> None:
    shot = Shot(WIDTH, HEIGHT, SECONDS, FPS, PROMPTS[0], False)
    one, other = (compose(shot, direct(PROMPTS[0], seconds=SECONDS, camera_fixed=False)) for _ in range(2))
    forwards = {t: one.frame(t).copy() for t in (0.5, 2.0, 4.2)}
    assert all(np.array_equal(other.frame(t), forwards[t]) for t in (4.2, 0.5, 2.0))


@pytest.mark.parametrize("prompt", PROMPTS[::2])
def test_the_sound_is_heard_and_not_loud(prompt: str) -> None:
    track = score(direct(prompt, seconds=SECONDS, camera_fixed=False), SECONDS)
    assert track.shape == (2, SECONDS * SOUND_RATE) and np.isfinite(track).all()
    assert np.abs(track).max() < 0.9, "room for what AAC adds"
    assert -30 <= _lufs(track) <= -12
    # Soft at both ends, and nowhere silent between them.
    assert np.abs(track[:, :200]).max() < 0.02 and np.abs(track[:, -200:]).max() < 0.02
    loudness = [float(np.sqrt(np.mean(part**2))) for part in np.array_split(track[:, SOUND_RATE // 2 : -SOUND_RATE], 8, axis=1)]
    assert min(loudness) > 0.002


def test_the_sound_is_the_same_again_and_another_prompts_is_not() -> None:
    one, again, other = (
        score(direct(prompt, seconds=SECONDS, camera_fixed=False), SECONDS) for prompt in (PROMPTS[0], PROMPTS[0], PROMPTS[1])
    )
    assert np.array_equal(one, again)
    assert np.abs(one - other).mean() > 0.005


def test_no_second_of_the_sound_comes_back() -> None:
    track = score(direct(PROMPTS[1], seconds=10, camera_fixed=False), 10).mean(0)
    start, length, size = 2 * SOUND_RATE, SOUND_RATE, 1 << 20
    window = track[start : start + length]
    likeness = np.fft.irfft(np.fft.rfft(track, size) * np.conj(np.fft.rfft(window, size)), size)[: len(track) - length]
    energy = np.concatenate([[0.0], np.cumsum(np.square(track, dtype=np.float64))])
    likeness /= np.sqrt((energy[length:-1] - energy[: -length - 1]) * np.square(window).sum() + 1e-12)
    elsewhere = np.abs(np.arange(len(likeness)) - start) > length
    assert likeness[elsewhere].max() < 0.9


def test_a_file_holds_both_to_the_frame_and_the_sample(tmp_path: Path) -> None:
    file = tmp_path / "piece.mp4"
    storyboard = direct(PROMPTS[1], seconds=SECONDS, camera_fixed=False)
    scene = compose(Shot(WIDTH, HEIGHT, SECONDS, FPS, PROMPTS[1], False), storyboard)
    with Encoder(file, WIDTH, HEIGHT, FPS, sound=lambda: score(storyboard, SECONDS)) as encoder:
        for number in range(SECONDS * FPS):
            encoder.write(scene.frame(number / FPS))
    facts, derived = examine(file, WIDTH, HEIGHT, SECONDS)
    assert (facts["duration_seconds"], facts["frames"], facts["fps"]) == (5.0, 120, 24.0)
    assert derived.preview is not None and derived.sprite is not None
    with av.open(str(file), "r") as container:
        assert container.duration == SECONDS * av.time_base
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.profile, audio.codec_context.name, audio.codec_context.channels) == ("High", "aac", 2)
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio)], axis=1)
    assert heard.shape == (2, SECONDS * SOUND_RATE)
    assert np.abs(heard).max() < 1.0
    assert -30 <= _lufs(heard) <= -12


def _apart(first: Picture, second: Picture) -> float:
    """The mean difference in levels, without grain."""
    return float(np.abs(cv2.blur(first, (5, 5)).astype(np.int16) - cv2.blur(second, (5, 5))).mean())


def _hash(frame: Picture) -> NDArray[np.bool_]:
    """A perceptual hash of 64 bits of lightness and 32 of colour: the low frequencies of a cosine transform, above their median or not."""
    lab = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2LAB), (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    parts = []
    for channel, side in ((0, 8), (1, 4), (2, 4)):
        low = cv2.dct(lab[..., channel])[:side, :side].ravel()
        parts.append(low > np.median(low[1:]))
    return np.concatenate(parts)


def _lufs(track: NDArray[np.float32]) -> float:
    """Integrated loudness by FFmpeg's meter, which knows nothing of ours."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=SOUND_RATE, format="fltp", layout="stereo", time_base=Fraction(1, SOUND_RATE))
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(track, np.float32), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, 0, Fraction(1, SOUND_RATE)
    source.push(frame)
    source.push(None)
    loudness = [float(frame.metadata["lavfi.r128.I"]) for frame in _pulled(sink) if "lavfi.r128.I" in frame.metadata]
    return loudness[-1]


def _pulled(sink: "av.filter.context.FilterContext") -> Iterator[Frame]:
    while True:
        try:
            yield sink.pull()
        except (av.FFmpegError, EOFError):
            return
