"""What the detector says: events with their stream time, never earlier than the one before."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from gaze.hold import Hold, Point
from gaze.roughness import DEG
from gaze.types import EyeEvent, EyeKind, GazeSource, Stage

LONG_AGO_NS = -(2**63)


@dataclass(slots=True)
class Gap:
    """A stretch without gaze, open while it lasts."""

    id: int
    start_ns: int
    end_ns: int
    source: GazeSource
    kind: EyeKind = "blink"
    open: bool = True


class Reports:
    """Writes events and stamps them with the stream time.

    Args:
        ids: Where event ids come from.
        pursuit_dps: Held gaze that drifts straight and faster than this follows something ...
        pursuit_deg: ... if it has come at least this far.
    """

    def __init__(self, ids: Iterator[int], pursuit_dps: float, pursuit_deg: float) -> None:
        self._ids = ids
        self._pursuit = (pursuit_dps, pursuit_deg)
        self._out: list[EyeEvent] = []
        self.clock_ns = LONG_AGO_NS
        """Stream time; whoever moves it never moves it back."""

    def hold(self, hold: Hold, stage: Stage) -> None:
        """Gaze is or was held; also says from now on whether it follows something."""
        hold.id = hold.id or next(self._ids)
        what = hold.summary(*self._pursuit)
        hold.kind = what.kind
        span = (hold.first.t_ns, hold.last.t_ns)
        place = (what.x_norm, what.y_norm, what.dispersion_deg)
        self._out.append(EyeEvent(hold.id, what.kind, *span, *place, stage, self.clock_ns, hold.confidence, hold.last.source))

    def saccade(self, start: Point | None, landing: Point) -> None:
        """The way from the last settled place, if there is one, to ``landing``: its middle, and half its amplitude as the spread."""
        if start is None or landing.t_ns <= start.t_ns:
            return
        x, y = (start.x_norm + landing.x_norm) / 2.0, (start.y_norm + landing.y_norm) / 2.0
        place = (x, y, DEG * math.dist(start.ray, landing.ray) / 2.0)
        confidence = (start.confidence + landing.confidence) / 2.0
        span = (start.t_ns, landing.t_ns)
        self._out.append(EyeEvent(next(self._ids), "saccade", *span, *place, "final", self.clock_ns, confidence, landing.source))

    def open_gap(self, start_ns: int, source: GazeSource) -> Gap:
        """Gaze is gone since a time."""
        return Gap(next(self._ids), start_ns, self.clock_ns, source)

    def gap(self, gap: Gap, stage: Stage) -> None:
        """Gaze is or was gone."""
        span = (gap.start_ns, gap.end_ns)
        self._out.append(EyeEvent(gap.id, gap.kind, *span, None, None, 0.0, stage, self.clock_ns, source=gap.source))

    def take(self) -> list[EyeEvent]:
        """The events since the last call."""
        out, self._out = self._out, []
        return out
