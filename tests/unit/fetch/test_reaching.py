"""Where a fetch connects, and to whom: DNS that lies, redirects, certificates, what the kernel reached."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpcore
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dustreel.fetch import BadAddress, FetchFailed, ForbiddenAddress, SafeFetch, Unreachable
from tests.unit.fetch.servers import (
    HOST,
    PICTURE,
    answer,
    certified,
    fetched,
    fetcher,
    png,
    refused,
    resolving,
    server,
    until_hung_up,
)

URL = "https://rebinding.example.com/a.png"


class Network(httpcore.AsyncNetworkBackend):
    """Connects everybody to one place, or nobody; remembers who was dialled."""

    def __init__(self, leads_to: int | None = None, *, peer: tuple[str, int] | None = None) -> None:
        """`leads_to`: a port on loopback; `peer`: what the kernel is to say that it reached."""
        self.dialled: list[str] = []
        self.closed = 0
        self._leads_to, self._peer = leads_to, peer

    async def connect_tcp(self, host: str, port: int, *arguments: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        self.dialled.append(host)
        if self._leads_to is None:
            raise httpcore.ConnectError("nobody is there")
        stream = await httpcore.AnyIOBackend().connect_tcp("127.0.0.1", self._leads_to)
        network, peer = self, self._peer or (host, port)

        class Claimed(httpcore.AsyncNetworkStream):
            def get_extra_info(self, info: str) -> Any:
                return peer if info == "server_addr" else stream.get_extra_info(info)

            async def aclose(self) -> None:
                network.closed += 1
                await stream.aclose()

            async def start_tls(self, *arguments: Any, **options: Any) -> httpcore.AsyncNetworkStream:
                return await stream.start_tls(*arguments, **options)

        return Claimed()


# ─── DNS ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.1",),
        ("::1",),
        ("169.254.169.254",),
        ("0.0.0.0",),
        ("::ffff:127.0.0.1",),
        ("64:ff9b::7f00:1",),
        ("2002:7f00:1::",),
        ("fe80::1%eth0",),
        ("8.8.8.8", "10.0.0.1"),
        ("10.0.0.1", "8.8.8.8"),
        ("8.8.8.8", "1.1.1.1", "9.9.9.9", "8.8.4.4", "192.168.0.1"),
        ("2606:4700::1111", "fd00::1"),
        ("127.1",),
        ("somewhere.else.example",),
        ("",),
    ],
)
async def test_a_name_with_one_address_that_is_not_public_is_refused(addresses: tuple[str, ...]) -> None:
    network = Network()
    with pytest.raises(ForbiddenAddress):
        await SafeFetch(resolve=resolving(*addresses), network=network).to_memory(URL)
    assert network.dialled == []


async def test_a_name_is_looked_up_once_and_what_was_checked_is_dialled() -> None:
    asked: list[str] = []

    def changes_its_mind(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return resolving("8.8.8.8" if len(asked) == 1 else "127.0.0.1")(host, port)

    network = Network()
    with pytest.raises(Unreachable):
        await SafeFetch(resolve=changes_its_mind, network=network).to_memory(URL)
    assert (asked, network.dialled) == (["rebinding.example.com"], ["8.8.8.8"])


async def test_dns_that_changes_its_mind_between_two_hops_is_refused() -> None:
    asked: list[str] = []

    def changes_its_mind(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return resolving("8.8.8.8" if len(asked) == 1 else "127.0.0.1")(host, port)

    async with server(answer("Location: /again", status="302 Found"), tls=certified("rebinding.example.com")) as there:
        network = Network(there.port)
        with pytest.raises(ForbiddenAddress):
            await fetcher(there, allow=[], resolve=changes_its_mind, network=network).to_memory(URL)
    assert (len(asked), network.dialled, there.connections) == (2, ["8.8.8.8"], 1)


async def test_a_few_addresses_are_tried_one_after_the_other() -> None:
    network = Network()
    addresses = [f"8.8.8.{number}" for number in range(1, 9)]
    with pytest.raises(Unreachable):
        await SafeFetch(resolve=resolving(*addresses), network=network).to_memory(URL)
    assert network.dialled == addresses[:4]


async def test_an_address_in_figures_is_not_looked_up() -> None:
    def asked(*_: Any, **__: Any) -> list[Any]:
        raise AssertionError("DNS was asked")

    network = Network()
    for url in ("https://8.8.8.8/a.png", "https://[2606:4700::1111]/a.png"):
        with pytest.raises(Unreachable):
            await SafeFetch(resolve=asked, network=network).to_memory(url)
    assert network.dialled == ["8.8.8.8", "2606:4700::1111"]


@pytest.mark.parametrize("failure", [socket.gaierror("no such name"), UnicodeError("bad name"), TimeoutError()])
async def test_a_name_that_can_not_be_resolved_is_told(failure: Exception) -> None:
    def fails(*_: Any, **__: Any) -> list[Any]:
        raise failure

    with pytest.raises(Unreachable, match="can't be resolved"):
        await SafeFetch(resolve=fails).to_memory(URL)


async def test_a_name_without_an_address_is_told() -> None:
    with pytest.raises(Unreachable, match="has no address"):
        await SafeFetch(resolve=resolving()).to_memory(URL)


async def test_dns_that_never_answers_is_given_up() -> None:
    answers = asyncio.Event()
    loop = asyncio.get_running_loop()

    def waits(*_: Any, **__: Any) -> list[Any]:
        asyncio.run_coroutine_threadsafe(answers.wait(), loop).result(30)
        return []

    with pytest.raises(Unreachable, match="can't be resolved"):
        await SafeFetch(resolve=waits, connect_seconds=0.2).to_memory(URL)
    answers.set()


# ─── What was reached ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("peer", [("127.0.0.1", 443), ("8.8.4.4", 443), ("8.8.8.8", 80), ("::1", 443), None])
async def test_what_the_kernel_reached_is_looked_at_before_a_byte_is_sent(peer: tuple[str, int] | None) -> None:
    async with server(until_hung_up, plain=True) as there:
        network = Network(there.port, peer=peer or ("10.0.0.1", 443))
        with pytest.raises(ForbiddenAddress):
            await SafeFetch(resolve=resolving("8.8.8.8"), network=network).to_memory(URL)
    assert (network.dialled, network.closed) == (["8.8.8.8"], 1)


async def test_the_same_address_in_another_spelling_is_the_same() -> None:
    async with server(PICTURE, tls=certified("rebinding.example.com")) as there:
        network = Network(there.port, peer=("2606:4700:0:0:0:0:0:1111", 443))
        found, _ = await fetcher(there, resolve=resolving("2606:4700::1111"), network=network).to_memory(URL)
    assert found.content_type == "image/png" and ip_address("2606:4700::1111") == ip_address("2606:4700:0:0:0:0:0:1111")


async def test_a_public_address_is_fetched_from_by_what_stands_in_its_certificate() -> None:
    async with server(PICTURE, tls=certified("rebinding.example.com")) as there:
        network = Network(there.port)
        found, data = await fetcher(there, allow=[], resolve=resolving("8.8.8.8"), network=network).to_memory(URL)
    assert (found.url, data, network.dialled) == (URL, png(), ["8.8.8.8"])
    assert there.heads[0].split(b"\r\n")[:2] == [b"GET /a.png HTTP/1.1", b"Host: rebinding.example.com"]


async def test_no_proxy_of_the_environment_and_no_socket_file_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with server(PICTURE) as there, server(until_hung_up, plain=True) as proxy:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await fetcher(there).to_memory(there.url))[1] == png()
    assert proxy.connections == 0


async def test_what_the_operator_allows_is_reached_and_nothing_beside_it() -> None:
    async with server(PICTURE) as there, server(PICTURE) as other:
        fetch = fetcher(there)
        assert (await fetch.to_memory(there.url))[1] == png()
        with pytest.raises(ForbiddenAddress):
            await fetch.to_memory(other.url)
    assert other.connections == 0


async def test_nothing_but_the_request_is_sent() -> None:
    async with server(PICTURE) as there:
        await fetcher(there).to_memory(f"{there.url}?token=1#part")
    lines = there.heads[0].decode().split("\r\n")
    assert lines[0] == "GET /a.png?token=1 HTTP/1.1"
    assert {line.partition(":")[0] for line in lines[1:] if line} == {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}
    assert "Accept-Encoding: identity" in lines


# ─── Redirects ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_followed(status: str) -> None:
    async with server(PICTURE) as there, server(answer(f"Location: https://{HOST}:{there.port}/b.png", status=status)) as here:
        found, data = await fetcher(here, there).to_memory(here.url)
    assert (found.url, data) == (f"https://{HOST}:{there.port}/b.png", png())
    assert there.heads[0].startswith(b"GET /b.png HTTP/1.1\r\n") and b"Referer" not in there.heads[0]


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("../b/c.png?x=1", "/b/c.png?x=1"),
        ("/c.png?from=https://elsewhere.example/", "/c.png?from=https://elsewhere.example/"),
        ("?again", "/a/a.png?again"),
        ("c.png#part", "/a/c.png#part"),
        ("/grün.png", "/gr%C3%BCn.png"),
    ],
)
async def test_a_relative_redirect_is_followed(location: str, path: str) -> None:
    async def reply(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        moved = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        writer.write(PICTURE if len(there.heads) == 2 else moved)

    async with server(reply) as there:
        found, _ = await fetcher(there).to_memory(f"https://{HOST}:{there.port}/a/a.png")
    assert found.url == f"https://{HOST}:{there.port}{path}"
    assert there.heads[1].split()[1].decode() == path.partition("#")[0]


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("https://127.0.0.1/secret", ForbiddenAddress),
        ("https://127.0.0.1:{other}/secret", ForbiddenAddress),
        ("https://pictures.example:{other}/a.png", ForbiddenAddress),
        ("//127.0.0.1:{other}/a.png", ForbiddenAddress),
        ("https://pictures.example:22/", ForbiddenAddress),
        ("https://169.254.169.254/latest/meta-data", ForbiddenAddress),
        ("https://[::1]/", ForbiddenAddress),
        ("https://[::ffff:127.0.0.1]/", ForbiddenAddress),
        ("https://localhost/", ForbiddenAddress),
        ("https://2130706433/", ForbiddenAddress),
        ("//10.0.0.1/a.png", ForbiddenAddress),
        ("http://example.com/a.png", BadAddress),
        ("http:a.png", BadAddress),
        ("file:///etc/passwd", BadAddress),
        ("gopher://127.0.0.1:6379/_x", BadAddress),
        ("data:image/png;base64,AA==", BadAddress),
        ("https://user:pass@example.com/", BadAddress),
        ("https://@pictures.example/", BadAddress),
        ("https://exa mple.com/", BadAddress),
        ("https://example.com\\@127.0.0.1/", BadAddress),
        ("/a b.png", BadAddress),
        ("https://", BadAddress),
        ("/" + "a" * 3_000, BadAddress),
        ("", Unreachable),
    ],
)
async def test_a_redirect_to_where_it_may_not_is_refused(location: str, error: type[FetchFailed]) -> None:
    async with server(PICTURE) as other:
        await refused(error, answer(f"Location: {location.format(other=other.port)}", status="301 Moved"))
    assert other.connections == 0


async def test_two_locations_are_none() -> None:
    await refused(BadAddress, answer("Location: /a", "Location: /b", status="302 Found"))


async def test_redirects_end() -> None:
    async with server(answer("Location: /again", status="302 Found")) as there:
        with pytest.raises(Unreachable, match="redirects more than 3 times"):
            await fetcher(there).to_memory(there.url)
    assert there.connections == 4


async def test_the_time_is_for_all_hops_together() -> None:
    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.25)
        writer.write(answer("Location: /again", status="302 Found"))

    assert "did not arrive" in await refused(Unreachable, slow, options={"seconds": 0.6})


async def test_the_body_of_a_redirect_is_not_read(tmp_path: Path) -> None:
    moved = answer("Location: /gone", "Content-Type: image/png", body=png(), status="302 Found")
    async with server(moved) as there:
        with pytest.raises(Unreachable):
            await fetcher(there).to_file(there.url, tmp_path / "picture")
    assert list(tmp_path.iterdir()) == []


# ─── Certificates ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)]), datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
    certificate = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False).sign(key, hashes.SHA256())
    (folder / "cert").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / "key").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    return context


def _of_a_stranger() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(HOST).configure_cert(context)
    return context


@pytest.mark.parametrize(
    "fault", ["somebody else's", "expired", "not yet valid", "self-signed", "from an unknown authority", "an address's"]
)
async def test_a_certificate_that_is_not_good_is_refused(fault: str, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    match fault:
        case "somebody else's":
            tls = certified("other.example")
        case "expired":
            tls = certified(HOST, not_before=now - timedelta(days=9), not_after=now - timedelta(days=1))
        case "not yet valid":
            tls = certified(HOST, not_before=now + timedelta(days=1), not_after=now + timedelta(days=9))
        case "self-signed":
            tls = _self_signed(tmp_path)
        case "from an unknown authority":
            tls = _of_a_stranger()
        case _:
            tls = certified("127.0.0.1")
    async with server(PICTURE, tls=tls) as there:
        with pytest.raises(Unreachable, match="no valid certificate"):
            await fetcher(there).to_memory(there.url)
    assert there.heads == []


async def test_a_server_without_tls_is_refused() -> None:
    for reply in (PICTURE, b"", b"\x16\x03\x01\x00\x02\x02\x28", b"SSH-2.0-OpenSSH_9.6\r\n"):
        async with server(reply, plain=True) as there:
            with pytest.raises(Unreachable):
                await fetcher(there).to_memory(there.url)


async def test_a_server_that_never_answers_a_hello_is_given_up() -> None:
    async with server(until_hung_up, plain=True) as there:
        with pytest.raises(Unreachable):
            await fetcher(there, seconds=0.4).to_memory(there.url)


async def test_nobody_listening_is_told() -> None:
    async with server(PICTURE) as there:
        pass
    with pytest.raises(Unreachable, match="can't be talked to"):
        await fetcher(there).to_memory(there.url)


async def test_a_fetch_that_is_cancelled_hangs_up() -> None:
    gone = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        gone.set()

    asked = asyncio.Event()
    task = asyncio.create_task(fetched(wait))
    await asked.wait()
    task.cancel()
    await asyncio.wait_for(gone.wait(), 10)
    with pytest.raises(asyncio.CancelledError):
        await task
