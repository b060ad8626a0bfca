"""What a test needs to run a camera's feed: who takes its pictures and hears its words, and clocks on which nobody waits."""

from __future__ import annotations

import threading
from collections.abc import Callable

from devices.cameras import Shot
from edge_runtime.config import S

PATIENCE_S = 20.0
"""How long a test waits for something that must come; none waits this long when it passes."""


class Notes:
    """Takes shots and words, and lets a test wait for them."""

    def __init__(self) -> None:
        self.shots: list[Shot] = []
        self.words: list[str] = []
        self._more = threading.Condition()

    def take(self, shot: Shot) -> None:
        with self._more:
            self.shots.append(shot)
            self._more.notify_all()

    def hear(self, words: str) -> None:
        with self._more:
            self.words.append(words)
            self._more.notify_all()

    def until(self, found: Callable[[], bool]) -> None:
        with self._more:
            if not self._more.wait_for(found, PATIENCE_S):
                raise AssertionError(f"it never came; {len(self.shots)} shots, {self.words}")


class Pauses:
    """Waits no time at all, and keeps how long it should have waited."""

    def __init__(self, most: int = 1000) -> None:
        self.seconds: list[float] = []
        self.most = most
        self.enough = threading.Event()

    def __call__(self, halt: threading.Event, seconds: float) -> bool:
        self.seconds.append(seconds)
        if len(self.seconds) >= self.most:
            self.enough.set()
            return halt.wait()
        return halt.is_set()


class Patience:
    """A clock on which time passes only while there is reason to wait, and then at once."""

    def __init__(self, passes: Callable[[], bool]) -> None:
        self.passes, self.t_ns = passes, 0

    def now_ns(self) -> int:
        return self.t_ns

    def wait(self, over: threading.Event, seconds: float) -> bool:
        while not over.is_set():
            if self.passes():
                self.t_ns += round(seconds * S)
                break
            over.wait(0.002)
        return over.is_set()


def until(found: Callable[[], bool]) -> None:
    """Wait for something that another thread is about to do."""
    gate = threading.Event()
    for _ in range(round(PATIENCE_S * 200)):
        if found():
            return
        gate.wait(0.005)
    raise AssertionError("it never came")
