"""A tower in fewer bits is bundled when it reaches its gate on enough pictures; otherwise each shortfall is said."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from onnx import TensorProto, helper

from edge_runtime.errors import ModelError
from edge_runtime.models.bundle import Manifest
from export.gates import GATES, Gate, cosines, judge, tower_input
from export.manifest_toml import manifest_toml
from export.onnx_graph import make_model
from export.spec import PixelScale, spec_of
from export.vision import read_json

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "vlm"


def network(path: Path, operator: str, *, tokens: tuple[int, int] = (1, 4)) -> Path:
    """A tower of one operator, from ``image`` [1,4]."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("image", (1, 4)), ("tokens", tokens))]
    model = make_model([helper.make_node(operator, ["image"], ["tokens"])], {}, ends[:1], ends[1:], 20)
    path.write_bytes(model.SerializeToString())
    return path


def test_the_levels_are_those_that_were_agreed() -> None:
    eight_bits = Gate(0.998, 0.99, 20)
    assert dict(GATES) == {"fp16": Gate(0.9999, 0.9999, 20), "int8": eight_bits, "dynamic-int8": eight_bits, "fp8": eight_bits}


def test_the_same_tower_has_cosine_one_and_its_opposite_minus_one(tmp_path: Path) -> None:
    images = [np.array([[1, -2, 3, 4]], np.float32), np.array([[0.5, 0, 0, 0]], np.float32)]
    same, opposite = network(tmp_path / "same.onnx", "Identity"), network(tmp_path / "opposite.onnx", "Neg")
    assert cosines(same, same, images) == pytest.approx([1, 1])
    assert cosines(same, opposite, images) == pytest.approx([-1, -1])


def test_the_cosine_is_that_of_all_tokens_of_a_picture(tmp_path: Path) -> None:
    same, positive = network(tmp_path / "same.onnx", "Identity"), network(tmp_path / "positive.onnx", "Relu")
    assert cosines(same, positive, [np.array([[3, 4, -12, 0]], np.float32)]) == pytest.approx([5 / 13])


def test_a_tower_that_gives_nothing_or_nonsense_fails(tmp_path: Path) -> None:
    same, root = network(tmp_path / "same.onnx", "Identity"), network(tmp_path / "root.onnx", "Sqrt")
    measured = cosines(same, root, [np.zeros((1, 4), np.float32), np.full((1, 4), -1, np.float32)])
    assert all(math.isnan(cosine) for cosine in measured)
    assert not judge("fp16", measured * 20).passed
    assert not judge("fp16", [1.0] * 30 + [math.nan]).passed


def test_towers_that_do_not_belong_together(tmp_path: Path) -> None:
    same, turned = network(tmp_path / "same.onnx", "Identity"), network(tmp_path / "turned.onnx", "Transpose", tokens=(4, 1))
    with pytest.raises(ModelError, match=r"tokens of \(1, 4\) and \(4, 1\)"):
        cosines(same, turned, [np.ones((1, 4), np.float32)])


def test_passing_needs_the_mean_the_smallest_and_the_number_of_pictures() -> None:
    assert judge("int8", [0.999] * 20).passed
    few = judge("int8", [0.999] * 19)
    assert few.failures == ("vision int8: 19 pictures, at least 20 are needed",)
    one_bad = judge("int8", [0.9999] * 39 + [0.98])
    assert one_bad.mean > 0.998
    assert one_bad.failures == ("vision int8: smallest cosine 0.98000, at least 0.99 is needed",)
    all_middling = judge("int8", [0.995] * 20)
    assert all_middling.failures == ("vision int8: mean cosine 0.99500, at least 0.998 is needed",)
    assert not judge("fp16", [0.999] * 20).passed, "each precision has a gate of its own"


def test_no_picture_passes_nothing() -> None:
    verdict = judge("fp16", [])
    assert (verdict.pictures, verdict.passed, len(verdict.failures)) == (0, False, 3)


def test_the_figures_come_back_from_the_manifest() -> None:
    figures = judge("dynamic-int8", [0.999, 0.998] * 10).figures()
    manifest = Manifest(format=1, name="vlm", version="1", summary="", files=(), gates=figures)
    assert msgspec.toml.decode(manifest_toml(manifest), type=Manifest).gates == figures
    assert figures["vision_dynamic_int8_cosine_min"] == 0.998
    assert figures["vision_dynamic_int8_pictures"] == 20


def test_a_picture_becomes_one_tile_scaled_as_the_checkpoint_wants_it() -> None:
    spec = spec_of(read_json(GOLDEN / "config.json"))
    picture = np.zeros((30, 50, 3), np.uint8)
    picture[:, :, 2] = 255
    image = tower_input(picture, spec, PixelScale((127.5,) * 3, (127.5,) * 3))
    assert image.shape == (1, 3, 64, 64)
    assert image.dtype == np.float32
    assert image[0].mean(axis=(1, 2)) == pytest.approx([1, -1, -1]), "red, green, blue"
