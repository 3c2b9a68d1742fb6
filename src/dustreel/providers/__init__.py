"""Who renders: the port that the worker speaks to, the registry that picks, and one adapter a provider."""

from dustreel.providers.port import Capability, LocalProvider, Order, Refused, Stumbled, Tell, Want
from dustreel.providers.registry import Registry, Route, UnsupportedCombination, model_used

__all__ = [
    "Capability",
    "LocalProvider",
    "Order",
    "Refused",
    "Registry",
    "Route",
    "Stumbled",
    "Tell",
    "UnsupportedCombination",
    "Want",
    "model_used",
]
