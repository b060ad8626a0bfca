"""A day of tokens: 57,600 s at three frames a second through the product's policies, as fast as it goes. A sixtieth of it in the gate.

Real tokens where clips and weights are there, made ones elsewhere; what is printed says which (``pytest -s``).
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import pytest

from edge_runtime.config import Config
from edge_runtime.remember.policies.named import PRODUCT, make_policy
from tests.bench.memory_features import KEPT, load_features
from tests.bench.memory_speed import by_turns
from tests.bench.memory_stream import Day
from tests.bench.replay import resident_bytes
from tests.isolation import REAL_CACHE

HOURS, OFFERED_HZ = 16.0, 3.0
TURNS = 400
"""Looks that the memory of the start and that of the end both take in, to compare what they cost."""
LATE_MUST = 1.5
"""A wide margin: the bench holds the level of 1.10."""
RESIDENT_MUST = 1.01


def live(name: str, share: float) -> None:
    """Live through a share of the day; the memory is made as much smaller, so that it is full as soon."""
    remember = Config().remember
    budget_bytes = int(remember.ram_bytes * remember.token_share * share)
    features = load_features()
    hours = HOURS * share
    day = Day(features, every_s=1 / OFFERED_HZ, hours=hours, needles=0)
    looks = day.looks()
    policy, start, end = (make_policy(name, budget_bytes) for _ in range(3))
    warm = len(day) // 8
    for look, protect in islice(looks, warm):
        policy.insert(look, protect)
        assert policy.nbytes() <= budget_bytes
    state, resident = policy.state(), resident_bytes()
    for look, protect in islice(looks, len(day) - warm - TURNS):
        policy.insert(look, protect)
        assert policy.nbytes() <= budget_bytes
    grown = resident_bytes() / resident
    start.load(state)
    end.load(policy.state())
    start_ms, end_ms = by_turns(start, end, looks)
    sys.stdout.write(
        f"\n{name}: {len(day)} looks of {hours:.1f} h, tokens of {features.source}\n{policy.nbytes()} of {budget_bytes} bytes; "
        f"an insert takes {start_ms:.3f} ms at the start, {end_ms:.3f} ms at the end, {end_ms / start_ms:.2f} times; "
        f"resident memory {grown:.4f} times\n"
    )
    assert end_ms / start_ms <= LATE_MUST
    assert grown <= RESIDENT_MUST


@pytest.fixture
def real_or_made(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real cache, if it holds tokens of real frames: nothing is encoded here, and nothing written there."""
    if (REAL_CACHE / KEPT).is_file():
        monkeypatch.setenv("EDGE_RUNTIME_CACHE", str(REAL_CACHE))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PRODUCT))
def test_a_quarter_of_an_hour_of_tokens(name: str, real_or_made: None) -> None:
    live(name, 1 / 60)


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PRODUCT))
def test_a_day_of_tokens(name: str, real_or_made: None) -> None:
    live(name, 1.0)
