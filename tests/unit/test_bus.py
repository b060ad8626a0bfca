"""The bus as its users know it: the same in one process, over ZeroMQ in one process, and over its Unix sockets."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime.config import S
from edge_runtime.errors import UsageError
from edge_runtime.transport.bus import Answer, Ask, Asker, Bus, Channel, Lane, Receiver
from edge_runtime.transport.bus_local import LocalBus
from edge_runtime.transport.bus_zmq import ZmqBus
from edge_runtime.transport.endpoints import Inproc, Local
from tests.bus_peer import DEADLINE_S, eventually

GAZE = Channel("v1/gaze", "every", max_bytes=100, max_waiting=50)
FRAMES = Channel("v1/frames", "newest", max_bytes=100, max_waiting=4, max_age_ns=1000)
CROPS = Lane("v1/crops", ask_bytes=100, answer_bytes=1000)


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.t_ns = 0

    def __call__(self) -> int:
        return self.t_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(params=["in process", "zeromq inproc", "zeromq ipc"])
def bus(request: pytest.FixtureRequest, clock: Clock, folder: Path) -> Iterator[Bus]:
    forms: dict[str, Bus] = {
        "in process": LocalBus(clock),
        "zeromq inproc": ZmqBus(Inproc(), clock),
        "zeromq ipc": ZmqBus(Local(folder), clock),
    }
    for name, form in forms.items():
        if name != request.param:
            form.close()
    with forms[request.param] as chosen:
        yield chosen


def reasons(*ends: Receiver | Asker) -> dict[str, int]:
    return {drop.reason: drop.count for end in ends for drop in end.take_dropped()}


def ask_id(ask: Ask | None) -> int:
    assert ask is not None
    return ask.id


def test_where_every_one_counts_all_come_in_order(bus: Bus) -> None:
    with bus.sender(GAZE) as sender, bus.receiver(GAZE) as receiver:
        assert sender.heard(DEADLINE_S)
        for n in range(20):
            sender.send(b"%d" % n)
        taken = [receiver.take(DEADLINE_S) for _ in range(20)]
        assert [(envelope and envelope.payload, envelope and envelope.seq) for envelope in taken] == [(b"%d" % n, n) for n in range(20)]
        assert len({envelope.start_id for envelope in taken if envelope}) == 1
        assert receiver.take(0) is None and receiver.take_dropped() == []


def test_every_receiver_has_its_own(bus: Bus) -> None:
    with bus.sender(GAZE) as sender, bus.receiver(GAZE) as one, bus.receiver(GAZE) as other:

        def hears(receiver: Receiver) -> bool:
            sender.send(b"hello")
            return receiver.take(0) is not None

        assert eventually(lambda: hears(one)) and eventually(lambda: hears(other))

        def hears_gaze(receiver: Receiver) -> bool:
            # Each time anew: on a busy machine one receiver may have been full of greetings when it was sent.
            sender.send(b"gaze")
            envelope = receiver.take(0)
            return envelope is not None and envelope.payload == b"gaze"

        assert eventually(lambda: hears_gaze(one)) and eventually(lambda: hears_gaze(other))


def test_where_the_newest_wins_the_rest_is_let_go_and_counted(bus: Bus) -> None:
    with bus.sender(FRAMES) as sender, bus.receiver(FRAMES) as receiver:
        assert sender.heard(DEADLINE_S)
        for n in range(4):
            sender.send(b"%d" % n)
        taken: list[int] = []
        while not taken or taken[-1] != 3:
            envelope = receiver.take(DEADLINE_S)
            assert envelope is not None
            taken.append(envelope.seq)
        assert taken == sorted(taken)
        assert len(taken) + reasons(receiver).get("behind", 0) == 4


def test_what_is_older_than_the_channel_allows_is_late(bus: Bus, clock: Clock) -> None:
    with bus.sender(FRAMES) as sender, bus.receiver(FRAMES) as receiver:
        assert sender.heard(DEADLINE_S)
        sender.send(b"old")
        clock.t_ns = 1001
        sender.send(b"new")
        envelope = receiver.take(DEADLINE_S)
        assert envelope is not None and envelope.payload == b"new" and envelope.t_sent_ns == 1001
        assert reasons(receiver) == {"late": 1}


def test_a_payload_larger_than_the_channel_allows_is_counted_and_has_no_number(bus: Bus) -> None:
    with bus.sender(GAZE) as sender, bus.receiver(GAZE) as receiver:
        assert sender.heard(DEADLINE_S)
        sender.send(bytes(101))
        sender.send(b"fits")
        envelope = receiver.take(DEADLINE_S)
        assert envelope is not None and envelope.seq == 0
        assert [(drop.what, drop.reason, drop.count) for drop in sender.take_dropped()] == [("v1/gaze", "size", 1)]


def test_nobody_listens_until_somebody_does_and_after_they_left(bus: Bus) -> None:
    with bus.sender(GAZE) as sender:
        assert not sender.heard(0)
        sender.send(b"to nobody")
        with bus.receiver(GAZE):
            assert sender.heard(DEADLINE_S)
        assert eventually(lambda: not sender.heard(0))


def test_a_topic_has_one_sender_and_one_answerer_at_a_time(bus: Bus) -> None:
    with bus.sender(GAZE), bus.answerer(CROPS):
        with pytest.raises(UsageError, match="v1/gaze is sent or answered already"):
            bus.sender(GAZE)
        with pytest.raises(UsageError, match="v1/crops is sent or answered already"):
            bus.answerer(CROPS)


def test_an_ask_is_answered(bus: Bus) -> None:
    with bus.answerer(CROPS) as answerer, bus.asker(CROPS) as asker:
        assert asker.reachable(DEADLINE_S)
        assert asker.ask(Ask(7, 1000, b"crop")) is None
        ask = answerer.take(DEADLINE_S)
        assert ask is not None and (ask.id, ask.deadline_ns, ask.payload) == (7, 1000, b"crop")
        assert answerer.wants(ask)
        answerer.answer(ask, b"pixels")
        assert asker.take(DEADLINE_S) == Answer(7, b"pixels")
        assert asker.take(0) is None


def test_one_ask_is_under_way_at_a_time(bus: Bus) -> None:
    with bus.answerer(CROPS), bus.asker(CROPS) as asker:
        assert asker.reachable(DEADLINE_S)
        assert asker.ask(Ask(1, 1000, b"")) is None
        assert asker.ask(Ask(2, 1000, b"")) == "busy"


@pytest.mark.parametrize("bus", ["in process", "zeromq ipc"], indirect=True)
def test_an_ask_that_nobody_can_take_is_not_kept(bus: Bus) -> None:
    with bus.asker(CROPS) as asker:
        assert not asker.reachable(0)
        assert asker.ask(Ask(1, 1000, b"")) == "unreachable"
        assert asker.take(0) is None


def test_past_its_deadline_an_ask_is_given_up_and_its_answer_is_counted(bus: Bus, clock: Clock) -> None:
    with bus.answerer(CROPS) as answerer, bus.asker(CROPS) as asker:
        assert asker.reachable(DEADLINE_S)
        asker.ask(Ask(1, 1000, b""))
        ask = answerer.take(DEADLINE_S)
        assert ask is not None
        clock.t_ns = 1001
        assert not answerer.wants(ask)
        assert asker.take(DEADLINE_S) == Answer(1, missing="deadline")
        answerer.answer(ask, b"too late")
        assert eventually(lambda: asker.take(0) is None and reasons(asker) == {"late": 1})


def test_a_cancelled_ask_is_no_longer_wanted_and_has_no_outcome(bus: Bus) -> None:
    with bus.answerer(CROPS) as answerer, bus.asker(CROPS) as asker:
        assert asker.reachable(DEADLINE_S)
        asker.ask(Ask(1, 1000, b""))
        ask = answerer.take(DEADLINE_S)
        assert ask is not None
        assert asker.cancel(1) and not asker.cancel(1)
        assert eventually(lambda: not answerer.wants(ask))
        assert asker.ask(Ask(2, 1000, b"")) is None
        answerer.answer(ask, b"cancelled")
        assert ask_id(answerer.take(DEADLINE_S)) == 2
        assert eventually(lambda: asker.take(0) is None and reasons(asker) == {"late": 1})


def test_an_ask_whose_deadline_passed_while_it_waited_is_not_worked_on(bus: Bus, clock: Clock) -> None:
    with bus.answerer(CROPS) as answerer, bus.asker(CROPS) as asker, bus.asker(CROPS) as other:
        assert asker.reachable(DEADLINE_S) and other.reachable(DEADLINE_S)
        asker.ask(Ask(1, 1000, b""))
        other.ask(Ask(2, 5000, b""))
        clock.t_ns = 1001
        assert ask_id(answerer.take(DEADLINE_S)) == 2
        assert eventually(lambda: answerer.take(0) is None and [drop.reason for drop in answerer.take_dropped()] == ["late"])


def test_an_answer_to_an_asker_that_has_left_is_counted(bus: Bus) -> None:
    with bus.answerer(CROPS) as answerer:
        with bus.asker(CROPS) as asker:
            assert asker.reachable(DEADLINE_S)
            asker.ask(Ask(1, 1000, b""))
            ask = answerer.take(DEADLINE_S)
            assert ask is not None

        def counted() -> bool:
            answerer.answer(ask, b"to nobody")
            return [drop.reason for drop in answerer.take_dropped()] == ["unreachable"]

        assert eventually(counted)


def test_what_the_lane_does_not_allow_is_refused_before_it_is_sent(bus: Bus) -> None:
    with bus.answerer(CROPS) as answerer, bus.asker(CROPS) as asker:
        with pytest.raises(UsageError, match="101 bytes are more than the 100"):
            asker.ask(Ask(1, 1000, bytes(101)))
        with pytest.raises(UsageError, match="1001 bytes are more than the 1000"):
            answerer.answer(Ask(1, 1000, b""), bytes(1001))


def test_several_ends_are_waited_for_together(bus: Bus, clock: Clock) -> None:
    with bus.sender(GAZE) as sender, bus.receiver(GAZE) as gaze, bus.answerer(CROPS) as answerer, bus.asker(CROPS) as asker:
        assert sender.heard(DEADLINE_S) and asker.reachable(DEADLINE_S)
        bus.wait([gaze, asker, answerer], 0)
        sender.send(b"gaze")
        bus.wait([gaze, asker, answerer], DEADLINE_S)
        assert gaze.take(0) is not None
        asker.ask(Ask(1, 3600 * S, b""))  # a wait ends with the deadline, too: it must not come before the ask has arrived
        bus.wait([gaze, asker, answerer], DEADLINE_S)
        assert ask_id(answerer.take(0)) == 1
        clock.t_ns = 3600 * S + 1
        bus.wait([gaze, asker, answerer], DEADLINE_S)  # wakes for the deadline
        assert asker.take(0) == Answer(1, missing="deadline")


def test_ends_and_bus_may_be_closed_twice(bus: Bus) -> None:
    for end in (bus.sender(GAZE), bus.receiver(GAZE), bus.asker(CROPS), bus.answerer(CROPS)):
        end.close()
        end.close()
    bus.close()
    bus.close()


def test_a_receiver_of_another_major_version_takes_nothing_and_says_so(folder: Path) -> None:
    # "v1/gaze" and "v1.gaze" have the same address, as two versions would have that forgot to say so there
    other = Channel("v1.gaze", "every", max_bytes=100, max_waiting=50)
    with ZmqBus(Local(folder)) as bus, bus.sender(GAZE) as sender, bus.receiver(other) as receiver:
        assert sender.heard(DEADLINE_S)
        sender.send(b"gaze")
        assert eventually(lambda: receiver.take(0) is None and reasons(receiver) == {"topic": 1})


def test_sockets_are_files_of_this_user_alone(folder: Path) -> None:
    with ZmqBus(Local(folder)) as bus, bus.sender(GAZE):
        assert stat.S_IMODE((folder / "v1.gaze").stat().st_mode) & 0o077 == 0
