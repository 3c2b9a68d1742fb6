"""Benches by fork: a trial restarts its service several times, and each start would spend a second on importing codecs.

The nursery has imported them. A service under test starts "python -m some.bench" as ever; what it starts is a small launcher, which hands
its pipes to the nursery and lives and dies with the process that the nursery forks for it.
"""

import json
import os
import runpy
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import NoReturn

BENCHES = ("dustreel.media.bench", "dustreel.providers.sandbox.bench")
HANDED = 3  # standard input, output and error

_LAUNCHER = """#!{python} -ISE
import array, ctypes, json, os, signal, socket, sys
parent = os.getppid()
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: a bench dies with its service
if os.getppid() != parent:
    os._exit(0)
with socket.socket(socket.AF_UNIX) as nursery:
    nursery.connect({address!r})
    socket.send_fds(nursery, [json.dumps(sys.argv[1:]).encode()], [0, 1, 2])
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    nursery.recv(1)
"""


def open_nursery(folder: Path) -> Path:
    """Fork the nursery, which ends with this process; returns the launcher, which is to be started in the place of Python."""
    address, launcher = folder / "nursery", folder / "launcher"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(address))
    server.listen(64)
    launcher.write_text(_LAUNCHER.format(python=sys.executable, address=str(address)))
    launcher.chmod(0o755)
    still_here, ours = os.pipe()
    if os.fork() == 0:
        os.close(ours)
        _keep(server, still_here)
    os.close(still_here)
    server.close()
    return launcher


def _keep(server: socket.socket, still_here: int) -> NoReturn:
    """Fork a bench for whoever asks, until the process that opened the nursery is gone."""
    threading.Thread(target=_leave_with, args=(still_here, signal.SIGTERM), daemon=True).start()
    for module in BENCHES:
        runpy.run_module(module, run_name="imported")
    while True:
        asked, _ = server.accept()
        words, descriptors, _, _ = socket.recv_fds(asked, 4_096, HANDED)
        if words and os.fork() == 0:
            server.close()
            _become(json.loads(words), descriptors, asked)
        for descriptor in descriptors:
            os.close(descriptor)
        asked.close()


def _become(words: list[str], descriptors: list[int], launcher: socket.socket) -> NoReturn:
    for descriptor, place in zip(descriptors, range(HANDED), strict=True):
        os.dup2(descriptor, place)
        os.close(descriptor)
    threading.Thread(target=_leave_with, args=(launcher.fileno(), signal.SIGKILL), daemon=True).start()
    _, module, *rest = words
    sys.argv = [module, *rest]
    try:
        runpy.run_module(module, run_name="__main__")
    except Exception:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _leave_with(descriptor: int, number: signal.Signals) -> None:
    """Nothing is ever written to it: it ends when the other side does."""
    os.read(descriptor, 1)
    os.kill(os.getpid(), number)
