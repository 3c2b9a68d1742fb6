"""The root of every error that a caller may be told about.

A domain error carries a stable `code` (the contract of front-end teams with us, listed in the design) and a sentence for people.
Which HTTP status a code gets is decided in one place only: `dustreel.http.failures`.
"""

from collections.abc import Mapping
from typing import ClassVar


class DomainError(Exception):
    """Something that the caller asked for can't be done, and the caller may know why."""

    code: ClassVar[str]
    sentence: ClassVar[str]
    """What is said where the raiser has nothing better to say."""

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.sentence)

    @property
    def detail(self) -> str:
        return str(self)

    @property
    def extra(self) -> Mapping[str, object]:
        """Members that the problem document gains, such as `balance` and `price`."""
        return {}

    @property
    def retry_after(self) -> int | None:
        """Seconds after which trying again makes sense; None where it does not."""
        return None


class Unavailable(DomainError):
    """A part that this request needs is not there for the moment: the database, a provider, or the service is shutting down."""

    code = "unavailable"
    sentence = "The service is not available for a moment. Try again shortly."

    @property
    def retry_after(self) -> int:
        return 2


class NotYours(DomainError):
    """A job, video or upload of another user."""

    code = "forbidden"
    sentence = "This belongs to somebody else."


class Misconfigured(Exception):
    """The operator's settings can't work. Its text is one sentence, printed as it is before a non-zero exit."""
