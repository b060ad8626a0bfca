"""What the detector is worth on recordings it was not tuned on: ``python -m tests.bench.gaze --leave-one-out`` (some minutes).

The parameters that matter most are chosen on all sets but one, by the mean of kappa and F1 over these sets, and scored on the set that was
left out; so for each set in turn. All other parameters keep the values they have, which were chosen with all sets in view.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import fmean
from typing import Any, NamedTuple

from gaze import Rules
from tests.bench.gaze_data import MS, SETS

GRID: dict[str, tuple[Any, ...]] = {
    "short_ns": (8 * MS, 10 * MS, 12 * MS),
    "long_ns": (25 * MS, 30 * MS, 35 * MS),
    "on_factor": (4.0, 5.0, 6.0),
    "off_long": (0.4, 0.5, 0.65),
}

Scores = dict[str, tuple[float, float]]
"""Kappa and F1 by set."""


class Left(NamedTuple):
    """A set that was left out: the values chosen without it, and what they reach on it."""

    name: str
    chosen: dict[str, Any]
    kappa: float
    f1: float


def leave_one_out(score: Callable[[Rules], Scores]) -> Iterator[Left]:
    """Choose on all sets but one and score on that one, for every set."""
    tried: list[tuple[dict[str, Any], Scores]] = []
    for values in itertools.product(*GRID.values()):
        chosen = dict(zip(GRID, values, strict=True))
        rules = Rules()
        tried.append((chosen, score(replace(rules, speed=replace(rules.speed, **chosen)))))
    for left in SETS:
        kept = [name for name in SETS if name != left]
        chosen, scores = max(tried, key=lambda one: fmean(sum(one[1][name]) for name in kept))
        yield Left(left, chosen, *scores[left])
