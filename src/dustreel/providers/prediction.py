"""Predictions, as Cog has them, and Replicate, which runs Cog: one set of states, and one place for logs, errors and outputs."""

from collections.abc import Callable, Mapping
from typing import Any

from dustreel.base.log import logger
from dustreel.providers.port import Phase, Sighting
from dustreel.providers.vendor import refusal, share_told, words

log = logger(__name__)

_PHASES = {
    "starting": Phase.WAITING,
    "queued": Phase.WAITING,
    "processing": Phase.RENDERING,
    "succeeded": Phase.SUCCEEDED,
    "failed": Phase.FAILED,
    "canceled": Phase.CANCELLED,
    "aborted": Phase.CANCELLED,
}
UNDER_WAY = frozenset(status for status, phase in _PHASES.items() if phase in (Phase.WAITING, Phase.RENDERING))


def sighting_of(prediction: Mapping[str, Any], *, clean: Callable[[str], str] = str.strip) -> Sighting:
    """How it stands. An error is in their words, without what `clean` takes away; a state that nobody knows is WAITING."""
    status = prediction.get("status")
    phase = _PHASES.get(status) if isinstance(status, str) else None
    if phase is None:
        log.warning("a prediction is in a state that we don't know", status=str(status)[:80])
        return Sighting(Phase.WAITING)
    if phase is Phase.RENDERING:
        return Sighting(phase, progress=share_told(prediction.get("logs")))
    if phase is Phase.FAILED:
        return Sighting(phase, error=refusal(clean(words(prediction.get("error"))) or "The model failed without a reason"))
    if phase is not Phase.SUCCEEDED:
        return Sighting(phase)
    output = prediction.get("output")
    # A model that hands over one thing after the other has its best at the end.
    address = output[-1] if isinstance(output, list) and output else output
    if not isinstance(address, str) or not address:
        return Sighting(Phase.FAILED, error="The model made no video")
    return Sighting(phase, output=address)
