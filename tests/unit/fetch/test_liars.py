"""Servers that lie about what they send, how much of it, and how it is packed; and those that never come to an end."""

import asyncio
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from dustreel.fetch import VIDEOS, TooLarge, Unreachable, WrongKind
from tests.unit.fetch.servers import PICTURE, answer, fetched, fetcher, mp4, png, refused, server, until_hung_up

TYPED = "Content-Type: image/png"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(500)
WEBP = b"RIFF\xf4\x01\0\0WEBPVP8 " + bytes(500)
AVIF = mp4(b"avif", b"mif1", b"miaf")
HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
PDF = b"%PDF-1.7\n" + bytes(300)

BOMB = gzip.compress(bytes(16 << 20))


def zipped(data: bytes = b"nothing") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", data)
    return out.getvalue()


def endless(start: bytes, piece: bytes) -> tuple[Callable[..., Any], list[int]]:
    """A server that says `start` and then `piece` for ever, and how many bytes it has got rid of."""
    sent = [0]

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)  # drain lets nobody else have a turn as long as the socket takes what it gets
            sent[0] += len(piece)

    return serve, sent


# ─── What it is ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("data", "kind"), [(png(), "image/png"), (JPEG, "image/jpeg"), (WEBP, "image/webp"), (AVIF, "image/avif"), (mp4(), "video/mp4")]
)
async def test_what_comes_is_known_by_its_bytes(data: bytes, kind: str) -> None:
    wanted: dict[str, Any] = {"kinds": VIDEOS} if kind.startswith("video") else {}
    for said in (kind, f"{kind}; charset=binary", kind.upper(), "application/octet-stream", "binary/octet-stream"):
        found, came = await fetched(answer(f"Content-Type: {said}", body=data), **wanted)
        assert (found.content_type, found.size, came) == (kind, len(data), data)


@pytest.mark.parametrize(
    "said",
    [
        "text/html",
        "image/svg+xml",
        "image/gif",
        "image/heic",
        "image/*",
        "application/pdf",
        "application/zip",
        "video/mp4",
        "image/jpeg",
        "",
        "png",
    ],
)
async def test_a_picture_that_is_called_something_else_is_refused(said: str) -> None:
    await refused(WrongKind, answer(f"Content-Type: {said}", body=png()))


async def test_a_picture_that_is_called_nothing_or_two_things_is_refused() -> None:
    assert "nothing" in await refused(WrongKind, answer(body=png()))
    await refused(WrongKind, answer(TYPED, "Content-Type: text/html", body=png()))
    await refused(WrongKind, answer(TYPED, TYPED, body=png()))
    assert "\x1b" not in await refused(WrongKind, answer("Content-Type: \x80\xa0" + "x" * 2_000, body=png()))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG but not really",
        png()[:11],
        HTML,
        SVG,
        b"<?xml version='1.0'?>" + SVG,
        PDF,
        zipped(),
        gzip.compress(png()),
        zlib.compress(png()),
        b"GIF89a" + bytes(300),
        b"GIF89a/*" + png(),
        b"BM" + bytes(300),
        b"II*\0" + bytes(300),
        b"\0\0\x01\0" + bytes(300),
        b"RIFF\0\0\0\0WAVE" + bytes(300),
        b"\x7fELF" + bytes(300),
        b"#!/bin/sh\n" + png(),
        HTML + png(),
        PDF + png(),
        b"\n" + png(),
        b"\xef\xbb\xbf" + png(),
        mp4(),
        mp4(b"heic", b"mif1"),
        mp4(b"mif1", b"heic", b"isom"),
        mp4(b"isom", b"avif"),
        mp4(b"qt  "),
        b"\0\0\0\x08ftyp" + bytes(300),
        b"\0\0\0\x40ftypavif\0\0\0\0mif1",
        b"\xff\xff\xff\xffftypavif" + bytes(300),
        b"\0\0\0\x17ftypavif" + bytes(300),
        b"\0\0\x10\0ftypavif" + bytes(300),
        b"\0\0\0\0ftypavif" + bytes(300),
    ],
)
async def test_what_is_no_picture_is_refused_whatever_it_is_called(data: bytes) -> None:
    await refused(WrongKind, answer(TYPED, body=data))
    await refused(WrongKind, answer("Content-Type: application/octet-stream", body=data))
    await refused(WrongKind, answer("Content-Type: image/avif", body=data))


@pytest.mark.parametrize(
    "data", [png(), AVIF, mp4(b"mif1", b"isom"), mp4(b"heic", b"mp42"), mp4(b"qt  "), HTML, b"\x1aE\xdf\xa3" + bytes(300)]
)
async def test_what_is_no_video_is_refused_where_a_video_is_wanted(data: bytes) -> None:
    for said in ("video/mp4", "application/octet-stream"):
        assert "MP4" in await refused(WrongKind, answer(f"Content-Type: {said}", body=data), kinds=VIDEOS)


