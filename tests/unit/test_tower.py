"""Towers without weights, and what every tower gives."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.errors import ModelError
from edge_runtime.models.tower import ScriptedTower, TowerModel, tokens_of
from tests.questions import tower


def test_a_scripted_tower_gives_the_colours_of_its_cells() -> None:
    image = np.zeros((10, 20, 3), np.uint8)
    image[5:, 10:] = (255, 51, 0)
    scripted: TowerModel = ScriptedTower(tower(2, 2, 4))
    with scripted:
        (tokens,) = scripted.encode([image])
    assert (tokens.hw, tokens.dim) == ((2, 2), 4)
    assert tokens.emb is not None
    wanted = np.array([[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [1, 0.2, 0, 1]], np.float32)
    np.testing.assert_allclose(tokens.emb.astype(np.float32), wanted, atol=1e-3)


def test_a_picture_smaller_than_the_grid() -> None:
    (tokens,) = ScriptedTower(tower(3, 3, 2)).encode([np.full((1, 1, 3), 255, np.uint8)])
    assert tokens.emb is not None
    assert tokens.emb.shape == (9, 2)
    assert (tokens.emb == 1).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_tokens_that_are_not_finite_in_half_precision(value: float) -> None:
    rows = np.zeros((4, 4), np.float32)
    rows[2, 1] = value
    with pytest.raises(ModelError, match=r"tower\.onnx gives 1 of 4 tokens that are not finite"):
        tokens_of(rows, tower(), "tower.onnx")


def test_tokens_of_another_shape() -> None:
    with pytest.raises(ModelError, match=r"gives tokens \[5, 4\]"):
        tokens_of(np.zeros((5, 4), np.float32), tower(), "tower.onnx")
