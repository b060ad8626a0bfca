"""The pieces of a prompt, in the order in which a language model reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_runtime.models.bundle import Tower
from edge_runtime.models.language_picture import Cells, Rows
from edge_runtime.records import ShownTokens
from edge_runtime.types import Tokens


@dataclass(frozen=True)
class TextSegment:
    """Words.

    Attributes:
        text: They are taken apart into tokens on their own, not together with their neighbours.
        special: Whether names of special tokens in it become those tokens. Never for text that was heard or read.
    """

    text: str
    special: bool = False


@dataclass(frozen=True, eq=False)
class RowsSegment:
    """Tokens of one picture, or a few of several pictures that follow one another.

    Attributes:
        rows: float32 [n, dim].
        grid: Height and width of the whole picture in rows.
        shown: What they are, for the record.
        cells: Where each lies, int32 [n, 3]: step, row and column; ``None`` for a whole picture.
    """

    rows: Rows
    grid: tuple[int, int]
    shown: ShownTokens
    cells: Cells | None = None


Segment = TextSegment | RowsSegment


def fault_of(tokens: Tokens, tower: Tower) -> str:
    """Why the tokens of a picture cannot be shown, a machine code: ``absent``, ``width``, ``grid``, ``not_finite``; ``""`` if they can."""
    if tokens.emb is None:
        return "absent"
    if tokens.emb.shape[1:] != (tower.dim,):
        return "width"
    if len(tokens.emb) != tokens.hw[0] * tokens.hw[1]:
        return "grid"
    return "" if np.isfinite(tokens.emb).all() else "not_finite"
