"""Callers who are slow, wrong or hostile, byte by byte: each gets one right answer or the door, and nobody else notices.

Against a real `dustreel serve` where it can be; where it takes minutes or a packet's exact edges, against the same protocol alone.
"""

import asyncio
import contextlib
import functools
import gc
import json
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import uuid4
from weakref import WeakSet

import psycopg
import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from dustreel.base.db import Database
from dustreel.base.ids import RandomIds
from dustreel.base.settings import read_settings
from dustreel.base.vocabulary import Mode
from dustreel.callers import make_key
from dustreel.http import GuardedProtocol
from dustreel.http.body import JSON_AT_MOST, JSON_SECONDS
from dustreel.http.protocol import HEAD_AT_MOST, HEAD_SECONDS
from tests.conftest import eventually
from tests.e2e.served import Served, new_home, start, until_ready

PATIENCE_SECONDS = 60.0
STOPPING_SECONDS = 2
WISH = {"prompt": "A quiet harbour", "duration": "short", "resolution": "sd_480p", "aspect_ratio": "16:9"}
HELLO = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
BYE = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
# Whoever finds this in an answer has had a request read out of what another reader takes for a body.
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        code: str = json.loads(self.body).get("code", "")
        return code

    @property
    def told(self) -> tuple[int, str]:
        return self.status, self.code


