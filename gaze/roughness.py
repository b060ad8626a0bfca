"""How rough the signal is from sample to sample: the tracker's own noise, whatever the eye does.

The eye is heavy and smooth, a tracker is not: over three samples a saccade bends little and noise bends a lot. So the second
difference of the positions shows the noise even while the eye moves, where a running median of speed would have to stop learning or
learn the saccade. A quantile over the last tenth of a second is robust against the beginnings and ends of saccades.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from typing import TypeAlias

MS = 1_000_000
DEG = math.degrees(1.0)

Ray: TypeAlias = tuple[float, float, float]
"""Unit direction: x right, y down, z forward, camera frame, or world frame where the head's rotation was added."""

_KEPT_NS = 130 * MS
_LEAST = 20
_ENOUGH = 5
_QUANTILE = 0.6
# the second difference of white noise of one degree on each axis is 2.9 degrees long, in the median
_PER_DEG = DEG / 2.9


class Roughness:
    """Standard deviation of the noise on one axis, as the bending of the signal shows it.

    A quantile of second differences over 0.13 s, and over 20 samples at least.
    """

    __slots__ = ("_before", "_last", "_ordered", "_recent", "deg")

    def __init__(self) -> None:
        self.deg = 0.0
        self._recent: deque[tuple[int, float]] = deque()
        self._ordered: list[float] = []
        self._last: Ray | None = None
        self._before: Ray | None = None

    def push(self, t_ns: int, ray: Ray) -> None:
        """Add the next sample."""
        before, last = self._before, self._last
        self._before, self._last = last, ray
        if before is None or last is None:
            return
        x, y, z = ray[0] - 2.0 * last[0] + before[0], ray[1] - 2.0 * last[1] + before[1], ray[2] - 2.0 * last[2] + before[2]
        bend = x * x + y * y + z * z
        recent, ordered = self._recent, self._ordered
        recent.append((t_ns, bend))
        insort(ordered, bend)
        until_ns = t_ns - _KEPT_NS
        while len(recent) > _LEAST and recent[0][0] < until_ns:
            del ordered[bisect_left(ordered, recent.popleft()[1])]
        count = len(ordered)
        if count >= _ENOUGH:
            self.deg = _PER_DEG * math.sqrt(ordered[int(_QUANTILE * (count - 1))])

    def cut(self) -> None:
        """The run of samples is broken: what comes next does not continue it."""
        self._before = self._last = None
