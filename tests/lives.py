"""A run of the scripted world that is cut short and goes on, life by life, in one folder: everything is real but the clock and the eyes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from edge_runtime.config import Config
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.capture import FrameRing
from edge_runtime.hosts.host import TICK_NS, Observer
from edge_runtime.hosts.journal_replay import replay_journal
from edge_runtime.hosts.replay import ReplayHost
from edge_runtime.hosts.resume import Resumed, resume
from edge_runtime.hosts.workers import Workers
from edge_runtime.journal import ForgettingNote, Head, Journal
from edge_runtime.models.generation import Language
from edge_runtime.models.scripted import EVERYTHING, ScriptedLooker
from edge_runtime.protocol import Command, Erase, Erased, Event, Forget, Say
from edge_runtime.store import open_store
from edge_runtime.types import Session
from gaze import EyeEvents
from tests import world
from tests.talking import SEEING


class Died(BaseException):
    """Stands for a process that is killed: nobody handles it."""


class Life(ReplayHost):
    """Drives a core from where it stands to the end of the world, and notes what is being forgotten."""

    def __init__(
        self,
        run: Path,
        core: Core,
        workers: Workers,
        journal: Journal,
        decisions: DecisionLog,
        observer: Observer,
        language: Language | None,
    ) -> None:
        eyes = EyeEvents(90.0, world.WIDTH_PX / world.HEIGHT_PX)
        super().__init__(core, workers, journal, decisions, eyes=eyes, language=language, observers=[observer])
        self._note = ForgettingNote(run / "journal")
        self.voice: list[Callable[[Say], None]] = []
        self.noted: list[Callable[[], None]] = []
        self._tick_ns = max(0, core.state.t_ns) // TICK_NS * TICK_NS

    def take_up(self, resumed: Resumed) -> None:
        """Feed what is owed, and carry out again what was cut short."""
        t_ns = max(0, self.core.state.t_ns)
        for event in resumed.owed:
            self._feed(msgspec.structs.replace(event, t_ns=t_ns))
        for order in resumed.orders:
            self._erase(order, t_ns, ())

    def go_on(self, words: Sequence[Event]) -> None:
        """Live on; what the wearer said while nobody listened is said again now."""
        from_ns = self.core.state.t_ns
        script = [msgspec.structs.replace(event, t_ns=max(event.t_ns, from_ns + 1)) for event in words]
        frames = (frame for frame in world.frames() if frame.t_capture_ns > from_ns)
        gaze = [sample for sample in world.gaze() if sample.t_ns > from_ns]
        self.run(frames, gaze, sorted(script, key=lambda event: event.t_ns))

    def _feed(self, event: Event) -> None:
        super()._feed(event)
        if isinstance(event, Erased):
            self._note.clear(event.answers)

    def _perform(self, command: Command, t_ns: int, step: tuple[Command, ...]) -> None:
        if isinstance(command, Say):
            for hear in self.voice:
                hear(command)
        super()._perform(command, t_ns, step)

    def _erase(self, command: Erase, t_ns: int, step: tuple[Command, ...]) -> None:
        self._note.write(Forget(t_ns=t_ns, scope=command.scope), command)
        for hear in self.noted:
            hear()
        super()._erase(command, t_ns, step)


@contextlib.contextmanager
def life(
    run: Path, observer: Observer, config: Config | None = None, language: Language | None = None
) -> Iterator[tuple[Life, Resumed | None]]:
    """One life of the run in a folder, at its beginning: nothing has been fed yet."""
    config, looker = config or Config(), ScriptedLooker(world.see, EVERYTHING if language is None else SEEING)
    session = Session(looker.capabilities)
    run.mkdir(parents=True, exist_ok=True)
    resumed = resume(run, config, session)
    core = Core(config, session) if resumed is None else resumed.core
    head = Head(version="1", segment=0, config=config, session=session, snapshot=b"")
    keeps_session = resumed is not None and resumed.standing != "fresh"
    with (
        open_store(run / "log", log_bytes=config.store.log_bytes, resume=keeps_session) as store,
        Journal.going_on(run / "journal", head, core.snapshot) as journal,
        DecisionLog(run / "decisions.jsonl", again=True) as decisions,
    ):
        workers = Workers(FrameRing(config.capture.ring_bytes), looker, store)
        yield Life(run, core, workers, journal, decisions, observer, language), resumed


def replayed(run: Path, out: Path) -> bytes:
    """The decisions that a replay of the journal writes."""
    with DecisionLog(out) as decisions:
        replay_journal(run, decisions)
    return out.read_bytes()
