"""SAVEMem (2026): three tiers of tokens, thinned by what generic questions would ask about."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime import codec
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import select, slabs
from edge_runtime.remember.policies.frames import TokenFrame, frames_of, unit_rows
from edge_runtime.remember.policies.matching import neighbour_cosine, otsu
from edge_runtime.remember.policies.reduce import components, merge, quadrant_quota
from edge_runtime.remember.sizes import vector_bytes
from edge_runtime.types import Box, RegionKind

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

FRAME_BYTES = 400
"""One frame's struct, grid and box, beside its arrays."""
FEW_TOKENS = 20
"""A frame with fewer tokens is grouped, not thinned by quarters."""
LEAST_TOKENS = 4


class Frame(msgspec.Struct):
    """A frame of the short or the middle tier.

    Attributes:
        tokens: Those kept of it, with their salience.
        kind: Of the region.
        box: Of the region.
        hw: Grid of the whole frame.
        apart: float32 [P]: distance of each token to the frame before; empty where there was none to compare with, or no longer needed.
        scene: Whether it begins a new scene.
    """

    tokens: Slab
    kind: RegionKind
    box: Box
    hw: tuple[int, int]
    apart: Floats
    scene: bool

    def aligned_with(self, other: Frame) -> bool:
        """Whether cells at one place of both show the same part of the picture."""
        return (self.kind, self.box, self.hw) == (other.kind, other.box, other.hw)

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return FRAME_BYTES + slabs.slab_bytes(self.tokens) + vector_bytes(self.apart)


class MeanDistance(msgspec.Struct):
    """Mean distance between the frames of one kind so far."""

    total: float = 0.0
    frames: int = 0


class SaveMemState(msgspec.Struct):
    """What a policy of this kind keeps, as plain data."""

    short: list[Frame]
    middle: list[Frame]
    long: list[Slab]
    means: dict[str, MeanDistance]


