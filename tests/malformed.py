"""Messages that are none, for every way into a process: made of the kept bytes of real ones, the same every time.

Each is bound to be let go and counted once, so that counts can be compared with what was sent. Not made, because nobody can count them:
heads that lie about numbers (what they skip is counted as lost), cancels of what was never asked, and what ZeroMQ itself refuses
(:func:`refused_by_zmq`): it cuts the connection, and what was on its way then is gone.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import zmq

from edge_runtime.config import MIB
from edge_runtime.transport import wire
from edge_runtime.transport.bus import NEVER_NS
from edge_runtime.transport.endpoints import Local
from edge_runtime.transport.heads import ChannelHead, LaneHead, packed
from edge_runtime.transport.routes import ROUTES, Route
from edge_runtime.transport.wire import WireError

_GOLDEN = [path.read_bytes() for path in sorted((Path(__file__).parent / "golden" / "wire" / "v1").glob("*.msgpack"))]
_POOL = 400
_BOMBS = (
    b"\x91" * 900,
    b"\x81\xa4type" * 150,
    b"\x82\xa4type\xa4Gaze\xa4more" + b"\x91" * 900,
    b"\xdd\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\x83\xa4type\xa4Gaze\xa4t_ns\x01\xa7samples\xdd\xff\xff\xff\xff",
)


def payloads(route: Route, seed: int = 0) -> list[bytes]:
    """Payloads that a route refuses: random bytes, kept messages cut short or with bits turned over, or of other routes, bombs."""
    rng, found = random.Random(f"{route.name} {seed}"), [*_BOMBS, bytes(route.max_bytes)]  # noqa: S311  not a secret
    while len(found) < _POOL:
        golden = rng.choice(_GOLDEN)[: route.max_bytes]
        flipped = bytearray(golden)
        for _ in range(rng.randint(1, 4)):
            flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
        kinds = (rng.randbytes(rng.randrange(300)), golden[: rng.randrange(len(golden))], bytes(flipped), golden)
        payload = rng.choice(kinds)
        try:
            wire.decode(route, payload)
        except WireError:
            found.append(payload)
    return found


def asks(route: Route, count: int, seed: int = 0) -> Iterator[list[bytes]]:
    """So many messages for whoever answers a route: as a DEALER sends them."""
    return _lane_parts(route, "ask", count, seed)


def answers(asked: Route, answers: Route, count: int, seed: int = 0) -> Iterator[list[bytes]]:
    """So many messages for whoever asked by a route, as answers to nothing that is under way."""
    return _lane_parts(answers, "answer", count, seed, topic=asked.topic)


def _lane_parts(route: Route, kind: str, count: int, seed: int, topic: str = "") -> Iterator[list[bytes]]:
    rng, pool, topic = random.Random(seed), payloads(route, seed), topic or route.topic  # noqa: S311
    other = "answer" if kind == "ask" else "ask"
    for number in range(count):
        payload = rng.choice(pool)
        good = msgspec.msgpack.encode([topic, kind, 10**9 + number, NEVER_NS])
        yield rng.choice(
            (
                *[[good, payload]] * 6,
                [payload],
                [good, payload, payload],
                [rng.randbytes(rng.randrange(1, 40)), payload],
                [good[:-1], payload],
                [packed(LaneHead("er1/nothing", "ask", number)), payload],
                [msgspec.msgpack.encode([topic, "shout", number]), payload],
                [msgspec.msgpack.encode([topic, other, number]), payload],
                [b"\x95" + good[1:] + b"\x91" * min(route.max_bytes - 100, 10_000), payload],
            )
        )


def broadcasts(route: Route, count: int, now_ns: int, seed: int = 0) -> Iterator[list[bytes]]:
    """So many messages for the receivers of a route; those with a head that can be read are numbered without a gap."""
    rng, pool, seq = random.Random(seed), payloads(route, seed), 0  # noqa: S311
    for _ in range(count):
        payload = rng.choice(pool)
        good = packed(ChannelHead(route.topic, seed + 1, seq, now_ns))
        parts = rng.choice(
            (
                *[[good, payload]] * 6,
                [payload],
                [good, payload, payload],
                [rng.randbytes(rng.randrange(1, 40)), payload],
                [good[:-1], payload],
                [packed(ChannelHead("er1/nothing", 1, 1, 1)), payload],
                [b"\x95" + good[1:] + b"\x91" * min(route.max_bytes - 100, 10_000), payload],
            )
        )
        seq += parts[0] == good and len(parts) == 2
        yield parts


def refused_by_zmq(folder: Path, route: Route) -> None:
    """Send what ZeroMQ cuts the connection for: more bytes than allowed, no ZeroMQ at all, and a frame that claims 2**63 bytes."""
    address = Local(folder).address(route.topic)
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.sndtimeo = 2000
        dealer.connect(address)
        for size in (route.max_bytes + 1, min(64 * MIB, 2 * route.max_bytes + 1)):
            dealer.send_multipart([packed(LaneHead(route.topic, "ask", 1)), bytes(size)])
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + b"\x00" + bytes(31)
    for raw in (b"GET / HTTP/1.1\r\n\r\n", bytes(200), greeting + b"\x02" + b"\x7f" + b"\xff" * 7 + b"x" * 100):
        with socket.socket(socket.AF_UNIX) as plain:
            plain.connect(address.removeprefix("ipc://"))
            plain.sendall(raw)


def inbound(role: str) -> tuple[list[Route], list[Route], list[Route]]:
    """Ways into a process: what it receives, what it answers, and what it asks by."""
    answered = {route.answers for route in ROUTES.values()}
    took = [route for route in ROUTES.values() if role in route.receivers and not route.answers]
    received, answers = [r for r in took if r.name not in answered], [r for r in took if r.name in answered]
    return received, answers, [ROUTES[r.answers] for r in ROUTES.values() if r.answers and role in r.receivers]
