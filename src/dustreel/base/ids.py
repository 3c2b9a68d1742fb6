"""Identifiers and randomness as an argument, so that tests own them."""

import secrets
import uuid
from typing import Protocol
from uuid import UUID

from dustreel.base.errors import Misconfigured

# Names become users under this namespace: `dustreel token alice` means the same user on every machine.
USER_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://dustreel.dev/users")


class Ids(Protocol):
    def uuid(self) -> UUID: ...

    def secret(self) -> str:
        """At least 128 bits, safe in a URL."""


class RandomIds:
    def uuid(self) -> UUID:
        return uuid.uuid4()

    def secret(self) -> str:
        return secrets.token_urlsafe(24)


def parse_uuid(text: str) -> UUID | None:
    """The UUID in its canonical 36-character form, in either case; None for anything else, such as braces, `urn:uuid:` or bare hex."""
    if len(text) != 36:
        return None
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None


def user_of(name_or_uuid: str) -> UUID:
    """A UUID stays itself; any other name becomes its UUIDv5. Raises Misconfigured for a name of nothing."""
    if not name_or_uuid.strip():
        raise Misconfigured("USER is a UUID or a name, and was empty.")
    return parse_uuid(name_or_uuid) or uuid.uuid5(USER_NAMESPACE, name_or_uuid)
