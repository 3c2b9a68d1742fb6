"""What the worker asks of whoever renders, and what it may be told.

A *local* provider renders on this machine, in a process of its own. A *remote* one is on the other side of a network: it is sent an order
and looked at now and then. What only some remote ones can do stands in protocols of their own: *findable* and *hooked*.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from dustreel.base.vocabulary import AspectRatio, Frame, GenerationType, Resolution, Seconds


@dataclass(frozen=True, slots=True)
class Shot:
    """One length and size that a model makes."""

    seconds: int
    short_side: int
    """Pixels."""
    size: str | None = None
    """The model's own word for the size, as in `768p`; None where it has none."""
    usd: Decimal = Decimal(0)
    """What the operator pays for it."""


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
    """A local file, upright JPEG, PNG or WebP, for image_to_video. A remote provider gets it cropped to the video's shape."""
    reference_person: bool
    """Whether a person is to be recognisable."""
    directives: bool
    """Whether `[sandbox:…]` at the prompt's end is an instruction (test keys) or mere text."""
    picture_url: str | None = None
    """Where a remote provider may fetch the same picture; None where our address isn't public."""
    shot: Shot | None = None
    """What a remote provider's model is to make; None for a local one, which makes exactly what is asked."""

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
class Plan:
    """How a model would make what was asked."""

    shot: Shot
    is_native: bool
    """Whether it comes out as it is wanted; otherwise it is trimmed, scaled down, or enlarged within the limit."""


@dataclass(frozen=True, slots=True)
class Capability:
    """One row of the capability table: what a model can do."""

    model: str
    """The model's own name, as in `animatic-1` or `minimax/video-01`."""
    generation_types: frozenset[GenerationType]
    shots: tuple[Shot, ...]
    aspect_ratios: frozenset[AspectRatio]
    camera_fixed: bool
    reference_person: bool
    expected_seconds: int | None = None
    """How long it usually takes; None where that isn't known."""

    def plan(self, want: Want, *, max_upscale: float) -> Plan | None:
        """The best shot for it: as wanted, else the shortest and smallest that has enough of both, else the largest to be enlarged.

        None where the model can't do it.
        """
        if (
            want.generation_type not in self.generation_types
            or want.aspect_ratio not in self.aspect_ratios
            or (want.camera_fixed and not self.camera_fixed)
            or (want.reference_person and not self.reference_person)
        ):
            return None
        short_side = want.resolution.short_side
        able = [shot for shot in self.shots if shot.seconds >= want.seconds and shot.short_side * max_upscale >= short_side]
        if not able:
            return None

        def distance(shot: Shot) -> tuple[bool, int, int]:
            enlarged = shot.short_side < short_side
            return enlarged, shot.seconds, -shot.short_side if enlarged else shot.short_side

        best = min(able, key=distance)
        return Plan(best, is_native=(best.seconds, best.short_side) == (want.seconds, short_side))


class Refused(Exception):
    """The renderer said no, and would say so again: the job fails, and its owner gets the DUST back.

    The text is one for the user, without the leading "Video generation failed: ".
    """


class Stumbled(Exception):
    """This attempt broke, but another may succeed. The text is for the operator, and for the user after the last attempt."""


Tell = Callable[[float], Awaitable[None]]
"""Told the share of the rendering that is done, 0.0 to 1.0, as it becomes known; never falls. The first word says that it has begun."""


class NotAccepted(Exception):
    """A remote provider provably did not take the order: it said so, or no byte of it was sent. Another may be asked.

    The text is for the operator, and for the user where nobody else takes it either.
    """

    def __init__(self, text: str, *, for_good: bool = False, retry_after: float | None = None) -> None:
        """`for_good`: the same provider would say the same again. `retry_after`: seconds that it asked to be left alone."""
        super().__init__(text)
        self.for_good, self.retry_after = for_good, retry_after


class Unclear(Exception):
    """A remote provider did not answer, or not in a way that tells anything. What was asked may have been done."""

    def __init__(self, text: str, *, retry_after: float | None = None) -> None:
        """`retry_after`: seconds that the provider asked to be left alone."""
        super().__init__(text)
        self.retry_after = retry_after


class NotAWebhook(Exception):
    """What came in is not from the provider, too old, or not to be understood."""


class Phase(StrEnum):
    WAITING = "waiting"
    RENDERING = "rendering"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    GONE = "gone"
    """The provider knows nothing of it (any more)."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order that a remote provider has taken."""

    model: str
    upstream_id: str
    """The provider's own name for it."""


