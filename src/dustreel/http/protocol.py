"""The connection itself: what is HTTP and what is not, how large and how slow it may be, and how to part so that the answer is read.

uvicorn has no limit for a request's head, reads past an Upgrade wrongly, answers out of turn what it can't parse, and closes before a
refused body has come to its end. A proxy in front may mend some of it, and nobody must need one. Parsing is llhttp's, strict.
"""

import asyncio
import random
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

import httptools
from starlette.requests import Request
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from dustreel.base.errors import DomainError
from dustreel.base.log import logger
from dustreel.http.asked import MalformedRequest, RequestTimeout
from dustreel.http.failures import problem

log = logger(__name__)

# A request line and headers of a browser with many cookies are a quarter of this.
HEAD_AT_MOST = 32 << 10
# A head is one packet or two; what takes longer holds a connection for its own sake.
HEAD_SECONDS = 10.0
# Whoever was answered before all of the body had come gets this long to finish sending and read (RFC 9112, section 9.6).
PARTING_SECONDS = 10.0
# A caller that reads less than a buffer of its answer in this time has left, or stalls. A paused video player is one too, and asks
# again from where it stopped: nginx has the same limit.
STALLED_SECONDS = 60.0
# Requests sent without waiting for the answer: each of them costs a hundred times its bytes, and clients that do so stop at a dozen.
PIPELINED_AT_MOST = 100
# A chunk of one byte takes five more. What frames a body may be that much of it, and the size of a head besides.
FRAME_OF_A_BYTE = 6

_HOST = re.compile(rb"(\[[0-9A-Za-z:.%]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(:[0-9]*)?")


