"""Gaze samples in, eye movements out: causal, sample by sample, in constant memory.

Speed says when the eye moves (:mod:`gaze.velocity`); rules of duration and place say what that makes: a fixation split by a flicker is
joined, one too short to see anything with is dropped, what lies between two fixations is a saccade, a gap in the signal is a
blink or a loss. Whether the eye rested at some moment is decided at most 100 ms of stream time later, plus one sampling step.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gaze.geometry import tangent_scale
from gaze.hold import Hold, Point
from gaze.types import EyeEvent, EyeKind, GazeSample, GazeSource, Stage
from gaze.velocity import MS, Ray, SpeedRules, Step, Velocity

_SLOWEST_NS = 100 * MS
_LONG_AGO_NS = -(2**63)
_DEG = math.degrees(1.0)


@dataclass(frozen=True, slots=True)
class Rules:
    """What makes a movement, in stream time.

    Attributes:
        speed: When the eye counts as moving.
        join_ns: Longest flicker inside one fixation ...
        join_floor_deg: ... whose ends lie within this angle of each other ...
        join_per_dps: ... or this many degrees per degree a second of noise ...
        join_cap_deg: ... up to this angle.
        fixation_ns: Shortest fixation.
        confirm_ns: A fixation not sure after this long is none; keeps the delay bounded.
        report_ns: A fixation is reported as soon as it is sure, and again each time it has grown by this much.
        gap_ns: Shortest gap in the signal that counts; a shorter one is skipped over.
        blink_ns: Longest blink; a longer gap is a loss.
        silence_ns: A tracker that sends nothing for this long has stopped; longer than gaze may be late.
        min_confidence: An eye tracker's sample below this is no gaze; other sources are believed as they are.
        pursuit_dps: Held gaze that drifts straight and faster than this follows something ...
        pursuit_deg: ... if it has come at least this far.
    """

    speed: SpeedRules = field(default_factory=SpeedRules)
    join_ns: int = 45 * MS
    join_floor_deg: float = 0.1
    join_per_dps: float = 0.1
    join_cap_deg: float = 1.5
    fixation_ns: int = 50 * MS
    confirm_ns: int = 70 * MS
    report_ns: int = 100 * MS
    gap_ns: int = 50 * MS
    blink_ns: int = 400 * MS
    silence_ns: int = 500 * MS
    min_confidence: float = 0.6
    pursuit_dps: float = 3.0
    pursuit_deg: float = 1.0


@dataclass(slots=True)
class _Gap:
    """A stretch without gaze."""

    id: int
    start_ns: int
    end_ns: int
    source: GazeSource
    kind: EyeKind = "blink"
    open: bool = True


class FixationDetector:
    """Turns gaze samples into fixations, pursuits, saccades, blinks and losses.

    The result does not depend on how the samples are cut into blocks. Samples that go back in time or repeat a time are left out
    and counted in :attr:`dropped`.

    Args:
        hfov_deg: Horizontal field of view of the scene camera, degrees.
        aspect: Width over height of its picture.
        rules: Thresholds.
        ids: Where event ids come from; shared with others so that ids stay unique across detectors.

    Raises:
        ValueError: The camera is impossible.
    """

    def __init__(self, hfov_deg: float, aspect: float, *, rules: Rules | None = None, ids: Iterator[int] | None = None) -> None:
        self._width, self._height = tangent_scale(hfov_deg, aspect)
        self._rules = rules or Rules()
        self._ids = ids if ids is not None else itertools.count(1)
        self._velocity = Velocity(self._rules.speed)
        self.dropped: dict[str, int] = {"clock": 0, "duplicate": 0}
        self._out: list[EyeEvent] = []
        self._clock_ns = _LONG_AGO_NS  # stream time, never back
        self._last_ns: int | None = None  # latest sample of any kind
        self._step_ns = 0  # running median of the sampling step
        self._point: Point | None = None  # latest valid sample of the run
        self._blind_ns: int | None = None  # since when there are invalid samples only
        self._waiting: deque[Point] = deque()  # samples not yet judged, and the one before
        self._hold: Hold | None = None  # the fixation under way, sure or not
        self._left: Point | None = None  # the hold flickers since then ...
        self._left_at: Ray = (0.0, 0.0, 0.0)  # ... and was there
        self._moved: Point | None = None  # where the last settled thing ended: movement starts here
        self._source: GazeSource = "tracker"
        self._gap: _Gap | None = None  # a blink or loss, open or waiting to be sure

    def feed(self, samples: Sequence[GazeSample]) -> list[EyeEvent]:
        """Take samples in order of time and return what they reveal, in order of ``t_emit_ns``."""
        for sample in samples:
            self._take(sample)
        return self._emitted()

    def advance(self, t_ns: int) -> list[EyeEvent]:
        """Stream time is ``t_ns``: end what a tracker that fell silent leaves open.

        Nothing happens while samples may merely be late, so events do not depend on when this is called between them.
        """
        latest_ns = self._last_ns
        if latest_ns is not None and t_ns - latest_ns > self._rules.silence_ns:
            self._clock_ns = max(self._clock_ns, t_ns)
            self._check_gap(self._clock_ns)
        return self._emitted()

    # ------------------------------------------------------------ samples

    def _take(self, sample: GazeSample) -> None:
        t_ns = sample.t_ns
        if self._last_ns is not None:
            if t_ns <= self._last_ns:
                self.dropped["duplicate" if t_ns == self._last_ns else "clock"] += 1
                return
            self._learn_step(t_ns - self._last_ns)
        self._last_ns = t_ns
        self._clock_ns = max(self._clock_ns, t_ns)
        self._check_gap(t_ns)
        x, y = sample.x_norm, sample.y_norm
        doubtful = sample.source == "tracker" and sample.confidence < self._rules.min_confidence
        if x is None or y is None or not sample.worn or doubtful:
            if self._blind_ns is None:
                self._blind_ns, self._source = t_ns, sample.source
                self._check_gap(t_ns)
            for step in self._velocity.wait(t_ns):
                self._take_step(step)
            return
        self._blind_ns = None
        px, py = (x - 0.5) * self._width, (y - 0.5) * self._height
        length = math.sqrt(px * px + py * py + 1.0)
        point = Point(t_ns, x, y, (px / length, py / length, 1.0 / length), sample.confidence, sample.source)
        if self._point is None:
            self._moved = point
            if self._gap is not None:
                self._gap.end_ns, self._gap.open = t_ns, False
        self._point = point
        self._waiting.append(point)
        for step in self._velocity.push(t_ns, point.ray):
            self._take_step(step)

    def _learn_step(self, step_ns: int) -> None:
        step_ns = min(step_ns, _SLOWEST_NS)
        if not self._step_ns:
            self._step_ns = step_ns
            return
        most = max(1, self._step_ns // 20)
        self._step_ns += max(-most, min(most, step_ns - self._step_ns))

    def _check_gap(self, now_ns: int) -> None:
        """Open a gap once gaze has been away for long enough; a blink that lasts becomes a loss."""
        gap, rules = self._gap, self._rules
        if gap is not None and gap.open:
            gap.end_ns = now_ns
            if gap.kind == "blink" and now_ns - gap.start_ns - self._step_ns > rules.blink_ns:
                gap.kind = "lost"
                self._emit_gap(gap, "provisional")
            return
        since_ns = self._point.t_ns if self._point is not None else self._blind_ns
        if since_ns is None:
            return
        # where the tracker says nothing at all, an uneven clock must not look like a blink
        shortest_ns = rules.gap_ns if self._blind_ns is not None else max(rules.gap_ns, 3 * self._step_ns // 2)
        if now_ns - since_ns - self._step_ns < shortest_ns:
            return
        self._end_run()
        if self._gap is None:
            source = self._point.source if self._point is not None else self._source
            self._gap = _Gap(next(self._ids), since_ns, now_ns, source)
        self._gap.open, self._gap.end_ns = True, now_ns
        if now_ns - self._gap.start_ns - self._step_ns > rules.blink_ns:
            self._gap.kind = "lost"
        self._emit_gap(self._gap, "provisional")
        self._point = None

    def _end_run(self) -> None:
        """Gaze is gone: decide what is still open."""
        for step in self._velocity.flush():
            self._take_step(step)
        last = self._point
        self._waiting.clear()
        if self._hold is not None:
            self._leave()
        if last is None:
            return
        gap = self._gap
        if gap is not None and last.t_ns - gap.end_ns < self._rules.gap_ns:
            return  # a glimpse between two halves of one blink
        self._settle_gap()
        self._emit_saccade(last)

    # ------------------------------------------------------------ steps

    def _take_step(self, step: Step) -> None:
        a = self._waiting.popleft()
        b = self._waiting[0]
        rules, hold = self._rules, self._hold
        if self._gap is not None and a.t_ns - self._gap.end_ns >= rules.gap_ns:
            self._settle_gap()
        if step.moving:
            if hold is None:
                return
            if self._left is None:
                self._left, self._left_at = a, step.before
            sure = hold.id > 0
            if b.t_ns - self._left.t_ns > rules.join_ns or not (sure or b.t_ns - hold.first.t_ns <= rules.confirm_ns):
                self._leave()
            return
        if hold is not None and self._left is not None:
            reach_deg = min(max(rules.join_floor_deg, rules.join_per_dps * self._velocity.noise_dps), rules.join_cap_deg)
            if _DEG * math.dist(self._left_at, step.after) > reach_deg:
                self._leave()
                hold = None
            self._left = None
        if hold is None:
            hold = self._hold = Hold(a)
        hold.add(b)
        if not hold.id and hold.age_ns >= rules.fixation_ns:
            self._settle_gap()
            self._emit_saccade(hold.first)
            hold.id = next(self._ids)
        if hold.id and hold.age_ns >= hold.next_report_ns:
            hold.next_report_ns = (hold.age_ns // rules.report_ns + 1) * rules.report_ns
            self._emit_hold(hold, "provisional")

    def _leave(self) -> None:
        """The hold is over; one that never became sure was part of the movement."""
        hold = self._hold
        if hold is not None and hold.id:
            self._emit_hold(hold, "final")
            self._moved = hold.last
        self._hold = self._left = None

    def _settle_gap(self) -> None:
        if self._gap is not None:
            self._emit_gap(self._gap, "final")
            self._gap = None

    # ------------------------------------------------------------ reports

    def _emit_hold(self, hold: Hold, stage: Stage) -> None:
        what = hold.summary(self._rules.pursuit_dps, self._rules.pursuit_deg)
        span = (hold.first.t_ns, hold.last.t_ns)
        place = (what.x_norm, what.y_norm, what.dispersion_deg)
        self._out.append(EyeEvent(hold.id, what.kind, *span, *place, stage, self._clock_ns, hold.confidence, hold.last.source))

    def _emit_saccade(self, landing: Point) -> None:
        """The way from the last settled place to ``landing``: its middle, and half its amplitude as the spread."""
        start = self._moved
        if start is None or landing.t_ns <= start.t_ns:
            return
        x, y = (start.x_norm + landing.x_norm) / 2.0, (start.y_norm + landing.y_norm) / 2.0
        place = (x, y, _DEG * math.dist(start.ray, landing.ray) / 2.0)
        confidence = (start.confidence + landing.confidence) / 2.0
        span = (start.t_ns, landing.t_ns)
        self._out.append(EyeEvent(next(self._ids), "saccade", *span, *place, "final", self._clock_ns, confidence, landing.source))

    def _emit_gap(self, gap: _Gap, stage: Stage) -> None:
        span = (gap.start_ns, gap.end_ns)
        self._out.append(EyeEvent(gap.id, gap.kind, *span, None, None, 0.0, stage, self._clock_ns, source=gap.source))

    def _emitted(self) -> list[EyeEvent]:
        out, self._out = self._out, []
        return out
