"""The token window: newest whole looks, first in first out."""

from __future__ import annotations

import numpy as np

from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped
from edge_runtime.remember.policies import MemoryPolicy
from edge_runtime.remember.policies.recent_window import RecentWindow
from edge_runtime.types import WHOLE, LookedRegion, Tokens

DIM = 8
ROOM = 2 * 3 * DIM * 2 + 700  # one look of 2 x 3 tokens


def look(seq: int, *, dim: int = DIM, hw: tuple[int, int] = (2, 3), empty: bool = False) -> Looked:
    emb = None if empty else np.full((hw[0] * hw[1], dim), seq, np.float16)
    return Looked(
        t_ns=seq, answers=1, frame_seq=seq, t_capture_ns=seq, regions=(LookedRegion("overview", WHOLE, tokens=Tokens(hw, dim, emb)),)
    )


def window(looks: float) -> MemoryPolicy:
    return RecentWindow(int(looks * ROOM))


def test_the_oldest_look_goes_whole_and_is_counted() -> None:
    policy = window(2.5)
    assert [policy.insert(look(seq), ()) for seq in (1, 2, 3)] == [(), (), (Dropped("token", "budget", 6),)]
    slab = policy.view(100)
    assert slab.t_ns.tolist() == [2] * 6 + [3] * 6
    assert policy.nbytes() == 2 * ROOM


def test_a_view_is_the_newest_whole_looks_in_order_of_time() -> None:
    policy = window(10)
    for seq in (1, 2, 3):
        policy.insert(look(seq), ())
    slab = policy.view(17)
    assert slab.emb.dtype == np.float16 and slab.emb[:, 0].tolist() == [2.0] * 6 + [3.0] * 6
    assert slab.pos[:6].tolist() == [[2, 0, 0], [2, 0, 1], [2, 0, 2], [2, 1, 0], [2, 1, 1], [2, 1, 2]]
    assert slab.weight.tolist() == [1.0] * 12


def test_an_empty_memory_has_an_empty_view() -> None:
    slab = window(1).view(100)
    assert slab.emb.shape == (0, 0) and slab.pos.shape == (0, 3) and slab.t_ns.shape == (0,)


def test_a_look_larger_than_the_window_leaves_nothing() -> None:
    policy = window(0.5)
    assert policy.insert(look(1), ()) == (Dropped("token", "budget", 6),)
    assert policy.nbytes() == 0


def test_tokens_that_are_not_what_they_say_are_refused() -> None:
    policy = window(5)
    tokens = Tokens((4, 4), DIM, np.zeros((2, DIM), np.float16))
    wrong = Looked(t_ns=1, answers=1, frame_seq=1, t_capture_ns=1, regions=(LookedRegion("foveal", WHOLE, tokens=tokens),))
    assert policy.insert(wrong, ()) == (Dropped("token", "shape", 16),)


def test_tokens_without_numbers_count_and_are_not_shown() -> None:
    policy = window(5)
    policy.insert(look(1, empty=True), ())
    policy.insert(look(2), ())
    assert policy.nbytes() == 2 * ROOM
    assert policy.view(100).t_ns.tolist() == [2] * 6


def test_tokens_of_another_model_are_not_mixed_in() -> None:
    policy = window(9)
    policy.insert(look(1, dim=4), ())
    policy.insert(look(2), ())
    assert policy.view(100).emb.shape == (6, DIM)


def test_forgetting_takes_what_was_captured_within_the_spans() -> None:
    policy = window(9)
    for seq in range(1, 7):
        policy.insert(look(seq), ())
    assert policy.forget(((2, 3), (6, 9))) == (Dropped("token", "forgotten", 18),)
    assert sorted(set(policy.view(100).t_ns.tolist())) == [1, 4, 5]
    assert policy.forget(((2, 3),)) == ()


def test_a_state_keeps_sizes_and_leaves_the_numbers_out() -> None:
    policy, other = window(2.5), window(2.5)
    for seq in (1, 2, 3):
        policy.insert(look(seq), ())
    data = policy.state()
    other.load(data)
    assert other.nbytes() == policy.nbytes() and len(data) < 200
    assert other.insert(look(4), ()) == policy.insert(look(4), ())
    assert other.view(100).t_ns.tolist() == [4] * 6
