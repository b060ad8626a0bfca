"""A shelf of slabs that are each found by a vector."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import compress

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.frames import unit_rows
from edge_runtime.remember.sizes import vector_bytes
from edge_runtime.types import Vector


class KeyedState(msgspec.Struct):
    """A keyed shelf as plain data."""

    slabs: list[Slab] = []
    keys: list[Vector] = []


class KeyedShelf:
    """Slabs in order of time, each with the vector of what it shows.

    Args:
        state: What to begin with.
    """

    def __init__(self, state: KeyedState | None = None) -> None:
        begun = state or KeyedState()
        self._slabs = list(begun.slabs)
        self._keys = list(begun.keys)
        self.nbytes = self._weighed()

    def __len__(self) -> int:
        return len(self._slabs)

    def __iter__(self) -> Iterator[Slab]:
        return iter(self._slabs)

    def __getitem__(self, at: int) -> Slab:
        return self._slabs[at]

    @property
    def dim(self) -> int:
        """``D`` of what is kept; 0 if nothing is."""
        return int(self._slabs[0].emb.shape[1]) if self._slabs else 0

    def t_ns(self) -> npt.NDArray[np.int64]:
        """When each slab begins, int64 [len]."""
        return np.array([slab.t_ns[0] for slab in self._slabs], dtype=np.int64)

    def append(self, slab: Slab, key: Vector) -> None:
        """Put a slab of at least one token at the end, with its key."""
        self._slabs.append(slab)
        self._keys.append(key)
        self.nbytes += slabs.slab_bytes(slab) + vector_bytes(key)

    def pop(self) -> Slab:
        """Take the oldest slab out, and let its key go."""
        slab = self._slabs.pop(0)
        self.nbytes -= slabs.slab_bytes(slab) + vector_bytes(self._keys.pop(0))
        return slab

    def forget(self, spans: slabs.Spans) -> tuple[Dropped, ...]:
        """Let go of every slab of which anything was captured within the spans: its key is made of all of it."""
        kept = [not slabs.touched(slab, spans).any() for slab in self._slabs]
        gone = [slab for slab, stays in zip(self._slabs, kept, strict=True) if not stays]
        self._slabs = list(compress(self._slabs, kept))
        self._keys = list(compress(self._keys, kept))
        self.nbytes = self._weighed()
        return slabs.dropped("forgotten", *gone)

    def state(self) -> KeyedState:
        """As plain data."""
        return KeyedState(list(self._slabs), list(self._keys))

    def compared(self, cue: RetrievalCue) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], Vector]:
        """What a cue can be compared with.

        A cue's vector is compared with the keys; without one, the mean of its tokens with the mean token of each slab.

        Returns:
            Numbers of the slabs int64 [M], ascending; their unit rows float32 [M,G]; the cue's unit vector float32 [G]. None of them
            if the cue offers nothing, or nothing of this length.
        """
        if cue.vector is not None:
            asked, rows = cue.vector, self._keys
        elif cue.tokens is not None and len(cue.tokens):
            asked = unit_rows(cue.tokens).mean(axis=0)
            rows = [slab.emb.mean(axis=0, dtype=np.float32) for slab in self._slabs]
        else:
            asked, rows = np.zeros(0, np.float32), []
        alike = [at for at, row in enumerate(rows) if row.shape == asked.shape]
        found = np.stack([rows[at] for at in alike]) if alike else np.zeros((0, len(asked)), np.float32)
        return np.array(alike, dtype=np.int64), unit_rows(found), unit_rows(np.nan_to_num(asked)[None])[0]

    def _weighed(self) -> int:
        return sum(map(slabs.slab_bytes, self._slabs)) + sum(map(vector_bytes, self._keys))
