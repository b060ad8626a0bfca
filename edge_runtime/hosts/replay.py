"""The replay host: everything in one thread, on a virtual clock.

Frames, gaze, ticks and the wearer's words are fed in order of arrival; workers are called inline and answer at once in stream time.
The same input gives the same decisions; wall time enters nothing but :class:`Cost`.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime import codec, pixels
from edge_runtime.config import MS, S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.errors import JournalError
from edge_runtime.hosts.capture import Frame
from edge_runtime.hosts.workers import Workers
from edge_runtime.journal import Head, Journal, JournalReader, Step, without_blobs
from edge_runtime.protocol import (
    Append,
    Cancel,
    Command,
    Erase,
    Event,
    Eye,
    Failed,
    FrameSeen,
    Gaze,
    Generate,
    Look,
    Record,
    Say,
    Search,
    SpeechEnded,
    SpeechStarted,
    StopSpeech,
    Tick,
)
from edge_runtime.records import Dropped
from gaze import EyeEvents
from gaze.types import GazeSample

TICK_NS = 100 * MS
GAZE_BATCH_NS = 20 * MS
DRAIN_NS = 2 * S
"""A run goes on for this long after its last input, and longer while something waits to be said."""
MOST_DRAIN_NS = 30 * S
_CHARS_PER_S = 14
_SHORTEST_SPEECH_NS = 600 * MS

Observer = Callable[[Event, tuple[Command, ...], Core], None]


@dataclass
class Cost:
    """What a run took. CPU times are of this process, so threads of the models are counted with the models."""

    frames: int = 0
    looks: int = 0
    regions: int = 0
    events: int = 0
    core_cpu_ns: int = 0
    model_cpu_ns: int = 0
    last_ns: int = 0
    failed_looks: dict[str, int] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)
    """What was let go outside the core: totals by what and reason."""

    def drop(self, drop: Dropped) -> None:
        """Add to the totals."""
        for index, known in enumerate(self.dropped):
            if (known.what, known.reason) == (drop.what, drop.reason):
                self.dropped[index] = Dropped(drop.what, drop.reason, known.count + drop.count)
                return
        self.dropped.append(drop)


class ReplayHost:
    """Drives one core over recorded input.

    Args:
        core: Fresh, or restored.
        workers: Who carries out commands.
        journal: Takes every step.
        decisions: Takes every decision.
        eyes: The eye-event detector; ``None`` without gaze.
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
        observers: Sequence[Observer] = (),
    ) -> None:
        self.core = core
        self.cost = Cost()
        self._workers = workers
        self._journal = journal
        self._decisions = decisions
        self._eyes = eyes
        self._observers = observers
        self._due: list[tuple[int, int, Event]] = []
        self._order = 0
        self._tick_ns = 0
        self._speaking: int | None = None
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
        begun_ns = time.thread_time_ns()
        commands = self.core.feed(event)
        self.cost.core_cpu_ns += time.thread_time_ns() - begun_ns
        self.cost.events += 1
        if not any(isinstance(command, Erase) for command in commands):
            self._journal.step(event, commands)
        for command in commands:
            self._perform(command, event.t_ns, commands)
        for observer in self._observers:
            observer(event, commands, self.core)
        while self._due and self._due[0][0] <= event.t_ns:
            self._feed(heapq.heappop(self._due)[2])

    def _perform(self, command: Command, t_ns: int, step: tuple[Command, ...]) -> None:
        match command:
            case Look():
                self._look(command, t_ns)
            case Append():
                self._later(self._workers.append(command, t_ns))
            case Search():
                self._later(self._workers.search(command, t_ns))
            case Erase():
                # Saying that something was forgotten is kept; what was forgotten is not, nor the words that asked for it.
                kept = tuple(other for other in step if isinstance(other, Say | Record))
                t_from_ns = self._journal.forget(command.t_first_ns, t_ns, command.scope, kept)
                self._decisions.forget(t_from_ns)
                self._workers.ring.forget(t_from_ns)
                self._later(self._workers.erase(command, t_ns))
            case Generate():
                self._later(Failed(t_ns=t_ns, answers=command.id, reason="unsupported", detail="no language model is loaded"))
            case Say():
                length_ns = max(_SHORTEST_SPEECH_NS, len(command.response.text) * S // _CHARS_PER_S)
                self._speaking = command.id
                self._later(SpeechStarted(t_ns=t_ns, answers=command.id))
                self._later(SpeechEnded(t_ns=t_ns + length_ns, answers=command.id, spoken_chars=len(command.response.text)))
            case StopSpeech():
                self._stop_speech(t_ns)
            case Cancel():
                self._due = [entry for entry in self._due if getattr(entry[2], "answers", None) != command.target]
                heapq.heapify(self._due)
            case Record():
                self._decisions.write(command.decision)
            case _:
                pass  # Show: a replay has no display; the command stands in the journal.

    def _look(self, command: Look, t_ns: int) -> None:
        begun_ns = time.process_time_ns()
        answer = self._workers.look(command, t_ns)
        self.cost.model_cpu_ns += time.process_time_ns() - begun_ns
        self.cost.looks += 1
        self.cost.regions += len(command.regions)
        if isinstance(answer, Failed):
            self.cost.failed_looks[answer.reason] = self.cost.failed_looks.get(answer.reason, 0) + 1
        self._later(answer)

    def _stop_speech(self, t_ns: int) -> None:
        ends = [entry for entry in self._due if isinstance(entry[2], SpeechEnded)]
        self._due = [entry for entry in self._due if not isinstance(entry[2], SpeechEnded)]
        heapq.heapify(self._due)
        for end_ns, _, event in ends:
            if isinstance(event, SpeechEnded):
                left = (end_ns - t_ns) * _CHARS_PER_S // S
                self._later(SpeechEnded(t_ns=t_ns, answers=event.answers, spoken_chars=max(0, event.spoken_chars - left)))

    def _later(self, event: Event) -> None:
        self._order += 1
        heapq.heappush(self._due, (event.t_ns, self._order, event))


def replay_journal(folder: Path, decisions: DecisionLog, *, observers: Sequence[Observer] = ()) -> Core:
    """Feed a journal to a fresh core and write its decisions. No models, no pixels, no log are needed.

    Every step's commands are compared with those in the journal.

    Raises:
        JournalError: No journal there, or the core answers otherwise than it did when the journal was written.
    """
    reader = JournalReader(folder)
    core = Core(reader.heads[0].config, reader.heads[0].session)
    expected = -1
    for record in reader:
        if isinstance(record, Head):
            if record.segment != expected:
                core.restore(record.snapshot)
            expected = record.segment + 1
            if record.gap is not None:
                core.restore(record.snapshot)
            for command in record.commands:
                if isinstance(command, Record):
                    decisions.write(command.decision)
            continue
        _repeat(core, record, decisions)
        for observer in observers:
            observer(record.event, record.commands, core)
    return core


def _repeat(core: Core, step: Step, decisions: DecisionLog) -> None:
    commands = core.feed(step.event)
    if _as_kept(commands) != _as_kept(step.commands):
        moment = f"at {step.event.t_ns / S:.3f} s the core answers {type(step.event).__name__} otherwise"
        raise JournalError(
            f"the journal does not replay as written: {moment}",
            hint="it was written by another version of the runtime; replay it with that one",
        )
    for command in commands:
        if isinstance(command, Record):
            decisions.write(command.decision)


def _as_kept(commands: tuple[Command, ...]) -> bytes:
    return codec.encode(tuple(without_blobs(command, keep_pixels=False) for command in commands))


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
