"""Slabs that are each found by a vector."""

from __future__ import annotations

import numpy as np

from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.frames import frames_of
from edge_runtime.remember.policies.keyed import KeyedShelf
from edge_runtime.types import Vector
from tests.token_looks import look, region


def frame(seq: int, value: float = 1.0) -> tuple[Slab, Vector]:
    """A slab of two tokens and its key, one nanosecond after the one before."""
    (made,), _ = frames_of(look(seq, region(np.full((2, 4), value), (1, 2)), t_ns=seq), ())
    return slabs.of_frame(made), made.vector


def shelf(count: int) -> KeyedShelf:
    kept = KeyedShelf()
    for seq in range(count):
        kept.append(*frame(seq, 1.0 if seq % 2 else -1.0))
    return kept


def test_bytes_are_those_of_slabs_and_keys_and_go_with_them() -> None:
    kept, empty = shelf(3), KeyedShelf()
    one = shelf(1).nbytes
    assert (kept.nbytes, empty.nbytes) == (3 * one, 0)
    assert kept.pop().t_ns.tolist() == [0, 0]
    assert kept.nbytes == 2 * one and kept.t_ns().tolist() == [1, 2]


def test_forgetting_takes_slabs_with_their_keys() -> None:
    kept = shelf(5)
    assert kept.forget(((1, 2), (4, 9))) == (Dropped("token", "forgotten", 6),)
    assert kept.t_ns().tolist() == [0, 3] and kept.nbytes == shelf(2).nbytes
    numbers, rows, asked = kept.compared(RetrievalCue(vector=np.full(4, 0.5, np.float32)))
    assert numbers.tolist() == [0, 1] and (rows @ asked).round(5).tolist() == [-1.0, 1.0]
    assert kept.forget(((1, 2),)) == ()


def test_a_vector_is_compared_with_the_keys_of_its_length() -> None:
    kept = shelf(2)
    slab, _ = frame(2)
    kept.append(slab, np.ones(7, np.float32))
    numbers, rows, asked = kept.compared(RetrievalCue(vector=np.full(7, 3.0, np.float32)))
    assert numbers.tolist() == [2] and np.allclose(rows @ asked, 1.0)
    assert len(kept.compared(RetrievalCue(vector=np.ones(9, np.float32)))[0]) == 0


def test_tokens_are_compared_with_the_mean_token_and_nothing_with_nothing() -> None:
    kept = shelf(2)
    numbers, rows, asked = kept.compared(RetrievalCue(tokens=np.ones((3, 4), np.float16)))
    assert numbers.tolist() == [0, 1] and (rows @ asked).round(5).tolist() == [-1.0, 1.0]
    for cue in (RetrievalCue(), RetrievalCue(tokens=np.ones((0, 4), np.float16))):
        assert [len(part) for part in kept.compared(cue)] == [0, 0, 0]


def test_a_state_comes_back() -> None:
    kept = shelf(3)
    again = KeyedShelf(kept.state())
    assert again.nbytes == kept.nbytes and len(again) == 3 and again.dim == 4 and [slab.t_ns[0] for slab in again] == [0, 1, 2]
