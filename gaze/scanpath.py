"""The scanpath: a bounded log of what the eyes did, finished movements only.

A scanpath is the sequence of fixations and the saccades between them (Noton and Stark 1971; Holmqvist et al. 2011, Eye Tracking, ch. 8).
Saccades are kept with their amplitude and peak speed, the two sides of the main sequence (Bahill, Clark and Stark 1975), so that a
tracker whose saccades are no saccades shows. The log is one block of memory that never grows: the oldest entry makes room for
the newest, and is counted.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt

from gaze.geometry import tangent_scale
from gaze.head import Ray
from gaze.types import EyeEvent, EyeKind, GazeSample, GazeSource

MS = 1_000_000
_DEG = math.degrees(1.0)
_SPAN_NS = 6 * MS
_KINDS: tuple[EyeKind, ...] = get_args(EyeKind)
_SOURCES: tuple[GazeSource, ...] = get_args(GazeSource)
_ROW = np.dtype(
    [(name, "<i8") for name in ("id", "t_start_ns", "t_end_ns", "t_emit_ns")]
    + [(name, "<f8") for name in ("x_norm", "y_norm", "dispersion_deg", "confidence", "amplitude_deg", "peak_dps", "direction_deg")]
    + [(name, "u1") for name in ("kind", "source")]
)
ENTRY_BYTES = _ROW.itemsize
"""Memory of one entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One finished eye movement.

    Attributes:
        event: As the detector reported it last.
        amplitude_deg: Of a saccade: the angle from where it left to where it landed, degrees; else ``None``.
        peak_dps: Of a saccade: its highest speed, degrees a second, or ``None`` where fewer than two samples lie in it. Below some
            200 Hz the peak falls between samples and this is too low.
        direction_deg: Of a saccade: 0 right, 90 down, 180 left, 270 up in the picture; ``None`` where its samples are not known.
    """

    event: EyeEvent
    amplitude_deg: float | None = None
    peak_dps: float | None = None
    direction_deg: float | None = None


class Scanpath:
    """Keeps the last finished eye movements in a fixed number of bytes.

    Args:
        hfov_deg: Horizontal field of view of the scene camera, degrees.
        aspect: Width over height of its picture.
        max_entries: Most entries kept.
        max_bytes: Most memory for them; the tighter of the two bounds holds.
        recent_ns: How long samples are kept to measure a saccade with; it is told within 0.1 s.
        recent_samples: Most samples kept for that.

    Raises:
        ValueError: The camera is impossible, or not even one entry fits.
    """

    def __init__(
        self,
        hfov_deg: float,
        aspect: float,
        *,
        max_entries: int = 4096,
        max_bytes: int = 512 * 1024,
        recent_ns: int = 1000 * MS,
        recent_samples: int = 1024,
    ) -> None:
        self._width, self._height = tangent_scale(hfov_deg, aspect)
        fitting = max_bytes // ENTRY_BYTES
        capacity = min(max_entries, fitting)
        if capacity < 1:
            raise ValueError(f"a scanpath holds at least one entry of {ENTRY_BYTES} bytes, got {max_entries} entries in {max_bytes} bytes")
        self._bound = "count" if max_entries <= fitting else "bytes"
        self._rows = np.zeros(capacity, _ROW)
        self._first = self._count = 0
        self._ids: set[int] = set()
        self._recent: deque[GazeSample] = deque(maxlen=recent_samples)
        self._recent_ns = recent_ns
        self.dropped: dict[str, int] = {"count": 0, "bytes": 0, "duplicate": 0}
        """Entries let go: the oldest for want of room (``count``, ``bytes``), and movements already logged (``duplicate``)."""

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        """Memory of the log, the same from beginning to end."""
        return int(self._rows.nbytes)

    @property
    def capacity(self) -> int:
        """Most entries that fit both bounds."""
        return len(self._rows)

    def feed(self, events: Sequence[EyeEvent], samples: Sequence[GazeSample] = ()) -> list[Entry]:
        """Log the finished ones among these events and return them as entries, in the order given.

        Args:
            events: Reports of the detector; provisional ones are passed over.
            samples: What the detector was fed since the last call, in order of time, to measure saccades with. How the stream is cut
                into calls makes no difference.
        """
        entries: list[Entry] = []
        coming = iter(samples)
        held: GazeSample | None = next(coming, None)
        for event in events:
            # a saccade is measured with what had come when it was told, not with what a long block holds beyond it
            while held is not None and held.t_ns <= event.t_emit_ns:
                self._keep(held)
                held = next(coming, None)
            if event.stage != "final":
                continue
            if event.id in self._ids:
                self.dropped["duplicate"] += 1
                continue
            entry = self._measured(event) if event.kind == "saccade" else Entry(event)
            self._append(entry)
            entries.append(entry)
        while held is not None:
            self._keep(held)
            held = next(coming, None)
        return entries

    def entries(self, *kinds: EyeKind, since_ns: int | None = None) -> list[Entry]:
        """What is logged of these kinds (of all, if none is named) and ended at or after a time; in the order it was logged."""
        wanted = {_KINDS.index(kind) for kind in kinds or _KINDS}
        return [
            _entry(row) for row in self._ordered() if int(row["kind"]) in wanted and (since_ns is None or int(row["t_end_ns"]) >= since_ns)
        ]

    def main_sequence(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Amplitudes and peak speeds of the saccades that have both.

        Returns:
            ``(amplitude_deg, peak_dps)``, float64 [n] each, oldest first.
        """
        measured = [
            (e.amplitude_deg, e.peak_dps) for e in self.entries("saccade") if e.amplitude_deg is not None and e.peak_dps is not None
        ]
        table = np.array(measured, np.float64).reshape(-1, 2)
        return table[:, 0], table[:, 1]

    # ------------------------------------------------------------ the ring

    def _ordered(self) -> Iterator[np.void]:
        for k in range(self._count):
            yield self._rows[(self._first + k) % len(self._rows)]

    def _append(self, entry: Entry) -> None:
        if self._count == len(self._rows):
            self._ids.discard(int(self._rows[self._first]["id"]))
            self._first = (self._first + 1) % len(self._rows)
            self._count -= 1
            self.dropped[self._bound] += 1
        event = entry.event
        numbers = (event.x_norm, event.y_norm, event.dispersion_deg, event.confidence)
        measured = (entry.amplitude_deg, entry.peak_dps, entry.direction_deg)
        self._rows[(self._first + self._count) % len(self._rows)] = (
            *(event.id, event.t_start_ns, event.t_end_ns, event.t_emit_ns),
            *(math.nan if number is None else number for number in (*numbers, *measured)),
            *(_KINDS.index(event.kind), _SOURCES.index(event.source)),
        )
        self._count += 1
        self._ids.add(event.id)

    # ------------------------------------------------------------ saccades

    def _keep(self, sample: GazeSample) -> None:
        if sample.valid and not (self._recent and sample.t_ns <= self._recent[-1].t_ns):
            self._recent.append(sample)
        while self._recent and sample.t_ns - self._recent[0].t_ns > self._recent_ns:
            self._recent.popleft()

    def _measured(self, event: EyeEvent) -> Entry:
        """A saccade with what its samples say, or with what the detector says where they are gone."""
        path = [sample for sample in self._recent if event.t_start_ns <= sample.t_ns <= event.t_end_ns]
        if len(path) < 2:
            # the detector tells half the chord between the two ends as the spread
            return Entry(event, amplitude_deg=_arc_deg(2.0 * event.dispersion_deg / _DEG))
        rays = [self._ray(sample) for sample in path]
        across = ((path[-1].x_norm or 0.0) - (path[0].x_norm or 0.0)) * self._width
        down = ((path[-1].y_norm or 0.0) - (path[0].y_norm or 0.0)) * self._height
        direction_deg = math.degrees(math.atan2(down, across)) % 360.0
        return Entry(event, _arc_deg(math.dist(rays[0], rays[-1])), _peak_dps([s.t_ns for s in path], rays), direction_deg)

    def _ray(self, sample: GazeSample) -> Ray:
        x, y = ((sample.x_norm or 0.0) - 0.5) * self._width, ((sample.y_norm or 0.0) - 0.5) * self._height
        length = math.sqrt(x * x + y * y + 1.0)
        return x / length, y / length, 1.0 / length


