"""Which tokens of a frame say again what another frame has said: cosines over a grid, thresholds, and what each cell is held against.

Rows are unit rows (``frames.unit_rows``), row-major over a grid of ``hw`` cells; the cosine with a row of zeros is 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.remember.policies.frames import TokenFrame, unit_rows
from edge_runtime.types import Box, TokenArray

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

NEVER_NS = -(2**63)
"""Before any time."""
_BLOCK_TOKENS = 1024
HELD_BYTES = 600
"""What is held of one kind of region without its numbers: two array objects, the struct, its box, and its place in a dictionary."""


def aligned_cosine(a: Floats, b: Floats) -> Floats:
    """Cosine of each row with the row at the same place: unit rows float32 [P,D] twice to float32 [P]."""
    cosine: Floats = np.einsum("pd,pd->p", a, b)
    return cosine


def most_alike(tokens: Sequence[TokenArray], cue: TokenArray) -> Floats:
    """Cosine of each token with the one of the cue that it is most like: float16 [N,D] several times and [L,D] to float32 [sum of N].

    Without a cue -1. In blocks, so that all that is kept never stands in memory twice.
    """
    asked, best = unit_rows(cue).T, np.full(sum(map(len, tokens)), -1.0, np.float32)
    if not len(cue):
        return best
    behind = 0
    for block in _blocks(tokens):
        rows = np.concatenate(block).astype(np.float32)
        norms = np.sqrt(np.einsum("nd,nd->n", rows, rows))
        first, behind = behind, behind + len(rows)
        best[first:behind] = (rows @ asked).max(axis=1) / np.where(norms > 0.0, norms, 1.0)
    return best


def _blocks(tokens: Sequence[TokenArray]) -> Iterator[list[TokenArray]]:
    """The same arrays in order, about so many rows together that each product is worth its call."""
    block: list[TokenArray] = []
    rows = 0
    for array in tokens:
        block.append(array)
        rows += len(array)
        if rows >= _BLOCK_TOKENS:
            yield block
            block, rows = [], 0
    if block:
        yield block


def neighbour_cosine(a: Floats, b: Floats, hw: tuple[int, int], reach: int = 1) -> Floats:
    """Best cosine of each cell of ``a`` with the cells of ``b`` at most ``reach`` away, float32 [P].

    With ``reach`` 1 that is the 3 x 3 neighbourhood of SAVEMem: a picture that moved by up to one cell still matches.
    """
    return best_neighbour(a, b, hw, reach)[0]


def best_neighbour(a: Floats, b: Floats, hw: tuple[int, int], reach: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """The same, and which cell of ``b`` it is, int64 [P]; of equally good ones the nearest."""
    places = np.arange(hw[0] * hw[1]).reshape(hw)
    best, source = np.full(hw, -2.0, np.float32), places.copy()
    near = range(-reach, reach + 1)
    for dy, dx in sorted(product(near, near), key=lambda s: (abs(s[0]) + abs(s[1]), s)):
        if abs(dy) < hw[0] and abs(dx) < hw[1]:
            here, cosine = _overlap(a, b, hw, dy, dx)
            better = cosine > best[here]
            best[here] = np.where(better, cosine, best[here])
            source[here] = np.where(better, places[here] + dy * hw[1] + dx, source[here])
    return best.ravel(), source.ravel()


def shifted_cosine(a: Floats, b: Floats, hw: tuple[int, int], most: int = 2) -> tuple[Floats, tuple[int, int]]:
    """Cosine after the one shift of the whole grid that fits best: motion compensation for a turning head.

    Args:
        a: Unit rows float32 [P,D].
        b: The same of the other frame.
        hw: Their grid.
        most: Largest shift tried, cells; always less than half the grid.

    Returns:
        float32 [P], -1 for cells that the shift brings in from outside; and the shift ``(dy, dx)``: cell ``(y, x)`` of ``a`` shows what
        cell ``(y + dy, x + dx)`` of ``b`` shows. Of equally good shifts the shortest.
    """
    rows, columns = hw
    tall, wide = min(most, (rows - 1) // 2), min(most, (columns - 1) // 2)
    shifts = sorted(product(range(-tall, tall + 1), range(-wide, wide + 1)), key=lambda s: (abs(s[0]) + abs(s[1]), s))
    best, at, best_mean = np.empty(0, np.float32), (0, 0), -np.inf
    for dy, dx in shifts:
        here, cosine = _overlap(a, b, hw, dy, dx)
        if (mean := float(cosine.mean())) > best_mean:
            best, at, best_mean = np.full(hw, -1.0, np.float32), (dy, dx), mean
            best[here] = cosine
    return best.ravel(), at


def otsu(values: npt.NDArray[np.floating], low: float, high: float, bins: int = 128) -> float:
    """The threshold that parts values into two classes with the largest variance between them (Otsu, 1979).

    Args:
        values: Any shape; what lies outside ``low..high`` counts as at its end.
        low: Lower end of the histogram.
        high: Upper end.
        bins: Its bins.

    Returns:
        The middle of the gap between the classes; the median where all values are alike, so that none lies above it.
    """
    if not values.size or float(values.var(dtype=np.float64)) <= 1e-12:
        return float(np.median(values)) if values.size else low
    counts, edges = np.histogram(np.clip(values, low, high), bins, (low, high))
    middles = (edges[:-1] + edges[1:]) / 2
    below = counts.cumsum()[:-1].astype(np.float64)
    above = values.size - below
    sums = (counts * middles).cumsum()
    split = (below > 0) & (above > 0)
    if not split.any():
        return float(np.median(values))
    apart = np.zeros(bins - 1)
    apart[split] = sums[:-1][split] / below[split] - (sums[-1] - sums[:-1][split]) / above[split]
    between = below * above * apart**2
    widest = np.flatnonzero(between >= between.max() * (1.0 - 1e-12))
    return float((edges[1 + widest[0]] + edges[1 + widest[-1]]) / 2)


class Held(msgspec.Struct):
    """What the cells of one kind of region are held against.

    Attributes:
        hw: Grid.
        box: Of the region.
        emb: float16 [P,D]: for each cell the token that stands for it.
        t_ns: int64 [P]: when that token was captured.
        t_last_ns: The newest frame compared.
    """

    hw: tuple[int, int]
    box: Box
    emb: TokenArray
    t_ns: npt.NDArray[np.int64]
    t_last_ns: int

    def fits(self, frame: TokenFrame) -> bool:
        """Whether cells at one place show the same part of the picture."""
        return self.hw == frame.hw and self.box == frame.box and self.emb.shape[1] == frame.dim


class LastKept(msgspec.Struct):
    """Tells new tokens from such as a kept token still stands for.

    Each cell is held against the *last kept* token that stands for it, so a slow change adds up until it counts. When the picture moves
    by a cell, the standing moves with it. So at any time the token that stands for a cell has a cosine above ``tau`` with what the cell
    shows. Kinds of regions are held apart; a frame that is not aligned with the last of its kind is all new.

    Attributes:
        tau: A token is new when its best cosine is not above this, 0..1.
        reach: How far a token may have moved since the last frame, cells.
        held: By kind of region.
        released_ns: Tokens captured up to then stand for nothing any more.
        alike: Share of the tokens of the last frame, kept or not, that are like what they were held against; ``None`` if nothing was.
    """

    tau: float
    reach: int = 1
    held: dict[str, Held] = {}
    released_ns: int = NEVER_NS
    alike: float | None = None

    def keep(self, frame: TokenFrame) -> Mask:
        """Tokens bool [P] of the next frame that are new, and those that are protected; they become what their cells are held against."""
        if not self.fits(frame):
            self.renew(frame)
            return np.ones(len(frame.emb), np.bool_)
        held = self.held[frame.kind]
        cosine, source = best_neighbour(unit_rows(frame.emb), unit_rows(held.emb), frame.hw, self.reach)
        new = cosine <= self.tau
        self.alike = 1.0 - float(new.mean())
        keep: Mask = new | (held.t_ns[source] <= self.released_ns) | frame.protected
        moved = bool((source != np.arange(len(source)))[~keep].any())
        emb, t_ns = (held.emb[source], held.t_ns[source]) if moved else (held.emb.copy(), held.t_ns.copy())
        emb[keep], t_ns[keep] = frame.emb[keep], frame.t_ns
        self.held[frame.kind] = Held(held.hw, held.box, emb, t_ns, frame.t_ns)
        return keep

    def fits(self, frame: TokenFrame) -> bool:
        """Whether the next frame can be compared with what is held."""
        held = self.held.get(frame.kind)
        return held is not None and held.fits(frame)

    def renew(self, frame: TokenFrame) -> None:
        """Take a frame that is kept whole as what its kind is held against."""
        self.held[frame.kind] = Held(frame.hw, frame.box, frame.emb, np.full(len(frame.emb), frame.t_ns, np.int64), frame.t_ns)
        self.alike = None

    def release(self, until_ns: int) -> None:
        """Tokens captured up to then have left memory: they stand for nothing, and their cells are kept anew from the next frame."""
        self.released_ns = max(self.released_ns, until_ns)

    def clear(self) -> None:
        """Hold nothing: the next frame of each kind is new."""
        self.held = {}

    def forget(self, spans: Sequence[tuple[int, int]]) -> None:
        """Let go of every kind to which a frame captured within one of these spans, both ends included, nanoseconds, contributed."""
        self.held = _outside(self.held, spans)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return _held_bytes(self.held)


class PreviousFrame(msgspec.Struct):
    """Tells new tokens from such as the frame just before had: the reference of TimeChat-Online as released.

    What changes a little in every frame never counts as new, however far it goes.

    Attributes:
        tau: A token is new when its best cosine is not above this.
        reach: How far a token may have moved, cells; 0 compares at the same place only.
        held: The frame before, by kind of region.
        alike: Share of the tokens of the last frame that are like what they were held against; ``None`` if nothing was.
    """

    tau: float
    reach: int = 0
    held: dict[str, Held] = {}
    alike: float | None = None

    def keep(self, frame: TokenFrame) -> Mask:
        """Tokens bool [P] of the next frame that are new, and those that are protected."""
        held = self.held.get(frame.kind)
        times = np.full(len(frame.emb), frame.t_ns, np.int64)
        self.held[frame.kind] = Held(frame.hw, frame.box, frame.emb, times, frame.t_ns)
        if held is None or not held.fits(frame):
            self.alike = None
            return np.ones(len(frame.emb), np.bool_)
        new = neighbour_cosine(unit_rows(frame.emb), unit_rows(held.emb), frame.hw, self.reach) <= self.tau
        self.alike = 1.0 - float(new.mean())
        return new | frame.protected

    def clear(self) -> None:
        """Hold nothing: the next frame of each kind is new."""
        self.held = {}

    def forget(self, spans: Sequence[tuple[int, int]]) -> None:
        """Let go of frames captured within one of these spans, both ends included, nanoseconds."""
        self.held = _outside(self.held, spans)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return _held_bytes(self.held)


def _overlap(a: Floats, b: Floats, hw: tuple[int, int], dy: int, dx: int) -> tuple[tuple[slice, slice], Floats]:
    """Where cells ``(y, x)`` of ``a`` meet cells ``(y + dy, x + dx)`` of ``b``, and their cosines there."""
    rows, columns = hw
    here = slice(max(0, -dy), rows - max(0, dy)), slice(max(0, -dx), columns - max(0, dx))
    there = slice(max(0, dy), rows - max(0, -dy)), slice(max(0, dx), columns - max(0, -dx))
    return here, np.einsum("yxd,yxd->yx", a.reshape(rows, columns, -1)[here], b.reshape(rows, columns, -1)[there])


def _outside(held: dict[str, Held], spans: Sequence[tuple[int, int]]) -> dict[str, Held]:
    """Those to which nothing captured within the spans contributed."""

    def spared(part: Held) -> bool:
        since_ns = int(part.t_ns.min(initial=part.t_last_ns))
        return not any(start <= part.t_last_ns and end >= since_ns for start, end in spans)

    return {kind: part for kind, part in held.items() if spared(part)}


def _held_bytes(held: dict[str, Held]) -> int:
    return sum(HELD_BYTES + part.emb.nbytes + part.t_ns.nbytes for part in held.values())
