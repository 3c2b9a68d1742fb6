"""Which addresses a stranger's URL may lead to: public ones, checked as the numbers that are dialled, never as names.

The lists are IANA's special-purpose registries (RFC 6890 and its updates) and the metadata addresses of clouds.
"""

import ipaddress
import re
from dataclasses import dataclass

import httpx

from dustreel.media.failures import ImageUrlForbidden, InvalidImageUrl

LONGEST_URL = 2_048
HTTPS_PORT = 443

_V4_DENIED = [
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 "
        "192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 "
        "240.0.0.0/4 168.63.129.16/32"
    ).split()
]
# All unicast that was ever allocated: what lies outside (mapped IPv4, NAT64, unique local, link local, multicast) is never public.
_V6_PUBLIC = ipaddress.ip_network("2000::/3")
# Within it: Teredo and its kin, documentation, 6to4 (an IPv4 address in disguise), AS112, documentation again.
_V6_DENIED = [ipaddress.ip_network(block) for block in "2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20".split()]

_LOCAL_NAMES = frozenset("localhost local internal intranet lan home corp localdomain onion test invalid".split())
# Characters that parsers disagree about, and a percent sign that begins nothing.
_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f\\<>\"^`{|}]|%(?![0-9A-Fa-f]{2})")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
# The WHATWG URL standard, "ends in a number": then the whole host is an IPv4 address, or nothing.
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Target:
    """A checked URL, in the parts that are dialled and sent."""

    url: httpx.URL
    host: str
    """Without brackets."""
    port: int

    @property
    def host_header(self) -> str:
        bracketed = f"[{self.host}]" if ":" in self.host else self.host
        return bracketed if self.port == HTTPS_PORT else f"{bracketed}:{self.port}"


def is_public(address: str) -> bool:
    """Whether this is the text of a public address: strict dotted or colon form, no octal, no short form, no zone."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not any(ip in denied for denied in _V4_DENIED)
    return not ip.scope_id and ip in _V6_PUBLIC and not any(ip in denied for denied in _V6_DENIED)


def may_dial(address: str, port: int, allowed: frozenset[tuple[str, int]]) -> bool:
    return (address, port) in allowed or (port == HTTPS_PORT and is_public(address))


def check_url(text: str, allowed: frozenset[tuple[str, int]]) -> Target:
    """One parse, whose parts are then dialled as they are. `allowed` are exact (host, port) pairs that may be private.

    Raises InvalidImageUrl, ImageUrlForbidden.
    """
    if len(text) > LONGEST_URL:
        raise InvalidImageUrl(f"The image_url is longer than {LONGEST_URL:,} characters.")
    if _AMBIGUOUS.search(text):
        raise InvalidImageUrl("The image_url has characters that an address can't have; encode them as %XX.")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError, TypeError) as wrong:
        raise InvalidImageUrl("The image_url is not an address.") from wrong
    if url.scheme != "https":
        raise InvalidImageUrl("The image_url must begin with https://.")
    authority = re.split(r"[/?#]", text.split("://", 1)[-1], maxsplit=1)[0]
    if url.userinfo or "@" in authority:
        raise InvalidImageUrl("The image_url must not hold a user name or password.")
    # An empty, signed or non-ASCII port: httpx would read it in its own way.
    if re.search(r":(?![0-9]{1,5}\Z)[^\]]*\Z", authority):
        raise InvalidImageUrl("The image_url's port is not a number.")
    try:
        host = url.raw_host.decode("ascii").lower()
    except UnicodeDecodeError as wrong:
        raise InvalidImageUrl("The image_url's host is not a name.") from wrong
    host = host[1:-1] if host.startswith("[") else host
    port = HTTPS_PORT if url.port is None else url.port
    return Target(url, _check_host(host, port, allowed), port)


def _check_host(host: str, port: int, allowed: frozenset[tuple[str, int]]) -> str:
    if ":" in host:
        if not may_dial(host, port, allowed):
            raise ImageUrlForbidden
        return host
    name = host.removesuffix(".")
    labels = name.split(".")
    if not name or len(name) > 253 or not all(_LABEL.match(label) for label in labels):
        raise InvalidImageUrl("The image_url's host is not a name.")
    if (name, port) in allowed:
        return name
    if _NUMBER.fullmatch(labels[-1]):
        if not may_dial(name, port, allowed):
            raise ImageUrlForbidden
    elif len(labels) < 2 or labels[-1] in _LOCAL_NAMES or name.endswith(".home.arpa"):
        raise ImageUrlForbidden
    elif port != HTTPS_PORT:
        raise ImageUrlForbidden("The image_url may name no port but 443.")
    return name
