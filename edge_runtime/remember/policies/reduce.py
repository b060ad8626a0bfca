"""Fewer tokens out of many: merge, pool, cluster, share out, join.

Everything here is a pure function, deterministic for its arguments; what is random takes the generator it draws from. Merging adds
weights, so that what a token stands for is never lost.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_runtime.records import Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.frames import TokenFrame, unit_rows
from edge_runtime.remember.policies.matching import otsu

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def merge(slab: Slab, assign: Ints, k: int) -> Slab:
    """Make one token of each cluster: the weighted mean of its members.

    Weights add up. The position is that of the heaviest member, of the earliest where several weigh the same; the time runs from the
    earliest member to the latest; the salience is the largest.

    Args:
        slab: ``N`` tokens.
        assign: int64 [N], the cluster of each, ``0..k-1``.
        k: How many clusters.

    Returns:
        ``k`` tokens in order of the clusters.

    Raises:
        ValueError: A cluster has no member.
    """
    if not k and not len(assign):
        return slab
    order = np.lexsort((-slab.weight, assign))
    starts = _starts(assign[order])
    if len(starts) != k:
        raise ValueError(f"{k} clusters want a member each, {len(starts)} have one")
    weight, emb = _means(slab.weight[order], slab.emb[order].astype(np.float32), starts)
    return Slab(
        emb=emb.astype(np.float16),
        pos=slab.pos[order[starts]],
        t_ns=np.minimum.reduceat(slab.t_ns[order], starts),
        t_end_ns=np.maximum.reduceat(slab.t_end_ns[order], starts),
        weight=weight,
        salience=np.maximum.reduceat(slab.salience[order], starts),
    )


def pool(frame: TokenFrame, hw: tuple[int, int]) -> Slab:
    """The tokens of a frame averaged over a coarser grid ``hw``; an axis that is no finer than asked stays as it is."""
    (rows, columns), (most_rows, most_columns) = frame.hw, (min(frame.hw[0], hw[0]), min(frame.hw[1], hw[1]))
    row = np.arange(rows) * most_rows // rows
    column = np.arange(columns) * most_columns // columns
    cells = (row[:, None] * most_columns + column).ravel()
    return merge(slabs.of_frame(frame), cells, most_rows * most_columns)


def nearest_adjacent(unit: Floats) -> int:
    """The older of the two most similar neighbours in time: VideoScan's choice of what makes room.

    Args:
        unit: float32 [M,D] of unit norm in order of time, ``M >= 2``; of equally similar pairs the oldest counts.
    """
    return int(np.einsum("md,md->m", unit[:-1], unit[1:]).argmax())


def merge_similar(slab: Slab, k: int, rng: np.random.Generator) -> Slab:
    """Merge the most similar tokens until ``k`` are left: token merging (ToMe, ICLR 2023) on the tokens themselves.

    In each round the tokens are dealt into two halves; each of the first finds its most similar one in the second, and the most similar
    pairs merge by their weights. Published schedules deal in turn and merge all of the first half, which also pairs what has no like
    in the other half. Here the deal is drawn, and a round takes a quarter of the tokens, an eighth towards the end.

    Args:
        slab: ``N`` tokens.
        k: At least 1.
        rng: Seeded; deals the halves.

    Returns:
        ``min(k, N)`` tokens in the order of their first members. Summed in float32 and rounded once.
    """
    count = len(slab.weight)
    if count <= k:
        return slab
    assign = np.arange(count)
    rows, weight = slab.emb.astype(np.float32), slab.weight
    while count > k:
        unit = unit_rows(rows)
        dealt = rng.permutation(count)
        sources, targets = dealt[0::2], dealt[1::2]
        likeness = unit[sources] @ unit[targets].T
        most = min(count - k, max(1, count // (4 if count > 4 * k else 8)), len(targets))
        first = np.argsort(-likeness.max(axis=1), kind="stable")[:most]
        into = np.arange(count)
        into[sources[first]] = targets[likeness[first].argmax(axis=1)]
        into = _by_first(into)
        order = np.argsort(into, kind="stable")
        weight, rows = _means(weight[order], rows[order], _starts(into[order]))
        assign, count = into[assign], len(weight)
    return merge(slab, _by_first(assign), count)


def ordered_kmeans(points: Floats, weight: Floats, t_ns: Ints, k: int, rng: np.random.Generator, rounds: int = 10) -> Ints:
    """Cluster weighted points; the clusters are numbered by the mean time of their members (Flash-VStream, ICCV 2025).

    Seeds are drawn as greedy k-means++ does, by weight and squared distance. A cluster left empty takes the point that lies farthest from
    its centre. Centres are mixtures of the points, so that all distances come from one product of the points with themselves.

    Args:
        points: float32 [N,F].
        weight: float32 [N], above 0.
        t_ns: int64 [N], nanoseconds.
        k: How many clusters, at least 1; with ``N <= k`` each point is its own.
        rng: Seeded.
        rounds: The most improvements; it ends sooner when nothing moves.

    Returns:
        int64 [N]: cluster of each point, ``0..min(k,N)-1``, none empty.
    """
    count = len(points)
    if count <= k:
        return np.argsort(np.argsort(t_ns, kind="stable"))
    gram = (points @ points.T).astype(np.float64)
    mass = weight.astype(np.float64)
    mixture = np.zeros((k, count))
    mixture[np.arange(k), _seeds(gram, mass, k, rng)] = 1.0
    assign = np.full(count, -1)
    for _ in range(rounds):
        cross = mixture @ gram
        apart = gram.diagonal() - 2.0 * cross + np.einsum("kn,kn->k", cross, mixture)[:, None]
        nearest = _none_empty(apart.argmin(axis=0), apart)
        if (nearest == assign).all():
            break
        assign = nearest
        mixture = (assign == np.arange(k)[:, None]) * mass
        mixture /= mixture.sum(axis=1, keepdims=True)
    middle = mixture @ (t_ns - t_ns.min()).astype(np.float64)
    ordered: Ints = np.argsort(np.argsort(middle, kind="stable"))[assign]
    return ordered


def quadrant_quota(score: Floats, pos: npt.NDArray[np.int32], hw: tuple[int, int], k: int) -> Ints:
    """Choose the ``k`` best so that each quarter of the picture has its part: a quarter of ``k`` from each, the rest from anywhere.

    Args:
        score: float32 [N], larger is better; of equal ones the first.
        pos: int32 [N,3], frame, row, column.
        hw: The grid the rows and columns are of.
        k: How many.

    Returns:
        int64 [min(k,N)], ascending.
    """
    best = np.argsort(-score, kind="stable")
    quarter = (2 * pos[best, 1] >= hw[0]) * 2 + (2 * pos[best, 2] >= hw[1])
    rank = np.empty(len(best), dtype=np.int64)
    for each in range(4):
        rank[quarter == each] = np.arange(np.count_nonzero(quarter == each))
    late = rank >= k // 4
    return np.sort(best[np.argsort(late, kind="stable")][:k])


def components(unit: Floats, pos: npt.NDArray[np.int32]) -> Ints:
    """Group tokens of one frame that touch and are alike: joined components of the graph of eight neighbours.

    Two neighbours are joined where their cosine distance is not above Otsu's threshold over all neighbours.

    Args:
        unit: float32 [N,D] of unit norm.
        pos: int32 [N,3], frame, row, column; of one frame, each place at most once, gaps allowed.

    Returns:
        int64 [N], component of each, numbered in the order of their first members.
    """
    a, b = _neighbours(pos)
    label = np.arange(len(unit))
    if not len(a):
        return label
    distance = 1.0 - np.einsum("ed,ed->e", unit[a], unit[b])
    joined = distance <= otsu(distance.astype(np.float32), 0.0, 2.0)
    a, b = a[joined], b[joined]
    while True:  # each round the least number wins along an edge, then along the way it has come
        least = np.minimum(label[a], label[b])
        lower = label.copy()
        np.minimum.at(lower, label[a], least)
        np.minimum.at(lower, label[b], least)
        lower = lower[lower[label]]
        if (lower == label).all():
            return _by_first(label)
        label = lower


def _neighbours(pos: npt.NDArray[np.int32]) -> tuple[Ints, Ints]:
    """The tokens at both ends of each edge between cells that touch, each edge once."""
    if not len(pos):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    rows, columns = int(pos[:, 1].max()) + 1, int(pos[:, 2].max()) + 1
    grid = np.full((rows + 1, columns + 2), -1)  # a rim, so that no shift leaves the grid
    grid[pos[:, 1], pos[:, 2] + 1] = np.arange(len(pos))
    here = grid[:rows, 1 : columns + 1]
    there = [grid[down : down + rows, 1 + across : 1 + across + columns] for down, across in ((0, 1), (1, -1), (1, 0), (1, 1))]
    a = np.concatenate([here[(here >= 0) & (other >= 0)] for other in there])
    b = np.concatenate([other[(here >= 0) & (other >= 0)] for other in there])
    return a, b


def _seeds(gram: npt.NDArray[np.float64], mass: npt.NDArray[np.float64], k: int, rng: np.random.Generator) -> Ints:
    """The first centres: of a few points drawn by weight times squared distance to those before, the one that leaves the least error.

    A single draw now and then leaves out a heavy point that is like no other, and what is clustered again and again never gets it back.
    """
    square = gram.diagonal()
    draws = 2 + int(np.log(k))
    chance = rng.exponential(size=(k, len(mass)))  # the largest of odds / chance are a draw by the odds
    left = mass.copy()
    apart = np.full(len(mass), np.inf)
    chosen = np.empty(k, dtype=np.int64)
    for at in range(k):
        odds = left * apart if at else left
        if not odds.any():  # only doubles are left
            odds = left
        drawn = np.argsort(-odds / chance[at], kind="stable")[:draws]
        reach = np.minimum(apart, np.maximum(square + square[drawn, None] - 2.0 * gram[drawn], 0.0))
        best = int((reach @ mass).argmin())
        chosen[at], apart = drawn[best], reach[best]
        left[chosen[at]] = 0.0
    return chosen


def _none_empty(assign: Ints, apart: npt.NDArray[np.float64]) -> Ints:
    """Give each empty cluster the point farthest from its own centre that does not leave another empty."""
    members = np.bincount(assign, minlength=len(apart))
    for empty in np.flatnonzero(members == 0):
        own = np.where(members[assign] > 1, apart[assign, np.arange(len(assign))], -np.inf)
        moved = int(own.argmax())
        members[assign[moved]] -= 1
        assign[moved], members[empty] = empty, 1
    return assign


def _starts(ordered: Ints) -> Ints:
    """Where each run of equal numbers begins."""
    return np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))


def _means(weight: Floats, rows: Floats, starts: Ints) -> tuple[Floats, Floats]:
    """Weight and weighted mean of each run of rows."""
    total = np.add.reduceat(weight, starts)
    runs = np.diff(starts, append=len(weight))
    part = weight / np.repeat(total, runs)
    return total, np.add.reduceat(rows * part[:, None], starts, axis=0)


def _by_first(assign: Ints) -> Ints:
    """The same clusters, numbered in the order of their first members."""
    _, first, label = np.unique(assign, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[label]
