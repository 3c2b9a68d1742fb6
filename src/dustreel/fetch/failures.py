"""Why there is nothing to be had at an address. Each text is a sentence for whoever gave the address."""


class FetchFailed(Exception):
    """The root of the five."""


class BadAddress(FetchFailed):
    """It is no address, or one that two readers may read differently."""


class ForbiddenAddress(FetchFailed):
    """It leads to where no stranger's address may lead."""

    def __init__(self, text: str = "The address leads to a network that is not public.") -> None:
        super().__init__(text)


class Unreachable(FetchFailed):
    """Nothing, or not all of it, came from there in time. Another try may do."""


class WrongKind(FetchFailed):
    """What lies there is something else than was wanted."""


class TooLarge(FetchFailed):
    def __init__(self, at_most: int) -> None:
        """`at_most` in bytes."""
        super().__init__(f"What lies at the address is larger than {_size(at_most)}.")


def _size(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size:,} bytes"
