"""Flash-VStream: the stream as a fixed number of clusters, and for the heaviest of them a real frame in full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from edge_runtime import codec
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.frames import frames_of
from edge_runtime.remember.policies.reduce import merge, ordered_kmeans, pool
from edge_runtime.types import Box

SLOT_BYTES = 200
"""One slot without its slabs: the struct, its numbers, and its place in a list."""


class Slot(msgspec.Struct):
    """One cluster of frames.

    Attributes:
        mean: Its frames at low resolution, averaged cell by cell; a cell weighs as many tokens as it stands for.
        frames: How many.
        t_ns: Their mean time.
        detail: One of them in full: no tokens where it has been let go.
        nearest: The same frame at low resolution; no tokens with no detail.
    """

    mean: Slab
    frames: int
    t_ns: int
    detail: Slab
    nearest: Slab

    @property
    def nbytes(self) -> int:
        """Bytes of the slot."""
        return SLOT_BYTES + sum(map(slabs.slab_bytes, (self.mean, self.detail, self.nearest)))


class _State(msgspec.Struct):
    slots: list[Slot]
    merges: int


class FlashCsm:
    """Flash-VStream (ICCV 2025, the Qwen form), training-free: a context synopsis, and a detail bank for its heaviest slots.

    Every frame enters at low resolution as a slot of its own; over capacity all slots of its shape are clustered to one fewer, carrying
    weight and time. The heaviest slots show the real frame nearest to their mean in full.

    Mended: the released form draws random first centres, keeps every frame it has seen as a candidate for the detail bank, and so answers
    differently each time and grows for ever. Here the clustering is seeded, and a slot holds at most one real frame, a member of its
    own: when clusters join, the one nearest to the new mean stays; beyond the bytes the lightest slots lose theirs.
    A token shown in detail is taken off the weight of its slot's mean, so that none counts twice. In full means as offered: the released
    form encodes detail at twice the resolution. Not kept: the trained weights, and the learned slots of the older form.

    Args:
        budget_bytes: Everything kept.
        seed: Of the clustering.
        slots: The most clusters; 60 in the paper.
        details: The most frames shown in full; 30 in the paper.
        low_hw: Grid of a slot; 8 x 8 in the paper for pictures of 448 px.
        synopsis_share: Part of the bytes for the means, so that detail keeps the rest; a third of the tokens in the paper.
    """

    def __init__(
        self,
        budget_bytes: int,
        *,
        seed: int = 0,
        slots: int = 60,
        details: int = 30,
        low_hw: tuple[int, int] = (8, 8),
        synopsis_share: float = 1 / 3,
    ) -> None:
        self._budget_bytes = budget_bytes
        self._seed = seed
        self._most_slots = slots
        self._details = details
        self._low_hw = low_hw
        self._synopsis_bytes = int(synopsis_share * budget_bytes)
        self._slots: list[Slot] = []
        self._merges = 0

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The synopsis in order of mean time."""
        return tuple(self._slots)

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Take in the tokens of a look. Where the gaze rests makes no difference here."""
        frames, refused = frames_of(look, protect, self._dim)
        gone: list[Slab] = []
        for frame in frames:
            low = pool(frame, self._low_hw)
            self._slots.append(Slot(low, 1, frame.t_ns, slabs.of_frame(frame), low))
            while len(self._slots) > self._most_slots or (len(self._slots) > 1 and self._mean_bytes > self._synopsis_bytes):
                gone += self._one_fewer()
            self._trim_details()
            if self.nbytes() > self._budget_bytes:  # a single slot
                gone += [slot.mean for slot in self._slots]
                self._slots = []
        return refused + slabs.dropped("budget", *gone)

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """The synopsis, and the details of its heaviest slots as far as there is room, whatever is asked."""
        room = max_tokens
        shown: dict[int, bool] = {}
        heaviest = self._heaviest()
        for at in heaviest:
            if len(self._slots[at].mean.t_ns) <= room:
                shown[at] = False
                room -= len(self._slots[at].mean.t_ns)
        held = [at for at in heaviest if len(self._slots[at].detail.t_ns)]
        for at in held[: self._details]:
            added = len(self._slots[at].detail.t_ns)
            if at in shown and added <= room:
                shown[at] = True
                room -= added
        parts = [part for at, slot in enumerate(self._slots) if at in shown for part in _parts(slot, shown[at])]
        return slabs.in_time(slabs.concat(parts, self._dim))

    def nbytes(self) -> int:
        """Bytes kept."""
        return sum(slot.nbytes for slot in self._slots)

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget every slot with a frame captured within one of these spans, both ends included, nanoseconds."""
        hit = [bool(slabs.touched(slot.mean, spans).any()) for slot in self._slots]
        gone = [slot.mean for slot, is_hit in zip(self._slots, hit, strict=True) if is_hit]
        self._slots = [slot for slot, is_hit in zip(self._slots, hit, strict=True) if not is_hit]
        return slabs.dropped("forgotten", *gone)

    def state(self) -> bytes:
        """All that is kept."""
        return codec.encode(_State(self._slots, self._merges))

    def load(self, data: bytes) -> None:
        """Take up a state."""
        state = codec.decode(data, _State)
        self._slots, self._merges = state.slots, state.merges

    @property
    def _dim(self) -> int:
        return int(self._slots[0].mean.emb.shape[1]) if self._slots else 0

    @property
    def _mean_bytes(self) -> int:
        return sum(SLOT_BYTES + slabs.slab_bytes(slot.mean) for slot in self._slots)

    def _heaviest(self) -> list[int]:
        """Slots by falling weight; of equal ones the earliest."""
        return sorted(range(len(self._slots)), key=lambda at: -self._slots[at].frames)

    def _one_fewer(self) -> list[Slab]:
        """Cluster the slots of the most frequent shape to one fewer; where no two are of one shape the lightest goes."""
        shapes = Counter(len(slot.mean.t_ns) for slot in self._slots)
        shape, count = max(shapes.items(), key=lambda item: item[1])
        if count == 1:
            return [self._slots.pop(self._heaviest()[-1]).mean]
        alike = [slot for slot in self._slots if len(slot.mean.t_ns) == shape]
        points = np.stack([slot.mean.emb.ravel() for slot in alike]).astype(np.float32)
        weight = np.array([slot.frames for slot in alike], np.float32)
        times = np.array([slot.t_ns for slot in alike], np.int64)
        assign = ordered_kmeans(points, weight, times, count - 1, np.random.default_rng((self._seed, self._merges)))
        self._merges += 1
        joined = [_joined([alike[at] for at in np.flatnonzero(assign == cluster)]) for cluster in range(count - 1)]
        others = [slot for slot in self._slots if len(slot.mean.t_ns) != shape]
        self._slots = sorted(joined + others, key=lambda slot: slot.t_ns)
        return []

    def _trim_details(self) -> None:
        """Let the details of the lightest slots go, until the bytes are kept to."""
        held = [at for at in self._heaviest() if len(self._slots[at].detail.t_ns)]
        while held and self.nbytes() > self._budget_bytes:
            slot = self._slots[held.pop()]
            slot.detail, slot.nearest = slabs.empty(self._dim), slabs.empty(self._dim)


