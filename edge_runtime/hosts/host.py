"""What every host does with one step: feed the core, write the journal, carry out commands, keep the voice's time."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from edge_runtime.config import MS, S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.journal import Journal
from edge_runtime.protocol import (
    Append,
    Cancel,
    Command,
    Erase,
    Event,
    Found,
    Generate,
    Look,
    Looked,
    Prompted,
    Record,
    Say,
    Search,
    SpeechEnded,
    SpeechStarted,
    StopSpeech,
    Token,
)
from edge_runtime.records import Dropped

TICK_NS = 100 * MS
_CHARS_PER_S = 14
_SHORTEST_SPEECH_NS = 600 * MS

Observer = Callable[[Event, tuple[Command, ...], Core], None]
Work = Look | Append | Search | Erase | Generate
"""Commands that a worker answers."""


def speech_ns(text: str) -> int:
    """How long a voice takes for a sentence: 14 characters a second, at least 0.6 s."""
    return max(_SHORTEST_SPEECH_NS, len(text) * S // _CHARS_PER_S)


def _emptied(event: Event) -> Event:
    match event:
        case Looked():
            return msgspec.structs.replace(event, regions=())
        case Found():
            return msgspec.structs.replace(event, rows=(), places=())
        case Prompted():
            return msgspec.structs.replace(event, shown=())
        case Token():
            return msgspec.structs.replace(event, text="")
        case _:
            return event


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
    generations: int = 0
    failed_looks: dict[str, int] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)
    """What was let go outside the core: totals by what and reason."""

    def drop(self, drop: Dropped) -> None:
        """Add to the totals."""
        if not drop.count:
            return
        for index, known in enumerate(self.dropped):
            if (known.what, known.reason) == (drop.what, drop.reason):
                self.dropped[index] = Dropped(drop.what, drop.reason, known.count + drop.count)
                return
        self.dropped.append(drop)


class Host:
    """One core with its journal and its decision log. Subclasses own the clock and the workers.

    Speech is only timed here: a sentence takes as long as a voice would need for it.

    Args:
        core: Fresh, or restored.
        journal: Takes every step.
        decisions: Takes every decision.
        observers: Called after every step, for a report or a test; they must not keep the pixels of what is forgotten.
    """

    def __init__(self, core: Core, journal: Journal, decisions: DecisionLog, *, observers: Sequence[Observer] = ()) -> None:
        self.core = core
        self.cost = Cost()
        self._journal = journal
        self._decisions = decisions
        self._observers = observers
        self._due: list[tuple[int, int, Event]] = []
        self._order = 0

    # ------------------------------------------------------------ for subclasses

    def _work(self, command: Work, t_ns: int) -> None:
        """Have a command carried out; its answer is fed as an event."""
        raise TypeError(f"{type(self).__name__} has no workers")

    def _forget_pixels(self, t_from_ns: int) -> None:
        """Let go of frames captured at or after a time, and of all that prompts have left in a language model."""
        raise TypeError(f"{type(self).__name__} has no frames")

    def _write(self, event: Event, commands: tuple[Command, ...]) -> None:
        """Write a step to the journal."""
        self._journal.step(event, commands)

    # ------------------------------------------------------------ one step

    def _feed(self, event: Event) -> None:
        if not self.core.awaits(event):
            # It changes nothing any more, and may show what has been forgotten since it was asked for.
            event = _emptied(event)
        begun_ns = time.thread_time_ns()
        commands = self.core.feed(event)
        self.cost.core_cpu_ns += time.thread_time_ns() - begun_ns
        self.cost.events += 1
        if not any(isinstance(command, Erase) for command in commands):
            self._write(event, commands)
        for command in commands:
            self._perform(command, event.t_ns, commands)
        for observer in self._observers:
            observer(event, commands, self.core)

    def _perform(self, command: Command, t_ns: int, step: tuple[Command, ...]) -> None:
        match command:
            case Look() | Append() | Search() | Generate():
                self._work(command, t_ns)
            case Erase():
                self._erase(command, t_ns, step)
            case Say():
                length_ns = speech_ns(command.response.text)
                self._later(SpeechStarted(t_ns=t_ns, answers=command.id))
                self._later(SpeechEnded(t_ns=t_ns + length_ns, answers=command.id, spoken_chars=len(command.response.text)))
            case StopSpeech():
                self._stop_speech(t_ns)
            case Cancel():
                self._cancel(command.target)
            case Record():
                self._decisions.write(command.decision)
            case _:
                pass  # Show: who has a display reads it as an observer.

    def _erase(self, command: Erase, t_ns: int, step: tuple[Command, ...]) -> None:
        """Forget everywhere; where one place refuses, the others forget all the same."""
        # Saying that something was forgotten is kept; what was forgotten is not, nor the words that asked for it.
        kept = tuple(other for other in step if isinstance(other, Say | Record))
        self._work(command, t_ns)
        self._forget_pixels(command.t_first_ns)
        t_from_ns = command.t_first_ns
        try:
            t_from_ns = self._journal.forget(command.t_first_ns, t_ns, command.scope, kept)
        finally:
            self._decisions.forget(t_from_ns)

    def _cancel(self, target: int) -> None:
        self._due = [entry for entry in self._due if getattr(entry[2], "answers", None) != target]
        heapq.heapify(self._due)

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
