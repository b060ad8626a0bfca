"""Sets of tokens: made, cut, joined, weighed; and a row of them in order of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.records import Dropped, Slab
from edge_runtime.remember.policies.frames import TokenFrame

SLAB_BYTES = 900
"""One slab without its numbers: six array objects, the struct, and its place in a list."""

Index = npt.NDArray[np.bool_] | npt.NDArray[np.int64]
Spans = Sequence[tuple[int, int]]


def empty(dim: int = 0) -> Slab:
    """No tokens of ``dim`` numbers."""
    return Slab(
        emb=np.empty((0, dim), dtype=np.float16),
        pos=np.empty((0, 3), dtype=np.int32),
        t_ns=np.empty(0, dtype=np.int64),
        t_end_ns=np.empty(0, dtype=np.int64),
        weight=np.empty(0, dtype=np.float32),
        salience=np.empty(0, dtype=np.float32),
    )


def of_frame(frame: TokenFrame, keep: Index | None = None) -> Slab:
    """The tokens of a frame, each of weight 1 and salience 0; with ``keep`` only those."""
    rows, columns = frame.hw
    count = rows * columns
    pos = np.empty((count, 3), dtype=np.int32)
    pos[:, 0] = frame.seq
    pos[:, 1:] = np.indices((rows, columns), dtype=np.int32).reshape(2, -1).T
    times = np.full(count, frame.t_ns, dtype=np.int64)
    whole = Slab(frame.emb, pos, times, times, np.ones(count, np.float32), np.zeros(count, np.float32))
    return whole if keep is None else take(whole, keep)


def take(slab: Slab, index: Index) -> Slab:
    """Some of its tokens, as copies: by mask bool [N], or by number int64 [K] in the order given."""
    return Slab(slab.emb[index], slab.pos[index], slab.t_ns[index], slab.t_end_ns[index], slab.weight[index], slab.salience[index])


def concat(slabs: Sequence[Slab], dim: int = 0) -> Slab:
    """All tokens of some slabs of one ``D``, in their order; without any, none of ``dim`` numbers."""
    if not slabs:
        return empty(dim)
    return Slab(
        emb=np.concatenate([slab.emb for slab in slabs]),
        pos=np.concatenate([slab.pos for slab in slabs]),
        t_ns=np.concatenate([slab.t_ns for slab in slabs]),
        t_end_ns=np.concatenate([slab.t_end_ns for slab in slabs]),
        weight=np.concatenate([slab.weight for slab in slabs]),
        salience=np.concatenate([slab.salience for slab in slabs]),
    )


def pick(slabs: Sequence[Slab], numbers: npt.NDArray[np.int64], dim: int = 0) -> Slab:
    """Some tokens of several slabs of one ``D``, as copies, by their numbers through all of them, in ascending order."""
    firsts = np.cumsum([0, *(len(slab.t_ns) for slab in slabs)])
    of, starts = np.unique(np.searchsorted(firsts, numbers, side="right") - 1, return_index=True)
    parts = np.split(numbers, starts[1:])
    return concat([take(slabs[at], part - firsts[at]) for at, part in zip(of.tolist(), parts, strict=False)], dim)


def in_time(slab: Slab) -> Slab:
    """The same tokens in order of time; of one time as they were."""
    return take(slab, np.argsort(slab.t_ns, kind="stable").astype(np.int64))


def slab_bytes(slab: Slab) -> int:
    """Bytes a slab takes."""
    arrays = (slab.emb, slab.pos, slab.t_ns, slab.t_end_ns, slab.weight, slab.salience)
    return SLAB_BYTES + sum(array.nbytes for array in arrays)


def tokens_for(nbytes: int, dim: int) -> int:
    """How many tokens of ``dim`` numbers one slab of so many bytes holds."""
    return max(0, (nbytes - SLAB_BYTES) // (2 * dim + 3 * 4 + 2 * 8 + 2 * 4))


def source_tokens(slab: Slab) -> int:
    """How many tokens as offered it stands for."""
    return round(float(slab.weight.sum(dtype=np.float64)))


def touched(slab: Slab, spans: Spans) -> npt.NDArray[np.bool_]:
    """Tokens bool [N] that stand for anything captured within one of the spans, both ends included, nanoseconds."""
    hit = np.zeros(slab.t_ns.shape, dtype=np.bool_)
    for start_ns, end_ns in spans:
        hit |= (slab.t_ns <= end_ns) & (slab.t_end_ns >= start_ns)
    return hit


def dropped(reason: str, *slabs: Slab) -> tuple[Dropped, ...]:
    """These slabs as a drop, counted in tokens as offered; nothing if they are empty."""
    count = sum(map(source_tokens, slabs))
    return (Dropped("token", reason, count),) if count else ()


class Shelf:
    """Slabs in order of time, with what they weigh."""

    def __init__(self, slabs: Sequence[Slab] = ()) -> None:
        self._slabs = list(slabs)
        self.nbytes = sum(map(slab_bytes, self._slabs))

    def __len__(self) -> int:
        return len(self._slabs)

    def __iter__(self) -> Iterator[Slab]:
        return iter(self._slabs)

    def __getitem__(self, at: int) -> Slab:
        return self._slabs[at]

    def append(self, slab: Slab) -> None:
        """Put a slab at the end."""
        self._slabs.append(slab)
        self.nbytes += slab_bytes(slab)

    def pop(self, at: int = 0) -> Slab:
        """Take a slab out, the oldest unless said otherwise."""
        slab = self._slabs.pop(at)
        self.nbytes -= slab_bytes(slab)
        return slab

    def replace(self, at: int, slab: Slab) -> None:
        """Put another slab in the place of one."""
        self.nbytes += slab_bytes(slab) - slab_bytes(self._slabs[at])
        self._slabs[at] = slab

    def forget(self, spans: Spans) -> tuple[Dropped, ...]:
        """Let go of every token that stands for anything within the spans; slabs left empty go."""
        gone = 0
        kept = []
        for slab in self._slabs:
            hit = touched(slab, spans)
            gone += source_tokens(take(slab, hit)) if hit.any() else 0
            rest = take(slab, ~hit) if hit.any() else slab
            if len(rest.t_ns):
                kept.append(rest)
        self._slabs = kept
        self.nbytes = sum(map(slab_bytes, kept))
        return (Dropped("token", "forgotten", gone),) if gone else ()


class ShelfState(msgspec.Struct):
    """A shelf as plain data."""

    slabs: list[Slab] = []
