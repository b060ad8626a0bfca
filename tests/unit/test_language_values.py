"""What is given to a language model: pictures, and how to go on with a text."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.errors import ModelError
from edge_runtime.models.language import Sampling
from edge_runtime.models.language_picture import Picture, plane_positions


def test_a_picture_in_the_plane() -> None:
    """Time, row, column and a spare; all of the picture at one time."""
    assert plane_positions((2, 3), 7).tolist() == [[7] * 6, [7, 7, 7, 8, 8, 8], [7, 8, 9, 7, 8, 9], [0] * 6]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_are_refused_before_a_model_sees_them(value: float) -> None:
    rows = np.zeros((4, 8), np.float32)
    rows[2, 5] = value
    with pytest.raises(ModelError, match="1 of a picture's 4 rows are not finite") as refused:
        Picture(rows)
    assert "encoder" in refused.value.hint


@pytest.mark.parametrize("shape", [(8,), (0, 8), (1, 2, 3)], ids=str)
def test_a_picture_is_rows(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="rows of numbers"):
        Picture(np.zeros(shape, np.float32))


def test_a_grid_is_filled() -> None:
    with pytest.raises(ModelError, match="6 rows do not fill a grid of 2 x 4"):
        Picture(np.zeros((6, 8), np.float32), grid=(2, 4))


@pytest.mark.parametrize(
    "wrong",
    [{"max_tokens": -1}, {"temperature": -0.1}, {"top_p": 0.0}, {"top_p": 1.1}, {"stop": ("a", "")}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_numbers_outside_their_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ModelError, match="cannot be written by"):
        Sampling(**{"max_tokens": 5, **wrong})  # type: ignore[arg-type]
