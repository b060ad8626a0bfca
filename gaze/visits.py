"""Regions of interest that make themselves, and the visits gaze pays them.

A visit is gaze in one region from entry to exit, a transition the way from one region to another, a return a visit to a region visited
before (Holmqvist et al. 2011, Eye Tracking, ch. 6.3 and 10; they say dwell for visit, a word that is taken here). A region is a named thing
where the caller knows what gaze is on (:mod:`gaze.association`), else a place in the picture: fixations near one another share a region.
Places hold as long as the head does; over seconds of head movement feed places freed of it, or things.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from gaze.geometry import angle_deg, norm_to_deg, tangent_scale
from gaze.types import EyeEvent

MS = 1_000_000


@dataclass(frozen=True, slots=True)
class VisitRules:
    """What makes a region and a visit.

    Attributes:
        enter_deg: A fixation within this angle of a region's centre is in it ...
        leave_deg: ... and the region under visit keeps gaze up to this angle, so that its edge does not flicker.
        least_ns: Fixations shorter than this visit nothing.
        pause_ns: After a pause this long between two fixations, or a loss, it is not known where gaze came from.
        memory_ns: Of a place's centre, in time of fixations: older ones fade, so that the region follows a slow head.
        max_regions: Most regions kept; the one not visited for longest is forgotten first.
    """

    enter_deg: float = 5.0
    leave_deg: float = 7.0
    least_ns: int = 80 * MS
    pause_ns: int = 1500 * MS
    memory_ns: int = 5000 * MS
    max_regions: int = 32


@dataclass(slots=True)
class _Region:
    id: int
    thing: str | None
    x_norm: float
    y_norm: float
    held_ns: int
    last_ns: int


class Look(NamedTuple):
    """One finished fixation or pursuit, placed.

    Attributes:
        event: The movement.
        region: Number of the region it is in; numbers are never used again.
        thing: What is there, if that is known.
        step_deg: Field angles from the last look to this one, (right, down); ``None`` after a pause or a loss.
        apart_deg: Angle from the last look to this one; ``None`` together with ``step_deg``.
        came_from: The region left, if this look begins a visit and it is known where gaze came from.
        away_ns: If it begins a visit to a region visited before: how long gaze has been elsewhere; else ``None``.
        fresh: Whether the region had not been visited before.
    """

    event: EyeEvent
    region: int
    thing: str | None
    step_deg: tuple[float, float] | None
    apart_deg: float | None
    came_from: int | None
    away_ns: int | None
    fresh: bool


class Visits:
    """Places looks in regions.

    Args:
        hfov_deg: Horizontal field of view of the scene camera, degrees.
        aspect: Width over height of its picture.
        rules: Thresholds.

    Raises:
        ValueError: The camera is impossible, or a region would be easier to leave than to enter.
    """

    def __init__(self, hfov_deg: float, aspect: float, *, rules: VisitRules | None = None) -> None:
        tangent_scale(hfov_deg, aspect)  # says what is wrong with the camera
        self._rules = rules or VisitRules()
        if not 0.0 < self._rules.enter_deg <= self._rules.leave_deg or self._rules.max_regions < 2:
            raise ValueError(f"0 < enter_deg <= leave_deg and two regions at least, got {self._rules}")
        self._hfov_deg, self._aspect = hfov_deg, aspect
        self._regions: dict[int, _Region] = {}
        self._next_id = 1
        self._here: _Region | None = None
        self._last: EyeEvent | None = None  # the last look, unless it is not known where gaze has been since
        self._end_ns: int | None = None
        self.dropped: dict[str, int] = {"short": 0, "clock": 0, "region": 0}
        """Looks passed over (``short``; ``clock``: begun before the last one ended) and regions forgotten for want of room."""

    def lose(self) -> None:
        """Gaze was lost: where it goes next is no transition."""
        self._last = self._here = None

    def place(self, event: EyeEvent, thing: str | None = None) -> Look | None:
        """The look this finished fixation or pursuit is, or ``None`` if it is none; reasons are counted.

        Args:
            event: In order of time.
            thing: What gaze is on, if that is known.
        """
        x, y = event.x_norm, event.y_norm
        if x is None or y is None or event.duration_ns < self._rules.least_ns:
            self.dropped["short"] += 1
            return None
        if self._end_ns is not None and event.t_start_ns < self._end_ns:
            self.dropped["clock"] += 1
            return None
        if self._end_ns is not None and event.t_start_ns - self._end_ns > self._rules.pause_ns:
            self.lose()
        step_deg, apart_deg = self._step(x, y)
        came_from, before = self._here, self._last_seen(thing, x, y)
        region = before or self._new(thing, x, y, event.t_start_ns)
        begins = region is not came_from
        away_ns = event.t_start_ns - region.last_ns if before is not None and begins else None
        self._settle(region, event, x, y)
        left = came_from.id if begins and came_from is not None else None
        return Look(event, region.id, region.thing, step_deg, apart_deg, left, away_ns, before is None)

    def _step(self, x: float, y: float) -> tuple[tuple[float, float] | None, float | None]:
        last = self._last
        if last is None or last.x_norm is None or last.y_norm is None:
            return None, None
        x_deg, y_deg = norm_to_deg([last.x_norm, x], [last.y_norm, y], hfov_deg=self._hfov_deg, aspect=self._aspect)
        step = float(x_deg[1] - x_deg[0]), float(y_deg[1] - y_deg[0])
        return step, self._apart_deg(last.x_norm, last.y_norm, x, y)

    def _last_seen(self, thing: str | None, x: float, y: float) -> _Region | None:
        """The region of this thing or, for a nameless place, the nearest within reach; the one under visit reaches farther."""
        if thing is not None:
            return next((region for region in self._regions.values() if region.thing == thing), None)
        near: list[tuple[float, _Region]] = []
        for region in self._regions.values():
            if region.thing is None:
                apart_deg = self._apart_deg(region.x_norm, region.y_norm, x, y)
                if region is self._here and apart_deg <= self._rules.leave_deg:
                    return region
                if apart_deg <= self._rules.enter_deg:
                    near.append((apart_deg, region))
        return min(near, key=lambda found: found[0])[1] if near else None

    def _new(self, thing: str | None, x: float, y: float, t_ns: int) -> _Region:
        if len(self._regions) == self._rules.max_regions:
            oldest = min((region for region in self._regions.values() if region is not self._here), key=lambda region: region.last_ns)
            del self._regions[oldest.id]
            self.dropped["region"] += 1
        region = _Region(self._next_id, thing, x, y, 0, t_ns)
        self._regions[region.id] = region
        self._next_id += 1
        return region

    def _settle(self, region: _Region, event: EyeEvent, x: float, y: float) -> None:
        kept_ns = min(region.held_ns, self._rules.memory_ns)
        pull = event.duration_ns / (kept_ns + event.duration_ns)
        region.x_norm += pull * (x - region.x_norm)
        region.y_norm += pull * (y - region.y_norm)
        region.held_ns = kept_ns + event.duration_ns
        region.last_ns = self._end_ns = event.t_end_ns
        self._here, self._last = region, event

    def _apart_deg(self, x0: float, y0: float, x1: float, y1: float) -> float:
        return float(angle_deg(x0, y0, x1, y1, hfov_deg=self._hfov_deg, aspect=self._aspect))
