"""Which addresses a stranger's URL may lead to: public ones, checked as the numbers that are dialled, never as names.

The lists are IANA's special-purpose registries (RFC 6890 and its updates) and the metadata addresses of clouds.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

import httpx

from dustreel.fetch.failures import BadAddress, ForbiddenAddress

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
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
# The WHATWG URL standard, "ends in a number": then the whole host is an IPv4 address, or nothing.
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator says about hosts, beyond what holds for everybody."""

    allowed: frozenset[tuple[str, int]] = frozenset()
    """Exact hosts and ports that may be private."""
    own_hosts: frozenset[str] = frozenset()
    """Names of this service itself: a request from our own address may be trusted there."""

    @classmethod
    def of(cls, allow: Iterable[str], own_hosts: Iterable[str] = ()) -> "Rules":
        """`allow`: pairs like `nas.lan:443` or `[fd00::1]:8443`."""
        pairs = (pair.rpartition(":") for pair in allow)
        allowed = frozenset((host.strip("[]").lower(), int(port)) for host, _, port in pairs)
        return cls(allowed, frozenset(host.strip("[]").lower().removesuffix(".") for host in own_hosts))


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


def is_number(host: str) -> bool:
    """Whether this is an address already, and no name to be looked up."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def may_dial(address: str, port: int, rules: Rules) -> bool:
    return (address, port) in rules.allowed or (port == HTTPS_PORT and is_public(address))


def check_url(text: str, rules: Rules) -> Target:
    """One parse, whose parts are then dialled as they are. Raises BadAddress, ForbiddenAddress."""
    _check_characters(text)
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError, TypeError) as wrong:
        raise BadAddress("This is no address that can be read.") from wrong
    if url.scheme != "https":
        raise BadAddress("The address must begin with https://.")
    authority = re.split(r"[/?#]", text.split("://", 1)[-1], maxsplit=1)[0]
    if url.userinfo or "@" in authority:
        raise BadAddress("The address must not hold a user name or password.")
    # An empty, signed or non-ASCII port: httpx would read it in its own way.
    if re.search(r":(?![0-9]{1,5}\Z)[^\]]*\Z", authority):
        raise BadAddress("The address's port is not a number.")
    try:
        host = url.raw_host.decode("ascii").lower()
    except UnicodeDecodeError as wrong:
        raise BadAddress("The address's host is not a name.") from wrong
    host = host[1:-1] if host.startswith("[") else host
    port = HTTPS_PORT if url.port is None else url.port
    return Target(url, _check_host(host, port, rules), port)


def joined(target: Target, location: str) -> str:
    """Where a redirect leads, still to be checked. Raises BadAddress.

    What names a host is not touched: joining would mend what two readers read differently.
    """
    _check_characters(location)
    if _SCHEME.match(location):
        return location
    if location.startswith("//"):
        return f"https:{location}"
    try:
        return str(target.url.join(location))
    except (httpx.InvalidURL, ValueError, TypeError) as wrong:
        raise BadAddress("The address's server redirects to something that is no address.") from wrong


def _check_characters(text: str) -> None:
    if len(text) > LONGEST_URL:
        raise BadAddress(f"The address is longer than {LONGEST_URL:,} characters.")
    if _AMBIGUOUS.search(text):
        raise BadAddress("The address has characters that an address can't have; encode them as %XX.")


def _check_host(host: str, port: int, rules: Rules) -> str:
    if ":" in host:
        return _check_number(host, port, rules)
    name = host.removesuffix(".")
    labels = name.split(".")
    if not name or len(name) > 253 or not all(_LABEL.match(label) for label in labels):
        raise BadAddress("The address's host is not a name.")
    if (name, port) in rules.allowed:
        return name
    if _NUMBER.fullmatch(labels[-1]):
        return _check_number(name, port, rules)
    if len(labels) < 2 or labels[-1] in _LOCAL_NAMES or name.endswith(".home.arpa"):
        raise ForbiddenAddress
    if name in rules.own_hosts:
        raise ForbiddenAddress("The address is this service's own, and leads to none of its pictures.")
    if port != HTTPS_PORT:
        raise ForbiddenAddress("The address may name no port but 443.")
    return name


def _check_number(host: str, port: int, rules: Rules) -> str:
    if (host in rules.own_hosts and (host, port) not in rules.allowed) or not may_dial(host, port, rules):
        raise ForbiddenAddress
    return host
