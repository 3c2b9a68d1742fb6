"""What a process does to a folder, told by the kernel (inotify(7)): the disk's share of the points to die at."""

import asyncio
import ctypes
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_CREATED, _MOVED_IN, _CLOSED = 0x100, 0x80, 0x8
_WORDS = {_CREATED: "create", _MOVED_IN: "move into", _CLOSED: "close in"}
_EVENT = struct.Struct("iIII")


@contextmanager
def watching(folders: list[Path], told: Callable[[str], None]) -> Iterator[None]:
    """Calls `told` with "move into videos" and the like, a moment after it happened."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")
    names = {}
    for folder in folders:
        watch = libc.inotify_add_watch(descriptor, os.fsencode(folder), _CREATED | _MOVED_IN | _CLOSED)
        if watch < 0:
            raise OSError(ctypes.get_errno(), f"inotify_add_watch {folder}")
        names[watch] = folder.name

    def read() -> None:
        data = os.read(descriptor, 1 << 16)
        while data:
            watch, mask, _, length = _EVENT.unpack_from(data)
            data = data[_EVENT.size + length :]
            if mask in _WORDS:
                told(f"{_WORDS[mask]} {names[watch]}")

    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
