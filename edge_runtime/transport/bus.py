"""The bus between the parts of the daemon: the protocol that both of its forms (in process, ZeroMQ) keep.

    Sender   --- Channel: topic, bytes, age --->  Receivers     the newest wins, or every one counts
    Asker    --- Lane: one ask at a time ------>  Answerer      with a deadline; may be cancelled

Payloads are opaque bytes. A receiver accounts for every sequence number: it was taken, or it is a :class:`Dropped` of its topic with
one of these reasons:

    late      it came, but older than the channel allows
    behind    it came, and a newer one was there already
    lost      it did not come, or came after a later one: the transport was full or cut off
    restart   a sender that came back had sent it before this receiver was connected to it again

What cannot be known is not counted: what a sender sent last, when nothing of that start came after it.

An ask has one outcome: an :class:`Answer`, or word that there is none. An answer that nobody is owed any more is counted as
``result:late``. Ends belong to one thread at a time; only :meth:`Bus.wait` watches several.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Literal, Protocol, TypeVar

import msgspec

from edge_runtime.records import Dropped

Clock = Callable[[], int]
"""Nanoseconds on the monotonic clock that all processes of one machine share."""
Payload = bytes | memoryview
"""What is carried; a view is of one message and keeps nothing else alive."""
Unanswered = Literal["deadline", "busy", "unreachable"]
"""Why an ask has no answer: its time is up; another is under way in this lane; nobody is there, or nobody takes it."""
NEVER_NS = 2**63 - 1
"""A deadline that does not come."""
Self_ = TypeVar("Self_")


class Channel(msgspec.Struct, frozen=True):
    """What is sent from one sender to any number of receivers.

    Attributes:
        topic: Begins with the major version of its messages: ``"er1/frames"``.
        keep: ``"newest"``: a receiver that is behind takes the newest and lets the rest go. ``"every"``: it takes all, in order.
        max_bytes: Of one payload; a larger one is not sent, and counted.
        max_waiting: Messages that may wait on either side, for each receiver. Together with ``max_bytes`` the bound in bytes.
        max_age_ns: What is older when it is taken is counted as late instead; 0 sets no limit, and only where every one counts. For
            after a stall ZeroMQ hands out the oldest first, and a few at a time: the newest of those is not new.
    """

    topic: str
    keep: Literal["newest", "every"]
    max_bytes: int
    max_waiting: int
    max_age_ns: int = 0

    def __post_init__(self) -> None:
        if not self.topic or min(self.max_bytes, self.max_waiting) < 1 or self.max_age_ns < 0:
            raise ValueError(f"a channel has a topic and bounds above zero; got {self}")
        if self.keep == "newest" and not self.max_age_ns:
            raise ValueError(f"where the newest wins there is a limit to its age; got {self}")


class Lane(msgspec.Struct, frozen=True):
    """Where one side asks and the other answers.

    Attributes:
        topic: As of a channel.
        ask_bytes: Largest payload of an ask.
        answer_bytes: Largest payload of an answer.
    """

    topic: str
    ask_bytes: int
    answer_bytes: int

    def __post_init__(self) -> None:
        if not self.topic or min(self.ask_bytes, self.answer_bytes) < 1:
            raise ValueError(f"a lane has a topic and bounds above zero; got {self}")


class Envelope(msgspec.Struct, frozen=True):
    """What was sent, and when.

    Attributes:
        topic: Of the channel.
        start_id: Of the sender's start, drawn at random: a sender that came back counts anew under another.
        seq: Counts up by one a message of this start and topic, from 0.
        t_sent_ns: On the sender's machine.
        payload: Opaque.
    """

    topic: str
    start_id: int
    seq: int
    t_sent_ns: int
    payload: Payload


class Ask(msgspec.Struct, frozen=True):
    """A question to whoever answers the lane.

    Attributes:
        id: Chosen by the asker, never twice.
        deadline_ns: After it no answer is wanted.
        payload: Opaque.
        asker: Who asked; set by the bus.
    """

    id: int
    deadline_ns: int
    payload: Payload
    asker: bytes = b""


class Answer(msgspec.Struct, frozen=True):
    """The outcome of an ask.

    Attributes:
        answers: The id of the ask.
        payload: Opaque; empty when there is none.
        missing: Why there is no answer; ``None`` when there is.
    """

    answers: int
    payload: Payload = b""
    missing: Unanswered | None = None


class End(Protocol):
    """One end of a channel or lane. A context manager; used by one thread at a time."""

    def take_dropped(self) -> list[Dropped]:
        """What was let go at this end since the last call."""
        ...

    def close(self) -> None:
        """Let go of what waits; may be called twice."""
        ...

    def __enter__(self: Self_) -> Self_:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Sender(End, Protocol):
    """Sends on a channel."""

    def send(self, payload: bytes) -> None:
        """Send to whoever listens; never waits. One larger than the channel allows is counted as ``size`` and has no number."""
        ...

    def heard(self, timeout_s: float) -> bool:
        """Whether anybody listens; waits for it up to ``timeout_s``."""
        ...


class Receiver(End, Protocol):
    """Takes what is sent on a channel."""

    def take(self, timeout_s: float) -> Envelope | None:
        """The newest envelope, or the next, as the channel says; ``None`` when none came within ``timeout_s``."""
        ...


class Asker(End, Protocol):
    """Asks in a lane, one thing at a time."""

    def ask(self, ask: Ask) -> Unanswered | None:
        """Ask; never waits. ``None`` when it is under way, else why it is not, and no outcome follows.

        Raises:
            UsageError: The payload is larger than the lane allows.
        """
        ...

    def take(self, timeout_s: float) -> Answer | None:
        """The outcome of the ask under way, or ``None`` when there is none within ``timeout_s``."""
        ...

    def cancel(self, target: int) -> bool:
        """Give up the ask with this id; ``True`` when it was under way, and then no outcome follows."""
        ...

    def reachable(self, timeout_s: float) -> bool:
        """Whether an answerer is there; waits for it up to ``timeout_s``."""
        ...


class Answerer(End, Protocol):
    """Answers a lane."""

    def take(self, timeout_s: float) -> Ask | None:
        """The next ask whose answer is still wanted, or ``None`` when none came within ``timeout_s``."""
        ...

    def wants(self, ask: Ask) -> bool:
        """Whether the asker still waits for this one: neither cancelled nor past its deadline. Look now and then during long work."""
        ...

    def answer(self, ask: Ask, payload: bytes) -> None:
        """Answer; never waits. An answer that cannot be delivered is counted as ``result:unreachable``.

        Raises:
            UsageError: The payload is larger than the lane allows.
        """
        ...


class Bus(Protocol):
    """Opens ends. A context manager: leaving closes all of them, so the threads that used them have ended by then."""

    def sender(self, channel: Channel) -> Sender:
        """The one sender of a channel."""
        ...

    def receiver(self, channel: Channel) -> Receiver:
        """One receiver of a channel; what was sent before is not for it."""
        ...

    def asker(self, lane: Lane) -> Asker:
        """One asker of a lane."""
        ...

    def answerer(self, lane: Lane) -> Answerer:
        """The one answerer of a lane."""
        ...

    def wait(self, ends: Sequence[Receiver | Asker | Answerer], timeout_s: float) -> None:
        """Wait until one of these ends has something to take, an ask is past its deadline, or :meth:`wake`; at most ``timeout_s``."""
        ...

    def wake(self) -> None:
        """Have :meth:`wait` return, in whichever thread it waits, or else the next time it is called. Any thread may call it."""
        ...

    def close(self) -> None:
        """Close every end; may be called twice."""
        ...

    def __enter__(self: Self_) -> Self_:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
