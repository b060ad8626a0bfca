"""A stretch of held gaze and what it amounts to: where, how tight, still or following."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gaze.roughness import DEG, MS, Ray
from gaze.types import EyeKind, GazeSource

_KEPT = 64
_EDGE = 128
# Where gaze rests is judged 10 to 50 ms inside an edge: nearer it still swings, farther it may have moved on
_NEAR_NS, _FAR_NS = 10 * MS, 50 * MS
_AT_PLACE = 2.0
_START_DEG, _END_DEG, _MOST_DEG = 0.2, 0.1, 3.0


class Point(NamedTuple):
    """A valid gaze sample and its direction (unit vector, camera frame)."""

    t_ns: int
    x_norm: float
    y_norm: float
    ray: Ray
    confidence: float
    source: GazeSource


class Summary(NamedTuple):
    """What a hold looks like so far."""

    kind: EyeKind
    x_norm: float
    y_norm: float
    dispersion_deg: float


class Hold:
    """Gaze held on something since ``first``.

    At most 64 points are kept, evenly thinned as the hold grows, so medians cost the same after an hour as after a second.

    Args:
        first: Its first sample.
    """

    __slots__ = ("_confidence", "_count", "_points", "_stride", "_tail", "first", "id", "kind", "last", "next_report_ns")

    def __init__(self, first: Point) -> None:
        self.first = self.last = first
        self.id = 0
        self.kind: EyeKind = "fixation"
        self.next_report_ns = 0
        self._points = [first]
        self._tail = deque([first], _EDGE)
        self._stride = 1
        self._count = 1
        self._confidence = first.confidence

    @property
    def age_ns(self) -> int:
        """From the first sample to the last."""
        return self.last.t_ns - self.first.t_ns

    @property
    def confidence(self) -> float:
        """Mean confidence of all samples."""
        return self._confidence / self._count

    def add(self, point: Point) -> None:
        """Gaze is still held at ``point``."""
        self.last = point
        self._tail.append(point)
        self._confidence += point.confidence
        if self._count % self._stride == 0:
            if len(self._points) == _KEPT:
                self._points = self._points[::2]
                self._stride *= 2
            if self._count % self._stride == 0:
                self._points.append(point)
        self._count += 1

    @property
    def place(self) -> Ray:
        """Mean direction of the points kept."""
        n = len(self._points)
        x, y, z = (sum(p.ray[k] for p in self._points) / n for k in range(3))
        return x, y, z

    def resume(self, again: Hold) -> None:
        """Gaze came back: it is held as in ``again``."""
        for point in again._points:
            self.add(point)

    def settle_start(self) -> None:
        """Let the hold begin when gaze had come to its place: leave out up to 10 ms during which it still swung around it."""
        start_ns = self.first.t_ns
        place = _place([p for p in self._tail if _NEAR_NS <= p.t_ns - start_ns <= _FAR_NS], _START_DEG)
        if place is None:
            return
        near = [p for p in self._tail if p.t_ns - start_ns <= _NEAR_NS]
        out = [k for k, p in enumerate(near) if DEG * math.dist(p.ray, place.ray) > place.radius_deg]
        if out:
            self.first = self._tail[out[-1] + 1]

    def settle_end(self) -> None:
        """Leave out the last sample if the eye had left on it."""
        end_ns = self.last.t_ns
        place = _place([p for p in self._tail if _NEAR_NS <= end_ns - p.t_ns <= _FAR_NS], _END_DEG)
        if place is not None and DEG * math.dist(self.last.ray, place.ray) > place.radius_deg:
            self.last = self._tail[-2]

    def summary(self, pursuit_dps: float, pursuit_deg: float) -> Summary:
        """Median place, spread around it, and whether gaze rested or followed.

        It followed if a straight line through the points moves faster than ``pursuit_dps``, farther than ``pursuit_deg`` and much
        farther than the points stray from it.
        """
        points = self._points
        n = len(points)
        x, y = _median([p.x_norm for p in points]), _median([p.y_norm for p in points])
        middle = min(points, key=lambda p: (p.x_norm - x) ** 2 + (p.y_norm - y) ** 2).ray
        rays = np.array([p.ray for p in points])
        dispersion = DEG * math.sqrt(_squares(rays - middle) / n)
        if n < 3:
            return Summary("fixation", x, y, dispersion)
        first_ns = self.first.t_ns
        times = np.array([p.t_ns - first_ns for p in points]) * 1e-9
        travel_s = float(times[-1] - times[0])
        times -= times.sum() / n
        rays -= rays.sum(axis=0) / n
        slope = times @ rays / float(times @ times)
        speed_dps = DEG * math.sqrt(float(slope @ slope))
        stray_deg = DEG * math.sqrt(_squares(rays - times[:, None] * slope) / n)
        following = speed_dps > pursuit_dps and speed_dps * travel_s > max(pursuit_deg, 4.0 * stray_deg)
        return Summary("pursuit" if following else "fixation", x, y, dispersion)


class _Place(NamedTuple):
    """Where gaze rests, and how far from there it still rests."""

    ray: Ray
    radius_deg: float


def _place(points: list[Point], least_deg: float) -> _Place | None:
    n = len(points)
    if n < 3:
        return None
    x, y, z = (sum(p.ray[k] for p in points) / n for k in range(3))
    spread_deg = DEG * math.sqrt(sum(math.dist(p.ray, (x, y, z)) ** 2 for p in points) / n)
    return _Place((x, y, z), min(max(least_deg, _AT_PLACE * spread_deg), _MOST_DEG))


def _median(values: list[float]) -> float:
    values.sort()
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2.0


def _squares(values: npt.NDArray[np.float64]) -> float:
    flat = values.ravel()
    return float(flat @ flat)
