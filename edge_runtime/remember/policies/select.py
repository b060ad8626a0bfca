"""Which of what is kept fits a question: scores set right for time, counts, and choices that leave no stretch of time out.

Scores are float [N], higher is better; one that is not a number counts as the worst. Every choice comes back as int64 numbers in order,
so that what was in order of time stays so. Of equal scores the later wins: what is newest is asked about most.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import UsageError
from edge_runtime.records import Note
from edge_runtime.remember.words import fold

Floats = npt.NDArray[np.float32]
Times = npt.NDArray[np.int64]
Chosen = npt.NDArray[np.int64]

_FINEST_NS = 10_000_000_000
_BLOCKS = 16
_BLOCK_LEAST = 8
_BLOCKS_LEAST = 4


def detrended(score: Floats, t_ns: Times) -> Floats:
    """Take a steady rise or fall over time out of scores; their level in the middle of the time stays.

    Similarity to a question grows along a stream for reasons that have nothing to do with the question, which favours late frames. The
    trend is the median slope between the medians of up to 16 blocks (Theil-Sen), so a few frames that fit very well do not bend it,
    wherever they lie. Under 32 scores content and trend cannot be told apart, and nothing is changed.

    Args:
        score: float [N], in order of time; not a number counts as the worst.
        t_ns: int64 [N], non-decreasing.

    Returns:
        float32 [N].
    """
    plain = _sound(score)
    blocks = min(_BLOCKS, len(plain) // _BLOCK_LEAST)
    if blocks < _BLOCKS_LEAST:
        return plain
    t_s = (t_ns - t_ns[0]) / 1e9
    level = np.array([np.median(part) for part in np.array_split(plain, blocks)])
    middle_s = np.array([np.median(part) for part in np.array_split(t_s, blocks)])
    first, second = np.triu_indices(blocks, k=1)
    apart_s = middle_s[second] - middle_s[first]
    with np.errstate(invalid="ignore"):  # between two blocks of the worst there is no rise
        rise = level[second] - level[first]
    measured = (apart_s > 0.0) & np.isfinite(rise)
    if not measured.any():
        return plain
    slope_per_s = float(np.median(rise[measured] / apart_s[measured]))
    flat: Floats = (plain - slope_per_s * (t_s - t_s[-1] / 2)).astype(np.float32)
    return flat


def best_in_time(score: Floats, k: int) -> Chosen:
    """The numbers of the ``k`` highest scores, or of all if there are fewer, int64 in ascending order."""
    return np.sort(ranked(score)[: max(0, k)])


def ranked(score: Floats) -> Chosen:
    """All numbers, best score first; of equals the later first."""
    return (len(score) - 1 - np.argsort(-_sound(score)[::-1], kind="stable")).astype(np.int64)


def adaptive_count(score: Floats, k: int = 10, *, floor: float = 0.9, even: float = 0.05, uneven: float = 0.3) -> int:
    """How many of the best to take: all where scores are even, ``k`` where they differ much, in between in proportion.

    After SAVEMem (2026), with its constants. Its floor of nine tenths stands over ``k`` and leaves at most a tenth out; 0 lifts it.

    Args:
        score: float [N].
        k: How many where scores differ much.
        floor: At least this share of all.
        even: Coefficient of variation up to which all are taken.
        uneven: From which on only ``k`` are.
    """
    values = _sound(score)
    values = values[np.isfinite(values)]
    if not len(values):
        return len(score)
    mean = abs(float(values.mean(dtype=np.float64)))
    spread = float(values.std(dtype=np.float64))
    variation = spread / mean if mean > 0.0 else (math.inf if spread > 0.0 else 0.0)
    share = min(1.0, max(0.0, (variation - even) / (uneven - even)))
    wanted = round(len(score) + share * (k - len(score)))
    return min(len(score), max(wanted, math.ceil(floor * len(score))))


def page_means(unit: Floats, page: int) -> Floats:
    """The mean of every ``page`` rows [N,D], float32 [ceil(N / page), D]; the last page may be shorter."""
    starts = np.arange(0, len(unit), page)
    if not len(starts):
        return np.zeros((0, unit.shape[1]), dtype=np.float32)
    sums = np.add.reduceat(unit.astype(np.float32, copy=False), starts, axis=0)
    return (sums / np.diff(np.append(starts, len(unit)))[:, None]).astype(np.float32)


def covering(score: Floats, t_ns: Times, count: int, buckets: int, share: float = 0.5) -> Chosen:
    """Choose by score first, then so that no stretch of time is left out.

    The first ``share`` of the choice are the best of all. The rest are the best whose stretch of time still has room for ``count /
    buckets``; if that leaves places open, the best of what remains. After the sink bucketing of LiveVLM (DAC 2026).

    Args:
        score: float [N].
        t_ns: int64 [N].
        count: How many to choose; all if there are fewer.
        buckets: Into how many stretches of equal length the time is cut.
        share: Of ``count`` chosen by score alone, 0..1.

    Returns:
        int64, in ascending order.

    Raises:
        UsageError: ``buckets`` is not positive.
    """
    if buckets < 1:
        raise UsageError(f"time cannot be cut into {buckets} stretches", hint="give at least 1 bucket")
    count = min(max(0, count), len(score))
    order = ranked(score)
    best, rest = np.split(order, [round(share * count)])
    bucket = _bucket_of(t_ns, buckets)
    # Where in its bucket each of the rest comes, counting those the bucket holds already.
    grouped = np.argsort(bucket[rest], kind="stable")
    of_group = bucket[rest][grouped]
    starts = np.searchsorted(of_group, of_group, side="left")
    place = np.empty(len(rest), dtype=np.int64)
    place[grouped] = np.arange(len(rest)) - starts
    place += np.bincount(bucket[best], minlength=buckets)[bucket[rest]]
    roomy = place < max(1, count // buckets)
    return np.sort(np.concatenate([best, rest[roomy], rest[~roomy]])[:count])


def lasting(score: Floats, t_ns: Times, bins: int, of_each: int) -> Chosen:
    """Choose the best of each bin of time, so that the choice lasts: what comes later changes it in its last bin alone.

    Bins have edges that never move, at multiples of 10 s times a power of two. Only when more bins than allowed would be needed are they
    made twice as wide, so the older all is, the longer that takes.

    Args:
        score: float [N].
        t_ns: int64 [N].
        bins: How many at most.
        of_each: How many of each bin at most.

    Returns:
        int64, in ascending order.
    """
    if not len(t_ns):
        return np.empty(0, np.int64)
    width_ns, first_ns, last_ns = _FINEST_NS, int(t_ns.min()), int(t_ns.max())
    while last_ns // width_ns - first_ns // width_ns >= bins:
        width_ns *= 2
    order = ranked(score)
    order = order[np.argsort(t_ns[order] // width_ns, kind="stable")]
    bin_of = t_ns[order] // width_ns
    place = np.arange(len(order)) - np.searchsorted(bin_of, bin_of)
    return np.sort(order[place < of_each])


def late_interaction(query: Floats, unit: Floats, bounds: Chosen) -> Floats:
    """How well each run of tokens fits a question: the mean over its tokens of the best cosine to any token of the question.

    Args:
        query: Unit rows float32 [L,D].
        unit: Unit rows float32 [N,D].
        bounds: int64 [U+1], non-decreasing: run ``u`` is the rows from ``bounds[u]`` up to ``bounds[u + 1]``.

    Returns:
        float32 [U]; 0 for a run without tokens, and where the question has none.
    """
    starts, sizes = bounds[:-1], np.diff(bounds)
    scores = np.zeros(len(starts), dtype=np.float32)
    filled = sizes > 0
    if len(query) and filled.any():
        best = (unit[: bounds[-1]] @ query.T).max(axis=1)
        scores[filled] = np.add.reduceat(best, starts[filled]) / sizes[filled]
    return scores


def shared_words(question: str, texts: Sequence[str]) -> Floats:
    """How well texts fit a question by the words they share, the rare ones most: BM25 (k1 1.2, b 0.75) over folded words.

    Returns:
        float32 [N]; 0 for a text that shares none.
    """
    bags = [Counter(fold(text).split()) for text in texts]
    lengths = np.array([bag.total() for bag in bags], dtype=np.float64)
    norms = 1.2 * (0.25 + 0.75 * lengths / max(1.0, lengths.mean() if len(bags) else 1.0))
    scores = np.zeros(len(bags))
    for word in sorted(set(fold(question).split())):
        often = np.array([bag[word] for bag in bags], dtype=np.float64)
        holding = int((often > 0).sum())
        scores += math.log1p((len(bags) - holding + 0.5) / (holding + 0.5)) * often * 2.2 / (often + norms)
    return scores.astype(np.float32)


def note_tokens(note: Note) -> int:
    """How many tokens a note counts as: one for every four characters, begun ones too."""
    return -(-len(note.text) // 4)


def _sound(score: Floats) -> Floats:
    """A copy as float32 in which what is not a number is the worst."""
    values = np.array(score, dtype=np.float32)
    values[np.isnan(values)] = -np.inf
    return values


def _bucket_of(t_ns: Times, buckets: int) -> Chosen:
    """Into which stretch of equal length each time falls, int64 [N] in 0..buckets-1."""
    if not len(t_ns):
        return np.zeros(0, dtype=np.int64)
    start_ns, end_ns = int(t_ns.min()), int(t_ns.max())
    return ((t_ns - start_ns) / (end_ns - start_ns + 1) * buckets).astype(np.int64).clip(0, buckets - 1)
