"""The sandbox's drawing: the same prompt looks the same, another one doesn't, every shape and size is drawn, and pictures move."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dustreel.providers.sandbox.director import direct
from dustreel.providers.sandbox.engine.compose import compose
from dustreel.providers.sandbox.scene import Scene, Shot
from dustreel.providers.sandbox.still import Still, open_picture, retold
from dustreel.providers.sandbox.still.depth import see
from dustreel.providers.sandbox.still.subject import find_subject
from dustreel.providers.sandbox.still.wishes import wishes_of
from dustreel.providers.sandbox.storyboard import Place, Weather

SIZES = [(320, 180), (180, 320), (180, 180), (240, 180), (180, 240)]
PROMPTS = [
    "A cat playing piano in a jazz club",
    "a sailboat at sunset on a calm sea",
    "A fox in a snowy forest at night",
    "Quarterly figures, beautifully told",
    "猫がピアノを弾く 🐈",
]


def shot(prompt: str, size: tuple[int, int] = (320, 180), *, camera_fixed: bool = False) -> Shot:
    return Shot(size[0], size[1], 5, 24, prompt, camera_fixed)


def drawn(prompt: str, size: tuple[int, int] = (320, 180), *, camera_fixed: bool = False) -> Scene:
    return compose(shot(prompt, size, camera_fixed=camera_fixed), direct(prompt, seconds=5, camera_fixed=camera_fixed))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_scene_is_drawn_in_every_shape(prompt: str, size: tuple[int, int]) -> None:
    frame = drawn(prompt, size).frame(2.0)
    assert frame.shape == (size[1], size[0], 3)
    assert frame.dtype == np.uint8
    assert frame.std() > 8, "a picture of something"
    assert 10 < frame.mean() < 245


def test_the_same_prompt_gives_the_same_frames() -> None:
    for prompt in PROMPTS[:3]:
        first, second = drawn(prompt), drawn(prompt)
        for t in (0.5, 2.0, 4.0):
            assert np.array_equal(first.frame(t), second.frame(t))


def test_different_prompts_differ_visibly() -> None:
    frames = [drawn(prompt).frame(2.0).astype(np.float32).copy() for prompt in [*PROMPTS, "Another abstract thought"]]
    for number, frame in enumerate(frames):
        for other in frames[number + 1 :]:
            assert np.abs(frame - other).mean() > 6


@pytest.mark.parametrize("prompt", PROMPTS[:3])
def test_scenes_move_under_a_fixed_camera_too(prompt: str) -> None:
    for camera_fixed in (False, True):
        scene = drawn(prompt, camera_fixed=camera_fixed)
        early = scene.frame(1.0).astype(np.float32).copy()
        assert np.abs(scene.frame(4.0).astype(np.float32) - early).mean() > 0.2


def moved(picture: Path, prompt: str, size: tuple[int, int] = (320, 180), *, camera_fixed: bool = False) -> Still:
    storyboard = retold(direct(prompt, seconds=5, camera_fixed=camera_fixed), prompt)
    return Still(shot(prompt, size, camera_fixed=camera_fixed), open_picture(picture, *size), storyboard)


class TestPictures:
    @pytest.fixture
    def photo(self, tmp_path: Path) -> Path:
        picture = Image.linear_gradient("L").resize((400, 300)).convert("RGB")
        picture.paste((220, 60, 40), (150, 90, 250, 260))
        picture.save(tmp_path / "photo.png")
        return tmp_path / "photo.png"

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("prompt", ["zoom in", "slowly zoom out", "pan left", "tilt up", "dance", "wind", "make it snow", "something"])
    def test_a_picture_moves_in_every_shape(self, photo: Path, prompt: str, size: tuple[int, int]) -> None:
        scene = moved(photo, prompt, size)
        first = scene.frame(0.2).astype(np.float32).copy()
        last = scene.frame(4.8).astype(np.float32)
        assert first.shape == (size[1], size[0], 3)
        assert np.abs(last - first).mean() > 0.5

    def test_it_moves_smoothly(self, photo: Path) -> None:
        scene = moved(photo, "dance while the camera orbits")
        frames = [cv2.blur(scene.frame(t), (5, 5)).astype(np.int16) for t in np.arange(1, 2, 1 / 24)]
        steps = [float(np.abs(frame - before).mean()) for before, frame in pairwise(frames)]
        assert min(steps) > 0.02 and max(steps) < 4

    @pytest.mark.parametrize("size", [(1, 1), (16, 16), (5000, 40), (40, 5000), (3000, 2000)])
    def test_tiny_huge_and_odd_pictures_are_fine(self, tmp_path: Path, size: tuple[int, int]) -> None:
        Image.effect_noise(size, 60).convert("RGB").save(tmp_path / "odd.jpg")
        frame = moved(tmp_path / "odd.jpg", "zoom in").frame(1.0)
        assert frame.shape == (180, 320, 3) and frame.std() > 1

    def test_a_huge_picture_is_only_read_as_large_as_it_is_needed(self, tmp_path: Path) -> None:
        Image.new("RGB", (12_000, 8_000), (90, 120, 60)).save(tmp_path / "huge.jpg", quality=50)
        picture = open_picture(tmp_path / "huge.jpg", 320, 180).picture
        assert picture.shape[0] <= 180 * 1.13 and picture.shape[1] <= 320 * 1.13
        assert np.abs(picture.reshape(-1, 3).mean(0) - (90, 120, 60)).max() < 3

    def test_it_is_cropped_about_its_middle_and_never_stretched(self, tmp_path: Path) -> None:
        picture = Image.new("RGB", (900, 300), (20, 20, 200))
        picture.paste((240, 240, 20), (400, 100, 500, 200))  # a square in the middle
        picture.save(tmp_path / "wide.png")
        frame = moved(tmp_path / "wide.png", "x", (180, 180), camera_fixed=True).frame(0.0)
        yellow = (frame[..., 0] > 120) & (frame[..., 2] < 100)
        rows, columns = np.nonzero(yellow)
        assert abs((rows.min() + rows.max()) / 2 - 90) < 4 and abs((columns.min() + columns.max()) / 2 - 90) < 4
        assert abs((rows.max() - rows.min()) - (columns.max() - columns.min())) <= 3

    def test_a_fixed_camera_moves_nothing_but_light_and_air(self, photo: Path) -> None:
        scene = moved(photo, "something", camera_fixed=True)
        outlines = [cv2.Canny(cv2.GaussianBlur(scene.frame(t), (0, 0), 2), 40, 120) > 0 for t in (0.5, 4.5)]
        assert outlines[0].any() and np.count_nonzero(outlines[0] & outlines[1]) > 0.8 * np.count_nonzero(outlines[0])

    def test_transparency_becomes_a_soft_ground_and_its_shape_the_subjects(self, tmp_path: Path) -> None:
        picture = Image.new("RGBA", (320, 180), (255, 0, 0, 0))
        ImageDraw.Draw(picture).ellipse((110, 40, 210, 140), (30, 90, 200, 255))
        picture.save(tmp_path / "cut.png")
        source = open_picture(tmp_path / "cut.png", 320, 180)
        assert source.picture[5, 5].tolist() == [196, 198, 202]
        assert source.picture[90, 160].tolist() == [30, 90, 200]
        subject = find_subject(source.picture, see(source.picture), source.alpha)
        assert subject is not None and subject.stands
        assert np.abs(np.array(subject.box) - (110, 40, 211, 141)).max() <= 2

    def test_a_subject_before_a_plain_ground_is_cut_out_and_stays_whole(self, tmp_path: Path) -> None:
        picture = Image.new("RGB", (640, 360), (200, 205, 210))
        draw = ImageDraw.Draw(picture)
        draw.ellipse((270, 60, 370, 160), (200, 50, 40))
        draw.rectangle((285, 150, 355, 300), (150, 40, 40))
        picture.save(tmp_path / "toy.png")
        scene = moved(tmp_path / "toy.png", "dance")
        sizes = [np.count_nonzero(_is_red(scene.frame(t))) for t in (0.4, 0.9, 1.4, 1.9)]
        assert max(sizes) < 1.12 * min(sizes)
        for t in (0.4, 0.9, 1.4, 1.9):
            count, _ = cv2.connectedComponents(cv2.morphologyEx(_is_red(scene.frame(t)), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)))
            assert count == 2, "one piece, and the ground"

    def test_a_picture_that_lies_on_its_side_is_turned(self, tmp_path: Path) -> None:
        picture = Image.new("RGB", (180, 320), (20, 20, 200))
        picture.paste((240, 240, 20), (0, 0, 180, 160))
        exif = picture.getexif()
        exif[0x0112] = 6  # to be turned right by a quarter
        picture.save(tmp_path / "lying.jpg", exif=exif)
        upright = open_picture(tmp_path / "lying.jpg", 320, 180).picture
        assert upright[90, 40, 0] < 80 and upright[90, 280, 0] > 180

    def test_nothing_is_invented_for_a_picture(self) -> None:
        for prompt, weather in (("zoom in", Weather.CLEAR), ("make it snow", Weather.SNOW), ("sparkles everywhere", Weather.STARS)):
            storyboard = retold(direct(prompt, seconds=5, camera_fixed=False), prompt)
            assert (storyboard.weather[0], storyboard.roles) == (weather, ())
        assert retold(direct("zoom in", seconds=5, camera_fixed=False), "zoom in").place is Place.NOWHERE
        wishes = wishes_of("She dances slowly in the wind")
        assert (wishes.sways, wishes.jumps, wishes.windy) == (True, False, True) and wishes.pace < 1


def _is_red(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return ((frame[..., 0] > 90) & (frame[..., 1] < 90)).astype(np.uint8)
