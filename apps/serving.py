"""Serving a page from the command line until Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import threading
import webbrowser
from collections.abc import Callable, Iterator
from types import FrameType

from devices.page.glasses import Glasses


def serve(glasses: Glasses, *, port: int, open_browser: bool, note: str, each_second: Callable[[], None] = lambda: None) -> None:
    """Serve the page of these glasses, say where it is, and wait for Ctrl-C or SIGTERM.

    Args:
        glasses: What is behind the page.
        port: On 127.0.0.1; 0 takes any that is free.
        open_browser: Whether to open it, too.
        note: A sentence for the person who started it.
        each_second: Called once a second, in this thread.

    Raises:
        MissingExtra: The page server is not installed.
        DeviceError: The port is taken, or may not be used.
    """
    from devices.page.server import PageServer

    with _stopped() as stopped, PageServer(glasses, port=port) as page:
        print(f"the page: {page.url}\nOnly this machine can open it. {note}", flush=True)
        if open_browser and not webbrowser.open(page.url):
            print("No browser was found: open the address yourself.", flush=True)
        while not stopped.wait(1.0):
            each_second()


def check_port(port: int) -> None:
    """Say now what :func:`serve` would say later.

    Raises:
        MissingExtra: The page server is not installed.
        DeviceError: The port is taken, or may not be used.
    """
    from devices.page.server import listen

    listen(port).close()


@contextlib.contextmanager
def _stopped() -> Iterator[threading.Event]:
    """Is set by Ctrl-C or SIGTERM, which do nothing else meanwhile."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
