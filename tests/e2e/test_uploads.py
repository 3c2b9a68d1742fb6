"""Uploads to a real `dustreel serve`: many large ones at once, slow ones, and callers who wait for a word before they send."""

import concurrent.futures
import io
import json
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.served import PATIENCE_SECONDS, Served, new_home, start, until_ready, wait_until

AT_ONCE = 20
LARGE = 20 << 20
# Over what it has when idle: pieces under way, and nothing that grows with the pictures.
MEMORY_AT_MOST = 64 << 20


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    with new_home() as home:
        service = start(home, "--no-worker")  # which has a welcome video to render
        try:
            until_ready(service)
            yield service
        finally:
            service.signal(signal.SIGTERM)


def jpeg(size: int = 0) -> bytes:
    """A small picture that is padded to so many bytes."""
    out = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(out, "JPEG")
    return out.getvalue().ljust(size, b"\0")


class Upload:
    """One `POST /uploads`, sent as the test likes."""

    def __init__(self, running: Served, *headers: str, content_type: str = "image/jpeg") -> None:
        self.socket = socket.create_connection(("127.0.0.1", running.port), timeout=PATIENCE_SECONDS)
        said = ["POST /uploads HTTP/1.1", "Host: x", f"Authorization: Bearer {running.token}", f"Content-Type: {content_type}", *headers]
        self.socket.sendall("\r\n".join([*said, "Connection: close", "", ""]).encode())

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def head(self) -> str:
        """What is said before an answer's body."""
        said = b""
        while b"\r\n\r\n" not in said:
            said += self.socket.recv(1)
        return said.decode()

    def answer(self) -> tuple[int, dict[str, object]]:
        said = b""
        with self.socket:
            while data := self.socket.recv(1 << 16):
                said += data
        head, _, body = said.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)


def memory(running: Served, what: str) -> int:
    for line in Path(f"/proc/{running.process.pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) << 10
    raise AssertionError(what)


def form(picture: bytes) -> tuple[str, bytes]:
    start = b'--b\r\nContent-Disposition: form-data; name="note"\r\n\r\nmine\r\n'
    start += b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    return "multipart/form-data; boundary=b", start + picture + b"\r\n--b--\r\n"


@pytest.mark.parametrize("kind", ["raw", "form"])
def test_many_large_uploads_at_once_need_little_memory(running: Served, kind: str) -> None:
    picture = jpeg(LARGE)
    content_type, body = ("image/jpeg", picture) if kind == "raw" else form(picture)
    first = Upload(running, f"Content-Length: {len(body)}", content_type=content_type)
    first.send(body)
    assert first.answer()[0] == 201
    Path(f"/proc/{running.process.pid}/clear_refs").write_text("5")  # proc(5): forget the peak
    idle = memory(running, "VmRSS")
    all_sent = threading.Barrier(AT_ONCE, timeout=PATIENCE_SECONDS)

    def send() -> int:
        upload = Upload(running, f"Content-Length: {len(body)}", content_type=content_type)
        upload.send(body[:-1])
        all_sent.wait()
        upload.send(body[-1:])
        return upload.answer()[0]

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as threads:
        statuses = [told.result() for told in [threads.submit(send) for _ in range(AT_ONCE)]]
    assert statuses == [201] * AT_ONCE
    grown = memory(running, "VmHWM") - idle
    assert grown < MEMORY_AT_MOST, f"{grown / 2**20:.0f} MiB over {idle / 2**20:.0f} MiB"
    wait_until(lambda: not [file for file in (running.home / "incoming").rglob("*") if file.name == "sent"], "the trays to be cleared away")


def test_who_waits_for_a_word_before_sending_is_given_it(running: Served) -> None:
    picture = jpeg()
    upload = Upload(running, f"Content-Length: {len(picture)}", "Expect: 100-continue")
    assert upload.head().startswith("HTTP/1.1 100 ")
    upload.send(picture)
    assert upload.answer()[0] == 201


def test_who_announces_too_much_is_told_before_sending(running: Served) -> None:
    for size, content_type in (((20 << 20) + 1, "image/avif"), ((20 << 20) + (64 << 10) + 1, "multipart/form-data; boundary=b")):
        upload = Upload(running, f"Content-Length: {size}", "Expect: 100-continue", content_type=content_type)
        status, told = upload.answer()
        assert (status, told["code"]) == (413, "payload_too_large")


def test_who_sends_too_much_is_told_at_the_first_byte_too_many(running: Served) -> None:
    upload = Upload(running, "Transfer-Encoding: chunked")
    chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    for _ in range(20):
        upload.send(chunk)
    upload.send(b"1\r\n\0\r\n")  # and no end
    status, told = upload.answer()
    assert (status, told["code"]) == (413, "payload_too_large")


def test_who_leaves_in_the_middle_leaves_nothing(running: Served) -> None:
    upload = Upload(running, "Content-Length: 5000000")
    upload.send(bytes(1 << 20))
    incoming = running.home / "incoming"
    wait_until(lambda: [file for file in incoming.rglob("sent") if file.stat().st_size], "some of it to be on its way in")
    upload.socket.close()
    wait_until(lambda: not list(incoming.rglob("sent")), "the tray to be cleared away")
