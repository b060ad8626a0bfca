"""Gaze samples in, eye movements out: causal, sample by sample, in constant memory.

Speed says when the eye moves (:mod:`gaze.velocity`); rules of duration and place say what that makes: a fixation split by a flicker is
joined, one too short to see anything with is dropped, its edges are where gaze comes to its place and leaves it, what lies between two
fixations is a saccade, a gap in the signal is a blink or a loss. Whatever time alone decides is stamped with the moment it was decided,
not with the sample that came next.

What the eye does at a sample is known for good 100 ms later, at any rate: what is not clear by then is judged on what there is. An event
may wait longer. Gaze that darts away and comes back without having rested anywhere saw nothing else; most often that is a blink which the
tracker does not mark, and shows as the pupil going under the lid. So a fixation is not over before gaze rests elsewhere or has been away
too long, while the labels in between tell the movement.
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
from gaze.reports import LONG_AGO_NS, Gap, Reports
from gaze.roughness import DEG, MS, Ray
from gaze.types import EyeEvent, EyeKind, GazeSample, GazeSource
from gaze.velocity import SpeedRules, Step, Velocity

_NEVER_NS = 2**63


@dataclass(frozen=True, slots=True)
class Rules:
    """What makes a movement, in stream time.

    Attributes:
        speed: When the eye counts as moving.
        join_ns: Longest flicker inside one fixation ...
        join_per_dps: ... whose ends lie within this many degrees per degree a second of noise ...
        join_cap_deg: ... and within this angle of each other.
        fixation_ns: Shortest fixation.
        settled_ns: A fixation not sure after this long is none, and no label waits longer.
        return_ns: Gaze that is back after at most this long, having rested nowhere else, has not left its fixation ...
        return_share: ... if it is back to within this share of the way it went.
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
    return_ns: int = 300 * MS
    return_share: float = 0.5
    report_ns: int = 100 * MS
    gap_ns: int = 50 * MS
    glimpse_ns: int = 80 * MS
    blink_ns: int = 400 * MS
    silence_ns: int = 500 * MS
    frozen_ns: int = 30_000 * MS
    lids: LidRules = field(default_factory=LidRules)
    pursuit_dps: float = 3.0
    pursuit_deg: float = 1.0


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
        self._reports = Reports(ids if ids is not None else itertools.count(1), self._rules.pursuit_dps, self._rules.pursuit_deg)
        self._book = LabelBook(self._rules.settled_ns) if labels else None
        self._velocity = Velocity(self._rules.speed, self._book.sight if self._book is not None else None)
        self.dropped: dict[str, int] = {"clock": 0, "duplicate": 0}
        self._last_ns: int | None = None  # latest sample of any kind
        self._point: Point | None = None  # latest valid sample of the run
        self._first_ns: int | None = None  # first sample without gaze since
        self._heard_ns = LONG_AGO_NS  # last sample of any kind before this one
        self._waiting: deque[Point] = deque()  # samples not yet judged, and the one before
        self._hold: Hold | None = None  # the fixation under way, sure or not
        self._left: Point | None = None  # the hold flickers since then ...
        self._left_at: Ray = (0.0, 0.0, 0.0)  # ... and was there ...
        self._steps_away = 0  # ... so many steps ago
        self._parted: Hold | None = None  # gaze left this fixation and may yet come back to it
        self._from: Ray = (0.0, 0.0, 0.0)  # where the last departure from a fixation began ...
        self._far_deg = 0.0  # ... and how far from there gaze has been since
        self._moved: Point | None = None  # where the last settled thing ended: movement starts here
        self._source: GazeSource = "tracker"
        self._gap: Gap | None = None  # a blink or loss, open or waiting to be sure

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
            return self._reports.take()
        if len(rotations) != len(samples):
            raise ValueError(f"each sample needs its rotation or None, got {len(rotations)} for {len(samples)} samples")
        self._intake.compensate()
        for sample, rotation in zip(samples, rotations, strict=True):
            self._take(sample, rotation)
        return self._reports.take()

    def advance(self, t_ns: int) -> list[EyeEvent]:
        """Stream time is ``t_ns``: end what a tracker that fell silent leaves open.

        Nothing happens while samples may merely be late, so events do not depend on when this is called between them.
        """
        latest_ns = self._last_ns
        if latest_ns is not None and t_ns - latest_ns > self._rules.silence_ns:
            self._pass(t_ns)
            self._tick(t_ns)
            if self._book is not None:
                self._book.close(t_ns, self._velocity.step_ns)
        return self._reports.take()

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
        self._tick(t_ns)
        points = self._intake.take(sample, rotation)
        if rotation is not None and self._heard_ns > LONG_AGO_NS:
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
        if self._gap is not None and self._gap.open:
            self._settle(t_ns + 1, self._gap.kind)

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

    # ------------------------------------------------------------ time

    def _tick(self, t_ns: int) -> None:
        """Stream time is now ``t_ns``, if it was not later already; labels that cannot wait any longer get the best guess."""
        if t_ns > self._reports.clock_ns:
            self._reports.clock_ns = t_ns
            if self._book is not None:
                held = self._hold.kind if self._hold is not None and self._hold.id else "saccade"
                self._book.settle_late(t_ns, held if self._gap is None else self._gap.kind, self._first_ns)

    def _pass(self, t_ns: int) -> None:
        """Time passes to just before ``t_ns``: do what falls due on the way, in order of time."""
        if self._point is None or self._intake.shut_ns is not None or t_ns - self._point.t_ns >= self._rules.gap_ns:
            self._check_gap(t_ns)
        self._judge_until(t_ns)

    def _judge_until(self, t_ns: int) -> None:
        """Judge what can be judged before ``t_ns`` without another sample: steps, and a hold that must be sure by then."""
        velocity = self._velocity
        while True:
            hold = self._hold
            sure_ns = _NEVER_NS if hold is None or hold.id else hold.first.t_ns + self._rules.settled_ns
            if velocity.due_ns < t_ns and velocity.due_ns <= sure_ns:
                for step in velocity.wait(min(t_ns, sure_ns + 1)):
                    self._take_step(step)
                if self._book is not None:
                    self._book.look(self._hold.kind if self._hold is not None else "fixation")
            elif hold is not None and sure_ns < t_ns:
                # now or never: judge on what is known
                while self._hold is hold and not hold.id and (hurried := velocity.hurry(sure_ns)) is not None:
                    self._take_step(hurried)
                self._tick(sure_ns)
                if self._hold is hold and not hold.id:
                    self._leave()
            else:
                return

    def _check_gap(self, now_ns: int) -> None:
        """Open a gap once gaze has been away for long enough; a blink that lasts becomes a loss."""
        gap, rules, reports, step_ns = self._gap, self._rules, self._reports, self._velocity.step_ns
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
            self._judge_until(due_ns)
            self._tick(due_ns)
            self._end_run()
            before: EyeKind = "saccade" if self._gap is None else self._gap.kind
            if self._gap is None:
                self._gap = reports.open_gap(since_ns, self._point.source if self._point is not None else self._source)
            gap = self._gap
            gap.open, gap.end_ns = True, reports.clock_ns
            reports.gap(gap, "provisional")
            self._settle((self._point.t_ns if self._point is not None else since_ns) + 1, before)
            self._settle(due_ns + 1, gap.kind)
            self._point = None
        gap.end_ns = max(gap.end_ns, now_ns)
        due_ns = gap.start_ns + step_ns + rules.blink_ns
        if gap.kind == "blink" and now_ns > due_ns:
            self._tick(due_ns)
            gap.kind, gap.end_ns = "lost", max(reports.clock_ns, gap.start_ns)
            reports.gap(gap, "provisional")
            gap.end_ns = max(gap.end_ns, now_ns)

    def _end_run(self) -> None:
        """Gaze is gone: decide what is still open."""
        for step in self._velocity.flush(self._reports.clock_ns):
            self._take_step(step)
        last = self._point
        self._waiting.clear()
        if self._hold is not None:
            self._leave()
        self._give_up()
        if last is not None and self._gap is None:  # else it was a glimpse between two halves of one blink
            self._reports.saccade(self._moved, last)

    def _settle_gap(self) -> None:
        if self._gap is None:
            return
        self._reports.gap(self._gap, "final")
        self._gap = None
        judged = self._hold.first if self._hold is not None else self._waiting[0]
        self._settle(judged.t_ns, "saccade")

    def _settle(self, before_ns: int, kind: EyeKind) -> None:
        if self._book is not None:
            self._book.settle(before_ns, kind, self._reports.clock_ns)

    # ------------------------------------------------------------ steps

    def _take_step(self, step: Step) -> None:
        a = self._waiting.popleft()
        b = self._waiting[0]
        moving, before, after, due_ns = step
        self._tick(due_ns)
        rules, hold, parted = self._rules, self._hold, self._parted
        if parted is not None and hold is None and b.t_ns - parted.last.t_ns > rules.return_ns:
            self._give_up()
        if moving:
            if hold is not None and hold.id and self._left is None:
                self._from, self._far_deg = before, 0.0
            self._far_deg = max(self._far_deg, DEG * math.dist(self._from, b.ray))
            if hold is None:
                if self._gap is None:
                    self._settle(b.t_ns, "saccade")
                return
            if self._left is None:
                self._left, self._left_at, self._steps_away = a, before, 0
            self._steps_away += 1
            if b.t_ns - self._left.t_ns > rules.join_ns:
                self._leave()
            return
        if hold is not None and self._left is not None:
            if DEG * math.dist(self._left_at, after) > self._reach_deg():
                self._leave()
                hold = None
            self._left = None
        if hold is None:
            hold = self._hold = Hold(a)
            if self._gap is None:
                self._settle(a.t_ns, "saccade")
        hold.add(b)
        if not hold.id:
            if b.t_ns - hold.first.t_ns < rules.fixation_ns or self._gap is not None:
                return
            hold = self._begin(hold)
        if b.t_ns - hold.first.t_ns >= hold.next_report_ns:
            hold.next_report_ns = (hold.age_ns // rules.report_ns + 1) * rules.report_ns
            self._reports.hold(hold, "provisional")
        self._settle(b.t_ns, hold.kind)

    def _begin(self, hold: Hold) -> Hold:
        """Gaze is held for sure: on something new, or back where it was."""
        hold.settle_start()
        parted = self._parted
        if parted is not None:
            apart_deg = DEG * math.dist(self._from, hold.place)
            if apart_deg < max(self._rules.return_share * self._far_deg, self._reach_deg()):
                self._settle(hold.first.t_ns, "saccade")
                parted.resume(hold)
                self._hold, self._parted = parted, None
                return parted
        self._give_up()
        self._settle(hold.first.t_ns, "saccade")
        self._reports.saccade(self._moved, hold.first)
        return hold

    def _reach_deg(self) -> float:
        """How far from each other two places may lie and still be one, under this noise."""
        return min(self._rules.join_per_dps * self._velocity.noise_dps, self._rules.join_cap_deg)

    def _leave(self) -> None:
        """Gaze left the hold; one that never became sure was part of the movement."""
        hold = self._hold
        if hold is not None and hold.id:
            hold.settle_end()
            self._moved = hold.last
            # a saccade that fits between two samples leaves no trace but on the sample from which the eye left
            self._settle(hold.last.t_ns + (self._steps_away != 1), hold.kind)
            self._parted = hold
        self._hold = self._left = None
        self._steps_away = 0

    def _give_up(self) -> None:
        """Gaze will not come back to the hold it left."""
        if self._parted is not None:
            self._reports.hold(self._parted, "final")
            self._parted = None
