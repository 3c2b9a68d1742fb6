"""What the service asks of a store of objects. An object is written once, whole, and never changed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable


class ObjectStore(Protocol):
    async def put_file(self, key: str, file: Path, content_type: str) -> None:
        """Keep a copy of a local file. When this returns the object is there for good; when it raises OSError it is not there at all."""

    async def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        """As `put_file`."""

    async def read(self, key: str, *, at_most: int) -> bytes:
        """The whole object. Raises FileNotFoundError, and OSError for one larger than `at_most` bytes."""

    async def fetch(self, key: str, into: Path) -> None:
        """Copy the object into a new local file. Raises FileNotFoundError, OSError."""

    async def delete(self, key: str) -> bool:
        """Whether the object is gone now; one that never was is gone. False when the store failed."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    key: str
    size: int
    """Bytes."""
    modified: datetime
    sha256: str | None = None
    """As it was when the object came, in hexadecimal; None where the store does not keep it, and in lists."""


@runtime_checkable
class LibraryStore(ObjectStore, Protocol):
    """A store whose objects can be looked through: to find garbage, and to move a library."""

    def list_objects(self) -> AsyncIterator[StoredObject]:
        """Every object of ours, in no order; what else lies there is passed over. Raises OSError."""

    async def head(self, key: str) -> StoredObject | None:
        """None when there is no such object. Raises OSError."""

    async def digest(self, key: str) -> str:
        """The SHA-256 of what is stored now, read to its last byte. Raises FileNotFoundError, OSError."""


@runtime_checkable
class RemoteStore(LibraryStore, Protocol):
    """A store on the other side of a network, whose objects the API hands through."""

    def open_range(self, key: str, first: int, last: int) -> AsyncIterator[bytes]:
        """The bytes from first to last, both included, no faster than they are taken. Raises FileNotFoundError, OSError."""

    async def sweep(self) -> int:
        """Abort what killed processes left half-sent; returns how many. Raises OSError."""
