"""The server's own patience: how large a request's head may be, how long it may take, and what is no HTTP at all.

uvicorn's protocol has no limit of either kind; a proxy in front may have, and nobody must need one.
"""

import asyncio
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from dustreel.http.failures import PROBLEM_JSON

# A request line and headers of a browser with many cookies are a quarter of this.
HEAD_AT_MOST = 32 << 10
# A head is one packet or two; what takes longer holds a connection for its own sake.
HEAD_SECONDS = 10.0


class GuardedProtocol(HttpToolsProtocol):
    """HTTP/1.1 that ends a connection whose head is too long or too slow. Parsing is llhttp's, strict: two readers can't disagree."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_bytes: int | None = 0
        """Of the head under way; None while a body is."""
        self._refusal = "This is not a valid HTTP request."
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head_bytes is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        # A single header without an end never reaches the parser's callbacks.
        if self._head_bytes is not None and self._head_bytes > HEAD_AT_MOST and not self.transport.is_closing():
            self._refusal = _TOO_LARGE
            self.send_400_response(_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begin_head()

    def on_headers_complete(self) -> None:
        self._end_head()
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_AT_MOST:
            self._refusal = _TOO_LARGE
            raise ValueError(_TOO_LARGE)  # the parser stops, and data_received refuses
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._head_bytes = 0

    def send_400_response(self, msg: str) -> None:
        """The problem document that every error of ours is."""
        body = orjson.dumps(
            {
                "type": "about:blank",
                "title": "The request is malformed",
                "status": 400,
                "detail": self._refusal,
                "success": False,
                "error": self._refusal,
                "code": "malformed_request",
            }
        )
        head = f"content-type: {PROBLEM_JSON}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[400] + head.encode() + body)
        self.transport.close()

    def _begin_head(self) -> None:
        self._head_bytes = self._head_bytes or 0
        if self._patience is None:
            self._patience = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _end_head(self) -> None:
        self._head_bytes = None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        if not self.transport.is_closing():
            self.transport.close()


_TOO_LARGE = f"The request's line and headers are larger than {HEAD_AT_MOST >> 10} KiB."
