"""Quiet hours: a span of the day, which may pass midnight."""

from __future__ import annotations

from datetime import time


def within(now: time, start: time, end: time) -> bool:
    """Whether a time of day lies in a span from ``start`` up to ``end``.

    >>> within(time(23, 30), time(22), time(7))
    True
    """
    return start <= now < end if start < end else now >= start or now < end
