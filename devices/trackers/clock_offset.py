"""How far another device's clock is from ours, from echoes of its time, and how far off that may be at most."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from edge_runtime.config import MS

_DRIFT_PPM = 100
"""Crystals of phones and boards stay within 50 parts in a million each."""


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """What to add to the device's time to have ours.

    Attributes:
        offset_ns: To be added.
        error_ns: How far that may be off at most, when it was measured.
        t_ns: When it was measured, our time.
    """

    offset_ns: int
    error_ns: int
    t_ns: int

    def error_at_ns(self, now_ns: int) -> int:
        """How far it may be off at most by now: the two clocks drift apart."""
        return self.error_ns + max(0, now_ns - self.t_ns) * _DRIFT_PPM // 1_000_000


def offset_of(round_trips_ms: Sequence[int], offsets_ms: Sequence[int], t_ns: int) -> ClockOffset:
    """Take together what echoes of the device's time say.

    Each echo says: sent at t1, answered at tH by the other clock, back at t2, all in whole milliseconds, cut off. Whatever the ways there
    and back took, tH lies between t1 and t2, so each echo bounds the offset from both sides, and all of them together bound it best.
    The offset is the median of the echoes' middles, as far as the bounds allow; the error is its distance to the farther bound.

    Args:
        round_trips_ms: t2 - t1 of each echo.
        offsets_ms: (t1 + t2) / 2 - tH of each echo, rounded to whole milliseconds.
        t_ns: When the last echo was taken, our time.

    Raises:
        ValueError: There is no echo, or they contradict each other: a clock was set in between.
    """
    if not offsets_ms:
        raise ValueError("no echo came back")
    # a millisecond each way for the digits cut off, and half of one where the middle lay between two
    reach_ns = [round_trip * MS // 2 + MS + (round_trip % 2) * MS // 2 for round_trip in round_trips_ms]
    low_ns = max(offset * MS - reach for offset, reach in zip(offsets_ms, reach_ns, strict=True))
    high_ns = min(offset * MS + reach for offset, reach in zip(offsets_ms, reach_ns, strict=True))
    if low_ns > high_ns:
        raise ValueError(f"the echoes contradict each other by {(low_ns - high_ns) / MS:g} ms")
    offset_ns = min(max(round(statistics.median(offsets_ms) * MS), low_ns), high_ns)
    return ClockOffset(offset_ns, max(high_ns - offset_ns, offset_ns - low_ns), t_ns)
