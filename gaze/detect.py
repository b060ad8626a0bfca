"""Gaze samples in, eye movements out: causal, sample by sample, in constant memory.

Speed says when the eye moves (:mod:`gaze.velocity`); rules of duration and place say what that makes: a fixation split by a flicker is
joined, one too short to see anything with is dropped, its edges are where gaze comes to its place and leaves it, what lies between two
fixations is a saccade, a gap in the signal is a blink or a loss. All is decided within 100 ms of stream time, plus a sampling step below
30 Hz. Whatever time alone decides is stamped with the moment it was decided, not with the sample that came next.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gaze.blink import LidRules
from gaze.head import HeadRotation
from gaze.hold import Hold, Point
from gaze.intake import Intake
from gaze.labels import EyeLabel, LabelBook
from gaze.roughness import DEG, MS, Ray
from gaze.types import EyeEvent, EyeKind, GazeSample, GazeSource, Stage
from gaze.velocity import SpeedRules, Step, Velocity

_LONG_AGO_NS = -(2**63)


@dataclass(frozen=True, slots=True)
class Rules:
    """What makes a movement, in stream time.

    Attributes:
        speed: When the eye counts as moving.
        join_ns: Longest flicker inside one fixation ...
        join_per_dps: ... whose ends lie within this many degrees per degree a second of noise ...
        join_cap_deg: ... and within this angle of each other.
        fixation_ns: Shortest fixation.
        settled_ns: A fixation not sure after this long, less what the speed looks ahead, is none; keeps the delay bounded.
        report_ns: A fixation is reported as soon as it is sure, and again each time it has grown by this much.
        gap_ns: Shortest gap in the signal that counts; a shorter one is skipped over.
        glimpse_ns: A shorter look between two gaps is part of one gap.
        blink_ns: Longest blink; a longer gap is a loss.
        silence_ns: A tracker that sends nothing for this long has stopped; longer than gaze may be late.
        frozen_ns: A tracker that gives the same place to the last digit for this long has stopped looking.
        lids: When an eye tracker's confidence says that the eye is closed; other sources are believed as they are.
        pursuit_dps: Held gaze that drifts straight and faster than this follows something ...
        pursuit_deg: ... if it has come at least this far.
    """

    speed: SpeedRules = field(default_factory=SpeedRules)
    join_ns: int = 45 * MS
    join_per_dps: float = 0.1
    join_cap_deg: float = 0.7
    fixation_ns: int = 50 * MS
    settled_ns: int = 100 * MS
    report_ns: int = 100 * MS
    gap_ns: int = 50 * MS
    glimpse_ns: int = 80 * MS
    blink_ns: int = 400 * MS
    silence_ns: int = 500 * MS
    frozen_ns: int = 30_000 * MS
    lids: LidRules = field(default_factory=LidRules)
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
    and counted in :attr:`dropped`; so are those of a frozen tracker.

    Args:
        hfov_deg: Horizontal field of view of the scene camera, degrees.
        aspect: Width over height of its picture.
        rules: Thresholds.
        ids: Where event ids come from; shared with others so that ids stay unique across detectors.
        labels: Also keep a label for every sample, for :meth:`labels`.

    Raises:
        ValueError: The camera is impossible.
    """

    def __init__(
        self, hfov_deg: float, aspect: float, *, rules: Rules | None = None, ids: Iterator[int] | None = None, labels: bool = False
    ) -> None:
        self._rules = rules or Rules()
        self._intake = Intake(hfov_deg, aspect, self._rules.lids, self._rules.frozen_ns)
        self._ids = ids if ids is not None else itertools.count(1)
        self._book = LabelBook() if labels else None
        self._velocity = Velocity(self._rules.speed, self._book.sight if self._book is not None else None)
        self.dropped: dict[str, int] = {"clock": 0, "duplicate": 0}
        self._out: list[EyeEvent] = []
        self._clock_ns = _LONG_AGO_NS  # stream time, never back
        self._last_ns: int | None = None  # latest sample of any kind
        self._point: Point | None = None  # latest valid sample of the run
        self._first_ns: int | None = None  # first sample without gaze since
        self._heard_ns = _LONG_AGO_NS  # last sample of any kind before this one
        self._waiting: deque[Point] = deque()  # samples not yet judged, and the one before
        self._hold: Hold | None = None  # the fixation under way, sure or not
        self._left: Point | None = None  # the hold flickers since then ...
        self._left_at: Ray = (0.0, 0.0, 0.0)  # ... and was there ...
        self._steps_away = 0  # ... so many steps ago
        self._moved: Point | None = None  # where the last settled thing ended: movement starts here
        self._source: GazeSource = "tracker"
        self._gap: _Gap | None = None  # a blink or loss, open or waiting to be sure

    def feed(self, samples: Sequence[GazeSample], rotations: Sequence[HeadRotation | None] | None = None) -> list[EyeEvent]:
        """Take samples in order of time and return what they reveal, in order of ``t_emit_ns``.

        Args:
            samples: Any number.
            rotations: How the head turned since the sample before, one for each sample, ``None`` where it is not known. Movements are
                then judged in the world instead of the picture; places are still given in the picture.

        Raises:
            ValueError: Not one rotation a sample, or one that is not finite.
        """
        if rotations is None:
            for sample in samples:
                self._take(sample, None)
            return self._emitted()
        if len(rotations) != len(samples):
            raise ValueError(f"each sample needs its rotation or None, got {len(rotations)} for {len(samples)} samples")
        self._intake.compensate()
        for sample, rotation in zip(samples, rotations, strict=True):
            self._take(sample, rotation)
        return self._emitted()

    def advance(self, t_ns: int) -> list[EyeEvent]:
        """Stream time is ``t_ns``: end what a tracker that fell silent leaves open.

        Nothing happens while samples may merely be late, so events do not depend on when this is called between them.
        """
        latest_ns = self._last_ns
        if latest_ns is not None and t_ns - latest_ns > self._rules.silence_ns:
            self._pass(t_ns)
            self._clock_ns = max(self._clock_ns, t_ns)
            if self._book is not None:
                self._book.close(t_ns)
        return self._emitted()

    def labels(self) -> list[EyeLabel]:
        """The labels since the last call: each sample once ``provisional`` and once ``final``, each stage in order of time.

        Empty unless the detector was made with ``labels``.
        """
        return self._book.take() if self._book is not None else []

    # ------------------------------------------------------------ samples

    def _take(self, sample: GazeSample, rotation: HeadRotation | None) -> None:
        t_ns = sample.t_ns
        if self._last_ns is not None:
            if t_ns <= self._last_ns:
                self.dropped["duplicate" if t_ns == self._last_ns else "clock"] += 1
                return
            self._velocity.learn_step(t_ns - self._last_ns)
            self._heard_ns = self._last_ns
        self._last_ns = t_ns
        self._pass(t_ns)
        self._clock_ns = t_ns
        points = self._intake.take(sample, rotation)
        if rotation is not None and self._heard_ns > _LONG_AGO_NS:
            self._velocity.turn(math.hypot(*rotation) / ((t_ns - self._heard_ns) * 1e-9))
        if not points:
            if self._intake.frozen:
                self.dropped["frozen"] = self._intake.frozen
            self._blind(t_ns, sample.source)
            return
        if self._book is not None:
            self._book.add(t_ns, self._velocity.step_ns, None)
        for point in points:
            self._look(point)
        if self._book is not None:
            self._book.look(self._hold.kind if self._hold is not None else "fixation")

    def _blind(self, t_ns: int, source: GazeSource) -> None:
        """A sample showed no gaze."""
        if self._first_ns is None:
            self._first_ns, self._source = t_ns, source
        gap = self._gap
        if self._book is not None:
            self._book.add(t_ns, self._velocity.step_ns, gap.kind if gap is not None and gap.open else "blink")
        self._check_gap(t_ns)
        if self._book is not None and self._gap is not None and self._gap.open:
            self._book.settle(t_ns + 1, self._gap.kind, t_ns)

    def _look(self, point: Point) -> None:
        """Gaze was at ``point``."""
        self._first_ns = None
        if self._point is None:
            self._moved = point
            if self._gap is not None:
                self._gap.end_ns, self._gap.open = point.t_ns, False
        elif self._gap is not None and point.t_ns - self._gap.end_ns >= self._rules.glimpse_ns:
            self._settle_gap()
        self._point = point
        self._waiting.append(point)
        for step in self._velocity.push(point.t_ns, point.ray):
            self._take_step(step)

    def _pass(self, t_ns: int) -> None:
        """Time passes up to ``t_ns``: do what falls due on the way."""
        if self._velocity.due_ns < t_ns:
            for step in self._velocity.wait(t_ns):
                self._take_step(step)
            if self._book is not None:
                self._book.look(self._hold.kind if self._hold is not None else "fixation")
        hold, late_ns = self._hold, self._rules.settled_ns + self._velocity.step_ns // 2
        if hold is not None and not hold.id and t_ns > hold.first.t_ns + late_ns:
            self._clock_ns = max(self._clock_ns, hold.first.t_ns + late_ns)
            self._leave()
        if self._point is None or self._intake.shut_ns is not None or t_ns - self._point.t_ns >= self._rules.gap_ns:
            self._check_gap(t_ns)
        if self._book is not None:
            self._settle_late(t_ns)

    def _settle_late(self, t_ns: int) -> None:
        if self._book is not None:
            late_ns = self._rules.settled_ns + self._velocity.step_ns // 2
            self._book.settle_late(t_ns, late_ns, self._gap.kind if self._gap is not None else "saccade")

    def _check_gap(self, now_ns: int) -> None:
        """Open a gap once gaze has been away for long enough; a blink that lasts becomes a loss."""
        gap, rules, step_ns = self._gap, self._rules, self._velocity.step_ns
        if gap is None or not gap.open:
            since_ns = self._point.t_ns if self._point is not None else self._first_ns
            if since_ns is None:
                return
            if self._intake.shut_ns is not None:
                due_ns = self._intake.shut_ns + (rules.gap_ns if gap is None else 0)
            else:
                # where the tracker says nothing at all, an uneven clock must not look like a blink
                due_ns = max(since_ns, self._heard_ns) + step_ns + max(rules.gap_ns, 3 * step_ns // 2)
            if now_ns < due_ns:
                return
            due_ns = self._clock_ns = max(self._clock_ns, due_ns)
            self._settle_late(due_ns)
            self._end_run()
            before: EyeKind = "saccade" if self._gap is None else self._gap.kind
            if self._gap is None:
                source = self._point.source if self._point is not None else self._source
                self._gap = _Gap(next(self._ids), since_ns, due_ns, source)
            gap = self._gap
            gap.open, gap.end_ns = True, due_ns
            self._emit_gap(gap, "provisional")
            if self._book is not None:
                self._book.settle((self._point.t_ns if self._point is not None else since_ns) + 1, before, due_ns)
                self._book.settle(due_ns + 1, gap.kind, due_ns)
            self._point = None
        gap.end_ns = max(gap.end_ns, now_ns)
        due_ns = gap.start_ns + step_ns + rules.blink_ns
        if gap.kind == "blink" and now_ns > due_ns:
            self._clock_ns = max(self._clock_ns, due_ns)
            gap.kind, gap.end_ns = "lost", max(self._clock_ns, gap.start_ns)
            self._emit_gap(gap, "provisional")
            gap.end_ns = max(gap.end_ns, now_ns)

    def _end_run(self) -> None:
        """Gaze is gone: decide what is still open."""
        for step in self._velocity.flush(self._clock_ns):
            self._take_step(step)
        last = self._point
        self._waiting.clear()
        if self._hold is not None:
            self._leave()
        if last is None:
            return
        if self._gap is not None:
            return  # a glimpse between two halves of one blink
        self._emit_saccade(last)

    # ------------------------------------------------------------ steps

    def _take_step(self, step: Step) -> None:
        a = self._waiting.popleft()
        b = self._waiting[0]
        moving, before, after, due_ns = step
        if due_ns > self._clock_ns:
            self._clock_ns = due_ns
        rules, hold, book = self._rules, self._hold, self._book
        if moving:
            if hold is None:
                if book is not None and self._gap is None:
                    book.settle(b.t_ns, "saccade", self._clock_ns)
                return
            if self._left is None:
                self._left, self._left_at, self._steps_away = a, before, 0
            self._steps_away += 1
            unsure_ns = 0 if hold.id else b.t_ns - hold.first.t_ns + self._velocity.ahead_ns
            if b.t_ns - self._left.t_ns > rules.join_ns or unsure_ns > rules.settled_ns:
                self._leave()
            return
        if hold is not None and self._left is not None:
            reach_deg = min(rules.join_per_dps * self._velocity.noise_dps, rules.join_cap_deg)
            if DEG * math.dist(self._left_at, after) > reach_deg:
                self._leave()
                hold = None
            self._left = None
        if hold is None:
            hold = self._hold = Hold(a)
            if book is not None and self._gap is None:
                book.settle(a.t_ns, "saccade", self._clock_ns)
        hold.add(b)
        if not hold.id:
            if b.t_ns - hold.first.t_ns < rules.fixation_ns or self._gap is not None:
                return
            hold.settle_start()
            self._emit_saccade(hold.first)
            hold.id = next(self._ids)
            if book is not None:
                book.settle(hold.first.t_ns, "saccade", self._clock_ns)
        if b.t_ns - hold.first.t_ns >= hold.next_report_ns:
            hold.next_report_ns = (hold.age_ns // rules.report_ns + 1) * rules.report_ns
            self._emit_hold(hold, "provisional")
        if book is not None:
            book.settle(b.t_ns, hold.kind, self._clock_ns)

    def _leave(self) -> None:
        """The hold is over; one that never became sure was part of the movement."""
        hold = self._hold
        if hold is not None and hold.id:
            hold.settle_end()
            self._emit_hold(hold, "final")
            self._moved = hold.last
            if self._book is not None:
                # a saccade that fits between two samples leaves no trace but on the sample from which the eye left
                self._book.settle(hold.last.t_ns + (self._steps_away != 1), hold.kind, self._clock_ns)
        self._hold = self._left = None
        self._steps_away = 0

    def _settle_gap(self) -> None:
        if self._gap is None:
            return
        self._emit_gap(self._gap, "final")
        self._gap = None
        if self._book is not None:
            judged = self._hold.first if self._hold is not None else self._waiting[0]
            self._book.settle(judged.t_ns, "saccade", self._clock_ns)

    # ------------------------------------------------------------ reports

    def _emit_hold(self, hold: Hold, stage: Stage) -> None:
        what = hold.summary(self._rules.pursuit_dps, self._rules.pursuit_deg)
        hold.kind = what.kind
        span = (hold.first.t_ns, hold.last.t_ns)
        place = (what.x_norm, what.y_norm, what.dispersion_deg)
        self._out.append(EyeEvent(hold.id, what.kind, *span, *place, stage, self._clock_ns, hold.confidence, hold.last.source))

    def _emit_saccade(self, landing: Point) -> None:
        """The way from the last settled place to ``landing``: its middle, and half its amplitude as the spread."""
        start = self._moved
        if start is None or landing.t_ns <= start.t_ns:
            return
        x, y = (start.x_norm + landing.x_norm) / 2.0, (start.y_norm + landing.y_norm) / 2.0
        place = (x, y, DEG * math.dist(start.ray, landing.ray) / 2.0)
        confidence = (start.confidence + landing.confidence) / 2.0
        span = (start.t_ns, landing.t_ns)
        self._out.append(EyeEvent(next(self._ids), "saccade", *span, *place, "final", self._clock_ns, confidence, landing.source))

    def _emit_gap(self, gap: _Gap, stage: Stage) -> None:
        span = (gap.start_ns, gap.end_ns)
        self._out.append(EyeEvent(gap.id, gap.kind, *span, None, None, 0.0, stage, self._clock_ns, source=gap.source))

    def _emitted(self) -> list[EyeEvent]:
        out, self._out = self._out, []
        return out
