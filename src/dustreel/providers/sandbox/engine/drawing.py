"""Drawings read from `assets`: joints, and shapes in the order in which they are painted. The format is told in `assets/README.md`."""

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

import cv2
import numpy as np

from dustreel.providers.sandbox.kit import Colour, Points, colour, ellipse, spline

# A drawing's unit is a hundredth of its height.
UNIT = 0.01
# How finely shapes are cut to fit within others: pixels a hundredth.
_CUT = 8.0
_ROOT = "root"


@dataclass(frozen=True, slots=True)
class Joint:
    name: str
    parent: int
    """−1 for the root."""
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Shape:
    on: int
    """The joint that carries it."""
    tint: str
    points: Points
    """At rest; empty for a limb."""
    chain: tuple[int, ...] = ()
    """A limb is a tube through these joints."""
    widths: tuple[float, ...] = ()
    line: float = 0.0
    """The width of an open stroke; 0 for a filled outline."""
    glow: float = 0.0
    """How much it shines by itself, 0 to 1."""
    halo: float = 0.0
    """The radius of the light around it, in the dark."""
    lit: float = 0.0
    """How far a rim of light shows on its own edge, for what lies over a shape of the same colour."""


@dataclass(frozen=True, slots=True)
class Puff:
    """Smoke or steam that leaves a joint."""

    on: int
    tint: str
    size: float
    way: tuple[float, float]
    """Hundredths a second."""


@dataclass(frozen=True, slots=True)
class Drawing:
    name: str
    rig: str
    metres: float
    joints: tuple[Joint, ...]
    index: Mapping[str, int]
    shapes: tuple[Shape, ...]
    puffs: tuple[Puff, ...]
    tints: Mapping[str, str]
    recolour: tuple[str, ...]
    variants: Mapping[str, tuple[str, ...]]
    marks: Mapping[str, tuple[float, ...]]
    """Numbers that a rig asks for: where a seat is, how long a stride."""
    postures: Mapping[str, "Drawing"] = field(default_factory=dict)
    """Other drawings of the same subject, by what it does in them."""

    def __hash__(self) -> int:
        return id(self)

    def inks(self, tint: str | None = None, variant: int | None = None) -> dict[str, Colour]:
        """Every tint as a colour, with the prompt's colour or a crowd's variety where the drawing allows it."""
        named = dict(self.tints)
        if variant is not None:
            for name, choices in self.variants.items():
                named[name] = choices[(variant * 7 + len(name)) % len(choices)]
        if tint is not None:
            named |= dict.fromkeys(self.recolour, tint)
        return {name: _ink(name, named) for name in named}


def _ink(name: str, named: Mapping[str, str]) -> Colour:
    """`#rrggbb`, or another tint made darker (`fur*0.8`) or lighter (`fur+0.3`)."""
    code = named[name]
    if code.startswith("#"):
        return colour(code)
    found = re.fullmatch(r"(\w+)([*+])([\d.]+)", code)
    if found is None:
        raise ValueError(f"{name} = {code!r} is neither a colour nor made of one")
    base, share = _ink(found[1], named), float(found[3])
    return np.asarray(base * share if found[2] == "*" else base + (255 - base) * share, np.float32)


@lru_cache(maxsize=64)
def subject(name: str) -> Drawing:
    return _read("subjects", name)


@lru_cache(maxsize=32)
def prop(name: str) -> Drawing:
    return _read("props", name)


def known(kind: str) -> tuple[str, ...]:
    """The names of all drawings in `subjects` or `props`."""
    folder = files("dustreel.providers.sandbox") / "assets" / kind
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def _read(kind: str, name: str) -> Drawing:
    table = _table(kind, name)
    main = _drawing(name, table, table)
    postures: dict[str, Drawing] = {}
    for extra in table.get("postures", ()):
        drawn = _drawing(name, extra if "joints" in extra else table | extra, table)
        postures |= dict.fromkeys(extra["actions"], drawn)
    return replace(main, postures=postures)


def _table(kind: str, name: str) -> dict[str, Any]:
    """A file as a table; one that is `like` another has all that it doesn't say itself from there."""
    text = (files("dustreel.providers.sandbox") / "assets" / kind / f"{name}.toml").read_text()
    table = tomllib.loads(text)
    if "like" not in table:
        return table
    base = _table(kind, table["like"])
    merged = base | table
    for part in ("tints", "joints", "marks", "variants"):
        merged[part] = base.get(part, {}) | table.get(part, {})
    swaps = table.get("swap", {})
    merged["shapes"] = _swapped(base.get("shapes", []), swaps)
    merged["postures"] = table.get("postures", [])
    merged["postures"] = merged["postures"] + [extra | {"shapes": _swapped(extra["shapes"], swaps)} for extra in base.get("postures", ())]
    return merged


