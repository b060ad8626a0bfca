"""How good a gaze signal is: sampling, data loss, precision, accuracy, drift.

The measures are those that eye-tracking research reports (Holmqvist et al. 2012; COGAIN accuracy measures, Mulvey et al. 2015; Dunn et
al. 2023), on directions, so a degree is a degree everywhere in the picture:

- *precision RMS-S2S*: root mean square angle from sample to sample; the tracker's noise.
- *precision STD*: root mean square angle to the mean direction; noise and the eye's own unrest.
- *accuracy*: angle from the mean direction of gaze to the target it was held on.
- *data loss*: share of the samples that the tracker owed and did not deliver with gaze in them.
- *drift*: how fast the offset from targets changes.

Precision is taken in windows and their median reported, so that saccades, which are no noise, hardly count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gaze.geometry import Array, norm_to_deg, norm_to_ray, ray_angle_deg
from gaze.types import GazeSample

MS = 1_000_000
_GAP_STEPS = 3.0
_FULL = 0.8


class TooLittleGaze(ValueError):
    """There is not enough gaze to measure."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How regularly samples come.

    Attributes:
        rate_hz: Samples a second where samples come, gaps left out; from the mean step, since the median lies where steps are uneven.
        median_step_ms: Median time from sample to sample.
        p95_step_ms: 95 % of the steps are no longer.
        gaps: Steps longer than three times the median.
        gap_s: Time in them beyond one usual step each.
        duplicates: Samples whose time was seen just before.
        backward: Samples that lie before the one before them.
    """

    rate_hz: float
    median_step_ms: float
    p95_step_ms: float
    gaps: int
    gap_s: float
    duplicates: int
    backward: int


@dataclass(frozen=True, slots=True)
class Precision:
    """Noise while gaze rests, degrees.

    Attributes:
        rms_s2s_deg: Median over windows of the root mean square angle from sample to sample.
        std_deg: Median over windows of the root mean square angle to the mean direction.
        windows: How many windows had gaze enough.
    """

    rms_s2s_deg: float
    std_deg: float
    windows: int


@dataclass(frozen=True, slots=True)
class Loss:
    """Missing gaze.

    Attributes:
        invalid: Share of the samples delivered that hold no gaze, 0..1.
        lost: Share of the samples owed at the measured rate that came without gaze or not at all, 0..1; the data loss of a report.
        longest_s: Longest time from one sample with gaze to the next.
    """

    invalid: float
    lost: float
    longest_s: float


@dataclass(frozen=True, slots=True)
class Look:
    """Gaze held on a target whose place is known.

    Attributes:
        samples: Those of the look alone, the saccade to it left out.
        x_norm: Where the target is.
        y_norm: Where the target is.
    """

    samples: Sequence[GazeSample]
    x_norm: float
    y_norm: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Offset from known targets.

    Attributes:
        mean_deg: Mean over the targets of the angle between the mean direction of gaze and the target.
        worst_deg: The largest of them.
        x_deg: Mean horizontal offset, positive where gaze lies to the right of the target (field angles).
        y_deg: Mean vertical offset, positive where gaze lies below it.
        drift_x_deg_per_min: Trend of the horizontal offset over time, by least squares; NaN with fewer than three targets.
        drift_y_deg_per_min: The same vertically.
        targets: How many there were.
    """

    mean_deg: float
    worst_deg: float
    x_deg: float
    y_deg: float
    drift_x_deg_per_min: float
    drift_y_deg_per_min: float
    targets: int


def sampling(t_ns: Sequence[int]) -> Sampling:
    """How regularly samples come, from their times in the order in which they came.

    Raises:
        TooLittleGaze: Fewer than two different times.
    """
    times = np.asarray(t_ns, np.int64)
    steps = np.diff(times)
    forward = steps[steps > 0]
    if not forward.size:
        raise TooLittleGaze(f"a rate needs two samples at different times, got {times.size} samples")
    usual = float(np.median(forward))
    regular = forward[forward <= _GAP_STEPS * usual]
    mean = float(np.mean(regular))
    longer = forward[forward > _GAP_STEPS * usual]
    return Sampling(
        rate_hz=1e9 / mean,
        median_step_ms=usual / MS,
        p95_step_ms=float(np.percentile(regular, 95)) / MS,
        gaps=int(longer.size),
        gap_s=float(np.sum(longer - mean)) * 1e-9,
        duplicates=int(np.sum(steps == 0)),
        backward=int(np.sum(steps < 0)),
    )


def loss(samples: Sequence[GazeSample]) -> Loss:
    """How much gaze is missing, in a stream that may leave samples out or send them empty.

    Raises:
        TooLittleGaze: Fewer than two different times.
    """
    ordered = _in_order(samples)
    rate_hz = sampling([s.t_ns for s in ordered]).rate_hz
    span_s = (ordered[-1].t_ns - ordered[0].t_ns) * 1e-9
    valid_ns = [s.t_ns for s in ordered if s.valid]
    owed = max(len(ordered), round(span_s * rate_hz) + 1)
    edges = np.array([ordered[0].t_ns, *valid_ns, ordered[-1].t_ns], np.int64)
    return Loss(1.0 - len(valid_ns) / len(ordered), 1.0 - len(valid_ns) / owed, float(np.max(np.diff(edges))) * 1e-9)


