"""The tokens of a look as policies take them in: checked, with their vector, and with what the gaze protects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped
from edge_runtime.types import Box, LookedRegion, RegionKind, TokenArray, Vector

_EXPONENT = np.uint16(0x7C00)
"""Of a float16: all set where it is infinite or no number."""


@dataclass(frozen=True, slots=True)
class TokenFrame:
    """The tokens of one region of one look.

    Attributes:
        seq: The frame.
        t_ns: Its capture time.
        kind: Of the region.
        box: Of the region.
        hw: Grid, rows and columns; ``P = h * w``.
        emb: float16 [P,D], finite; a token that was not is zeros.
        vector: float32 [G], unit norm, of the region as a whole: the encoder's, or the mean of the tokens where there is none.
        protected: bool [P]: tokens on which the gaze rests.
    """

    seq: int
    t_ns: int
    kind: RegionKind
    box: Box
    hw: tuple[int, int]
    emb: TokenArray
    vector: Vector
    protected: npt.NDArray[np.bool_]

    @property
    def dim(self) -> int:
        """``D``."""
        return int(self.emb.shape[1])

    def aligned_with(self, other: TokenFrame) -> bool:
        """Whether cells at one place of both grids show the same part of the picture."""
        return self.hw == other.hw and self.box == other.box and self.dim == other.dim


def frames_of(look: Looked, protect: Sequence[Box], dim: int = 0) -> tuple[list[TokenFrame], tuple[Dropped, ...]]:
    """Take the tokens out of a look.

    Args:
        look: The look.
        protect: Where the gaze rests, boxes in the picture.
        dim: ``D`` of what is kept already; 0 takes any.

    Returns:
        The regions with usable tokens, in their order, and what cannot be used: ``shape`` (not the shape they claim, or not of this
        ``D``) and ``absent`` (a journal keeps no numbers).
    """
    taken: list[TokenFrame] = []
    odd = absent = 0
    for region in look.regions:
        if region.tokens is None:
            continue
        (rows, columns), emb = region.tokens.hw, region.tokens.emb
        count = rows * columns
        if emb is None:
            absent += count
        elif not count or emb.shape != (count, region.tokens.dim) or (dim and region.tokens.dim != dim):
            odd += count
        else:
            dim = region.tokens.dim
            taken.append(_frame(look, region, (rows, columns), emb, protect))
    dropped = (Dropped("token", "shape", odd), Dropped("token", "absent", absent))
    return taken, tuple(drop for drop in dropped if drop.count)


def unit_rows(emb: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Rows [N,D] of any float type as float32 [N,D] of unit norm; a row of zeros stays one."""
    rows = emb.astype(np.float32)
    norms = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    rows /= np.where(norms > 0.0, norms, 1.0)[:, None]
    return rows


def _frame(look: Looked, region: LookedRegion, hw: tuple[int, int], emb: TokenArray, protect: Sequence[Box]) -> TokenFrame:
    sound = emb.astype(np.float16)  # a copy: the caller's array may change
    # by the bits of the exponent: numpy tests float16 ten times more slowly
    exponent = sound.view(np.uint16) & _EXPONENT
    if exponent.max() == _EXPONENT:
        sound[(exponent == _EXPONENT).any(axis=1)] = 0
    vector = region.vector
    if vector is None or not vector.size:
        vector = unit_rows(sound.mean(axis=0, dtype=np.float32)[None])[0]
    protected = _protected(region.box, hw, protect)
    return TokenFrame(look.frame_seq, look.t_capture_ns, region.kind, region.box, hw, sound, vector.copy(), protected)


def _protected(box: Box, hw: tuple[int, int], protect: Sequence[Box]) -> npt.NDArray[np.bool_]:
    """Cells whose middle lies in one of the boxes."""
    rows, columns = hw
    y = box.y0 + (np.arange(rows) + 0.5) / rows * (box.y1 - box.y0)
    x = box.x0 + (np.arange(columns) + 0.5) / columns * (box.x1 - box.x0)
    mask = np.zeros((rows, columns), dtype=np.bool_)
    for part in protect:
        mask |= np.outer((part.y0 <= y) & (y <= part.y1), (part.x0 <= x) & (x <= part.x1))
    return mask.ravel()
