"""Memory in stretches: which tokens are shown together under one time, and the words for that time.

Where a prompt changes, everything behind the change is read again. So a stretch depends on its own tokens as far as can be: stretches are
bins of time whose edges never move, halved until each holds no more than fits one picture, and ages are told in few different words, so
that an old one changes seldom: from two seconds to two days they are at most a third off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

FINEST_NS = 10_000_000_000
"""A bin is not halved below this, and may always be so wide, however young it is."""
_WIDEST = FINEST_NS << 24
_S, _MIN, _H = 1_000_000_000, 60_000_000_000, 3_600_000_000_000
_STEPS = (
    *((count * _S, f"{count} s") for count in (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 45)),
    *((count * _MIN, f"{count} min") for count in (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 45)),
    *((count * _H, f"{count} h") for count in (1, 2, 3, 4, 5, 7, 10, 15, 20, 24, 36, 48)),
)


@dataclass(frozen=True)
class Stretch:
    """Tokens that follow one another in time.

    Attributes:
        start: Number of the first.
        stop: Behind the last.
    """

    start: int
    stop: int


def stretches(t_ns: npt.NDArray[np.int64], now_ns: int, most: int) -> list[Stretch]:
    """Cut tokens into stretches, oldest first; every token is in one.

    A stretch is no longer than it is long ago, so that its time says something, or no longer than :data:`FINEST_NS`.

    Args:
        t_ns: int64 [N], when each was captured, in order.
        now_ns: When they are shown.
        most: Tokens of a stretch at most.
    """
    tops = t_ns // _WIDEST
    edges = [0, *(np.flatnonzero(np.diff(tops)) + 1).tolist(), len(t_ns)] if len(t_ns) else []
    found: list[Stretch] = []
    for start, stop in pairwise(edges):
        found += _halved(t_ns, start, stop, int(tops[start]) * _WIDEST, _WIDEST, now_ns, most)
    return found


def _halved(t_ns: npt.NDArray[np.int64], start: int, stop: int, bin_ns: int, width_ns: int, now_ns: int, most: int) -> Iterator[Stretch]:
    """The stretches of one bin, which begins at ``bin_ns``."""
    if start == stop:
        return
    narrow = width_ns <= FINEST_NS
    if stop - start <= most and (narrow or width_ns <= now_ns - int(t_ns[stop - 1])):
        yield Stretch(start, stop)
    elif narrow:
        yield from (Stretch(first, min(first + most, stop)) for first in range(start, stop, most))
    else:
        half_ns = width_ns // 2
        middle = start + int(np.searchsorted(t_ns[start:stop], bin_ns + half_ns))
        yield from _halved(t_ns, start, middle, bin_ns, half_ns, now_ns, most)
        yield from _halved(t_ns, middle, stop, bin_ns + half_ns, half_ns, now_ns, most)


def age(past_ns: int) -> str:
    """Say how long ago something was, in one of few words: 12 s are ``"10 s ago"``, less than half of one is ``"now"``."""
    if past_ns < _S // 2:
        return "now"
    return f"{min(_STEPS, key=lambda step: abs(step[0] - past_ns))[1]} ago"


def ages(first_ns: int, last_ns: int, now_ns: int) -> str:
    """Say when a stretch was: ``"10 s ago"``, ``"from 4 min ago to 3 min ago"``."""
    oldest, newest = age(now_ns - first_ns), age(now_ns - last_ns)
    return newest if oldest == newest else f"from {oldest} to {newest}"
