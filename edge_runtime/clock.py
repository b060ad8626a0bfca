"""What time it is, as something that is handed in: nobody here calls the system clock behind a test's back."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """One monotonic time line, integer nanoseconds."""

    def now_ns(self) -> int:
        """Now; never earlier than the answer before."""
        ...


class MonotonicClock:
    """The machine's monotonic clock, shared by all its processes (``CLOCK_MONOTONIC``)."""

    def now_ns(self) -> int:
        """Nanoseconds since an arbitrary start, usually the boot."""
        return time.monotonic_ns()


class VirtualClock:
    """Time that moves only when it is told to: replay and tests.

    Args:
        start_ns: The time it shows first.
    """

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        """The time it was last moved to."""
        return self._now_ns

    def advance_to(self, t_ns: int) -> None:
        """Move forward to ``t_ns``; staying where it is counts as forward.

        Raises:
            ValueError: ``t_ns`` lies in the past.
        """
        if t_ns < self._now_ns:
            raise ValueError(f"time does not run backwards: {t_ns} ns after {self._now_ns} ns")
        self._now_ns = t_ns
