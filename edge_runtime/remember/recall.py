"""What a query means: one rule for what is in memory and what is in the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from edge_runtime.records import Query, Sighting
from edge_runtime.remember.likeness import cosine, exact, usable
from edge_runtime.remember.policies.select import covering, detrended
from edge_runtime.remember.words import fold, holds, needles
from edge_runtime.types import Vector

_BLOCK = 1024  # sightings scored at a time
Likeness = Literal["same", "similar", "other"]
"""How a sighting stands to something that was pointed at: surely it, perhaps it, or not it."""


def answer(sightings: Iterable[Sighting], query: Query) -> tuple[Sighting, ...]:
    """Those that match, at most ``query.limit``: most alike first where a vector is given, then newest end or oldest start first."""
    found = matching(sightings, query)
    if query.newest_first:
        found.sort(key=lambda sighting: (-sighting.t_end_ns, -sighting.id))
    else:
        found.sort(key=lambda sighting: (sighting.t_start_ns, sighting.id))
    if query.key is not None:
        found = [found[number] for number in np.argsort(-_scores(found, query.key), kind="stable").tolist()]
    return tuple(found[: max(0, query.limit)])


def matching(sightings: Iterable[Sighting], query: Query) -> list[Sighting]:
    """Those that match, in the order given. All conditions hold at once; an empty one holds for everything."""
    names = {fold(name) for name in query.names}
    kinds = frozenset(query.kinds)
    wanted = needles(query.text)
    if (query.text and not wanted) or (query.key is not None and usable(query.key, 0) is None):
        return []
    dim = 0 if query.key is None else query.key.size
    return [
        sighting
        for sighting in sightings
        if sighting.t_end_ns >= query.t_from_ns
        and sighting.t_start_ns <= query.t_to_ns
        and (not kinds or sighting.what.kind in kinds)
        and (not names or fold(sighting.what.name) in names)
        and (not wanted or (sighting.what.kind == "text" and holds(fold(sighting.what.name), wanted)))
        and (not dim or (sighting.vector is not None and sighting.vector.size == dim and sighting.vector.any()))
    ]


def alike(sighting: Sighting, vector: Vector) -> float:
    """Cosine of a sighting's vector to another float [G], -1..1; 0 where they cannot be compared.

    In whole numbers, and of the vector as the log keeps it (float16): the same from memory and from the log, on any machine.
    """
    return 0.0 if sighting.vector is None else cosine(exact(sighting.vector.astype(np.float16)), exact(vector))


def spread(sightings: Sequence[Sighting], vector: Vector, count: int) -> tuple[Sighting, ...]:
    """The most alike that together cover the time they span, at most ``count``, in order of time.

    Which of several good matches stand for all is chosen by scores without their trend over time (:func:`detrended`); whether one is a
    match is not, because the threshold was measured on the cosine as it is.
    """
    rows = sorted(sightings, key=lambda sighting: (sighting.t_end_ns, sighting.id))
    scores = _scores(rows, vector).astype(np.float32)
    t_ns = np.array([row.t_end_ns for row in rows], np.int64)
    chosen = covering(detrended(scores, t_ns), t_ns, count, buckets=max(1, count), share=0.25)
    return tuple(rows[number] for number in chosen.tolist())


def _scores(sightings: Sequence[Sighting], vector: Vector) -> npt.NDArray[np.float64]:
    """:func:`alike` of many that all have a vector as long as this, to the last digit."""
    key, scores = exact(vector), np.zeros(len(sightings))
    length = np.sqrt(np.float64(key @ key))
    for start in range(0, len(sightings), _BLOCK):
        vectors = [one.vector for one in sightings[start : start + _BLOCK] if one.vector is not None]
        looks = exact(np.stack(vectors).astype(np.float16))
        # Sums of whole numbers below 2**53, roots and quotients: each correctly rounded by IEEE 754, in no order that could differ.
        lengths = np.sqrt((looks * looks).sum(axis=1).astype(np.float64)) * length
        np.divide((looks @ key).astype(np.float64), lengths, out=scores[start : start + _BLOCK], where=lengths > 0.0)
    return scores
