"""A tenth of a million malformed messages, over every inbound socket of every process: all counted, nothing grows, everything works on."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import get_args

import pytest
import zmq

from edge_runtime.config import MIB
from edge_runtime.protocol import Looked
from edge_runtime.transport import wire
from edge_runtime.transport.bus_zmq import ZmqBus
from edge_runtime.transport.endpoints import Local
from edge_runtime.transport.heads import ChannelHead, LaneHead, packed
from edge_runtime.transport.messages import Report, SetWatch, Taken
from edge_runtime.transport.post import Post
from edge_runtime.transport.routes import CALLS, CUTS, LOOKS, POINTS, PROMPTS, ROUTES, Route
from edge_runtime.transport.statuses import Reported, Role, Status
from tests import malformed
from tests.golden.wire.samples import SAMPLES
from tests.three_processes import PATIENCE_S, three

ROLES: tuple[Role, ...] = get_args(Role)
EACH = 2_500
"""Over every way into a process; with those into the three running ones this comes to a hundred thousand."""
MOST_GROWN_BYTES = 16 * MIB
WAYS = [
    (role, kind, route)
    for role in ROLES
    for kind, ways in zip(("channel", "answerer", "asker"), malformed.inbound(role), strict=True)
    for route in ways
]


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def sample_of(route: Route) -> bytes:
    return next(wire.encode(route, message) for message in SAMPLES.values() if type(message) in route.messages)


def answering(route: Route) -> Route:
    return next(answers for answers in ROUTES.values() if answers.answers == route.name)


def counted(post: Post) -> int:
    return sum(drop.count for drop in post.dropped)


def send_to_receiver(socket: zmq.Socket[bytes], route: Route, count: int, seed: int = 0) -> None:
    for parts in malformed.broadcasts(route, count, time.monotonic_ns(), seed):
        socket.send_multipart(parts)


def flood(folder: Path, role: Role, kind: str, route: Route, count: int) -> None:
    """Send malformed messages to one end of a process, until all are counted; then a real one comes through."""
    with Post(ZmqBus(Local(folder)), role) as post, zmq.Context() as context:
        if kind == "channel":
            attacker = context.socket(zmq.XPUB)
            attacker.setsockopt(zmq.XPUB_NODROP, 1)
        else:
            attacker = context.socket(zmq.DEALER if kind == "answerer" else zmq.ROUTER)
        with attacker:
            attacker.linger, attacker.sndtimeo, attacker.rcvtimeo = 0, round(PATIENCE_S * 1000), round(PATIENCE_S * 1000)
            if kind == "answerer":
                _flood_answerer(folder, post, attacker, route, count)
            elif kind == "asker":
                attacker.bind(Local(folder).address(route.topic))
                _flood_asker(post, attacker, route, count)
            else:
                attacker.bind(Local(folder).address(route.topic))
                _flood_receiver(post, attacker, route, count)


def _flood_answerer(folder: Path, post: Post, attacker: zmq.Socket[bytes], route: Route, count: int) -> None:
    end = post.answerer(route, answering(route))
    attacker.connect(Local(folder).address(route.topic))

    def send() -> None:
        for parts in malformed.asks(route, count):
            attacker.send_multipart(parts)
        attacker.send_multipart([packed(LaneHead(route.topic, "ask", 1)), sample_of(route)])

    with _sending(send):
        call = end.take(PATIENCE_S)
    assert call is not None and type(call.message) in route.messages
    assert counted(post) == count, post.dropped


def _flood_asker(post: Post, attacker: zmq.Socket[bytes], route: Route, count: int) -> None:
    end = post.asker(route, answering(route))
    question = next(message for message in SAMPLES.values() if type(message) in route.messages)
    assert end.reachable(PATIENCE_S)
    assert end.ask(1, 2**62, question) is None
    name, *_ = attacker.recv_multipart()

    def send() -> None:
        for parts in malformed.answers(route, answering(route), count):
            attacker.send_multipart([name, *parts])
        attacker.send_multipart([name, packed(LaneHead(route.topic, "answer", 1)), sample_of(answering(route))])

    attacker.setsockopt(zmq.ROUTER_MANDATORY, 1)
    with _sending(send):
        outcome = end.take(PATIENCE_S)
    assert outcome is not None and outcome.message is not None and outcome.answers == 1
    assert counted(post) == count, post.dropped


def _flood_receiver(post: Post, attacker: zmq.Socket[bytes], route: Route, count: int) -> None:
    end = post.receiver(route)
    assert attacker.recv()[:1] == b"\x01"

    def send() -> None:
        send_to_receiver(attacker, route, count)

    with _sending(send) as sent:
        while not sent.is_set() or counted(post) < count:
            assert end.take(0.02) is None
    assert counted(post) == count, post.dropped
    attacker.send_multipart([packed(ChannelHead(route.topic, 99, 0, time.monotonic_ns())), sample_of(route)])
    assert type(end.take(PATIENCE_S)) in route.messages


@contextlib.contextmanager
def _sending(send: Callable[[], None]) -> Iterator[threading.Event]:
    """Send in a thread of its own while the block takes; every message is sent when it is left."""
    sent = threading.Event()

    def work() -> None:
        send()
        sent.set()

    thread = threading.Thread(target=work)
    thread.start()
    yield sent
    thread.join(PATIENCE_S)
    assert sent.is_set()


@pytest.mark.parametrize(("role", "kind", "route"), WAYS, ids=lambda value: value.name if isinstance(value, Route) else value)
def test_every_malformed_message_is_counted_once_and_the_next_real_one_is_taken(
    tmp_path: Path, role: Role, kind: str, route: Route
) -> None:
    flood(tmp_path, role, kind, route, EACH // 10)  # what is needed once is there afterwards
    before = resident_bytes()
    flood(tmp_path, role, kind, route, EACH)
    # The allocator keeps room for the largest message on either side.
    assert resident_bytes() - before < MOST_GROWN_BYTES + 2 * route.max_bytes


# ---------------------------------------------------------------- the processes themselves


LANES: tuple[tuple[Role, Route], ...] = (("capture", CUTS), ("capture", POINTS), ("core", CALLS), ("model", LOOKS), ("model", PROMPTS))


def flood_processes(tmp_path: Path, count: int) -> None:
    """Send so many malformed messages to each lane of running capture, core and model, and what ZeroMQ refuses, and see all go on."""
    with three(tmp_path) as run, zmq.Context() as context:
        run.watch_until(lambda event, commands: isinstance(event, Looked))
        sockets, warm_bytes = tmp_path / "s", 0
        for part in (count // 10, count - count // 10):
            warm_bytes = resident_bytes()
            for role, route in LANES:
                before = _malformed(run.client.status(role), route)
                with context.socket(zmq.DEALER) as dealer:
                    dealer.linger, dealer.sndtimeo = 0, round(PATIENCE_S * 1000)
                    dealer.connect(Local(sockets).address(route.topic))
                    for parts in malformed.asks(route, part):
                        dealer.send_multipart(parts)
                    fits = partial(_has_counted, route=route, count=before + part)
                    assert _malformed(run.client.status(role, fits), route) == before + part
        assert resident_bytes() - warm_bytes < MOST_GROWN_BYTES
        for _, route in LANES:
            malformed.refused_by_zmq(sockets, route)
        looked = sum(isinstance(event, Looked) for event, _ in run.steps.steps)
        run.watch_until(lambda event, commands: sum(isinstance(event, Looked) for event, _ in run.steps.steps) > looked)
        assert isinstance(run.client.call(SetWatch("tell me when I see a dog")), Taken)
        assert isinstance(run.client.call(Report()), Reported)


def _has_counted(status: Status, route: Route, count: int) -> bool:
    return _malformed(status, route) >= count


def _malformed(status: Status, route: Route) -> int:
    """What a process has counted of what came by a lane, as far as that is told apart."""
    return sum(drop.count for drop in status.dropped if drop.what in (route.topic, "message"))


@pytest.mark.slow
def test_running_processes_count_them_and_go_on(tmp_path: Path) -> None:
    flood_processes(tmp_path, EACH)
