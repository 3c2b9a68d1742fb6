"""`python -m tests.storage.memory URL MIB`: how much memory storing a file of so many MiB takes over what the process had before.

Prints bytes. A process of its own, because only the highest mark of a whole process can be read.
"""

import asyncio
import os
import re
import sys
import tempfile
from pathlib import Path

from dustreel.storage import S3Store
from tests.storage.conftest import key
from tests.storage.harness import bucket_at

MIB = 1 << 20


async def measure(url: str, mib: int) -> int:
    store = S3Store(bucket_at(url, prefix="memory/"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "video.mp4"
        _write(file, 1)
        await store.put_file(name := key(), file, "video/mp4")  # what every process pays once
        await store.delete(name)
        _write(file, mib)
        _forget_the_mark()
        idle = _bytes("VmRSS")
        await store.put_file(name := key(), file, "video/mp4")
        peak = _bytes("VmHWM")
        await store.delete(name)
    return peak - idle


def _write(file: Path, mib: int) -> None:
    with file.open("wb") as opened:
        for _ in range(mib):
            opened.write(os.urandom(MIB))


def _forget_the_mark() -> None:
    """From now on, VmHWM is the highest since now (proc_pid_clear_refs(5))."""
    Path("/proc/self/clear_refs").write_text("5")


def _bytes(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) << 10


if __name__ == "__main__":
    print(asyncio.run(measure(sys.argv[1], int(sys.argv[2]))))
