"""A recording of a device's gaze, whatever the device: what every reader here gives back, and how rows become one.

Positions are normalised to the scene camera's picture as the camera took it (origin top left, distortion and all), so that they fit its
frames. Times start at 0 with the device's own first time kept beside them.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from devices.recordings.checks import check_order, check_places, check_times
from edge_runtime.errors import GazeFileError
from gaze.camera import Camera
from gaze.types import GazeSample

_S = 1_000_000_000
_FARTHEST_NORM = 1e6
_GAP_STEPS = 10
LATEST_NS = 2**63
UNVERIFIED = "read by the published layout of this format, which has not been tried on a real file"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a device recorded of its wearer's gaze.

    Attributes:
        samples: In order of time, the first at 0 ns, no time twice. A sample without a point is a moment at which the device saw no gaze.
        t_origin_ns: The device's own time of the first sample, nanoseconds on the device's clock.
        name: Of the recording; the folder's or file's where the device gives none.
        device: What recorded it.
        rate_hz: Measured: samples a second, gaps (steps above ten times the usual one) left out. ``None`` for a single sample.
        hfov_deg: Horizontal field of view of the scene camera, degrees; ``None`` if nothing says it. ``note`` says where it is assumed.
        width_px: Of the scene camera's picture, ``None`` if nothing says it.
        height_px: Of the scene camera's picture, ``None`` together with ``width_px``.
        dropped: Rows left out, by reason: ``unreadable`` (too few cells, a word for a number, not JSON), ``torn`` (cut off at the end),
            ``no_time``, ``duplicate`` (the time of the row before), ``backward`` (out of order).
        not_understood: Columns and files beside them that mean nothing to the reader.
        verified: Whether the reader has been tried on a real file of this kind.
        note: What it was taken for, what was assumed, and what is wrong with it, in words.
        camera: Matrix and distortion of the scene camera, where the recording holds them.
    """

    samples: tuple[GazeSample, ...]
    t_origin_ns: int
    name: str
    device: str
    rate_hz: float | None
    hfov_deg: float | None
    width_px: int | None
    height_px: int | None
    dropped: dict[str, int]
    not_understood: tuple[str, ...]
    verified: bool
    note: str
    camera: Camera | None = None


class Row(NamedTuple):
    """One gaze point as the file has it, in the device's time; NaN where there is no gaze."""

    t_ns: int
    x_norm: float
    y_norm: float
    confidence: float = 1.0
    worn: bool = True


@dataclass
class Rows:
    """Rows of one file, and what was left out of it."""

    kept: list[Row] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)

    def drop(self, reason: str, count: int = 1) -> None:
        """Count rows that are left out."""
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count

    def add(self, t_ns: int | None, x_norm: float, y_norm: float, confidence: float = 1.0, worn: bool = True) -> None:
        """Take a row; one without a time is left out."""
        if t_ns is None or abs(t_ns) >= LATEST_NS:
            self.drop("no_time")
        else:
            self.kept.append(Row(t_ns, x_norm, y_norm, confidence, worn))


@dataclass
class Source:
    """What a reader knows about a recording beside its rows; fields as in :class:`Recorded`.

    ``notes`` begins with what the recording was taken for. ``in_pixels`` says that the file gives pixels, so that a unit that is too
    small can be told from its place in the picture's corner.
    """

    path: str
    name: str
    device: str
    notes: list[str]
    verified: bool
    hfov_deg: float | None = None
    width_px: int | None = None
    height_px: int | None = None
    camera: Camera | None = None
    not_understood: tuple[str, ...] = ()
    in_pixels: bool = False


