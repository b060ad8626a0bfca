"""The bus in one process: queues under one lock, with the bounds and the accounts of the daemon's bus.

Where ZeroMQ keeps the oldest messages for a receiver that is behind, these queues keep the newest; so nothing is ever lost here, only
behind. Ends may be used from any thread.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from edge_runtime.config import S
from edge_runtime.errors import UsageError
from edge_runtime.records import Dropped
from edge_runtime.transport.accounts import Counts, Desk, Intake, Owed, check_size
from edge_runtime.transport.bus import (
    NEVER_NS,
    Answer,
    Answerer,
    Ask,
    Asker,
    Bus,
    Channel,
    Clock,
    Envelope,
    Lane,
    Receiver,
    Sender,
    Unanswered,
)

Found = TypeVar("Found")


class LocalBus(Bus):
    """The bus of one process.

    Args:
        now_ns: The clock that ages and deadlines are measured on.
    """

    def __init__(self, now_ns: Clock = time.monotonic_ns) -> None:
        self.now_ns = now_ns
        self._meeting = _Meeting(now_ns)
        self._wakes = 0
        self._seen = threading.local()

    def sender(self, channel: Channel) -> Sender:
        """The sender of a channel.

        Raises:
            UsageError: The channel has one.
        """
        return _Sender(self._meeting, channel)

    def receiver(self, channel: Channel) -> Receiver:
        """One more receiver of a channel."""
        return _Receiver(self._meeting, channel)

    def asker(self, lane: Lane) -> Asker:
        """One more asker of a lane."""
        return _Asker(self._meeting, lane)

    def answerer(self, lane: Lane) -> Answerer:
        """The answerer of a lane.

        Raises:
            UsageError: The lane has one.
        """
        return _Answerer(self._meeting, lane)

    def wait(self, ends: Sequence[Receiver | Asker | Answerer], timeout_s: float) -> None:
        """Wait until one of these ends has something to take, an ask is past its deadline, or :meth:`wake`; at most ``timeout_s``."""
        ours = [end for end in ends if isinstance(end, _Receiver | _Asker | _Answerer)]
        due_ns = min((end.due_ns for end in ours if isinstance(end, _Asker)), default=NEVER_NS)
        seen = getattr(self._seen, "wakes", 0)
        self._meeting.until(lambda: self._wakes > seen or any(end.ready for end in ours) or None, timeout_s, due_ns)
        self._seen.wakes = self._wakes

    def wake(self) -> None:
        """Have :meth:`wait` return in every thread, or the next time it is called there."""
        with self._meeting.changed:
            self._wakes += 1
            self._meeting.changed.notify_all()

    def close(self) -> None:
        """Close every end."""
        for end in self._meeting.ends():
            end.close()


class _Meeting:
    """Where the ends of one bus meet; the lock guards everything that any of them holds."""

    def __init__(self, now_ns: Clock) -> None:
        self.now_ns = now_ns
        self.changed = threading.Condition(threading.RLock())
        self.senders: dict[str, _Sender] = {}
        self.receivers: list[_Receiver] = []
        self.askers: dict[bytes, _Asker] = {}
        self.answerers: dict[str, _Answerer] = {}

    def ends(self) -> list[_Sender | _Receiver | _Asker | _Answerer]:
        """All that are open."""
        with self.changed:
            return [*self.senders.values(), *self.receivers, *self.askers.values(), *self.answerers.values()]

    def until(self, attempt: Callable[[], Found | None], timeout_s: float, due_ns: int = NEVER_NS) -> Found | None:
        """Try until something is found, or ``timeout_s`` or the moment ``due_ns`` has passed; then try once more."""
        until_s = time.monotonic() + timeout_s
        with self.changed:
            while (found := attempt()) is None:
                left_s = min(until_s - time.monotonic(), (due_ns - self.now_ns()) / S)
                if left_s <= 0:
                    return attempt()
                self.changed.wait(left_s)
            return found


def _only_one(topic: str) -> UsageError:
    return UsageError(f"{topic} is sent or answered already", hint="close the other end first: a topic has one of them")


class _Sender(Sender):
    """Puts envelopes into the queues of a channel's receivers."""

    def __init__(self, meeting: _Meeting, channel: Channel) -> None:
        self._meeting = meeting
        self._channel = channel
        self._counts = Counts()
        self._start_id = secrets.randbits(63)
        self._seq = 0
        with meeting.changed:
            if channel.topic in meeting.senders:
                raise _only_one(channel.topic)
            meeting.senders[channel.topic] = self

    def send(self, payload: bytes) -> None:
        if len(payload) > self._channel.max_bytes:
            self._counts.drop(self._channel.topic, "size")
            return
        with self._meeting.changed:
            envelope = Envelope(self._channel.topic, self._start_id, self._seq, self._meeting.now_ns(), payload)
            self._seq += 1
            for receiver in self._listening():
                receiver.put(envelope)
            self._meeting.changed.notify_all()

    def heard(self, timeout_s: float) -> bool:
        return self._meeting.until(lambda: self._listening() or None, timeout_s) is not None

    def take_dropped(self) -> list[Dropped]:
        return self._counts.take()

    def close(self) -> None:
        with self._meeting.changed:
            if self._meeting.senders.get(self._channel.topic) is self:
                del self._meeting.senders[self._channel.topic]

    def _listening(self) -> list[_Receiver]:
        return [receiver for receiver in self._meeting.receivers if receiver.topic == self._channel.topic]


