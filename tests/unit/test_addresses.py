"""Where a stranger's URL may lead: a list of addresses that would lead into somebody's network, in every disguise."""

import pytest

from dustreel.media import ImageUrlForbidden, InvalidImageUrl
from dustreel.media.addresses import check_url, is_public, may_dial

NOBODY: frozenset[tuple[str, int]] = frozenset()

PRIVATE_V4 = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.1.2.3 127.255.255.255 169.254.0.1 169.254.169.254
172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.170 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1
198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 168.63.129.16
""".split()
PRIVATE_V6 = """
:: ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b:1::1 100::1 2001::1
2001:0:7f00:1:: 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:a00:1::1 2620:4f:8000::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254
fd12:3456::1 fe80::1 fec0::1 ff02::1 ff0e::1
""".split()
PUBLIC = "8.8.8.8 1.1.1.1 93.184.216.34 192.0.1.1 172.32.0.1 2606:4700::1111 2a00:1450:4001::1 2620:fe::fe".split()
NO_ADDRESSES = "127.1 0x7f.0.0.1 0177.0.0.1 2130706433 127.0.0.01 1.2.3 1.2.3.4.5 ::ffff:7f00:1%eth0 fe80::1%lo example.com".split()

NUMBERS_IN_DISGUISE = """
2130706433 0x7f000001 017700000001 127.1 127.0.1 0x7f.1 0177.0.0.1 0x7f.0x0.0x0.0x1 127.0.0.1. 0 1 3232235521 0xa9fea9fe 169.254.43518
10.1 192.168.1 0x0a000001 127.0.0.0x1 1.1.1.256 999.999.999.999
""".split()
LOCAL_NAMES = """
localhost LOCALHOST localhost. db api metadata foo.localhost printer.local metadata.google.internal intranet.corp nas.lan router.home
box.localdomain hidden.onion unit.test nothing.invalid a.home.arpa 1.0.0.127.home.arpa server
""".split()
BAD_SCHEMES = """
http://example.com/a.png HTTP://example.com/a.png ftp://example.com/a.png file:///etc/passwd
gopher://127.0.0.1:6379/_x data:image/png;base64,AA
javascript:alert(1) ws://example.com/ //example.com/a.png example.com/a.png /a.png dict://127.0.0.1:11211/ ldap://example.com/ jar:https://example.com!/
""".split()
BAD_FORMS = [
    "",
    "https://",
    "https:///a.png",
    "https://?x",
    "https://#x",
    "https:/example.com",
    "https://user@example.com/",
    "https://user:secret@example.com/",
    "https://:secret@example.com/",
    "https://@example.com/",
    "https://127.0.0.1@example.com/",
    "https://example.com:443@127.0.0.1/",
    "https://exa mple.com/",
    " https://example.com/",
    "https://example.com/ a",
    "https://example.com/\n",
    "https://example.com/\tb",
    "https://example.com/\x00",
    "https://example.com\\@127.0.0.1/",
    "https://example.com\\.evil.com/",
    "https://example.com/%zz",
    "https://example.com/%",
    "https://example.com/<a>",
    'https://example.com/"a"',
    "https://example.com/{a}",
    "https://example.com/a|b",
    "https://example.com/a^b",
    "https://example.com/`a`",
    "https://example.com:/a",
    "https://example.com:+443/",
    "https://example.com:-1/",
    "https://example.com:99999999/",
    "https://example.com:4e2/",
    "https://example.com:٤٤٣/",
    "https://exam..ple.com/",
    "https://.example.com/",
    "https://-example.com/",
    "https://example-.com/",
    "https://" + "a" * 64 + ".com/",
    "https://" + "a." * 140 + "com/",
    "https://[::1/",
    "https://[::1]x/",
    "https://[fe80::1%25eth0]/",
    "https://[v1.x]/",
    "https://exa%6dple.com/",
    "https://example.com/" + "a" * 2048,
]
BAD_PORTS = [f"https://example.com:{port}/a.png" for port in (0, 1, 22, 25, 80, 442, 444, 3306, 5432, 6379, 8080, 8443, 9200, 11211, 65535)]


@pytest.mark.parametrize("address", [*PRIVATE_V4, *PRIVATE_V6, *NO_ADDRESSES])
def test_an_address_that_is_not_public_is_never_dialled(address: str) -> None:
    assert not is_public(address)
    assert not may_dial(address, 443, NOBODY)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_dialled_on_443_only(address: str) -> None:
    assert may_dial(address, 443, NOBODY)
    assert not may_dial(address, 80, NOBODY)


@pytest.mark.parametrize("url", [f"https://{host}/a.png" for host in (*PRIVATE_V4, *LOCAL_NAMES)] + BAD_PORTS)
def test_a_url_into_a_private_network_is_refused(url: str) -> None:
    with pytest.raises(ImageUrlForbidden):
        check_url(url, NOBODY)


@pytest.mark.parametrize("address", PRIVATE_V6)
def test_a_private_ipv6_address_is_refused(address: str) -> None:
    with pytest.raises((ImageUrlForbidden, InvalidImageUrl)):
        check_url(f"https://[{address}]/a.png", NOBODY)


@pytest.mark.parametrize("url", [*BAD_SCHEMES, *BAD_FORMS, *(f"https://{host}/a.png" for host in NUMBERS_IN_DISGUISE)])
def test_a_url_that_two_readers_would_read_differently_is_refused(url: str) -> None:
    with pytest.raises((InvalidImageUrl, ImageUrlForbidden)):
        check_url(url, NOBODY)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://example.com/a.png", "example.com"),
        ("https://EXAMPLE.com./a.png?x=1#y", "example.com"),
        ("https://example.com:443/", "example.com"),
        ("https://8.8.8.8/a.png", "8.8.8.8"),
        ("https://[2606:4700::1111]/a.png", "2606:4700::1111"),
        ("https://bücher.example.com/a.png", "xn--bcher-kva.example.com"),
        ("https://under_score.example.com/", "under_score.example.com"),
    ],
)
def test_a_public_url_is_taken_apart_once(url: str, host: str) -> None:
    target = check_url(url, NOBODY)
    assert (target.host, target.port) == (host, 443)


def test_what_the_operator_allows_is_allowed_exactly() -> None:
    allowed = frozenset({("127.0.0.1", 8443), ("nas.lan", 443)})
    assert check_url("https://127.0.0.1:8443/a.png", allowed).host_header == "127.0.0.1:8443"
    assert check_url("https://nas.lan/a.png", allowed).host == "nas.lan"
    for other in ("https://127.0.0.1/a.png", "https://127.0.0.1:8444/", "https://127.0.0.2:8443/", "https://nas.lan:444/"):
        with pytest.raises(ImageUrlForbidden):
            check_url(other, allowed)
