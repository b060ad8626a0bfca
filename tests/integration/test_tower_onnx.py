"""Towers in ONNX Runtime: the original's tokens, in half precision, whatever the size of the picture; and wrong files refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_runtime.errors import BundleError, ModelError
from edge_runtime.models.bundle import Bundle
from edge_runtime.models.tower_onnx import open_onnx_tower
from tests.tiny_bundle import tiny_bundle
from tests.tiny_vlm import FOLDERS, reference, write_vlm


@pytest.mark.parametrize("family", FOLDERS)
def test_the_tokens_of_the_original(family: str, tmp_path: Path) -> None:
    saved = reference(family)
    with open_onnx_tower(write_vlm(tmp_path, family), threads=1) as tower:
        tokens = tower.encode(list(saved["pictures"]))
        alone = tower.encode([saved["pictures"][1]])
        assert tower.backend == "CPUExecutionProvider"
    got = np.stack([each.emb for each in tokens if each.emb is not None])
    assert got.dtype == np.float16
    # half precision has ten bits behind the first
    np.testing.assert_allclose(got.astype(np.float32), saved["tokens"], rtol=2**-10, atol=1e-4)
    np.testing.assert_array_equal(alone[0].emb, tokens[1].emb)
    assert {(each.hw, each.dim) for each in tokens} == {((tower.spec.rows, tower.spec.columns), tower.spec.dim)}


def test_a_picture_of_any_size(tmp_path: Path) -> None:
    picture = reference()["pictures"][0]
    large = picture.repeat(3, axis=0).repeat(5, axis=1)
    with open_onnx_tower(write_vlm(tmp_path), threads=1) as tower:
        one, other, none = tower.encode([picture]), tower.encode([large, np.zeros((1, 1, 3), np.uint8)]), tower.encode([])
    assert one[0].emb is not None
    assert other[0].emb is not None
    np.testing.assert_allclose(other[0].emb, one[0].emb, atol=2e-3)
    assert none == []


def changed(bundle: Bundle, **geometry: object) -> Bundle:
    assert bundle.manifest.tower is not None
    tower = msgspec.structs.replace(bundle.manifest.tower, **geometry)
    return Bundle(bundle.folder, msgspec.structs.replace(bundle.manifest, tower=tower))


def test_a_tower_that_gives_something_else(tmp_path: Path) -> None:
    bundle = changed(write_vlm(tmp_path), rows=3)
    with (
        open_onnx_tower(bundle, threads=1) as tower,
        pytest.raises(ModelError, match=r"gives tokens \[4, 64\], and 3 x 2 of 64 were promised"),
    ):
        tower.encode([np.zeros((9, 9, 3), np.uint8)])


def test_a_tower_whose_numbers_are_none(tmp_path: Path) -> None:
    """Float16 towers overflow on some pictures; here the scale of the pixels is wrong by as much as that takes."""
    bundle = changed(write_vlm(tmp_path), scale=(1e-40, 1e-40, 1e-40))
    with (
        np.errstate(all="ignore"),
        open_onnx_tower(bundle, threads=1) as tower,
        pytest.raises(ModelError, match="4 of 4 tokens that are not finite") as refused,
    ):
        tower.encode([reference()["pictures"][0]])
    assert "precision" in refused.value.hint


def test_a_bundle_without_a_tower(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="has no vision tower"):
        open_onnx_tower(tiny_bundle(tmp_path), threads=1)


def test_a_closed_tower(tmp_path: Path) -> None:
    tower = open_onnx_tower(write_vlm(tmp_path), threads=1)
    tower.close()
    with pytest.raises(ModelError, match="closed"):
        tower.encode([np.zeros((9, 9, 3), np.uint8)])
