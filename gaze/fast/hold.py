"""Stretches of held gaze and what they amount to, as in :mod:`gaze.hold`. There are never more than two: one held, one left."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from gaze.fast.compiled import compiled
from gaze.fast.distance import distance
from gaze.fast.state import FIXATION, PURSUIT, Eye
from gaze.hold import _AT_PLACE, _EDGE, _END_DEG, _FAR_NS, _KEPT, _MOST_DEG, _NEAR_NS, _START_DEG
from gaze.roughness import DEG

_TURN = _EDGE - 1  # a power of two less one: with it the last points go round


@compiled
def begin(hold: Eye, first: Eye, made: int) -> None:
    """Gaze is held since ``first``; ``made`` tells this hold from those that were here before it."""
    hold.first = first
    hold.last = first
    hold.made, hold.id, hold.kind, hold.next_report_ns = made, 0, FIXATION, 0
    hold.points[0] = first
    hold.tail[0] = first
    hold.kept = hold.shown = hold.stride = hold.count = 1
    hold.confidence = first.confidence


@compiled
def add(hold: Eye, point: Eye) -> None:
    """Gaze is still held at ``point``."""
    hold.last = point
    hold.tail[hold.shown & _TURN] = point
    hold.shown += 1
    hold.confidence += point.confidence
    # the stride is a power of two: this is the rest of a division by it
    if hold.count & (hold.stride - 1) == 0:
        if hold.kept == _KEPT:
            for k in range(_KEPT // 2):
                hold.points[k] = hold.points[2 * k]
            hold.kept = _KEPT // 2
            hold.stride *= 2
        if hold.count & (hold.stride - 1) == 0:
            hold.points[hold.kept] = point
            hold.kept += 1
    hold.count += 1


@compiled
def resume(hold: Eye, again: Eye) -> None:
    """Gaze came back: it is held as in ``again``."""
    for k in range(again.kept):
        add(hold, again.points[k])


@compiled
def place(hold: Eye) -> tuple[float, float, float]:
    """Mean direction of the points kept."""
    x = y = z = 0.0
    for k in range(hold.kept):
        ray = hold.points[k].ray
        x, y, z = x + ray[0], y + ray[1], z + ray[2]
    return x / hold.kept, y / hold.kept, z / hold.kept


@compiled
def settle_start(hold: Eye) -> None:
    """Let the hold begin when gaze had come to its place."""
    start_ns, oldest = hold.first.t_ns, max(0, hold.shown - _EDGE)
    rest, radius_deg = _rest(hold, start_ns + _NEAR_NS, start_ns + _FAR_NS, _START_DEG)
    if radius_deg < 0.0:
        return
    out = -1
    for k in range(oldest, hold.shown):
        point = hold.tail[k & _TURN]
        if point.t_ns - start_ns <= _NEAR_NS and DEG * distance(point.ray, rest) > radius_deg:
            out = k
    if out >= 0:
        hold.first = hold.tail[(out + 1) & _TURN]


@compiled
def settle_end(hold: Eye) -> None:
    """Leave out the last sample if the eye had left on it."""
    end_ns = hold.last.t_ns
    rest, radius_deg = _rest(hold, end_ns - _FAR_NS, end_ns - _NEAR_NS, _END_DEG)
    if radius_deg >= 0.0 and DEG * distance(hold.last.ray, rest) > radius_deg:
        hold.last = hold.tail[(hold.shown - 2) & _TURN]


@compiled
def _rest(hold: Eye, from_ns: int, to_ns: int, least_deg: float) -> tuple[tuple[float, float, float], float]:
    """Where gaze rested between two times, and how far from there it still rests; negative where that is not known."""
    x = y = z = xx = yy = zz = 0.0
    n, oldest = 0, max(0, hold.shown - _EDGE)
    for k in range(oldest, hold.shown):
        point = hold.tail[k & _TURN]
        if from_ns <= point.t_ns <= to_ns:
            x, y, z, n = x + point.ray[0], y + point.ray[1], z + point.ray[2], n + 1
    if n < 3:
        return (0.0, 0.0, 0.0), -1.0
    x, y, z = x / n, y / n, z / n
    for k in range(oldest, hold.shown):
        point = hold.tail[k & _TURN]
        if from_ns <= point.t_ns <= to_ns:
            dx, dy, dz = point.ray[0] - x, point.ray[1] - y, point.ray[2] - z
            xx, yy, zz = xx + dx * dx, yy + dy * dy, zz + dz * dz
    spread_deg = DEG * sqrt((xx + yy + zz) / n)
    return (x, y, z), min(max(least_deg, _AT_PLACE * spread_deg), _MOST_DEG)


@compiled
def summary(hold: Eye, pursuit_dps: float, pursuit_deg: float) -> tuple[int, float, float, float]:
    """Kind, median place and the spread around it, degrees."""
    n, points = hold.kept, hold.points
    x, y = _median(points, n, True), _median(points, n, False)
    middle, least = 0, np.inf
    for k in range(n):
        dx, dy = points[k].x_norm - x, points[k].y_norm - y
        apart = dx * dx + dy * dy
        if apart < least:
            middle, least = k, apart
    spread_deg = DEG * sqrt(_squares(points, n, points[middle].ray) / n)
    if n < 3:
        return FIXATION, x, y, spread_deg
    return _kind(points, n, hold.first.t_ns, pursuit_dps, pursuit_deg), x, y, spread_deg


@compiled
def _median(points: Any, n: int, across: bool) -> float:
    values = np.empty(_KEPT)
    for k in range(n):
        values[k] = points[k].x_norm if across else points[k].y_norm
    # of a few values, counting finds the middle sooner than sorting: it goes without a branch
    low, high, lower, upper = (n - 1) // 2, n // 2, np.nan, np.nan
    for k in range(n):
        below = upto = 0
        for j in range(n):
            below += values[j] < values[k]
            upto += values[j] <= values[k]
        if below <= low < upto:
            lower = values[k]
        if below <= high < upto:
            upper = values[k]
        if lower == lower and upper == upper:
            break
    return upper if n % 2 else (lower + upper) / 2.0


@compiled
def _squares(points: Any, n: int, middle: Any) -> float:
    """Sum of squared distances from a direction."""
    x = y = z = 0.0
    for k in range(n):
        ray = points[k].ray
        dx, dy, dz = ray[0] - middle[0], ray[1] - middle[1], ray[2] - middle[2]
        x, y, z = x + dx * dx, y + dy * dy, z + dz * dz
    return x + y + z


@compiled
def _kind(points: Any, n: int, first_ns: int, pursuit_dps: float, pursuit_deg: float) -> int:
    """Whether gaze followed something: a straight line through the points is fast, long, and near them all."""
    path = np.empty((_KEPT, 4))
    t = x = y = z = 0.0
    for k in range(n):
        ray, row = points[k].ray, path[k]
        row[0], row[1], row[2], row[3] = (points[k].t_ns - first_ns) * 1e-9, ray[0], ray[1], ray[2]
        t, x, y, z = t + row[0], x + row[1], y + row[2], z + row[3]
    travel_s = path[n - 1, 0] - path[0, 0]
    t, x, y, z = t / n, x / n, y / n, z / n
    tt = tx = ty = tz = 0.0
    for k in range(n):
        row = path[k]
        row[0], row[1], row[2], row[3] = row[0] - t, row[1] - x, row[2] - y, row[3] - z
        tt, tx, ty, tz = tt + row[0] * row[0], tx + row[0] * row[1], ty + row[0] * row[2], tz + row[0] * row[3]
    sx, sy, sz = tx / tt, ty / tt, tz / tt
    x = y = z = 0.0
    for k in range(n):
        row = path[k]
        dx, dy, dz = row[1] - row[0] * sx, row[2] - row[0] * sy, row[3] - row[0] * sz
        x, y, z = x + dx * dx, y + dy * dy, z + dz * dz
    speed_dps = DEG * sqrt(sx * sx + sy * sy + sz * sz)
    stray_deg = DEG * sqrt((x + y + z) / n)
    following = speed_dps > pursuit_dps and speed_dps * travel_s > max(pursuit_deg, 4.0 * stray_deg)
    return int(PURSUIT if following else FIXATION)
