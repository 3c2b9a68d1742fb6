"""`python -m tests.chaos.zygote`: has imported the product, and forks a service wherever it is told to, so that a start costs little.

What runs in a fork is what `dustreel serve` and `dustreel worker` run. One order a line on standard input, one process id a line back.
"""

import asyncio
import gc
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import uvloop

from dustreel.base import log
from dustreel.base.settings import read_settings
from dustreel.base.tls import trusted
from dustreel.base.workshop import Workshop
from dustreel.cli import serve as serving
from dustreel.wiring import Service
from tests.chaos import mutants
from tests.chaos.nursery import open_nursery


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are nobody's to bury
    launcher = str(open_nursery(Path(sys.argv[1])))
    trusted()  # read once, here
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            sys.executable = launcher
            _become(order)
        print(pid, flush=True)


def _become(order: dict[str, Any]) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    output = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    settings = read_settings(order["settings"])
    log.configure(settings.log_level, json=False)
    # Warming saves the first order some time and each start a second of a processor; a trial has hundreds of starts.
    setattr(Workshop, "warm", _not_now)  # noqa: B010 - the type checker is right to mind
    if order["mutant"] is not None:
        mutants.MUTANTS[order["mutant"]].break_product()
    code = 1
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            if order["role"] == "worker":
                runner.run(serving.work(settings))
            else:
                runner.run(serving.serve(settings, with_worker=True, ready=_ready))
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


async def _not_now(shop: Workshop) -> None:
    pass


async def _ready(service: Service) -> None:
    (service.settings.home / f"ready-{os.getpid()}").touch()


if __name__ == "__main__":
    main()
