"""What the worker asks of whoever renders, and what it may be told.

A *local* provider renders on this machine, in a process of its own. (A *remote* one, which submits and looks, is a second protocol.)
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from dustreel.base.vocabulary import AspectRatio, Frame, GenerationType, Resolution, Seconds


@dataclass(frozen=True, slots=True)
class Order:
    """One video to be made. Everything that a renderer may know; nothing about its owner."""

    job_id: UUID
    attempt: int
    """1 for the first try of this job."""
    generation_type: GenerationType
    prompt: str
    seconds: Seconds
    resolution: Resolution
    aspect_ratio: AspectRatio
    camera_fixed: bool
    picture: Path | None
    """A local file, upright JPEG, PNG or WebP, for image_to_video; its shape may differ from the video's."""
    reference_person: bool
    """Whether a person is to be recognisable."""
    directives: bool
    """Whether `[sandbox:…]` at the prompt's end is an instruction (test keys) or mere text."""

    @property
    def frame(self) -> Frame:
        return Frame.of(self.resolution, self.aspect_ratio)


@dataclass(frozen=True, slots=True)
class Want:
    """The part of an order that decides who can carry it out."""

    generation_type: GenerationType
    seconds: Seconds
    resolution: Resolution
    aspect_ratio: AspectRatio
    camera_fixed: bool
    reference_person: bool


@dataclass(frozen=True, slots=True)
class Capability:
    """One row of the capability table: what a model can do."""

    model: str
    """The model's own name, as in `animatic-1` or `minimax/video-01`."""
    generation_types: frozenset[GenerationType]
    seconds: frozenset[int]
    resolutions: frozenset[Resolution]
    aspect_ratios: frozenset[AspectRatio]
    camera_fixed: bool
    reference_person: bool

    def covers(self, want: Want) -> bool:
        return (
            want.generation_type in self.generation_types
            and want.seconds in self.seconds
            and want.resolution in self.resolutions
            and want.aspect_ratio in self.aspect_ratios
            and (self.camera_fixed or not want.camera_fixed)
            and (self.reference_person or not want.reference_person)
        )


class Refused(Exception):
    """The renderer said no, and would say so again: the job fails, and its owner gets the DUST back.

    The text is one for the user, without the leading "Video generation failed: ".
    """


class Stumbled(Exception):
    """This attempt broke, but another may succeed. The text is for the operator, and for the user after the last attempt."""


Tell = Callable[[float], Awaitable[None]]
"""Told the share of the rendering that is done, 0.0 to 1.0, as it becomes known; never falls. The first word says that it has begun."""


class LocalProvider(Protocol):
    """A renderer on this machine. CPU work runs in a process of its own, never in the event loop."""

    name: str
    models: tuple[Capability, ...]

    def is_light(self, order: Order) -> bool:
        """Whether this order keeps no processor busy, so that many may run at once beside the few that do."""

    async def render(self, order: Order, into: Path, tell: Tell) -> None:
        """Write a complete MP4 to `into`.

        Cancelling the call stops the rendering process at once (killed within a second) and leaves no process behind.
        Raises Refused or Stumbled.
        """

    async def warm(self) -> None:
        """Get ready, so that the first order starts within milliseconds. Idempotent."""

    async def close(self) -> None:
        """End every process that was started."""