class SaveMem:
    """Keeps the newest frames whole, of older ones what differs from their neighbours, and of the oldest what is worth asking about.

    SAVEMem thins a frame that leaves the short tier to the tokens that differ from the frame before or after (each threshold by Otsu,
    matched over 3 x 3 cells), and a frame that leaves the middle tier to an equal quota of each quarter by salience, which is the
    likeness to the tokens of five generic questions; without them connected tokens become one. Questions are matched by late
    interaction. Kept of it: tiers, thresholds, quotas, salience, matching. Not kept: the gate between now and past, which as
    released is set per benchmark: whether a question is about the past is the caller's to say, by giving a cue or none. Departures: probes
    are an argument, from whatever encoder shares a space with the tokens; where there are none, the long tier loses its weakest tokens by
    norm. Mended: the bound holds for all tiers, not for the long one alone; a memory is kept while streaming, not made anew for every
    question; what is not aligned with a frame before or after counts as new; what does not fit steps
    down a tier before it goes. Where the gaze rests makes no difference.

    Args:
        budget_bytes: Everything kept; the probes aside.
        seed: Makes no difference here.
        probes: float32 [K,D], what questions ask about, in the space of the tokens; ``None`` without.
        short_frames: Frames kept whole.
        middle_frames: Frames kept thinned.
        most_tokens: At most so many in all tiers, however many bytes there are.
        scene_factor: A frame this many times as far from the one before as frames are on average begins a scene.
        retrieved: Older frames shown to a question where their scores differ much.
    """

    def __init__(
        self,
        budget_bytes: int,
        *,
        seed: int = 0,
        probes: Floats | None = None,
        short_frames: int = 8,
        middle_frames: int = 16,
        most_tokens: int = 2_048,
        scene_factor: float = 1.5,
        retrieved: int = 10,
    ) -> None:
        self._budget_bytes = budget_bytes
        self._probes = None if probes is None else unit_rows(probes)
        self._short_frames = short_frames
        self._middle_frames = middle_frames
        self._most_tokens = most_tokens
        self._scene_factor = scene_factor
        self._retrieved = retrieved
        self._short: list[Frame] = []
        self._middle: list[Frame] = []
        self._long = slabs.Shelf()
        self._means: dict[str, MeanDistance] = {}

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Take in the tokens of a look: ``similar`` ones go on the way to the middle tier, then what salience is lowest (``budget``)."""
        frames, refused = frames_of(look, (), self._dim)
        similar: list[Slab] = []
        least: list[Slab] = []
        for frame in frames:
            self._short.append(self._arrived(frame))
            if len(self._short) > self._short_frames:
                similar.append(self._to_middle())
            if len(self._middle) > self._middle_frames:
                least.append(self._to_long())
            while (over := self._tokens_over()) > 0:
                if len(self._long):
                    least.append(self._drop_least(over))
                elif self._middle:
                    least.append(self._to_long())
                else:
                    similar.append(self._to_middle())
        return refused + slabs.dropped("similar", *similar) + slabs.dropped("budget", *least)

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """The short tier, then of the others whole frames: the newest, or with a cue of tokens those that fit it best."""
        older = [*self._long, *(frame.tokens for frame in self._middle)]
        parts = [*older, *(frame.tokens for frame in self._short)]
        order = [*range(len(parts) - 1, len(older) - 1, -1), *self._fitting(older, cue)]
        chosen = []
        for at in order:
            size = len(parts[at].t_ns)
            if size <= max_tokens:
                max_tokens -= size
                chosen.append(parts[at])
        return slabs.in_time(slabs.concat(chosen, self._dim))

    def nbytes(self) -> int:
        """Bytes kept."""
        return self._long.nbytes + sum(frame.nbytes for frame in [*self._short, *self._middle])

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget tokens captured within one of these spans, both ends included, and all distances, which they may be part of."""
        gone = []
        for tier in (self._short, self._middle):
            gone += [frame.tokens for frame in tier if slabs.touched(frame.tokens, spans).any()]
            tier[:] = [frame for frame in tier if not slabs.touched(frame.tokens, spans).any()]
        for frame in self._short:
            frame.apart, frame.scene = _NOTHING, False
        self._means = {}
        return self._long.forget(spans) + slabs.dropped("forgotten", *gone)

    def state(self) -> bytes:
        """All that is kept."""
        return codec.encode(SaveMemState(self._short, self._middle, list(self._long), self._means))

    def load(self, data: bytes) -> None:
        """Take up a state."""
        state = codec.decode(data, SaveMemState)
        self._short, self._middle, self._long, self._means = state.short, state.middle, slabs.Shelf(state.long), state.means

    @property
    def _dim(self) -> int:
        if self._probes is not None:
            return int(self._probes.shape[1])
        parts = [*self._long, *(frame.tokens for frame in [*self._middle, *self._short])]
        return int(parts[0].emb.shape[1]) if parts else 0

    def _arrived(self, frame: TokenFrame) -> Frame:
        """A frame with what it is worth and how far it is from the one before."""
        tokens, unit = slabs.of_frame(frame), unit_rows(frame.emb)
        if self._probes is not None:
            tokens.salience[:] = (unit @ self._probes.T).max(axis=1)
        else:
            tokens.salience[:] = np.sqrt(np.square(frame.emb, dtype=np.float32).sum(axis=1))
        arrived = Frame(tokens, frame.kind, frame.box, frame.hw, _NOTHING, scene=False)
        before = next((other for other in reversed(self._short) if other.aligned_with(arrived)), None)
        if before is not None:
            arrived.apart = 1.0 - neighbour_cosine(unit, unit_rows(before.tokens.emb), frame.hw)
            mean = self._means.setdefault(frame.kind, MeanDistance())
            distance = float(arrived.apart.mean())
            arrived.scene = mean.frames > 0 and distance > self._scene_factor * mean.total / mean.frames
            mean.total, mean.frames = mean.total + distance, mean.frames + 1
        return arrived

    def _to_middle(self) -> Slab:
        """Thin the oldest frame of the short tier to what differs from its neighbours; returns what goes."""
        frame = self._short.pop(0)
        keep = _differs(frame.apart, len(frame.tokens.t_ns))
        after = next((other for other in self._short if other.aligned_with(frame)), None)
        apart = _NOTHING
        if after is not None:
            apart = 1.0 - neighbour_cosine(unit_rows(frame.tokens.emb), unit_rows(after.tokens.emb), frame.hw)
        keep |= _differs(apart, len(keep))
        if len(apart) and not frame.scene:
            worth = frame.tokens.salience if self._probes is not None else np.float32(0.0)
            keep &= 1.0 - apart <= 0.8 + 0.15 * worth
        gone = slabs.take(frame.tokens, ~keep)
        if keep.any():
            frame.tokens, frame.apart = slabs.take(frame.tokens, keep), _NOTHING
            self._middle.append(frame)
        return gone

    def _to_long(self) -> Slab:
        """Thin the oldest frame of the middle tier to what is worth asking about, or group it; returns what goes."""
        frame = self._middle.pop(0)
        tokens = frame.tokens
        count = len(tokens.t_ns)
        if self._probes is None or count < FEW_TOKENS:
            self._long.append(_grouped(tokens))
            return slabs.empty()
        share = 0.15 + 0.25 * min(1.0, max(0.0, float(tokens.salience.mean())))
        chosen = quadrant_quota(tokens.salience, tokens.pos, frame.hw, max(LEAST_TOKENS, round(share * count)))
        keep = np.zeros(count, np.bool_)
        keep[chosen] = True
        self._long.append(slabs.take(tokens, keep))
        return slabs.take(tokens, ~keep)

    def _tokens_over(self) -> int:
        """How many tokens too many there are, by number or by bytes; 0 if none."""
        parts = [*self._long, *(frame.tokens for frame in [*self._middle, *self._short])]
        tokens, nbytes = sum(len(part.t_ns) for part in parts), self.nbytes()
        each = -(-nbytes // max(1, tokens))
        return max(0, tokens - self._most_tokens, -(-(nbytes - self._budget_bytes) // max(1, each)))

    def _drop_least(self, count: int) -> Slab:
        """Take the least salient tokens out of the long tier, the older of equals first."""
        salience = np.concatenate([slab.salience for slab in self._long])
        keep = np.ones(len(salience), np.bool_)
        keep[np.argsort(salience, kind="stable")[:count]] = False
        ends = np.cumsum([len(slab.t_ns) for slab in self._long])[:-1]
        parts = list(zip(self._long, np.split(keep, ends), strict=True))
        self._long = slabs.Shelf([slabs.take(slab, mask) if not mask.all() else slab for slab, mask in parts if mask.any()])
        return slabs.concat([slabs.take(slab, ~mask) for slab, mask in parts])

    def _fitting(self, older: list[Slab], cue: RetrievalCue | None) -> list[int]:
        """Numbers of the older frames, best first: by late interaction where a cue has tokens of this width, else the newest first."""
        if not older or cue is None or cue.tokens is None or not len(cue.tokens) or cue.tokens.shape[1] != self._dim:
            return list(range(len(older) - 1, -1, -1))
        bounds = np.cumsum([0, *(len(slab.t_ns) for slab in older)], dtype=np.int64)
        unit = unit_rows(np.concatenate([slab.emb for slab in older]))
        score = select.late_interaction(unit_rows(np.nan_to_num(cue.tokens)), unit, bounds)
        return [int(at) for at in select.ranked(score)[: select.adaptive_count(score, self._retrieved)]]


_NOTHING: Floats = np.empty(0, np.float32)


def _differs(apart: Floats, count: int) -> Mask:
    """Tokens bool [count] farther from a neighbouring frame than Otsu's threshold; all where there is no such frame."""
    return apart > otsu(apart, 0.0, 2.0) if len(apart) else np.ones(count, np.bool_)


def _grouped(tokens: Slab) -> Slab:
    """Make connected tokens that are alike one: their mean, at the place of the member closest to it."""
    unit = unit_rows(tokens.emb)
    group = components(unit, tokens.pos)
    merged = merge(tokens, group, int(group.max()) + 1)
    closeness = np.einsum("nd,nd->n", unit, unit_rows(merged.emb)[group])
    order = np.lexsort((-closeness, group))
    first = order[np.unique(group[order], return_index=True)[1]]
    merged.pos[:] = tokens.pos[first]
    return merged
