"""How a camera turned, by how the directions of still things changed while it also travelled by an amount that nobody knows.

A wearer who walks past a wall sees it slide by as fast as if the head had turned, so a rotation fitted alone is wrong there by tens of
degrees a second. Directions are therefore explained by a turn and a direction of travel. A thing may shift along the great circle that
leads away from where the camera goes, as far as its unknown distance asks for; only what lies across that circle, or points back along
it, is error: the epipolar constraint of Longuet-Higgins 1981, as an angle, with distances that are positive. Directions of travel are
tried all over the sphere and the best refined by Gauss-Newton with the weights of Geman and McClure 1987, so nothing is drawn by chance.
Where travel explains no more than noise, the turn alone is taken, which is far less noisy; the choice is that of Torr 1998.

Turns are rotation vectors, radians: x right, y down, z forward, from the later camera frame to the earlier one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_ALONE_STEPS, _TRIED_STEPS, _FINE_STEPS = 4, 3, 3
_TRIED, _REFINED = 24, 6
_LONGEST_STEP_RAD = 0.3
_FAR = 3.0
"""An error of so many times the noise is no error of measurement."""
_QUIETEST = 0.3
"""Share of the given noise that a good picture may come down to."""
_RIVAL = 40.0
"""How much more misfit, in squares of the noise, still explains as much."""
_TINY = 1e-12


class Motion(NamedTuple):
    """How a camera turned between two pictures.

    Attributes:
        turn: float64 [3].
        explained: Share of the directions that the motion explains, 0..1.
        error_rad: Standard error of the turn about its worst axis.
        travelled: Whether the camera is seen to have moved from its place.
    """

    turn: Array
    explained: float
    error_rad: float
    travelled: bool


def fit_motion(before: Array, after: Array, noise_rad: float) -> Motion:
    """Explain how directions changed.

    Args:
        before: float64 [n, 3], unit directions of things in the earlier camera frame, more than five.
        after: float64 [n, 3], of the same things in the later camera frame.
        noise_rad: Usual error of a direction across any axis.
    """
    alone = _turn_alone(before, after, noise_rad)
    shift = after @ alone.T - before
    turns, travels = _refine(before, shift, *_likeliest(before, shift, noise_rad), noise_rad)
    seen = _linear(before, shift, turns, travels)
    best, others_rad = _best(turns, seen, noise_rad)
    across, along = seen.across[best], seen.along[best]
    rest = np.sqrt(np.sum(shift * shift, axis=1))
    travelled = _travel_explains(rest, across, noise_rad)
    if travelled:
        total = _matrix(turns[best]) @ alone
        good = (np.abs(across) < _FAR * noise_rad) & (along > -_FAR * noise_rad)
        information = _known_of_turn(seen.slope[best], across, along, noise_rad)
    else:
        total, others_rad = alone, 0.0
        good = rest < _FAR * noise_rad
        information = _known_alone(before, good.astype(np.float64))
    weakest = max(float(np.linalg.eigvalsh(information)[0]), _TINY)
    return Motion(_vector(total), float(np.mean(good)), max(noise_rad / math.sqrt(weakest), others_rad), travelled)


def _turn_alone(before: Array, after: Array, noise_rad: float) -> Array:
    """The rotation [3, 3] that explains most without any travel."""
    total = np.eye(3)
    weight = np.ones(len(before))
    for _ in range(_ALONE_STEPS):
        shift = after @ total.T - before
        far = np.sqrt(np.sum(shift * shift, axis=1))
        weight = _trust(far, max(float(np.median(far)), noise_rad))
        moment = (before * weight[:, None]).T @ shift
        turn = np.asarray(np.linalg.solve(_known_alone(before, weight), -_off_diagonal(moment)), np.float64)
        total = _matrix(turn) @ total
    return total


def _likeliest(before: Array, shift: Array, noise_rad: float) -> tuple[Array, Array]:
    """The best turns with their directions of travel, both float64 [k, 3], after trying the whole sphere."""
    m, e, _ = _axes(before, _DIRECTIONS)
    offset = np.sum(m * shift, axis=2)
    turns, error, weight = np.zeros_like(_DIRECTIONS), offset, np.ones_like(offset)
    for _ in range(_TRIED_STEPS):
        weighted = e * weight[..., None]
        normal = weighted.transpose(0, 2, 1) @ e + _TINY * np.eye(3)
        turns = np.linalg.solve(normal, weighted.transpose(0, 2, 1) @ offset[..., None])[..., 0]
        error = offset - (e @ turns[..., None])[..., 0]
        weight = _trust(error, np.maximum(np.median(np.abs(error), axis=1, keepdims=True), noise_rad))
    along = np.sum(e * (shift + before @ _skew(turns).transpose(0, 2, 1)), axis=2)
    # a direction of travel and its opposite differ in nothing but which way things must shift
    ahead, behind = _cost(error, along, noise_rad), _cost(error, -along, noise_rad)
    best = np.argsort(np.concatenate([ahead, behind]))[:_REFINED]
    sign = np.where(best < _TRIED, 1.0, -1.0)
    return turns[best % _TRIED], sign[:, None] * _DIRECTIONS[best % _TRIED]


def _refine(before: Array, shift: Array, turns: Array, travels: Array, noise_rad: float) -> tuple[Array, Array]:
    """Turns and directions of travel [k, 3] after some steps downhill, each of the k for itself."""
    for _ in range(_FINE_STEPS):
        now = _linear(before, shift, turns, travels)
        weight = _trust(np.hypot(now.across, np.minimum(now.along, 0.0)), noise_rad)
        weighted = (now.slope * weight[..., None]).transpose(0, 2, 1)
        step = np.linalg.solve(weighted @ now.slope + 1e-9 * np.eye(5), -(weighted @ now.across[..., None]))
        turns = turns + step[:, :3, 0]
        length = np.sqrt(np.sum(step[:, 3:] ** 2, axis=1, keepdims=True))
        travels = travels + (now.aside @ (step[:, 3:] * np.minimum(1.0, _LONGEST_STEP_RAD / (length + _TINY))))[..., 0]
        travels = travels / np.sqrt(np.sum(travels**2, axis=1, keepdims=True))
    return turns, travels


def _best(turns: Array, seen: _Linear, noise_rad: float) -> tuple[int, float]:
    """Which motion explains most, and how far the turn of any other lies that explains as much: a wall seen alone allows two."""
    best = int(np.argmin(_cost(seen.across, seen.along, noise_rad)))
    usual = max(1.4826 * float(np.median(np.abs(seen.across[best]))), _QUIETEST * noise_rad)
    misfit = np.sum(np.minimum((seen.across**2 + np.minimum(seen.along, 0.0) ** 2) / usual**2, _FAR**2), axis=1)
    rivals = turns[misfit <= misfit[best] + _RIVAL]
    return best, float(np.sqrt(np.max(np.sum((rivals - turns[best]) ** 2, axis=1))))


def _known_of_turn(slope: Array, across: Array, along: Array, noise_rad: float) -> Array:
    """What is known of the turn, [3, 3], in units of the noise: what another direction of travel could explain is not."""
    weight = _trust(np.hypot(across, np.minimum(along, 0.0)), noise_rad)
    normal = (slope * weight[:, None]).T @ slope
    shared = normal[:3, 3:]
    return np.asarray(normal[:3, :3] - shared @ np.linalg.solve(normal[3:, 3:] + _TINY * np.eye(2), shared.T), np.float64)


class _Linear(NamedTuple):
    """What k motions leave of n shifts, and how that changes with them.

    Attributes:
        across: float64 [k, n], error across the circle that leads away from the direction of travel, radians.
        along: float64 [k, n], shift along it; an error where it is negative.
        slope: float64 [k, n, 5], of ``across`` by turn and by travel along ``aside``.
        aside: float64 [k, 3, 2], two axes across each direction of travel.
    """

    across: Array
    along: Array
    slope: Array
    aside: Array


def _linear(before: Array, shift: Array, turns: Array, travels: Array) -> _Linear:
    m, e, size = _axes(before, travels)
    moved = shift + before @ _skew(turns).transpose(0, 2, 1)
    across, along, aside = np.sum(m * moved, axis=2), np.sum(e * moved, axis=2), _aside(travels)
    return _Linear(across, along, np.concatenate([-e, (along / size)[..., None] * (m @ aside)], axis=2), aside)


def _axes(before: Array, travels: Array) -> tuple[Array, Array, Array]:
    """Across and along the circle through each direction and each travel, float64 [k, n, 3]; and the sine between the two, [k, n]."""
    normal = before @ _skew(travels).transpose(0, 2, 1)
    size = np.sqrt(np.sum(normal * normal, axis=2)) + _TINY
    ahead = (before @ travels.T).T
    return normal / size[..., None], (ahead[..., None] * before - travels[:, None]) / size[..., None], size


def _aside(travels: Array) -> Array:
    """Two axes [k, 3, 2] at right angles to each direction and to each other: Householder's mirror, which takes the last axis there."""
    v = travels + np.where(travels[:, 2:] < 0.0, -1.0, 1.0) * np.array([0.0, 0.0, 1.0])
    return np.asarray(np.eye(3)[:, :2] - 2.0 * v[:, :, None] * (v[:, None, :2] / np.sum(v * v, axis=1)[:, None, None]), np.float64)


