"""VideoStreaming (NeurIPS 2024) and SALOVA (CVPR 2025): a few tokens and a key a clip; a question is shown the clips that fit it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime import codec
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, Note, RetrievalCue, Slab
from edge_runtime.remember.policies import reduce, select, slabs
from edge_runtime.remember.policies.frames import frames_of, unit_rows
from edge_runtime.remember.policies.keyed import KeyedShelf, KeyedState
from edge_runtime.types import Box

Numbers = npt.NDArray[np.int64]


class ClipKeys:
    """Keeps a 2 x 2 pooled grid of every frame; shows the clips that fit the question, each told by its time.

    VideoStreaming condenses every clip with a small language model into tokens and a separate short key, and shows a question the four
    clips whose keys are most alike, each after words that say when it was. SALOVA routes segments likewise. Kept of both: content apart
    from key, a constant number of clips, absolute time in words. Not kept: the trained encoder and router, and so the memory handed
    from clip to clip: a frame's four tokens are means of its quadrants, a clip's key is the mean of its frames' vectors. A clip is a
    fixed stretch of stream time, so that nothing about it needs to be kept. The oldest frames go when the bytes are full.

    Args:
        budget_bytes: Everything kept.
        seed: Makes no difference here.
        clips: Shown for a question, at most (published: V = 4).
        clip_ns: Length of a clip; sixteen frames at one a second.
        grid: Rows and columns a frame is pooled to (published: P = 4 tokens).
    """

    def __init__(
        self, budget_bytes: int, *, seed: int = 0, clips: int = 4, clip_ns: int = 16_000_000_000, grid: tuple[int, int] = (2, 2)
    ) -> None:
        self._budget_bytes = budget_bytes
        self._clips = clips
        self._clip_ns = clip_ns
        self._grid = grid
        self._frames = KeyedShelf()

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Take in the tokens of a look, pooled; the oldest frames go. Where the gaze rests makes no difference here."""
        frames, refused = frames_of(look, protect, self._frames.dim)
        gone = []
        for frame in frames:
            self._frames.append(reduce.pool(frame, self._grid), frame.vector)
            while self._frames.nbytes > self._budget_bytes:
                gone.append(self._frames.pop())
        return refused + slabs.dropped("budget", *gone)

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """The clips that fit the cue best, whole and in order of time, each with a note of when it was; without one the newest.

        Notes count: tokens and notes together stay within ``max_tokens``.
        """
        clip_of = self._frames.t_ns() // self._clip_ns
        room = max_tokens
        shown: list[tuple[int, Slab]] = []
        for clip in self._best_first(clip_of, cue):
            content = slabs.concat([self._frames[int(at)] for at in np.flatnonzero(clip_of == clip)])
            note = _when(content)
            cost = len(content.t_ns) + select.note_tokens(note)
            if cost <= room:
                room -= cost
                shown.append((clip, msgspec.structs.replace(content, notes=(note,))))
        in_order = [content for _, content in sorted(shown, key=lambda pair: pair[0])]
        tokens = slabs.concat(in_order, self._frames.dim)
        return msgspec.structs.replace(tokens, notes=tuple(note for content in in_order for note in content.notes))

    def nbytes(self) -> int:
        """Bytes kept."""
        return self._frames.nbytes

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget every frame captured within one of these spans, both ends included, nanoseconds; the keys of clips lose it too."""
        return self._frames.forget(spans)

    def state(self) -> bytes:
        """All that is kept."""
        return codec.encode(self._frames.state())

    def load(self, data: bytes) -> None:
        """Take up a state."""
        self._frames = KeyedShelf(codec.decode(data, KeyedState))

    def _best_first(self, clip_of: Numbers, cue: RetrievalCue | None) -> list[int]:
        """The clips most like the cue; without a cue that compares, all, the newest first."""
        numbers, rows, asked = self._frames.compared(cue or RetrievalCue())
        if not len(numbers):
            return [int(clip) for clip in np.unique(clip_of)[::-1]]
        clips, starts = np.unique(clip_of[numbers], return_index=True)
        keys = unit_rows(np.add.reduceat(rows, starts, axis=0))
        return [int(clips[at]) for at in select.ranked(keys @ asked)[: self._clips]]


def _when(content: Slab) -> Note:
    """When something was, in whole seconds of stream time."""
    start_ns, end_ns = int(content.t_ns.min()), int(content.t_end_ns.max())
    return Note(start_ns, end_ns, f"From {start_ns // 10**9} s to {-(-end_ns // 10**9)} s:")