def finish(rows: Rows, source: Source) -> Recorded:
    """Check the rows of a file and make them a recording.

    Raises:
        GazeFileError: No row is left, no row has gaze, or the times or positions cannot be in the unit they should be in.
    """
    if not rows.kept:
        why = ", ".join(f"{count} {reason}" for reason, count in rows.dropped.items()) or "it has none"
        raise GazeFileError(f"{source.path} has no usable gaze rows ({why})", hint=f"taken for: {source.notes[0]}")
    kept = _in_order(rows)
    check_order(rows.dropped.get("backward", 0), len(kept), source.path)
    steps = [b.t_ns - a.t_ns for a, b in itertools.pairwise(kept)]
    check_times(steps, source.path)
    origin_ns = kept[0].t_ns
    samples = tuple(_sample(row, origin_ns, source.path) for row in kept)
    points = [(s.x_norm, s.y_norm) for s in samples if s.x_norm is not None and s.y_norm is not None]
    if not points:
        raise GazeFileError(f"none of the {len(samples)} rows of {source.path} has gaze", hint="was the device worn and calibrated?")
    check_places(points, source.path, in_pixels=source.in_pixels)
    notes = [f"taken for {source.notes[0]}", *source.notes[1:], *([] if source.verified else [UNVERIFIED])]
    return Recorded(
        samples=samples,
        t_origin_ns=origin_ns,
        name=source.name,
        device=source.device,
        rate_hz=rate_hz(steps),
        hfov_deg=source.hfov_deg,
        width_px=source.width_px,
        height_px=source.height_px,
        dropped=dict(rows.dropped),
        not_understood=source.not_understood,
        verified=source.verified,
        note="; ".join([*notes, *_said(samples, steps, len(samples) - len(points), rows.dropped)]),
        camera=source.camera,
    )


def rate_hz(steps_ns: list[int]) -> float | None:
    """Samples a second over the steps that are no gap, or ``None`` without steps.

    The mean, not the median: Pupil Invisible steps by 4 ms mostly and still gives 200 samples a second.
    """
    if not steps_ns:
        return None
    longest = _GAP_STEPS * median(steps_ns)
    even = [step for step in steps_ns if step <= longest]
    return _S * len(even) / sum(even)


def _in_order(rows: Rows) -> list[Row]:
    """As many rows as can be kept with their times going up; the others counted.

    The longest rising subsequence (Fredman 1975), so that one wrong time far ahead costs its own row and not all that follow.
    """
    tails: list[int] = []  # the least time that ends a rising run of each length ...
    ends: list[int] = []  # ... and its row
    before = [-1] * len(rows.kept)
    for n, row in enumerate(rows.kept):
        at = bisect.bisect_left(tails, row.t_ns)
        before[n] = ends[at - 1] if at else -1
        if at == len(tails):
            tails.append(row.t_ns)
            ends.append(n)
        elif tails[at] != row.t_ns:  # of two equal times the first stays
            tails[at], ends[at] = row.t_ns, n
    chosen: list[int] = []
    n = ends[-1]
    while n >= 0:
        chosen.append(n)
        n = before[n]
    for n in sorted(set(range(len(rows.kept))) - set(chosen)):
        again = n > 0 and rows.kept[n].t_ns == rows.kept[n - 1].t_ns
        rows.drop("duplicate" if again else "backward")
    return [rows.kept[n] for n in reversed(chosen)]


def _sample(row: Row, origin_ns: int, path: str) -> GazeSample:
    t_ns = row.t_ns - origin_ns
    # NaN fails every comparison, so a missing number is no gaze
    if not (abs(row.x_norm) < _FARTHEST_NORM and abs(row.y_norm) < _FARTHEST_NORM and row.confidence >= 0.0):
        return GazeSample(t_ns, None, None, 0.0, row.worn)
    if row.confidence > 1.0:
        raise GazeFileError(f"a confidence in {path} is {row.confidence:g}, {t_ns / _S:.3f} s in", hint="confidence runs from 0 to 1")
    return GazeSample(t_ns, row.x_norm, row.y_norm, row.confidence, row.worn)


def _said(samples: tuple[GazeSample, ...], steps: list[int], empty: int, dropped: dict[str, int]) -> Iterable[str]:
    yield f"{len(samples)} gaze samples over {samples[-1].t_ns / _S:.1f} s"
    if empty:
        yield f"{empty} of them without gaze"
    if steps and max(steps) > _GAP_STEPS * median(steps):
        yield f"longest gap {max(steps) / _S:.2f} s"
    taken_off = sum(not sample.worn for sample in samples)
    if taken_off:
        yield f"{taken_off} samples while the device was not worn"
    yield from (f"{count} rows left out ({reason})" for reason, count in dropped.items())
