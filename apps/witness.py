"""Watches a run for the report: stills, percepts, gauges, what was forgotten. Keeps nothing of what is forgotten."""

from __future__ import annotations

from collections import deque

from apps.report.run import Gauge, Still
from edge_runtime import pixels
from edge_runtime.config import S
from edge_runtime.core import Core
from edge_runtime.hosts.capture import FrameRing
from edge_runtime.hosts.run_log import RunLog
from edge_runtime.journal import Journal
from edge_runtime.protocol import Command, Erase, Event, FrameSeen, Say, Tick
from edge_runtime.records import Dropped, Scope
from edge_runtime.speech import Response
from edge_runtime.types import Percept

STILL_EVERY_NS = S // 2
_STILL_WIDTH_PX = 320
_MOST_STILLS = 1200
_MOST_PERCEPTS = 40_000
_MOST_GAUGES = 20_000


class Witness:
    """An observer of a run; bounded, the oldest is let go first. Where nothing is attached there are no pixels and no files."""

    def __init__(self) -> None:
        self._ring: FrameRing | None = None
        self._journal: Journal | None = None
        self._store: RunLog | None = None
        self.stills: deque[Still] = deque(maxlen=_MOST_STILLS)
        self.percepts: deque[Percept] = deque(maxlen=_MOST_PERCEPTS)
        self.gauges: deque[Gauge] = deque(maxlen=_MOST_GAUGES)
        self.forgotten: list[tuple[int, Scope, int]] = []
        self.said: deque[tuple[int, Response]] = deque(maxlen=1000)
        self.boundaries_ns: deque[int] = deque(maxlen=10_000)
        self._dropped: dict[str, int] = {}
        self._still_ns = -STILL_EVERY_NS
        self._gauge_ns = -S

    def attach(self, ring: FrameRing, journal: Journal, store: RunLog) -> None:
        """Say where frames and file sizes are to be had."""
        self._ring, self._journal, self._store = ring, journal, store

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """Totals of the core, by what and reason, as of the last step."""
        pairs = ((key.partition(":"), count) for key, count in self._dropped.items())
        return tuple(Dropped(what, reason, count) for (what, _, reason), count in pairs)

    def __call__(self, event: Event, commands: tuple[Command, ...], core: Core) -> None:
        """Take one step in."""
        self._dropped = core.dropped
        for attended, _ in core.facts:
            self.percepts.extend(attended.percepts)
            if attended.boundary_ns is not None:
                self.boundaries_ns.append(attended.boundary_ns)
        for command in commands:
            if isinstance(command, Erase):
                self._forget(event.t_ns, command)
            elif isinstance(command, Say):
                self.said.append((event.t_ns, command.response))
        if isinstance(event, FrameSeen) and event.t_ns - self._still_ns >= STILL_EVERY_NS:
            self._still(event)
        if isinstance(event, Tick) and event.t_ns - self._gauge_ns >= S:
            self._gauge(event.t_ns, core)

    def _still(self, event: FrameSeen) -> None:
        frame = self._ring.newest if self._ring is not None else None
        if frame is not None and frame.seq == event.seq:
            self._still_ns = event.t_ns
            self.stills.append(Still(event.t_ns, event.seq, pixels.jpeg_encode(frame.image, 80, _STILL_WIDTH_PX)))

    def _gauge(self, t_ns: int, core: Core) -> None:
        self._gauge_ns = t_ns
        journal, store = self._journal, self._store
        self.gauges.append(
            Gauge(
                t_ns=t_ns,
                ram_bytes=core.nbytes(),
                ram_limit_bytes=core.config.remember.ram_bytes,
                tiers=core.memory.tiers(),
                log_bytes=store.nbytes() if store else 0,
                log_limit_bytes=core.config.store.log_bytes,
                journal_bytes=journal.nbytes if journal else 0,
                journal_limit_bytes=core.config.journal.journal_bytes,
            )
        )

    def _forget(self, t_ns: int, command: Erase) -> None:
        from_ns = command.t_first_ns
        self.stills = deque((still for still in self.stills if still.t_ns < from_ns), maxlen=_MOST_STILLS)
        self.percepts = deque((percept for percept in self.percepts if percept.t_capture_ns < from_ns), maxlen=_MOST_PERCEPTS)
        self.said = deque((entry for entry in self.said if entry[0] < from_ns), maxlen=1000)
        self.forgotten.append((t_ns, command.scope, from_ns))