def _peak_dps(t_ns: Sequence[int], rays: Sequence[Ray]) -> float:
    """Highest speed over neighbouring samples, or over as many as it takes to keep a fast tracker's noise out of it."""
    peak_dps, end, last = 0.0, 1, len(t_ns) - 1
    for start in range(last):
        end = max(end, start + 1)
        while end < last and t_ns[end] - t_ns[start] < _SPAN_NS:
            end += 1
        span_ns = t_ns[end] - t_ns[start]
        if start and span_ns < _SPAN_NS <= t_ns[last] - t_ns[0]:
            break  # what is left is shorter than the span the others were measured over
        peak_dps = max(peak_dps, _arc_deg(math.dist(rays[start], rays[end])) * 1e9 / span_ns)
    return peak_dps


def _arc_deg(chord: float) -> float:
    """Angle between two unit vectors this far apart."""
    return 2.0 * _DEG * math.asin(min(1.0, chord / 2.0))


def _entry(row: np.void) -> Entry:
    def number(name: str) -> float | None:
        value = float(row[name])
        return None if math.isnan(value) else value

    event = EyeEvent(
        id=int(row["id"]),
        kind=_KINDS[int(row["kind"])],
        t_start_ns=int(row["t_start_ns"]),
        t_end_ns=int(row["t_end_ns"]),
        x_norm=number("x_norm"),
        y_norm=number("y_norm"),
        dispersion_deg=float(row["dispersion_deg"]),
        stage="final",
        t_emit_ns=int(row["t_emit_ns"]),
        confidence=float(row["confidence"]),
        source=_SOURCES[int(row["source"])],
    )
    return Entry(event, number("amplitude_deg"), number("peak_dps"), number("direction_deg"))
