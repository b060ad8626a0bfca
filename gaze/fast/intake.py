"""From samples to points, as in :mod:`gaze.intake`, :mod:`gaze.blink` and :mod:`gaze.head`."""

from __future__ import annotations

from math import cos, pi, sin, sqrt

from gaze.fast.compiled import compiled
from gaze.fast.state import NONE, Eye

_RADIANS = pi / 180.0


@compiled
def turn_head(eye: Eye, yaw_deg: float, pitch_deg: float, roll_deg: float) -> None:
    """The head turned since the sample before."""
    x, y, z = pitch_deg * _RADIANS, yaw_deg * _RADIANS, roll_deg * _RADIANS
    angle = sqrt(x * x + y * y + z * z)
    bw, bx, by, bz = 1.0, 0.0, 0.0, 0.0
    if angle >= 1e-12:
        s = sin(angle / 2.0) / angle
        bw, bx, by, bz = cos(angle / 2.0), s * x, s * y, s * z
    head = eye.intake.head
    aw, ax, ay, az = head[0], head[1], head[2], head[3]
    w, x = aw * bw - ax * bx - ay * by - az * bz, aw * bx + ax * bw + ay * bz - az * by
    y, z = aw * by - ax * bz + ay * bw + az * bx, aw * bz + ax * by - ay * bx + az * bw
    size = sqrt(w * w + x * x + y * y + z * z)
    head[0], head[1], head[2], head[3] = w / size, x / size, y / size, z / size


@compiled
def take_in(eye: Eye, t_ns: int, x_norm: float, y_norm: float, confidence: float, worn: bool) -> bool:
    """Add a sample, later than the last one; from ``eye.looked`` to ``eye.spare`` lie the points not yet looked at.

    Returns:
        Whether they are now known to show gaze.
    """
    intake = eye.intake
    seen = worn and x_norm == x_norm and y_norm == y_norm
    if seen:
        if x_norm == intake.same_x and y_norm == intake.same_y:
            if intake.tracker and t_ns - intake.same_ns >= eye.rules.frozen_ns:
                intake.frozen += 1
                seen = False
        else:
            intake.same_x, intake.same_y, intake.same_ns = x_norm, y_norm, t_ns
    believed = (confidence if intake.tracker else 1.0) if seen else 0.0
    shut_ns = _shut(eye, t_ns, believed)
    if not seen or believed < eye.lids.least:
        eye.spare = eye.looked
        if shut_ns != NONE and intake.shut_ns == NONE:
            intake.shut_ns = shut_ns
        return False
    point = eye.points[eye.spare]
    point.t_ns, point.x_norm, point.y_norm, point.confidence = t_ns, x_norm, y_norm, confidence
    _look_along(eye, point)
    eye.spare += 1
    if shut_ns == NONE:
        intake.shut_ns = NONE
    elif intake.shut_ns == NONE:
        intake.shut_ns = shut_ns
    return bool(intake.shut_ns == NONE)


@compiled
def _look_along(eye: Eye, point: Eye) -> None:
    """Give a point its direction."""
    intake, ray = eye.intake, point.ray
    px, py = (point.x_norm - 0.5) * intake.width, (point.y_norm - 0.5) * intake.height
    size = sqrt(px * px + py * py + 1.0)
    vx, vy, vz = px / size, py / size, 1.0 / size
    if intake.turns:
        w, x, y, z = intake.head[0], intake.head[1], intake.head[2], intake.head[3]
        tx, ty, tz = 2.0 * (y * vz - z * vy), 2.0 * (z * vx - x * vz), 2.0 * (x * vy - y * vx)
        vx, vy, vz = vx + w * tx + y * tz - z * ty, vy + w * ty + z * tx - x * tz, vz + w * tz + x * ty - y * tx
    ray[0], ray[1], ray[2] = vx, vy, vz


@compiled
def _shut(eye: Eye, t_ns: int, confidence: float) -> int:
    """Since when the eye is closed, or no time."""
    rules, lids, row = eye.rules.lids, eye.lids, eye.book.end
    if confidence == lids.usual:
        lids.seen += 1
        lids.last_ns = t_ns
    elif confidence > 0.0:
        lids.seen += 1
        rate = max(1.0 / lids.seen, min((t_ns - lids.last_ns) * 1e-9, 0.1) / rules.usual_s)
        lids.last_ns = t_ns
        lids.usual += min(rate, abs(confidence - lids.usual)) * (1.0 if confidence > lids.usual else -1.0)
        lids.least = min(rules.below, rules.below_usual * lids.usual)
    low = confidence < lids.least
    eye.t_ns[row], eye.low[row] = t_ns, low
    lids.low += low
    while t_ns - eye.t_ns[lids.recent] > rules.window_ns:
        lids.low -= eye.low[lids.recent]
        lids.recent += 1
    count = row + 1 - lids.recent
    if count < 3:
        return int(t_ns if low else NONE)
    return int(eye.t_ns[lids.recent + count // 2] if 2 * lids.low > count else NONE)
