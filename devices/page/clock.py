"""A page's clock and ours: what ``performance.now()`` says, in stream time.

Every update a page acknowledges is a probe: we know when it left and when the answer came, the page says when it saw it. The probe with
the shortest round trip says most, and it is wrong by half of that at most. No I/O, no clock of its own.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from gaze.types import GazeSample

MOST_PROBES = 64
MOST_MS = 1e12
"""No page is open for thirty years."""
KEPT_NS = 60_000_000_000
"""A probe older than this says nothing about now."""
JUMP_NS = 50_000_000
"""Disagreement beyond both errors and this means that one of the clocks jumped, not that a message was slow."""
JUMP_PROBES = 3
"""So many in a row, before it is believed."""
AHEAD_NS = 100_000_000
"""A little ahead of us is the error of the measurement, more is not."""
GAZE_LATE_NS = 1_000_000_000
"""Gaze older than this is of no use to anybody."""

Unplaced = Literal["unmapped", "future", "late", "unreadable"]
"""Why a page's time is no time of ours."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One measurement.

    Attributes:
        t_ns: When the answer came, stream time.
        offset_ns: Page clock minus stream time.
        error_ns: Give or take: half of the round trip.
    """

    t_ns: int
    offset_ns: int
    error_ns: int

    def agrees(self, other: Probe) -> bool:
        """Whether both can be true of clocks that did not jump."""
        return abs(self.offset_ns - other.offset_ns) <= self.error_ns + other.error_ns + JUMP_NS


class ClockMap:
    """Maps one page's clock to stream time.

    Attributes:
        jumps: How often the map had to start anew.
    """

    def __init__(self) -> None:
        self._probes: deque[Probe] = deque(maxlen=MOST_PROBES)
        self._doubts: list[Probe] = []
        self.best: Probe | None = None
        self.jumps = 0

    def feed(self, sent_ns: int, page_ms: float, received_ns: int) -> None:
        """Take a probe: sent and received in stream time, and what the page's clock said in between."""
        if received_ns < sent_ns:
            return
        middle_ns = (sent_ns + received_ns) // 2
        probe = Probe(received_ns, page_ns(page_ms) - middle_ns, (received_ns - sent_ns + 1) // 2)
        if self.best is not None and not probe.agrees(self.best):
            self._doubts.append(probe)
            if len(self._doubts) < JUMP_PROBES:
                return
            self.jumps += 1
            self._probes.clear()
            self._probes.extend(known for known in self._doubts[:-1] if known.agrees(probe))
        self._doubts.clear()
        self._probes.append(probe)
        while self._probes[0].t_ns < received_ns - KEPT_NS:
            self._probes.popleft()
        self.best = min(self._probes, key=lambda known: known.error_ns)

    def to_stream_ns(self, page_ms: float) -> int | None:
        """When that was, in stream time; ``None`` before the first probe."""
        return None if self.best is None else page_ns(page_ms) - self.best.offset_ns

    def place(self, page_ms: float, now_ns: int, late_ns: int) -> int | Unplaced:
        """When something happened that has just come in: stream time, never ahead of now, or why it cannot be said.

        Args:
            page_ms: The page's word on it; may be anything.
            now_ns: Stream time.
            late_ns: What is older than this comes too late.
        """
        if not (math.isfinite(page_ms) and abs(page_ms) <= MOST_MS):
            return "unreadable"
        t_ns = self.to_stream_ns(page_ms)
        if t_ns is None:
            return "unmapped"
        if t_ns > now_ns + AHEAD_NS:
            return "future"
        return "late" if t_ns < now_ns - late_ns else min(t_ns, now_ns)


class Pointer:
    """Pointer samples of one page, turned into gaze. What cannot be used is counted.

    Args:
        clock: The page's.
        count: Told ``(what, reason)`` of every sample let go.
    """

    def __init__(self, clock: ClockMap, count: Callable[[str, str], None]) -> None:
        self._clock = clock
        self._count = count
        self._last_ns: int | None = None

    def take(self, samples: Iterable[tuple[float, float | None, float | None]], now_ns: int) -> tuple[GazeSample, ...]:
        """Samples ``(page_ms, x_norm, y_norm)`` as gaze in stream time, rising.

        Args:
            samples: As they came.
            now_ns: Stream time.
        """
        taken = []
        for page_ms, x_norm, y_norm in samples:
            t_ns = self._clock.place(page_ms, now_ns, GAZE_LATE_NS)
            if isinstance(t_ns, str):
                self._count("gaze_sample", t_ns)
            elif self._last_ns is not None and t_ns <= self._last_ns:
                self._count("gaze_sample", "clock")
            else:
                try:
                    taken.append(GazeSample(t_ns, x_norm, y_norm, source="pointer"))
                except ValueError:
                    self._count("gaze_sample", "unreadable")
                else:
                    self._last_ns = t_ns
        return tuple(taken)


def page_ns(page_ms: float) -> int:
    """The page's milliseconds as nanoseconds; fractions below that are lost."""
    return round(page_ms * 1e6)