def precision(samples: Sequence[GazeSample], *, hfov_deg: float, aspect: float, window_ns: int = 200 * MS) -> Precision:
    """Noise of gaze at rest.

    Args:
        samples: In any order; those without gaze are left out.
        hfov_deg: Horizontal field of view of the scene camera, degrees.
        aspect: Width over height of its picture.
        window_ns: Length of a window. One in which less than four fifths of the samples hold gaze is left out.

    Raises:
        TooLittleGaze: No window with gaze enough.
        ValueError: The camera is impossible.
    """
    ordered = _in_order(samples)
    step_ns = 1e9 / sampling([s.t_ns for s in ordered]).rate_hz
    owed = max(2.0, _FULL * window_ns / step_ns)
    valid = [s for s in ordered if s.valid]
    t_ns, rays = _rays(valid, hfov_deg, aspect)
    rms: list[float] = []
    std: list[float] = []
    if len(valid):
        which = (t_ns - t_ns[0]) // window_ns
        for k in np.unique(which):
            inside = which == k
            if inside.sum() >= owed:
                # a step over a loss is not a step from sample to sample
                near = np.diff(t_ns[inside]) <= _GAP_STEPS * step_ns
                apart = ray_angle_deg(rays[inside][:-1], rays[inside][1:])[near]
                if apart.size:
                    rms.append(rms_deg(apart))
                    std.append(rms_deg(ray_angle_deg(rays[inside], rays[inside].mean(axis=0))))
    if not rms:
        raise TooLittleGaze(f"no {window_ns / MS:g} ms in a row hold gaze enough to measure noise, among {len(valid)} samples with gaze")
    return Precision(float(np.median(rms)), float(np.median(std)), len(rms))


def accuracy(looks: Sequence[Look], *, hfov_deg: float, aspect: float) -> Accuracy:
    """Offset of gaze from known targets, and its drift.

    Raises:
        TooLittleGaze: No looks, or one without any gaze.
        ValueError: The camera is impossible.
    """
    if not looks:
        raise TooLittleGaze("accuracy needs at least one look at a target")
    apart: list[float] = []
    rows: list[tuple[float, float, float]] = []
    for look in looks:
        valid = [s for s in look.samples if s.valid]
        if not valid:
            raise TooLittleGaze(f"the look at ({look.x_norm:g}, {look.y_norm:g}) has no gaze in any of its {len(look.samples)} samples")
        t_ns, rays = _rays(valid, hfov_deg, aspect)
        middle = rays.mean(axis=0)
        target = norm_to_ray(look.x_norm, look.y_norm, hfov_deg=hfov_deg, aspect=aspect)
        apart.append(float(ray_angle_deg(middle, target)))
        x_deg, y_deg = norm_to_deg(look.x_norm, look.y_norm, hfov_deg=hfov_deg, aspect=aspect)
        gaze_deg = (math.degrees(math.atan2(middle[axis], middle[2])) for axis in (0, 1))
        dx, dy = (g - float(t) for g, t in zip(gaze_deg, (x_deg, y_deg), strict=True))
        rows.append((float(np.mean(t_ns - t_ns[0])) + float(t_ns[0] - _in_order(looks[0].samples)[0].t_ns), dx, dy))
    table = np.array(rows)
    drift_x, drift_y = (_slope(table[:, 0] / 60e9, table[:, axis]) for axis in (1, 2))
    return Accuracy(
        mean_deg=float(np.mean(apart)),
        worst_deg=max(apart),
        x_deg=float(np.mean(table[:, 1])),
        y_deg=float(np.mean(table[:, 2])),
        drift_x_deg_per_min=drift_x,
        drift_y_deg_per_min=drift_y,
        targets=len(looks),
    )


def rms_deg(angles_deg: npt.ArrayLike) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(np.asarray(angles_deg, np.float64)))))


def _slope(x: Array, y: Array) -> float:
    """Least-squares slope; NaN where three points at different times are missing."""
    away = x - x.mean()
    spread = float(away @ away)
    return float(away @ (y - y.mean()) / spread) if len(x) > 2 and spread > 0.0 else math.nan


def _in_order(samples: Sequence[GazeSample]) -> list[GazeSample]:
    """By time, the first of a time alone."""
    out: list[GazeSample] = []
    for sample in sorted(samples, key=lambda s: s.t_ns):
        if not out or sample.t_ns > out[-1].t_ns:
            out.append(sample)
    return out


def _rays(valid: Sequence[GazeSample], hfov_deg: float, aspect: float) -> tuple[npt.NDArray[np.int64], Array]:
    """Times, and unit directions [n, 3]."""
    places = np.array([(s.x_norm, s.y_norm) for s in valid], np.float64).reshape(-1, 2)
    return np.array([s.t_ns for s in valid], np.int64), norm_to_ray(places[:, 0], places[:, 1], hfov_deg=hfov_deg, aspect=aspect)
