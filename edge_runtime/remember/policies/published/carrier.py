"""VideoScan: one carrier token for each past frame, and a bank from which the most redundant carrier leaves."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from edge_runtime import codec
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.frames import frames_of, unit_rows
from edge_runtime.remember.policies.reduce import merge
from edge_runtime.types import Box

LIKENESS_BYTES = 32
"""One number in a list."""


class _State(msgspec.Struct):
    current: list[Slab]
    bank: list[Slab]
    likeness: list[float]


class Carrier:
    """VideoScan (2025), the embedding half: the current look whole, and the mean token of every frame before it.

    When the bank is full, the older of the two most similar neighbours in time leaves, never simply the oldest. That is as published;
    here the younger takes over its weight and its time and keeps its own numbers. One similarity is computed when a carrier comes and
    one when one leaves, however large the bank.

    Not kept: the keys and values that a carrier gathers in the language model, and the training that makes it read them; the paper
    finds that either half alone costs ten points.

    Args:
        budget_bytes: Everything kept.
        seed: Makes no difference here.
        carriers: The most in the bank, at least 1; 64 or 128 in the paper.
    """

    def __init__(self, budget_bytes: int, *, seed: int = 0, carriers: int = 128) -> None:
        self._budget_bytes = budget_bytes
        self._carriers = carriers
        self._current = slabs.Shelf()
        self._bank = slabs.Shelf()
        self._likeness: list[float] = []
        """Of each carrier with the next."""

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Take in the tokens of a look; the look before becomes carriers. Where the gaze rests makes no difference here."""
        frames, refused = frames_of(look, protect, self._dim)
        gone: list[Slab] = []
        for frame in frames:
            while len(self._current) and self._current[0].pos[0, 0] != frame.seq:
                self._condense()
            self._current.append(slabs.of_frame(frame))
            while self.nbytes() > self._budget_bytes:
                if len(self._current):
                    self._condense()
                elif len(self._bank) > 1:
                    self._fold()
                else:
                    gone.append(self._bank.pop())
        return refused + slabs.dropped("budget", *gone)

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """The current look, whole where it fits, and the newest carriers before it, whatever is asked."""
        current = list(self._current)
        if sum(len(slab.t_ns) for slab in current) > max_tokens:
            current = [_carrier(slab) for slab in current]
        shown = slabs.concat([*self._bank, *current], self._dim)
        return slabs.take(shown, np.arange(max(0, len(shown.t_ns) - max_tokens), len(shown.t_ns)))

    def nbytes(self) -> int:
        """Bytes kept."""
        return self._current.nbytes + self._bank.nbytes + LIKENESS_BYTES * len(self._likeness)

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget what was captured within one of these spans, both ends included, nanoseconds, and carriers that stand for any of it."""
        before = len(self._bank)
        gone = self._current.forget(spans) + self._bank.forget(spans)
        if len(self._bank) < before:
            self._likeness = [_cosine(self._bank[at], self._bank[at + 1]) for at in range(len(self._bank) - 1)]
        count = sum(drop.count for drop in gone)
        return (Dropped("token", "forgotten", count),) if count else ()

    def state(self) -> bytes:
        """All that is kept."""
        return codec.encode(_State(list(self._current), list(self._bank), self._likeness))

    def load(self, data: bytes) -> None:
        """Take up a state."""
        state = codec.decode(data, _State)
        self._current, self._bank, self._likeness = slabs.Shelf(state.current), slabs.Shelf(state.bank), state.likeness

    @property
    def _dim(self) -> int:
        newest = self._current if len(self._current) else self._bank
        return int(newest[0].emb.shape[1]) if len(newest) else 0

    def _condense(self) -> None:
        """Turn the oldest frame of the current look into a carrier; make room for it in the bank."""
        self._bank.append(_carrier(self._current.pop()))
        if len(self._bank) > 1:
            self._likeness.append(_cosine(self._bank[-2], self._bank[-1]))
        if len(self._bank) > self._carriers:
            self._fold()

    def _fold(self) -> None:
        """Let the older of the two most similar neighbours go; the younger stands for it."""
        at = int(np.argmax(self._likeness))
        older, younger = self._bank.pop(at), self._bank[at]
        self._bank.replace(at, msgspec.structs.replace(younger, t_ns=older.t_ns, weight=older.weight + younger.weight))
        self._likeness.pop(at)
        if at:
            self._likeness[at - 1] = _cosine(self._bank[at - 1], self._bank[at])


def _carrier(slab: Slab) -> Slab:
    """The mean token of a frame."""
    return merge(slab, np.zeros(len(slab.t_ns), np.int64), 1)


def _cosine(a: Slab, b: Slab) -> float:
    return float(np.dot(unit_rows(a.emb)[0], unit_rows(b.emb)[0]))
