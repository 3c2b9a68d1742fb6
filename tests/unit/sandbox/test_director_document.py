"""What docs/sandbox.md says the sandbox understands, it understands; and it leaves out nothing that there is."""

import re
from enum import StrEnum
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dustreel.cli.commands import app
from dustreel.providers.sandbox.director import direct
from dustreel.providers.sandbox.director.lexicon import lexicon
from dustreel.providers.sandbox.storyboard import Action, Framing, Hour, Mood, Move, Place, Season, Storyboard, Style, Weather

TEXT = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text("utf-8")


def words_after(start: str) -> list[str]:
    """The comma-separated words of the line that begins so."""
    (line,) = [line for line in TEXT.splitlines() if line.removeprefix("- ").startswith(start)]
    words = line.removeprefix("- ").removeprefix(start).split(";")[0].strip(" :.")
    return [word.strip() for word in words.split(",")]


def read(prompt: str) -> Storyboard:
    return direct(prompt, seconds=5, camera_fixed=False)


def test_every_drawing_is_listed_once() -> None:
    kinds = ("People", "Animals", "Vehicles", "Plants")
    assert sorted(word for kind in kinds for word in words_after(f"{kind}:")) == sorted(lexicon().subjects)
    assert sorted(words_after("Things to play, hold and use:")) == sorted(lexicon().props)


@pytest.mark.parametrize(
    ("start", "kind", "field"),
    [
        ("Places:", Place, "place"),
        ("Hours:", Hour, "hour"),
        ("Seasons:", Season, "season"),
        ("Moods:", Mood, "mood"),
    ],
)
def test_every_listed_word_means_what_it_says(start: str, kind: type[StrEnum], field: str) -> None:
    found = [getattr(read(f"the {word}" if kind is not Mood else f"a {word} cat"), field) for word in words_after(start)]
    assert set(found) == set(kind) - {Place.NOWHERE}
    assert len(found) == len(set(found))


def test_every_weather_action_and_style_is_listed() -> None:
    assert {weather for word in words_after("Weather, two at once:") for weather in read(f"a field, {word}").weather} == set(Weather)
    assert {Action(word) for word in words_after("What they do:")} == set(Action)
    styles = {read(f"{word}: a cat").style for word in ["film noir", *words_after("film noir,")]}
    assert styles == set(Style) - {Style.FILM} and read("a cat").style == Style.FILM


def test_every_move_and_framing_is_listed() -> None:
    moves = {read(f"a cat, {word}").takes[0].move for word in words_after("Moves:")}
    assert moves == set(Move) - {Move.DRIFT}
    assert {read(f"{word} of a cat").takes[0].framing for word in words_after("Framings:")} == set(Framing)


def test_its_examples_are_true() -> None:
    examples = re.findall(r"`([a-z ]+)`", TEXT)
    assert {"three dogs", "a flock of birds", "no people", "not at night"} <= set(examples)
    assert [role.count for role in read("three dogs").roles] == [3]
    assert [role.subject for role in read("a tiger and a shark").roles] == ["cat", "fish"]
    assert [len({role.colour for role in read("a black cat and a white cat").roles})] == [2]
    assert len(read("a jazz band").roles) == 3


def test_the_command_prints_it() -> None:
    told = CliRunner().invoke(app, ["storyboard", "Three black cats dance in the rain, slow zoom in", "--seconds", "15"])
    assert told.exit_code == 0
    assert "role     3 #1c1b20 cat: dance" in told.output
    assert "take     0.00 to 15.00 s" in told.output
    said = CliRunner().invoke(app, ["storyboard", "An idea", "--json", "--fixed"])
    assert '"place": "nowhere"' in said.output and '"move": "fixed"' in said.output
