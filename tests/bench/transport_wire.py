"""What a message costs before and after the socket: ``python -m tests.bench.transport_wire [--json]``.

Processor time to encode and to decode one of every message, as kept under ``tests/golden/wire``, and of those that are large in
earnest: a look with tokens, and crops. The best of a few rounds counts: what else runs on the machine only adds.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np

from edge_runtime.protocol import Looked, Message
from edge_runtime.transport import routes, wire
from edge_runtime.transport.messages import CropPixels, Crops
from edge_runtime.transport.routes import ROUTES, Route
from edge_runtime.types import WHOLE, LookedRegion, Thumb, Tokens
from tests.golden.wire.samples import SAMPLES

_ROUNDS = 5
_ROUND_NS = 4_000_000


def large() -> dict[str, tuple[Route, Message]]:
    """Messages of the size that they have in a run."""
    noise = np.random.default_rng(1)
    vector = np.zeros(384, np.float32)
    vector[0] = 1.0
    tokens = Tokens((14, 14), 384, noise.standard_normal((196, 384)).astype(np.float16))
    region = LookedRegion("overview", WHOLE, vector=vector, tokens=tokens, thumb=Thumb("1-0", 12_000, noise.bytes(12_000)))
    small = CropPixels(WHOLE, 448, 448, memoryview(noise.bytes(448 * 448 * 3)))
    whole = CropPixels(WHOLE, 1920, 1080, memoryview(noise.bytes(1920 * 1080 * 3)))
    return {
        "Looked, 196 tokens": (routes.LOOKED, Looked(t_ns=1, answers=1, frame_seq=1, t_capture_ns=1, regions=(region,))),
        "Crops, 448 x 448": (routes.CROPS, Crops(t_ns=1, answers=1, frame_seq=1, t_capture_ns=1, crops=(small,))),
        "Crops, 1920 x 1080": (routes.CROPS, Crops(t_ns=1, answers=1, frame_seq=1, t_capture_ns=1, crops=(whole,))),
    }


def measure() -> dict[str, dict[str, float]]:
    """Bytes, and microseconds of processor time to encode and to decode, by message."""
    ways = {name: next(route for route in ROUTES.values() if type(message) in route.messages) for name, message in SAMPLES.items()}
    cases = {name: (ways[name], message) for name, message in SAMPLES.items()} | large()
    found = {}
    for name, (route, message) in cases.items():
        payload = wire.encode(route, message)
        found[name] = {
            "bytes": float(len(payload)),
            "encode_us": _cpu_us(lambda route=route, message=message: wire.encode(route, message)),  # type: ignore[misc]
            "decode_us": _cpu_us(lambda route=route, payload=payload: wire.decode(route, payload)),  # type: ignore[misc]
        }
    return found


def table(found: dict[str, dict[str, float]]) -> str:
    """The figures as lines of text."""
    lines = [f"{'message':24} {'bytes':>10} {'encode us':>10} {'decode us':>10}"]
    lines += [f"{name:24} {row['bytes']:10,.0f} {row['encode_us']:10.2f} {row['decode_us']:10.2f}" for name, row in found.items()]
    return "\n".join(lines)


def _cpu_us(work: Callable[[], object]) -> float:
    """Processor time of one call, microseconds: the best of a few rounds, each of as many calls as fit into it."""
    calls, best = 1, float("inf")
    while (took_ns := _round_ns(work, calls)) < _ROUND_NS:
        calls *= max(2, min(100, _ROUND_NS // max(1, took_ns)))
    for _ in range(_ROUNDS):
        best = min(best, _round_ns(work, calls) / calls / 1000)
    return best


def _round_ns(work: Callable[[], object], calls: int) -> int:
    begun_ns = time.thread_time_ns()
    for _ in range(calls):
        work()
    return time.thread_time_ns() - begun_ns


def main() -> int:
    """Print the table."""
    found = measure()
    print(json.dumps(found) if "--json" in sys.argv[1:] else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
