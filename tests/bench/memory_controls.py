"""What a token policy has to beat: an even sample of everything offered, in the same bytes. No part of the product."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.frames import frames_of
from edge_runtime.types import Box


class Reservoir:
    """Keeps each token offered so far with the same chance (Vitter's algorithm R, ACM TOMS 1985), whatever it shows.

    Args:
        budget_bytes: Everything kept.
        seed: Of the chances.
    """

    def __init__(self, budget_bytes: int, *, seed: int = 0) -> None:
        self._budget_bytes = budget_bytes
        self._rng = np.random.default_rng(seed)
        self._kept = slabs.empty()
        self._offered = 0

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Take in the tokens of a look; each replaces one that is kept, or goes itself."""
        frames, refused = frames_of(look, protect)
        gone = 0
        for frame in frames:
            self._kept = self._kept if self._offered else slabs.empty(frame.dim)
            new = slabs.of_frame(frame)
            count, room = len(new.t_ns), slabs.tokens_for(self._budget_bytes, frame.dim)
            places = self._rng.integers(0, self._offered + 1 + np.arange(count))
            fills = self._offered + np.arange(count) < room
            self._offered += count
            self._kept = slabs.concat([self._kept, slabs.take(new, fills)]) if fills.any() else self._kept
            stays = ~fills & (places < room)
            for old, fresh in zip(_arrays(self._kept), _arrays(new), strict=True):
                old[places[stays]] = fresh[stays]
            gone += int((~fills).sum())
        return refused + ((Dropped("token", "budget", gone),) if gone else ())

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """The newest of the sample, in order of time."""
        kept = slabs.in_time(self._kept)
        return slabs.take(kept, np.arange(max(0, len(kept.t_ns) - max_tokens), len(kept.t_ns)))

    def nbytes(self) -> int:
        """Bytes kept."""
        return slabs.slab_bytes(self._kept)


def _arrays(slab: Slab) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.generic]], ...]:
    return slab.emb, slab.pos, slab.t_ns, slab.t_end_ns, slab.weight, slab.salience