class Line:
    """A connection on which every byte is chosen here."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        self._heard = b""

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def hear(self) -> Answer | None:
        """The next answer; None where the server has closed instead. A reset, or half an answer, fails."""
        while b"\r\n\r\n" not in self._heard:
            if not self._more():
                assert self._heard == b""
                return None
        head, _, self._heard = self._heard.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(self._heard) < length:
            assert self._more(), "half an answer"
        body, self._heard = self._heard[:length], self._heard[length:]
        return Answer(int(first.split()[1]), headers, body)

    def all(self) -> list[Answer]:
        """Every answer until the server closes."""
        return list(iter(self.hear, None))

    def _more(self) -> bytes:
        data = self.socket.recv(1 << 16)
        self._heard += data
        return data


@dataclass(frozen=True)
class Edge:
    """The service as a process of its own, and its database."""

    served: Served
    database_url: str

    def line(self) -> Line:
        return Line(self.served.port)

    def exchange(self, data: bytes) -> list[Answer]:
        """All of it said at once, and every answer until the server closes."""
        with self.line() as line:
            line.say(data)
            return line.all()

    def key(self) -> str:
        """Of a user who has nothing yet."""
        return asyncio.run(_new_key(self.database_url))


@pytest.fixture(scope="module")
def edge(template: str) -> Iterator[Edge]:
    with psycopg.connect(template, autocommit=True) as connection:
        connection.execute("create database edge template template_dustreel")
    url = psycopg.conninfo.make_conninfo(template, dbname="edge")
    with new_home() as home:
        running = start(home, "--no-worker", database_url=url)
        try:
            until_ready(running)
            yield Edge(running, url)
            assert "Traceback" not in running.output
        finally:
            running.process.terminate()
            running.process.wait(PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def key(edge: Edge) -> str:
    return edge.key()


def post(path: str, body: bytes, *headers: str) -> bytes:
    return head("POST", path, f"Content-Length: {len(body)}", *headers) + body


def head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", "Content-Type: application/json", *headers, "", ""]).encode("latin-1")


def bearer(key: str) -> str:
    return f"Authorization: Bearer {key}"


def get(*lines: bytes) -> bytes:
    return b"\r\n".join([b"GET /healthz HTTP/1.1", b"Host: x", *lines, b"", b""])


def with_body(*lines: bytes, body: bytes) -> bytes:
    return b"\r\n".join([b"POST /videos/generate HTTP/1.1", b"Host: x", *lines, b"", body])


def chunked(body: bytes) -> bytes:
    return with_body(b"Transfer-Encoding: chunked", body=body)


# What two readers might read differently, or no reader should.
MALFORMED: dict[str, bytes] = {
    "both lengths": with_body(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "both lengths, turned": with_body(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n" + SMUGGLED),
    "two lengths": with_body(b"Content-Length: 5", b"Content-Length: 50", body=b"hello" + SMUGGLED),
    "the same length twice": with_body(b"Content-Length: 5", b"Content-Length: 5", body=b"hello" + SMUGGLED),
    **{
        f"a length of {value!r}": with_body(b"Content-Length: " + value, body=b"hello" + SMUGGLED)
        for value in (b"+5", b"-5", b"0x5", b"", b"5 5", b"5, 5", b"5_0", b"1e1", b"18446744073709551621")
    },
    **{
        f"a coding of {value!r}": with_body(b"Transfer-Encoding: " + value, body=b"0\r\n\r\n" + SMUGGLED)
        for value in (
            b"xchunked",
            b"identity",
            b"chunked, identity",
            b"identity, chunked",
            b"gzip, chunked",
            b"chunked, chunked",
            b"chunked,",
            b",chunked",
            b"chun ked",
            b"chunked;q=1",
            b'"chunked"',
            b"chunked\t",
            b"\x0bchunked",
            b"",
        )
    },
    "two codings": with_body(b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "a coding with a space before its colon": with_body(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "a coding in HTTP/1.0": b"POST /healthz HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    **{
        f"a chunk's size of {value!r}": chunked(value + b"\r\nhello\r\n0\r\n\r\n" + SMUGGLED)
        for value in (b"0x5", b"+5", b"-5", b" 5", b"5 ", b"5\t", b"", b"1" + b"0" * 16, b"F" * 17, b"5;a\n", b"5;a\rb", b"5;\0", b"5;;")
    },
    "a chunk's size of who asked to be asked": with_body(
        b"Transfer-Encoding: chunked", b"Expect: 100-continue", body=b"5 \r\nhello\r\n0\r\n\r\n" + SMUGGLED
    ),
    "a chunk's size where no body is read": get(b"Transfer-Encoding: chunked") + b"5 \r\nhello\r\n0\r\n\r\n" + SMUGGLED,
    "a chunk's size that ends in LF": chunked(b"5\nhello\r\n0\r\n\r\n" + SMUGGLED),
    "a chunk that ends in LF": chunked(b"5\r\nhello\n0\r\n\r\n" + SMUGGLED),
    "a chunk that is longer than it says": chunked(b"5\r\nhello!!0\r\n\r\n" + SMUGGLED),
    "a last chunk that ends in LF": chunked(b"0\r\n\n" + SMUGGLED),
    "a length in a trailer": chunked(b"0\r\nContent-Length: 5\r\n\r\n" + SMUGGLED),
    "a folded header": get(b"Foo: a", b" b"),
    "a header folded by a tab": get(b"Foo: a", b"\tb"),
    "a folded length": with_body(b"Content-Length: 5", b" 0", body=b"hello" + SMUGGLED),
    "a first header with a space before it": b"GET /healthz HTTP/1.1\r\n Host: x\r\n\r\n",
    "a request line that ends in LF": HELLO.replace(b"1.1\r\n", b"1.1\n"),
    "a header that ends in LF": HELLO.replace(b"x\r\n", b"x\n"),
    "a header that ends in CR": get(b"Foo: a\rBar: b"),
    "a head that ends in LF": HELLO[:-2] + b"\n",
    **{f"a header's name of {name!r}": get(name + b": a") for name in (b"", b"F oo", b"F\0oo", b"F(oo", b"Foo ", b"F\xc3\xb6", b"Foo\t")},
    "a header without a colon": get(b"Foo"),
    **{f"a header's value of {value!r}": get(b"Foo: " + value) for value in (b"a\0b", b"a\x0bb", b"a\x7fb")},
    "a NUL in the address": HELLO.replace(b"healthz", b"health\0z"),
    "an address that is not ASCII": HELLO.replace(b"healthz", "größe".encode()),
    "a space in the address": HELLO.replace(b"healthz", b"health z"),
    "an address with a host that is none": HELLO.replace(b"/healthz", b"http://["),
    "an address with a host and no path": HELLO.replace(b"/healthz", b"http://x"),
    "an address that begins with two slashes, and no Host": b"GET //[ HTTP/1.1\r\n\r\n",
    "no address": b"GET HTTP/1.1\r\nHost: x\r\n\r\n",
    "no Host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two Hosts": get(b"Host: y"),
    "a Host that is none": b"GET /healthz HTTP/1.1\r\nHost: x/y?z\r\n\r\n",
    "a method that there is not": b"EAT /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method in small letters": b"get /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "a proxy's CONNECT": b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n" + SMUGGLED,
    "a proxy's CONNECT with a path": b"CONNECT http://x/healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 80\r\n\r\n" + SMUGGLED,
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    **{f"HTTP/{version}": HELLO.replace(b"1.1", version.encode()) for version in ("0.9", "1.2", "2.0", "11")},
    "HTTP/2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": bytes.fromhex("16030100f1010000ed0303") + bytes(range(200)),
    "noise": bytes(range(256)) * 8,
    "one header of more than may be": get(b"Foo: " + b"x" * HEAD_AT_MOST),
    "many headers of more than may be": get(*(b"Foo-%d: " % number + b"x" * 1_000 for number in range(40))),
    "ten thousand tiny headers": get(*([b"a:b"] * 10_000)),
    "an address of more than may be": HELLO.replace(b"healthz", b"healthz?" + b"x" * HEAD_AT_MOST),
}

# Without an end: refused when it is too much, whatever else is still to come, and read on for long enough that the answer is seen.
ENDLESS: dict[str, tuple[bytes, bytes]] = {
    "a header": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nFoo: ", b"x"),
    "a header's name": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"x"),
    "headers": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"Foo: bar\r\n"),
    "an address": (b"GET /", b"x"),
    "empty lines": (b"", b"\r\n"),
    "a chunk's extension": (chunked(b"5;a="), b"x"),
    "a chunk's size": (chunked(b"0"), b"0"),
    "a trailer": (chunked(b"0\r\nFoo: "), b"x"),
    "trailers": (chunked(b"0\r\n"), b"Foo: bar\r\n"),
}


class TestMalformed:
    @pytest.mark.parametrize("name", MALFORMED)
    def test_what_is_no_http_is_refused_once_and_the_connection_ends(self, edge: Edge, name: str) -> None:
        (answer,) = edge.exchange(MALFORMED[name])
        self._is_the_refusal(answer)

    @pytest.mark.parametrize("name", ENDLESS)
    def test_what_never_ends_is_refused_though_more_is_coming(self, edge: Edge, name: str) -> None:
        beginning, rest = ENDLESS[name]
        with edge.line() as line:
            line.say(beginning)
            for _ in range(16):
                line.say(rest * (64 << 10))
            (answer,) = line.all()
        self._is_the_refusal(answer)

    def test_a_head_just_below_the_limit_is_read(self, edge: Edge) -> None:
        with edge.line() as line:
            line.say(get(b"Foo: " + b"x" * (HEAD_AT_MOST - 100)) + get(*(b"Foo-%d: bar" % number for number in range(1_000))) + BYE)
            assert [answer.status for answer in line.all()] == [200, 200, 200]

    def test_what_follows_is_thrown_away(self, edge: Edge) -> None:
        with edge.line() as line:
            for packet in (b"NOISE\r\n\r\n", SMUGGLED, b"NOISE\r\n\r\n", HELLO):
                line.say(packet)
                time.sleep(0.02)
            (answer,) = line.all()
        self._is_the_refusal(answer)

    def test_it_is_refused_in_its_turn(self, edge: Edge) -> None:
        first, second, refusal = edge.exchange(HELLO + HELLO + b"NOISE\r\n\r\n" + SMUGGLED)
        assert (first.status, second.status) == (200, 200)
        self._is_the_refusal(refusal)

    def _is_the_refusal(self, answer: Answer) -> None:
        assert answer.told == (400, "malformed_request")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["connection"] == "close"
        body = json.loads(answer.body)
        assert set(body) == {"type", "title", "status", "detail", "instance", "success", "error", "code", "request_id"}
        assert (body["success"], body["error"]) == (False, body["detail"])
        assert "callback" not in body["detail"]
        assert body["request_id"] == answer.headers["x-request-id"]


class TestOneBoundary:
    """Where a request ends is read in the one way of RFC 9112."""

    def test_requests_without_waiting_are_answered_in_order(self, edge: Edge) -> None:
        answers = edge.exchange(HELLO + get(b"Foo: bar").replace(b"/healthz", b"/nowhere") + HELLO + BYE)
        assert [answer.status for answer in answers] == [200, 404, 200, 200]

    @pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "OPTIONS"])
    def test_a_body_is_a_body_whatever_the_method(self, edge: Edge, method: str) -> None:
        request = head(method, "/nowhere", f"Content-Length: {len(SMUGGLED)}") + SMUGGLED
        with edge.line() as line:
            line.say(request + BYE)
            data = b"".join(iter(lambda: line.socket.recv(1 << 16), b""))
        assert data.count(b"HTTP/1.1 ") == 2 and b"smuggled" not in data

    def test_nothing_is_read_after_the_last_request(self, edge: Edge) -> None:
        for last in (BYE, b"GET /healthz HTTP/1.0\r\n\r\n", b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"):
            (answer,) = edge.exchange(last + SMUGGLED)
            assert (answer.status, answer.headers["connection"]) == (200, "close")

    def test_what_is_more_than_the_length_is_another_request(self, edge: Edge, key: str) -> None:
        first, second = edge.exchange(head("POST", "/videos/generate", bearer(key), "Content-Length: 5") + b"hello, world")
        assert [first.told, second.told] == [(400, "malformed_json"), (400, "malformed_request")]

    @pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.3"])
    def test_who_wants_another_protocol_is_answered_in_this_one(self, edge: Edge, key: str, protocol: str) -> None:
        body, wish = json.dumps(WISH).encode(), [f"Upgrade: {protocol}", "Connection: Upgrade, HTTP2-Settings"]
        first, second, third = edge.exchange(post("/videos/generate", body, bearer(key), *wish) + head("GET", "/healthz", *wish) + BYE)
        assert [first.status, second.status, third.status] == [202, 200, 200]

    def test_its_body_is_never_a_request(self, edge: Edge, key: str) -> None:
        upgrade = ["Upgrade: h2c", "Connection: Upgrade", bearer(key)]
        for framing, body in (
            (f"Content-Length: {len(SMUGGLED)}", SMUGGLED),
            ("Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)),
        ):
            with edge.line() as line:
                line.say(head("POST", "/videos/generate", framing, *upgrade))
                time.sleep(0.05)  # so that the body is a packet of its own
                line.say(body + BYE)
                assert [answer.told for answer in line.all()] == [(400, "malformed_json"), (200, "")]

    def test_its_body_may_be_malformed_as_any_other(self, edge: Edge) -> None:
        upgrade = head("POST", "/videos/generate", "Transfer-Encoding: chunked", "Upgrade: h2c", "Connection: Upgrade")
        (answer,) = edge.exchange(upgrade + b"5 \r\nhello\r\n0\r\n\r\n" + SMUGGLED)
        assert answer.told == (400, "malformed_request")
        assert json.loads(answer.body)["instance"] == "/videos/generate"

    def test_a_trailer_is_no_header(self, edge: Edge, key: str) -> None:
        body = json.dumps(WISH).encode()
        request = head("POST", "/videos/generate", "Transfer-Encoding: chunked", "Connection: close")
        chunks = b"%x;note=x\r\n%b\r\n0\r\n" % (len(body), body)
        (answer,) = edge.exchange(request + chunks + f"{bearer(key)}\r\n\r\n".encode())
        assert answer.told == (401, "unauthenticated")

    def test_chunks_are_joined(self, edge: Edge, key: str) -> None:
        body = json.dumps(WISH).encode()
        request = head("POST", "/videos/generate", bearer(key), "Transfer-Encoding: chunked", "Connection: close")
        (answer,) = edge.exchange(request + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n")
        assert answer.status == 202


class TestBodies:
    def test_a_body_may_have_256_kib_and_no_byte_more(self, edge: Edge, key: str) -> None:
        body = json.dumps(WISH).encode().ljust(JSON_AT_MOST)
        with edge.line() as line:
            line.say(post("/videos/generate", body, bearer(key)))
            assert (answer := line.hear()) and answer.status == 202
            line.say(post("/videos/generate", body + b" ", bearer(key)))
            (answer,) = line.all()
        assert (answer.told, answer.headers["connection"]) == ((413, "payload_too_large"), "close")

    def test_a_body_that_says_it_is_too_large_is_not_asked_for(self, edge: Edge, key: str) -> None:
        asked = ["Expect: 100-continue", bearer(key)]
        with edge.line() as line:
            line.say(head("POST", "/videos/generate", f"Content-Length: {JSON_AT_MOST + 1}", *asked))
            (answer,) = line.all()
        assert (answer.told, answer.headers["connection"]) == ((413, "payload_too_large"), "close")
        body = json.dumps(WISH).encode()
        with edge.line() as line:
            line.say(head("POST", "/videos/generate", f"Content-Length: {len(body)}", *asked))
            assert (goes_on := line.hear()) and goes_on.status == 100
            line.say(body)
            assert (accepted := line.hear()) and accepted.status == 202

    def test_a_client_of_http_1_0_is_not_told_to_go_on(self, edge: Edge, key: str) -> None:
        body = json.dumps(WISH).encode()
        request = head("POST", "/videos/generate", bearer(key), f"Content-Length: {len(body)}", "Expect: 100-continue")
        (answer,) = edge.exchange(request.replace(b"HTTP/1.1", b"HTTP/1.0") + body)
        assert answer.status == 202

    @pytest.mark.parametrize(
        ("path", "framing", "status"),
        [
            ("/videos/generate", "Content-Length: 8388608", 413),
            ("/videos/generate", "Transfer-Encoding: chunked", 413),
            ("/uploads", "Content-Length: 8388608", 401),
            ("/uploads", "Content-Length: 88388608", 413),
            ("/nowhere", "Content-Length: 8388608", 404),
            ("/me", "Transfer-Encoding: chunked", 405),
        ],
    )
    def test_who_is_answered_while_still_sending_can_read_the_answer(self, edge: Edge, path: str, framing: str, status: int) -> None:
        chunk = bytes(1 << 16)
        with edge.line() as line:
            line.say(head("POST", path, framing))
            for _ in range(128):
                line.say(b"10000\r\n%b\r\n" % chunk if "chunked" in framing else chunk)
            (answer,) = line.all()
        assert (answer.status, answer.headers["connection"]) == (status, "close")

    @pytest.mark.parametrize(
        "body",
        [
            b"[" * 100_000,
            b"[" * 100_000 + b"]" * 100_000,
            b'{"a":' * 50_000,
            b'{"prompt":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        ],
    )
    def test_what_is_nested_too_deeply_is_no_json(self, edge: Edge, key: str, body: bytes) -> None:
        (answer,) = edge.exchange(post("/videos/generate", body, bearer(key), "Connection: close"))
        assert answer.told == (400, "malformed_json")

    @pytest.mark.parametrize("deep", [100, 500, 900, 1_500, 3_000])
    def test_what_is_nested_less_deeply_is_a_wrong_field(self, edge: Edge, key: str, deep: int) -> None:
        for field in ("prompt", "reference_person", "colour"):
            value = b"[" * deep + b"]" * deep
            (answer,) = edge.exchange(post("/videos/generate", b'{"%b": %b}' % (field.encode(), value), bearer(key), "Connection: close"))
            assert answer.told in ((400, "malformed_json"), (422, "validation_error"))

    @pytest.mark.parametrize("name", [r"\ud83d", r"\u0000", r"\ud83d\ud83d"])
    def test_a_fields_name_of_odd_characters_is_told(self, edge: Edge, key: str, name: str) -> None:
        for body in (f'{{"{name}": 1}}', f'{{"{name}": 1, "{name}": 2}}', f'{{"reference_person": {{"{name}": 1}}}}'):
            (answer,) = edge.exchange(post("/videos/generate", body.encode(), bearer(key), "Connection: close"))
            assert answer.told in ((400, "malformed_json"), (422, "validation_error"))

    def test_a_length_of_five_thousand_digits_is_none(self, edge: Edge, key: str) -> None:
        length = f"Content-Length: {'0' * 5_000}5"
        (answer,) = edge.exchange(head("POST", "/videos/generate", bearer(key), length, "Connection: close") + b"hello")
        assert answer.told == (400, "malformed_request")

    def test_who_leaves_before_the_end_has_asked_for_nothing(self, edge: Edge) -> None:
        key, body = edge.key(), json.dumps(WISH).encode()
        for end in (socket.SHUT_WR, socket.SHUT_RDWR):
            with edge.line() as line:
                line.say(post("/videos/generate", body, bearer(key))[:-1])
                line.socket.shutdown(end)
        with edge.line() as line:
            line.say(head("GET", "/videos/jobs", bearer(key)))
            answer = line.hear()
        assert answer is not None and json.loads(answer.body)["jobs"] == []


class TestSlowCallers:
    def test_each_slow_caller_is_shown_the_door_in_time_and_no_other(self, edge: Edge, key: str) -> None:
        """A head has 10 seconds, and so has a body: whether nothing more comes, or a byte now and then."""
        body = json.dumps(WISH).encode()
        announced, drip = head("POST", "/videos/generate", bearer(key), f"Content-Length: {len(body)}"), b"x" * 100
        callers: dict[str, tuple[bytes, bytes]] = {
            "says nothing": (b"", b""),
            "half a request line": (b"GET /heal", b""),
            "half a head": (HELLO[:-10], b""),
            "a head, drop by drop": (HELLO[:-2] + b"Foo: ", drip),
            "empty lines now and then": (b"", b"\r\n" * 50),
            "half a second head": (HELLO + HELLO[:20], b""),
            "no body": (announced, b""),
            "no body though it was asked for": (announced[:-2] + b"Expect: 100-continue\r\n\r\n", b""),
            "a body that falls short": (announced + body[:-1], b""),
            "a body, drop by drop": (announced, b" " * 100),
            "a chunk, drop by drop": (head("POST", "/videos/generate", "Transfer-Encoding: chunked") + b"fff\r\n", drip),
            "a chunk's extension, drop by drop": (head("POST", "/videos/generate", "Transfer-Encoding: chunked") + b"5;a=", drip),
        }
        closed_without_a_word = {"says nothing"}
        with contextlib.ExitStack() as stack:
            idle = stack.enter_context(edge.line())
            idle.say(HELLO)
            assert (first := idle.hear()) and first.status == 200
            lines = {name: stack.enter_context(edge.line()) for name in callers}
            began = time.monotonic()
            for name, line in lines.items():
                line.say(callers[name][0])
            ended = _ends(lines, {name: dripping for name, (_, dripping) in callers.items()}, began)
            for name, (seconds, answers) in ended.items():
                told = [answer.told for answer in answers if answer.status not in (100, 200)]
                assert told == ([] if name in closed_without_a_word else [(408, "request_timeout")]), name
                assert all(answer.headers["connection"] == "close" for answer in answers if answer.status == 408), name
                assert min(HEAD_SECONDS, JSON_SECONDS) - 1 < seconds < max(HEAD_SECONDS, JSON_SECONDS) + 4, (name, seconds)
            idle.say(HELLO)  # between requests one may take longer than that
            assert (second := idle.hear()) and second.status == 200

    def test_two_hundred_who_say_nothing_keep_nobody_waiting(self, edge: Edge) -> None:
        with contextlib.ExitStack() as stack:
            for number in range(200):
                stack.enter_context(edge.line()).say((b"", HELLO[:20], head("POST", "/videos/generate", "Content-Length: 9"))[number % 3])
            began = time.monotonic()
            assert [answer.status for answer in edge.exchange(HELLO * 20 + BYE)] == [200] * 21
            assert time.monotonic() - began < 5


class TestLimits:
    """As they are when nobody has set any."""

    def test_fifty_with_one_key_at_once_are_answered_the_same_bytes(self, edge: Edge) -> None:
        key = edge.key()
        request = post("/videos/generate", json.dumps(WISH).encode(), bearer(key), "Idempotency-Key: 50", "Connection: close")
        answers = _at_once(edge, [request] * 50)
        assert {answer.status for answer in answers} == {202}
        assert len({answer.body for answer in answers}) == 1
        assert _held(edge, key) == 10

    def test_twenty_live_jobs_whatever_races(self, edge: Edge) -> None:
        key = edge.key()
        answers = _at_once(edge, [post("/videos/generate", json.dumps(WISH).encode(), bearer(key), "Connection: close")] * 30)
        assert sorted(answer.status for answer in answers) == [202] * 20 + [429] * 10
        late = [answer for answer in answers if answer.status == 429]
        assert {answer.code for answer in late} == {"too_many_active_jobs"}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in late)
        assert _held(edge, key) == 200

    def test_a_hundred_and_twenty_submits_a_minute(self, edge: Edge) -> None:
        key = edge.key()
        answers = _in_batches(edge, post("/videos/generate", json.dumps(WISH).encode(), bearer(key)), 130)
        assert [answer.code for answer in answers[:120]] == [""] * 20 + ["too_many_active_jobs"] * 100
        late = answers[-1]
        assert late.told == (429, "rate_limited")
        assert 0 < int(late.headers["retry-after"]) <= 60
        assert late.headers["ratelimit-policy"] == '"default";q=120;w=60'
        assert late.headers["ratelimit"].startswith('"default";r=0;t=')
        assert _held(edge, key) == 200

    def test_what_is_not_set_is_what_was_promised(self) -> None:
        unset = read_settings({})
        assert (unset.rate_limit, unset.submit_limit, unset.max_active_jobs) == ("1200/minute", "120/minute", 20)


# ─── The protocol alone ─────────────────────────────────────────────────────────────────────────────────────────────────


class Hasty(GuardedProtocol):
    """With limits that a test can wait for."""

    head_seconds, parting_seconds, stalled_seconds, pipelined_at_most = 0.3, 0.5, 0.5, 10
    alive: ClassVar[WeakSet["Hasty"]] = WeakSet()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.alive.add(self)


def on_uvloop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """The loop that serves is the one to be sure of."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        async def tested() -> None:
            await test(*arguments, **named)

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(tested())

    return run


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    names = sorted(name.decode() for name, _ in scope["headers"])
    await _send(send, json.dumps([scope["method"], scope["path"], names, body.decode()]).encode())


