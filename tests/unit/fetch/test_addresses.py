"""Which addresses are public, and how a friendly URL is taken apart. The hostile ones are in a list of their own."""

import pytest

from dustreel.fetch import BadAddress, ForbiddenAddress
from dustreel.fetch.addresses import Rules, check_url, is_public, may_dial

NONE = Rules()

PRIVATE_V4 = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.1.2.3 127.255.255.255 169.254.0.1 169.254.169.254
172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.170 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1
198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 168.63.129.16
""".split()
PRIVATE_V6 = """
:: ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b:1::1 100::1 2001::1
2001:0:7f00:1:: 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:a00:1::1 2620:4f:8000::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254
fd12:3456::1 fe80::1 fec0::1 ff02::1 ff0e::1 2606:4700::1111%eth0
""".split()
PUBLIC = """
8.8.8.8 1.1.1.1 93.184.216.34 192.0.1.1 172.32.0.1 100.63.255.255 100.128.0.0 169.253.255.255 169.255.0.0 198.17.255.255 198.20.0.0
223.255.255.255 2606:4700::1111 2a00:1450:4001::1 2620:fe::fe 2001:4860:4860::8888 2003::1 3ffe:ffff::1
""".split()
NO_ADDRESSES = """
127.1 0x7f.0.0.1 0177.0.0.1 2130706433 127.0.0.01 1.2.3 1.2.3.4.5 ::ffff:7f00:1%eth0 fe80::1%lo example.com 8.8.8.8/32 [::1] 8.8.8.8:443
""".split()


@pytest.mark.parametrize("address", [*PRIVATE_V4, *PRIVATE_V6, *NO_ADDRESSES, "", " 8.8.8.8", "8.8.8.8\n", "８.8.8.8"])
def test_an_address_that_is_not_public_is_never_dialled(address: str) -> None:
    assert not is_public(address)
    assert not may_dial(address, 443, NONE)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_dialled_on_443_only(address: str) -> None:
    assert may_dial(address, 443, NONE)
    assert not may_dial(address, 80, NONE)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://example.com", "example.com"),
        ("https://example.com/a.png", "example.com"),
        ("https://EXAMPLE.com./a.png?x=1#y", "example.com"),
        ("HTTPS://example.com:443/", "example.com"),
        ("https://8.8.8.8/a.png", "8.8.8.8"),
        ("https://[2606:4700::1111]/a.png", "2606:4700::1111"),
        ("https://bücher.example.com/a.png", "xn--bcher-kva.example.com"),
        ("https://under_score.example.com/", "under_score.example.com"),
        ("https://3com.example/", "3com.example"),
        ("https://example.com/a@b:c/%20?u=https://user@host:22/", "example.com"),
        ("https://example.com/grün.png", "example.com"),
    ],
)
def test_a_public_url_is_taken_apart_once(url: str, host: str) -> None:
    target = check_url(url, NONE)
    assert (target.host, target.port) == (host, 443)
    assert target.host_header == (f"[{host}]" if ":" in host else host)


def test_what_the_operator_allows_is_allowed_exactly() -> None:
    rules = Rules.of(["127.0.0.1:8443", "NAS.lan:443", "[fd00::1]:444"])
    assert check_url("https://127.0.0.1:8443/a.png", rules).host_header == "127.0.0.1:8443"
    assert check_url("https://nas.lan/a.png", rules).host == "nas.lan"
    assert check_url("https://[fd00::1]:444/a.png", rules).host_header == "[fd00::1]:444"
    others = "127.0.0.1 127.0.0.1:8444 127.0.0.2:8443 nas.lan:444 a.nas.lan lan 2130706433:8443 127.1:8443 [fd00::1] [fd00::2]:444".split()
    for other in others:
        with pytest.raises(ForbiddenAddress):
            check_url(f"https://{other}/", rules)
    with pytest.raises(BadAddress):
        check_url("http://nas.lan:443/a.png", rules)


def test_the_services_own_address_is_refused_unless_it_is_allowed() -> None:
    own = Rules.of([], ["videos.example.com", "8.8.8.8", "2606:4700::1111"])
    for host in ("videos.example.com", "VIDEOS.example.com.", "8.8.8.8", "[2606:4700::1111]"):
        with pytest.raises(ForbiddenAddress):
            check_url(f"https://{host}/a.png", own)
    for other in ("example.com", "pictures.example.com", "a.videos.example.com"):
        assert check_url(f"https://{other}/a.png", own).host == other
    assert check_url("https://videos.example.com/a.png", Rules.of(["videos.example.com:443"], ["videos.example.com"]))
