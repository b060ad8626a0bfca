"""TimeChat-Online: differential token drop (ACM MM 2025), with the frame before as reference, as released."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from edge_runtime import codec
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.frames import frames_of
from edge_runtime.remember.policies.matching import PreviousFrame
from edge_runtime.types import Box


class DtdCompatState(msgspec.Struct):
    """What a policy of this kind keeps, as plain data."""

    kept: list[Slab]
    reference: PreviousFrame
    changed: bool


class DtdCompat:
    """Drops tokens alike to those at the same place of the frame before; the oldest survivors go first.

    TimeChat-Online as released, for comparison; see :class:`~edge_runtime.remember.policies.published.dtd.Dtd`. Kept with it: the
    frame before is the reference whether its tokens were kept or not, so slow drift is lost; tokens are compared at one place only, so a
    moving head drops nothing; what has left memory still makes later tokens redundant; the gaze makes no difference. The trigger is
    the paper's level: true at every frame of which less than 60 % was dropped. Not kept: the tuned model, the rule on pixels, the
    demonstration's lowest tenth of a file, which needs the whole file.

    Args:
        budget_bytes: Everything kept, the reference with it.
        seed: Makes no difference here.
        tau: Tokens with a larger cosine are dropped.
        most_tokens: At most so many, however many bytes there are.
        valley: Share dropped under which the trigger speaks up.

    Attributes:
        changed: Whether the last overview lay under that: the trigger.
    """

    def __init__(self, budget_bytes: int, *, seed: int = 0, tau: float = 0.5, most_tokens: int = 6_000, valley: float = 0.6) -> None:
        self._budget_bytes = budget_bytes
        self._most_tokens = most_tokens
        self._level = valley
        self._kept = slabs.Shelf()
        self._reference = PreviousFrame(tau)
        self.changed = False

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Take in the new tokens of a look: ``similar`` ones go, then the oldest. Where the gaze rests makes no difference here."""
        frames, refused = frames_of(look, (), self._dim)
        similar, gone = 0, []
        for frame in frames:
            keep = self._reference.keep(frame)
            if frame.kind == "overview":
                self.changed = self._reference.alike is not None and self._reference.alike < self._level
            similar += int(np.count_nonzero(~keep))
            if keep.any():
                self._kept.append(slabs.of_frame(frame, keep))
            gone += self._make_room()
        return refused + ((Dropped("token", "similar", similar),) if similar else ()) + slabs.dropped("budget", *gone)

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """The newest survivors, whatever is asked."""
        kept = slabs.concat(list(self._kept), self._dim)
        return slabs.take(kept, np.arange(max(0, len(kept.t_ns) - max_tokens), len(kept.t_ns)))

    def nbytes(self) -> int:
        """Bytes kept."""
        return self._kept.nbytes + self._reference.nbytes

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget tokens captured within one of these spans, both ends included, and the frame before if it was."""
        self._reference.forget(spans)
        return self._kept.forget(spans)

    def state(self) -> bytes:
        """All that is kept."""
        return codec.encode(DtdCompatState(list(self._kept), self._reference, self.changed))

    def load(self, data: bytes) -> None:
        """Take up a state."""
        state = codec.decode(data, DtdCompatState)
        self._kept, self._reference, self.changed = slabs.Shelf(state.kept), state.reference, state.changed

    @property
    def _dim(self) -> int:
        return int(self._kept[0].emb.shape[1]) if len(self._kept) else 0

    def _make_room(self) -> list[Slab]:
        gone = []
        while self.nbytes() > self._budget_bytes or sum(len(slab.t_ns) for slab in self._kept) > self._most_tokens:
            if len(self._kept) <= 1 and self._reference.held:
                self._reference.clear()
            else:
                gone.append(self._kept.pop())
        return gone
