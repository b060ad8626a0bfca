"""The loop that drives a core in real time: events from an inbox, a tick ten times a second, commands carried out elsewhere.

Stream time is a monotonic clock. Every event gets its ``t_ns`` when it is fed, so the journal of a live run replays like any other. A
disk that refuses the journal does not end the run: it goes on without one and counts what is not written.
"""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable, Sequence

import msgspec

from edge_runtime.config import S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.errors import DeviceError
from edge_runtime.hosts.host import TICK_NS, Host, Observer
from edge_runtime.hosts.inbox import Inbox
from edge_runtime.journal import Journal
from edge_runtime.protocol import Command, Event, Tick
from edge_runtime.records import Dropped

_log = logging.getLogger(__name__)


class CoreLoop(Host):
    """Drives one core in real time. Subclasses bring events and workers.

    Args:
        core: Fresh, or restored.
        journal: Takes every step.
        decisions: Takes every decision.
        observers: Called after every step, in the thread of the loop.
        time_ns: Stream time.

    Attributes:
        time_ns: The same.
    """

    def __init__(
        self,
        core: Core,
        journal: Journal,
        decisions: DecisionLog,
        *,
        time_ns: Callable[[], int],
        observers: Sequence[Observer] = (),
    ) -> None:
        super().__init__(core, journal, decisions, observers=observers)
        self.time_ns = time_ns
        self._inbox = Inbox()
        self._stopping = threading.Event()
        self._journal_off = False

    def tell(self, event: Event) -> None:
        """Take the wearer's words, or anything else that happened, from any thread; its ``t_ns`` is set when it is fed."""
        self._inbox.put(event)

    def run(self) -> None:
        """Feed what comes until it is to stop; in one thread."""
        next_tick_ns = self.time_ns()
        while not self._stopping.is_set():
            due_ns = min(next_tick_ns, self._due[0][0] if self._due else next_tick_ns)
            event = self._take(max(0.0, (due_ns - self.time_ns()) / S))
            self._count_dropped()
            if event is not None:
                self._feed_now(event)
            while self._due and self._due[0][0] <= self.time_ns():
                self._feed_now(heapq.heappop(self._due)[2])
            if self.time_ns() >= next_tick_ns:
                next_tick_ns = (self.time_ns() // TICK_NS + 1) * TICK_NS
                self._tick()

    # ------------------------------------------------------------ for subclasses

    def _take(self, timeout_s: float) -> Event | None:
        """The next event, or ``None`` when none came within ``timeout_s``."""
        return self._inbox.take(timeout_s)

    def _tick(self) -> None:
        self._feed_now(Tick(t_ns=0))

    # ------------------------------------------------------------ a step in real time

    def _count_dropped(self) -> None:
        for drop in self._inbox.take_dropped():
            self.cost.drop(drop)

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
