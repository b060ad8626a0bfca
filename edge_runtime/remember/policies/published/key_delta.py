"""TDC: key frames and what changes after them (temporal dynamic context, 2025), without its trained compressor."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from edge_runtime import codec
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.frames import TokenFrame, frames_of
from edge_runtime.remember.policies.matching import LastKept
from edge_runtime.remember.policies.signals import KSigma, motion
from edge_runtime.remember.sizes import vector_bytes
from edge_runtime.types import Box, Vector


class Chunk(msgspec.Struct):
    """The chunk under way of one kind of region.

    Attributes:
        tokens: The key frame whole, then what was new in each later frame.
        frames: How many frames it spans.
        last: Vector of the last of them.
        level: Where a motion stands among those before, of this chunk and earlier ones.
    """

    tokens: Slab
    frames: int
    last: Vector
    level: KSigma

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return slabs.slab_bytes(self.tokens) + vector_bytes(self.last)


class KeyDeltaState(msgspec.Struct):
    """What a policy of this kind keeps, as plain data."""

    closed: list[Slab]
    open: dict[str, Chunk]
    reference: LastKept


class KeyDelta:
    """Keeps the first frame of every chunk whole and of the others what is new; the oldest chunk goes first, whole.

    TDC cuts a video into scenes, each scene into chunks of eight frames, keeps the first frame of a chunk and has a Q-Former compress
    the other seven with the first as its query. Kept of it: scenes, chunks, key frames. Not kept: the trained compressor, the audio, the
    notes on parts of hour-long videos. Departures: in place of the compressor stand the tokens that differ from the last kept ones
    (differential token drop); in place of the 24 least similar pairs of a whole file, a motion that is high by K-sigma. A delta
    never outlives its key. Where the gaze rests, everything is kept.

    Args:
        budget_bytes: Everything kept, the reference with it.
        seed: Makes no difference here.
        chunk: Frames from one key frame to the next, at most.
        shortest: Frames of a chunk before a new scene may end it.
        tau: Tokens with a larger cosine to what is kept are dropped.
        reach: How far a token may have moved, cells.
        cut: A scene's first frame moves at least this far above the mean, 1 - cosine.
    """

    def __init__(
        self, budget_bytes: int, *, seed: int = 0, chunk: int = 8, shortest: int = 2, tau: float = 0.5, reach: int = 1, cut: float = 0.1
    ) -> None:
        self._budget_bytes = budget_bytes
        self._chunk = chunk
        self._shortest = shortest
        self._cut = cut
        self._closed = slabs.Shelf()
        self._open: dict[str, Chunk] = {}
        self._reference = LastKept(tau, reach)

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Take in the tokens of a look: a key frame, or what is new in it; ``similar`` tokens go, then the oldest chunk."""
        frames, refused = frames_of(look, protect, self._dim)
        similar, gone = 0, []
        for frame in frames:
            similar += self._take(frame)
            gone += self._make_room()
        return refused + ((Dropped("token", "similar", similar),) if similar else ()) + slabs.dropped("budget", *gone)

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """The newest tokens, whatever is asked."""
        kept = slabs.in_time(slabs.concat([*self._closed, *(chunk.tokens for chunk in self._open.values())], self._dim))
        return slabs.take(kept, np.arange(max(0, len(kept.t_ns) - max_tokens), len(kept.t_ns)))

    def nbytes(self) -> int:
        """Bytes kept."""
        return self._closed.nbytes + sum(chunk.nbytes for chunk in self._open.values()) + self._reference.nbytes

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget tokens captured within one of these spans, both ends included; the chunks under way end."""
        self._closed = slabs.Shelf([*self._closed, *(chunk.tokens for chunk in self._open.values())])
        self._open = {}
        self._reference.clear()
        return self._closed.forget(spans)

    def state(self) -> bytes:
        """All that is kept."""
        return codec.encode(KeyDeltaState(list(self._closed), self._open, self._reference))

    def load(self, data: bytes) -> None:
        """Take up a state."""
        state = codec.decode(data, KeyDeltaState)
        self._closed, self._open, self._reference = slabs.Shelf(state.closed), state.open, state.reference

    @property
    def _dim(self) -> int:
        kept = [*self._closed, *(chunk.tokens for chunk in self._open.values())]
        return int(kept[0].emb.shape[1]) if kept else 0

    def _take(self, frame: TokenFrame) -> int:
        """Start a chunk with a frame, or add what is new; returns how many tokens were not."""
        chunk = self._open.get(frame.kind)
        if chunk is None or chunk.last.shape != frame.vector.shape:
            level, scene = KSigma(least=self._cut), True
        else:
            level = chunk.level
            scene = level.update(motion(chunk.last, frame.vector)) == 2 and chunk.frames >= self._shortest
        if chunk is None or scene or chunk.frames >= self._chunk or not self._reference.fits(frame):
            if chunk is not None:
                self._closed.append(chunk.tokens)
            self._reference.renew(frame)
            self._open[frame.kind] = Chunk(slabs.of_frame(frame), 1, frame.vector, level)
            return 0
        keep = self._reference.keep(frame)
        tokens = slabs.concat([chunk.tokens, slabs.of_frame(frame, keep)])
        self._open[frame.kind] = Chunk(tokens, chunk.frames + 1, frame.vector, level)
        return int(np.count_nonzero(~keep))

    def _make_room(self) -> list[Slab]:
        """Let the oldest chunk go until the rest fits."""
        gone = []
        while self.nbytes() > self._budget_bytes:
            if len(self._closed):
                gone.append(self._closed.pop())
            elif self._open:
                kind = min(self._open, key=lambda kind: int(self._open[kind].tokens.t_ns[0]))
                gone.append(self._open.pop(kind).tokens)
                self._reference.held.pop(kind, None)
            else:
                self._reference.clear()
        return gone
