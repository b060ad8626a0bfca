"""The replay host: everything in one thread, on a virtual clock.

Frames, gaze, ticks and the wearer's words are fed in order of arrival; workers are called inline and answer at once in stream time,
or as late as a board's profile says. The same input gives the same decisions; wall time enters nothing but :class:`Cost`.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from edge_runtime import pixels
from edge_runtime.config import MS, S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.capture import Frame
from edge_runtime.hosts.host import TICK_NS, Cost, Host, Observer, Work
from edge_runtime.hosts.pace import Pace, PacedLooks
from edge_runtime.hosts.words import InlineWords
from edge_runtime.hosts.workers import Workers
from edge_runtime.journal import Journal
from edge_runtime.models.generation import Language
from edge_runtime.protocol import (
    Append,
    Erase,
    Erased,
    Event,
    Eye,
    Failed,
    Found,
    FrameSeen,
    Gaze,
    Generate,
    Look,
    Looked,
    Search,
    Stored,
    Tick,
)
from edge_runtime.records import Dropped
from gaze import EyeEvents
from gaze.types import GazeSample

GAZE_BATCH_NS = 20 * MS
DRAIN_NS = 2 * S
"""A run goes on for this long after its last input, and longer while something waits to be said."""
MOST_DRAIN_NS = 30 * S


class ReplayHost(Host):
    """Drives one core over recorded input.

    Args:
        core: Fresh, or restored.
        workers: Who carries out commands.
        journal: Takes every step.
        decisions: Takes every decision.
        eyes: The eye-event detector; ``None`` without gaze.
        language: Generates text; ``None`` where no language model is loaded.
        pace: How late looks, words and the log answer; ``None`` for at once.
        observers: Called after every step, for a report or a test; they must not keep the pixels of what is forgotten.
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
        pace: Pace | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        super().__init__(core, journal, decisions, observers=observers)
        self._workers = workers
        self._eyes = eyes
        self._pace = pace
        self._looks = None if pace is None else PacedLooks(pace, workers.looker.capabilities, self._look)
        self._words = InlineWords(language, pace)
        self._log_free_ns = 0
        self._tick_ns = 0
        self._luma: pixels.Luma | None = None

    def run(
        self,
        frames: Iterable[Frame],
        gaze: Sequence[GazeSample] = (),
        script: Sequence[Event] = (),
        *,
        gaze_delay_ns: int = 0,
    ) -> Cost:
        """Play everything, then drain.

        Args:
            frames: In order of capture; taken one at a time.
            gaze: In order of time.
            script: What the wearer says and does, in order of ``t_ns``.
            gaze_delay_ns: How much later than captured gaze arrives.
        """
        streams = (_frame_arrivals(frames), _gaze_arrivals(gaze, gaze_delay_ns), ((event.t_ns, event) for event in script))
        last_ns = 0
        for t_ns, item in heapq.merge(*streams, key=lambda arrival: arrival[0]):
            self._advance(t_ns)
            last_ns = max(last_ns, t_ns)
            if isinstance(item, Frame):
                self._frame(item)
            elif isinstance(item, tuple):
                self._gaze(t_ns, item)
            else:
                self._feed(item)
        end_ns = last_ns + DRAIN_NS
        self._advance(end_ns)
        while (self._due or self.core.speaker.waiting) and end_ns < last_ns + MOST_DRAIN_NS:
            end_ns += TICK_NS
            self._advance(end_ns)
        self.cost.last_ns = last_ns
        for reason, count in (self._eyes.dropped if self._eyes is not None else {}).items():
            self.cost.drop(Dropped("gaze_sample", reason, count))
        return self.cost

    # ------------------------------------------------------------ inputs

    def _frame(self, frame: Frame) -> None:
        self.cost.frames += 1
        signals, self._luma = pixels.signals(frame.image, self._luma)
        for drop in self._workers.ring.push(frame):
            self.cost.drop(drop)
        height, width = frame.image.shape[:2]
        t_ns = frame.t_capture_ns
        self._feed(FrameSeen(t_ns=t_ns, seq=frame.seq, t_capture_ns=t_ns, width_px=width, height_px=height, signals=signals))

    def _gaze(self, t_ns: int, samples: tuple[GazeSample, ...]) -> None:
        # Eye events first: the frame that these samples complete should know the movement they belong to.
        if self._eyes is not None:
            for event in self._eyes.feed(samples):
                self._feed(Eye(t_ns=t_ns, event=event))
        self._feed(Gaze(t_ns=t_ns, samples=samples))

    def _advance(self, t_ns: int) -> None:
        """Let stream time pass: answers that are due and ticks, in order."""
        while True:
            tick_ns = self._tick_ns + TICK_NS
            due_ns = self._due[0][0] if self._due else tick_ns + 1
            if min(tick_ns, due_ns) > t_ns:
                return
            if due_ns <= tick_ns:
                self._feed(heapq.heappop(self._due)[2])
            else:
                self._tick_ns = tick_ns
                if self._eyes is not None:
                    for event in self._eyes.advance(tick_ns):
                        self._feed(Eye(t_ns=tick_ns, event=event))
                self._feed(Tick(t_ns=tick_ns))

    # ------------------------------------------------------------ one step

    def _feed(self, event: Event) -> None:
        super()._feed(event)
        if self._looks is not None and isinstance(event, Looked):
            self._answer(self._looks.answered(event.answers, event.t_ns))
        while self._due and self._due[0][0] <= event.t_ns:
            self._feed(heapq.heappop(self._due)[2])

    def _work(self, command: Work, t_ns: int) -> None:
        match command:
            case Look():
                self._answer([self._look(command, t_ns)] if self._looks is None else self._looks.ask(command, t_ns))
            case Append():
                self._log(self._workers.append(command, t_ns), self._pace.log_ns(command) if self._pace is not None else 0)
            case Search():
                self._log(self._workers.search(command, t_ns), self._pace.log_ns(command) if self._pace is not None else 0)
            case Erase():
                self._log(self._workers.erase(command, t_ns), 0)
            case Generate():
                self._generate(command, t_ns)

    def _cancel(self, target: int) -> None:
        if self._looks is not None and self._looks.cancel(target):
            self.cost.drop(Dropped("look", "cancelled"))
        elif self._looks is None or target != self._looks.under_way:
            super()._cancel(target)
            self._words.cancel(target)

    def _forget_pixels(self, t_from_ns: int) -> None:
        self._workers.ring.forget(t_from_ns)
        self._words.forget()

    def _generate(self, command: Generate, t_ns: int) -> None:
        begun_ns = time.process_time_ns()
        said = self._words.generate(command, t_ns)
        self.cost.model_cpu_ns += time.process_time_ns() - begun_ns
        self.cost.generations += 1
        for drop in said.dropped:
            self.cost.drop(drop)
        for event in said.events:
            self._later(event)

    def _look(self, command: Look, t_ns: int) -> Looked | Failed:
        begun_ns = time.process_time_ns()
        answer = self._workers.look(command, t_ns)
        self.cost.model_cpu_ns += time.process_time_ns() - begun_ns
        self.cost.looks += 1
        self.cost.regions += len(command.regions)
        return answer

    def _answer(self, answers: Iterable[Looked | Failed]) -> None:
        for answer in answers:
            if isinstance(answer, Failed):
                self.cost.failed_looks[answer.reason] = self.cost.failed_looks.get(answer.reason, 0) + 1
            self._later(answer)

    def _log(self, answer: Stored | Found | Erased | Failed, cost_ns: int) -> None:
        """The log does one thing after another, as in a live run; what it has done it tells when its time is over."""
        self._log_free_ns = max(self._log_free_ns, answer.t_ns) + cost_ns
        self._later(msgspec.structs.replace(answer, t_ns=self._log_free_ns))


def _frame_arrivals(frames: Iterable[Frame]) -> Iterator[tuple[int, Frame | tuple[GazeSample, ...] | Event]]:
    for frame in frames:
        yield frame.t_capture_ns, frame


def _gaze_arrivals(samples: Sequence[GazeSample], delay_ns: int) -> Iterator[tuple[int, Frame | tuple[GazeSample, ...] | Event]]:
    """Samples in batches of 20 ms, each arriving when its span is over: what a tracker's driver does."""
    batch: list[GazeSample] = []
    end_ns = 0
    for sample in samples:
        arrives_ns = sample.t_ns + delay_ns
        if batch and arrives_ns > end_ns:
            yield end_ns, tuple(batch)
            batch = []
        if not batch:
            end_ns = (arrives_ns // GAZE_BATCH_NS + 1) * GAZE_BATCH_NS
        batch.append(sample)
    if batch:
        yield end_ns, tuple(batch)
