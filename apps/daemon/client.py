"""The way in for whoever speaks to a running daemon on the same machine: calls of the core, and the statuses of all processes."""

from __future__ import annotations

import itertools
import re
import time
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from apps.daemon.heard import Heard, LastWords
from apps.daemon.running import require_running, running_pid
from edge_runtime.config import S
from edge_runtime.errors import DeviceError, NotRunning, UsageError
from edge_runtime.protocol import Message
from edge_runtime.speak.phrasing import duration
from edge_runtime.transport.bus import NEVER_NS
from edge_runtime.transport.bus_zmq import ZmqBus
from edge_runtime.transport.endpoints import Local, runtime_folder, sockets_of
from edge_runtime.transport.messages import Refused, Report
from edge_runtime.transport.post import Post
from edge_runtime.transport.routes import CALLS, MAJOR, REPLIES, STATUS
from edge_runtime.transport.statuses import Reported, Role, Status
from edge_runtime.transport.wire import route_of

CALL_S = 2.0
"""The core answers a call at once; one that has not by then hangs or is gone."""
STATUS_S = 2.0
"""Every process speaks once a second."""
_SOCKET = re.compile(r"er([0-9]{1,4})\..+")
Reply = TypeVar("Reply", bound=Message)


class DaemonClient:
    """A client of the daemon that runs. A context manager; used by one thread. No call waits longer than it is told to.

    It is not told where the daemon's time begins. So its bus has no clock: a call has no deadline there, but is given up and cancelled,
    and how old a status is follows from what it says (:class:`LastWords`).

    Args:
        folder: The runtime folder; this user's by default.

    Raises:
        NotRunning: No daemon runs.
        WireError: The one that runs is of another major version.
        DeviceError: It has no sockets yet, or the folder cannot be used.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = runtime_folder() if folder is None else folder
        self.pid = require_running(self.folder)
        sockets = sockets_of(self.folder)
        if sockets is None:
            raise DeviceError(f"the daemon, process {self.pid}, has no sockets yet", hint="it has just begun: try again in a moment")
        _refuse_other_version(sockets)
        self._bus = ZmqBus(Local(sockets), lambda: 0)
        self._post = Post(self._bus, "client")
        self._core = self._post.asker(CALLS, REPLIES)
        self._statuses = [self._post.receiver(route) for route in STATUS.values()]
        self._words = LastWords()
        self._numbers = itertools.count(1)

    def __enter__(self) -> DaemonClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._bus.close()

    def call(self, message: Message, reply: type[Reply], timeout_s: float = CALL_S) -> Reply:
        """Call the core, and wait for its reply.

        Args:
            message: What is wanted.
            reply: What it is answered by, unless it is refused.
            timeout_s: How long to wait.

        Raises:
            UsageError: It was refused.
            WireError: It is too large.
            DeviceError: There was no reply in time, or none that can be read.
        """
        until_ns, number = time.monotonic_ns() + round(timeout_s * S), next(self._numbers)
        if not self._core.reachable(timeout_s) or self._core.ask(number, NEVER_NS, message) is not None:
            raise self._unanswered("cannot be reached", timeout_s)
        outcome = self._core.take(max(0.0, _left_s(until_ns)))
        if outcome is None:
            self._core.cancel(number)
            raise self._unanswered("has not answered", timeout_s)
        if isinstance(outcome.message, Refused):
            raise UsageError(outcome.message.reason.rstrip("."), hint=outcome.message.hint or "see: edge-runtime status")
        if not isinstance(outcome.message, reply):
            raise DeviceError("the core answered with something that cannot be read", hint="use one installation for daemon and client")
        return outcome.message

    def statuses(self, timeout_s: float = STATUS_S) -> Heard:
        """Wait until every process that can be expected to has spoken since this was called; at most ``timeout_s``."""
        until_ns, spoken = time.monotonic_ns() + round(timeout_s * S), set[Role]()
        while (left_s := _left_s(until_ns)) > 0 and not spoken >= self.heard.speakers:
            spoken |= self._hear(left_s)
        return self.heard

    def listen(self, for_s: float) -> Heard:
        """Listen for so long, and say what is known then."""
        until_ns = time.monotonic_ns() + round(for_s * S)
        while (left_s := _left_s(until_ns)) > 0:
            self._hear(left_s)
        return self.heard

    @property
    def heard(self) -> Heard:
        """What is known now of what was heard so far."""
        return self._words.at(time.monotonic_ns())

    def report(self, timeout_s: float = CALL_S) -> Heard:
        """Ask the core what it has heard of the others: that reaches further back than what this client has heard itself.

        Raises:
            DeviceError: The core does not answer.
        """
        self._words.take_report(self.call(Report(), Reported, timeout_s), time.monotonic_ns())
        return self.heard

    def require_same(self) -> None:
        """See to it that the daemon is still the one that this client began with.

        Raises:
            NotRunning: It has ended, whether or not another has begun.
        """
        if running_pid(self.folder) != self.pid:
            raise NotRunning(f"the daemon, process {self.pid}, has ended", hint="start one: edge-runtime run")

    # ------------------------------------------------------------ inside

    def _hear(self, timeout_s: float) -> set[Role]:
        """Wait for words and take them in; returns whose they are."""
        self._post.wait(self._statuses, timeout_s)
        spoken = set[Role]()
        for receiver in self._statuses:
            status = receiver.take()
            if isinstance(status, Status):
                self._words.take(status, receiver.start_id, time.monotonic_ns())
                spoken.add(status.role)
        return spoken

    def _unanswered(self, what: str, timeout_s: float) -> DeviceError:
        """The error that says so, and what is known of the core's process."""
        heard = self.heard if "supervisor" in self.heard.newest else self.statuses()
        pid, age_ns = heard.pid("core"), heard.age_ns("core")
        known = [f"it is {heard.condition('core')}" if heard.newest else "nothing is known of it"]
        known += [f"process {pid}"] if pid else []
        known += [f"last heard {duration(age_ns)} ago"] if age_ns is not None else []
        return DeviceError(f"the core {what} within {timeout_s:g} s: {', '.join(known)}", hint="see what ails: edge-runtime status")


def _refuse_other_version(sockets: Path) -> None:
    """A daemon of another major version has other sockets, so nothing would ever be heard of it."""
    majors = {int(match[1]) for match in map(_SOCKET.fullmatch, (path.name for path in sockets.iterdir())) if match}
    if majors and MAJOR not in majors:
        route_of(f"er{max(majors)}/{CALLS.name}")


def _left_s(until_ns: int) -> float:
    return (until_ns - time.monotonic_ns()) / S
