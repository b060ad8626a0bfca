"""A child of the daemon: ``python -m apps.daemon.child``, started by its supervisor, told what it is on its standard input.

It ends when that input does: in good order, or after two seconds without.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from apps.daemon.spec import decode
from edge_runtime.errors import EdgeError
from edge_runtime.transport.bus_zmq import ZmqBus
from edge_runtime.transport.endpoints import Local
from edge_runtime.transport.post import Post

_log = logging.getLogger(__name__)


class Ending:
    """The end of a child, whoever brings it about: the supervisor's silence, or a signal."""

    def __init__(self, stop_ns: int) -> None:
        self._stop_ns = stop_ns
        self._lock = threading.Lock()
        self._wishes: list[Callable[[], None]] = []
        self.come = threading.Event()

    def then(self, stop: Callable[[], None]) -> None:
        """Have this called when the end comes; at once if it has."""
        with self._lock:
            self._wishes.append(stop)
        if self.come.is_set():
            stop()

    def watch(self) -> None:
        """Wait for the end of standard input; what has not ended in time then is ended hard."""
        with contextlib.suppress(OSError, ValueError):
            while sys.stdin.buffer.read(4096):
                pass
        self.bring()
        time.sleep(self._stop_ns / 1e9)
        # Whoever is still here hangs, in a driver most likely, and would outlive its supervisor.
        os._exit(1)

    def bring(self) -> None:
        """The end."""
        self.come.set()
        with self._lock:
            wishes = list(self._wishes)
        for stop in wishes:
            stop()


def main() -> int:
    """Be what standard input says; returns the exit code."""
    # A Ctrl-C in the terminal is the supervisor's affair.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    spec = decode(sys.stdin.buffer.readline())
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s {spec.role} %(levelname)s %(message)s")
    ending = Ending(spec.config.daemon.stop_ns)
    signal.signal(signal.SIGTERM, lambda number, frame: threading.Thread(target=ending.bring, daemon=True).start())
    threading.Thread(target=ending.watch, name="ending", daemon=True).start()

    def time_ns() -> int:
        return time.monotonic_ns() - spec.origin_ns

    try:
        bus = ZmqBus(Local(spec.sockets_folder))
        with Post(bus, spec.role, origin_ns=spec.origin_ns, tell=lambda error: _log.warning("%s (%s)", error, error.hint)) as post:
            importlib.import_module(f"apps.daemon.{spec.role}").run(spec, post, time_ns, ending)
    except EdgeError as error:
        _log.error("%s (%s)", error, error.hint)
        return error.exit_code
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    # Threads of drivers and inference that do not end must not keep a process that has said goodbye.
    os._exit(code)
