"""The sandbox's drawing: the same prompt looks the same, another one doesn't, and every shape and size is drawn."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dustreel.providers.sandbox.director import direct
from dustreel.providers.sandbox.picture import Animate, open_picture
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.scenes.abstract import Abstract
from dustreel.providers.sandbox.scenes.jazz import Jazz
from dustreel.providers.sandbox.scenes.land import Land
from dustreel.providers.sandbox.scenes.land_figures import FIGURES
from dustreel.providers.sandbox.setting import Hour, read_setting

SIZES = [(320, 180), (180, 320), (180, 180), (240, 180), (180, 240)]
PROMPTS = [
    "A cat playing piano in a jazz club",
    "a sailboat at sunset on a calm sea",
    "A fox in a snowy forest at night",
    "a rocket in space",
    "rain over the mountains",
    "two horses run through the desert at noon",
    "Quarterly figures, beautifully told",
    "猫がピアノを弾く 🐈",
]


def shot(prompt: str, size: tuple[int, int] = (320, 180), *, camera_fixed: bool = False) -> Shot:
    return Shot(size[0], size[1], 5, 24, prompt, camera_fixed)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_scene_is_drawn_in_every_shape(prompt: str, size: tuple[int, int]) -> None:
    frame = direct(shot(prompt, size)).frame(2.0)
    assert frame.shape == (size[1], size[0], 3)
    assert frame.dtype == np.uint8
    assert frame.std() > 8, "a picture of something"
    assert 10 < frame.mean() < 245


def test_the_same_prompt_gives_the_same_frames() -> None:
    for prompt in PROMPTS[:3]:
        first, second = direct(shot(prompt)), direct(shot(prompt))
        for t in (0.5, 2.0, 4.0):
            assert np.array_equal(first.frame(t), second.frame(t))


def test_different_prompts_differ_visibly() -> None:
    frames = [direct(shot(prompt)).frame(2.0).astype(np.float32).copy() for prompt in [*PROMPTS, "Another abstract thought"]]
    for number, frame in enumerate(frames):
        for other in frames[number + 1 :]:
            assert np.abs(frame - other).mean() > 6


@pytest.mark.parametrize("prompt", PROMPTS[:3])
def test_scenes_move_and_a_fixed_camera_moves_less(prompt: str) -> None:
    def motion(camera_fixed: bool) -> float:
        scene = direct(shot(prompt, camera_fixed=camera_fixed))
        early = scene.frame(1.0).astype(np.float32).copy()
        return float(np.abs(scene.frame(4.0).astype(np.float32) - early).mean())

    moving, fixed = motion(False), motion(True)
    assert moving > 1.0
    assert 0.2 < fixed < moving


@pytest.mark.parametrize(
    ("prompt", "scene"),
    [
        ("A cat playing piano in a jazz club", Jazz),
        ("In a club where jazz is played, cats dance", Jazz),
        ("Sailboats on the ocean", Land),
        ("wolves", Land),
        ("Midnight", Land),
        ("An idea of justice", Abstract),
        ("", Abstract),
    ],
)
def test_the_prompt_chooses_the_scene(prompt: str, scene: type) -> None:
    assert isinstance(direct(shot(prompt)), scene)


def test_a_prompt_is_read_with_its_plurals_and_in_any_order() -> None:
    setting = read_setting("At night, in snowy woods, foxes and horses and whales")
    assert (setting.hour, setting.snow, setting.forest, setting.subjects) == (Hour.NIGHT, True, True, ("fox", "horse"))
    assert not read_setting("nothing of the kind").is_somewhere


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_stands_on_the_ground(name: str) -> None:
    figure = FIGURES[name]
    points = np.concatenate(figure.outlines)
    assert -1.15 <= points[:, 1].min() <= -0.7
    if not (figure.flies or figure.swims):
        assert abs(points[:, 1].max()) < 0.06


class TestPictures:
    @pytest.fixture
    def photo(self, tmp_path: Path) -> Path:
        picture = Image.linear_gradient("L").resize((400, 300)).convert("RGB")
        picture.paste((220, 60, 40), (150, 90, 250, 260))
        picture.save(tmp_path / "photo.png")
        return tmp_path / "photo.png"

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("prompt", ["zoom in", "slowly zoom out", "pan left", "pan right", "tilt up", "dance", "wind", "something"])
    def test_a_picture_moves_in_every_shape(self, photo: Path, prompt: str, size: tuple[int, int]) -> None:
        scene = Animate(shot(prompt, size), open_picture(photo))
        first = scene.frame(0.2).astype(np.float32).copy()
        last = scene.frame(4.8).astype(np.float32)
        assert first.shape == (size[1], size[0], 3)
        assert np.abs(last - first).mean() > 0.5

    @pytest.mark.parametrize("size", [(16, 16), (5000, 40), (40, 5000), (3000, 2000)])
    def test_tiny_huge_and_odd_pictures_are_fine(self, tmp_path: Path, size: tuple[int, int]) -> None:
        Image.effect_noise(size, 60).convert("RGB").save(tmp_path / "odd.jpg")
        assert Animate(shot("zoom in"), open_picture(tmp_path / "odd.jpg")).frame(1.0).std() > 1

    def test_it_is_cropped_about_its_centre_and_never_stretched(self, tmp_path: Path) -> None:
        picture = Image.new("RGB", (900, 300), (20, 20, 200))
        picture.paste((240, 240, 20), (400, 100, 500, 200))  # a square in the middle
        picture.save(tmp_path / "wide.png")
        frame = Animate(shot("x", (180, 180), camera_fixed=True), open_picture(tmp_path / "wide.png")).frame(0.0)
        yellow = (frame[..., 0] > 120) & (frame[..., 2] < 100)
        rows, columns = np.nonzero(yellow)
        assert abs((rows.min() + rows.max()) / 2 - 90) < 4 and abs((columns.min() + columns.max()) / 2 - 90) < 4
        assert abs((rows.max() - rows.min()) - (columns.max() - columns.min())) <= 3

    def test_transparency_becomes_a_soft_ground(self, tmp_path: Path) -> None:
        Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(tmp_path / "clear.png")
        assert open_picture(tmp_path / "clear.png")[32, 32].tolist() == [196, 198, 202]
