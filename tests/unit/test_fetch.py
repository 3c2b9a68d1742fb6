"""Fetching from servers that mean no good: real TLS servers on loopback, which an exact allowance lets us reach."""

import asyncio
import io
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme
from PIL import Image

from dustreel.base.errors import DomainError
from dustreel.media import ImageTooLarge, ImageUnreachable, ImageUnsupported, ImageUrlForbidden, InvalidImageUrl, SafeFetch

HOST = "pictures.example"
AUTHORITY = trustme.CA()

type Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(out, "PNG")
    return out.getvalue()


def answer(*headers: str, body: bytes = b"", status: str = "200 OK", length: bool = True) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


PICTURE = answer("Content-Type: image/png", body=png())


@asynccontextmanager
async def server(reply: bytes | Serve, *, certificate_for: str = HOST) -> AsyncIterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(certificate_for).configure_cert(context)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            if isinstance(reply, bytes):
                writer.write(reply)
                await writer.drain()
            else:
                await reply(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the fetcher hung up, as it should
        finally:
            writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


def fetcher(port: int, **options: Any) -> SafeFetch:
    trusting = ssl.create_default_context()
    AUTHORITY.configure_trust(trusting)
    chosen: dict[str, Any] = {"resolve": resolving("127.0.0.1"), "tls": trusting, "allow": frozenset({f"{HOST}:{port}"})} | options
    return SafeFetch(**chosen)


def resolving(*addresses: str) -> Callable[..., list[Any]]:
    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return resolve


async def fetched(reply: bytes | Serve, **options: Any) -> Any:
    async with server(reply) as port:
        return await fetcher(port, **options).fetch_picture(f"https://{HOST}:{port}/a.png")


async def refused(error: type[DomainError], reply: bytes | Serve, **options: Any) -> str:
    with pytest.raises(error) as told:
        await fetched(reply, **options)
    return str(told.value)


async def test_a_picture_comes_back_with_what_it_really_is() -> None:
    found = await fetched(PICTURE)
    assert (found.data, found.content_type) == (png(), "image/png")


async def test_an_untyped_picture_is_known_by_its_bytes() -> None:
    assert (await fetched(answer("Content-Type: application/octet-stream", body=png()))).content_type == "image/png"


async def test_a_redirect_is_followed() -> None:
    async with server(PICTURE) as there, server(answer(f"Location: https://{HOST}:{there}/b.png", status="302 Found")) as here:
        fetch = fetcher(here, allow=frozenset({f"{HOST}:{here}", f"{HOST}:{there}"}))
        found = await fetch.fetch_picture(f"https://{HOST}:{here}/a.png")
    assert found.url.endswith("/b.png")


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("https://127.0.0.1/secret", ImageUrlForbidden),
        ("https://169.254.169.254/latest/meta-data", ImageUrlForbidden),
        ("https://[::1]/", ImageUrlForbidden),
        ("https://localhost/", ImageUrlForbidden),
        ("http://example.com/a.png", InvalidImageUrl),
        ("file:///etc/passwd", InvalidImageUrl),
        ("//10.0.0.1/a.png", ImageUrlForbidden),
        ("https://user:pass@example.com/", InvalidImageUrl),
        ("https://exa mple.com/", InvalidImageUrl),
        ("", ImageUnreachable),
    ],
)
async def test_a_redirect_to_where_it_may_not_is_refused(location: str, error: type[DomainError]) -> None:
    await refused(error, answer(f"Location: {location}", status="301 Moved"))


async def test_redirects_end() -> None:
    assert "redirects more than" in await refused(ImageUnreachable, answer("Location: /again", status="302 Found"))


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oh", "204 No Content", "206 Partial Content", "304 Not Modified", "401 Who"])
async def test_any_other_answer_is_no_picture(status: str) -> None:
    await refused(ImageUnreachable, answer("Content-Type: image/png", body=b"" if status[0] in "23" else png(), status=status))


