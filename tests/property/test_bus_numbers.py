"""Whatever happens between a sender and a receiver, every number is accounted for exactly once: taken, or counted with a reason."""

from __future__ import annotations

import tempfile
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.transport.accounts import Counts, Intake
from edge_runtime.transport.bus import Channel, Envelope, Receiver
from edge_runtime.transport.bus_local import LocalBus
from edge_runtime.transport.bus_zmq import ZmqBus
from edge_runtime.transport.endpoints import Local
from tests.bus_peer import DEADLINE_S, eventually

CHANNELS = st.sampled_from(
    [
        Channel("v1/gaze", "every", max_bytes=8, max_waiting=3),
        Channel("v1/gaze", "every", max_bytes=8, max_waiting=3, max_age_ns=5),
        Channel("v1/frames", "newest", max_bytes=8, max_waiting=3, max_age_ns=5),
    ]
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(1, 6)),  # while nothing is taken the receiver stalls
        st.tuples(st.just("take"), st.integers(1, 6)),
        st.tuples(st.just("wait"), st.integers(1, 9)),
        st.tuples(st.just("restart"), st.just(1)),
    ),
    max_size=40,
)
NEW_STARTS = st.tuples(st.integers(0, 300), st.booleans())
"""How many messages are sent before anybody can hear them, and whether there is a new start at all."""


class Taken:
    """What a receiver took and what it counted, in order within each start."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._last: dict[int, int] = {}
        self.count = 0
        self.dropped: Counter[str] = Counter()

    def take(self, timeout_s: float = 0) -> bool:
        envelope = self._receiver.take(timeout_s)
        self.dropped.update({drop.reason: drop.count for drop in self._receiver.take_dropped()})
        if envelope is None:
            return False
        assert envelope.seq > self._last.get(envelope.start_id, -1)
        self._last[envelope.start_id] = envelope.seq
        self.count += 1
        return True

    def take_all(self, timeout_s: float = 0) -> int:
        while self.take(timeout_s):
            pass
        return self.count + self.dropped.total()


@given(channel=CHANNELS, steps=STEPS)
def test_in_process_every_number_is_taken_or_counted(channel: Channel, steps: list[tuple[str, int]]) -> None:
    now_ns, sent = 0, 0
    with LocalBus(lambda: now_ns) as bus:
        taken, sender = Taken(bus.receiver(channel)), bus.sender(channel)
        for step, times in steps:
            if step == "send":
                for _ in range(times):
                    sender.send(b"x")
                sent += times
            elif step == "take":
                for _ in range(times):
                    taken.take()
            elif step == "wait":
                now_ns += times
            else:
                sender.close()
                sender = bus.sender(channel)
        assert taken.take_all() == sent
        assert set(taken.dropped) <= {"late", "behind"}


@given(channel=CHANNELS, data=st.data())
def test_over_any_wire_every_number_up_to_the_last_that_came_is_taken_or_counted(channel: Channel, data: st.DataObject) -> None:
    """Starts follow each other; of each any numbers are lost, and two connections of one start may overtake each other."""
    starts = data.draw(st.lists(st.lists(st.integers(0, 30), unique=True, min_size=1, max_size=20), min_size=1, max_size=4))
    arrive = iter(
        [Envelope(channel.topic, start, seq, data.draw(st.integers(0, 20)), b"") for start, seqs in enumerate(starts) for seq in seqs]
    )
    counts = Counts()
    intake, taken = Intake(channel, counts), 0
    while part := list(islice(arrive, data.draw(st.integers(1, 5)))):
        rest = iter(part)
        while intake.take(rest, lambda: 10) is not None:
            taken += 1
    assert taken + sum(drop.count for drop in counts.take()) == sum(max(seqs) + 1 for seqs in starts) - starts[0][0]


@pytest.mark.slow
@settings(max_examples=20)
@given(channel=CHANNELS, bursts=st.lists(st.tuples(st.integers(1, 2000), NEW_STARTS), min_size=1, max_size=3))
def test_over_zeromq_every_number_up_to_the_last_that_came_is_taken_or_counted(
    channel: Channel, bursts: list[tuple[int, tuple[int, bool]]]
) -> None:
    """Real sockets: bursts far over the high-water mark while the receiver stalls, and a sender that comes back."""
    sent = 0

    def send(times: int) -> None:
        nonlocal sent
        sent += times
        for _ in range(times):
            sender.send(b"x")

    def everything_known() -> bool:
        """What was lost is known as soon as something comes after it."""
        send(1)
        return taken.take_all(timeout_s=0.01) == sent

    with tempfile.TemporaryDirectory() as folder, ZmqBus(Local(Path(folder)), lambda: 0) as receiving:
        taken = Taken(receiving.receiver(channel))
        with ZmqBus(Local(Path(folder)), lambda: 0) as sending:
            sender = sending.sender(channel)
            assert sender.heard(DEADLINE_S)
            for burst, (unheard, comes_back) in bursts:
                send(burst)
                assert eventually(everything_known)
                if comes_back:
                    sender.close()
                    sender = sending.sender(channel)
                    send(unheard)
                    assert eventually(everything_known)
        assert taken.count and set(taken.dropped) <= {"behind", "lost", "restart"}
