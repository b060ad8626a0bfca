"""A stand-in for the daemon: it holds the lock of a folder, answers calls as the core does, and speaks for all four processes.

The bus is the real one, over Unix sockets; only what is said is made up. It speaks every 20 ms, and as a process
(``python -m tests.stand_in_core FOLDER ENDING``) it holds the lock alone, says ``ready``, and takes signals: ``ends`` on SIGTERM, or
``stays``. SIGHUP makes it say ``reload``.

    with stand_in(folder, {"core": lambda t_ns: status}) as core:
        core.replies[Mute] = lambda call: Taken()
"""

from __future__ import annotations

import contextlib
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from edge_runtime.config import S
from edge_runtime.protocol import Message
from edge_runtime.transport.bus_zmq import ZmqBus
from edge_runtime.transport.endpoints import Local, held, own_sockets
from edge_runtime.transport.messages import Refused, Report
from edge_runtime.transport.post import MessageAnswerer, MessageSender, Post
from edge_runtime.transport.routes import CALLS, REPLIES, STATUS
from edge_runtime.transport.statuses import Reported, Role, Status

_EVERY_S = 0.02
Speaking = Mapping[Role, Callable[[int], Status]]
"""What a process says at a moment of stream time."""


class StandIn:
    """What the test sees of it.

    Attributes:
        replies: How calls are answered; one without a reply here is refused.
        calls: What was called so far.
        speaking: What the processes say. A role that is taken out falls silent.
        answers: Whether calls are taken at all.
        ended: Set at the end.
        bus: Its bus, on stream time like the daemon's.
    """

    def __init__(self, sockets: Path, speaking: Speaking, ran_s: int) -> None:
        self.replies: dict[type[Message], Callable[[Message], Message]] = {Report: lambda call: Reported(self.t_ns(), self._statuses())}
        self.calls: list[Message] = []
        self.speaking = dict(speaking)
        self.answers = True
        self.ended = threading.Event()
        self._origin_ns = time.monotonic_ns() - ran_s * S
        self.bus = ZmqBus(Local(sockets), self.t_ns)

    def t_ns(self) -> int:
        """Stream time."""
        return time.monotonic_ns() - self._origin_ns

    def run(self) -> None:
        """Speak and answer until it has ended; in one thread."""
        core = Post(self.bus, "core")
        answerer = core.answerer(CALLS, REPLIES)
        senders = {role: Post(self.bus, role).sender(STATUS[role]) for role in STATUS if role in self.speaking}
        while not self.ended.is_set():
            self._say(senders)
            core.wait([answerer], _EVERY_S)
            if self.answers:
                self._answer(answerer)

    def _say(self, senders: Mapping[Role, MessageSender]) -> None:
        for status in self._statuses():
            senders[status.role].send(status)

    def _statuses(self) -> tuple[Status, ...]:
        return tuple(speak(self.t_ns()) for speak in self.speaking.copy().values())

    def _answer(self, answerer: MessageAnswerer) -> None:
        while self.answers and (call := answerer.take()) is not None:
            self.calls.append(call.message)
            reply = self.replies.get(type(call.message))
            answerer.answer(call, reply(call.message) if reply else Refused("It does not want to.", "ask again"))


@contextlib.contextmanager
def stand_in(folder: Path, speaking: Speaking, ran_s: int = 3600) -> Iterator[StandIn]:
    """Run it until the block is left; it says that it has run for ``ran_s`` by now. Roles that do not speak at first never do."""
    with held(folder), own_sockets(folder) as sockets:
        core = StandIn(sockets, speaking, ran_s)
        thread = threading.Thread(target=core.run, name="stand-in core")
        thread.start()
        try:
            yield core
        finally:
            core.ended.set()
            core.bus.wake()
            thread.join()
            core.bus.close()


@contextlib.contextmanager
def lock_holder(folder: Path, ending: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the lock until the block is left; killed if it is still there then."""
    command = [sys.executable, "-m", "tests.stand_in_core", str(folder), ending]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603
        try:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()


def main(folder: str, ending: str) -> None:
    # Not by a mask: libraries have threads of their own by now, which a signal would find.
    heard: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: heard.put(number))
    with held(Path(folder)):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while (came := heard.get()) != signal.SIGTERM or ending == "stays":
            sys.stdout.write("reload\n" if came == signal.SIGHUP else "told to end\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
