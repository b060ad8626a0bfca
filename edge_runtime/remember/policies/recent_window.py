"""The last looks, whole, first in first out: the control that every other policy has to beat."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime import codec
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.frames import frames_of
from edge_runtime.types import Box


class RecentWindow:
    """Keeps the newest tokens.

    Args:
        budget_bytes: Everything kept.
        seed: Makes no difference here.
    """

    def __init__(self, budget_bytes: int, *, seed: int = 0) -> None:
        self._budget_bytes = budget_bytes
        self._looks = slabs.Shelf()

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Take in the tokens of a look; the oldest go. Where the gaze rests makes no difference here."""
        frames, refused = frames_of(look, protect, self._dim)
        gone = []
        for frame in frames:
            self._looks.append(slabs.of_frame(frame))
            while self._looks.nbytes > self._budget_bytes:
                gone.append(self._looks.pop())
        return refused + slabs.dropped("budget", *gone)

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """The newest whole looks that fit, in order of time, whatever is asked."""
        first = len(self._looks)
        room = max_tokens
        while first and len(self._looks[first - 1].t_ns) <= room:
            first -= 1
            room -= len(self._looks[first].t_ns)
        return slabs.concat([self._looks[at] for at in range(first, len(self._looks))], self._dim)

    def nbytes(self) -> int:
        """Bytes kept."""
        return self._looks.nbytes

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget every look captured within one of these spans, both ends included, nanoseconds."""
        return self._looks.forget(spans)

    def state(self) -> bytes:
        """All that is kept."""
        return codec.encode(slabs.ShelfState(list(self._looks)))

    def load(self, data: bytes) -> None:
        """Take up a state."""
        self._looks = slabs.Shelf(codec.decode(data, slabs.ShelfState).slabs)

    @property
    def _dim(self) -> int:
        return int(self._looks[0].emb.shape[1]) if len(self._looks) else 0
