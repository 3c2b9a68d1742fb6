"""Reading a query string as strictly as a body: nothing given twice, no near miss of a name, and every misfit told."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request

from dustreel.http.asked import NAME_AT_MOST, TOLD_AT_MOST, Invalid

type Reader = Callable[[str], Any]


class Misfit(ValueError):
    """A value that doesn't fit; its text says what would."""


def whole(at_least: int, at_most: int) -> Reader:
    def read(text: str) -> int:
        # int() takes "+5", " 5 ", "5_0" and other digits than ASCII's; two readers would not agree on those.
        if not (text.isascii() and text.isdigit()) or len(text) > 12 or not at_least <= int(text) <= at_most:
            raise Misfit(f"must be a whole number from {at_least:,} to {at_most:,}")
        return int(text)

    return read


def one_of(*words: str) -> Reader:
    def read(text: str) -> str:
        if text not in words:
            raise Misfit(f"must be one of {', '.join(words)}")
        return text

    return read


def truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise Misfit("must be true or false")
    return text == "true"


def read_query(request: Request, readers: Mapping[str, Reader], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Every known parameter's value. Raises Invalid, with each misfit."""
    values = dict(defaults)
    errors: list[tuple[str, str]] = []
    seen: set[str] = set()
    strangers = 0
    for name, text in request.query_params.multi_items():
        if name not in readers:
            # A credential or a cache-buster that somebody put here is none of ours, and `?token=` is ignored by design.
            strangers += 1
            near = difflib.get_close_matches(name, readers, n=1) if strangers <= TOLD_AT_MOST and len(name) <= NAME_AT_MOST else []
            if near:
                errors.append((name, f"is not a parameter here; did you mean {near[0]}?"))
        elif name in seen:
            errors.append((name, "is given twice"))
        else:
            seen.add(name)
            try:
                values[name] = readers[name](text)
            except Misfit as misfit:
                errors.append((name, str(misfit)))
    if errors:
        raise Invalid(errors)
    return values


PAGE: Mapping[str, Reader] = {"limit": whole(1, 100), "offset": whole(0, 1_000_000)}
PAGE_DEFAULTS: Mapping[str, Any] = {"limit": 20, "offset": 0}
