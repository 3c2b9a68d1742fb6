"""Who renders what: the first provider in the operator's order that can do what was asked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import product

from dustreel.base.errors import DomainError, Misconfigured, Unavailable
from dustreel.base.vocabulary import AspectRatio, Duration, GenerationType, Mode, Resolution
from dustreel.providers.port import Capability, LocalProvider, Order, Plan, RemoteProvider, Shot, Want

# A caller picks from a short list; a long one is a table, and that is `GET /openapi.json`.
ALTERNATIVES_AT_MOST = 5
_CHANGEABLE = ("seconds", "resolution", "aspect_ratio", "camera_fixed")


class UnsupportedCombination(DomainError):
    """Nobody can do what was asked; said before anything is charged."""

    code = "unsupported_combination"

    def __init__(self, alternatives: Sequence[Mapping[str, object]]) -> None:
        super().__init__("No provider can make a video of this length, resolution and aspect ratio in this way.")
        self._alternatives = list(alternatives)

    @property
    def extra(self) -> Mapping[str, object]:
        return {"alternatives": self._alternatives}


type Provider = LocalProvider | RemoteProvider


@dataclass(frozen=True, slots=True)
class Shut:
    """What nothing is to be sent to now."""

    models: frozenset[tuple[str, str | None]] = frozenset()
    """Providers, each with a model, or with None for all of its models."""
    left: Mapping[str, Decimal] = field(default_factory=dict)
    """The dollars that may still be spent today, by provider; one that isn't there has no limit."""

    def has(self, provider: str, model: str, usd: Decimal) -> bool:
        """Whether an order of this price is not to go there."""
        return bool(self.models & {(provider, None), (provider, model)}) or usd > self.left.get(provider, usd)

    def and_also(self, provider: str, model: str) -> "Shut":
        return replace(self, models=self.models | {(provider, model)})


@dataclass(frozen=True, slots=True)
class Route:
    provider: Provider
    capability: Capability
    plan: Plan

    def is_light(self, order: Order) -> bool:
        """Whether this order keeps no processor busy here."""
        return not isinstance(self.provider, LocalProvider) or self.provider.is_light(order)

    @property
    def model_used(self) -> str:
        """`provider/model`, as the contract's result names it."""
        return model_used(self.provider.name, self.capability.model)


def model_used(provider: str, model: str) -> str:
    """The model's own slashes become hyphens: minimax/video-01 on Replicate is `replicate/minimax-video-01`."""
    return f"{provider}/{model.replace('/', '-')}"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the operator wants of the routing."""

    max_upscale: float = 1.5
    """How many times a provider's video may be enlarged at most."""
    pins: Mapping[GenerationType, str] = field(default_factory=dict)
    """The one model that makes videos of a kind, as `provider/model`."""


