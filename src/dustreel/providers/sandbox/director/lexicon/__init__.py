"""What words mean: this folder's TOML files, and the words that every drawing brings along.

A file's table `[place]`, say, lists words for each value; `[[say]]` is for words that mean several things, or mean something only beside
others. An entry with a condition that holds stands alone, so that it can also take a meaning away; entries without are put together.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from dustreel.providers.sandbox.director.text import Ending, tokens_of
from dustreel.providers.sandbox.storyboard import Action, Framing, Hour, Mood, Move, Place, Season, Style, Weather

SUBJECT = "@subject"
"""In a condition: any word for a subject."""

_FILES = ("actions", "camera", "cast", "colours", "manner", "places", "times", "weather")
_CONDITIONS = frozenset({"before", "after", "near", "as", "ending", "starts"})
_PLAIN = re.compile("[a-z ]+")
_SHEETS = "dustreel.providers.sandbox"


@dataclass(frozen=True, slots=True)
class Says:
    """What words say outright, or hint at."""

    place: Place | None = None
    hour: Hour | None = None
    weather: tuple[Weather, ...] = ()
    season: Season | None = None
    mood: Mood | None = None
    style: Style | None = None
    move: Move | None = None
    framing: Framing | None = None
    subject: str | None = None
    prop: str | None = None
    players: tuple[str, ...] = ()
    """Props of as many players, each a role of its own."""
    action: Action | None = None
    count: int | None = None
    young: bool = False
    colours: tuple[str, ...] = ()
    without: str | None = None
    """A subject that there is none of: an empty street has no person."""
    tempo: float | None = None
    """Said, a factor; hinted at, beats a minute."""

    def and_then(self, other: "Says") -> "Says":
        """Both, where the first goes before the second."""
        return Says(**{field.name: getattr(self, field.name) or getattr(other, field.name) for field in fields(self)})


@dataclass(frozen=True, slots=True)
class Meaning:
    says: Says = Says()
    hints: Says = Says()

    def and_then(self, other: "Meaning") -> "Meaning":
        return Meaning(self.says.and_then(other.says), self.hints.and_then(other.hints))


@dataclass(frozen=True, slots=True)
class Condition:
    before: frozenset[str] = frozenset()
    """The next word is one of these."""
    after: frozenset[str] = frozenset()
    near: frozenset[str] = frozenset()
    """One of these is anywhere in the prompt."""
    verb: bool | None = None
    """Where it stands, it must be a verb, or can't be one."""
    endings: frozenset[Ending] = frozenset()
    """Of the last word."""
    starts: bool = False
    """A sentence starts with it."""


@dataclass(frozen=True, slots=True)
class Entry:
    words: tuple[str, ...]
    meaning: Meaning
    condition: Condition | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """The head of a drawing's file."""

    name: str
    words: tuple[str, ...]
    place: Place
    action: Action
    rig: str
    tags: frozenset[str]

    @property
    def is_alive(self) -> bool:
        """Whether it can hold and play things."""
        return not self.tags.isdisjoint({"animal", "person", "machine"})


@dataclass(frozen=True, slots=True)
class Lexicon:
    by_first_word: Mapping[str, tuple[Entry, ...]]
    """Longest first; of the same words, those with a condition first."""
    subjects: Mapping[str, Sheet]
    props: Mapping[str, Sheet]


@cache
def lexicon() -> Lexicon:
    subjects, props = _sheets("subjects"), _sheets("props")
    entries = [entry for file in _FILES for entry in _entries(load(file))]
    for field, sheets in (("subject", subjects), ("prop", props)):
        entries += [entry for name, sheet in sheets.items() for entry in _entries_of(_singulars(sheet), {field: name})]
    by_first_word: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: (-len(entry.words), entry.condition is None)):
        by_first_word.setdefault(entry.words[0], []).append(entry)
    return Lexicon({word: tuple(some) for word, some in by_first_word.items()}, subjects, props)


@cache
def load(file: str) -> Mapping[str, Any]:
    return tomllib.loads(files(__package__).joinpath(f"{file}.toml").read_text("utf-8"))


def listed(words: str) -> list[str]:
    return [word.strip() for word in words.split(",") if word.strip()]


def _sheets(folder: str) -> dict[str, Sheet]:
    found = sorted(_toml_files(files(_SHEETS).joinpath("assets", folder)), key=lambda file: file.name)
    return {name: _sheet(name, _head(file)) for file in found for name in [file.name.removesuffix(".toml")]}


def _toml_files(folder: Traversable) -> Iterator[Traversable]:
    return (file for file in folder.iterdir() if file.name.endswith(".toml"))


def _singulars(sheet: Sheet) -> list[str]:
    # "Wolves" as a word of its own would be one wolf.
    return [word for word in sheet.words if " " in word or not any(form in sheet.words for form in list(tokens_of(word)[0].forms)[1:])]


def _head(file: Traversable) -> dict[str, Any]:
    # What follows the first thing of several lines is the drawing: long, and not for the director to read.
    return tomllib.loads(re.split(r"^(?:\[|\w+ = [\[{]$)", file.read_text("utf-8"), maxsplit=1, flags=re.MULTILINE)[0])


def _sheet(name: str, head: Mapping[str, Any]) -> Sheet:
    return Sheet(name, tuple(head["words"]), Place(head["place"]), Action(head["action"]), head["rig"], frozenset(head["tags"]))


def _entries(file: Mapping[str, Any]) -> Iterator[Entry]:
    for said in file.get("say", ()):
        yield from _entries_of(listed(said["words"]), said)
    for field, table in file.items():
        if field != "say":
            for value, words in table.items():
                yield from _entries_of(listed(words), {field: value})


def _entries_of(some: Iterable[str], said: Mapping[str, Any]) -> Iterator[Entry]:
    says = _says({name: value for name, value in said.items() if name not in _CONDITIONS and name not in ("words", "hints")})
    meaning, condition = Meaning(says, _says(said.get("hints", {}))), _condition(said)
    for words in some:
        # Written as a prompt would be, and so read as one.
        bare = words.split() if _PLAIN.fullmatch(words) else (next(iter(token.forms)) for token in tokens_of(words))
        yield Entry(tuple(bare), meaning, condition)


def _says(said: Mapping[str, Any]) -> Says:
    return Says(
        **{"colours" if name == "colour" else name: _READERS[name](value) if name in _READERS else value for name, value in said.items()}
    )


def _condition(said: Mapping[str, Any]) -> Condition | None:
    if _CONDITIONS.isdisjoint(said):
        return None
    return Condition(
        before=frozenset(listed(said.get("before", ""))),
        after=frozenset(listed(said.get("after", ""))),
        near=frozenset(listed(said.get("near", ""))),
        verb={"verb": True, "noun": False}[said["as"]] if "as" in said else None,
        endings=frozenset(map(Ending, listed(said.get("ending", "")))),
        starts=said.get("starts", False),
    )


_READERS: Mapping[str, Callable[[str], Any]] = {
    "place": Place,
    "hour": Hour,
    "weather": lambda words: tuple(map(Weather, listed(words))),
    "season": Season,
    "mood": Mood,
    "style": Style,
    "move": Move,
    "framing": Framing,
    "action": Action,
    "players": lambda words: tuple(listed(words)),
    "colours": lambda words: tuple(listed(words)),
    "colour": lambda word: (word,),
}
