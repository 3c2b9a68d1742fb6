"""Of any text whatever, a storyboard that all others can work with, and always the same."""

import dataclasses
import random
import re
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as some

from dustreel.providers.sandbox.director import direct, gallery
from dustreel.providers.sandbox.director.lexicon import lexicon, load
from dustreel.providers.sandbox.storyboard import Action, Hour, Place, Season, Storyboard, Style, Weather

HEX = re.compile(r"#[0-9a-f]{6}")

known_words = some.sampled_from(sorted({" ".join(entry.words) for entries in lexicon().by_first_word.values() for entry in entries}))
small_words = some.sampled_from("a the no not without and or , . in on with of three black two his it while like -".split())
sentences = some.lists(known_words | small_words | small_words, max_size=24).map(" ".join)
any_text = some.text(max_size=300) | some.text(some.characters(), max_size=60)
lengths = some.sampled_from([5, 10, 15])


def assert_sound(board: Storyboard, seconds: int, *, fixed: bool) -> None:
    assert 0 <= board.seed < 2**32
    assert 1 <= len(board.weather) <= 2 and len(set(board.weather)) == len(board.weather)
    assert len(board.palette) <= 3 and all(map(HEX.fullmatch, board.palette))
    assert 48 <= board.tempo <= 160
    assert len(board.roles) <= 3
    for role in board.roles:
        assert role.subject in lexicon().subjects and 1 <= role.count <= 12
        assert role.prop is None or role.prop in lexicon().props
        assert role.colour is None or HEX.fullmatch(role.colour)
    assert board.place is not Place.NOWHERE or (not board.roles and len(board.palette) == 3)
    assert board.takes[0].start == 0 and board.takes[-1].start + board.takes[-1].seconds == seconds
    assert all(first.start + first.seconds == then.start for first, then in zip(board.takes, board.takes[1:], strict=False))
    assert all(take.seconds >= 2.9 for take in board.takes)
    assert not fixed or [take.move for take in board.takes] == ["fixed"]


@given(text=any_text, seconds=lengths, fixed=some.booleans())
@settings(max_examples=120, deadline=None)
def test_any_text_gives_a_storyboard(text: str, seconds: int, fixed: bool) -> None:
    assert_sound(direct(text, seconds=seconds, camera_fixed=fixed), seconds, fixed=fixed)


@given(text=sentences, seconds=lengths, fixed=some.booleans())
@settings(max_examples=250, deadline=None)
def test_known_words_in_any_order_give_a_storyboard_always_the_same(text: str, seconds: int, fixed: bool) -> None:
    board = direct(text, seconds=seconds, camera_fixed=fixed)
    assert_sound(board, seconds, fixed=fixed)
    assert direct(text, seconds=seconds, camera_fixed=fixed) == board


@given(text=sentences)
@settings(max_examples=60, deadline=None)
def test_the_length_and_the_camera_change_nothing_but_the_takes(text: str) -> None:
    short, long = direct(text, seconds=5, camera_fixed=True), direct(text, seconds=15, camera_fixed=False)
    assert dataclasses.replace(short, takes=()) == dataclasses.replace(long, takes=())


def test_capitals_and_spaces_change_nothing_that_was_read() -> None:
    for prompt in gallery():
        plain, loud = (direct(text, seconds=5, camera_fixed=False) for text in (prompt, f"  {prompt.upper()}  "))
        assert (loud.place, loud.roles, loud.style) == (plain.place, plain.roles, plain.style), prompt


def test_another_process_reads_the_same() -> None:
    code = "from dustreel.providers.sandbox.director import direct; print(direct('two foxes dance', seconds=10, camera_fixed=False))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == str(direct("two foxes dance", seconds=10, camera_fixed=False))


def test_a_very_long_prompt_is_read_in_reasonable_time() -> None:
    words = sorted(lexicon().by_first_word)
    random.Random(1).shuffle(words)
    assert_sound(direct(" ".join(words * 3), seconds=15, camera_fixed=False), 15, fixed=False)


def test_the_gallery_is_24_prompts_of_all_kinds() -> None:
    prompts = gallery()
    boards = [direct(prompt, seconds=10, camera_fixed=False) for prompt in prompts]
    assert len(set(prompts)) == 24
    assert len({role.subject for board in boards for role in board.roles}) >= 18
    assert len({board.place for board in boards}) >= 14
    assert {board.hour for board in boards} == set(Hour)
    assert len({weather for board in boards for weather in board.weather}) >= 8
    assert {board.style for board in boards} >= {
        Style.NOIR,
        Style.WATERCOLOUR,
        Style.NEON,
        Style.ANIME,
        Style.PIXEL,
        Style.PAPER,
        Style.CLAY,
        Style.VINTAGE,
    }
    assert {board.season for board in boards} == set(Season)


def test_every_place_weather_and_season_can_be_asked_for_and_has_defaults() -> None:
    defaults = load("defaults")
    assert set(defaults["place"]) == set(Place) and set(defaults["alone"]) == set(Action)
    for place in set(Place) - {Place.NOWHERE}:
        assert direct(place, seconds=5, camera_fixed=False).place == place
    for weather in Weather:
        assert weather in direct(f"{'' if weather != 'clear' else 'a clear sky, '}{weather}", seconds=5, camera_fixed=False).weather
    for season in Season:
        assert direct(f"in {season}", seconds=5, camera_fixed=False).season == season


def test_every_drawing_is_found_by_each_of_its_words() -> None:
    for name, sheet in lexicon().subjects.items():
        for word in sheet.words:
            roles = direct(f"Here is a {word}", seconds=5, camera_fixed=False).roles
            assert roles, f"{word} of {name}"


def test_the_lexicon_names_only_what_is_drawn() -> None:
    known = lexicon()
    for entries in known.by_first_word.values():
        for entry in entries:
            says = entry.meaning.says
            assert says.subject is None or says.subject in known.subjects, entry.words
            assert {says.prop, *says.players} - {None} <= set(known.props), entry.words
            assert all(map(HEX.fullmatch, (*says.colours, *entry.meaning.hints.colours))), entry.words


def test_a_drawings_words_of_several_words_are_whole() -> None:
    known = lexicon().by_first_word
    for sheet in (*lexicon().subjects.values(), *lexicon().props.values()):
        for word in sheet.words:
            parts = tuple(word.replace("-", " ").split())
            assert len(parts) == 1 or any(entry.words == parts for entry in known[parts[0]]), word