@pytest.mark.parametrize(
    "reply",
    [
        answer("Content-Type: text/html", body=b"<html>"),
        answer("Content-Type: image/svg+xml", body=b"<svg/>"),
        answer("Content-Type: image/gif", body=b"GIF89a"),
        answer("Content-Type: image/jpeg", body=png()),
        answer("Content-Type: image/png", body=b"\x89PNG but not really"),
        answer("Content-Type: image/png", body=b""),
        answer(body=png()),
        answer("Content-Type: image/png", "Content-Type: text/html", body=png()),
        answer("Content-Type: image/png", "Content-Encoding: gzip", body=png()),
        answer("Content-Type: image/png", "Content-Encoding: br", body=png()),
    ],
)
async def test_what_is_no_picture_or_lies_about_it_is_refused(reply: bytes) -> None:
    await refused(ImageUnsupported, reply)


async def test_a_picture_that_says_it_is_too_large_is_not_read() -> None:
    await refused(ImageTooLarge, answer("Content-Type: image/png", f"Content-Length: {21 << 20}", length=False))


async def test_a_picture_that_turns_out_too_large_is_cut_off() -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(answer("Content-Type: image/png", "Transfer-Encoding: chunked", length=False))
        while True:
            writer.write(b"10000\r\n" + b"\0" * 65_536 + b"\r\n")
            await writer.drain()
            sent += 65_536

    await refused(ImageTooLarge, endless, max_bytes=1 << 20)
    assert sent < 8 << 20


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Type: image/png", "Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Type: image/png", "Content-Length: five"),
        ("Content-Type: image/png", "Content-Length: +5"),
        ("Content-Type: image/png", "Transfer-Encoding: gzip, chunked"),
        ("Content-Type: image/png", "Content-Length: 5", "Content-Length: 6"),
    ],
)
async def test_a_body_whose_end_is_unclear_is_refused(headers: tuple[str, ...]) -> None:
    await refused(ImageUnreachable, answer(*headers, length=False) + b"12345")


async def test_a_body_that_ends_early_is_refused() -> None:
    await refused(ImageUnreachable, answer("Content-Type: image/png", "Content-Length: 5000", length=False) + png())


async def test_a_server_that_stalls_is_given_up() -> None:
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    assert "did not arrive" in await refused(ImageUnreachable, stall, total_seconds=0.5)


async def test_a_server_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dustreel.media.fetch.SLOWNESS_FORGIVEN_SECONDS", 0.3)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer("Content-Type: image/png", "Content-Length: 100000", length=False))
        while True:
            writer.write(b"\0")
            await writer.drain()
            await asyncio.sleep(0.05)

    assert "too slowly" in await refused(ImageUnreachable, drip)


async def test_a_certificate_for_somebody_else_is_refused() -> None:
    async with server(PICTURE, certificate_for="other.example") as port:
        with pytest.raises(ImageUnreachable):
            await fetcher(port).fetch_picture(f"https://{HOST}:{port}/a.png")


async def test_a_certificate_from_nobody_is_refused() -> None:
    await refused(ImageUnreachable, PICTURE, tls=ssl.create_default_context())


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("8.8.8.8", "10.0.0.1"), ("::1",), ("169.254.169.254",), ("0.0.0.0",)])
async def test_a_name_with_one_private_address_is_refused(addresses: tuple[str, ...]) -> None:
    fetch = SafeFetch(allow=frozenset(), resolve=resolving(*addresses))
    with pytest.raises(ImageUrlForbidden):
        await fetch.fetch_picture("https://rebinding.example.com/a.png")


async def test_a_name_is_resolved_once_and_what_was_checked_is_dialled() -> None:
    asked = []

    def changes_its_mind(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        address = "192.0.1.1" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    fetch = SafeFetch(allow=frozenset(), resolve=changes_its_mind, total_seconds=0.5, connect_seconds=0.3)
    with pytest.raises(ImageUnreachable):
        await fetch.fetch_picture("https://rebinding.example.com/a.png")
    assert len(asked) == 1


@pytest.mark.parametrize("failure", [socket.gaierror("no such name"), UnicodeError("bad name")])
async def test_a_name_that_can_not_be_resolved_is_told(failure: Exception) -> None:
    def fails(*_: Any, **__: Any) -> list[Any]:
        raise failure

    with pytest.raises(ImageUnreachable, match="can't be resolved"):
        await SafeFetch(allow=frozenset(), resolve=fails).fetch_picture("https://nowhere.example.com/a.png")


async def test_a_name_without_an_address_is_told() -> None:
    with pytest.raises(ImageUnreachable, match="has no address"):
        await SafeFetch(allow=frozenset(), resolve=resolving()).fetch_picture("https://nowhere.example.com/a.png")