class _Receiver(Receiver):
    """A queue of the newest envelopes."""

    def __init__(self, meeting: _Meeting, channel: Channel) -> None:
        self.topic = channel.topic
        self._meeting = meeting
        self._counts = Counts()
        self._intake = Intake(channel, self._counts)
        self._max_waiting = channel.max_waiting
        self._waiting: deque[Envelope] = deque()
        with meeting.changed:
            meeting.receivers.append(self)
            meeting.changed.notify_all()

    @property
    def ready(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting)

    def put(self, envelope: Envelope) -> None:
        """Let it wait; the oldest makes room."""
        if len(self._waiting) == self._max_waiting:
            self._intake.pass_over(self._waiting.popleft())
        self._waiting.append(envelope)

    def take(self, timeout_s: float) -> Envelope | None:
        return self._meeting.until(lambda: self._intake.take(self._arrived(), self._meeting.now_ns), timeout_s)

    def take_dropped(self) -> list[Dropped]:
        with self._meeting.changed:
            return self._counts.take()

    def close(self) -> None:
        with self._meeting.changed:
            if self in self._meeting.receivers:
                self._meeting.receivers.remove(self)
            self._waiting.clear()

    def _arrived(self) -> Iterator[Envelope]:
        while self._waiting:
            yield self._waiting.popleft()


class _Asker(Asker):
    """Asks at the desk of the lane's answerer."""

    def __init__(self, meeting: _Meeting, lane: Lane) -> None:
        self._meeting = meeting
        self._lane = lane
        self._counts = Counts()
        self._owed = Owed(self._counts)
        self._arrived: Answer | None = None
        self._name = secrets.token_bytes(8)
        with meeting.changed:
            meeting.askers[self._name] = self

    @property
    def ready(self) -> bool:
        """Whether there is an outcome."""
        return self._arrived is not None or self._meeting.now_ns() > self._owed.deadline_ns

    @property
    def due_ns(self) -> int:
        """The first moment at which the ask under way is past its deadline."""
        return self._owed.deadline_ns + 1

    def ask(self, ask: Ask) -> Unanswered | None:
        check_size(self._lane, ask.payload, self._lane.ask_bytes)
        with self._meeting.changed:
            answerer = self._meeting.answerers.get(self._lane.topic)
            if answerer is None:
                return "unreachable"
            if not self._owed.begin(ask):
                return "busy"
            answerer.desk.put(Ask(ask.id, ask.deadline_ns, ask.payload, self._name))
            self._meeting.changed.notify_all()
            return None

    def take(self, timeout_s: float) -> Answer | None:
        return self._meeting.until(self._outcome, timeout_s, self.due_ns)

    def cancel(self, target: int) -> bool:
        with self._meeting.changed:
            if not self._owed.settle(target):
                return False
            self._outcome()  # what has arrived is too late now
            if answerer := self._meeting.answerers.get(self._lane.topic):
                answerer.desk.withdraw(self._name, target)
            return True

    def reachable(self, timeout_s: float) -> bool:
        return self._meeting.until(lambda: self._meeting.answerers.get(self._lane.topic), timeout_s) is not None

    def put(self, answer: Answer) -> None:
        """Let an answer wait to be taken; one that is not owed is counted at once, so at most one waits."""
        if self._owed.id == answer.answers:
            self._arrived = answer
        else:
            self._counts.drop("result", "late")

    def take_dropped(self) -> list[Dropped]:
        with self._meeting.changed:
            return self._counts.take()

    def close(self) -> None:
        with self._meeting.changed:
            if self._owed.id is not None:
                self.cancel(self._owed.id)
            self._meeting.askers.pop(self._name, None)

    def _outcome(self) -> Answer | None:
        answer, self._arrived = self._arrived, None
        now_ns = self._meeting.now_ns()
        return answer if answer is not None and self._owed.accept(answer, now_ns) else self._owed.expired(now_ns)


class _Answerer(Answerer):
    """Answers what waits at its desk."""

    def __init__(self, meeting: _Meeting, lane: Lane) -> None:
        self._meeting = meeting
        self._lane = lane
        self._counts = Counts()
        self.desk = Desk(lane, self._counts)
        with meeting.changed:
            if lane.topic in meeting.answerers:
                raise _only_one(lane.topic)
            meeting.answerers[lane.topic] = self
            meeting.changed.notify_all()

    @property
    def ready(self) -> bool:
        """Whether anything waits."""
        return self.desk.busy

    def take(self, timeout_s: float) -> Ask | None:
        return self._meeting.until(lambda: self.desk.next(self._meeting.now_ns()), timeout_s)

    def wants(self, ask: Ask) -> bool:
        with self._meeting.changed:
            return self.desk.wants(ask, self._meeting.now_ns())

    def answer(self, ask: Ask, payload: bytes) -> None:
        check_size(self._lane, payload, self._lane.answer_bytes)
        with self._meeting.changed:
            self.desk.done(ask)
            asker = self._meeting.askers.get(ask.asker)
            if asker is None:
                self._counts.drop("result", "unreachable")
                return
            asker.put(Answer(ask.id, payload))
            self._meeting.changed.notify_all()

    def take_dropped(self) -> list[Dropped]:
        with self._meeting.changed:
            return self._counts.take()

    def close(self) -> None:
        with self._meeting.changed:
            if self._meeting.answerers.get(self._lane.topic) is self:
                del self._meeting.answerers[self._lane.topic]
