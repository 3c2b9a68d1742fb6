"""What the service asks of a store of objects. An object is written once, whole, and never changed."""

from pathlib import Path
from typing import Protocol


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
