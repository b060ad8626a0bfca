"""Head rotation between any two moments, from the turning rates of a gyroscope.

Rates are integrated as rotations, not as three separate angles, with the mean rate over each step (the trapezoid rule). Between two
rates orientation is interpolated, so gaze and gyroscope need not share a clock tick. Signs: :mod:`gaze.head`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from gaze.head import HeadRotation, combine, difference

MS = 1_000_000
_S_PER_NS = 1e-9
_STILL = HeadRotation(0.0, 0.0, 0.0)
_CAMERA = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


class _Knot(NamedTuple):
    """Orientation at one reading, since the start of the unbroken stretch ``run``, and the rates (yaw, pitch, roll) read there."""

    t_ns: int
    run: int
    head: HeadRotation
    rate_dps: tuple[float, float, float]


class Gyroscope:
    """Turning rates in, head rotations out.

    Feed every reading up to a moment before asking for it; what comes later cannot change what was answered. Where the last reading
    is a little older than the moment asked for, its rate is held, and the next answer makes good what that got wrong.

    Args:
        axes: 3 x 3, rows are the camera's x (right), y (down) and z (forward) axis in the sensor's axes; a right-handed turn about a
            sensor axis is a positive rate. The default is a sensor aligned with the camera.
        bias_dps: Rates about the sensor's x, y, z that it shows at rest; subtracted.
        reach_ns: The last rate is believed for this long.
        gap_ns: Readings further apart than this break the stretch: the rotation over the gap is not known.
        kept_ns: How far back an answer may begin.

    Attributes:
        dropped: Readings left out, by reason: ``clock``, ``duplicate``, ``value`` (not finite).

    Raises:
        ValueError: ``axes`` is no rotation.
    """

    def __init__(
        self,
        axes: Sequence[Sequence[float]] = _CAMERA,
        bias_dps: tuple[float, float, float] = (0.0, 0.0, 0.0),
        *,
        reach_ns: int = 20 * MS,
        gap_ns: int = 100 * MS,
        kept_ns: int = 1000 * MS,
    ) -> None:
        _check(axes)
        self._axes = [tuple(row) for row in axes]
        self._bias = bias_dps
        self._reach_ns, self._gap_ns, self._kept_ns = reach_ns, gap_ns, kept_ns
        self._knots: deque[_Knot] = deque()
        self._run = 0
        self._asked: tuple[int, int, HeadRotation] | None = None  # when turned() was last asked, and what it then took the head to be
        self.dropped: dict[str, int] = {"clock": 0, "duplicate": 0, "value": 0}

    def feed(self, t_ns: int, x_dps: float, y_dps: float, z_dps: float) -> None:
        """Add a reading: rates about the sensor's axes, degrees a second, in order of time."""
        if not (math.isfinite(x_dps) and math.isfinite(y_dps) and math.isfinite(z_dps)):
            self.dropped["value"] += 1
            return
        last = self._knots[-1] if self._knots else None
        if last is not None and t_ns <= last.t_ns:
            self.dropped["duplicate" if t_ns == last.t_ns else "clock"] += 1
            return
        rates = (x_dps - self._bias[0], y_dps - self._bias[1], z_dps - self._bias[2])
        pitch, yaw, roll = (sum(a * r for a, r in zip(row, rates, strict=True)) for row in self._axes)
        head = _STILL
        if last is not None and t_ns - last.t_ns <= self._gap_ns:
            mean = _mean(last.rate_dps, (yaw, pitch, roll))
            head = combine(last.head, _over(mean, t_ns - last.t_ns))
        elif last is not None:
            self._run += 1
        self._knots.append(_Knot(t_ns, self._run, head, (yaw, pitch, roll)))
        while t_ns - self._knots[0].t_ns > self._kept_ns and len(self._knots) > 2:
            self._knots.popleft()

    def between(self, start_ns: int, end_ns: int) -> HeadRotation | None:
        """The rotation from one moment to a later one; ``None`` where the readings do not cover it.

        Raises:
            ValueError: The end lies before the start.
        """
        if end_ns < start_ns:
            raise ValueError(f"a rotation goes forward in time, got {start_ns} to {end_ns} ns")
        start, end = self._at(start_ns), self._at(end_ns)
        if start is None or end is None or start[0] != end[0]:
            return None
        return difference(start[1], end[1])

    def turned(self, t_ns: int) -> HeadRotation | None:
        """The rotation since this was last asked for an earlier moment; what :class:`gaze.head.HeadCompensator` wants.

        Returns:
            ``None`` the first time, where readings are missing, and for a moment that is not later than the last.
        """
        asked = self._asked
        if asked is not None and t_ns <= asked[0]:
            return None
        now = self._at(t_ns)
        self._asked = (t_ns, *now) if now is not None else None
        if asked is None or now is None or asked[1] != now[0]:
            return None
        return difference(asked[2], now[1])

    def _at(self, t_ns: int) -> tuple[int, HeadRotation] | None:
        """Stretch and orientation at a moment."""
        k = bisect_right(self._knots, t_ns, key=lambda knot: knot.t_ns)
        if k == 0:
            return None
        knot = self._knots[k - 1]
        late_ns = t_ns - knot.t_ns
        if k == len(self._knots):
            return (knot.run, combine(knot.head, _over(knot.rate_dps, late_ns))) if late_ns <= self._reach_ns else None
        after = self._knots[k]
        if after.run != knot.run:
            return (knot.run, knot.head) if late_ns == 0 else None
        return knot.run, combine(knot.head, _over(_mean(knot.rate_dps, after.rate_dps), late_ns))


def _mean(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float, float]:
    return (a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0, (a[2] + b[2]) / 2.0


def _over(rate_dps: tuple[float, float, float], span_ns: int) -> HeadRotation:
    span_s = span_ns * _S_PER_NS
    return HeadRotation(rate_dps[0] * span_s, rate_dps[1] * span_s, rate_dps[2] * span_s)


def _check(axes: Sequence[Sequence[float]]) -> None:
    """Rows of length one at right angles, and no mirror image."""
    if len(axes) != 3 or any(len(row) != 3 for row in axes):
        raise ValueError("axes are three rows of three: the camera's right, down and forward in the sensor's axes")
    (a, b, c), (d, e, f), (g, h, i) = axes
    right_handed = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    crossed = max(abs(a * d + b * e + c * f), abs(a * g + b * h + c * i), abs(d * g + e * h + f * i))
    lengths = max(abs(math.hypot(*row) - 1.0) for row in axes)
    if not (crossed < 1e-3 and lengths < 1e-3 and right_handed > 0.0):
        raise ValueError(f"axes must be at right angles, of length one and right-handed, got {[list(row) for row in axes]}")
