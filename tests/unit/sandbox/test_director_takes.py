"""How the camera sees it: takes for every length, and the words that a director would use."""

import itertools

import pytest

from dustreel.providers.sandbox.director import direct
from dustreel.providers.sandbox.storyboard import Framing, Move, Take

PROMPTS = ["A cat playing piano in a jazz club", "the sea", "An idea", "three dogs run", "a rocket in space", "rain", "quick, quick, quick"]


def takes(prompt: str, seconds: int = 10, *, camera_fixed: bool = False) -> tuple[Take, ...]:
    return direct(prompt, seconds=seconds, camera_fixed=camera_fixed).takes


@pytest.mark.parametrize(("seconds", "many"), [(5, 1), (10, 2), (15, 3)])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_longer_video_has_more_takes_that_follow_one_another(prompt: str, seconds: int, many: int) -> None:
    some = takes(prompt, seconds)
    assert len(some) == many
    assert some[0].start == 0 and some[-1].start + some[-1].seconds == seconds
    for take, following in itertools.pairwise(some):
        assert take.start + take.seconds == following.start
        assert take.framing != following.framing
        assert following.start * 24 % 1 == 0, "a cut is on a frame"
    assert min(take.seconds for take in some) >= 3


def test_cuts_are_on_a_beat() -> None:
    for prompt in PROMPTS:
        board = direct(prompt, seconds=15, camera_fixed=False)
        for take in board.takes[1:]:
            off = take.start * board.tempo / 60 % 1
            assert min(off, 1 - off) < board.tempo / 60 / 24


@pytest.mark.parametrize("prompt", [*PROMPTS, "pan left, then zoom in", "handheld"])
def test_a_fixed_camera_is_one_take_that_stays(prompt: str) -> None:
    (take,) = takes(prompt, 15, camera_fixed=True)
    assert (take.move, take.seconds) == (Move.FIXED, 15)


@pytest.mark.parametrize(
    ("words", "move"),
    [
        ("slow zoom in", Move.PUSH_IN),
        ("the camera zooms out", Move.PULL_OUT),
        ("dolly in", Move.PUSH_IN),
        ("the camera pulls back", Move.PULL_OUT),
        ("pan left", Move.PAN_LEFT),
        ("panning slowly to the right", Move.PAN_RIGHT),
        ("a slow pan across the room", Move.PAN_RIGHT),
        ("tilt-up", Move.TILT_UP),
        ("the camera tilts down", Move.TILT_DOWN),
        ("the camera orbits around it", Move.ORBIT),
        ("orbit shot", Move.ORBIT),
        ("tracking shot", Move.FOLLOW),
        ("the camera follows it", Move.FOLLOW),
        ("hand-held", Move.HANDHELD),
        ("static shot", Move.FIXED),
        ("the camera doesn't move", Move.FIXED),
        ("no camera movement", Move.FIXED),
    ],
)
def test_one_named_move_goes_on_through_all_of_it(words: str, move: Move) -> None:
    (take,) = takes(f"A cat on a sofa, {words}", 15)
    assert take.move == move


def test_several_named_moves_are_as_many_takes() -> None:
    assert [take.move for take in takes("zoom in on the cat, then pan right to the dog", 15)] == [Move.PUSH_IN, Move.PAN_RIGHT]
    assert [take.move for take in takes("zoom in on the cat, then pan right to the dog", 5)] == [Move.PUSH_IN]


@pytest.mark.parametrize(
    ("words", "framing"),
    [
        ("close-up of a cat", Framing.CLOSE),
        ("a macro shot of a rose", Framing.CLOSE),
        ("wide shot of a field", Framing.WIDE),
        ("establishing shot: a city", Framing.WIDE),
        ("medium shot of a man", Framing.MEDIUM),
        ("drone footage of the coast", Framing.AERIAL),
        ("bird's-eye view of a forest", Framing.AERIAL),
        ("Flying over the mountains", Framing.AERIAL),
    ],
)
def test_the_named_framing_comes_first(words: str, framing: Framing) -> None:
    assert takes(words, 15)[0].framing == framing
    assert takes(words, 5, camera_fixed=True)[0].framing == framing


def test_words_of_the_camera_are_not_always_meant() -> None:
    assert [role.prop for role in direct("a pan on the stove", seconds=5, camera_fixed=False).roles] == ["pot"]
    assert direct("a bird flies over the sea", seconds=5, camera_fixed=False).takes[0].framing != Framing.AERIAL
    assert direct("a satellite in orbit", seconds=5, camera_fixed=False).takes[0].move != Move.ORBIT
    assert direct("a cat, no zoom", seconds=5, camera_fixed=False).takes[0].move != Move.PUSH_IN
