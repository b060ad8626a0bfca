"""A ZeroMQ context that is left open is found (tests/leaks.py)."""

from __future__ import annotations

import zmq

from edge_runtime.transport.bus import Channel
from edge_runtime.transport.bus_zmq import ZmqBus
from edge_runtime.transport.endpoints import Inproc
from tests.bus_peer import eventually
from tests.leaks import held


def contexts() -> int:
    return sum("ZMQbg/Reaper" in name for name in held())


def test_a_context_is_seen_until_it_is_terminated() -> None:
    with zmq.Context() as context:
        context.socket(zmq.PAIR).close()
        assert eventually(lambda: contexts() == 1)
    assert contexts() == 0


def test_leaving_the_bus_leaves_nothing_even_where_an_end_was_left_open() -> None:
    with ZmqBus(Inproc()) as bus:
        bus.sender(Channel("v1/gaze", "every", 100, 10))
        assert eventually(lambda: contexts() == 1)
    assert contexts() == 0
