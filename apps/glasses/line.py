"""The line from a page to one start of the daemon: its lanes, and what its processes say of themselves."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path

from apps.daemon.client import DaemonClient
from edge_runtime.config import S
from edge_runtime.errors import NotRunning
from edge_runtime.protocol import Gaze, Message
from edge_runtime.transport.bus_zmq import ZmqBus
from edge_runtime.transport.endpoints import Local, sockets_of
from edge_runtime.transport.messages import Refused
from edge_runtime.transport.post import MessageAsker, Post
from edge_runtime.transport.routes import CALLS, PEEKED, PEEKS, POINTED, POINTS, REPLIES, SHOWN, VIEWS
from gaze.types import GazeSample

ASK_S = 0.5
"""The daemon answers at once; a process that has not by then hangs or is gone."""
_ASK_NS = round(ASK_S * S)
_MOST_SAMPLES = 128
"""Of the pointer that may wait for one message."""


class Line:
    """Everything that a page asks the daemon, from any thread; but for ``client``, which belongs to one.

    Args:
        folder: The runtime folder; this user's by default.
        count: Told ``(what, reason, count)`` of gaze that is let go.

    Attributes:
        client: Hears how the processes are.
        calls: To the core: what the wearer wants.
        views: To the core: what it shows.
        pictures: To the core: small pictures.
        peeks: To the capture process: what the camera sees.
        pointer: To the capture process.

    Raises:
        NotRunning: No daemon runs.
        WireError: The one that runs is of another major version.
        DeviceError: It has no sockets yet, or the folder cannot be used.
    """

    def __init__(self, folder: Path | None, count: Callable[[str, str, int], None]) -> None:
        self.client = DaemonClient(folder)
        sockets = sockets_of(self.client.folder)
        if sockets is None:
            self.client.__exit__(None, None, None)
            raise NotRunning("the daemon has just ended", hint="start one: edge-runtime run")
        # Its clock is the monotonic one, as that of all processes: what is asked has a deadline.
        post = Post(ZmqBus(Local(sockets)), "client")
        self._bus = post.bus
        self.calls, self.views = Lane(post.asker(CALLS, REPLIES)), Lane(post.asker(VIEWS, SHOWN))
        self.pictures, self.peeks = Lane(post.asker(VIEWS, SHOWN)), Lane(post.asker(PEEKS, PEEKED))
        self.pointer = PointerLane(post.asker(POINTS, POINTED), count)

    def close(self) -> None:
        """Close all of it; whoever asks now or later is not answered."""
        for lane in (self.calls, self.views, self.pictures, self.peeks, self.pointer):
            lane.close()
        self._bus.close()
        self.client.__exit__(None, None, None)


class Lane:
    """Asks one thing at a time; a second thread waits for its turn."""

    def __init__(self, asker: MessageAsker) -> None:
        self._asker: MessageAsker | None = asker
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def ask(self, message: Message) -> Message | None:
        """The answer; ``None`` when none came in half a second, or none that can be read."""
        with self._lock:
            until_ns = time.monotonic_ns() + _ASK_NS
            if self._asker is None or not self._asker.reachable(ASK_S):
                return None
            if self._asker.ask(next(self._numbers), until_ns, message) is not None:
                return None
            outcome = self._asker.take(2 * ASK_S)  # by its deadline it has one
            return None if outcome is None else outcome.message

    def close(self) -> None:
        """Ask nothing any more; waits for what is under way."""
        with self._lock:
            self._asker = None


class PointerLane:
    """Sends the pointer as gaze, never waits: samples gather while the batch before them is under way.

    Args:
        asker: Of the lane.
        count: Told of samples let go.
    """

    def __init__(self, asker: MessageAsker, count: Callable[[str, str, int], None]) -> None:
        self._asker: MessageAsker | None = asker
        self._count = count
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: list[GazeSample] = []
        self._under_way = 0

    def look(self, samples: tuple[GazeSample, ...] = ()) -> None:
        """Take samples in stream time, and send what can be sent now."""
        with self._lock:
            if self._asker is None:
                return
            self._waiting += samples
            self._hear(self._asker)
            if self._waiting and not self._under_way:
                self._send(self._asker)
            elif len(self._waiting) > _MOST_SAMPLES:
                self._count("gaze_sample", "behind", len(self._waiting) - _MOST_SAMPLES)
                del self._waiting[:-_MOST_SAMPLES]

    def close(self) -> None:
        """Send nothing any more."""
        with self._lock:
            self._asker = None

    def _hear(self, asker: MessageAsker) -> None:
        outcome = asker.take() if self._under_way else None
        if outcome is not None:
            if outcome.message is None or isinstance(outcome.message, Refused):
                self._count("gaze_sample", "unanswered" if outcome.message is None else "unwanted", self._under_way)
            self._under_way = 0

    def _send(self, asker: MessageAsker) -> None:
        batch, self._waiting = tuple(self._waiting[-_MOST_SAMPLES:]), []
        if asker.ask(next(self._numbers), time.monotonic_ns() + _ASK_NS, Gaze(t_ns=batch[-1].t_ns, samples=batch)) is None:
            self._under_way = len(batch)
        else:
            self._count("gaze_sample", "unanswered", len(batch))
