"""LiveVLM (DAC 2026), on embeddings: what is seen again stays, and no stretch of time is left out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from edge_runtime import codec
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import select, slabs
from edge_runtime.remember.policies.frames import frames_of, unit_rows
from edge_runtime.types import Box, Vector

_SHARPNESS = 10.0
"""Cosines times this go into the softmax; the published one has the model's own scale."""
_FILL = 7 / 8
"""How full a choice leaves the room, so that not every look forces one."""


class BucketedState(msgspec.Struct):
    """What is kept, as plain data."""

    older: list[Slab]
    newest: list[Slab]


class Bucketed:
    """Keeps the newest frames whole and of the rest the tokens most looked back on, half of them by score alone, half by coverage.

    LiveVLM scores every cached token by the attention that the latest visual tokens pay it, fills buckets of position with the best,
    and for a question fetches the pages of 16 whose mean key, without its position, fits best, 40 % of all. Kept of it: the score, the
    buckets, the pages, the share. Not kept: keys and attention. The score is a softmax over cosines between embeddings, which have no
    position to take off; a bucket is a stretch of time, at most one a look, because all tokens of a look are of one time.

    Args:
        budget_bytes: Everything kept.
        seed: Makes no difference here.
        tokens: At most so many outside the newest frames, whatever the bytes allow (published: 12 k).
        buckets: At most so many stretches of time.
        by_score: Share of the choice that is made by score alone.
        newest: Frames kept whole, as long as they take at most half of the bytes.
        queries: How many of the latest tokens score the others.
        page: Tokens a page.
        retrieve: Share of the pages that a question is shown.
    """

    def __init__(
        self,
        budget_bytes: int,
        *,
        seed: int = 0,
        tokens: int = 12_000,
        buckets: int = 12_000,
        by_score: float = 0.5,
        newest: int = 4,
        queries: int = 64,
        page: int = 16,
        retrieve: float = 0.4,
    ) -> None:
        self._budget_bytes = budget_bytes
        self._tokens = tokens
        self._buckets = buckets
        self._by_score = by_score
        self._newest = newest
        self._queries = queries
        self._page = page
        self._retrieve = retrieve
        self._older_kept = slabs.Shelf()
        self._newest_kept = slabs.Shelf()

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Take in the tokens of a look; when the room is full, choose. Where the gaze rests makes no difference here."""
        frames, refused = frames_of(look, protect, self._dim)
        gone = []
        for frame in frames:
            self._newest_kept.append(slabs.of_frame(frame))
            while len(self._newest_kept) > self._newest or self._newest_kept.nbytes > self._budget_bytes // 2:
                self._older_kept.append(self._newest_kept.pop())
            if self.nbytes() > self._budget_bytes or sum(len(slab.t_ns) for slab in self._older_kept) > self._tokens:
                gone.append(self._choose())
        return refused + slabs.dropped("budget", *gone)

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """The newest frames, before them the pages that fit the cue's tokens best; without such a cue the choice of a full memory.

        A cue's vector is not used: pages have no vector of an encoder.
        """
        room = max_tokens
        first = len(self._newest_kept)
        while first and len(self._newest_kept[first - 1].t_ns) <= room:
            first -= 1
            room -= len(self._newest_kept[first].t_ns)
        older = slabs.concat(list(self._older_kept), self._dim)
        if cue is not None and cue.tokens is not None and len(cue.tokens) and cue.tokens.shape[1] == self._dim:
            chosen = self._pages(older, unit_rows(cue.tokens).mean(axis=0), room)
        else:
            chosen = self._covering(older, room)
        newest = [self._newest_kept[at] for at in range(first, len(self._newest_kept))]
        return slabs.concat([slabs.take(older, chosen), *newest])

    def nbytes(self) -> int:
        """Bytes kept."""
        return self._older_kept.nbytes + self._newest_kept.nbytes

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget every token captured within one of these spans, both ends included, nanoseconds."""
        gone = self._older_kept.forget(spans) + self._newest_kept.forget(spans)
        total = sum(drop.count for drop in gone)
        return (Dropped("token", "forgotten", total),) if total else ()

    def state(self) -> bytes:
        """All that is kept."""
        return codec.encode(BucketedState(list(self._older_kept), list(self._newest_kept)))

    def load(self, data: bytes) -> None:
        """Take up a state."""
        state = codec.decode(data, BucketedState)
        self._older_kept = slabs.Shelf(state.older)
        self._newest_kept = slabs.Shelf(state.newest)

    @property
    def _dim(self) -> int:
        kept = [*self._older_kept, *self._newest_kept]
        return int(kept[0].emb.shape[1]) if kept else 0

    def _choose(self) -> Slab:
        """Cut what is older than the newest frames down to its room; returns what had to go."""
        older = slabs.concat([self._older_kept.pop() for _ in range(len(self._older_kept))])
        room = min(self._tokens, slabs.tokens_for(self._budget_bytes - self._newest_kept.nbytes, older.emb.shape[1]))
        kept = np.zeros(len(older.t_ns), dtype=np.bool_)
        kept[self._covering(older, int(room * _FILL))] = True
        if kept.any():
            self._older_kept.append(slabs.take(older, kept))
        return slabs.take(older, ~kept)

    def _attention(self, older: Slab) -> select.Floats:
        """How much the latest tokens look back on each, float32 [N]: the mean over them of a softmax over cosines."""
        if not len(older.t_ns):
            return np.zeros(0, dtype=np.float32)
        latest = np.concatenate([slab.emb for slab in self._newest_kept or [older]])
        cosine = unit_rows(latest[-self._queries :]) @ unit_rows(older.emb).T
        paid = np.exp(_SHARPNESS * (cosine - 1.0))
        paid /= paid.sum(axis=1, keepdims=True)
        score: select.Floats = paid.mean(axis=0)
        return score

    def _covering(self, older: Slab, count: int) -> select.Chosen:
        """By score first, then by coverage."""
        stretches = min(self._buckets, len(np.unique(older.t_ns)))
        return select.covering(self._attention(older), older.t_ns, count, max(1, stretches), self._by_score)

    def _pages(self, older: Slab, asked: Vector, room: int) -> select.Chosen:
        """The pages that fit, as tokens."""
        fits = unit_rows(select.page_means(unit_rows(older.emb), self._page)) @ asked
        pages = select.best_in_time(fits, min(room // self._page, math.ceil(self._retrieve * len(fits))))
        tokens = (pages[:, None] * self._page + np.arange(self._page)).ravel()
        return tokens[tokens < len(older.t_ns)]
