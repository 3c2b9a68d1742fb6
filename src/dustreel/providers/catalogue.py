"""What the models of remote providers can do, what they cost, and how they want to be asked: data, checked here.

The files in `models/` hold what we know of each vendor's models; an operator's own file (DUSTREEL_MODELS_FILE) adds to them, and wins. A
file is TOML with one array of tables a provider, `[[replicate]]` and so on, in order of preference. Adding a model needs no code.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dustreel.base.errors import Misconfigured
from dustreel.base.vocabulary import AspectRatio, Frame, GenerationType
from dustreel.providers.port import Capability, Order, Refused, Shot

VENDORS = ("replicate", "fal", "openai_compatible", "cog")

type Words = Annotated[str, Field(min_length=1, max_length=200)]
type Dollars = Annotated[Decimal, Field(ge=0, lt=1_000)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Shots(_Table):
    """Lengths that a model makes in one size."""

    seconds: list[Annotated[int, Field(ge=1, le=60)]] = Field(min_length=1)
    short_side: Annotated[int, Field(ge=64, le=4_320)]
    """Pixels."""
    size: Words | None = None
    """The model's own word for the size."""
    usd: Dollars | None = None
    """A video's price."""
    usd_per_second: Dollars | None = None
    """A second's price, where it goes by the length."""

    @model_validator(mode="after")
    def _one_price(self) -> Self:
        if self.usd is not None and self.usd_per_second is not None:
            raise ValueError("has two prices: usd and usd_per_second")
        return self

    def each(self) -> list[Shot]:
        return [
            Shot(seconds, self.short_side, self.size, self.usd if self.usd is not None else (self.usd_per_second or Decimal(0)) * seconds)
            for seconds in self.seconds
        ]


class Inputs(_Table):
    """The names of a model's inputs. One that is left out is not sent."""

    prompt: Words = "prompt"
    picture: Words | None = None
    seconds: Words | None = None
    seconds_as: Annotated[str, Field(pattern=r"^[^{}]*\{seconds\}[^{}]*$")] | None = None
    """A text to send, such as `{seconds}s`; without it the number is sent."""
    frames: Words | None = None
    """The length as a number of frames, one more than whole seconds hold: 81 at 16 a second are five seconds."""
    frames_a_second: Annotated[int, Field(ge=1, le=120)] | None = None
    size: Words | None = None
    """Takes the shot's own word."""
    frame: Words | None = None
    """Takes the size in pixels, as in `1280x720`."""
    width: Words | None = None
    height: Words | None = None
    aspect_ratio: Words | None = None
    """Takes the shape, as in `16:9`."""
    camera_fixed: Words | None = None

    @model_validator(mode="after")
    def _frames_have_a_rate(self) -> Self:
        if (self.frames is None) != (self.frames_a_second is None):
            raise ValueError("needs both frames and frames_a_second, or neither")
        return self


