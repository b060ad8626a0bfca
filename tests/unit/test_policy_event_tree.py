"""VideoScaffold: events as the stream has them, a tree that deepens slowly, and an anchor at each cut."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.protocol import Looked
from edge_runtime.records import RetrievalCue
from edge_runtime.remember.policies.published.event_tree import EventTree
from edge_runtime.types import Box
from tests.token_looks import EVERYTHING, insert_all, look, region

DIM, HW, WIDE, NOISE = 32, (6, 6), 24, 0.3
CAP_BYTES = 2**20


def scenes(seed: int, count: int = 20) -> tuple[list[Looked], list[int]]:
    """A slow pan over each of some wide scenes, 5 to 120 frames long, with noise on every token; and where each begins."""
    rng = np.random.default_rng(seed)
    looks: list[Looked] = []
    cuts = []
    for _ in range(count):
        cuts.append(len(looks))
        wide = rng.normal(size=DIM) + 0.7 * rng.normal(size=(HW[0], WIDE, DIM))
        for at in range(int(rng.integers(5, 121))):
            left, part = divmod(at * (WIDE - HW[1] - 1) / 120, 1.0)
            x = int(left)
            seen = (1.0 - part) * wide[:, x : x + HW[1]] + part * wide[:, x + 1 : x + 1 + HW[1]]
            looks.append(look(len(looks), region((seen + NOISE * rng.normal(size=seen.shape)).reshape(-1, DIM), HW)))
    return looks, cuts


@pytest.mark.parametrize("seed", range(3))
def test_sc1_events_are_the_scenes(seed: int) -> None:
    looks, cuts = scenes(seed)
    policy = EventTree(CAP_BYTES)
    for one in looks:
        policy.insert(one)
        assert policy.nbytes() <= CAP_BYTES
    anchors = [int(event.anchor.pos[0, 0]) for event in policy.levels[0]]
    assert 18 <= len(anchors) <= 22
    hits = sum(any(abs(cut - anchor) <= 1 for anchor in anchors) for cut in cuts)
    assert 2 * hits / (len(cuts) + len(anchors)) >= 0.9
    assert set(cuts) <= set(anchors), "the anchor is the frame after the cut"


def test_sc1_the_tree_grows_with_the_logarithm_of_the_stream() -> None:
    rng, policy = np.random.default_rng(0), EventTree(CAP_BYTES, fan=4, levels=12)
    depth = {}
    for count in range(1, 513):
        policy.insert(look(count, region(rng.normal(size=(4, DIM)), (2, 2))))
        depth[count] = sum(bool(level) for level in policy.levels)
    assert [depth[count] for count in (4, 8, 16, 32, 64, 128, 256, 512)] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_level_holds_no_more_than_its_fan_and_the_last_joins_within() -> None:
    rng, policy = np.random.default_rng(0), EventTree(CAP_BYTES, fan=4, levels=2)
    insert_all(policy, [look(seq, region(rng.normal(size=(4, DIM)), (2, 2))) for seq in range(100)])
    assert [len(level) <= 4 for level in policy.levels] == [True, True]
    assert policy.view(EVERYTHING).weight.sum() == 400


def event_of(vector: list[float], start: int, count: int = 3) -> list[Looked]:
    return [look(start + at, region(np.tile(np.array(vector), (4, 1)), (2, 2)), t_ns=start + at) for at in range(count)]


def test_an_event_is_its_anchor_in_full_and_the_others_in_a_few_tokens() -> None:
    policy = EventTree(CAP_BYTES, coarse=2)
    insert_all(policy, [*event_of([1, 0], 0), *event_of([0, 1], 3)])
    shown = policy.view(EVERYTHING)
    assert shown.t_ns.tolist() == [0] * 4 + [1] * 2 + [3] * 4 + [4] * 2
    assert shown.weight.sum() == 24 and shown.weight[:4].tolist() == [1] * 4


def test_little_room_goes_to_the_coarse_and_a_cue_chooses_the_fine() -> None:
    policy = EventTree(CAP_BYTES, coarse=1)
    insert_all(policy, [*event_of([1, 0], 0), *event_of([0, 1], 3)])
    assert policy.view(2).t_ns.tolist() == [1, 4]
    assert policy.view(6).t_ns.tolist() == [1, 3, 3, 3, 3, 4]
    cue = RetrievalCue(vector=np.array([1, 0], np.float32))
    assert policy.view(6, cue).t_ns.tolist() == [0, 0, 0, 0, 1, 4]


def test_a_foveal_look_belongs_to_the_event_under_way() -> None:
    policy = EventTree(CAP_BYTES, coarse=2)
    insert_all(policy, event_of([1, 0], 0, 1))
    policy.insert(look(1, region(np.array([[0.0, 1.0]] * 6), (2, 3), "foveal", Box(0.1, 0.1, 0.4, 0.4)), t_ns=1))
    insert_all(policy, event_of([1, 0], 2, 1))
    assert [len(level) for level in policy.levels] == [1, 0, 0]
    assert policy.view(EVERYTHING).weight.sum() == 4 + 6 + 4


def test_few_bytes_cost_anchors_before_events() -> None:
    rng = np.random.default_rng(0)
    policy = EventTree(20_000, coarse=2)
    insert_all(policy, [look(seq, region(rng.normal(size=(16, DIM)), (4, 4))) for seq in range(6)])
    whole = [event.error for event in policy.levels[0] if len(event.anchor.t_ns)]
    folded = [event.error for event in policy.levels[0] if not len(event.anchor.t_ns)]
    assert len(whole) + len(folded) == 6 and min(whole) >= max(folded)
