"""The list of hostile addresses: each is refused before anything is dialled, and all but ordinary names before DNS is asked."""

import socket
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpcore
import pytest

from dustreel.fetch import BadAddress, FetchFailed, ForbiddenAddress, SafeFetch

OWN = "dustreel.example"
TOLD: dict[str, type[FetchFailed]] = {"bad": BadAddress, "forbidden": ForbiddenAddress, "resolves": ForbiddenAddress}
HOMEWARD = "127.0.0.1"


def _listed() -> list[tuple[str, str, str]]:
    """(kind, what it is told, the address)."""
    kind, found = "", []
    for line in (Path(__file__).parent / "hostile_urls.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            kind = line.removeprefix("#").strip()
        elif line:
            told, _, text = line.partition(" ")
            # The file is UTF-8 with escapes in it; what is no ASCII already must outlive the reading of those.
            url = (
                text.lstrip(" ")
                .encode("ascii", "backslashreplace")
                .decode("unicode_escape")
                .replace("{long}", "a" * 2_050)
                .replace("{empty}", "")
            )
            found.append((kind, told, url))
    return found


LIST = _listed()


class Recorder(httpcore.AsyncNetworkBackend):
    """A network on which nothing can be reached, and which remembers who tried."""

    def __init__(self) -> None:
        self.dialled: list[tuple[str, int]] = []
        self.asked: list[str] = []

    async def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        self.dialled.append((host, port))
        raise httpcore.ConnectError("nobody is there")

    def resolve(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (HOMEWARD, port))]


@pytest.mark.parametrize(("told", "url"), [pytest.param(told, url, id=f"{told} {url!a}"[:80]) for _, told, url in LIST])
async def test_a_hostile_address_is_refused_before_anything_is_dialled(told: str, url: str) -> None:
    network = Recorder()
    fetch = SafeFetch(own_hosts=[OWN], resolve=network.resolve, network=network)
    with pytest.raises(TOLD[told]) as refused:
        await fetch.to_memory(url)
    assert type(refused.value) is TOLD[told]
    assert network.dialled == []
    assert len(network.asked) == (1 if told == "resolves" else 0)
    assert str(refused.value).endswith(".") and len(str(refused.value)) < 200


async def test_a_redirect_to_a_hostile_address_is_refused_the_same_way() -> None:
    """Without a server: what `fetch` does with a Location is to ask the same function."""
    fetch = SafeFetch(own_hosts=[OWN])
    for _, told, url in LIST:
        if told != "resolves":
            with pytest.raises(TOLD[told]):
                fetch.check_url(url)


async def test_nothing_of_it_reaches_the_kernel() -> None:
    """As above, with the real network and the interpreter's own word on it (PEP 578)."""
    seen: list[str] = []
    watching = True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
            seen.append(f"{event} {arguments}")

    sys.addaudithook(watch)
    try:
        fetch = SafeFetch(own_hosts=[OWN], resolve=Recorder().resolve)
        for _, told, url in LIST:
            with pytest.raises(TOLD[told]):
                await fetch.to_memory(url)
        assert seen == []
        with pytest.raises(ConnectionError), socket.socket() as probe:
            probe.connect(("127.0.0.1", 1))
        assert len(seen) == 1, "the watch works"
    finally:
        watching = False


def test_the_list_is_long_and_names_nothing_twice() -> None:
    assert len(LIST) >= 150
    assert len({kind for kind, _, _ in LIST}) >= 15
    assert [url for url, times in Counter(url for _, _, url in LIST).items() if times > 1] == []


async def test_a_friendly_address_is_dialled() -> None:
    """So that the refusals above say something."""
    network = Recorder()
    with pytest.raises(FetchFailed):
        await SafeFetch(own_hosts=[OWN], resolve=network.resolve, network=network).to_memory("https://8.8.8.8/a.png")
    assert (network.dialled, network.asked) == ([("8.8.8.8", 443)], [])
