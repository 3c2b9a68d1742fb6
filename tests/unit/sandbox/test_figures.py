"""Every drawing can be read, moved and painted, whatever it does."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

from dustreel.providers.sandbox.engine.acting import Acting
from dustreel.providers.sandbox.engine.drawing import curve, known, prop, subject
from dustreel.providers.sandbox.engine.figure import Figure, bounds, tapered
from dustreel.providers.sandbox.engine.pose import Pose
from dustreel.providers.sandbox.storyboard import Action

SUBJECTS, PROPS = known("subjects"), known("props")


def _moments(figure: Figure, action: Action) -> Iterator[list[np.ndarray]]:
    for t in (0.0, 0.37, 1.9):
        yield [outline.points for outline in figure.outlines(Acting(action, t, t * 1.8, 90.0))]


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_subject_can_do_everything(name: str) -> None:
    figure = Figure(subject(name))
    for action in Action:
        for outlines in _moments(figure, action):
            assert all(np.isfinite(points).all() for points in outlines)
            left, top, right, bottom = bounds(figure.outlines(Acting(action, 0.9, 0.0)))
            assert 20 < right - left < 420, action
            assert 20 < bottom - top < 260, action


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_tint_of_a_drawing_is_a_colour(name: str) -> None:
    drawing = subject(name)
    inks = drawing.inks("#3366cc", 5)
    for drawn in (drawing, *drawing.postures.values()):
        assert {shape.tint for shape in drawn.shapes} | {puff.tint for puff in drawn.puffs} <= inks.keys()
    assert all(ink.shape == (3,) for ink in inks.values())


@pytest.mark.parametrize("name", PROPS)
def test_every_prop_can_be_held_by_a_person_and_by_a_cat(name: str) -> None:
    held = prop(name)
    assert {shape.tint for shape in held.shapes} <= held.inks().keys()
    for holder in ("person", "child", "cat", "robot"):
        outlines = Figure(subject(holder), held).outlines(Acting(Action.PLAY, 0.5, 1.0))
        assert any(outline.of_prop for outline in outlines)
        assert all(np.isfinite(outline.points).all() for outline in outlines)


@pytest.mark.parametrize("name", [name for name in SUBJECTS if subject(name).rig in ("walker", "biped")])
def test_those_who_walk_stay_on_the_ground(name: str) -> None:
    figure = Figure(subject(name))
    for t in np.linspace(0, 2, 17):
        bottom = bounds(figure.outlines(Acting(Action.WALK, float(t), 0.0, 40.0)))[3]
        assert -3 < bottom < 4


def test_a_colour_in_the_prompt_colours_what_may_be_coloured() -> None:
    car = subject("car")
    assert car.inks("#0000ff")["body"].tolist() == [0, 0, 255]
    assert car.inks("#0000ff")["tyre"].tolist() == car.inks()["tyre"].tolist()


def test_a_hand_reaches_where_it_is_told_to() -> None:
    pose = Pose(subject("person"))
    target = (12.0, -60.0)
    pose.reach("shoulder_near", "elbow_near", "hand_near", target)
    assert math.dist(pose.where("hand_near"), target) < 0.01


def test_corners_stay_sharp_and_the_rest_is_soft() -> None:
    outline = curve("0,0! 10,-20! 20,0! 10,4")
    corner = outline[np.hypot(*(outline - (10, -20)).T).argmin()]
    assert np.allclose(corner, (10, -20))
    assert len(outline) > 12


def test_a_limb_has_no_gaps() -> None:
    """A bent tube is one outline that covers its joints."""
    joints = np.array([(0.0, 0.0), (10.0, 5.0), (4.0, 14.0)])
    outline = tapered(joints, np.array([3.0, 2.5, 2.0]))
    for joint in joints:
        assert np.hypot(*(outline - joint).T).min() < 3.6
    assert np.isfinite(outline).all()


def test_eyes_blink() -> None:
    figure = Figure(subject("cat"))
    heights = set()
    for t in np.arange(0, 4, 1 / 24):
        iris = next(outline for outline in figure.outlines(Acting(Action.STAND, float(t), 0.0)) if outline.tint == "iris")
        heights.add(round(float(np.ptp(iris.points[:, 1])), 1))
    assert min(heights) < 0.4 * max(heights)
