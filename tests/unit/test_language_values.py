"""What is given to a language model: pictures, and how to go on with a text."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.errors import ModelError
from edge_runtime.models.language import Sampling
from edge_runtime.models.language_picture import Picture, plane_positions


def test_a_picture_in_the_plane() -> None:
    """Time, row, column and a spare; all of the picture at one time."""
    picture = Picture(np.zeros((6, 8), np.float32), grid=(2, 3))
    assert plane_positions(picture, 7).tolist() == [[7] * 6, [7, 7, 7, 8, 8, 8], [7, 8, 9, 7, 8, 9], [0] * 6]
    assert picture.plane_length == 3


def test_a_few_rows_of_a_picture_keep_their_places() -> None:
    """What is left out does not move what stays, nor what comes behind."""
    whole = plane_positions(Picture(np.zeros((6, 8), np.float32), grid=(2, 3)), 7)
    cells = np.array([[0, 0, 1], [0, 1, 0], [0, 1, 2]], np.int32)
    few = Picture(np.zeros((3, 8), np.float32), grid=(2, 3), cells=cells)
    assert plane_positions(few, 7).tolist() == whole[:, [1, 3, 5]].tolist()
    assert few.plane_length == 3


def test_pictures_that_follow_one_another_lie_behind_one_another_in_time() -> None:
    cells = np.array([[0, 1, 1], [1, 0, 0], [4, 0, 1]], np.int32)
    film = Picture(np.zeros((3, 8), np.float32), grid=(2, 2), cells=cells)
    assert plane_positions(film, 10).tolist() == [[10, 11, 14], [11, 10, 10], [11, 10, 11], [0, 0, 0]]
    assert film.plane_length == 5


@pytest.mark.parametrize(
    ("grid", "cells"),
    [
        (None, [[0, 0, 0], [0, 0, 1]]),
        ((2, 2), [[0, 0, 0]]),
        ((2, 2), [[0, 0, 2], [0, 1, 0]]),
        ((2, 2), [[0, -1, 0], [0, 1, 0]]),
        ((2, 2), [[1, 0, 0], [0, 1, 0]]),
    ],
)
def test_places_lie_in_the_grid_and_in_order_of_time(grid: tuple[int, int] | None, cells: list[list[int]]) -> None:
    with pytest.raises(ModelError, match=r"with places|lies outside the grid"):
        Picture(np.zeros((2, 8), np.float32), grid=grid, cells=np.array(cells, np.int32))


def test_without_a_grid_there_are_no_places() -> None:
    with pytest.raises(ModelError, match="where in the plane"):
        plane_positions(Picture(np.zeros((6, 8), np.float32)), 0)


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
