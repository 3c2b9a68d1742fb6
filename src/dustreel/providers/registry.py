"""Who renders what: the first provider in the operator's order that can do what was asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from dustreel.base.errors import DomainError
from dustreel.base.vocabulary import AspectRatio, Duration, Mode, Resolution
from dustreel.providers.port import Capability, LocalProvider, Order, RemoteProvider, Want

# A caller picks from a short list; a long one is a table, and that is `GET /openapi.json`.
ALTERNATIVES_AT_MOST = 5


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
class Route:
    provider: Provider
    capability: Capability

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


class Registry:
    """The providers that the operator named, and the sandbox, which test keys always use."""

    def __init__(self, live: Sequence[Provider], sandbox: LocalProvider) -> None:
        """`live` in order of preference. A live job reaches the sandbox only where it is the sole one: nobody pays for a cartoon."""
        self._live = [provider for provider in live if provider is not sandbox] or list(live)
        self._sandbox = sandbox

    def route(self, want: Want, mode: Mode, *, without: frozenset[str] = frozenset()) -> Route:
        """The first that can, leaving out those that have refused already.

        Raises UnsupportedCombination, with the nearest things that could be had.
        """
        candidates: Sequence[Provider] = [self._sandbox] if mode is Mode.TEST else self._live
        for provider in candidates:
            for capability in provider.models:
                if capability.covers(want) and provider.name not in without:
                    return Route(provider, capability)
        raise UnsupportedCombination(_alternatives(want, [model for provider in candidates for model in provider.models]))

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


def _alternatives(want: Want, models: Sequence[Capability]) -> list[Mapping[str, object]]:
    """What could be had instead, those first that change the least."""
    found: list[tuple[int, Mapping[str, object]]] = []
    for duration, resolution, aspect, camera_fixed in product(Duration, Resolution, AspectRatio, {want.camera_fixed, False}):
        other = replace(want, seconds=duration.seconds, resolution=resolution, aspect_ratio=aspect, camera_fixed=camera_fixed)
        if any(model.covers(other) for model in models):
            changed = sum(getattr(other, name) != getattr(want, name) for name in ("seconds", "resolution", "aspect_ratio", "camera_fixed"))
            words = {"duration": duration.value, "resolution": resolution.value, "aspect_ratio": aspect.value, "camera_fixed": camera_fixed}
            found.append((changed, words))
    found.sort(key=lambda pair: pair[0])
    return [words for _, words in found[:ALTERNATIVES_AT_MOST]]
