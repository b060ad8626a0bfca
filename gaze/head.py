"""Where gaze rests in the world while the head turns: eye-in-head plus head-in-world, sample by sample.

While the head turns, eyes that hold a thing turn back (the vestibulo-ocular reflex), so gaze wanders through the scene camera's picture
though nothing was looked at anew. Adding the head's rotation gives the direction in the world, which stays put. What is left is the
residual that a detector should judge.

**Signs.** The camera looks along +z, x points right, y points down. A head rotation is yaw (to the right positive), pitch (up
positive) and roll (clockwise as the wearer sees it, towards the right shoulder, positive). These are right-handed turns about y, x and
z, and together they are the components of one rotation vector, so no order of turns has to be agreed on. The camera sits on the head:
its rotation is the head's. Translation is not undone; passing a thing at arm's length still moves it.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from gaze.geometry import Array, tangent_scale
from gaze.types import GazeSample

Quaternion: TypeAlias = tuple[float, float, float, float]
Ray: TypeAlias = tuple[float, float, float]

_SAME: Quaternion = (1.0, 0.0, 0.0, 0.0)


class HeadRotation(NamedTuple):
    """How the head has turned since some moment: a rotation vector in the camera frame of that moment, degrees.

    Attributes:
        yaw_deg: To the right positive (about the axis that points down).
        pitch_deg: Up positive (about the axis that points right).
        roll_deg: Clockwise for the wearer positive (about the axis that points forward).
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float = 0.0


class WorldGaze(NamedTuple):
    """Gaze with the head's rotation added.

    Attributes:
        t_ns: Time of the sample.
        x_deg: Azimuth in the world, right positive, continuous: a full turn of the wearer to the right ends at 360.
        y_deg: Elevation in the world, **down** positive like all ``y_deg``, -90..90.
        ray: Unit direction in the world: x right, y down, z forward as the camera stood at the first sample.
        compensated: Whether the rotation since the sample before was known.
    """

    t_ns: int
    x_deg: float
    y_deg: float
    ray: Ray
    compensated: bool


class HeadCompensator:
    """Turns gaze in the picture into gaze in the world, causally: each sample is answered at once and never revised.

    Only differences matter to a detector of movements, so a world that drifts (a gyroscope's bias) does no harm; its absolute
    directions should not be trusted over minutes.

    Args:
        hfov_deg: Horizontal field of view of the scene camera, degrees.
        aspect: Width over height of its picture.

    Attributes:
        dropped: Samples left out, by reason: ``clock`` (went back in time), ``duplicate`` (time seen before).
        without_rotation: Samples whose rotation was not known; they are passed on as if the head had stood still.

    Raises:
        ValueError: The camera is impossible.
    """

    def __init__(self, hfov_deg: float, aspect: float) -> None:
        self._width, self._height = tangent_scale(hfov_deg, aspect)
        self._head: Quaternion = _SAME  # camera now -> world
        self._last_ns: int | None = None
        self._x_deg = 0.0
        self.dropped: dict[str, int] = {"clock": 0, "duplicate": 0}
        self.without_rotation = 0

    def feed(self, sample: GazeSample, rotation: HeadRotation | None) -> WorldGaze | None:
        """Add one sample, and how the head turned since the one before (valid or not).

        Args:
            sample: In order of time.
            rotation: Since the last sample that was fed; ``None`` where it is not known. That of the first sample is ignored.

        Returns:
            ``None`` for a sample without gaze (its rotation counts all the same) and for one that is dropped.

        Raises:
            ValueError: A rotation that is not finite.
        """
        t_ns = sample.t_ns
        first = self._last_ns is None
        if self._last_ns is not None and t_ns <= self._last_ns:
            self.dropped["duplicate" if t_ns == self._last_ns else "clock"] += 1
            return None
        self._last_ns = t_ns
        if not first:
            if rotation is None:
                self.without_rotation += 1
            else:
                self._head = _times(self._head, _quaternion(rotation))
        x, y = sample.x_norm, sample.y_norm
        if x is None or y is None or not sample.worn:
            return None
        px, py = (x - 0.5) * self._width, (y - 0.5) * self._height
        length = math.sqrt(px * px + py * py + 1.0)
        ray = _turn(self._head, (px / length, py / length, 1.0 / length))
        # of all azimuths that mean this direction, the one nearest to the last
        x_deg = math.degrees(math.atan2(ray[0], ray[2]))
        self._x_deg = x_deg + 360.0 * round((self._x_deg - x_deg) / 360.0)
        y_deg = math.degrees(math.atan2(ray[1], math.hypot(ray[0], ray[2])))
        return WorldGaze(t_ns, self._x_deg, y_deg, ray, first or rotation is not None)


