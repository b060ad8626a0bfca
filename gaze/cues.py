"""Cues: what a wearer's looking amounts to, each with its evidence and the rule it follows.

| cue | rule | after |
|---|---|---|
| dwell | gaze kept on one thing for 2 s or more (:mod:`gaze.dwell`) | Holmqvist et al. 2011 |
| transition | from one region straight to another | Holmqvist et al. 2011 |
| return | to a region visited before, after a time elsewhere | Holmqvist et al. 2011 |
| comparing | to and fro between two regions | Russo and Rosen 1975 |
| searching | short looks, far apart, at new places | Unema et al. 2005 |
| reading | small steps along a line, returns to the next | Campbell and Maglio 2001 |

Transitions and returns are moments and told once. The others last: they are told ``provisional`` when they begin and ``final`` when they
are over, under one id, and begin at more evidence than they end at. What a cue means for the wearer is for others to decide.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gaze.dwell import DwellRules
from gaze.patterns import Comparing, ComparingRules, Evidence, Pattern, Searching, SearchingRules, evidence_of
from gaze.reading import Reading, ReadingRules
from gaze.types import EyeEvent, Stage
from gaze.visits import MS, Look, VisitRules, Visits

CueKind = Literal["dwell", "transition", "return", "comparing", "searching", "reading"]
_NO_THINGS: Mapping[int, str] = {}


@dataclass(frozen=True, slots=True)
class Cue:
    """Something the wearer's looking amounts to.

    Attributes:
        id: Counts up; one number for one cue.
        kind: What it is.
        t_start_ns: Start of the earliest evidence, nanoseconds.
        t_end_ns: End of the latest evidence so far, nanoseconds.
        t_emit_ns: Stream time at which this report could first be made.
        stage: ``provisional`` while it lasts, ``final`` once it is over.
        evidence: Eye movements it rests on, oldest first; of a long cue the newest 64.
        rule: The rule, with units.
        found: What was measured, with units.
        regions: Region numbers, for a transition from and to; empty for a dwell, a search and reading.
        things: Names of the regions, where known.
        x_norm: Where gaze was last, ``None`` where that is not one place.
        y_norm: Together with ``x_norm``.
    """

    id: int
    kind: CueKind
    t_start_ns: int
    t_end_ns: int
    t_emit_ns: int
    stage: Stage
    evidence: tuple[Evidence, ...]
    rule: str
    found: str
    regions: tuple[int, ...] = ()
    things: tuple[str, ...] = ()
    x_norm: float | None = None
    y_norm: float | None = None


@dataclass(frozen=True, slots=True)
class CueRules:
    """Thresholds of all cues.

    Attributes:
        visits: What makes a region and a visit.
        comparing: When gaze compares.
        searching: When gaze searches.
        reading: When gaze reads.
        away_ns: Shortest time elsewhere that makes coming back a return.
        silence_ns: Without a finished look for this long, lasting cues are over.
    """

    visits: VisitRules = field(default_factory=VisitRules)
    comparing: ComparingRules = field(default_factory=ComparingRules)
    searching: SearchingRules = field(default_factory=SearchingRules)
    reading: ReadingRules = field(default_factory=ReadingRules)
    away_ns: int = 200 * MS
    silence_ns: int = 4000 * MS


class CueTracker:
    """Turns eye events, in order of ``t_emit_ns``, into cues; the result does not depend on how they are cut into blocks.

    Args:
        hfov_deg: Horizontal field of view of the scene camera, degrees.
        aspect: Width over height of its picture.
        rules: Thresholds.

    Raises:
        ValueError: The camera or a rule is impossible.
    """

    def __init__(self, hfov_deg: float, aspect: float, *, rules: CueRules | None = None) -> None:
        self._rules = rules or CueRules()
        self._visits = Visits(hfov_deg, aspect, rules=self._rules.visits)
        self._comparing = Comparing(self._rules.comparing)
        self._reading = Reading(self._rules.reading)
        # reading comes first: short lines look like going to and fro
        self._patterns: tuple[tuple[CueKind, Pattern], ...] = (
            ("reading", self._reading),
            ("comparing", self._comparing),
            ("searching", Searching(self._rules.searching)),
        )
        self._ids = itertools.count(1)
        self._open: dict[CueKind, tuple[int, int]] = {}  # id and start of each lasting pattern under way
        self._dwells: dict[int, int] = {}  # cue id of the dwell under way, by its event id
        self._last: Look | None = None
        self._out: list[Cue] = []

    @property
    def dropped(self) -> dict[str, int]:
        """What was passed over or forgotten, by reason; see :attr:`gaze.visits.Visits.dropped`."""
        return dict(self._visits.dropped)

    @property
    def active(self) -> frozenset[CueKind]:
        """Lasting cues under way."""
        return frozenset({*self._open, *(("dwell",) if self._dwells else ())})

    def feed(self, events: Sequence[EyeEvent], things: Mapping[int, str] = _NO_THINGS) -> list[Cue]:
        """Take reports of the detector and return the cues they make.

        Args:
            events: In order of ``t_emit_ns``. Of fixations and pursuits the final ones count, of dwells all.
            things: What gaze was on, by event id, where that is known.
        """
        for event in events:
            self._wait(event.t_start_ns if event.stage == "final" else event.t_end_ns)
            if event.kind == "dwell":
                self._dwell(event, things.get(event.id))
            elif event.stage == "final" and event.kind in ("fixation", "pursuit"):
                look = self._visits.place(event, things.get(event.id))
                if look is not None:
                    self._look(look)
            elif event.kind == "lost":
                self._visits.lose()
                self._end_all(event.t_emit_ns)
        out, self._out = self._out, []
        return out

    def advance(self, t_ns: int) -> list[Cue]:
        """Stream time is ``t_ns``: end what has had no new evidence for too long."""
        self._wait(t_ns)
        out, self._out = self._out, []
        return out

    # ------------------------------------------------------------ moments

    def _look(self, look: Look) -> None:
        before, rules = self._last, self._rules
        if look.came_from is not None and before is not None:
            names = tuple(name for name in (before.thing, look.thing) if name is not None)
            self._tell(
                ("transition", "from one region straight to another", f"{look.apart_deg or 0.0:.1f} deg"),
                (evidence_of(before), evidence_of(look)),
                look.event,
                ((look.came_from, look.region), names),
            )
        if look.away_ns is not None and look.away_ns >= rules.away_ns:
            self._tell(
                ("return", f"back in a region after {rules.away_ns / 1e9:g} s or more elsewhere", f"{look.away_ns / 1e9:.2f} s elsewhere"),
                (evidence_of(look),),
                look.event,
                ((look.region,), (look.thing,) if look.thing is not None else ()),
            )
        self._last = look
        for kind, pattern in self._patterns:
            if pattern is self._comparing and self._reading.active and not pattern.active:
                pattern.reset()
                continue
            turn = pattern.see(look)
            if turn == "on":
                self._open[kind] = (next(self._ids), pattern.support[0].t_start_ns)
                self._report(kind, pattern, "provisional", look.event.t_emit_ns)
            elif turn == "off":
                self._end(kind, pattern, look.event.t_emit_ns)

    def _tell(
        self,
        what: tuple[CueKind, str, str],
        evidence: tuple[Evidence, ...],
        event: EyeEvent,
        where: tuple[tuple[int, ...], tuple[str, ...]],
    ) -> None:
        kind, rule, found = what
        span = (evidence[0].t_start_ns, evidence[-1].t_end_ns, event.t_emit_ns)
        self._out.append(Cue(next(self._ids), kind, *span, "final", evidence, rule, found, *where, event.x_norm, event.y_norm))

    # ------------------------------------------------------------ what lasts

    def _report(self, kind: CueKind, pattern: Pattern, stage: Stage, t_emit_ns: int) -> None:
        number, start_ns = self._open[kind]
        pair = pattern.pair if isinstance(pattern, Comparing) else ()
        things = pattern.things if isinstance(pattern, Comparing) else ()
        evidence = tuple(pattern.support)
        self._out.append(
            Cue(number, kind, start_ns, evidence[-1].t_end_ns, t_emit_ns, stage, evidence, pattern.rule, pattern.found(), pair, things)
        )

    def _end(self, kind: CueKind, pattern: Pattern, t_emit_ns: int) -> None:
        self._report(kind, pattern, "final", t_emit_ns)
        del self._open[kind]
        pattern.reset()

    def _end_all(self, t_emit_ns: int) -> None:
        for kind, pattern in self._patterns:
            if kind in self._open:
                self._end(kind, pattern, t_emit_ns)
            else:
                pattern.reset()

    def _wait(self, t_ns: int) -> None:
        if self._last is not None and t_ns - self._last.event.t_end_ns > self._rules.silence_ns:
            # told as of the moment it was over, whenever somebody asks
            self._end_all(self._last.event.t_end_ns + self._rules.silence_ns)

    def _dwell(self, event: EyeEvent, thing: str | None) -> None:
        number = self._dwells.get(event.id) or next(self._ids)
        # one dwell at a time: a new one means that the last was given up without a word
        self._dwells = {} if event.stage == "final" else {event.id: number}
        span = (event.t_start_ns, event.t_end_ns, event.t_emit_ns)
        rule, found = f"gaze kept on one thing for {DwellRules().dwell_ns / 1e9:g} s or more", f"{event.duration_ns / 1e9:.2f} s"
        evidence = (Evidence(event.id, event.t_start_ns, event.t_end_ns),)
        things = (thing,) if thing is not None else ()
        self._out.append(Cue(number, "dwell", *span, event.stage, evidence, rule, found, (), things, event.x_norm, event.y_norm))
