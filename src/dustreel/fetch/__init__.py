"""Safe fetch: what lies at an address that a stranger gave, got without lending them our network. A picture or a video, or nothing.

`addresses` says where an address may lead, `dial` connects to what was checked, `exchange` reads one answer, `kinds` knows what came by its
own bytes, and `fetcher` follows redirects and holds the time.
"""

from dustreel.fetch.failures import BadAddress, FetchFailed, ForbiddenAddress, TooLarge, Unreachable, WrongKind
from dustreel.fetch.fetcher import Fetched, SafeFetch
from dustreel.fetch.kinds import PICTURES, VIDEOS, Kinds

__all__ = [
    "PICTURES",
    "VIDEOS",
    "BadAddress",
    "FetchFailed",
    "Fetched",
    "ForbiddenAddress",
    "Kinds",
    "SafeFetch",
    "TooLarge",
    "Unreachable",
    "WrongKind",
]