def _joined(members: Sequence[Slot]) -> Slot:
    """One slot of several; of their details the one nearest to the new mean."""
    if len(members) == 1:
        return members[0]
    cells = len(members[0].mean.t_ns)
    mean = merge(slabs.concat([slot.mean for slot in members]), np.tile(np.arange(cells), len(members)), cells)
    frames = sum(slot.frames for slot in members)
    start_ns = min(slot.t_ns for slot in members)
    t_ns = start_ns + sum(slot.frames * (slot.t_ns - start_ns) for slot in members) // frames
    held = [slot for slot in members if len(slot.detail.t_ns)] or list(members[:1])
    best = min(held, key=lambda slot: _apart(slot.nearest, mean))
    return Slot(mean, frames, t_ns, best.detail, best.nearest)


def _apart(low: Slab, mean: Slab) -> float:
    """Squared distance of two low-resolution frames; 0 if there is none."""
    if not len(low.t_ns):
        return 0.0
    step = (low.emb.astype(np.float32) - mean.emb.astype(np.float32)).ravel()
    return float(np.dot(step, step))


def _parts(slot: Slot, in_detail: bool) -> Iterator[Slab]:
    """What is shown of a slot: its mean, or its detail and the mean for all others."""
    if not in_detail or not len(slot.detail.t_ns):
        yield slot.mean
        return
    others = slot.mean.weight - slot.nearest.weight
    yield slabs.take(msgspec.structs.replace(slot.mean, weight=others), others > 0)
    yield slot.detail