def _travel_explains(rest: Array, across: Array, noise_rad: float) -> bool:
    """Whether a direction of travel is worth its parameters: Torr's criterion, at the noise that these directions show."""
    n = len(rest)
    variance = max(1.4826 * float(np.median(np.abs(across))), _QUIETEST * noise_rad) ** 2
    alone = float(np.sum(np.minimum(rest**2 / variance, 4.0))) + math.log(4.0) * 2 * n + math.log(4.0 * n) * 3
    travel = float(np.sum(np.minimum(across**2 / variance, 2.0))) + math.log(4.0) * 3 * n + math.log(4.0 * n) * 5
    return travel < alone


def _trust(error: Array, usual: float | Array) -> Array:
    """Weight of an error, 1 to 0: Geman and McClure."""
    return np.asarray(1.0 / (1.0 + (error / (2.0 * usual)) ** 2) ** 2, np.float64)


def _cost(across: Array, along: Array, noise_rad: float) -> Array:
    """Of each of k motions, over errors [k, n]."""
    q = (across**2 + np.minimum(along, 0.0) ** 2) / (2.0 * noise_rad) ** 2
    return np.asarray(np.sum(q / (1.0 + q), axis=1), np.float64)


def _known_alone(directions: Array, weight: Array) -> Array:
    """What directions tell of a turn, each of it but about itself: float64 [3, 3]."""
    return np.asarray(np.eye(3) * (np.sum(weight) + _TINY) - (directions * weight[:, None]).T @ directions, np.float64)