@dataclass(frozen=True, slots=True)
class Making:
    """A length and size that can be had of a model."""

    duration: Duration
    resolution: Resolution
    is_native: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that may be chosen for somebody."""

    model_used: str
    capability: Capability
    generation_types: frozenset[GenerationType]
    """Fewer than it can, where the operator pinned another."""
    makes: tuple[Making, ...]


class Registry:
    """The providers that the operator named, and the sandbox, which test keys always use."""

    def __init__(self, live: Sequence[Provider], sandbox: LocalProvider, preferences: Preferences | None = None) -> None:
        """`live` in order of preference. A live job reaches the sandbox only where it is the sole one: nobody pays for a cartoon.

        Raises Misconfigured where a pin names no model.
        """
        self._live = [provider for provider in live if provider is not sandbox] or list(live)
        self._sandbox = sandbox
        self._preferences = preferences or Preferences()
        for kind, pin in self._preferences.pins.items():
            if not any(pin in _names(provider, model) for provider in self._live for model in provider.models):
                raise Misconfigured(f"{pin!r} is pinned for {kind}, and no provider of DUSTREEL_PROVIDERS has such a model.")

    def route(self, want: Want, mode: Mode, *, without: frozenset[str] = frozenset(), shut: Shut | None = None) -> Route:
        """The first that can, natively before adapted, leaving out those that have refused already, and what is `shut` for now.

        Raises UnsupportedCombination, with the nearest things that could be had; Unavailable where only what is shut can.
        """
        shut = shut or Shut()
        able = [
            Route(provider, capability, plan)
            for provider, capability in self._offers(mode, want.generation_type)
            if provider.name not in without and (plan := capability.plan(want, max_upscale=self._preferences.max_upscale)) is not None
        ]
        if not able:
            raise UnsupportedCombination(self._alternatives(want, mode))
        able = [route for route in able if not shut.has(route.provider.name, route.capability.model, route.plan.shot.usd)]
        if not able:
            raise Unavailable
        return next((route for route in able if route.plan.is_native), able[0])

    @property
    def has_remote(self) -> bool:
        """Whether a live job may be sent anywhere."""
        return bool(self.remotes)

    @property
    def remotes(self) -> list[RemoteProvider]:
        """In order of preference."""
        return [provider for provider in self._live if isinstance(provider, RemoteProvider)]

    def shot(self, provider: str, model: str, want: Want) -> Shot | None:
        """What a model that a job was routed to before is to make for it; None where it no longer can."""
        found = self._named(provider)
        capability = next((known for known in found.models if known.model == model), None) if found is not None else None
        plan = capability.plan(want, max_upscale=self._preferences.max_upscale) if capability is not None else None
        return None if plan is None else plan.shot

    def offers(self, mode: Mode) -> list[Offer]:
        """All that may be chosen for somebody, in order of preference."""
        kinds: dict[tuple[str, str], set[GenerationType]] = {}
        models: dict[tuple[str, str], Capability] = {}
        for kind in GenerationType:
            for provider, capability in self._offers(mode, kind):
                kinds.setdefault((provider.name, capability.model), set()).add(kind)
                models[provider.name, capability.model] = capability
        order = [(provider.name, model.model) for provider in self._candidates(mode) for model in provider.models]
        return [
            Offer(model_used(*name), models[name], frozenset(kinds[name]), tuple(self._makes(models[name])))
            for name in order
            if name in kinds
        ]

    def _makes(self, capability: Capability) -> Iterator[Making]:
        any_kind, any_shape = next(iter(capability.generation_types)), next(iter(capability.aspect_ratios))
        for duration, resolution in product(Duration, Resolution):
            want = Want(any_kind, duration.seconds, resolution, any_shape, camera_fixed=False, reference_person=False)
            plan = capability.plan(want, max_upscale=self._preferences.max_upscale)
            if plan is not None:
                yield Making(duration, resolution, plan.is_native)

    def _candidates(self, mode: Mode) -> Sequence[Provider]:
        return [self._sandbox] if mode is Mode.TEST else self._live

    def _offers(self, mode: Mode, kind: GenerationType) -> Iterator[tuple[Provider, Capability]]:
        pin = self._preferences.pins.get(kind) if mode is Mode.LIVE else None
        for provider in self._candidates(mode):
            for model in provider.models:
                if kind in model.generation_types and (pin is None or pin in _names(provider, model)):
                    yield provider, model

    def _alternatives(self, want: Want, mode: Mode) -> list[Mapping[str, object]]:
        """What could be had instead, those first that change the least."""
        models = [model for _, model in self._offers(mode, want.generation_type)]
        found: list[tuple[int, Mapping[str, object]]] = []
        for duration, resolution, aspect, camera_fixed in product(Duration, Resolution, AspectRatio, {want.camera_fixed, False}):
            other = replace(want, seconds=duration.seconds, resolution=resolution, aspect_ratio=aspect, camera_fixed=camera_fixed)
            if any(model.plan(other, max_upscale=self._preferences.max_upscale) is not None for model in models):
                changed = sum(getattr(other, name) != getattr(want, name) for name in _CHANGEABLE)
                words = {"duration": duration.value, "resolution": resolution.value, "aspect_ratio": aspect.value}
                found.append((changed, words | {"camera_fixed": camera_fixed}))
        found.sort(key=lambda pair: pair[0])
        return [words for _, words in found[:ALTERNATIVES_AT_MOST]]

    def local(self, name: str) -> LocalProvider | None:
        """The provider of a job that was routed before, where it renders here; None where it is a remote one."""
        provider = self._named(name)
        return provider if isinstance(provider, LocalProvider) else None

    def remote(self, name: str) -> RemoteProvider | None:
        """The remote provider of that name; None where the settings no longer name it, or it renders here."""
        provider = self._named(name)
        return provider if isinstance(provider, RemoteProvider) else None

    async def warm(self) -> None:
        for provider in self._all():
            if isinstance(provider, LocalProvider):
                await provider.warm()

    async def close(self) -> None:
        for provider in self._all():
            await provider.close()

    def _named(self, name: str) -> Provider | None:
        return next((provider for provider in self._all() if provider.name == name), None)

    def _all(self) -> list[Provider]:
        return list({provider.name: provider for provider in (*self._live, self._sandbox)}.values())


def _names(provider: Provider, capability: Capability) -> tuple[str, str]:
    """What a model may be called: as the contract's `model_used` has it, or with the model's own slashes."""
    return model_used(provider.name, capability.model), f"{provider.name}/{capability.model}"
