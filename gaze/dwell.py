"""Gaze kept on one thing for seconds.

A dwell is longer than any fixation: it bridges blinks, the small saccades inside a thing and short looks elsewhere. A head-worn camera
moves, so the thing drifts through the picture; the place dwelt on follows the gaze instead of being nailed to where it began.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from gaze.geometry import tangent_scale
from gaze.types import EyeEvent, Stage

MS = 1_000_000
_DEG = math.degrees(1.0)


@dataclass(frozen=True, slots=True)
class DwellRules:
    """What keeps a dwell together.

    Attributes:
        dwell_ns: Shortest dwell.
        report_ns: Growth between two reports.
        radius_deg: A new fixation within this angle of the place is on the same thing.
        away_ns: Longest look elsewhere. Blinks do not count as looking elsewhere.
        follow_s: Time constant with which the place follows the gaze.
    """

    dwell_ns: int = 2000 * MS
    report_ns: int = 500 * MS
    radius_deg: float = 6.0
    away_ns: int = 400 * MS
    follow_s: float = 0.7


class _Dwell:
    """A stretch of gaze on one thing; ``id`` stays 0 until it has lasted long enough to be called a dwell."""

    __slots__ = ("_confidence", "_held_ns", "_spread", "end_ns", "id", "next_report_ns", "source", "start_ns", "x_norm", "y_norm")

    def __init__(self, event: EyeEvent, x_norm: float, y_norm: float) -> None:
        self.start_ns = self.end_ns = event.t_start_ns
        self.x_norm, self.y_norm = x_norm, y_norm
        self.source = event.source
        self.id = self.next_report_ns = 0
        self._held_ns = 0
        self._spread = self._confidence = 0.0

    @property
    def dispersion_deg(self) -> float:
        """Root mean square distance from the moving place, over the time of the fixations in it."""
        return math.sqrt(self._spread / self._held_ns) if self._held_ns else 0.0

    @property
    def confidence(self) -> float:
        """Mean over the time of the fixations in it."""
        return self._confidence / self._held_ns if self._held_ns else 1.0

    def carry(self, x_norm: float, y_norm: float) -> None:
        """The thing has moved by this much, and gaze with it."""
        self.x_norm += x_norm
        self.y_norm += y_norm

    def extend(self, event: EyeEvent, x_norm: float, y_norm: float, apart_deg: float, follow_s: float) -> None:
        """Gaze is still on it, now at this point."""
        held_ns = max(0, event.t_end_ns - max(self.end_ns, event.t_start_ns))
        pull = 1.0 - math.exp(-held_ns * 1e-9 / follow_s)
        self.x_norm += pull * (x_norm - self.x_norm)
        self.y_norm += pull * (y_norm - self.y_norm)
        self.end_ns = max(self.end_ns, event.t_end_ns)
        self._held_ns += held_ns
        self._spread += held_ns * (apart_deg**2 + event.dispersion_deg**2)
        self._confidence += held_ns * event.confidence


class DwellTracker:
    """Turns fixations and pursuits, provisional and final, into dwells.

    Args:
        hfov_deg: Horizontal field of view of the scene camera, degrees.
        aspect: Width over height of its picture.
        rules: Thresholds.
        ids: Where event ids come from, shared with the detector.

    Raises:
        ValueError: The camera is impossible.
    """

    def __init__(self, hfov_deg: float, aspect: float, *, rules: DwellRules | None = None, ids: Iterator[int] | None = None) -> None:
        self._width, self._height = tangent_scale(hfov_deg, aspect)
        self._rules = rules or DwellRules()
        self._ids = ids if ids is not None else itertools.count(1)
        self._here: _Dwell | None = None
        self._elsewhere: _Dwell | None = None  # a look away that may yet turn out to be the next dwell
        self._blinked_ns = 0  # time spent blinking since gaze was last here
        self._eye_id = 0  # the eye movement last reported, and where it was first seen
        self._first = (0.0, 0.0)
        self._now = (0.0, 0.0)  # where it has come to since
        self._on = False  # whether that movement belongs to the dwell
        self._out: list[EyeEvent] = []

    def feed(self, event: EyeEvent) -> list[EyeEvent]:
        """Take one report of the detector, in order of ``t_emit_ns``, and return reports of dwells."""
        if event.kind == "blink":
            self._blinked_ns += event.duration_ns if event.stage == "final" else 0
        elif event.kind == "lost":
            self._close(event.t_emit_ns)
            self._here = None
        elif event.kind in ("fixation", "pursuit") and event.x_norm is not None and event.y_norm is not None:
            self._held(event, event.x_norm, event.y_norm)
        out, self._out = self._out, []
        return out

    def _held(self, event: EyeEvent, x: float, y: float) -> None:
        if event.id != self._eye_id:
            self._begin(event, x, y)
        moved = (0.0, 0.0)
        if event.kind == "pursuit":
            # the median of a path lies in its middle: gaze is now about as far again from where it was first seen
            x, y = 2.0 * x - self._first[0], 2.0 * y - self._first[1]
            moved = (x - self._now[0], y - self._now[1])
            self._now = (x, y)
        if self._on or self._here is None:
            self._here = self._here or _Dwell(event, x, y)
            self._on, self._elsewhere, self._blinked_ns = True, None, 0
            self._extend(self._here, event, x, y, moved)
            return
        self._elsewhere = self._elsewhere or _Dwell(event, x, y)
        self._extend(self._elsewhere, event, x, y, moved)
        if self._away_ns(event.t_end_ns) > self._rules.away_ns:
            self._close(event.t_emit_ns)
            self._on = True

    def _begin(self, event: EyeEvent, x: float, y: float) -> None:
        """A movement not seen before: is it on the thing?"""
        self._eye_id = event.id
        self._first = self._now = (x, y)
        while self._here is not None and self._away_ns(event.t_start_ns) > self._rules.away_ns:
            self._close(event.t_emit_ns)
        self._on = self._here is not None and self._apart_deg(self._here, x, y) <= self._rules.radius_deg
        if self._elsewhere is not None and self._apart_deg(self._elsewhere, x, y) > self._rules.radius_deg:
            self._elsewhere = None

    def _away_ns(self, t_ns: int) -> int:
        """How long gaze has been off the dwell at that time, not counting blinks."""
        return t_ns - self._here.end_ns - self._blinked_ns if self._here is not None else 0

    def _extend(self, dwell: _Dwell, event: EyeEvent, x: float, y: float, moved: tuple[float, float]) -> None:
        dwell.carry(*moved)
        dwell.extend(event, x, y, self._apart_deg(dwell, x, y), self._rules.follow_s)
        length_ns = dwell.end_ns - dwell.start_ns
        if dwell is not self._here or length_ns < max(self._rules.dwell_ns, dwell.next_report_ns):
            return
        dwell.id = dwell.id or next(self._ids)
        grown = (length_ns - self._rules.dwell_ns) // self._rules.report_ns
        dwell.next_report_ns = self._rules.dwell_ns + (grown + 1) * self._rules.report_ns
        self._emit(dwell, "provisional", event.t_emit_ns)

    def _close(self, t_emit_ns: int) -> None:
        """The dwell is over; what was looked at since becomes the next candidate."""
        if self._here is not None and self._here.id:
            self._emit(self._here, "final", t_emit_ns)
        self._here, self._elsewhere, self._blinked_ns = self._elsewhere, None, 0

    def _emit(self, dwell: _Dwell, stage: Stage, t_emit_ns: int) -> None:
        place = (dwell.x_norm, dwell.y_norm, dwell.dispersion_deg)
        self._out.append(
            EyeEvent(dwell.id, "dwell", dwell.start_ns, dwell.end_ns, *place, stage, t_emit_ns, min(dwell.confidence, 1.0), dwell.source)
        )

    def _apart_deg(self, dwell: _Dwell, x: float, y: float) -> float:
        ax, ay = (dwell.x_norm - 0.5) * self._width, (dwell.y_norm - 0.5) * self._height
        bx, by = (x - 0.5) * self._width, (y - 0.5) * self._height
        across = math.hypot(ay - by, bx - ax, ax * by - ay * bx)
        return _DEG * math.atan2(across, ax * bx + ay * by + 1.0)