def _skew(v: Array) -> Array:
    """[k, 3] as matrices [k, 3, 3] that take the cross product with it."""
    out = np.zeros((len(v), 3, 3))
    out[:, 2, 1], out[:, 0, 2], out[:, 1, 0] = v.T
    return np.asarray(out - out.transpose(0, 2, 1), np.float64)


def _off_diagonal(moment: Array) -> Array:
    """Sum of the cross products whose outer products were summed."""
    return np.array([moment[1, 2] - moment[2, 1], moment[2, 0] - moment[0, 2], moment[0, 1] - moment[1, 0]])


def _matrix(turn: Array) -> Array:
    """The rotation [3, 3] of a rotation vector."""
    angle = math.sqrt(float(turn @ turn))
    k = _skew(turn[None])[0]
    if angle < 1e-8:
        return np.asarray(np.eye(3) + k, np.float64)
    return np.asarray(np.eye(3) + math.sin(angle) / angle * k + (1.0 - math.cos(angle)) / angle**2 * (k @ k), np.float64)


def _vector(rotation: Array) -> Array:
    """The rotation vector of a rotation [3, 3] of less than half a turn."""
    axis = -_off_diagonal(rotation) / 2.0
    sine = math.sqrt(float(axis @ axis))
    angle = math.atan2(sine, (float(np.trace(rotation)) - 1.0) / 2.0)
    return np.asarray(axis * (angle / sine if sine > _TINY else 1.0), np.float64)


def _sphere(count: int) -> Array:
    """Directions spread evenly over the half ahead, on a spiral of golden angles: float64 [count, 3]."""
    k = np.arange(count) + 0.5
    z, round_rad = 1.0 - k / count, math.pi * (1.0 + math.sqrt(5.0)) * k
    wide = np.sqrt(1.0 - z * z)
    return np.stack([wide * np.cos(round_rad), wide * np.sin(round_rad), z], axis=1)


_DIRECTIONS = _sphere(_TRIED)
