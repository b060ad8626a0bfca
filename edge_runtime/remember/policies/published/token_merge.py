"""LongVLM: the stream in segments, the tokens of each merged to a few, and a token before them that tells of the whole."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from edge_runtime import codec
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.frames import TokenFrame, frames_of, unit_rows
from edge_runtime.remember.policies.reduce import merge, merge_similar
from edge_runtime.types import Box


class _State(msgspec.Struct):
    segments: list[Slab]
    open: list[Slab]
    frames: int


class TokenMerge:
    """LongVLM (ECCV 2024), training-free: frames are gathered into segments, the tokens of a segment merged by likeness (ToMe).

    Before the merged tokens the paper puts the encoder's class tokens, averaged over the video. Those are not in the space of the others
    here; so of each frame the token nearest to its mean leads, and the leads of a segment become its first token. They are averaged over
    the segment and no further: what tells of everything would have to be forgotten with anything.

    A stream has no end by which to cut it into a fixed number of segments. So when there is one too many, those two neighbours join that
    stand for the least, and the segments stay about equally long. A segment ends early when its frames no longer fit into the bytes.

    Mended: the released schedule merges all of one half of the tokens in every round, also what has no like in the other half; see
    ``merge_similar``. Not kept: the trained projector.

    Args:
        budget_bytes: Everything kept.
        seed: Of the merging.
        segments: At most; 10 in the paper.
        frames: In a segment; 10 in the paper.
        tokens: A segment is merged to; 30 in the paper.
    """

    def __init__(self, budget_bytes: int, *, seed: int = 0, segments: int = 10, frames: int = 10, tokens: int = 30) -> None:
        self._budget_bytes = budget_bytes
        self._seed = seed
        self._most_segments = segments
        self._segment_frames = frames
        self._segment_tokens = tokens
        self._segments = slabs.Shelf()
        """Each with its lead token first."""
        self._open = slabs.Shelf()
        """The frames of the segment that has not ended, each with its lead token first."""
        self._frames = 0

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Take in the tokens of a look. Where the gaze rests makes no difference here."""
        frames, refused = frames_of(look, protect, self._dim)
        gone: list[Slab] = []
        for frame in frames:
            self._open.append(_lead_first(frame))
            self._frames += 1
            if len(self._open) == self._segment_frames:
                self._end_segment()
            while self.nbytes() > self._budget_bytes:
                if len(self._open):
                    self._end_segment()
                elif len(self._segments) > 1:
                    self._join()
                else:
                    gone.append(self._segments.pop())
        return refused + slabs.dropped("budget", *gone)

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """The lead of each segment and its heaviest tokens, as many of one as of another, whatever is asked.

        The segment that has not ended is shown as if it had.
        """
        segments = [*self._segments, *([self._merged(list(self._open))] if len(self._open) else [])]
        parts: list[Slab] = []
        room = max_tokens
        for at, segment in enumerate(segments):
            share = room // (len(segments) - at)
            first = np.concatenate([[0], 1 + np.argsort(-segment.weight[1:], kind="stable")])[:share]
            parts.append(slabs.take(segment, np.sort(first)))
            room -= len(first)
        return slabs.in_time(slabs.concat(parts))

    def nbytes(self) -> int:
        """Bytes kept."""
        return self._segments.nbytes + self._open.nbytes

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget every segment with a frame captured within one of these spans, both ends included, nanoseconds: its lead tells of it."""
        gone: list[Slab] = []
        for shelf in (self._segments, self._open):
            for at in reversed(range(len(shelf))):
                if slabs.touched(shelf[at], spans).any():
                    gone.append(shelf.pop(at))
        return slabs.dropped("forgotten", *gone)

    def state(self) -> bytes:
        """All that is kept."""
        return codec.encode(_State(list(self._segments), list(self._open), self._frames))

    def load(self, data: bytes) -> None:
        """Take up a state."""
        state = codec.decode(data, _State)
        self._segments, self._open, self._frames = slabs.Shelf(state.segments), slabs.Shelf(state.open), state.frames

    @property
    def _dim(self) -> int:
        newest = self._open if len(self._open) else self._segments
        return int(newest[0].emb.shape[1]) if len(newest) else 0

    def _end_segment(self) -> None:
        """Merge the frames of the open segment; where there is one segment too many, join two."""
        self._segments.append(self._merged(list(self._open)))
        self._open = slabs.Shelf()
        if len(self._segments) > self._most_segments:
            self._join()

    def _join(self) -> None:
        """Join the two neighbouring segments that stand for the least; of equal ones the oldest."""
        weight = np.array([slabs.source_tokens(segment) for segment in self._segments])
        at = int((weight[:-1] + weight[1:]).argmin())
        older = self._segments.pop(at)
        self._segments.replace(at, self._merged([older, self._segments[at]]))

    def _merged(self, parts: Sequence[Slab]) -> Slab:
        """One segment of several frames or segments: one lead, and the rest merged by likeness."""
        leads = slabs.concat([slabs.take(part, np.arange(1)) for part in parts])
        rest = slabs.concat([slabs.take(part, np.arange(1, len(part.t_ns))) for part in parts])
        lead = merge(leads, np.zeros(len(parts), np.int64), 1)
        few = merge_similar(rest, self._segment_tokens, np.random.default_rng((self._seed, self._frames)))
        return slabs.concat([lead, few])


def _lead_first(frame: TokenFrame) -> Slab:
    """The tokens of a frame, the one nearest to their mean first."""
    unit = unit_rows(frame.emb)
    lead = int((unit @ unit.mean(axis=0)).argmax())
    count = len(frame.emb)
    return slabs.of_frame(frame, np.concatenate([[lead], np.delete(np.arange(count), lead)]))
