"""What a process counts and measures of itself, for its status."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter

from edge_runtime.core import Core
from edge_runtime.protocol import Command, Event, Eye, FrameSeen, Gaze, Looked, Say
from edge_runtime.transport.statuses import AGE_BOUNDS_NS, Ages, Tally


class Meter:
    """Counts and ages since the start of the process. May be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._ages: dict[str, list[int]] = {}
        self._sums: Counter[str] = Counter()
        self._newest: dict[str, int] = {}

    def count(self, name: str, count: int = 1) -> None:
        """It happened so often."""
        with self._lock:
            self._counts[name] += count

    def age(self, stage: str, age_ns: int) -> None:
        """Something was so old when a stage had done with it."""
        with self._lock:
            buckets = self._ages.setdefault(stage, [0] * (len(AGE_BOUNDS_NS) + 1))
            buckets[bisect_left(AGE_BOUNDS_NS, age_ns)] += 1
            self._sums[stage] += age_ns
            self._newest[stage] = age_ns

    def tallies(self) -> tuple[Tally, ...]:
        """What has happened so far."""
        with self._lock:
            return tuple(Tally(name, count) for name, count in sorted(self._counts.items()))

    def ages(self) -> tuple[Ages, ...]:
        """How old things were."""
        with self._lock:
            return tuple(
                Ages(stage, tuple(buckets), self._sums[stage], self._newest[stage]) for stage, buckets in sorted(self._ages.items())
            )


class CoreMeter:
    """Observes a core: what it takes in and does, and how old that is by then.

    Stages: ``frame`` (a frame reaches the core, since its capture), ``eye`` (the final word on an eye movement, since its end), ``look``
    (a look is carried out, since the capture of its frame), ``say`` (something is said, since the newest picture behind it).
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def __call__(self, event: Event, commands: tuple[Command, ...], core: Core) -> None:
        """Take one step in."""
        meter = self._meter
        meter.count("events")
        match event:
            case FrameSeen():
                meter.count("frames")
                meter.age("frame", event.t_ns - event.t_capture_ns)
            case Gaze():
                meter.count("gaze_samples", len(event.samples))
            case Eye() if event.event.stage == "final":
                meter.count("eye_events")
                meter.age("eye", event.t_ns - event.event.t_end_ns)
            case Looked() if core.facts:
                meter.count("looks")
                meter.age("look", event.t_ns - event.t_capture_ns)
        for command in commands:
            if isinstance(command, Say):
                meter.count("said")
                seen_ns = [evidence.t_ns for evidence in command.response.evidence]
                if seen_ns:
                    meter.age("say", event.t_ns - max(seen_ns))
