"""Notices that something which should come does not, even while the thread that waits for it hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from devices.cameras.camera import Wait
from edge_runtime.config import S

_LOOKS = 10
"""Looks in one time limit: silence is noticed at most a tenth late."""
_END_S = 1.0


class Watchdog(threading.Thread):
    """Looks from a thread of its own. To be started, and ended.

    Args:
        silent_s: How long it may take.
        on_silence: Told, in the watchdog's thread, each time this has passed in vain.
        now_ns: The clock.
        wait: How to wait between two looks.
    """

    def __init__(
        self,
        silent_s: float,
        on_silence: Callable[[], None],
        *,
        now_ns: Callable[[], int] = time.monotonic_ns,
        wait: Wait = threading.Event.wait,
    ) -> None:
        super().__init__(name="camera watchdog", daemon=True)
        self._silent_ns = round(silent_s * S)
        self._look_s = silent_s / _LOOKS
        self._on_silence = on_silence
        self._now_ns = now_ns
        self._wait = wait
        self._lock = threading.Lock()
        self._since_ns: int | None = None
        self._over = threading.Event()

    def expect(self) -> None:
        """Something should come from now on."""
        with self._lock:
            self._since_ns = self._now_ns()

    def rest(self) -> None:
        """It has come, or nothing is expected any more."""
        with self._lock:
            self._since_ns = None

    def end(self) -> None:
        """Look no more."""
        self._over.set()
        self.join(_END_S)

    def run(self) -> None:
        """Look, again and again."""
        while not self._wait(self._over, self._look_s):
            if self._in_vain():
                self._on_silence()

    def _in_vain(self) -> bool:
        with self._lock:
            now_ns = self._now_ns()
            if self._since_ns is None or now_ns - self._since_ns < self._silent_ns:
                return False
            self._since_ns = now_ns
            return True
