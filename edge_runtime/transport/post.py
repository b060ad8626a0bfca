"""Messages over a bus: typed ends, one for each route that a process has to do with.

What cannot be read is let go and counted (:mod:`edge_runtime.transport.wire`), and so is what the bus let go: :meth:`Post.dropped` has
the totals of all ends of a process.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import NamedTuple

from edge_runtime.protocol import Message
from edge_runtime.records import Dropped
from edge_runtime.transport import wire
from edge_runtime.transport.bus import Answer, Answerer, Ask, Asker, Bus, Payload, Receiver, Sender, Unanswered
from edge_runtime.transport.routes import Route
from edge_runtime.transport.statuses import Role
from edge_runtime.transport.wire import WireError, WireReader


class Call(NamedTuple):
    """A message that is to be answered."""

    ask: Ask
    message: Message


class Outcome(NamedTuple):
    """What became of an ask: the answer, or why there is none; ``unreadable`` where one came that cannot be read."""

    answers: int
    message: Message | None
    missing: str = ""


class Post:
    """Opens the ends of one process. A context manager: leaving closes them.

    Args:
        bus: Carries everything; closed with this.
        role: Of this process: only routes that are its own can be opened.
        origin_ns: Where the time begins that this process gives deadlines in, on the clock of the bus, which is the same for all.
        tell: Told once when another major version is heard.
    """

    def __init__(self, bus: Bus, role: Role, *, origin_ns: int = 0, tell: Callable[[WireError], None] | None = None) -> None:
        self.bus = bus
        self.role = role
        self.origin_ns = origin_ns
        self._tell = tell
        self._lock = threading.Lock()
        self._dropped: Counter[tuple[str, str]] = Counter()

    def __enter__(self) -> Post:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.bus.close()

    def sender(self, route: Route) -> MessageSender:
        """The sender of a route; from several threads its user locks it."""
        self._check(route.sender, route)
        return MessageSender(self, route, self.bus.sender(route.channel))

    def receiver(self, route: Route) -> MessageReceiver:
        """A receiver of a route."""
        self._check(self.role if self.role in route.receivers else "", route)
        return MessageReceiver(self, route, self.bus.receiver(route.channel))

    def asker(self, route: Route, answers: Route) -> MessageAsker:
        """An asker by one route, answered by another."""
        self._check(route.sender, route)
        return MessageAsker(self, route, answers, self.bus.asker(route.lane(answers)))

    def answerer(self, route: Route, answers: Route) -> MessageAnswerer:
        """The answerer of one route, by another."""
        self._check(answers.sender, answers)
        return MessageAnswerer(self, route, answers, self.bus.answerer(route.lane(answers)))

    def wait(self, ends: Sequence[MessageReceiver | MessageAsker | MessageAnswerer], timeout_s: float) -> None:
        """Wait until one of these may have something to take, or somebody wakes the bus; at most ``timeout_s``."""
        self.bus.wait([end.end for end in ends], timeout_s)

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """What any end let go so far, totals by what and reason."""
        with self._lock:
            return tuple(Dropped(what, reason, count) for (what, reason), count in sorted(self._dropped.items()))

    def count(self, drops: Sequence[Dropped]) -> None:
        """Count what an end let go."""
        if drops:
            with self._lock:
                for drop in drops:
                    self._dropped[drop.what, drop.reason] += drop.count

    def reader(self) -> WireReader:
        """Reads what comes to this process."""
        return WireReader(self.role, self._tell)

    def _check(self, owner: str, route: Route) -> None:
        if owner != self.role:
            raise ValueError(f"the route {route.name} is not one of the {self.role} process")


class _End:
    """Counts what its end of the bus lets go, and reads what came."""

    def __init__(self, post: Post, end: Sender | Receiver | Asker | Answerer) -> None:
        self._post = post
        self._bus_end = end
        self._reader = post.reader()

    def _read(self, route: Route, payload: Payload) -> Message | None:
        message = self._reader.read(route.topic, payload)
        if message is None:
            self._post.count(self._reader.take_dropped())
        return message

    def _count(self) -> None:
        self._post.count(self._bus_end.take_dropped())


class MessageSender(_End):
    """Sends the messages of one route."""

    def __init__(self, post: Post, route: Route, end: Sender) -> None:
        super().__init__(post, end)
        self._route = route
        self._end = end

    def send(self, message: Message) -> None:
        """Send to whoever listens; never waits. One that is larger than the route allows is counted and not sent."""
        try:
            payload = wire.encode(self._route, message)
        except WireError as error:
            self._post.count([Dropped(self._route.topic, error.reason)])
            return
        self._end.send(payload)
        self._count()

    def heard(self, timeout_s: float) -> bool:
        """Whether anybody listens; waits for it up to ``timeout_s``."""
        return self._end.heard(timeout_s)


class MessageReceiver(_End):
    """Takes the messages of one route.

    Attributes:
        end: Of the bus.
        start_id: Of the sender's start that the last message came from: another one means that the sender was started again.
    """

    def __init__(self, post: Post, route: Route, end: Receiver) -> None:
        super().__init__(post, end)
        self._route = route
        self.end = end
        self.start_id: int | None = None

    def take(self, timeout_s: float = 0.0) -> Message | None:
        """The newest message, or the next, as the route says; ``None`` when none came within ``timeout_s``."""
        while (envelope := self.end.take(timeout_s)) is not None:
            self._count()
            message = self._read(self._route, envelope.payload)
            if message is not None:
                self.start_id = envelope.start_id
                return message
        self._count()
        return None


class MessageAsker(_End):
    """Asks, one thing at a time.

    Attributes:
        end: Of the bus.
    """

    def __init__(self, post: Post, route: Route, answers: Route, end: Asker) -> None:
        super().__init__(post, end)
        self._route, self._answers = route, answers
        self.end = end

    def ask(self, number: int, deadline_ns: int, message: Message) -> Unanswered | None:
        """Ask; never waits. ``None`` when it is under way, else why it is not.

        Raises:
            WireError: The message is larger than the route allows.
        """
        return self.end.ask(Ask(number, deadline_ns + self._post.origin_ns, wire.encode(self._route, message)))

    def take(self, timeout_s: float = 0.0) -> Outcome | None:
        """The outcome of the ask under way, or ``None`` when there is none within ``timeout_s``."""
        answer: Answer | None = self.end.take(timeout_s)
        self._count()
        if answer is None:
            return None
        if answer.missing is not None:
            return Outcome(answer.answers, None, answer.missing)
        message = self._read(self._answers, answer.payload)
        return Outcome(answer.answers, message, "" if message is not None else "unreadable")

    def cancel(self, number: int) -> bool:
        """Give up the ask with this number; ``True`` when it was under way."""
        return self.end.cancel(number)

    def reachable(self, timeout_s: float) -> bool:
        """Whether an answerer is there; waits for it up to ``timeout_s``."""
        return self.end.reachable(timeout_s)


class MessageAnswerer(_End):
    """Answers what is asked.

    Attributes:
        end: Of the bus.
    """

    def __init__(self, post: Post, route: Route, answers: Route, end: Answerer) -> None:
        super().__init__(post, end)
        self._route, self._answers = route, answers
        self.end = end

    def take(self, timeout_s: float = 0.0) -> Call | None:
        """The next call whose answer is still wanted; one that cannot be read is counted and has no answer."""
        while (ask := self.end.take(timeout_s)) is not None:
            self._count()
            message = self._read(self._route, ask.payload)
            if message is not None:
                return Call(ask, message)
        self._count()
        return None

    def wants(self, call: Call) -> bool:
        """Whether whoever called still waits."""
        return self.end.wants(call.ask)

    def answer(self, call: Call, message: Message) -> None:
        """Answer a call.

        Raises:
            WireError: The message is larger than the route allows; nothing was sent.
        """
        self.end.answer(call.ask, wire.encode(self._answers, message))
        self._count()