async def test_what_is_no_picture_is_refused_by_its_first_bytes() -> None:
    serve, sent = endless(answer(TYPED, "Content-Length: 20000000", length=False), b"<html>" * 10_000)
    await refused(WrongKind, serve)
    assert sent[0] < 12 << 20  # what two sockets hold


# ─── How it is packed ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "coding", ["gzip", "x-gzip", "deflate", "br", "zstd", "compress", "GZIP", "identity, gzip", "gzip, gzip", "aes128gcm", "*"]
)
async def test_what_is_compressed_is_refused_and_never_unpacked(coding: str) -> None:
    assert "compresses" in await refused(WrongKind, answer(TYPED, f"Content-Encoding: {coding}", body=BOMB))
    assert "compresses" in await refused(WrongKind, answer(TYPED, f"Content-Encoding: {coding}", body=png()))


async def test_two_codings_are_refused() -> None:
    await refused(WrongKind, answer(TYPED, "Content-Encoding: identity", "Content-Encoding: identity", body=png()))


async def test_a_picture_as_it_is_may_say_so() -> None:
    assert (await fetched(answer(TYPED, "Content-Encoding: identity", body=png())))[1] == png()


# ─── How much of it ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("length", [str((20 << 20) + 1), "99999999999", "9" * 40, "9" * 5_000])
async def test_a_picture_that_says_it_is_too_large_is_not_read(length: str) -> None:
    serve, sent = endless(answer(TYPED, f"Content-Length: {length}", length=False) + png(), bytes(65_536))
    with pytest.raises((TooLarge, Unreachable)) as told:
        await fetched(serve)
    assert isinstance(told.value, TooLarge) or len(length) > 15
    assert sent[0] < 12 << 20


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: five",),
        ("Content-Length: +5",),
        ("Content-Length: -5",),
        ("Content-Length: 5.0",),
        ("Content-Length: 0x5",),
        ("Content-Length: 5 5",),
        ("Content-Length: \xb2",),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5, 6",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: gzip",),
        ("Transfer-Encoding: identity",),
        ("Transfer-Encoding: chunked, chunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: xchunked",),
    ],
)
async def test_a_body_whose_end_is_unclear_is_refused(headers: tuple[str, ...]) -> None:
    lines = "\r\n".join(["HTTP/1.1 200 OK", TYPED, *headers]).encode("latin-1")
    await refused(Unreachable, lines + b"\r\n\r\n" + png())


async def test_more_than_was_said_does_not_come_back() -> None:
    _, data = await fetched(answer(TYPED, f"Content-Length: {len(png())}", length=False) + png() + b"HTTP/1.1 200 OK\r\n\r\n" + HTML)
    assert data == png()


@pytest.mark.parametrize("length", [len(png()) + 1, 5_000, 10 << 20])
async def test_less_than_was_said_is_refused(length: int) -> None:
    await refused(Unreachable, answer(TYPED, f"Content-Length: {length}", length=False) + png())


async def test_a_body_without_a_length_ends_with_its_connection() -> None:
    assert (await fetched(answer(TYPED, length=False) + png()))[1] == png()
    assert (await fetched(b"HTTP/1.0 200 OK\r\nContent-Type: image/png\r\n\r\n" + png()))[1] == png()


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_picture_that_turns_out_too_large_is_cut_off(chunked: bool) -> None:
    start = answer(TYPED, *(["Transfer-Encoding: chunked"] if chunked else []), length=False)
    piece = bytes(65_536)
    first = b"%x\r\n%b\r\n" % (len(png()), png()) if chunked else png()
    serve, sent = endless(start + first, b"10000\r\n%b\r\n" % piece if chunked else piece)
    sentence = await refused(TooLarge, serve, max_bytes=1 << 20)
    assert "1 MiB" in sentence and sent[0] < 8 << 20


async def test_a_picture_of_exactly_the_limit_comes() -> None:
    data = png().ljust(100_000, b"\0")
    assert (await fetched(answer(TYPED, body=data), max_bytes=100_000))[0].size == 100_000
    await refused(TooLarge, answer(TYPED, body=data), max_bytes=99_999)
    await refused(TooLarge, answer(TYPED, length=False) + data, max_bytes=99_999)


def in_chunks(data: bytes, size: int, extension: bytes = b"") -> bytes:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces) + b"0\r\n\r\n"


async def test_chunks_are_put_together() -> None:
    for size in (1, 7, 1_000):
        body = in_chunks(png(), size, b";a=b")
        assert (await fetched(answer(TYPED, "Transfer-Encoding: chunked", length=False) + body))[1] == png()


