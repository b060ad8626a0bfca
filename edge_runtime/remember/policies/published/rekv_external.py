"""ReKV with an external retriever (ICLR 2025), on embeddings."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime import codec
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import select, slabs
from edge_runtime.remember.policies.frames import frames_of
from edge_runtime.remember.policies.keyed import KeyedShelf, KeyedState
from edge_runtime.types import Box


class RekvExternal:
    """Keeps every frame whole with one vector; shows the frames that fit the question, or the newest.

    ReKV encodes a stream through a sliding window, keeps the keys and values of all of it in memory or on disk, and fetches those of 64
    frames for a question, in order of time. Kept of it: the window, which here is what a view has room for, the archive, one key a
    frame, the 64. This is its external form: one choice by an encoder's vectors instead of one a layer by the model's keys, which needs
    access inside the model. Departures: tokens are kept as embeddings, to be read in again; the archive is bounded in bytes, and when it
    is full the oldest frame goes, where the published one grows by gigabytes an hour. Mended: the published similarity is a dot product
    that is not normalised and grows with time; here it is a cosine, with its trend over time taken out. Answering changes nothing.

    Args:
        budget_bytes: Everything kept.
        seed: Makes no difference here.
        frames: At most so many frames are retrieved.
    """

    def __init__(self, budget_bytes: int, *, seed: int = 0, frames: int = 64) -> None:
        self._budget_bytes = budget_bytes
        self._frames = frames
        self._archive = KeyedShelf()

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Take in the tokens of a look; the oldest frames go. Where the gaze rests makes no difference here."""
        frames, refused = frames_of(look, protect, self._archive.dim)
        gone = []
        for frame in frames:
            self._archive.append(slabs.of_frame(frame), frame.vector)
            while self._archive.nbytes > self._budget_bytes:
                gone.append(self._archive.pop())
        return refused + slabs.dropped("budget", *gone)

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """The whole frames that fit the cue best, in order of time; without one that compares, the newest."""
        newest_first = range(len(self._archive))[::-1]
        best_first = (self._fitting(cue) if cue else []) or newest_first
        room = max_tokens
        chosen = []
        for at in best_first:
            size = len(self._archive[at].t_ns)
            if size <= room:
                room -= size
                chosen.append(at)
        return slabs.concat([self._archive[at] for at in sorted(chosen)], self._archive.dim)

    def nbytes(self) -> int:
        """Bytes kept."""
        return self._archive.nbytes

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget every frame captured within one of these spans, both ends included, nanoseconds."""
        return self._archive.forget(spans)

    def state(self) -> bytes:
        """All that is kept."""
        return codec.encode(self._archive.state())

    def load(self, data: bytes) -> None:
        """Take up a state."""
        self._archive = KeyedShelf(codec.decode(data, KeyedState))

    def _fitting(self, cue: RetrievalCue) -> list[int]:
        """Numbers of the frames that fit, best first."""
        numbers, rows, asked = self._archive.compared(cue)
        t_ns = self._archive.t_ns()[numbers]
        best = select.ranked(select.detrended(rows @ asked, t_ns))[: self._frames]
        return [int(numbers[at]) for at in best]
