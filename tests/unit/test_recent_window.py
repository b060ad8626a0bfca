"""The token window: newest whole looks, first in first out."""

from __future__ import annotations

import numpy as np

from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.recent_window import RecentWindow
from edge_runtime.types import WHOLE, LookedRegion, Tokens
from tests.token_looks import look, region, same

DIM = 8
HW = (2, 3)


def shot(seq: int, dim: int = DIM) -> Looked:
    return look(seq, region(np.full((6, dim), seq + 1.0), HW), t_ns=seq)


ROOM = slabs.SLAB_BYTES + 6 * (2 * DIM + 36)  # one look of 2 x 3 tokens


def window(looks: float) -> RecentWindow:
    return RecentWindow(int(looks * ROOM))


def test_the_oldest_look_goes_whole_and_is_counted() -> None:
    policy = window(2.5)
    assert [policy.insert(shot(seq)) for seq in (1, 2, 3)] == [(), (), (Dropped("token", "budget", 6),)]
    assert policy.view(100).t_ns.tolist() == [2] * 6 + [3] * 6
    assert policy.nbytes() == 2 * ROOM


def test_a_view_is_the_newest_whole_looks_in_order_of_time_whatever_is_asked() -> None:
    policy = window(10)
    for seq in (1, 2, 3):
        policy.insert(shot(seq))
    slab = policy.view(17)
    assert slab.emb.dtype == np.float16 and slab.emb[:, 0].tolist() == [3.0] * 6 + [4.0] * 6
    assert slab.pos[:6].tolist() == [[2, 0, 0], [2, 0, 1], [2, 0, 2], [2, 1, 0], [2, 1, 1], [2, 1, 2]]
    assert slab.weight.tolist() == [1.0] * 12 and slab.t_end_ns.tolist() == slab.t_ns.tolist()
    assert same(policy.view(17, RetrievalCue(tokens=np.ones((1, DIM), np.float16))), slab)


def test_an_empty_memory_has_an_empty_view() -> None:
    slab = window(1).view(100)
    assert slab.emb.shape == (0, 0) and slab.pos.shape == (0, 3) and slab.t_ns.shape == (0,)


def test_a_look_larger_than_the_window_leaves_nothing() -> None:
    policy = window(0.5)
    assert policy.insert(shot(1)) == (Dropped("token", "budget", 6),)
    assert policy.nbytes() == 0


def test_tokens_that_are_not_what_they_say_are_refused() -> None:
    policy = window(5)
    tokens = Tokens((4, 4), DIM, np.zeros((2, DIM), np.float16))
    assert policy.insert(look(1, LookedRegion("foveal", WHOLE, tokens=tokens))) == (Dropped("token", "shape", 16),)


def test_tokens_without_numbers_are_counted_as_absent() -> None:
    policy = window(5)
    assert policy.insert(look(1, LookedRegion("overview", WHOLE, tokens=Tokens(HW, DIM)))) == (Dropped("token", "absent", 6),)
    assert policy.nbytes() == 0


def test_tokens_of_another_model_are_not_mixed_in() -> None:
    policy = window(9)
    policy.insert(shot(1))
    assert policy.insert(shot(2, dim=4)) == (Dropped("token", "shape", 6),)
    assert policy.view(100).emb.shape == (6, DIM)


def test_forgetting_takes_what_was_captured_within_the_spans() -> None:
    policy = window(9)
    for seq in range(1, 7):
        policy.insert(shot(seq))
    assert policy.forget(((2, 3), (6, 9))) == (Dropped("token", "forgotten", 18),)
    assert sorted(set(policy.view(100).t_ns.tolist())) == [1, 4, 5]
    assert policy.forget(((2, 3),)) == ()


def test_one_that_takes_up_a_state_goes_on_alike() -> None:
    policy, other = window(2.5), window(2.5)
    for seq in (1, 2, 3):
        policy.insert(shot(seq))
    other.load(policy.state())
    assert other.nbytes() == policy.nbytes()
    assert other.insert(shot(4)) == policy.insert(shot(4))
    assert same(other.view(100), policy.view(100))
