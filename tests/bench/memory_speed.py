"""Processor time of an insert of 196 tokens of 1,024 numbers, in the first hour and in the sixteenth, measured by turns."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import numpy as np

from edge_runtime.config import MIB, S
from edge_runtime.protocol import Looked
from edge_runtime.remember.policies import MemoryPolicy
from edge_runtime.remember.policies.named import PolicyFactory
from edge_runtime.types import WHOLE, Box, LookedRegion, Tokens

HW, DIM = (14, 14), 1024
BUDGET_BYTES = 16 * MIB
DAY_S = 16 * 3600
GAZE = Box(0.4, 0.4, 0.6, 0.6)
SCENES, NOISES, VISIT = 12, 16, 9
EARLY = 60
"""Inserts after which every policy's memory is full; the first hour ends here."""
TURNS = 60
"""Looks that both take in, by turns, at the end."""


def speed(make: PolicyFactory, *, inserts: int) -> dict[str, float]:
    """Processor time, median, milliseconds: ``large_ms`` in the first hour, ``late_ms`` in the last, ``late_ratio`` of the two.

    A copy of the memory as it was after the first hour takes in the same looks as the one that has lived on, by turns, so that
    whatever else the machine does weighs on both alike.

    Args:
        make: Makes the policy.
        inserts: How many make the day.
    """
    policy, early = make(BUDGET_BYTES), make(BUDGET_BYTES)
    looks = _looks(inserts)
    for _ in range(EARLY):
        policy.insert(next(looks), (GAZE,))
    state = policy.state()
    for _ in range(inserts - EARLY - TURNS):
        policy.insert(next(looks), (GAZE,))
    late = make(BUDGET_BYTES)
    early.load(state)
    late.load(policy.state())
    large_ms, late_ms = by_turns(early, late, ((look, (GAZE,)) for look in looks))
    return {"large_ms": large_ms, "late_ms": late_ms, "late_ratio": late_ms / large_ms}


def by_turns(early: MemoryPolicy, late: MemoryPolicy, looks: Iterable[tuple[Looked, tuple[Box, ...]]]) -> tuple[float, float]:
    """Insert every look into two memories, one after the other and now the one first, now the other.

    Returns:
        Processor time of an insert into each, median, milliseconds.
    """
    spent: dict[MemoryPolicy, list[int]] = {early: [], late: []}
    for turn, (look, protect) in enumerate(looks):
        for policy in (early, late) if turn % 2 else (late, early):
            begun_ns = time.process_time_ns()
            policy.insert(look, protect)
            spent[policy].append(time.process_time_ns() - begun_ns)
    return float(np.median(spent[early])) / 1e6, float(np.median(spent[late])) / 1e6


def _looks(count: int) -> Iterator[Looked]:
    """Visits to a few scenes over a day: nine looks each, with sensor noise."""
    rng = np.random.default_rng(0)
    shape = (HW[0] * HW[1], DIM)
    scenes = rng.normal(size=(SCENES, *shape)).astype(np.float32)
    noises = 0.2 * rng.normal(size=(NOISES, *shape)).astype(np.float32)
    for seq in range(count):
        emb = (scenes[seq // VISIT % SCENES] + noises[int(rng.integers(NOISES))]).astype(np.float16)
        t_ns = seq * DAY_S // count * S
        yield Looked(t_ns, seq, seq, t_ns, (LookedRegion("overview", WHOLE, tokens=Tokens(HW, DIM, emb)),))