class Recipe(_Table):
    """One model of one provider."""

    model: Words
    types: list[GenerationType] = Field(min_length=1)
    aspect_ratios: list[AspectRatio] = Field(min_length=1)
    shots: list[Shots] = Field(min_length=1)
    expected_seconds: Annotated[int, Field(ge=1)] | None = None
    multiple_of: Annotated[int, Field(ge=1, le=64)] = 2
    """Width and height that are sent are rounded to multiples of so many pixels."""
    not_with_picture: list[Words] = []
    """Inputs that it refuses beside a picture, whose shape it takes."""
    inputs: Inputs = Inputs()
    constants: dict[str, str | int | float | bool] = {}
    """Sent as they are, whatever was asked."""

    @model_validator(mode="after")
    def _takes_what_it_says(self) -> Self:
        if GenerationType.IMAGE_TO_VIDEO in self.types and self.inputs.picture is None:
            raise ValueError("makes videos from pictures, and inputs.picture names no input for one")
        return self

    @property
    def capability(self) -> Capability:
        return Capability(
            model=self.model,
            generation_types=frozenset(self.types),
            shots=tuple(shot for row in self.shots for shot in row.each()),
            aspect_ratios=frozenset(self.aspect_ratios),
            camera_fixed=self.inputs.camera_fixed is not None,
            # Nobody is to be recognised by a model that has only words: people are for those that take pictures of them.
            reference_person=False,
            expected_seconds=self.expected_seconds,
        )

    def fill(self, order: Order, picture: str | None) -> dict[str, Any]:
        """The input to send for this order; `picture` as the provider takes it: an address, or a data URL."""
        assert order.shot is not None, "a remote provider's order has a shot"
        names, shot = self.inputs, order.shot
        frame = pixels(shot, order.aspect_ratio, self.multiple_of)
        values: dict[str | None, Any] = {
            names.prompt: order.prompt,
            names.picture: picture,
            names.seconds: names.seconds_as.format(seconds=shot.seconds) if names.seconds_as else shot.seconds,
            names.frames: shot.seconds * (names.frames_a_second or 0) + 1,
            names.size: shot.size,
            names.frame: f"{frame.width}x{frame.height}",
            names.width: frame.width,
            names.height: frame.height,
            names.aspect_ratio: order.aspect_ratio.value,
            names.camera_fixed: order.camera_fixed,
        }
        left_out = self.not_with_picture if picture is not None else []
        return self.constants | {
            name: value for name, value in values.items() if name is not None and value is not None and name not in left_out
        }


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The recipes of one provider, in order of preference."""

    recipes: tuple[Recipe, ...]

    @property
    def models(self) -> tuple[Capability, ...]:
        return tuple(recipe.capability for recipe in self.recipes)

    def only(self, models: Sequence[str]) -> "Catalogue":
        """These models, in this order. Raises Misconfigured for one that is not there."""
        known = {recipe.model: recipe for recipe in self.recipes}
        for model in models:
            if model not in known:
                raise Misconfigured(f"No recipe for the model {model!r} is known: DUSTREEL_MODELS_FILE may add one.")
        return Catalogue(tuple(known[model] for model in models))

    def recipe(self, model: str) -> Recipe:
        """Raises Refused for a model that is no longer there."""
        for recipe in self.recipes:
            if recipe.model == model:
                return recipe
        raise Refused("The model that was to make it is no longer offered")


def read_catalogue(provider: str, own: Path | None = None, *, is_guess: bool = False) -> Catalogue:
    """What we know of a provider's models, behind what the operator's file says of them. Raises Misconfigured.

    `is_guess`: what we know is a guess, and stands only where the operator says nothing.
    """
    shipped = files("dustreel.providers").joinpath("models", f"{provider}.toml")
    known = _recipes(shipped.read_text("utf-8"), provider, shipped.name) if shipped.is_file() else []
    mine = _recipes(_text(own), provider, str(own)) if own is not None else []
    if mine and is_guess:
        return Catalogue(tuple(mine))
    said = {recipe.model for recipe in mine}
    return Catalogue((*mine, *(recipe for recipe in known if recipe.model not in said)))


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as failed:
        raise Misconfigured(f"DUSTREEL_MODELS_FILE can't be read: {failed}.") from failed


def _recipes(text: str, provider: str, source: str) -> list[Recipe]:
    try:
        everything = tomllib.loads(text)
        for name in everything:
            if name not in VENDORS:
                raise Misconfigured(f"{source} has models of {name!r}, which is none of: {', '.join(VENDORS)}.")
        tables = everything.get(provider, [])
        return [Recipe.model_validate(table) for table in (tables if isinstance(tables, list) else [tables])]
    except tomllib.TOMLDecodeError as wrong:
        raise Misconfigured(f"{source} is not TOML: {wrong}.") from wrong
    except ValidationError as wrong:
        first = wrong.errors()[0]
        where = ".".join(map(str, (provider, *first["loc"])))
        raise Misconfigured(f"{source} has no usable model: {where}: {first['msg'].removeprefix('Value error, ')}.") from None


def pixels(shot: Shot, aspect: AspectRatio, multiple_of: int) -> Frame:
    """A shot's size, its sides rounded to whole blocks."""
    across, down = aspect.parts
    short, long = (
        multiple_of * round(side / multiple_of) for side in (shot.short_side, shot.short_side * max(across, down) / min(across, down))
    )
    return Frame(long, short) if across >= down else Frame(short, long)
