"""LongVLM: segments of ten frames, thirty tokens each, and a lead."""

from __future__ import annotations

import numpy as np

from edge_runtime.protocol import Looked
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.frames import unit_rows
from edge_runtime.remember.policies.published.token_merge import TokenMerge
from tests.token_looks import EVERYTHING, insert_all, look, region

HW, DIM = (8, 8), 64


def walk(count: int, seed: int = 0) -> list[Looked]:
    """Frames of 64 tokens made of 20 parts, in another order in each."""
    rng = np.random.default_rng(seed)
    parts = rng.normal(size=(20, DIM))
    return [look(seq, region(parts[rng.permutation(64) % 20] + 0.1 * rng.normal(size=(64, DIM)), HW), t_ns=seq) for seq in range(count)]


def test_tm1_a_segment_is_merged_and_loses_no_part() -> None:
    policy, looks = TokenMerge(2**20), walk(10)
    insert_all(policy, looks)
    shown = policy.view(EVERYTHING)
    assert len(shown.t_ns) == 31 and slabs.source_tokens(shown) == 640
    parts = np.random.default_rng(0).normal(size=(20, DIM))
    assert (unit_rows(parts) @ unit_rows(shown.emb).T).max(axis=1).min() >= 0.95


def test_a_segment_under_way_is_shown_as_if_it_had_ended() -> None:
    policy = TokenMerge(2**20)
    insert_all(policy, walk(14))
    shown = policy.view(EVERYTHING)
    assert len(shown.t_ns) == 2 * 31 and slabs.source_tokens(shown) == 14 * 64
    assert shown.t_ns.min() == 0 and shown.t_end_ns.max() == 13


def test_the_leads_come_first_and_weigh_a_token_a_frame() -> None:
    policy = TokenMerge(2**20)
    insert_all(policy, walk(30))
    leads = policy.view(3)
    assert leads.weight.tolist() == [10, 10, 10] and leads.t_ns.tolist() == [0, 10, 20] and leads.t_end_ns.tolist() == [9, 19, 29]


def test_room_is_shared_among_the_segments() -> None:
    policy = TokenMerge(2**20)
    insert_all(policy, walk(30))
    shown = policy.view(33)
    assert [int(((shown.t_ns >= start) & (shown.t_ns < start + 10)).sum()) for start in (0, 10, 20)] == [11, 11, 11]


def test_segments_stay_about_equally_long() -> None:
    policy = TokenMerge(2**20, segments=4, frames=2, tokens=6)
    insert_all(policy, walk(64))
    leads = policy.view(4)
    assert leads.weight.sum() == 64 and leads.weight.max() <= 32
    assert (leads.t_end_ns[:-1] < leads.t_ns[1:]).all()


def test_few_bytes_end_a_segment_early() -> None:
    policy = TokenMerge(40_000)
    insert_all(policy, walk(9))
    shown = policy.view(EVERYTHING)
    assert slabs.source_tokens(shown) == 9 * 64 and policy.nbytes() <= 40_000
