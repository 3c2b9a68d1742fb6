"""A storyboard becomes frames: who is in them, how large, and how they move."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from dustreel.providers.sandbox.director import direct
from dustreel.providers.sandbox.engine.actor import Clock
from dustreel.providers.sandbox.engine.compose import Composition
from dustreel.providers.sandbox.engine.port import OVERSCAN
from dustreel.providers.sandbox.engine.takes import Aim, set_camera
from dustreel.providers.sandbox.kit import Camera, Picture
from dustreel.providers.sandbox.scene import Shot
from dustreel.providers.sandbox.storyboard import Action, Framing, Move, Role, Take

SIZES = {"16:9": (320, 180), "9:16": (180, 320), "1:1": (200, 200)}


def composed(
    prompt: str, size: tuple[int, int] = SIZES["16:9"], *, fixed: bool = False, roles: tuple[Role, ...] | None = None
) -> Composition:
    shot = Shot(*size, seconds=5, fps=24, prompt=prompt, camera_fixed=fixed)
    storyboard = direct(prompt, seconds=5, camera_fixed=fixed)
    return Composition(shot, storyboard if roles is None else replace(storyboard, roles=roles))


def difference(first: Picture, second: Picture) -> float:
    return float(cv2.absdiff(first, second).mean())


def test_the_same_prompt_gives_the_same_frames_in_any_order() -> None:
    first, second = composed("A fox walks through a forest"), composed("A fox walks through a forest")
    early, late = first.frame(0.5).copy(), first.frame(3.0).copy()
    assert (second.frame(3.0) == late).all()
    assert (second.frame(0.5) == early).all()


def test_somebody_is_seen_and_moves() -> None:
    with_fox = composed("A fox walks through a forest", fixed=True)
    without = composed("A fox walks through a forest", fixed=True, roles=())
    assert difference(with_fox.frame(2.0).copy(), without.frame(2.0)) > 0.5
    before = with_fox.frame(2.0).copy()
    assert difference(before, with_fox.frame(2.25)) > 0.1


@pytest.mark.parametrize("aspect", SIZES)
@pytest.mark.parametrize(
    "prompt", ["A blue whale in the deep ocean", "Three hot-air balloons over mountains", "A cat playing piano in a jazz club"]
)
def test_nobody_is_cropped_in_any_aspect(aspect: str, prompt: str) -> None:
    width, height = SIZES[aspect]
    scene = composed(prompt, (width, height))
    for actor in scene.cast:
        left, top, right, bottom = actor.box
        assert left > -0.52 * width / height
        assert right < 0.52 * width / height
        assert -0.6 < top < bottom < 0.56


def test_a_crowd_is_as_many_as_asked_for() -> None:
    assert len(composed("a flock", roles=(Role("bird", Action.FLY, count=9),)).cast) == 9


def test_a_fixed_camera_never_moves() -> None:
    camera, shot = Camera(320, 180), Shot(320, 180, 5, 24, "", True)
    seen = set()
    for share in (0.0, 0.4, 1.0):
        set_camera(camera, shot, Take(0, 5, Framing.WIDE, Move.FIXED), Clock(5 * share, share, 5, 0), Aim(0.2, 0.1, 0.4, 0.4, 0.0), None)
        seen.add((camera.x, camera.y, camera.zoom))
    assert len(seen) == 1


@pytest.mark.parametrize("move", list(Move))
@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("size", SIZES.values())
def test_the_camera_never_sees_beyond_the_plates(move: Move, framing: Framing, size: tuple[int, int]) -> None:
    shot, camera = Shot(*size, 5, 24, "", False), Camera(*size)
    half = shot.aspect / 2
    for share in np.linspace(0, 1, 9):
        aim = Aim(0.25, 0.1, 0.3, 0.4, -0.1)
        set_camera(camera, shot, Take(0, 5, framing, move), Clock(5 * float(share), float(share), 5, 0), aim, None)
        for depth in (0.3, 0.6, 1.0):
            zoom = 1 + (camera.zoom - 1) * depth
            assert abs(camera.x) * depth <= half * (OVERSCAN - 1 / zoom) + 1e-6
            assert abs(camera.y) * depth <= 0.5 * (OVERSCAN - 1 / zoom) + 1e-6


def test_takes_dissolve_into_one_another() -> None:
    scene = composed("A fox in a forest")
    scene.storyboard = replace(scene.storyboard, takes=(Take(0, 2.5, Framing.WIDE, Move.FIXED), Take(2.5, 2.5, Framing.CLOSE, Move.FIXED)))
    steps = [scene.frame(t).copy() for t in (2.0, 2.5, 3.0)]
    cut = difference(steps[0], steps[2])
    assert 0 < difference(steps[0], steps[1]) < cut
    assert 0 < difference(steps[1], steps[2]) < cut
