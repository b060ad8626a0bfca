"""Pictures as a language model reads them: rows of its own numbers, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import ModelError

Rows = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Picture:
    """A picture, or anything else that is no text, as the model's own numbers.

    Attributes:
        rows: float32 [n, embedding_width], finite; as a projector gives them, not scaled.
        grid: Its height and width in rows, whose product is n. Needed with positions in the plane, else it may be ``None``.
        causal: Whether a row sees only the rows before it; False lets all of the picture see itself.

    Raises:
        ModelError: The rows are no matrix, not finite, or do not fill the grid.
    """

    rows: Rows
    grid: tuple[int, int] | None = None
    causal: bool = True

    def __post_init__(self) -> None:
        if self.rows.ndim != 2 or not len(self.rows):
            raise ModelError(
                f"a picture is rows of numbers, not an array {list(self.rows.shape)}", hint="give float32 [n, embedding_width]"
            )
        if not np.isfinite(self.rows).all():
            bad = int(np.count_nonzero(~np.isfinite(self.rows).all(axis=1)))
            raise ModelError(f"{bad} of a picture's {len(self.rows)} rows are not finite", hint="check the picture's encoder")
        if self.grid is not None and self.grid[0] * self.grid[1] != len(self.rows):
            raise ModelError(
                f"{len(self.rows)} rows do not fill a grid of {self.grid[0]} x {self.grid[1]}", hint="give its height and width"
            )


def plane_positions(grid: tuple[int, int], start: int) -> Positions:
    """Where the rows of a picture lie in the plane (Qwen2-VL, arXiv:2409.12191).

    Args:
        grid: Height and width.
        start: The position where the picture begins.

    Returns:
        int32 [4, n]: time, row, column, and a spare that is 0. The next text begins at ``start + max(grid)``.
    """
    row, column = np.divmod(np.arange(grid[0] * grid[1], dtype=np.int32), grid[1])
    return np.stack([np.full_like(row, start), start + row, start + column, np.zeros_like(row)])
