"""`python -m bench.storage_speed`: storing a video in a bucket beside a bare obstore upload of it, and what 500 MB take of memory.

The server is OpenStack Swift on this machine, so it takes its share of the processors from both.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import obstore
from obstore.store import S3Store as Client

from dustreel.storage import S3Store
from tests.storage.conftest import key
from tests.storage.harness import ACCESS_KEY, BUCKET, SECRET_KEY, bucket_at, swift

ROUNDS = 7
MIB = 1 << 20
SIZES = (4, 60)
MEMORY_MIB = 500
# Of a bare upload's speed, and over idle.
ENOUGH, AT_MOST_MIB = 0.8, 64


async def speed(url: str) -> bool:
    """Prints the ratio of a bare upload's time to ours, for each size; whether each is high enough."""
    store, holds = S3Store(bucket_at(url)), True
    bare = Client(
        BUCKET,
        endpoint=url,
        region="us-east-1",
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
        client_options={"allow_http": True},
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "video.mp4"
        for size in SIZES:
            await asyncio.to_thread(file.write_bytes, os.urandom(size * MIB))
            ours, theirs = [], []
            for _ in range(ROUNDS):  # in turns: a busy minute hits both
                theirs.append(await _once(lambda name: obstore.put_async(bare, name, file), bare))
                ours.append(await _once(lambda name: store.put_file(name, file, "video/mp4"), bare))
            ratio = statistics.median(theirs) / statistics.median(ours)
            rates = [size / statistics.median(took) for took in (ours, theirs)]
            print(f"{size} MiB: ours {rates[0]:.0f} MiB/s, bare obstore {rates[1]:.0f} MiB/s, ratio {ratio:.2f}")
            holds &= ratio >= ENOUGH
    return holds


def memory(url: str) -> bool:
    command = [sys.executable, "-m", "tests.storage.memory", url, str(MEMORY_MIB)]
    over = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / MIB
    print(f"{MEMORY_MIB} MiB stored: {over:.0f} MiB over idle at the peak")
    return over < AT_MOST_MIB


async def _once(put: Callable[[str], Awaitable[object]], client: Client) -> float:
    name, began = key(), time.perf_counter()
    await put(name)
    took = time.perf_counter() - began
    await obstore.delete_async(client, name)
    return took


def main() -> None:
    with swift() as port:
        url = f"http://127.0.0.1:{port}"
        holds = [asyncio.run(speed(url)), memory(url)]
    sys.exit(0 if all(holds) else 1)


if __name__ == "__main__":
    main()
