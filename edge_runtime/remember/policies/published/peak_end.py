"""LiveStar: of the frames behind each answer, those that bear it out best stay, and the last."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec

from edge_runtime import codec
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.frames import TokenFrame, frames_of
from edge_runtime.types import Box

MOMENT_BYTES = 200
"""One frame without its slab: the struct, its numbers, and its place in a list."""


class Standing(NamedTuple):
    """How the standing answer fares.

    Attributes:
        answer: Its number; another number is another answer.
        perplexity: Of the answer, given the frame; what is not finite counts as the worst.
    """

    answer: int
    perplexity: float


class _Moment(msgspec.Struct):
    frame: Slab
    answer: int
    perplexity: float


class _State(msgspec.Struct):
    moments: list[_Moment]


class PeakEnd:
    """LiveStar (NeurIPS 2025), the memory half: "peak-end" thinning of frames by the perplexity of what was last said.

    Over capacity, of all frames during which one answer stood, the half with the lowest perplexity stays, and the last. Where that
    frees nothing, because every answer is down to its best and its last frame, the oldest frame goes.

    Not kept: keys and values, the training, and the decision to speak when the perplexity has risen by 3 or 4 %.

    Args:
        budget_bytes: Everything kept.
        seed: Makes no difference here.
        standing: Asked once for every frame, in their order. Without one, all frames are of one answer and equal, and of equal frames
            every other stays: the stream is thinned out evenly, the older part the more.
        frames: At most; 24 in the paper.
    """

    def __init__(
        self, budget_bytes: int, *, seed: int = 0, standing: Callable[[TokenFrame], Standing] | None = None, frames: int = 24
    ) -> None:
        self._budget_bytes = budget_bytes
        self._standing = standing
        self._frames = frames
        self._moments: list[_Moment] = []

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Take in the tokens of a look. Where the gaze rests makes no difference here."""
        frames, refused = frames_of(look, protect, self._dim)
        skipped: list[Slab] = []
        gone: list[Slab] = []
        for frame in frames:
            answer, perplexity = self._standing(frame) if self._standing else Standing(0, 1.0)
            self._moments.append(_Moment(slabs.of_frame(frame), answer, perplexity if math.isfinite(perplexity) else math.inf))
            while self._moments and (len(self._moments) > self._frames or self.nbytes() > self._budget_bytes):
                thinned = self._thin()
                skipped += thinned
                if not thinned:
                    gone.append(self._moments.pop(0).frame)
        return refused + slabs.dropped("skipped", *skipped) + slabs.dropped("budget", *gone)

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """The newest of the frames kept that fit whole, in order of time, whatever is asked."""
        first = len(self._moments)
        room = max_tokens
        while first and len(self._moments[first - 1].frame.t_ns) <= room:
            first -= 1
            room -= len(self._moments[first].frame.t_ns)
        return slabs.concat([moment.frame for moment in self._moments[first:]], self._dim)

    def nbytes(self) -> int:
        """Bytes kept."""
        return sum(MOMENT_BYTES + slabs.slab_bytes(moment.frame) for moment in self._moments)

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget every frame captured within one of these spans, both ends included, nanoseconds."""
        kept = [moment for moment in self._moments if not slabs.touched(moment.frame, spans).any()]
        left = {id(moment) for moment in kept}
        gone = [moment.frame for moment in self._moments if id(moment) not in left]
        self._moments = kept
        return slabs.dropped("forgotten", *gone)

    def state(self) -> bytes:
        """All that is kept; what asks for the standing answer is no part of it."""
        return codec.encode(_State(self._moments))

    def load(self, data: bytes) -> None:
        """Take up a state."""
        self._moments = codec.decode(data, _State).moments

    @property
    def _dim(self) -> int:
        return int(self._moments[0].frame.emb.shape[1]) if self._moments else 0

    def _thin(self) -> list[Slab]:
        """Of the frames of each answer keep the better half and the last; returns the others."""
        kept: list[_Moment] = []
        gone: list[Slab] = []
        for _, group in groupby(self._moments, key=lambda moment: moment.answer):
            moments = list(group)
            rank = sorted(range(len(moments)), key=lambda at: (moments[at].perplexity, at % 2))
            stays = {*rank[: len(moments) // 2], len(moments) - 1}
            kept += [moment for at, moment in enumerate(moments) if at in stays]
            gone += [moment.frame for at, moment in enumerate(moments) if at not in stays]
        self._moments = kept
        return gone