class GuardedProtocol(HttpToolsProtocol):
    """HTTP/1.1 for strangers. The class's values are its limits; a subclass may have others."""

    head_at_most, pipelined_at_most = HEAD_AT_MOST, PIPELINED_AT_MOST
    head_seconds, parting_seconds, stalled_seconds = HEAD_SECONDS, PARTING_SECONDS, STALLED_SECONDS

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.url = b""
        self._loose = 0
        """Bytes since the last head or body that belong to neither: a head under way, or what frames a body."""
        self._in_body = False
        self._replaying = False
        self._keeps_alive = False
        """Whether the connection outlives the answer to the message under way, once all of that has come."""
        self._answering: RequestResponseCycle | None = None
        self._deaf = False
        """What still comes is thrown away."""
        self._parting = False
        self._last_word: DomainError | None = None
        """To be told when the earlier requests have been answered."""
        self._patience: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    # ─── From the transport ─────────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._exit = _Exit(transport, self._leave)
        self._patience = self.loop.call_later(self.head_seconds, self._lose_patience)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._patience, self._stalled, self.timeout_keep_alive_task):
            if timer is not None:
                timer.cancel()
        if self._answering is not None:
            _hang_up(self._answering)  # uvicorn tells the newest request only, which may still wait for its turn
        self._exit.close = self.transport.close  # otherwise request and connection would hold each other
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        self._loose += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as wrong:
            self._refuse(_told(wrong))
        if self._loose > 0:
            self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(self.stalled_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def shutdown(self) -> None:
        self._keeps_alive = False
        if self._parting:
            self.transport.close()
        else:
            super().shutdown()

    # ─── From the parser ────────────────────────────────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        if self._replaying:
            return
        super().on_message_begin()
        self._loose += 1  # so that its clock runs, should nothing else of this packet have been counted

    def on_headers_complete(self) -> None:
        if self._replaying:
            return
        self._check_head()
        super().on_headers_complete()
        self.headers = []  # trailers end up here: they are no headers (RFC 9110, section 6.5.1)
        self._loose, self._in_body = 0, True
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        cycle = self.cycle
        cycle.transport = cast(asyncio.Transport, self._exit)
        # Whoever is answered sooner than all of the body has come is told that the connection ends.
        self._keeps_alive, cycle.keep_alive = cycle.keep_alive, False

    def on_body(self, body: bytes) -> None:
        self._loose = max(0, self._loose - FRAME_OF_A_BYTE * len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # the parser takes what follows for another protocol; see _ignore_upgrade
        self._loose, self._in_body = 0, False
        if not self.cycle.response_started:
            self.cycle.keep_alive = self._keeps_alive
        super().on_message_complete()

    # ─── From the application ───────────────────────────────────────────────────────────────────────────────────────────

    def on_response_complete(self) -> None:
        if self._parting:
            return
        if self._last_word is not None and not self.pipeline:
            self._say(self._last_word)
            return
        super().on_response_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    # ─── Reading ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade()
            self._feed(data[upgrade.args[0] :])

    def _ignore_upgrade(self) -> None:
        """Go on in HTTP/1.1, as a server may that does not want to upgrade (RFC 9110, section 7.8): a body is a body.

        Java's own client asks for HTTP/2 in its first request whatever that is, a POST too. The parser can't be told to ignore it; a new
        one that has read no more than how the message ends can go on.
        """
        framing = [f for f in self.scope["headers"] if f[0] in (b"content-length", b"transfer-encoding", b"connection")]
        url, self._replaying = self.url, True
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(b"%b: %b\r\n" % field for field in framing))
        self.url, self._replaying = url, False

    def _check_head(self) -> None:
        """Raises MalformedRequest for what llhttp lets through and RFC 9112 doesn't, or what two readers might read differently."""
        version = self.parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise MalformedRequest("This server speaks HTTP/1.1.")
        size, hosts = len(self.url), 0
        for name, value in self.headers:
            size += len(name) + len(value) + 4
            if name == b"host":
                hosts += 1
                if not _is_host(value):
                    raise MalformedRequest("The Host is none.")
            elif name == b"transfer-encoding" and (version == "1.0" or value.strip().lower() != b"chunked"):
                raise MalformedRequest("The only Transfer-Encoding that is understood is chunked, in HTTP/1.1.")
        if size > self.head_at_most:
            raise self._too_large()
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            raise MalformedRequest("A request has one Host.")
        if self.parser.should_upgrade() and self.parser.get_method() == b"CONNECT":
            raise MalformedRequest("This server is no proxy.")
        if len(self.pipeline) >= self.pipelined_at_most:
            raise MalformedRequest("Too many requests were sent without waiting for an answer.")
        if version == "1.0":
            self.expect_100_continue = False  # such a client doesn't know the answer (RFC 9110, section 10.1.1)

    def _watch(self) -> None:
        """There are bytes of a head, or of what frames a body: too many, or for too long?"""
        if self._deaf:
            return
        if self._loose > self.head_at_most:
            self._refuse(self._too_large())
        elif not self._in_body and self._patience is None:
            self._patience = self.loop.call_later(self.head_seconds, self._lose_patience)

    def _lose_patience(self) -> None:
        if self._answering is not None and not self._answering.response_complete:
            self._patience = self.loop.call_later(self.head_seconds, self._lose_patience)  # its turn hasn't come
        elif self._loose > 0:
            self._refuse(RequestTimeout(f"The request's head did not arrive within {self.head_seconds:.0f} seconds."))
        else:
            self.transport.close()

    # ─── Refusing and parting ───────────────────────────────────────────────────────────────────────────────────────────

    def _refuse(self, because: DomainError) -> None:
        """Read nothing more, answer what came before, then this."""
        self._deaf = True
        answering = self._answering
        if self._in_body:
            if self.cycle is not answering:
                self.pipeline.popleft()
            elif answering.response_started:
                return  # it has its answer
            else:
                _hang_up(answering)
                answering = None
        if answering is None or answering.response_complete:
            self._say(because)
        else:
            self._last_word = because

    def _say(self, because: DomainError) -> None:
        request_id = f"{random.getrandbits(80):020x}"
        log.info("refused what is no request", request_id=request_id, reason=because.detail)
        path = self.url.partition(b"?")[0][:200].decode("latin-1")
        scope = {
            "type": "http",
            "path": path if path.startswith("/") else "/",  # nothing that can be called one, or an address with a host
            "headers": [],
            "state": {"request_id": request_id},
        }
        answer = problem(Request(scope), because, {"Connection": "close", "X-Request-Id": request_id})
        fields = [*self.server_state.default_headers, *answer.raw_headers]
        head = STATUS_LINE[answer.status_code] + b"".join(b"%b: %b\r\n" % field for field in fields)
        self.transport.write(head + b"\r\n" + bytes(answer.body))
        self._part()

    def _leave(self) -> None:
        """An answer after which the connection ends is out."""
        if self._in_body or self.pipeline or self._loose > 0:
            self._part()
        else:
            self.transport.close()

    def _part(self) -> None:
        """Close our half and wait for theirs: to close while they send would reset the connection, and the answer be lost unread."""
        if self.transport.is_closing():
            return
        self._deaf = self._parting = True
        self._unset_keepalive_if_required()
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self.loop.call_later(self.parting_seconds, self.transport.abort)
        self.flow.resume_reading()
        self.transport.write_eof()

    def _too_large(self) -> MalformedRequest:
        what = "What frames the body is" if self._in_body else "The request's line and headers are"
        return MalformedRequest(f"{what} larger than {self.head_at_most >> 10} KiB.")


class _Exit:
    """What an answer has for a transport: it writes straight to it, and leaves the closing to the protocol."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write, self.is_closing, self.close = transport.write, transport.is_closing, close


def _hang_up(cycle: RequestResponseCycle) -> None:
    """Let the application know that nobody listens."""
    if not cycle.response_complete:
        cycle.disconnected, cycle.waiting_for_100_continue = True, False
    cycle.message_event.set()


def _told(wrong: httptools.HttpParserError) -> DomainError:
    """Our own reason, or the parser's, which is a text of its own and nothing that was sent."""
    if isinstance(wrong.__context__, DomainError):
        return wrong.__context__
    if isinstance(wrong, httptools.HttpParserCallbackError):
        return MalformedRequest("This is not a valid HTTP request.")
    return MalformedRequest(f"This is not a valid HTTP request: {wrong}.")


@lru_cache(64)
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value.strip()) is not None