@pytest.mark.parametrize("length", [len(png()), 5, 0])
async def test_a_length_beside_chunks_is_refused_whichever_of_them_is_right(length: int) -> None:
    headers = (TYPED, f"Content-Length: {length}", "Transfer-Encoding: chunked")
    await refused(Unreachable, answer(*headers, length=False) + in_chunks(png(), 50))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        in_chunks(png(), 50)[:-5],
        in_chunks(png(), 50)[:60],
        b"-5\r\n" + png(),
        b"FFFFFFFFFFFFFFFFFFFFFFFFFFFFF\r\n" + png(),
        b"zz\r\n" + png(),
        b"0x50\r\n" + png(),
        b" 50\r\n" + png(),
        b"50\n" + png(),
        b"5\r\nmore than five\r\n0\r\n\r\n",
        b"\r\n" + in_chunks(png(), 50),
    ],
)
async def test_broken_chunks_are_refused(body: bytes) -> None:
    await refused(Unreachable, answer(TYPED, "Transfer-Encoding: chunked", length=False) + body)


# ─── Without an end ─────────────────────────────────────────────────────────────────────────────────────────────────────

CHUNKED = answer(TYPED, "Transfer-Encoding: chunked", length=False)


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-Filler: 0123456789\r\n" * 1_000),
        (b"HTTP/1.1 200 OK\r\nX-Filler: ", b"0123456789" * 1_000),
        (b"HTTP/1.1 200 ", b"OK " * 1_000),
        (b"", b"nothing that ends" * 1_000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" * 1_000),
        (CHUNKED + b"1", b"0" * 1_000),
        (CHUNKED + b"10;a=", b"0123456789" * 1_000),
        (CHUNKED, b"1;" + b"x" * 10_000 + b"\r\n\0\r\n"),
        (CHUNKED + in_chunks(png(), 50)[:-2], b"X-Trailer: 0123456789\r\n" * 1_000),
    ],
)
async def test_what_has_no_end_is_cut_off(start: bytes, piece: bytes) -> None:
    serve, sent = endless(start, piece)
    async with asyncio.timeout(20):
        await refused(Unreachable, serve, options={"seconds": 15.0}, max_bytes=1 << 20)
    assert sent[0] < 16 << 20


async def test_hints_before_the_answer_are_passed_over() -> None:
    assert (await fetched(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + PICTURE))[1] == png()


@pytest.mark.parametrize("status", "101 201 202 203 204 206 300 304 305 400 401 403 404 407 418 429 500 503 999".split())
async def test_any_other_answer_is_no_picture(status: str) -> None:
    await refused(Unreachable, answer(TYPED, body=b"" if status in ("101", "204", "304") else png(), status=f"{status} So"))


@pytest.mark.parametrize("said", [b"", b"\0", b"nonsense\r\n\r\n", b"HTTP/1.1 20 OK\r\n\r\n", b"ICY 200 OK\r\n\r\n", png()])
async def test_what_is_no_http_is_refused(said: bytes) -> None:
    await refused(Unreachable, said)


# ─── Slowness ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def dripping(start: bytes, drip: bytes) -> Callable[..., Any]:
    async def drips(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while True:
            writer.write(drip)
            await writer.drain()
            await asyncio.sleep(0.02)

    return drips


@pytest.mark.parametrize(
    "serve",
    [
        until_hung_up,
        dripping(b"", b"H"),
        dripping(b"HTTP/1.1 200 OK\r\nX-A: ", b"a"),
        dripping(b"HTTP/1.1 200 OK\r\n", b"X-A: a\r\n"),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        dripping(answer(TYPED, "Content-Length: 100000", length=False) + png(), b"\0"),
        dripping(CHUNKED + b"50\r\n", b"\0"),
        dripping(CHUNKED + b"50;", b"a"),
        dripping(answer(TYPED, length=False) + png(), b"\0"),
    ],
)
async def test_whoever_is_too_slow_is_given_up_in_time(serve: Callable[..., Any]) -> None:
    loop = asyncio.get_running_loop()
    async with server(serve) as there:
        began = loop.time()
        with pytest.raises(Unreachable, match="did not arrive within"):
            await fetcher(there, seconds=0.3).to_memory(there.url)
    assert loop.time() - began < 5


async def test_a_body_that_drips_is_given_up_before_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dustreel.fetch.exchange.SLOWNESS_FORGIVEN_SECONDS", 0.2)
    drips = dripping(answer(TYPED, "Content-Length: 100000", length=False) + png(), b"\0")
    assert "too slowly" in await refused(Unreachable, drips, options={"seconds": 30.0})


# ─── Cut connections ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("said", [b"", PICTURE[:9], PICTURE[:40], PICTURE[:-10], CHUNKED, CHUNKED + b"5\r\nab"])
@pytest.mark.parametrize("how", ["closed", "reset"])
async def test_a_cut_connection_is_told(said: bytes, how: str) -> None:
    async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        if how == "reset":
            writer.transport.abort()

    await refused(Unreachable, cut)
