"""The core's inbox in a live run: bounded, newest wins, and every event let go is counted with its reason."""

from __future__ import annotations

import threading
from collections import deque

from edge_runtime.protocol import Event, FrameSeen, Gaze
from edge_runtime.records import Dropped

_MOST_FRAMES = 2
_MOST_GAZE = 64
_MOST_OTHERS = 512


class Inbox:
    """Events on their way to the core, in order of arrival. Any thread may put; one takes.

    Of frames only the newest two wait: a core that is behind wants to know what is, not what was. Gaze may fall a second
    behind. Answers and the wearer's words are kept up to a bound that only a fault can reach.
    """

    def __init__(self) -> None:
        self._ready = threading.Condition()
        self._events: deque[Event] = deque()
        self._dropped: list[Dropped] = []
        self._closed = False

    def put(self, event: Event) -> None:
        """Add an event; nothing is added after :meth:`close`."""
        with self._ready:
            if self._closed:
                return
            self._events.append(event)
            self._make_room(event)
            self._ready.notify()

    def take(self, timeout_s: float) -> Event | None:
        """The oldest event, or ``None`` when none came within ``timeout_s`` or the inbox was closed."""
        with self._ready:
            if not self._events and not self._closed:
                self._ready.wait(timeout_s)
            return self._events.popleft() if self._events else None

    def count(self, drop: Dropped) -> None:
        """Count something let go before it came here."""
        with self._ready:
            self._dropped.append(drop)

    def take_dropped(self) -> list[Dropped]:
        """What was let go since the last call."""
        with self._ready:
            dropped, self._dropped = self._dropped, []
            return dropped

    def close(self) -> None:
        """Let go of what waits, and wake whoever waits for more."""
        with self._ready:
            if self._events:
                self._dropped.append(Dropped("event", "stopped", len(self._events)))
            self._events.clear()
            self._closed = True
            self._ready.notify_all()

    def _make_room(self, event: Event) -> None:
        waiting: list[Event] = list(self._events)
        most, what = _MOST_OTHERS, "event"
        for kind, bound, name in ((FrameSeen, _MOST_FRAMES, "frame"), (Gaze, _MOST_GAZE, "gaze")):
            if isinstance(event, kind):
                waiting = [known for known in self._events if isinstance(known, kind)]
                most, what = bound, name
        if len(waiting) > most:
            self._events.remove(waiting[0])
            self._dropped.append(Dropped(what, "behind"))
