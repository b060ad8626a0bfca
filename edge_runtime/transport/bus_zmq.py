"""The bus between processes: ZeroMQ.

    channel   XPUB binds, SUB connects. XPUB, because it tells the sender whether anybody listens. At the high-water mark it keeps
              the oldest messages and drops the new one, so receivers drain, and look at ages and numbers themselves. After a sender
              came back it hears a receiver only once that takes or waits again: a subscription is renewed in the receiver's thread.
    lane      ROUTER binds, DEALER connects.

Payloads are copied out, since sending without keeps them alive for longer than anybody counts. On the way in only small ones are: a
large one is a view of the message that ZeroMQ read it into, and whoever keeps it keeps that alone.

What a thread that has slept does first costs it most, so few calls are made for each message: heads and payloads are sent and received
by themselves rather than as lists, and a wait watches the descriptors of the sockets, which say "look again", not "there is something".
Contexts do not survive a fork: a process opens its bus after it was started.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import select
import time
from collections.abc import Iterator, Sequence

import zmq

from edge_runtime.config import MS, S
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
    Payload,
    Receiver,
    Sender,
    Unanswered,
)
from edge_runtime.transport.endpoints import Inproc, Local, Tcp
from edge_runtime.transport.heads import ChannelHead, LaneHead, packed, read_envelope, read_lane
from edge_runtime.transport.zmq_sockets import Socket, Sockets

_MOST_DRAINED = 10_000
"""Messages drained at one go: a bound for the case that they come faster than they are drained."""
_HEARD_EVERY = 64
"""Messages sent between two looks at who came and left: there is a word only of the first and the last."""
_VIEWED_BYTES = 64 * 1024
"""A payload from this size on is not copied when it comes."""
_ASKS_WAITING, _ANSWERS_WAITING = 4, 2
"""An ask and its cancelling, twice; one answer under way and one that is late."""


class ZmqBus(Bus):
    """The bus of one process among several.

    Args:
        place: Where sockets live. Over :class:`Tcp` there is no common clock: channels with a limit of age are refused, and only the
            asker's side watches deadlines.
        now_ns: The clock that ages and deadlines are measured on, the same in all processes.

    Raises:
        DeviceError: The installed libzmq is too old, or knows no CURVE where it is needed.
    """

    def __init__(self, place: Local | Inproc | Tcp, now_ns: Clock = time.monotonic_ns) -> None:
        self.now_ns = now_ns
        self.one_clock = not isinstance(place, Tcp)
        self.sockets = Sockets(place)
        # A pipe is what a poll watches beside sockets, and any thread may write to it.
        self._woken, self._wakes = self._pipe = [*os.pipe()]
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wakes, False)

    def sender(self, channel: Channel) -> Sender:
        """The sender of a channel; this process binds its address.

        Raises:
            UsageError: The channel has one in this process, this is the client's side of a network, or it has a limit of age there.
            DeviceError: The address cannot be bound.
        """
        return _Sender(self, channel, self._socket(zmq.XPUB, channel))

    def receiver(self, channel: Channel) -> Receiver:
        """One more receiver of a channel; it connects, and connects again when the sender comes back.

        Raises:
            UsageError: This is the server's side of a network, or the channel has a limit of age there.
        """
        return _Receiver(self, channel, self._socket(zmq.SUB, channel))

    def asker(self, lane: Lane) -> Asker:
        """One more asker of a lane; it connects, and connects again when the answerer comes back.

        Raises:
            UsageError: This is the server's side of a network.
        """
        waiting = {"max_out": _ASKS_WAITING, "max_in": _ANSWERS_WAITING}
        return _Asker(self, lane, self.sockets.open(zmq.DEALER, lane.topic, max_bytes=lane.answer_bytes, **waiting))

    def answerer(self, lane: Lane) -> Answerer:
        """The answerer of a lane; this process binds its address.

        Raises:
            UsageError: The lane has one in this process, or this is the client's side of a network.
            DeviceError: The address cannot be bound.
        """
        waiting = {"max_out": _ANSWERS_WAITING, "max_in": _ASKS_WAITING}
        return _Answerer(self, lane, self.sockets.open(zmq.ROUTER, lane.topic, max_bytes=lane.ask_bytes, **waiting))

    def wait(self, ends: Sequence[Receiver | Asker | Answerer], timeout_s: float) -> None:
        """Wait until one of these ends has something to take, an ask is past its deadline, or :meth:`wake`; at most ``timeout_s``."""
        until_s, poll, watched = time.monotonic() + timeout_s, select.poll(), {}
        for end in ends:
            if not isinstance(end, _End):
                continue
            if end.ready:
                return
            poll.register(end.descriptor, select.POLLIN)
            watched[end.descriptor] = end
        poll.register(self._woken, select.POLLIN)
        due_ns = min((end.due_ns for end in watched.values()), default=NEVER_NS)
        while noticed := poll.poll(_ms(min(until_s - time.monotonic(), (due_ns - self.now_ns()) / S))):
            if (self._woken, select.POLLIN) in noticed:
                os.read(self._woken, _MOST_DRAINED)
                return
            if any(watched[descriptor].ready for descriptor, _ in noticed):
                return

    def wake(self) -> None:
        """Have :meth:`wait` return, or the next one. Any thread may call it."""
        with contextlib.suppress(BlockingIOError, OSError):  # it is full of wakes already, or closed
            os.write(self._wakes, b"\0")

    def close(self) -> None:
        """Close every end, and end the threads of ZeroMQ."""
        self.sockets.close()
        while self._pipe:
            os.close(self._pipe.pop())

    def _socket(self, kind: int, channel: Channel) -> Socket:
        if channel.max_age_ns and not self.one_clock:
            raise UsageError(f"{channel.topic} has a limit of age", hint="over the network nobody knows how old a message is")
        waiting = channel.max_waiting
        return self.sockets.open(kind, channel.topic, max_bytes=channel.max_bytes, max_out=waiting, max_in=waiting)


class _End:
    """What all ends have: a socket of their bus, and counts."""

    def __init__(self, bus: ZmqBus, socket: Socket) -> None:
        self.socket = socket
        self.descriptor = int(socket.getsockopt(zmq.FD))
        self._bus = bus
        self._counts = Counts()

    @property
    def ready(self) -> bool:
        """Whether anything waits. While nothing does, the descriptor becomes readable before that changes."""
        return _arrived(self.socket)

    @property
    def due_ns(self) -> int:
        """The first moment at which something is past its deadline."""
        return NEVER_NS

    def take_dropped(self) -> list[Dropped]:
        """What was let go at this end since the last call."""
        return self._counts.take()

    def close(self) -> None:
        """Let go of what waits."""
        self._bus.sockets.close_one(self.socket)

    def _wait(self, until_s: float) -> bool:
        """Whether anything comes before this moment of the monotonic clock."""
        left_s = until_s - time.monotonic()
        return left_s > 0 and bool(zmq.zmq_poll([(self.socket, zmq.POLLIN)], _ms(left_s)))

    def _messages(self) -> Iterator[list[Payload]]:
        """All that has arrived, in parts. Asking first whether there is any costs half of being refused."""
        for _ in range(_MOST_DRAINED):
            if not _arrived(self.socket):
                return
            part = self.socket.recv(zmq.DONTWAIT, copy=False)
            parts = [_content(part)]
            while part.more:
                part = self.socket.recv(zmq.DONTWAIT, copy=False)
                parts.append(_content(part))
            yield parts


class _Sender(_End, Sender):
    """An XPUB socket."""

    def __init__(self, bus: ZmqBus, channel: Channel, socket: Socket) -> None:
        super().__init__(bus, socket)
        self._channel = channel
        self._start_id = secrets.randbits(63)
        self._seq = 0
        self._heard = False

    def send(self, payload: bytes) -> None:
        if len(payload) > self._channel.max_bytes:
            self._counts.drop(self._channel.topic, "size")
            return
        if self._seq % _HEARD_EVERY == 0:
            self._hear()
        head = ChannelHead(self._channel.topic, self._start_id, self._seq, self._bus.now_ns())
        self._seq += 1
        self.socket.send(packed(head), zmq.SNDMORE)
        self.socket.send(payload)

    def heard(self, timeout_s: float) -> bool:
        until_s = time.monotonic() + timeout_s
        self._hear()
        while not self._heard and self._wait(until_s):
            self._hear()
        return self._heard

    def _hear(self) -> None:
        """Take word of the first receiver that came and the last that left; unread it would wait for ever."""
        for parts in self._messages():
            self._heard = parts[0][:1] == b"\x01"


class _Receiver(_End, Receiver):
    """A SUB socket."""

    def __init__(self, bus: ZmqBus, channel: Channel, socket: Socket) -> None:
        super().__init__(bus, socket)
        self._topic = channel.topic
        self._intake = Intake(channel, self._counts)

    def take(self, timeout_s: float) -> Envelope | None:
        until_s = time.monotonic() + timeout_s
        while True:
            envelope = self._intake.take(self._arrived(), self._bus.now_ns)
            if envelope is not None or not self._wait(until_s):
                return envelope

    def _arrived(self) -> Iterator[Envelope]:
        for parts in self._messages():
            envelope = read_envelope(parts, self._topic, self._counts)
            if envelope is not None:
                yield envelope


class _Asker(_End, Asker):
    """A DEALER socket."""

    def __init__(self, bus: ZmqBus, lane: Lane, socket: Socket) -> None:
        super().__init__(bus, socket)
        self._lane = lane
        self._owed = Owed(self._counts)

    @property
    def due_ns(self) -> int:
        return self._owed.deadline_ns + 1

    def ask(self, ask: Ask) -> Unanswered | None:
        check_size(self._lane, ask.payload, self._lane.ask_bytes)
        if not self._owed.begin(ask):
            return "busy"
        self._answered()  # all that has arrived by now is too late
        if self._send(LaneHead(self._lane.topic, "ask", ask.id, ask.deadline_ns), ask.payload):
            return None
        self._owed.settle(ask.id)
        return "unreachable"

    def take(self, timeout_s: float) -> Answer | None:
        until_s = time.monotonic() + timeout_s
        while True:
            outcome = self._answered() or self._owed.expired(self._bus.now_ns())
            if outcome is not None:
                if outcome.missing:
                    self._send(LaneHead(self._lane.topic, "cancel", outcome.answers))
                return outcome
            due_s = (self.due_ns - self._bus.now_ns()) / S
            if not self._wait(min(until_s, time.monotonic() + due_s)) and time.monotonic() >= until_s:
                return None

    def cancel(self, target: int) -> bool:
        if not self._owed.settle(target):
            return False
        self._answered()
        self._send(LaneHead(self._lane.topic, "cancel", target))
        return True

    def reachable(self, timeout_s: float) -> bool:
        return bool(zmq.zmq_poll([(self.socket, zmq.POLLOUT)], _ms(timeout_s)))

    def _send(self, head: LaneHead, payload: Payload = b"") -> bool:
        try:
            self.socket.send(packed(head), zmq.DONTWAIT | zmq.SNDMORE)
            self.socket.send(payload, zmq.DONTWAIT)
        except zmq.Again:
            return False
        return True

    def _answered(self) -> Answer | None:
        for parts in self._messages():
            head = read_lane(parts, self._lane.topic, self._counts)
            if head is None:
                continue
            if head.kind != "answer":
                self._counts.drop(self._lane.topic, "unreadable")
            else:
                answer = Answer(head.id, parts[1])
                if self._owed.accept(answer, self._bus.now_ns()):
                    return answer
        return None


class _Answerer(_End, Answerer):
    """A ROUTER socket."""

    def __init__(self, bus: ZmqBus, lane: Lane, socket: Socket) -> None:
        super().__init__(bus, socket)
        self._lane = lane
        self._desk = Desk(lane, self._counts)

    @property
    def ready(self) -> bool:
        return self._desk.busy or super().ready

    def take(self, timeout_s: float) -> Ask | None:
        until_s = time.monotonic() + timeout_s
        while True:
            self._arrive()
            ask = self._desk.next(self._bus.now_ns())
            if ask is not None or not self._wait(until_s):
                return ask

    def wants(self, ask: Ask) -> bool:
        self._arrive()
        return self._desk.wants(ask, self._bus.now_ns())

    def answer(self, ask: Ask, payload: bytes) -> None:
        check_size(self._lane, payload, self._lane.answer_bytes)
        self._desk.done(ask)
        head = packed(LaneHead(self._lane.topic, "answer", ask.id))
        try:
            self.socket.send(ask.asker, zmq.DONTWAIT | zmq.SNDMORE)
            self.socket.send(head, zmq.DONTWAIT | zmq.SNDMORE)
            self.socket.send(payload, zmq.DONTWAIT)
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EAGAIN, zmq.EHOSTUNREACH):
                raise
            self._counts.drop("result", "unreachable")

    def _arrive(self) -> None:
        for asker, *parts in self._messages():
            head = read_lane(parts, self._lane.topic, self._counts)
            if head is None:
                continue
            if head.kind == "ask":
                deadline_ns = head.deadline_ns if self._bus.one_clock else NEVER_NS
                self._desk.put(Ask(head.id, deadline_ns, parts[1], bytes(asker)))
            elif head.kind == "cancel":
                self._desk.withdraw(bytes(asker), head.id)
            else:
                self._counts.drop(self._lane.topic, "unreadable")


def _arrived(socket: Socket) -> bool:
    return bool(int(socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN)


def _content(part: zmq.Frame) -> Payload:
    return part.bytes if len(part) < _VIEWED_BYTES else part.buffer


def _ms(wait_s: float) -> int:
    """What ``zmq_poll`` takes: at least 0, for less would wait for ever."""
    return max(0, math.ceil(wait_s * S / MS))