def _swapped(shapes: Sequence[dict[str, Any]], swaps: Mapping[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Named shapes give way to others: to none, one or several."""
    found: list[dict[str, Any]] = []
    for shape in shapes:
        found += swaps.get(shape.get("name", ""), [shape])
    return found


def _drawing(name: str, table: Mapping[str, Any], whole: Mapping[str, Any]) -> Drawing:
    joints, index = _joints(table.get("joints", {}))
    outlines: dict[str, Points] = {}
    shapes = []
    for entry in table.get("shapes", ()):
        shape = _shape(entry, index, outlines)
        if "name" in entry:
            outlines[entry["name"]] = shape.points
        shapes.append(shape)
    puffs = tuple(
        Puff(index[entry["on"]], entry["tint"], float(entry["size"]), (entry["way"][0], entry["way"][1]))
        for entry in table.get("puffs", ())
    )
    marks = whole.get("marks", {}) | table.get("marks", {})
    return Drawing(
        name=name,
        rig=whole.get("rig", "prop"),
        metres=float(whole.get("metres", 1.0)),
        joints=joints,
        index=index,
        shapes=tuple(shapes),
        puffs=puffs,
        tints=whole.get("tints", {}),
        recolour=tuple(whole.get("recolour", ())),
        variants={key: tuple(choices) for key, choices in whole.get("variants", {}).items()},
        marks={key: tuple(_numbers(value)) for key, value in marks.items()},
    )


def _joints(table: Mapping[str, str]) -> tuple[tuple[Joint, ...], dict[str, int]]:
    """`name = "x,y"` or `name = "parent x,y"`, in any order; all hang on a root at (0, 0)."""
    joints = [Joint(_ROOT, -1, 0.0, 0.0)]
    index = {_ROOT: 0}

    def add(name: str) -> int:
        if name not in index:
            *parent, point = table[name].split()
            above = add(parent[0]) if parent else 0
            x, y = map(float, point.split(","))
            index[name] = len(joints)
            joints.append(Joint(name, above, x, y))
        return index[name]

    for name in table:
        add(name)
    return tuple(joints), index


def _shape(entry: Mapping[str, Any], index: Mapping[str, int], outlines: Mapping[str, Points]) -> Shape:
    line = 0.0
    chain: tuple[int, ...] = ()
    points = np.empty((0, 2))
    if "limb" in entry:
        chain = tuple(index[joint] for joint in entry["limb"].split())
    elif "curve" in entry:
        points = curve(entry["curve"])
    elif "oval" in entry:
        (x, y), (across, down), *turn = (tuple(_numbers(part)) for part in entry["oval"].split())
        points = ellipse(x, y, across, down, steps=28, turn=math.radians(turn[0][0]) if turn else 0.0)
    else:
        line = float(entry.get("width", 1.0))
        points = spline(_points(entry["line"])[0], closed=False, steps=6)
    if "within" in entry:
        points = _cut(points, outlines[entry["within"]])
    return Shape(
        on=chain[0] if chain else index[entry.get("on", _ROOT)],
        tint=entry["tint"],
        points=points,
        chain=chain,
        widths=tuple(_numbers(entry.get("widths", ""))),
        line=line,
        glow=float(entry.get("glow", 0.0)),
        halo=float(entry.get("halo", 0.0)),
        lit=float(entry.get("lit", 0.0)),
    )


def curve(text: str) -> Points:
    """A closed outline through `x,y` points: soft at each, but for those that end in `!`, which are corners."""
    points, corners = _points(text)
    at = [number for number, corner in enumerate(corners) if corner]
    if not at:
        return spline(points, steps=8)
    turned = np.roll(points, -at[0], axis=0)
    stops = [number - at[0] for number in at] + [len(points)]
    turned = np.concatenate([turned, turned[:1]])
    runs = [turned[a : b + 1] for a, b in pairwise(stops)]
    return np.concatenate([spline(run, closed=False, steps=8)[:-1] if len(run) > 2 else run[:1] for run in runs])


def _points(text: str) -> tuple[Points, list[bool]]:
    words = text.split()
    return np.array([tuple(map(float, word.rstrip("!").split(","))) for word in words]), [word.endswith("!") for word in words]


def _numbers(text: str | float | Sequence[float]) -> list[float]:
    if isinstance(text, int | float):
        return [float(text)]
    return [float(word) for word in text.replace(",", " ").split()] if isinstance(text, str) else [float(part) for part in text]


def _cut(points: Points, outline: Points) -> Points:
    """What of a shape lies within another's outline: found on a fine grid, since a drawing is read once."""
    low = outline.min(0) - 1
    width, height = (int(size) for size in np.ceil((outline.max(0) - low + 2) * _CUT))
    masks = []
    for shape in (points, outline):
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [np.round((shape - low) * _CUT * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
        masks.append(mask)
    found, _ = cv2.findContours(cv2.bitwise_and(masks[0], masks[1]), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not found:
        return np.empty((0, 2))
    longest = max(found, key=len)[:, 0].astype(np.float64)
    # Steps of the grid are smoothed away along the outline.
    smoothed = np.mean([np.roll(longest, shift, axis=0) for shift in range(-3, 4)], axis=0)
    return np.asarray(smoothed[::4] / _CUT + low, np.float64)
