"""The live host in one process: the core in one thread, the models and the log in two others, capture wherever frames come from.

Stream time is the monotonic clock, counted from the start. Every event gets its ``t_ns`` when it is fed, so the journal of a live run
replays like any other. A disk that refuses the journal does not end the run: it goes on without one and counts what is not written.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType

import msgspec

from edge_runtime import pixels
from edge_runtime.config import S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.errors import DeviceError
from edge_runtime.hosts.capture import Frame
from edge_runtime.hosts.host import TICK_NS, Host, Observer, Work
from edge_runtime.hosts.inbox import Inbox
from edge_runtime.hosts.lanes import Language, ModelLane, StoreLane
from edge_runtime.hosts.workers import Workers
from edge_runtime.journal import Journal
from edge_runtime.pixels import Picture
from edge_runtime.protocol import Command, Event, Eye, FrameSeen, Gaze, Generate, Look, Tick
from edge_runtime.records import Dropped
from gaze import EyeEvents
from gaze.types import GazeSample

_log = logging.getLogger(__name__)
STOP_S = 2.0
"""A clean stop takes no longer than this, whatever the models are doing."""


class LiveHost(Host):
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
        super().__init__(core, journal, decisions, observers=observers)
        self._workers = workers
        self._eyes = eyes
        self._eyes_lock = threading.Lock()
        self._clock_ns = now_ns
        self._origin_ns = now_ns()
        self._inbox = Inbox()
        self._models = ModelLane(workers, language, self._inbox.put, self.time_ns)
        self._store = StoreLane(workers, self._inbox.put, self.time_ns)
        self._thread = threading.Thread(target=self._run, name="core", daemon=True)
        self._stopping = threading.Event()
        self._journal_off = False
        self._luma: pixels.Luma | None = None
        self._seq = 0

    def __enter__(self) -> LiveHost:
        """Start."""
        for thread in (self._models, self._store, self._thread):
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Stop, within two seconds."""
        self.stop()

    def time_ns(self) -> int:
        """Stream time now."""
        return self._clock_ns() - self._origin_ns

    # ------------------------------------------------------------ inputs, from any thread; frames from one

    def offer(self, image: Picture, t_capture_ns: int | None = None) -> None:
        """Offer a frame: uint8 BGR [H, W, 3], captured at ``t_capture_ns`` of stream time, or just now."""
        t_ns = self.time_ns() if t_capture_ns is None else t_capture_ns
        signals, self._luma = pixels.signals(image, self._luma)
        for drop in self._workers.ring.push(Frame(self._seq, t_ns, image)):
            self._inbox.count(drop)
        height, width = image.shape[:2]
        self._inbox.put(FrameSeen(t_ns=t_ns, seq=self._seq, t_capture_ns=t_ns, width_px=width, height_px=height, signals=signals))
        self._seq += 1
        self.cost.frames += 1

    def look_at(self, samples: tuple[GazeSample, ...]) -> None:
        """Take gaze samples, times in stream time; eye events are found at once."""
        if self._eyes is not None:
            with self._eyes_lock:
                events = self._eyes.feed(samples)
            for event in events:
                self._inbox.put(Eye(t_ns=0, event=event))
        self._inbox.put(Gaze(t_ns=0, samples=samples))

    def tell(self, event: Event) -> None:
        """Take the wearer's words, or anything else that happened; its ``t_ns`` is set when it is fed."""
        self._inbox.put(event)

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
        for reason, count in (self._eyes.dropped if self._eyes is not None else {}).items():
            self.cost.drop(Dropped("gaze_sample", reason, count))

    # ------------------------------------------------------------ the core's thread

    def _run(self) -> None:
        next_tick_ns = 0
        while not self._stopping.is_set():
            due_ns = min(next_tick_ns, self._due[0][0] if self._due else next_tick_ns)
            event = self._inbox.take(max(0.0, (due_ns - self.time_ns()) / S))
            self._count_dropped()
            if event is not None:
                self._feed_now(event)
            while self._due and self._due[0][0] <= self.time_ns():
                self._feed_now(heapq.heappop(self._due)[2])
            if self.time_ns() >= next_tick_ns:
                next_tick_ns = (self.time_ns() // TICK_NS + 1) * TICK_NS
                self._tick()

    def _count_dropped(self) -> None:
        for drop in self._inbox.take_dropped():
            self.cost.drop(drop)

    def _tick(self) -> None:
        if self._eyes is not None:
            with self._eyes_lock:
                events = self._eyes.advance(self.time_ns())
            for found in events:
                self._feed_now(Eye(t_ns=0, event=found))
        self._feed_now(Tick(t_ns=0))

    def _feed_now(self, event: Event) -> None:
        self._feed(msgspec.structs.replace(event, t_ns=self.time_ns()))

    def _write(self, event: Event, commands: tuple[Command, ...]) -> None:
        if self._journal_off:
            self.cost.drop(Dropped("step", "journal"))
            return
        try:
            super()._write(event, commands)
        except DeviceError as error:
            # With a step missing the rest would not replay: the journal ends here, the run does not.
            self._journal_off = True
            self.cost.drop(Dropped("step", "journal"))
            _log.warning("the journal ends at %.1f s: %s (%s)", event.t_ns / S, error, error.hint)

    def _perform(self, command: Command, t_ns: int, step: tuple[Command, ...]) -> None:
        try:
            super()._perform(command, t_ns, step)
        except DeviceError as error:
            self.cost.drop(Dropped(type(command).__name__.lower(), "disk"))
            _log.warning("%s was not carried out: %s (%s)", type(command).__name__, error, error.hint)

    def _work(self, command: Work, t_ns: int) -> None:
        if isinstance(command, Look | Generate):
            if isinstance(command, Look):
                self.cost.looks += 1
                self.cost.regions += len(command.regions)
            self._models.ask(command)
        else:
            self._store.ask(command)

    def _forget_pixels(self, t_from_ns: int) -> None:
        self._workers.ring.forget(t_from_ns)

    def _cancel(self, target: int) -> None:
        super()._cancel(target)
        self._models.cancel(target)
