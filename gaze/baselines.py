"""The two textbook detectors of Salvucci and Goldberg (2000), causal, to compare with: velocity (I-VT) and dispersion (I-DT).

Both have fixed thresholds, and that is their weakness: what is quiet for one tracker is noise for the next. Neither tells a blink
from a loss or a pursuit from a fixation. Events are final only and are told when they end. An I-VT fixation waits for what it may be
merged with. The samples of a fixation are kept until it is told.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from gaze.geometry import tangent_scale
from gaze.types import EyeEvent, EyeKind, GazeSample

MS = 1_000_000
Ray: TypeAlias = tuple[float, float, float]
_SLOWEST_NS = 100 * MS


@dataclass(frozen=True, slots=True)
class IvtRules:
    """Thresholds of the velocity detector.

    Attributes:
        threshold_dps: Faster than this is a saccade, degrees a second.
        window_ns: Speed is taken from the first to the last sample within this time around a sample; 0 is from sample to sample.
        bridge_ns: Longest loss of signal that is passed over, as if it had been filled in along a straight line.
        merge_ns: Fixations at most this far apart in time ...
        merge_deg: ... and this far apart from end to start are one; 0 merges none.
        shortest_ns: Fixations shorter than this are dropped, after merging.
    """

    threshold_dps: float
    window_ns: int = 0
    bridge_ns: int = 75 * MS
    merge_ns: int = 75 * MS
    merge_deg: float = 0.0
    shortest_ns: int = 0


TEXTBOOK_IVT = IvtRules(threshold_dps=20.0)
"""Salvucci and Goldberg (2000), with the 20 degrees a second that they take from Sen and Megaw (1984): nothing merged or dropped."""

TOBII_IVT = IvtRules(threshold_dps=30.0, window_ns=20 * MS, bridge_ns=75 * MS, merge_ns=75 * MS, merge_deg=0.5, shortest_ns=60 * MS)
"""The defaults of the Tobii I-VT fixation filter (Olsen 2012): 20 ms window, 30 degrees a second, 75 ms and 0.5 degrees, 60 ms."""


@dataclass(frozen=True, slots=True)
class IdtRules:
    """Thresholds of the dispersion detector; Salvucci and Goldberg (2000) name half a degree to one, and 100 to 200 ms.

    Attributes:
        dispersion_deg: Most of (largest x - smallest x) + (largest y - smallest y) within a fixation, degrees.
        shortest_ns: Shortest fixation, and the window it is first looked for in.
        bridge_ns: Longest loss of signal that is passed over.
    """

    dispersion_deg: float = 1.0
    shortest_ns: int = 100 * MS
    bridge_ns: int = 75 * MS


class _Point(NamedTuple):
    t_ns: int
    x_norm: float
    y_norm: float
    x_deg: float
    y_deg: float
    ray: Ray
    sample: GazeSample


class _Stream(ABC):
    """What both detectors share: valid samples in order of time, losses, and the making of events."""

    def __init__(self, hfov_deg: float, aspect: float, bridge_ns: int) -> None:
        self._width, self._height = tangent_scale(hfov_deg, aspect)
        self._bridge_ns = bridge_ns
        self._ids = itertools.count(1)
        self._clock_ns: int | None = None
        self._point: _Point | None = None  # latest valid sample
        self._lost: _Point | None = None  # the one before a loss that goes on
        self._step_ns = 0  # usual time from sample to sample
        self._ended: _Point | None = None  # last sample of the last fixation, while nothing was lost since
        self._out: list[EyeEvent] = []
        self.dropped: dict[str, int] = {"clock": 0, "duplicate": 0}

    def feed(self, samples: Sequence[GazeSample]) -> list[EyeEvent]:
        """Take samples in order of time and return the events that ended, however the samples are cut into blocks."""
        for sample in samples:
            if self._clock_ns is not None and sample.t_ns <= self._clock_ns:
                self.dropped["duplicate" if sample.t_ns == self._clock_ns else "clock"] += 1
                continue
            if self._clock_ns is not None:
                self._learn_step(sample.t_ns - self._clock_ns)
            self._clock_ns = sample.t_ns
            self._lose(sample.t_ns)
            x, y = sample.x_norm, sample.y_norm
            if x is None or y is None or not sample.worn:
                continue
            px, py = (x - 0.5) * self._width, (y - 0.5) * self._height
            n = math.sqrt(px * px + py * py + 1.0)
            angles = math.degrees(math.atan(px)), math.degrees(math.atan(py))
            point = _Point(sample.t_ns, x, y, *angles, (px / n, py / n, 1.0 / n), sample)
            if self._lost is not None:
                self._emit("lost", self._lost, self._lost, (), sample.t_ns)
                self._lost = None
            self._point = point
            self._take(point)
        return self._emitted()

    def finish(self) -> list[EyeEvent]:
        """The recording is over: return what was still open."""
        if self._point is not None:
            self._end_run()
            self._ended = self._point = None
        if self._lost is not None and self._clock_ns is not None:
            self._emit("lost", self._lost, self._lost, (), self._clock_ns)
            self._lost = None
        return self._emitted()

    def _learn_step(self, step_ns: int) -> None:
        """A running median, in steps of a twentieth: a tracker of 10 samples a second is not lost between any two of them."""
        most = max(1, self._step_ns // 20)
        self._step_ns = self._step_ns + max(-most, min(most, step_ns - self._step_ns)) if self._step_ns else min(step_ns, _SLOWEST_NS)

    def _lose(self, now_ns: int) -> None:
        """If gaze was away for longer than may be passed over, what went before is over."""
        last = self._point
        if last is not None and now_ns - last.t_ns > max(self._bridge_ns, 3 * self._step_ns // 2):
            self._end_run()
            self._ended = self._point = None
            self._lost = last

    @abstractmethod
    def _take(self, point: _Point) -> None:
        """Take the next point in."""

    @abstractmethod
    def _end_run(self) -> None:
        """What is under way is over."""

    def _fixation(self, points: Sequence[_Point]) -> None:
        """A fixation, and the saccade that led to it from the one before."""
        if self._ended is not None and points[0].t_ns > self._ended.t_ns:
            self._emit("saccade", self._ended, points[0], (), points[0].t_ns)
        self._emit("fixation", points[0], points[-1], points, points[-1].t_ns)
        self._ended = points[-1]

    def _emit(self, kind: EyeKind, first: _Point, last: _Point, points: Sequence[_Point], end_ns: int) -> None:
        x = y = None
        spread = 0.0
        if points:
            x, y = sum(p.x_norm for p in points) / len(points), sum(p.y_norm for p in points) / len(points)
            x_deg, y_deg = sum(p.x_deg for p in points) / len(points), sum(p.y_deg for p in points) / len(points)
            spread = math.sqrt(sum((p.x_deg - x_deg) ** 2 + (p.y_deg - y_deg) ** 2 for p in points) / len(points))
        elif kind == "saccade":
            x, y = last.x_norm, last.y_norm
        sure = sum(p.sample.confidence for p in points) / len(points) if points else last.sample.confidence
        now_ns = max(end_ns, self._clock_ns or end_ns)
        source = first.sample.source
        self._out.append(EyeEvent(next(self._ids), kind, first.t_ns, end_ns, x, y, spread, "final", now_ns, sure, source))

    def _emitted(self) -> list[EyeEvent]:
        out, self._out = self._out, []
        return out


class IvtDetector(_Stream):
    """Velocity threshold: samples slower than it, side by side, are a fixation (Salvucci and Goldberg 2000; Olsen 2012).

    Args:
        hfov_deg: Horizontal field of view of the scene camera, degrees.
        aspect: Width over height of its picture.
        rules: Thresholds.

    Raises:
        ValueError: The camera is impossible.
    """

    def __init__(self, hfov_deg: float, aspect: float, rules: IvtRules = TOBII_IVT) -> None:
        super().__init__(hfov_deg, aspect, rules.bridge_ns)
        self._rules = rules
        self._near: deque[_Point] = deque()  # the samples around the one under judgement
        self._at = 0  # which of them that is
        self._slow: list[_Point] = []  # the fixation under way
        self._held: list[_Point] = []  # or the one before, which may still go on

    def _take(self, point: _Point) -> None:
        self._near.append(point)
        half_ns = self._rules.window_ns // 2
        while self._at < len(self._near) and point.t_ns - self._near[self._at].t_ns >= half_ns:
            self._judge(half_ns)
        if self._held and point.t_ns - half_ns - self._held[-1].t_ns > self._rules.merge_ns:
            self._settle()

    def _judge(self, half_ns: int) -> None:
        near = self._near
        now = near[self._at]
        while self._at > 1 and now.t_ns - near[0].t_ns > half_ns:
            near.popleft()
            self._at -= 1
        first = next(p for p in near if now.t_ns - p.t_ns <= half_ns)
        last = next(p for p in reversed(near) if p.t_ns - now.t_ns <= half_ns)
        if first is last and self._at:
            first = near[self._at - 1]  # a window of one sample has no speed
        self._at += 1
        span_s = (last.t_ns - first.t_ns) * 1e-9
        if span_s > 0.0 and math.degrees(_angle(first.ray, last.ray)) > self._rules.threshold_dps * span_s:
            if self._slow:
                self._held, self._slow = self._slow, []
                if self._rules.merge_deg <= 0.0:
                    self._settle()
            return
        if self._held:
            if self._joins(now):
                self._slow, self._held = self._held, []
            else:
                self._settle()
        self._slow.append(now)

    def _joins(self, point: _Point) -> bool:
        """Whether a fixation that begins here goes on with the one before."""
        rules, end = self._rules, self._held[-1]
        if point.t_ns - end.t_ns > rules.merge_ns:
            return False
        return math.degrees(_angle(end.ray, point.ray)) <= rules.merge_deg

    def _settle(self) -> None:
        """Nothing more can join the fixation before: it counts if it is long enough."""
        if self._held[-1].t_ns - self._held[0].t_ns >= self._rules.shortest_ns:
            self._fixation(self._held)
        self._held = []

    def _end_run(self) -> None:
        while self._at < len(self._near):
            self._judge(self._rules.window_ns // 2)
        if self._slow:
            self._held, self._slow = self._slow, []
        if self._held:
            self._settle()
        self._near.clear()
        self._at = 0


class IdtDetector(_Stream):
    """Dispersion threshold: a window of the shortest duration that is compact enough, grown while it stays so (Salvucci and Goldberg 2000).

    Args:
        hfov_deg: Horizontal field of view of the scene camera, degrees.
        aspect: Width over height of its picture.
        rules: Thresholds.

    Raises:
        ValueError: The camera is impossible.
    """

    def __init__(self, hfov_deg: float, aspect: float, rules: IdtRules | None = None) -> None:
        self._rules = rules or IdtRules()
        super().__init__(hfov_deg, aspect, self._rules.bridge_ns)
        self._window: list[_Point] = []
        self._box = (0.0, 0.0, 0.0, 0.0)  # of the window, while it is a fixation
        self._fixating = False

    def _take(self, point: _Point) -> None:
        self._window.append(point)
        if self._fixating:
            x0, y0, x1, y1 = self._box
            self._box = min(x0, point.x_deg), min(y0, point.y_deg), max(x1, point.x_deg), max(y1, point.y_deg)
            if self._compact():
                return
            self._fixation(self._window[:-1])
            self._window, self._fixating = [point], False
        while self._window[-1].t_ns - self._window[0].t_ns >= self._rules.shortest_ns:
            xs, ys = [p.x_deg for p in self._window], [p.y_deg for p in self._window]
            self._box = min(xs), min(ys), max(xs), max(ys)
            if self._compact():
                self._fixating = True
                return
            del self._window[0]

    def _compact(self) -> bool:
        x0, y0, x1, y1 = self._box
        return (x1 - x0) + (y1 - y0) <= self._rules.dispersion_deg

    def _end_run(self) -> None:
        if self._fixating:
            self._fixation(self._window)
        self._window, self._fixating = [], False


def _angle(a: Ray, b: Ray) -> float:
    """Angle between unit directions, radians; exact to rounding below a right angle."""
    return 2.0 * math.asin(min(1.0, math.dist(a, b) / 2.0))
