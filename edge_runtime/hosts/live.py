"""The live host in one process: the core in one thread, the models and the log in two others, capture wherever frames come from.

Stream time is counted from the start.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.capture_side import CaptureSide
from edge_runtime.hosts.core_loop import CoreLoop
from edge_runtime.hosts.host import Observer, Work
from edge_runtime.hosts.lanes import ModelLane, StoreLane
from edge_runtime.hosts.workers import Workers
from edge_runtime.journal import Journal
from edge_runtime.models.generation import Language
from edge_runtime.pixels import Picture
from edge_runtime.protocol import Generate, Look
from gaze import EyeEvents
from gaze.types import GazeSample

_log = logging.getLogger(__name__)
STOP_S = 2.0
"""A clean stop takes no longer than this, whatever the models are doing."""


class LiveHost(CoreLoop):
    """Drives one core in real time. A context manager: entering starts the threads, leaving stops them.

    Args:
        core: Fresh, or restored.
        workers: Who carries out commands; used from the lanes' threads.
        journal: Takes every step.
        decisions: Takes every decision.
        eyes: The eye-event detector; ``None`` without gaze.
        language: Generates text; ``None`` where no language model is loaded.
        observers: Called after every step, in the core's thread.
        now_ns: The clock.
    """

    def __init__(
        self,
        core: Core,
        workers: Workers,
        journal: Journal,
        decisions: DecisionLog,
        *,
        eyes: EyeEvents | None,
        language: Language | None = None,
        observers: Sequence[Observer] = (),
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        origin_ns = now_ns()
        super().__init__(core, journal, decisions, observers=observers, time_ns=lambda: now_ns() - origin_ns)
        self._side = CaptureSide(workers.ring, eyes, self._inbox.put, self._inbox.count)
        self._models = ModelLane(workers, language, self._inbox.put, self.time_ns, self._inbox.count)
        self._store = StoreLane(workers, self._inbox.put, self.time_ns)
        self._thread = threading.Thread(target=self.run, name="core", daemon=True)

    def __enter__(self) -> LiveHost:
        """Start."""
        for thread in (self._models, self._store, self._thread):
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Stop, within two seconds."""
        self.stop()

    # ------------------------------------------------------------ inputs, from any thread; frames from one

    def offer(self, image: Picture, t_capture_ns: int | None = None) -> None:
        """Offer a frame: uint8 BGR [H, W, 3], captured at ``t_capture_ns`` of stream time, or just now."""
        self._side.offer(image, self.time_ns() if t_capture_ns is None else t_capture_ns)
        self.cost.frames += 1

    def look_at(self, samples: tuple[GazeSample, ...]) -> None:
        """Take gaze samples, times in stream time; eye events are found at once."""
        self._side.look_at(samples)

    def stop(self) -> None:
        """End all threads; what is under way is not waited for longer than two seconds."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._inbox.close()
        self._models.stop()
        end_s = time.monotonic() + STOP_S
        # The core first: once it has ended nothing more is asked of the log, which then writes what it has and ends.
        for thread, stop in ((self._thread, None), (self._store, self._store.stop), (self._models, None)):
            if stop is not None:
                stop()
            thread.join(max(0.0, end_s - time.monotonic()))
            if thread.is_alive():
                _log.warning("the thread %s did not end in time and is left behind", thread.name)
        self._count_dropped()
        for drop in self._side.dropped:
            self.cost.drop(drop)

    # ------------------------------------------------------------ the core's thread

    def _tick(self) -> None:
        self._side.pass_time(self.time_ns())
        super()._tick()

    def _work(self, command: Work, t_ns: int) -> None:
        if isinstance(command, Look | Generate):
            if isinstance(command, Look):
                self.cost.looks += 1
                self.cost.regions += len(command.regions)
            self._models.ask(command)
        else:
            self._store.ask(command)

    def _forget_pixels(self, t_from_ns: int) -> None:
        self._side.ring.forget(t_from_ns)
        self._models.forget()

    def _cancel(self, target: int) -> None:
        super()._cancel(target)
        self._models.cancel(target)