def plain(text: str) -> str:
    """A stranger's text, such as can be stored: without a NUL or half a surrogate pair."""
    return text.replace("\0", "").encode(errors="replace").decode()


@dataclass(frozen=True, slots=True)
class Sighting:
    """How an order stood when it was looked at. What its provider said is made plain."""

    phase: Phase
    progress: float | None = None
    """The share that is done, 0.0 to 1.0; None where the provider does not say."""
    output: str | None = None
    """With SUCCEEDED: the address to `fetch` from."""
    error: str | None = None
    """With FAILED: why, for the user."""

    def __post_init__(self) -> None:
        if self.error is not None:
            object.__setattr__(self, "error", plain(self.error))
        if self.output is not None:
            object.__setattr__(self, "output", plain(self.output))

    @classmethod
    def told(cls, said: Mapping[str, Any] | None) -> "Sighting":
        """What was kept of a webhook's own sighting: its fields by name; None before anything was told."""
        return cls(Phase.WAITING) if said is None else cls(**{**said, "phase": Phase(said["phase"])})


@dataclass(frozen=True, slots=True)
class Knock:
    """A webhook as it came in."""

    submission_id: UUID
    """From its address."""
    token: str
    """From its address: `?token=`, empty where there is none."""
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """What a provider's webhook tells: that a look is due."""

    webhook_id: str
    """The provider's own id for it, or what stands in for one: a repetition has the same."""
    upstream_id: str
    sighting: Sighting | None = None
    """From a provider that can't be looked at: how the order stands, which the look then goes by. None from all others."""
    is_under_way: bool = False
    """It tells no more than that the order is being worked on: the look that is due anyway sees that."""


@runtime_checkable
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


@runtime_checkable
class RemoteProvider(Protocol):
    """A renderer on the other side of a network. Every method is one exchange or a few, and holds no state.

    A state that an adapter doesn't know is WAITING, and logged: never success, never failure.
    """

    name: str
    models: tuple[Capability, ...]
    asked_twice_is_asked_once: bool
    """Whether the provider knows an order by our own id, so that one whose fate is unknown may be sent again."""

    async def prepare(self, order: Order, model: str) -> Mapping[str, Any]:
        """The input that will be sent, as JSON. A picture may be uploaded for it, which costs nothing. Raises Refused, NotAccepted."""

    async def submit(self, model: str, sent: Mapping[str, Any], submission_id: UUID, webhook_url: str | None) -> Ticket:
        """Send the order: from here on it may cost money.

        Raises Refused and NotAccepted only where the provider provably did not take it; Unclear, or anything else, leaves it unknown.
        """

    async def look(self, ticket: Ticket) -> Sighting:
        """Raises Unclear."""

    async def cancel(self, ticket: Ticket) -> None:
        """Ask for the order to be stopped; whether it was, a look tells. Raises Unclear."""

    async def fetch(self, output: str, into: Path) -> None:
        """Write what the provider made to a file, in bounded memory. Raises Refused when it is gone, Stumbled when another try may do."""

    async def close(self) -> None:
        """Close every connection."""


@runtime_checkable
class Findable(Protocol):
    """A remote provider that lists the orders it has taken."""

    async def find(self, model: str, sent: Mapping[str, Any], *, since: datetime) -> list[str]:
        """The provider's names for orders with this very input that it has taken since then, oldest first. Raises Unclear."""


@runtime_checkable
class Checkable(Protocol):
    """A remote provider that can say whether it would let us in."""

    async def check(self) -> str:
        """Whose key it is, or what answers there, in a few words for the operator. Costs nothing. Raises Unclear."""


@runtime_checkable
class Borrowing(Protocol):
    """A remote provider that fetches a picture from an address of ours, where there is one that it reaches."""

    borrows_pictures: bool


@runtime_checkable
class Hooked(Protocol):
    """A remote provider that tells by webhook."""

    async def read_webhook(self, knock: Knock) -> Notice:
        """Raises NotAWebhook, and Unclear when its signature can't be checked now."""


@runtime_checkable
class Telling(Hooked, Protocol):
    """A remote provider that can't be looked at: its webhooks tell how an order stands. `look` says WAITING, or GONE if none will come."""

    callback_url: str
    """Our address as it reaches us, without a slash at the end."""

    def gave(self, submission_id: UUID, token: str) -> bool:
        """Whether this is the token of the address that it was given: asked before a body, which may be a video, is read."""
