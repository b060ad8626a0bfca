"""Long memory: events of a few tokens each, in order of time; where room is wanted, the two neighbours merge that lose least by it.

No boundary between events is ever decided: an event is what merging leaves, a stretch of time of which only so much was worth keeping.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from edge_runtime.records import Dropped, Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.frames import unit_rows
from edge_runtime.remember.policies.reduce import merge

ALIKE = 0.8
"""Cosine above which two tokens may be told as one: SAVEMem's floor."""
LOSS_BYTES = 40
"""A number and its place in a list."""

Ints = npt.NDArray[np.int64]


def condense(slab: Slab, most: int) -> tuple[Slab, Slab]:
    """Make at most so many tokens of a slab in order of time.

    One after the other the token goes that is worth least: its salience times how unlike it is to those that stay. The most like of
    them takes it up, by weight (``reduce.merge``), if their cosine is above ``ALIKE``; otherwise it is gone.

    Returns:
        What stays, in order of time, and what is gone.
    """
    into, _ = _takers(slab, most)
    stays = np.flatnonzero(into >= 0)
    number = np.cumsum(into == np.arange(len(into))) - 1
    rest = slab if len(stays) == len(into) else slabs.take(slab, stays)
    merged = merge(rest, number[into[stays]], int(number[-1]) + 1 if len(number) else 0)
    return slabs.in_time(merged), slabs.take(slab, into < 0)


def _takers(slab: Slab, most: int) -> tuple[Ints, float]:
    """Which token takes each one up, int64 [N]: itself where it stays, -1 where it is gone; and the salience that this costs."""
    count = len(slab.t_ns)
    into, lost = np.arange(count), 0.0
    if count <= most:
        return into, lost
    unit = unit_rows(slab.emb)
    like = unit @ unit.T
    np.fill_diagonal(like, -1.0)
    salience = slab.salience.copy()
    for _ in range(count - most):
        best = like.max(axis=1)
        worth = salience * (1.0 - best)
        least = int(worth.argmin())
        lost += float(worth[least])
        into[least] = like[least].argmax() if best[least] > ALIKE else -1
        like[least] = like[:, least] = -1.0
        salience[least] = np.inf
    while True:  # whoever took one up may have been taken up itself
        onward = np.where(into < 0, -1, into[into])
        if (onward == into).all():
            return into, lost
        into = onward


class Events:
    """Slabs of at most ``most`` tokens in order of time."""

    def __init__(self, most: int, kept: Sequence[Slab] = ()) -> None:
        self._most = most
        self._shelf = slabs.Shelf(kept)
        self._losses = [self._loss(at) for at in range(len(self._shelf) - 1)]

    def __len__(self) -> int:
        return len(self._shelf)

    def __iter__(self) -> Iterator[Slab]:
        return iter(self._shelf)

    def __getitem__(self, at: int) -> Slab:
        return self._shelf[at]

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return self._shelf.nbytes + LOSS_BYTES * len(self._losses)

    def append(self, slab: Slab) -> None:
        """Put a new event of at most ``most`` tokens at the end."""
        self._shelf.append(slab)
        if len(self._shelf) > 1:
            self._losses.append(self._loss(len(self._shelf) - 2))

    def shrink(self) -> Slab:
        """Merge the two neighbours that lose least by it, the older of equals; a last event loses its least salient token.

        Returns:
            What is gone.
        """
        if len(self._shelf) == 1:
            return self._thin()
        at = int(np.argmin(self._losses))
        merged, gone = condense(slabs.concat([self._shelf[at], self._shelf[at + 1]]), self._most)
        self._shelf.pop(at + 1)
        self._shelf.replace(at, merged)
        self._losses.pop(at)
        for beside in (at - 1, at):
            if 0 <= beside < len(self._losses):
                self._losses[beside] = self._loss(beside)
        return gone

    def forget(self, spans: slabs.Spans) -> tuple[Dropped, ...]:
        """Let go of every token that stands for anything within the spans."""
        dropped = self._shelf.forget(spans)
        if dropped:
            self._losses = [self._loss(at) for at in range(len(self._shelf) - 1)]
        return dropped

    def _loss(self, at: int) -> float:
        return _takers(slabs.concat([self._shelf[at], self._shelf[at + 1]]), self._most)[1]

    def _thin(self) -> Slab:
        only = self._shelf.pop()
        least = int(only.salience.argmin())
        rest = np.delete(np.arange(len(only.t_ns)), least)
        if len(rest):
            self._shelf.append(slabs.take(only, rest))
        return slabs.take(only, np.array([least]))
