"""The bus between processes: peers that stall, are killed and come back; and over the network, where keys decide."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from edge_runtime.config import MS
from edge_runtime.errors import ConfigError, DeviceError, UsageError
from edge_runtime.transport.bus import NEVER_NS, Answer, Ask, Channel, Envelope, Lane, Receiver
from edge_runtime.transport.bus_zmq import ZmqBus
from edge_runtime.transport.endpoints import Client, KeyPair, Local, Server, Tcp, read_keys, write_keys
from edge_runtime.transport.zmq_sockets import new_keys
from tests.bus_peer import CROPS, DEADLINE_S, FRAMES, GAZE, eventually, peer

CONTROL = Lane("v1/control", ask_bytes=100, answer_bytes=100)
STATE = Channel("v1/state", "every", max_bytes=100, max_waiting=10)
OURS, THEIRS, STRANGER = new_keys(), new_keys(), new_keys()


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
def ports() -> dict[str, int]:
    """Two ports that are free now."""
    with socket.socket() as one, socket.socket() as other:
        for held in (one, other):
            held.bind(("127.0.0.1", 0))
        return {CONTROL.topic: one.getsockname()[1], STATE.topic: other.getsockname()[1]}


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def next_of(receiver: Receiver) -> Envelope:
    envelope = receiver.take(DEADLINE_S)
    assert envelope is not None
    return envelope


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def test_a_thousand_messages_come_in_order_from_another_process(folder: Path) -> None:
    with ZmqBus(Local(folder)) as bus, bus.receiver(GAZE) as receiver, peer(folder, "all"):
        assert [next_of(receiver).payload for _ in range(1000)] == [b"%d" % n for n in range(1000)]
        assert receiver.take_dropped() == []


def test_after_a_stall_the_first_thing_handled_is_new_and_the_rest_is_counted(folder: Path) -> None:
    """The sender goes on at 30 Hz while nothing is taken, for 40 frames, as another receiver can tell."""
    with peer(folder, "frames"), ZmqBus(Local(folder)) as bus, bus.receiver(FRAMES) as stalled, bus.receiver(FRAMES) as watching:
        before = next_of(stalled)
        stalled.take_dropped()
        assert eventually(lambda: next_of(watching).seq > before.seq + 40)
        t_resumed_ns = time.monotonic_ns()
        after = next_of(stalled)
        assert after.t_sent_ns >= t_resumed_ns - FRAMES.max_age_ns
        assert sum(drop.count for drop in stalled.take_dropped()) == after.seq - before.seq - 1


def test_a_sender_that_is_killed_is_heard_again_when_it_comes_back(folder: Path) -> None:
    with ZmqBus(Local(folder)) as bus, bus.receiver(FRAMES) as receiver:
        with peer(folder, "frames") as process:
            before = next_of(receiver)
            kill(process)
        while receiver.take(0):  # what it had sent
            pass
        receiver.take_dropped()
        with peer(folder, "frames"):
            after = next_of(receiver)
        assert after.start_id != before.start_id
        # no gap between the two starts, only what the second had sent before this receiver was connected again
        assert sum(drop.count for drop in receiver.take_dropped()) == after.seq


def test_an_answerer_that_is_killed_costs_one_ask_and_answers_again_when_it_comes_back(folder: Path) -> None:
    with ZmqBus(Local(folder)) as bus, bus.asker(CROPS) as asker:
        with peer(folder, "sleeper") as process:
            assert asker.reachable(DEADLINE_S)
            assert asker.ask(Ask(1, time.monotonic_ns() + 50 * MS, b"10")) is None
            kill(process)
            assert asker.take(DEADLINE_S) == Answer(1, missing="deadline")
            assert eventually(lambda: asker.ask(Ask(2, NEVER_NS, b"10")) == "unreachable" or not asker.cancel(2))
        with peer(folder, "crops"):
            assert asker.reachable(DEADLINE_S)
            assert asker.ask(Ask(3, NEVER_NS, b"600000")) is None
            assert asker.take(DEADLINE_S) == Answer(3, bytes(600_000))


def test_peers_that_come_and_go_leave_nothing_behind(folder: Path) -> None:
    with ZmqBus(Local(folder)) as bus, bus.answerer(CROPS) as answerer:

        def come_and_go() -> None:
            with ZmqBus(Local(folder)) as other, other.asker(CROPS) as asker:
                assert asker.reachable(DEADLINE_S)
                assert asker.ask(Ask(1, NEVER_NS, b"")) is None
                ask = answerer.take(DEADLINE_S)
                assert ask is not None
                answerer.answer(ask, b"crop")
                assert asker.take(DEADLINE_S) == Answer(1, b"crop")

        come_and_go()
        before = descriptors()
        for _ in range(20):
            come_and_go()
        assert eventually(lambda: descriptors() <= before)


# ------------------------------------------------------------ over the network


def server(ports: dict[str, int], *allowed: KeyPair) -> ZmqBus:
    return ZmqBus(Tcp("127.0.0.1", ports, Server(OURS, frozenset(keys.public for keys in allowed))))


def client(ports: dict[str, int], own: KeyPair, known_server: KeyPair = OURS) -> ZmqBus:
    return ZmqBus(Tcp("127.0.0.1", ports, Client(own, known_server.public)))


def test_a_client_on_the_list_is_served(ports: dict[str, int]) -> None:
    with server(ports, THEIRS) as here, client(ports, THEIRS) as there:
        with here.answerer(CONTROL) as answerer, there.asker(CONTROL) as asker:
            assert asker.reachable(DEADLINE_S)
            # Its clock is not ours: a deadline that has passed here is the asker's to watch.
            assert asker.ask(Ask(1, NEVER_NS, b"mute")) is None
            ask = answerer.take(DEADLINE_S)
            assert ask is not None and ask.payload == b"mute"
            answerer.answer(ask, b"muted")
            assert asker.take(DEADLINE_S) == Answer(1, b"muted")
        with here.sender(STATE) as sender, there.receiver(STATE) as receiver:
            assert sender.heard(DEADLINE_S)
            sender.send(b"well")
            assert next_of(receiver).payload == b"well"


@pytest.mark.parametrize(
    ("keys", "known_server"),
    [
        pytest.param(STRANGER, OURS, id="a client that is not on the list"),
        pytest.param(THEIRS, STRANGER, id="a client that takes us for another"),
    ],
)
def test_any_other_client_gets_nothing(ports: dict[str, int], keys: KeyPair, known_server: KeyPair) -> None:
    """One that is served proves that the server was there all the while."""
    with (
        server(ports, THEIRS) as here,
        here.answerer(CONTROL) as answerer,
        here.sender(STATE) as sender,
        client(ports, keys, known_server) as there,
        there.asker(CONTROL) as asker,
        there.receiver(STATE) as receiver,
        client(ports, THEIRS) as known,
        known.asker(CONTROL) as served,
        known.receiver(STATE) as heard,
    ):
        assert served.reachable(DEADLINE_S) and sender.heard(DEADLINE_S)
        for n in range(10):
            sender.send(b"state")
            assert next_of(heard).payload == b"state"
            assert served.ask(Ask(n, NEVER_NS, b"known")) is None
            assert asker.ask(Ask(n, NEVER_NS, b"stranger")) == "unreachable"
            ask = answerer.take(DEADLINE_S)
            assert ask is not None and ask.payload == b"known"
            answerer.answer(ask, b"")
            assert served.take(DEADLINE_S) == Answer(n)
            assert receiver.take(0) is None and answerer.take(0) is None


def test_a_client_without_keys_gets_nothing(ports: dict[str, int]) -> None:
    """The handshake itself fails, as ZeroMQ tells whoever watches."""
    with server(ports, THEIRS) as here, here.answerer(CONTROL) as answerer, zmq.Context() as context, context.socket(zmq.DEALER) as plain:
        plain.linger, plain.immediate = 0, True
        with plain.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_DISCONNECTED
        ) as told:
            plain.connect(f"tcp://127.0.0.1:{ports[CONTROL.topic]}")
            assert told.poll(round(DEADLINE_S * 1000))
            with pytest.raises(zmq.Again):
                plain.send(b"hello", zmq.DONTWAIT)
            assert answerer.take(0) is None
            plain.disable_monitor()


def test_the_network_carries_nothing_that_has_an_age(ports: dict[str, int]) -> None:
    with server({**ports, FRAMES.topic: 1}, THEIRS) as here, pytest.raises(UsageError, match="limit of age"):
        here.sender(FRAMES)


def test_the_sides_of_a_network_are_not_changed(ports: dict[str, int]) -> None:
    with server(ports, THEIRS) as here, pytest.raises(UsageError, match="the server sends and answers"):
        here.asker(CONTROL)
    with client(ports, THEIRS) as there, pytest.raises(UsageError, match="the server sends and answers"):
        there.sender(STATE)


def test_a_port_that_is_taken_and_keys_that_are_none_say_so(ports: dict[str, int]) -> None:
    with (
        server(ports, THEIRS) as here,
        here.sender(STATE),
        server(ports, THEIRS) as second,
        pytest.raises(DeviceError, match="cannot be bound"),
    ):
        second.sender(STATE)
    with client(ports, KeyPair("short", "short")) as there, pytest.raises(ConfigError, match="no CURVE keys"):
        there.asker(CONTROL)


def test_keys_survive_their_files(tmp_path: Path) -> None:
    write_keys(tmp_path, "display", THEIRS)
    assert read_keys(tmp_path, "display") == THEIRS
