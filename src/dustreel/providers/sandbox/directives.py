"""What a test may ask of the sandbox at a prompt's end: `A storm [sandbox:fail=Model timeout]`. Test keys only."""

import difflib
import re
from dataclasses import dataclass

LONGEST_SECONDS = 3_600

_AT_THE_END = re.compile(r"\s*\[sandbox:([a-z_]*)(?:=([^\]]*))?\]\s*$", re.IGNORECASE)
_KNOWN = ("fail", "moderated", "seconds", "hang", "flaky", "instant", "silent")


@dataclass(frozen=True, slots=True)
class Directives:
    fail: str | None = None
    """The error to fail with."""
    moderated: bool = False
    """Refuse, as a content policy does."""
    seconds: float | None = None
    """Take this long in all."""
    hang: bool = False
    """Never end."""
    flaky: bool = False
    """Stumble at the first attempt."""
    instant: bool = False
    """A real video, as fast as can be: one drawing, without sound."""
    silent: bool = False
    """Pictures without a sound track."""

    @property
    def keeps_no_processor_busy(self) -> bool:
        return self.fail is not None or self.moderated or self.hang or self.instant or self.seconds is not None


class UnknownDirective(ValueError):
    """The text says what is wrong and what there is."""


def directives_of(prompt: str) -> tuple[str, Directives]:
    """The prompt without its directives, and what they ask. Raises UnknownDirective."""
    asked: dict[str, str] = {}
    while (found := _AT_THE_END.search(prompt)) is not None:
        prompt = prompt[: found.start()]
        asked[found[1].lower()] = (found[2] or "").strip()
    for name in asked:
        if name not in _KNOWN:
            near = difflib.get_close_matches(name, _KNOWN, n=1)
            raise UnknownDirective(f"[sandbox:{name}] is not a directive" + (f"; did you mean {near[0]}?" if near else ""))
    return prompt, Directives(
        fail=(asked["fail"] or "The sandbox was told to fail") if "fail" in asked else None,
        moderated="moderated" in asked,
        seconds=_seconds(asked["seconds"]) if "seconds" in asked else None,
        hang="hang" in asked,
        flaky="flaky" in asked,
        instant="instant" in asked,
        silent="silent" in asked,
    )


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d{1,4}(\.\d{1,3})?", text) or float(text) > LONGEST_SECONDS:
        raise UnknownDirective(f"[sandbox:seconds={text[:20]}] must be a number from 0 to {LONGEST_SECONDS:,}")
    return float(text)
