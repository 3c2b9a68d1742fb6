"""Swift, installed once and started for a test run; and the bucket that the tests share."""

import fcntl
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx

from dustreel.storage import Access
from dustreel.storage.signing import Bucket

ROOT = Path(__file__).parents[2]
STARTS_SECONDS = 60.0
BUCKET = "vids"
ACCESS_KEY, SECRET_KEY = "test:tester", "testing"


def install() -> Path:
    """The Python that has Swift. One process of a test run installs, the others wait."""
    with Path(tempfile.gettempdir(), "dustreel-swift.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([ROOT / "scripts" / "swift.sh", sys.executable], check=True)
    return ROOT / ".tools" / "swift" / "bin" / "python"


@contextmanager
def swift() -> Iterator[int]:
    """The port of a running Swift with an empty bucket."""
    folder = Path(tempfile.mkdtemp(prefix="dustreel-swift-"))
    command = [str(install()), "-W", "ignore", str(Path(__file__).with_name("swift_server.py")), str(folder)]
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said)
    try:
        assert process.stdout is not None
        # A process that dies closes it, and one that hangs meets the test's own time limit.
        line = process.stdout.readline()
        assert line, (folder / "said").read_text()
        port = int(line)
        bucket = bucket_at(f"http://127.0.0.1:{port}")
        made = httpx.put(bucket.presign("PUT", bucket.url, at=datetime.now(UTC), seconds=60), timeout=STARTS_SECONDS)
        assert made.status_code == 200, (made.text, (folder / "said").read_text())
        yield port
    finally:
        process.kill()
        process.communicate()
        shutil.rmtree(folder, ignore_errors=True)


def bucket_at(url: str, *, prefix: str = "") -> Bucket:
    return Bucket(url, BUCKET, "us-east-1", ACCESS_KEY, SECRET_KEY, prefix=prefix)


def access_at(url: str) -> Access:
    return Access(ACCESS_KEY, SECRET_KEY, endpoint=url)
