"""TimeChat-Online: differential token drop (ACM MM 2025), with the last kept token as reference."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from edge_runtime import codec
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.frames import frames_of
from edge_runtime.remember.policies.matching import LastKept
from edge_runtime.remember.policies.signals import TargetDrop, Valley
from edge_runtime.types import Box


class DtdState(msgspec.Struct):
    """What a policy of this kind keeps, as plain data."""

    kept: list[Slab]
    reference: LastKept
    valley: Valley
    target: TargetDrop | None
    changed: bool


class Dtd:
    """Drops tokens that say again what is kept; the oldest survivors go first. A sudden fall in what it drops is an event.

    TimeChat-Online drops the tokens of a frame that are alike to those of the frame before, shows the survivors to its model at their own
    places, and takes a valley in the share dropped as the moment to speak. Kept of it: the rule on features, the bound of 6,000
    tokens, the trigger. Not kept: the model tuned to it, the rule on pixels. Mended: the reference is the last token *kept*, so that
    slow drift adds up and is seen; a token may have moved by a cell, because a head moves; a token that leaves memory no longer stands
    for later ones; the trigger needs no later frames. Where the gaze rests, everything is kept.

    Args:
        budget_bytes: Everything kept, the reference with it.
        seed: Makes no difference here.
        tau: Tokens with a larger cosine are dropped. The paper's values are for the features of its own model.
        reach: How far a token may have moved, cells.
        target_drop: Share of tokens to drop, by which ``tau`` is set in the first minute (0.5..0.95); ``None`` leaves it.
        most_tokens: At most so many, however many bytes there are.
        valley: Share dropped under which the trigger may speak up.

    Attributes:
        changed: Whether the last overview began a valley: the trigger.
    """

    def __init__(
        self,
        budget_bytes: int,
        *,
        seed: int = 0,
        tau: float = 0.5,
        reach: int = 1,
        target_drop: float | None = None,
        most_tokens: int = 6_000,
        valley: float = 0.6,
    ) -> None:
        self._budget_bytes = budget_bytes
        self._most_tokens = most_tokens
        self._kept = slabs.Shelf()
        self._reference = LastKept(tau, reach)
        self._target = None if target_drop is None else TargetDrop(target_drop, tau)
        self._valley = Valley(valley)
        self.changed = False

    @property
    def tau(self) -> float:
        """The threshold as it is now."""
        return self._reference.tau

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Take in the new tokens of a look: ``similar`` ones go, then the oldest."""
        frames, refused = frames_of(look, protect, self._dim)
        similar, gone = 0, []
        for frame in frames:
            keep = self._reference.keep(frame)
            if frame.kind == "overview":
                self._judge(self._reference.alike, frame.t_ns)
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
        """Forget tokens captured within one of these spans, both ends included, and references to which they contributed."""
        self._reference.forget(spans)
        return self._kept.forget(spans)

    def state(self) -> bytes:
        """All that is kept."""
        return codec.encode(DtdState(list(self._kept), self._reference, self._valley, self._target, self.changed))

    def load(self, data: bytes) -> None:
        """Take up a state."""
        state = codec.decode(data, DtdState)
        self._kept = slabs.Shelf(state.kept)
        self._reference, self._valley, self._target, self.changed = state.reference, state.valley, state.target, state.changed

    @property
    def _dim(self) -> int:
        return int(self._kept[0].emb.shape[1]) if len(self._kept) else 0

    def _judge(self, alike: float | None, t_ns: int) -> None:
        self.changed = alike is not None and self._valley.update(alike)
        if alike is not None and self._target is not None:
            self._reference.tau = self._target.update(alike, t_ns)

    def _make_room(self) -> list[Slab]:
        """Let the oldest go until the rest fits; the last frame is worth more than what the next one would be held against."""
        gone = []
        while self.nbytes() > self._budget_bytes or sum(len(slab.t_ns) for slab in self._kept) > self._most_tokens:
            if len(self._kept) <= 1 and self._reference.held:
                self._reference.clear()
            else:
                gone.append(self._kept.pop())
                self._reference.release(int(gone[-1].t_ns[-1]))
        return gone
