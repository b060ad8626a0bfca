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
        return _mean([p.ray for p in self._points])

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
        apart = [(p.x_norm - x) * (p.x_norm - x) + (p.y_norm - y) * (p.y_norm - y) for p in points]
        middle = points[apart.index(min(apart))].ray
        first_ns = self.first.t_ns
        path = np.array([((p.t_ns - first_ns) * 1e-9, *p.ray) for p in points])
        dispersion = DEG * math.sqrt(_squares(path[:, 1:] - middle) / n)
        if n < 3:
            return Summary("fixation", x, y, dispersion)
        travel_s = float(path[-1, 0] - path[0, 0])
        path -= path.sum(axis=0) / n
        times, rays = path[:, :1], path[:, 1:]
        products = (times * path).sum(axis=0)
        slope = products[1:] / products[0]
        sx, sy, sz = slope.tolist()
        speed_dps = DEG * math.sqrt(sx * sx + sy * sy + sz * sz)
        stray_deg = DEG * math.sqrt(_squares(rays - times * slope) / n)
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
    place = _mean([p.ray for p in points])
    spread_deg = DEG * math.sqrt(_squares(np.array([p.ray for p in points]) - place) / n)
    return _Place(place, min(max(least_deg, _AT_PLACE * spread_deg), _MOST_DEG))


def _mean(rays: list[Ray]) -> Ray:
    # added up one after the other on any Python: sum() has carried the rounding along since 3.12
    x = y = z = 0.0
    for ray in rays:
        x, y, z = x + ray[0], y + ray[1], z + ray[2]
    n = len(rays)
    return x / n, y / n, z / n


def _median(values: list[float]) -> float:
    values.sort()
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2.0


def _squares(values: npt.NDArray[np.float64]) -> float:
    # down the rows, which numpy adds one after the other; a dot product would be the machine's own
    x, y, z = (values * values).sum(axis=0).tolist()
    return float(x + y + z)
