"""Search keys: 128 small numbers for every vector in the log, and the matrix in memory that is searched by them.

A key only picks candidates; what is best among these is settled with the vectors themselves (:mod:`edge_runtime.remember.recall`).
The projection is the subsampled randomised Hadamard transform of Ailon and Chazelle, "The Fast Johnson-Lindenstrauss Transform"
(SIAM J. Comput. 39, 2009), which keeps angles without having seen a single vector. It is reckoned in whole numbers, and so is a dot
product of two keys: the same on every machine.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Iterable, Iterator
from typing import cast

import numpy as np
import numpy.typing as npt

from edge_runtime.remember.likeness import exact, usable
from edge_runtime.types import Vector

KEY_DIM = 128
MATRIX_BYTES = 16 * 1024 * 1024
"""What the search matrix takes if nothing else is said: a fixed reservation, full with 109,000 sightings that have a vector."""

Key = npt.NDArray[np.int8]
"""int8 [128]: a direction, times 127."""
Ids = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float32]

_SEED = b"edge_runtime search key 1"
_UNIT = 127.0
_BLOCK = 4096  # rows turned into float32 at a time: what BLAS is quick with, and small enough for the cache
_ROW_BYTES = KEY_DIM + 3 * 8 + 1
_KINDS = ("concept", "text", "label", "thing")
_GONE = 255


def key_of(vector: Vector | None) -> Key | None:
    """The search key of a vector float [G]; ``None`` if there is none or it has no direction.

    Vectors of at most 128 numbers are padded with zeros; longer ones are projected.
    """
    unit = usable(vector, 0)
    if unit is None:
        return None
    whole = exact(unit)
    short = np.pad(whole, (0, KEY_DIM - whole.size)) if whole.size <= KEY_DIM else _projection(whole.size) @ whole
    # Sums of squares of whole numbers, a root and a division: each correctly rounded by IEEE 754, in no order that could differ.
    length = math.sqrt(sum(number * number for number in short.tolist()))
    return cast(Key, np.rint(short * (_UNIT / length)).astype(np.int8)) if length else None


@functools.lru_cache(maxsize=4)
def _projection(dim: int) -> npt.NDArray[np.int64]:
    """128 rows of a Hadamard matrix with the signs of its columns drawn by lot: int64 [128, dim] of -1 and 1."""
    size = 1 << (dim - 1).bit_length()
    lots = np.frombuffer(hashlib.shake_128(_SEED + b" %d" % size).digest(4 * size), "<u2").astype(np.int64)
    rows, signs = np.argsort(lots[:size], kind="stable")[:KEY_DIM], 1 - 2 * (lots[size : size + dim] & 1)
    both = rows[:, None] & np.arange(dim)
    for shift in (16, 8, 4, 2, 1):  # fold the bits of each number into its lowest: whether their count is odd
        both ^= both >> shift
    return cast("npt.NDArray[np.int64]", (1 - 2 * (both & 1)) * signs)


def dots(keys: npt.NDArray[np.int8], key: Key) -> Numbers:
    """Dot products of int8 [N,128] with a key, float32 [N]: whole numbers below 2**24, hence exact in whatever order they are added."""
    found = np.empty(len(keys), np.float32)
    wanted, block = key.astype(np.float32), np.empty((min(_BLOCK, len(keys)), KEY_DIM), np.float32)
    for start in range(0, len(keys), _BLOCK):
        part = keys[start : start + _BLOCK]
        np.copyto(block[: len(part)], part)
        np.dot(block[: len(part)], wanted, out=found[start : start + len(part)])
    return found


class KeyMatrix:
    """The keys of one session's sightings, the newest of them if not all fit.

    It holds every key whose sighting is numbered ``floor`` or higher. When it is full the oldest eighth leaves, and ``floor`` rises.

    Args:
        nbytes: What it may take, at once and for good.

    Attributes:
        floor: Sightings numbered below it are to be looked for on disk.
        nbytes: What it takes.
    """

    def __init__(self, nbytes: int) -> None:
        rows = max(1, nbytes // _ROW_BYTES)
        self.floor = 0
        self.nbytes = rows * _ROW_BYTES
        self._ids = np.zeros(rows, np.int64)
        self._starts = np.zeros(rows, np.int64)
        self._ends = np.zeros(rows, np.int64)
        self._kinds = np.full(rows, _GONE, np.uint8)
        self._keys = np.zeros((rows, KEY_DIM), np.int8)
        self._used = 0

    def __len__(self) -> int:
        """How many keys it holds."""
        return int(np.count_nonzero(self._kinds[: self._used] != _GONE))

    def put(self, number: int, kind: str, t_start_ns: int, t_end_ns: int, key: bytes | None) -> None:
        """Take in the key of a sighting, or the lack of one, in place of what was known of it."""
        if key is None:
            self.drop((number,))
            return
        at = self._find(number)
        if at is None:
            at = self._make_room(number)
        if at is not None:
            self._ids[at], self._starts[at], self._ends[at] = number, t_start_ns, t_end_ns
            self._kinds[at], self._keys[at] = _KINDS.index(kind), np.frombuffer(key, np.int8)

    def drop(self, numbers: Iterable[int]) -> None:
        """Let sightings go; nothing of their keys stays."""
        for number in numbers:
            at = self._find(number)
            if at is not None:
                self._kinds[at], self._keys[at] = _GONE, 0

    def clear(self) -> None:
        """Let all go."""
        self._keys[: self._used] = 0
        self._kinds[: self._used] = _GONE
        self._used = self.floor = 0

    def nearest(
        self, key: Key, count: int, *, kinds: Iterable[str] = (), t_from_ns: int = 0, t_to_ns: int = 2**62, among: Ids | None = None
    ) -> Iterator[tuple[float, int]]:
        """The sightings nearest to a key that fit, at most ``count``: dot product and number, in no order.

        Args:
            key: What to look for.
            count: How many.
            kinds: Of these kinds; none means all.
            t_from_ns: That end at or after this.
            t_to_ns: That start at or before this.
            among: Only these numbers.
        """
        used = slice(0, self._used)
        wanted = [_KINDS.index(kind) for kind in kinds]
        fits = np.isin(self._kinds[used], wanted) if wanted else self._kinds[used] != _GONE
        fits &= (self._ends[used] >= t_from_ns) & (self._starts[used] <= t_to_ns)
        if among is not None:
            fits &= np.isin(self._ids[used], among)
        rows: slice | npt.NDArray[np.intp] = used if fits.all() else np.flatnonzero(fits)  # no copies where all fit
        found, ids = dots(self._keys[rows], key), self._ids[rows]
        order = foremost(found, self._ends[rows], ids, count)
        return zip(found[order].tolist(), ids[order].tolist(), strict=True)

    # ------------------------------------------------------------ inside

    def _find(self, number: int) -> int | None:
        at = int(np.searchsorted(self._ids[: self._used], number))
        return at if at < self._used and self._ids[at] == number else None

    def _make_room(self, number: int) -> int | None:
        """A row for a new sighting, in order of the numbers; ``None`` if it is older than all that have room."""
        if self._used == len(self._ids):
            self._compact()
        if number < self.floor:
            return None
        at = int(np.searchsorted(self._ids[: self._used], number))
        if at < self._used:  # rare: numbers count up
            for column in (self._ids, self._starts, self._ends, self._kinds, self._keys):
                column[at + 1 : self._used + 1] = column[at : self._used].copy()
        self._used += 1
        return at

    def _compact(self) -> None:
        """Close the gaps; where that is not enough, the oldest eighth leaves."""
        kept = np.flatnonzero(self._kinds[: self._used] != _GONE)
        most = len(self._ids) - max(1, len(self._ids) // 8)
        if len(kept) > most:
            self.floor = int(self._ids[kept[-most - 1]]) + 1
            kept = kept[len(kept) - most :]
        for column in (self._ids, self._starts, self._ends, self._kinds, self._keys):
            column[: len(kept)] = column[kept]
        self._keys[len(kept) : self._used] = 0
        self._kinds[len(kept) : self._used] = _GONE
        self._used = len(kept)


def foremost(scores: Numbers, ends_ns: Ids, ids: Ids, count: int) -> npt.NDArray[np.intp]:
    """Where the best scores are, at most ``count``; among equals those that end latest, so that the choice is always the same."""
    if len(scores) > count > 0:
        at = np.flatnonzero(scores >= np.partition(scores, len(scores) - count)[len(scores) - count])
    else:
        at = np.arange(len(scores))
    return at[np.lexsort((-ids[at], -ends_ns[at], -scores[at]))][: max(0, count)]
