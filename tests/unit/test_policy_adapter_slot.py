"""Video2LoRA's slot: taken up, joined, given back without a trace."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.errors import UsageError
from edge_runtime.remember.policies.published.adapter_slot import Adapter, AdapterSlot, LinearSlot, Matrix, joined

INPUTS, OUTPUTS = 24, 16


def numbers(*shape: int, seed: int = 0) -> Matrix:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def adapter(rank: int, seed: int) -> Adapter:
    return Adapter(numbers(rank, INPUTS, seed=seed), numbers(OUTPUTS, rank, seed=seed + 100))


def test_lo1_the_base_answers_to_the_bit_after_a_thousand_swaps() -> None:
    layer, x = LinearSlot(numbers(OUTPUTS, INPUTS)), numbers(5, INPUTS, seed=1)
    slot: AdapterSlot = layer
    base = layer.answer(x).tobytes()
    for seed in range(1000):
        slot.attach(adapter(4, seed))
        assert layer.answer(x).tobytes() != base
    slot.detach()
    slot.detach()
    assert layer.answer(x).tobytes() == base


def test_an_adapter_takes_the_place_of_the_one_before() -> None:
    layer, x = LinearSlot(numbers(OUTPUTS, INPUTS)), numbers(5, INPUTS, seed=1)
    layer.attach(adapter(4, 1))
    alone = layer.answer(x)
    layer.attach(adapter(2, 2))
    layer.attach(adapter(4, 1))
    assert np.array_equal(layer.answer(x), alone)


def test_joined_adapters_add_what_each_adds() -> None:
    layer, x = LinearSlot(numbers(OUTPUTS, INPUTS)), numbers(5, INPUTS, seed=1)
    base, parts = layer.answer(x), [adapter(4, 1), adapter(2, 2), adapter(8, 3)]
    added = np.zeros_like(base)
    for part in parts:
        layer.attach(part)
        added += layer.answer(x) - base
    layer.attach(joined(parts))
    assert joined(parts).rank == 14 and joined(parts).nbytes == sum(part.nbytes for part in parts)
    assert np.allclose(layer.answer(x) - base, added, atol=1e-3)


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    layer, x = LinearSlot(numbers(OUTPUTS, INPUTS)), numbers(5, INPUTS, seed=1)
    base = layer.answer(x)
    with pytest.raises(UsageError, match="does not fit a layer"):
        layer.attach(Adapter(numbers(4, 3), numbers(2, 4)))
    assert np.array_equal(layer.answer(x), base)
    with pytest.raises(UsageError, match=r"an adapter of \(4, 24\) and \(16, 5\)"):
        Adapter(numbers(4, INPUTS), numbers(OUTPUTS, 5))
    for parts in ([], [adapter(4, 1), Adapter(numbers(4, 3), numbers(2, 4))]):
        with pytest.raises(UsageError, match="joined for one layer"):
            joined(parts)
