"""A few rows of a picture in a model with positions in the plane, against plain numpy: they stay where they were in the picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.models.language_llama import LlamaModel
from edge_runtime.models.language_picture import Picture
from scripts.language_fixtures import SHAPES, random_weights
from scripts.language_oracle import causal, embed, forward
from tests.tiny_language import chances, needs_llama, reference, tiny

pytestmark = needs_llama

GRID = (3, 4)
BEFORE, AFTER = [int(token) for token in reference()["before"]], [int(token) for token in reference()["after"]]
SUBSET = [[0, 0, 1], [0, 1, 3], [0, 2, 0], [0, 2, 3]]
FILM = [[0, 0, 1], [0, 2, 2], [1, 0, 0], [1, 0, 1], [5, 1, 1]]


def rows(count: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(5).standard_normal((count, 32)).astype(np.float32)


def expected(cells: list[list[int]], behind: int) -> npt.NDArray[np.float64]:
    """Chances behind text, rows at these places, and text that begins at ``behind``, by numpy."""
    shape = SHAPES["qwen2vl"]
    with tiny("qwen2vl") as model:
        vocabulary = model.capabilities.vocabulary
    weights = random_weights(shape, vocabulary, list(SHAPES).index("qwen2vl"))
    start = len(BEFORE)
    texts = [np.tile(np.arange(first, first + len(text)), (3, 1)) for first, text in ((0, BEFORE), (behind, AFTER))]
    positions = np.concatenate([texts[0], np.array(cells).T + start, texts[1]], axis=1)
    x = np.concatenate([embed(shape, weights, BEFORE), rows(len(cells)).astype(np.float64), embed(shape, weights, AFTER)])
    logits = forward(shape, weights, x, positions, causal(len(x)))[-1]
    shifted = np.exp(logits - logits.max())
    return np.asarray(shifted / shifted.sum())


def read(model: LlamaModel, picture: Picture) -> npt.NDArray[np.float64]:
    model.clear(0)
    for what in (BEFORE, picture, AFTER):
        model.extend(0, what)
    return chances(model)


@pytest.mark.parametrize(("cells", "longest"), [(SUBSET, 4), (FILM, 6)], ids=["parts of a picture", "parts of pictures in a row"])
def test_rows_keep_their_places(cells: list[list[int]], longest: int) -> None:
    picture = Picture(rows(len(cells)), GRID, cells=np.array(cells, np.int32))
    with tiny("qwen2vl") as model:
        got = read(model, picture)
        assert model.end(0) == len(BEFORE) + longest + len(AFTER)
    np.testing.assert_allclose(got, expected(cells, len(BEFORE) + longest), atol=2e-5)


def test_rows_as_if_they_were_a_line_are_found_out() -> None:
    """Wrong places do not fail, they only answer worse."""
    line = [[number] * 3 for number in range(len(SUBSET))]
    wrong, right = expected(line, len(BEFORE) + 4), expected(SUBSET, len(BEFORE) + 4)
    assert np.abs(wrong - right).max() > 1e-3


def test_a_whole_picture_by_its_places_is_the_same_as_by_its_grid() -> None:
    whole = [[0, row, column] for row in range(3) for column in range(4)]
    with tiny("qwen2vl") as model:
        by_places = read(model, Picture(rows(12), GRID, cells=np.array(whole, np.int32)))
        np.testing.assert_array_equal(by_places, read(model, Picture(rows(12), GRID)))