def rotation_of_points(before: npt.ArrayLike, after: npt.ArrayLike) -> tuple[HeadRotation, float]:
    """The head rotation that best explains how still things moved through the picture.

    With many tracked points it is the least-squares rotation (Wahba 1965, solved by Kabsch 1976). A single point cannot show a turn
    about itself: then it is the shortest rotation. Turns are less than half a turn.

    Args:
        before: float [n, 3], directions of the things in the earlier picture, camera frame.
        after: float [n, 3], the same things in the later picture.

    Returns:
        The rotation, and what it leaves unexplained: root mean square angle, degrees. A large rest means that things moved, or that
        the wearer did, past something near.

    Raises:
        ValueError: No points, shapes that differ, or values that are not finite.
    """
    a, b = np.atleast_2d(np.asarray(before, np.float64)), np.atleast_2d(np.asarray(after, np.float64))
    if a.shape != b.shape or a.ndim != 2 or a.shape[1] != 3 or not a.size:
        raise ValueError(f"both are lists of n > 0 directions x, y, z, got shapes {a.shape} and {b.shape}")
    with np.errstate(invalid="ignore"):
        a, b = a / np.linalg.norm(a, axis=1, keepdims=True), b / np.linalg.norm(b, axis=1, keepdims=True)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a direction is finite and not zero; leave out the points that were lost")
    vector = _shortest(a[0], b[0]) if len(a) == 1 else _best(a, b)
    rotation = HeadRotation(*(math.degrees(vector[k]) for k in (1, 0, 2)))
    q = _quaternion(rotation)
    moved = np.array([_turn(q, (x, y, z)) for x, y, z in b.tolist()])
    apart = np.arctan2(np.linalg.norm(np.cross(moved, a), axis=1), np.sum(moved * a, axis=1))
    return rotation, float(np.degrees(np.sqrt(np.mean(apart**2))))


def combine(first: HeadRotation, then: HeadRotation) -> HeadRotation:
    """One rotation for two that follow each other."""
    return _rotation(_times(_quaternion(first), _quaternion(then)))


def difference(start: HeadRotation, end: HeadRotation) -> HeadRotation:
    """How the head turned from one orientation to another, both given against the same frame; undoes :func:`combine`."""
    w, x, y, z = _quaternion(start)
    return _rotation(_times((w, -x, -y, -z), _quaternion(end)))


def _shortest(a: Array, b: Array) -> Array:
    """Rotation vector that takes unit ``b`` to unit ``a``, radians."""
    across = np.cross(b, a)
    sine = float(np.linalg.norm(across))
    if sine < 1e-15:
        return np.zeros(3)
    return np.asarray(across / sine * math.atan2(sine, float(a @ b)), np.float64)


def _best(a: Array, b: Array) -> Array:
    """Rotation vector of the least-squares rotation from rows of ``b`` to rows of ``a``, radians."""
    u, _, vt = np.linalg.svd(b.T @ a)
    sign = 1.0 if np.linalg.det(vt.T @ u.T) > 0.0 else -1.0  # a mirror image is no rotation
    r = vt.T @ np.diag([1.0, 1.0, sign]) @ u.T
    axis = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])
    sine = float(np.linalg.norm(axis)) / 2.0
    angle = math.atan2(sine, (float(np.trace(r)) - 1.0) / 2.0)
    return np.asarray(axis / (2.0 * sine) * angle if sine > 1e-15 else np.zeros(3), np.float64)


def _quaternion(rotation: HeadRotation) -> Quaternion:
    x, y, z = math.radians(rotation.pitch_deg), math.radians(rotation.yaw_deg), math.radians(rotation.roll_deg)
    angle = math.sqrt(x * x + y * y + z * z)
    if not math.isfinite(angle):
        raise ValueError(f"a head rotation is finite, got {rotation}; give None where it is not known")
    if angle < 1e-12:
        return _SAME
    s = math.sin(angle / 2.0) / angle
    return math.cos(angle / 2.0), s * x, s * y, s * z


def _rotation(q: Quaternion) -> HeadRotation:
    """The rotation vector of a unit quaternion, at most half a turn."""
    w, x, y, z = q if q[0] >= 0.0 else (-q[0], -q[1], -q[2], -q[3])
    sine = math.sqrt(x * x + y * y + z * z)
    scale = math.degrees(2.0 * math.atan2(sine, w) / sine) if sine > 0.0 else 0.0
    return HeadRotation(scale * y, scale * x, scale * z)


def _times(a: Quaternion, b: Quaternion) -> Quaternion:
    """The product, kept at length one: a day of small turns must not change it."""
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    w, x = aw * bw - ax * bx - ay * by - az * bz, aw * bx + ax * bw + ay * bz - az * by
    y, z = aw * by - ax * bz + ay * bw + az * bx, aw * bz + ax * by - ay * bx + az * bw
    length = math.sqrt(w * w + x * x + y * y + z * z)
    return w / length, x / length, y / length, z / length


def _turn(q: Quaternion, v: Ray) -> Ray:
    """``v`` turned by ``q``."""
    w, x, y, z = q
    tx, ty, tz = 2.0 * (y * v[2] - z * v[1]), 2.0 * (z * v[0] - x * v[2]), 2.0 * (x * v[1] - y * v[0])
    return v[0] + w * tx + y * tz - z * ty, v[1] + w * ty + z * tx - x * tz, v[2] + w * tz + x * ty - y * tx