async def _send(send: Any, body: bytes, *, status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


@dataclass(frozen=True)
class Answering:
    server: uvicorn.Server
    listener: socket.socket
    port: int

    async def stop(self) -> None:
        await self.server.shutdown([self.listener])


@asynccontextmanager
async def answering(app: Any, protocol: type[GuardedProtocol] = Hasty) -> AsyncIterator[Answering]:
    """The protocol on a port, answering by `app`."""
    config = uvicorn.Config(
        app, http=protocol, ws="none", lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=STOPPING_SECONDS
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    Hasty.alive.clear()  # a test that has ended may have left some to the collector
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        await server.startup([listener])
        running = Answering(server, listener, listener.getsockname()[1])
        try:
            yield running
        finally:
            await running.stop()


class TestTurns:
    @on_uvloop
    async def test_an_answer_under_way_is_not_cut_by_the_next_head_that_comes_slowly(self) -> None:
        async def streams(scope: dict[str, Any], receive: Any, send: Any) -> None:
            if scope["path"] == "/slow":
                await asyncio.sleep(1.0)
            await _send(send, scope["path"].encode())

        async with answering(streams) as running:
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(get().replace(b"/healthz", b"/slow") + HELLO[:12])
            assert (await _answer(reader)).endswith(b"/slow")
            writer.write(HELLO[12:])
            assert (await _answer(reader)).endswith(b"/healthz")
            writer.write(HELLO[:12])
            late = await reader.read()
            assert late.startswith(b"HTTP/1.1 408 ")
            writer.close()

    @on_uvloop
    async def test_between_requests_a_caller_may_take_its_time(self) -> None:
        async with answering(echo) as running:
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            for rest in (b"0\r\n\r\n", b"5\r\nhello\r\n0\r\nFoo: bar\r\n\r\n"):
                writer.write(head("POST", "/", "Transfer-Encoding: chunked"))
                await asyncio.sleep(0.05)
                writer.write(rest)
                assert (await _answer(reader)).startswith(b"HTTP/1.1 200 ")
                await asyncio.sleep(2 * Hasty.head_seconds)
            writer.close()

    @on_uvloop
    async def test_a_refusal_waits_for_the_answers_before_it(self) -> None:
        async def streams(scope: dict[str, Any], receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
            for _ in range(10):
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
                await asyncio.sleep(0.01)
            await send({"type": "http.response.body", "body": b""})

        async with answering(streams) as running:
            for broken in (b"NOISE\r\n\r\n", chunked(b"nonsense"), get(b"Foo: " + b"x" * HEAD_AT_MOST)):
                reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
                writer.write(HELLO + HELLO + broken + SMUGGLED)
                said = await reader.read()
                first, second, refusal = said.split(b"HTTP/1.1 ")[1:]
                assert first.endswith(b"\r\n\r\n" + b"x" * 10) and second.endswith(b"\r\n\r\n" + b"x" * 10)
                assert refusal.startswith(b"400 ") and b"smuggled" not in said
                writer.close()

    @on_uvloop
    async def test_too_many_requests_without_waiting_are_refused_after_the_first(self) -> None:
        async with answering(echo) as running:
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(HELLO * 1_000)
            said = await reader.read()
            assert said.count(b"HTTP/1.1 200 ") in range(10, 1_000)
            assert said.count(b"HTTP/1.1 400 ") == 1 and b"without waiting" in said.rpartition(b"HTTP/1.1 ")[2]
            writer.close()

    @on_uvloop
    async def test_the_application_is_told_that_its_caller_left_though_another_request_waits(self) -> None:
        told = asyncio.Event()

        async def waits(scope: dict[str, Any], receive: Any, send: Any) -> None:
            await _hung_up(receive)
            told.set()

        async with answering(waits) as running:
            _, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(HELLO + HELLO)
            await asyncio.sleep(0.1)
            _reset(writer)
            async with asyncio.timeout(5):
                await told.wait()


class TestEnds:
    @on_uvloop
    async def test_who_does_not_read_the_answer_is_let_go(self) -> None:
        async def endless(scope: dict[str, Any], receive: Any, send: Any) -> None:
            gone = asyncio.ensure_future(_hung_up(receive))
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while not gone.done():
                await send({"type": "http.response.body", "body": bytes(1 << 16), "more_body": True})
                await asyncio.sleep(0)

        async with answering(endless) as running:
            with Line(running.port) as line:
                line.say(HELLO)
                await _somebody_there()
                await _nobody_left()

    @on_uvloop
    async def test_who_goes_on_sending_what_was_refused_is_let_go(self) -> None:
        async def refuses(scope: dict[str, Any], receive: Any, send: Any) -> None:
            await _send(send, b"no", status=413)

        async with answering(refuses) as running:
            with Line(running.port) as line:
                line.say(head("POST", "/", "Content-Length: 1000000000"))
                began = time.monotonic()
                while time.monotonic() - began < 5:
                    try:
                        line.say(bytes(1_000))
                    except ConnectionError:
                        break
                    await asyncio.sleep(0.01)
                assert 0.4 < time.monotonic() - began < 4
                await _nobody_left()

    @pytest.mark.parametrize("more", [HELLO + HELLO, HELLO + HELLO[:12]])
    @on_uvloop
    async def test_who_sent_more_than_is_answered_can_read_what_is(self, more: bytes) -> None:
        async def says_goodbye(scope: dict[str, Any], receive: Any, send: Any) -> None:
            await asyncio.sleep(0.05)
            await send({"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"2"), (b"connection", b"close")]})
            await send({"type": "http.response.body", "body": b"no"})

        async with answering(says_goodbye) as running:
            with Line(running.port) as line:
                line.say(more)
                for _ in range(4):
                    await asyncio.sleep(0.05)
                    line.say(HELLO)
                (answer,) = await asyncio.to_thread(line.all)
                assert (answer.status, answer.body) == (503, b"no")

    @on_uvloop
    async def test_a_server_that_stops_waits_for_nobody_who_is_refused(self) -> None:
        class Patient(Hasty):
            parting_seconds = PATIENCE_SECONDS

        async with answering(echo, Patient) as running:
            with Line(running.port) as line:
                line.say(chunked(b"NOISE\r\n"))
                refusal = await asyncio.to_thread(line.hear)
                assert refusal is not None and refusal.status == 400
                began = time.monotonic()
                await running.stop()
                assert time.monotonic() - began < STOPPING_SECONDS

    @on_uvloop
    async def test_a_server_that_stops_says_so_to_whom_it_answers_last(self) -> None:
        async with answering(echo) as running:
            with Line(running.port) as line:
                line.say(post("/", b"hello")[:-1])
                await _somebody_there()
                await asyncio.sleep(0.05)
                stopping = asyncio.ensure_future(running.stop())
                await asyncio.sleep(0.05)
                line.say(b"o")
                (answer,) = await asyncio.to_thread(line.all)
                assert (answer.status, answer.headers["connection"]) == (200, "close")
                await stopping

    @pytest.mark.parametrize("how", ["close", "reset", "half a head", "half a body", "refused", "unanswered"])
    @on_uvloop
    async def test_nothing_is_left_of_a_connection_that_has_ended(self, how: str) -> None:
        """A timer would hold it: those of uvicorn's idle connections for five seconds, in the product for seventy-five."""
        said = {"half a head": HELLO + HELLO[:9], "half a body": post("/", b"hello")[:-1], "refused": b"NOISE\r\n\r\n", "unanswered": b""}
        async with answering(echo) as running:
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(said.get(how, HELLO))
            await _somebody_there()
            if how not in ("half a body", "unanswered"):
                await _answer(reader)
            if how == "reset":
                _reset(writer)
            else:
                writer.close()
            await _nobody_left()


WISHES = ["Upgrade: h2c", "Connection: Upgrade"]
STREAM = [
    (post("/one", b"hello"), ["POST", "/one", ["content-length", "content-type", "host"], "hello"]),
    (
        head("POST", "/two", "Transfer-Encoding: chunked") + b"3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nFoo: bar\r\n\r\n",
        ["POST", "/two", ["content-type", "host", "transfer-encoding"], "hello"],
    ),
    (
        post("/three", SMUGGLED, *WISHES),
        ["POST", "/three", ["connection", "content-length", "content-type", "host", "upgrade"], SMUGGLED.decode()],
    ),
    (
        head("PUT", "/four", "Transfer-Encoding: chunked", *WISHES) + b"5\r\nhello\r\n0\r\n\r\n",
        ["PUT", "/four", ["connection", "content-type", "host", "transfer-encoding", "upgrade"], "hello"],
    ),
    (head("GET", "/five", *WISHES), ["GET", "/five", ["connection", "content-type", "host", "upgrade"], ""]),
    (b"\r\n" + HELLO, ["GET", "/healthz", ["host"], ""]),
]


class TestPackets:
    @on_uvloop
    async def test_requests_are_the_same_wherever_a_packet_ends(self) -> None:
        data = b"".join(request for request, _ in STREAM)
        whole = [json.dumps(seen).encode() for _, seen in STREAM]
        for cut in range(len(data)):
            assert await self._answers([data[:cut], data[cut:]]) == whole, cut
        assert await self._answers([data[at : at + 1] for at in range(len(data))]) == whole

    @on_uvloop
    async def test_a_large_body_is_not_counted_as_the_next_head(self) -> None:
        body = b"x" * (HEAD_AT_MOST * 3)
        request = post("/", body)
        seen = json.dumps(["POST", "/", ["content-length", "content-type", "host"], body.decode()]).encode()
        for cut in (100, 5_000, len(request) - 1, len(request) + 10, len(request) + HEAD_AT_MOST):
            data = request * 3
            assert await self._answers([data[:cut], data[cut:]]) == [seen] * 3

    @on_uvloop
    async def test_a_head_and_what_frames_its_body_are_counted_apart(self) -> None:
        much = "x" * (HEAD_AT_MOST - 200)
        packets = [head("POST", "/", "Transfer-Encoding: chunked", f"Foo: {much}"), f"5;a={much}\r\n".encode(), b"hello\r\n", b"0\r\n\r\n"]
        (answer,) = await self._answers(packets)
        assert json.loads(answer)[3] == "hello"

    async def _answers(self, packets: list[bytes]) -> list[bytes]:
        config = uvicorn.Config(echo, http=Hasty, ws="none", lifespan="off", log_config=None, access_log=False)
        config.load()
        transport = _Recorder()
        protocol = Hasty(config, ServerState(), {})
        protocol.connection_made(transport)
        for packet in packets:
            protocol.data_received(packet)
            await asyncio.sleep(0)
        for _ in range(1_000):
            if transport.data.count(b"HTTP/1.1 ") >= len(STREAM) and not protocol.pipeline:
                break
            await asyncio.sleep(0)
        protocol.connection_lost(None)
        return [answer.partition(b"\r\n\r\n")[2] for answer in transport.data.split(b"HTTP/1.1 200 OK\r\n")[1:]]


class _Recorder(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.data = b""

    def write(self, data: Any) -> None:
        self.data += data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


# ─── Helpers ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _new_key(database_url: str) -> str:
    database = Database(database_url, max_size=2)
    await database.open()
    async with database.transaction() as db:
        _, secret = await make_key(db, RandomIds(), uuid4(), mode=Mode.TEST)
    await database.close()
    return secret


def _ends(lines: dict[str, Line], drips: dict[str, bytes], began: float) -> dict[str, tuple[float, list[Answer]]]:
    """How each connection ended, and after how many seconds; a drop is sent on each that has some every half second."""
    ended: dict[str, tuple[float, list[Answer]]] = {}

    def follow(name: str) -> None:
        answers = lines[name].all()
        ended[name] = time.monotonic() - began, answers

    readers = [threading.Thread(target=follow, args=(name,), daemon=True) for name in lines]
    for reader in readers:
        reader.start()
    for tick in range(int(2 * PATIENCE_SECONDS)):
        if len(ended) == len(lines):
            break
        for name, line in lines.items():
            drop = drips[name][tick : tick + 1]
            if drop and name not in ended:
                with contextlib.suppress(OSError):
                    line.say(drop)
        time.sleep(0.5)
    assert set(ended) == set(lines)
    return ended


def _at_once(edge: Edge, requests: list[bytes]) -> list[Answer]:
    """Each on a connection of its own, all sent before any answer is read."""
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(edge.line()) for _ in requests]
        for line, request in zip(lines, requests, strict=True):
            line.say(request)
        answers = [line.hear() for line in lines]
    return [answer for answer in answers if answer is not None]


def _in_batches(edge: Edge, request: bytes, count: int, batch: int = 50) -> list[Answer]:
    """One after the other on one connection, sent fifty at a time."""
    answers: list[Answer | None] = []
    with edge.line() as line:
        while len(answers) < count:
            size = min(batch, count - len(answers))
            line.say(request * size)
            answers += [line.hear() for _ in range(size)]
    return [answer for answer in answers if answer is not None]


def _held(edge: Edge, key: str) -> int:
    with edge.line() as line:
        line.say(head("GET", "/me", bearer(key)))
        answer = line.hear()
    assert answer is not None
    held: int = json.loads(answer.body)["dust"]["held"]
    return held


async def _hung_up(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """One answer that has a Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head + await reader.readexactly(length)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _somebody_there() -> None:
    async def come() -> bool:
        return bool(Hasty.alive)

    await eventually(come, "the connection to be made")


async def _nobody_left() -> None:
    async def gone() -> bool:
        return not Hasty.alive

    began = time.monotonic()
    gc.disable()  # what needs a collector is left over too
    try:
        await eventually(gone, "the connection to be forgotten")
    finally:
        gc.enable()
    assert time.monotonic() - began < 4
