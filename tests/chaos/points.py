"""Where a process can die: the messages that it sends, by name, and how a plan picks among them."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from dustreel.base.db import Statements


class Moment(StrEnum):
    BEFORE = "before"
    """The message has left the process and reaches nobody."""
    AFTER = "after"
    """It was carried out, and the process never hears of it."""


@dataclass(frozen=True, order=True)
class Point:
    message: str
    moment: Moment

    def __str__(self) -> str:
        return f"{self.moment} {self.message}"


@dataclass(frozen=True)
class Target:
    """One message to die at: the n-th of its kind, or (with no point) simply the n-th of all."""

    point: Point | None
    occurrence: int

    def __str__(self) -> str:
        return f"{'any' if self.point is None else self.point}#{self.occurrence}"

    @classmethod
    def parse(cls, text: str) -> "Target":
        """What `str` made of it."""
        said, _, occurrence = text.strip().rpartition("#")
        if said == "any":
            return cls(None, int(occurrence))
        moment, _, message = said.partition(" ")
        return cls(Point(message, Moment(moment)), int(occurrence))


class Trigger:
    """Counts what passes, and says at which message to die. `fire` is called once for each target, in their order."""

    def __init__(self, targets: list[Target]) -> None:
        self._targets = list(targets)
        self.passed: Counter[Point] = Counter()
        self._since: Counter[Point] = Counter()
        self.fired: list[Point] = []
        self.is_open = True

    def reached(self, message: str, moment: Moment) -> bool:
        """Whether the sender dies here. Between a death and the next start nothing is counted."""
        if not self.is_open:
            return False
        point = Point(message, moment)
        self.passed[point] += 1
        self._since[point] += 1
        if not self._targets:
            return False
        target = self._targets[0]
        count = self._since.total() if target.point is None else self._since[point] if target.point == point else 0
        if count != target.occurrence:
            return False
        self._targets.pop(0)
        self._since.clear()
        self.fired.append(point)
        return True


@cache
def statement_names() -> dict[str, str]:
    """Every named statement of the product and of its job engine, by its normal form."""
    found: dict[str, str] = {}
    for package, folder in (("dustreel", files("dustreel")), ("oban", files("oban").joinpath("queries"))):
        for file in _sql_files(folder):
            stem = file.name.removesuffix(".sql")
            if package == "oban":
                found[normal(file.read_text("utf-8"))] = f"oban.{stem}"
                continue
            for name, text in Statements.parse(file.read_text("utf-8")).items():
                found[normal(text.decode())] = f"{stem}.{name}"
    return found


def _sql_files(folder: Traversable) -> list[Traversable]:
    found: list[Traversable] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += [] if entry.name == "migrations" else _sql_files(entry)
        elif entry.name.endswith(".sql"):
            found.append(entry)
    return found


def normal(statement: str) -> str:
    """A statement without what the driver changes about it: placeholders, white space, the last semicolon."""
    plain = re.sub(r"%\(\w+\)s|\$\d+", "?", statement).replace("public.", "")
    return " ".join(re.sub(r'"_pg3_\d+"', "", plain).split()).rstrip("; ")


@lru_cache(10_000)
def name_of(statement: str) -> str:
    """The statement's own name, or its first words."""
    shape = normal(statement)
    return statement_names().get(shape) or " ".join(shape.split()[:4]).lower()


type Ask = Callable[[str, Moment], bool]
"""Told of a message; True when its sender is dead by now."""
