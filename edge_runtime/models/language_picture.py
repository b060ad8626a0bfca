"""Pictures as a language model reads them: rows of its own numbers, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import ModelError

Rows = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int32]
Cells = npt.NDArray[np.int32]
"""int32 [n, 3]: step in time, row and column."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture, a few parts of some pictures, or anything else that is no text, as the model's own numbers.

    Attributes:
        rows: float32 [n, embedding_width], finite; as a projector gives them, not scaled.
        grid: Height and width of the whole picture in rows. Needed with positions in the plane, else it may be ``None``.
        causal: Whether a row sees only the rows before it; False lets all of the picture see itself.
        cells: Where each row lies in the grid, int32 [n, 3], and at which step, as in a film; steps count up from 0 and never go back.
            ``None`` if the rows fill the grid, row by row, at one step.

    Raises:
        ModelError: The rows are no matrix or not finite, do not fill the grid, or lie outside of it.
    """

    rows: Rows
    grid: tuple[int, int] | None = None
    causal: bool = True
    cells: Cells | None = None

    def __post_init__(self) -> None:
        if self.rows.ndim != 2 or not len(self.rows):
            raise ModelError(
                f"a picture is rows of numbers, not an array {list(self.rows.shape)}", hint="give float32 [n, embedding_width]"
            )
        if not np.isfinite(self.rows).all():
            bad = int(np.count_nonzero(~np.isfinite(self.rows).all(axis=1)))
            raise ModelError(f"{bad} of a picture's {len(self.rows)} rows are not finite", hint="check the picture's encoder")
        if self.cells is not None:
            self._check_cells(self.cells)
        elif self.grid is not None and self.grid[0] * self.grid[1] != len(self.rows):
            raise ModelError(
                f"{len(self.rows)} rows do not fill a grid of {self.grid[0]} x {self.grid[1]}", hint="give its height and width"
            )

    def _check_cells(self, cells: Cells) -> None:
        if self.grid is None or cells.shape != (len(self.rows), 3):
            message = f"{len(self.rows)} rows with places {list(cells.shape)}"
            raise ModelError(message, hint="give a grid, and for each row its step, row and column")
        if (cells < 0).any() or (cells[:, 1:] >= self.grid).any() or (np.diff(cells[:, 0]) < 0).any():
            message = f"a row lies outside the grid of {self.grid[0]} x {self.grid[1]}, or before the one it follows"
            raise ModelError(message, hint="give rows in order of time, with places from 0")

    @property
    def plane_length(self) -> int:
        """How many positions it takes where positions lie in the plane: as many as its longest side, in steps, rows or columns."""
        steps = 1 if self.cells is None else int(self.cells[-1, 0]) + 1
        return max(steps, *(self.grid or (1, 1)))


def plane_positions(picture: Picture, start: int) -> Positions:
    """Where the rows of a picture lie in the plane (Qwen2-VL, arXiv:2409.12191).

    A row that is left out leaves the places of the others as they are.

    Args:
        picture: With a grid.
        start: The position where it begins.

    Returns:
        int32 [4, n]: time, row, column, and a spare that is 0. The next text begins at ``start + picture.plane_length``.

    Raises:
        ModelError: The picture has no grid.
    """
    if picture.grid is None:
        raise ModelError("this model wants to know where in the plane a picture's rows lie", hint="give the picture its grid")
    cells = picture.cells
    if cells is None:
        cells = np.insert(np.indices(picture.grid, dtype=np.int32).reshape(2, -1), 0, 0, axis=0).T
    return np.vstack([cells.T + np.int32(start), np.zeros((1, len(cells)), np.int32)])
