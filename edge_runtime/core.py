"""The core: one event in, three stages, commands out.

A plain object in the manner of sans-I/O protocol libraries. It never blocks, opens nothing, asks no clock and never sees a
pixel. Whoever drives it (a replay, a simulator, a daemon, a test) owns the clock and the workers; a worker that dies is a
``Failed`` event, and one that says nothing is given up when its deadline passes.
"""

from __future__ import annotations

import msgspec

from edge_runtime import codec, vocabulary
from edge_runtime.attend import Attend
from edge_runtime.config import Config, RememberConfig
from edge_runtime.errors import UsageError
from edge_runtime.facts import Attended, Remembered
from edge_runtime.outbox import Outbox
from edge_runtime.power import Work
from edge_runtime.protocol import (
    Answer,
    Append,
    Cancel,
    Command,
    Erase,
    Event,
    Failed,
    Forget,
    Gaze,
    Generate,
    Look,
    Prompted,
    Say,
    Search,
    SpeechStarted,
    Tick,
    Token,
)
from edge_runtime.records import Dropped
from edge_runtime.remember import Memory
from edge_runtime.remember.concepts import MAX_VIEWS
from edge_runtime.settings import changed
from edge_runtime.speak import Speaker
from edge_runtime.types import Session

_ANSWERED = (Look, Generate, Append, Search, Erase, Say)

_NOTHING = Attended()


class Pending(msgspec.Struct, frozen=True):
    """A command that is owed an answer.

    Attributes:
        deadline_ns: When it is given up.
        look: The look itself: memory needs to know what was asked.
        shows: Whether the answer shows what was seen: a look, a search, or words about it.
    """

    deadline_ns: int
    look: Look | None
    shows: bool = False


class CoreState(msgspec.Struct):
    """What the core itself remembers, beside its three stages."""

    t_ns: int = -1
    next_id: int = 1
    pending: dict[int, Pending] = {}
    dropped: dict[str, int] = {}


class Snapshot(msgspec.Struct, frozen=True):
    """All state of a core but memory tokens. Thumbnails keep their sizes and lose their bytes, which live in the log."""

    core: CoreState
    attend: bytes
    memory: bytes
    speaker: bytes


class Core:
    """Attend, remember, speak.

    Args:
        config: All settings.
        session: What does not change during a run.

    Attributes:
        facts: What the last event changed in attention and in memory; several steps where a tick gave up on commands.
    """

    def __init__(self, config: Config, session: Session) -> None:
        vocabulary.load()
        self.config = config
        self.state = CoreState()
        self.attend = Attend(
            config.attend,
            session,
            teach_views=_teach_views(config.remember),
            teach_floor=config.remember.concept_ask,
            look_deadline_ns=config.models.look_deadline_ns,
        )
        self.memory = Memory(config.remember, session.capabilities)
        self.speaker = Speaker(config.speak, session.capabilities, config.models)
        self.facts: list[tuple[Attended, Remembered]] = []

    def feed(self, event: Event) -> tuple[Command, ...]:
        """Take one event in and say what is to be done.

        An event older than the last, or an answer that nobody waits for any more, changes nothing and is counted.
        """
        state = self.state
        self.facts = []
        if event.t_ns < state.t_ns:
            self._count(Dropped("event", "clock"))
            return ()
        state.t_ns = event.t_ns
        out = Outbox(state.next_id)
        if isinstance(event, Tick):
            for number in [n for n, owed in state.pending.items() if owed.deadline_ns < event.t_ns]:
                out.emit(Cancel, deadline_ns=event.t_ns, target=number)
                self._step(Failed(t_ns=event.t_ns, answers=number, reason="deadline"), out)
        if isinstance(event, Forget):
            # What is under way may show what is to be forgotten; its answer is no longer wanted.
            for number in [n for n, owed in state.pending.items() if owed.shows]:
                out.emit(Cancel, deadline_ns=event.t_ns, target=number)
        self._step(event, out)
        state.next_id = out.next_id
        for command in out.commands:
            if isinstance(command, _ANSWERED):
                look = command if isinstance(command, Look) else None
                state.pending[command.id] = Pending(command.deadline_ns, look, isinstance(command, Look | Search | Generate))
            elif isinstance(command, Cancel):
                state.pending.pop(command.target, None)
        return tuple(out.commands)

    def reconfigure(self, config: Config) -> None:
        """Go by other settings from the next event on; everything known, said, waited for and saved up stays.

        It then does exactly what a core made with these settings and restored from a snapshot of this one would.

        Raises:
            UsageError: A setting differs that is not reloadable. Nothing has changed then.
        """
        fixed = changed(self.config, config).needs_restart
        if fixed:
            raise UsageError(f"a run cannot change {', '.join(fixed)} while it goes on", hint="end it and start it anew")
        self.config = config
        self.attend.reconfigure(config.attend, teach_views=_teach_views(config.remember), teach_floor=config.remember.concept_ask)
        self.memory.reconfigure(config.remember)
        self.speaker.reconfigure(config.speak)

    def awaits(self, event: Event) -> bool:
        """Whether an event is wanted: an answer that nobody waits for any more is not, and nothing it holds may be kept."""
        return not isinstance(event, Answer) or event.answers in self.state.pending

    def nbytes(self) -> int:
        """Bytes remembered in memory; never more than ``remember.ram_bytes``."""
        return self.memory.nbytes()

    @property
    def dropped(self) -> dict[str, int]:
        """Everything let go so far, counted by ``"what:reason"``."""
        return dict(sorted(self.state.dropped.items()))

    @property
    def reduced(self) -> tuple[Work, ...]:
        """What is done less or not at all to spare the board: ``thinking``, ``looks``, ``naming``, as they give way."""
        return self.attend.reduced

    def snapshot(self) -> bytes:
        """All state, as bytes; a core restored from it commands exactly what this one would. Its token memory begins empty."""
        return codec.encode(Snapshot(self.state, self.attend.snapshot(), self.memory.snapshot(), self.speaker.snapshot()))

    def restore(self, data: bytes) -> None:
        """Take up the state of a snapshot made with the same settings."""
        snapshot = codec.decode(data, Snapshot)
        self.state = snapshot.core
        self.attend.restore(snapshot.attend)
        self.memory.restore(snapshot.memory)
        self.speaker.restore(snapshot.speaker)

    def _step(self, event: Event, out: Outbox) -> None:
        cause = None
        if isinstance(event, Answer):
            owed = self.state.pending.get(event.answers)
            if owed is None:
                self._count(Dropped("result", "late"))
                return
            cause = owed.look
            if not isinstance(event, Prompted | Token | SpeechStarted):
                del self.state.pending[event.answers]
        attended = self.attend.feed(event, cause, out)
        if isinstance(event, Gaze) and attended == _NOTHING:
            return  # most of all events: samples that wait for their frame, of which nobody else learns yet
        remembered = self.memory.feed(event, attended, cause, out)
        unsaid = self.speaker.feed(event, attended, remembered, self.memory, out)
        for drop in (*attended.dropped, *remembered.dropped, *unsaid):
            self._count(drop)
        self.facts.append((attended, remembered))

    def _count(self, drop: Dropped) -> None:
        key = f"{drop.what}:{drop.reason}"
        self.state.dropped[key] = self.state.dropped.get(key, 0) + drop.count


def _teach_views(config: RememberConfig) -> int:
    return min(config.teach_views, MAX_VIEWS)
