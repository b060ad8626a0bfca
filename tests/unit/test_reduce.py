"""Fewer tokens out of many: nothing is lost, and what differs stays apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.records import Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.frames import TokenFrame, unit_rows
from edge_runtime.remember.policies.reduce import (
    components,
    merge,
    merge_similar,
    nearest_adjacent,
    ordered_kmeans,
    pool,
    quadrant_quota,
)
from edge_runtime.types import WHOLE


def frame(emb: npt.NDArray[np.generic], hw: tuple[int, int], seq: int = 1) -> TokenFrame:
    count, dim = emb.shape
    return TokenFrame(seq, 10 * seq, "overview", WHOLE, hw, emb.astype(np.float16), np.zeros(dim, np.float32), np.zeros(count, np.bool_))


def row_of(values: list[float], weight: list[float] | None = None) -> Slab:
    count = len(values)
    pos = np.array([[at, 0, 0] for at in range(count)], np.int32).reshape(-1, 3)
    times = np.arange(count, dtype=np.int64)
    heavy = np.ones(count, np.float32) if weight is None else np.array(weight, np.float32)
    return Slab(np.array(values, np.float16)[:, None], pos, times, times + 5, heavy, times.astype(np.float32))


def total(slab: Slab) -> npt.NDArray[np.float64]:
    weighed: npt.NDArray[np.float64] = slab.weight.astype(np.float64) @ slab.emb.astype(np.float64)
    return weighed


def test_a_merged_token_is_the_weighted_mean_and_says_what_it_stands_for() -> None:
    merged = merge(row_of([0.0, 4.0, 8.0, 1.0], weight=[1, 3, 1, 3]), np.array([1, 0, 1, 0]), 2)
    assert merged.emb[:, 0].tolist() == [2.5, 4.0]
    assert merged.weight.tolist() == [6, 2]
    assert merged.pos[:, 0].tolist() == [1, 0]  # the heaviest member, of equals the earliest
    assert merged.t_ns.tolist() == [1, 0] and merged.t_end_ns.tolist() == [8, 7]
    assert merged.salience.tolist() == [3, 2]


def test_a_cluster_without_members_is_refused() -> None:
    with pytest.raises(ValueError, match="3 clusters"):
        merge(row_of([1.0, 2.0]), np.array([0, 2]), 3)


def test_nothing_merges_into_nothing() -> None:
    assert merge(row_of([]), np.empty(0, np.int64), 0).weight.tolist() == []


def test_pooling_halves_a_grid_and_keeps_the_count() -> None:
    pooled = pool(frame(np.arange(16.0)[:, None], (4, 4)), (2, 2))
    assert pooled.emb[:, 0].tolist() == [2.5, 4.5, 10.5, 12.5]
    assert pooled.weight.tolist() == [4, 4, 4, 4]
    assert pooled.pos.tolist() == [[1, 0, 0], [1, 0, 2], [1, 2, 0], [1, 2, 2]]


def test_pooling_leaves_an_axis_that_is_coarse_already() -> None:
    pooled = pool(frame(np.arange(6.0)[:, None], (2, 3)), (8, 2))
    assert pooled.weight.tolist() == [2, 1, 2, 1]


def test_the_nearest_neighbours_in_time_are_named_by_the_older() -> None:
    unit = unit_rows(np.array([[1, 0], [0, 1], [0.1, 1], [1, 0]]))
    assert nearest_adjacent(unit) == 1
    assert nearest_adjacent(np.ones((3, 1), np.float32)) == 0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("layout", ["mixed", "in turn", "in blocks"])
def test_tm1_merging_loses_no_weight_and_no_prototype(seed: int, layout: str) -> None:
    rng = np.random.default_rng(seed)
    prototypes = rng.standard_normal((20, 256))
    in_turn = np.arange(640) % 20
    label = {"mixed": rng.permutation(in_turn), "in turn": in_turn, "in blocks": np.sort(in_turn)}[layout]
    emb = (prototypes[label] + 0.1 * rng.standard_normal((640, 256))).astype(np.float16)
    times = np.arange(640, dtype=np.int64)
    slab = Slab(emb, np.zeros((640, 3), np.int32), times, times, np.ones(640, np.float32), np.zeros(640, np.float32))
    merged = merge_similar(slab, 30, np.random.default_rng(seed))
    assert len(merged.weight) == 30 and slabs.source_tokens(merged) == 640
    mass = np.linalg.norm(emb.astype(np.float64), axis=1).sum()
    assert np.linalg.norm(total(merged) - total(slab)) <= 1e-4 * mass  # what is left is the rounding to float16
    assert (unit_rows(prototypes) @ unit_rows(merged.emb).T).max(axis=1).min() >= 0.95
    assert (np.diff(merged.t_ns) > 0).all()


@pytest.mark.parametrize("k", [1, 2, 3, 7])
def test_merging_ends_at_the_count_asked_for(k: int) -> None:
    merged = merge_similar(row_of([1.0, 0.0, 2.0, -1.0, 5.0]), k, np.random.default_rng(0))
    assert len(merged.weight) == min(k, 5) and merged.weight.sum() == 5


def test_clusters_are_numbered_in_order_of_time() -> None:
    points = np.array([[5.0], [0.0], [5.1], [0.1], [9.0]], np.float32)
    times = np.array([3, 7, 4, 9, 1], np.int64)
    for seed in range(20):
        assign = ordered_kmeans(points, np.ones(5, np.float32), times, 3, np.random.default_rng(seed))
        assert assign.tolist() == [1, 2, 1, 2, 0]


def test_few_points_are_a_cluster_each() -> None:
    assign = ordered_kmeans(np.zeros((3, 2), np.float32), np.ones(3, np.float32), np.array([5, 1, 3]), 4, np.random.default_rng(0))
    assert assign.tolist() == [2, 0, 1]


@pytest.mark.parametrize("k", [1, 3, 5])
def test_doubles_fill_every_cluster(k: int) -> None:
    assign = ordered_kmeans(np.ones((6, 2), np.float32), np.ones(6, np.float32), np.arange(6), k, np.random.default_rng(0))
    assert sorted(set(assign.tolist())) == list(range(k))


def test_a_heavy_point_holds_its_centre() -> None:
    points = np.array([[0.0], [1.0], [1.6]], np.float32)
    assign = ordered_kmeans(points, np.array([1, 100, 1], np.float32), np.arange(3), 2, np.random.default_rng(0))
    assert assign.tolist() == [0, 1, 1]


def test_each_quarter_of_the_picture_has_its_part() -> None:
    pos = np.stack([np.zeros(16), *np.indices((4, 4)).reshape(2, -1)], axis=1).astype(np.int32)
    score = np.arange(16, dtype=np.float32)
    assert quadrant_quota(score, pos, (4, 4), 6).tolist() == [5, 7, 12, 13, 14, 15]
    assert quadrant_quota(score, pos, (4, 4), 3).tolist() == [13, 14, 15]
    assert quadrant_quota(score, pos, (4, 4), 99).tolist() == list(range(16))


def test_what_touches_and_is_alike_is_one_component() -> None:
    one, two = [1.0, 0.0], [0.0, 1.0]
    picture = np.array([one, one, two, two, two, one, two, one, one])  # a diagonal joins what is alike
    pos = np.stack([np.zeros(9), *np.indices((3, 3)).reshape(2, -1)], axis=1).astype(np.int32)
    assert components(unit_rows(picture), pos).tolist() == [0, 0, 1, 1, 1, 0, 1, 0, 0]
    apart = pos[[0, 2, 6]]
    assert components(unit_rows(picture[[0, 2, 6]]), apart).tolist() == [0, 1, 2]
    assert components(np.empty((0, 2), np.float32), pos[:0]).tolist() == []
