"""A tower in fewer bits: only products with weights are quantised, symmetrically, and what goes in and comes out stays the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from onnx import TensorProto, helper, numpy_helper

from edge_runtime.errors import ModelError
from edge_runtime.models.onnx_session import open_session
from export.onnx_graph import load, make_model
from export.precision import LEAST_CALIBRATION, dynamic_eight_bit, eight_bit, half, ranges_of

TOWER = Path(__file__).resolve().parents[1] / "golden" / "vlm" / "tower.onnx"
QWEN = TOWER.parents[1] / "vlm_qwen" / "tower.onnx"
LINEARS = 13
"""Products with weights in the small tower: six in each of two layers, and the projection."""

Array = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def tower() -> onnx.ModelProto:
    return load(TOWER)


@pytest.fixture(scope="module")
def quantised(tower: onnx.ModelProto) -> onnx.ModelProto:
    return eight_bit(tower, ranges_of(tower, noise(LEAST_CALIBRATION, (1, 3, 64, 64))))


def noise(count: int, shape: tuple[int, ...], seed: int = 0) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, shape).astype(np.float32) for _ in range(count)]


def product(matrix: Array, *, bias: Array | None = None) -> onnx.ModelProto:
    """``tokens = image @ matrix (+ bias)`` for ``image`` [N,K]."""
    nodes = [helper.make_node("MatMul", ["image", "matrix"], ["tokens" if bias is None else "product"])]
    weights: dict[str, npt.NDArray[Any]] = {"matrix": matrix}
    if bias is not None:
        nodes.append(helper.make_node("Add", ["product", "bias"], ["tokens"]))
        weights["bias"] = bias
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", matrix.shape[0]])
    tokens = helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["n", matrix.shape[1]])
    return make_model(nodes, weights, [image], [tokens], 20)


def weights_in(model: onnx.ModelProto) -> dict[str, npt.NDArray[Any]]:
    return {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def run(model: onnx.ModelProto, folder: Path, image: Array) -> Array:
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    with open_session(folder / "model.onnx", threads=1) as session:
        return session.run(image)


def cosine(a: Array, b: Array) -> float:
    return float(np.sum(a * b) / (np.linalg.norm(a) * np.linalg.norm(b)))


def test_half_keeps_what_goes_in_and_comes_out(tower: onnx.ModelProto, tmp_path: Path) -> None:
    halved = half(tower)
    assert (list(halved.graph.input), list(halved.graph.output)) == (list(tower.graph.input), list(tower.graph.output))
    assert {array.dtype for array in weights_in(halved).values()} == {np.dtype(np.float16), np.dtype(np.int64)}
    assert halved.ByteSize() < 0.52 * tower.ByteSize()
    (image,) = noise(1, (3, 3, 64, 64), seed=1)
    tokens = run(halved, tmp_path, image)
    assert tokens.dtype == np.float32
    assert tokens.shape == (3, 4, 64)
    assert cosine(tokens, run(tower, tmp_path, image)) > 0.99999


def test_half_leaves_the_graph_it_was_given_alone(tower: onnx.ModelProto) -> None:
    before = tower.SerializeToString(deterministic=True)
    half(tower)
    assert tower.SerializeToString(deterministic=True) == before


def root_mean_square(width: int) -> onnx.ModelProto:
    """RMS normalisation of ``image`` [N,K] as torch writes it, and its half."""
    make = helper.make_node
    nodes = [
        make("Pow", ["image", "two"], ["square"]),
        make("ReduceMean", ["square", "last"], ["mean"]),
        make("Add", ["mean", "little"], ["more"]),
        make("Sqrt", ["more"], ["root"]),
        make("Reciprocal", ["root"], ["share"]),
        make("Mul", ["image", "share"], ["normal"]),
        # The number that squares is also used as a number: there it is float16.
        make("Mul", ["normal", "two"], ["tokens"]),
    ]
    weights: dict[str, npt.NDArray[Any]] = {"two": np.array(2, np.float32), "little": np.array(1e-6, np.float32), "last": np.array([-1])}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width]) for name in ("image", "tokens")]
    return half(make_model(nodes, weights, ends[:1], ends[1:], 20))


def test_a_mean_of_squares_stays_float32_because_float16_ends_at_the_square_of_256(tmp_path: Path) -> None:
    image = np.array([[3000.0, -4000.0, 0.0, 0.0], [0.25, 0.0, 0.0, -0.25]], np.float32)
    wanted = 2 * image / np.sqrt((image.astype(np.float64) ** 2).mean(axis=1, keepdims=True) + 1e-6)
    assert run(root_mean_square(4), tmp_path, image) == pytest.approx(wanted, rel=2e-3)


def test_a_tower_with_rms_normalisation_is_float16_but_for_that(tmp_path: Path) -> None:
    model = half(load(QWEN))
    # Behind the picture and before the tokens; and into and out of the mean of squares, twice a layer and once at the end.
    assert kinds(model).count("Cast") == 2 + 2 * (2 * 2 + 1)
    single = {name for name, array in weights_in(model).items() if array.dtype == np.float32}
    assert len(single) == 2, "the number that squares, and what is added below the root"
    (image,) = noise(1, (1, 3, 448, 448), seed=1)
    assert cosine(run(model, tmp_path, image), run(load(QWEN), tmp_path, image)) > 0.9999


def test_a_weight_that_float16_does_not_hold_is_refused() -> None:
    with pytest.raises(ModelError, match="matrix has a weight of 70000"):
        half(product(np.array([[70_000.0]], np.float32)))


def test_every_product_with_a_weight_is_quantised_and_nothing_else(tower: onnx.ModelProto, quantised: onnx.ModelProto) -> None:
    weights = weights_in(quantised)
    makers = {node.output[0]: node for node in quantised.graph.node}
    products = [node for node in quantised.graph.node if node.op_type == "MatMul"]
    of_weights = [node for node in products if makers[node.input[1]].op_type == "DequantizeLinear"]
    assert len(of_weights) == LINEARS
    assert all(makers[node.input[0]].op_type == "DequantizeLinear" for node in of_weights)
    # Attention: queries with keys, and the result with values, in each of two layers.
    assert len(products) - len(of_weights) == 4
    assert weights["tower.embeddings.patch_embedding.weight"].dtype == np.float16
    assert sum(array.dtype == np.int8 and array.ndim == 2 for array in weights.values()) == LINEARS
    assert [kind for kind in kinds(quantised) if kind not in ("QuantizeLinear", "DequantizeLinear", "Cast")] == kinds(tower)


def test_an_activation_that_enters_three_products_is_quantised_once(quantised: onnx.ModelProto) -> None:
    # Per layer: before queries, keys and values; before their projection; before each half of the MLP. And before the last projection.
    assert kinds(quantised).count("QuantizeLinear") == 2 * 4 + 1


def test_quantisation_is_symmetric_a_column_and_exact_in_float16(tower: onnx.ModelProto, quantised: onnx.ModelProto) -> None:
    before, after = weights_in(tower), weights_in(quantised)
    matrices = [name.removesuffix("_q") for name, array in after.items() if array.dtype == np.int8 and array.ndim == 2]
    for name in matrices:
        values, levels = before[name], after[f"{name}_q"].astype(np.float64)
        scale = after[f"{name}_scale"]
        assert scale.dtype == np.float16
        assert scale.shape == (values.shape[1],)
        assert np.abs(levels).max() == 127
        assert np.abs(levels * scale - values).max(axis=0) == pytest.approx(0, abs=0.51 * float(scale.max()))
    assert all(not array.any() for name, array in after.items() if name.endswith("zero"))


def test_biases_are_not_quantised(tmp_path: Path) -> None:
    bias = np.array([0.25, -0.5], np.float32)
    model = eight_bit(product(np.eye(2, dtype=np.float32), bias=bias), {"image": 1.0})
    assert weights_in(model)["bias"].dtype == np.float16
    # Nothing but the bias is left of a picture of zeros: zero is zero in a symmetric range.
    assert np.array_equal(run(model, tmp_path, np.zeros((1, 2), np.float32)), bias[None])


def test_eight_bits_stay_close(tower: onnx.ModelProto, quantised: onnx.ModelProto, tmp_path: Path) -> None:
    (image,) = noise(1, (3, 3, 64, 64), seed=1)
    exact = run(tower, tmp_path, image)
    assert cosine(run(quantised, tmp_path, image), exact) > 0.999
    assert cosine(run(dynamic_eight_bit(tower), tmp_path, image), exact) > 0.999


def test_float8_is_written_as_int8_is_with_other_numbers(tower: onnx.ModelProto, quantised: onnx.ModelProto, tmp_path: Path) -> None:
    model = eight_bit(tower, ranges_of(tower, noise(LEAST_CALIBRATION, (1, 3, 64, 64))), "fp8")
    assert kinds(model) == kinds(quantised)
    weights = weights_in(model)
    matrices = [array.astype(np.float32) for array in weights.values() if array.dtype.name == "float8_e4m3fn" and array.ndim == 2]
    assert len(matrices) == LINEARS
    # Rounding its scale to float16 may take the largest of a column one number down, never beyond the last.
    assert all(set(np.abs(matrix).max(axis=0)) <= {416.0, 448.0} for matrix in matrices)
    (image,) = noise(1, (3, 3, 64, 64), seed=1)
    assert cosine(run(model, tmp_path, image), run(tower, tmp_path, image)) > 0.99


def test_dynamic_quantisation_touches_the_same_products_and_stays_float32(tower: onnx.ModelProto) -> None:
    model = dynamic_eight_bit(tower)
    assert kinds(model).count("MatMulInteger") == LINEARS
    assert not any(array.dtype == np.float16 for array in weights_in(model).values())


@given(
    arrays.arrays(np.float32, st.tuples(st.integers(1, 8), st.integers(1, 8)), elements=st.floats(-64, 64, width=32)),
)
def test_a_weight_is_never_further_off_than_half_a_level(matrix: Array) -> None:
    weights = weights_in(eight_bit(product(matrix), {"image": 1.0}))
    scale = weights["matrix_scale"].astype(np.float64)
    # Rounding the scale to float16 may push the largest weight past the last level, by 127 / 2048 of one.
    assert (np.abs(weights["matrix_q"] * scale - matrix) <= 0.5 * scale * (1 + 1e-6)).all()


def test_the_range_of_an_activation_is_the_largest_magnitude_seen() -> None:
    images = noise(LEAST_CALIBRATION, (4, 3))
    assert ranges_of(product(np.ones((3, 2), np.float32)), images) == {"image": float(np.abs(images).max())}


def test_calibration_needs_enough_pictures() -> None:
    with pytest.raises(ModelError, match="at least 32 pictures, there are 31"):
        ranges_of(product(np.ones((3, 2), np.float32)), noise(LEAST_CALIBRATION - 1, (1, 3)))


def test_calibration_refuses_numbers_that_are_not_finite() -> None:
    images = noise(LEAST_CALIBRATION, (1, 3))
    images[7][0, 1] = np.inf
    with pytest.raises(ModelError, match="not finite"):
        ranges_of(product(np.ones((3, 2), np.float32)), images)


def test_a_calibration_of_another_graph_is_refused() -> None:
    with pytest.raises(ModelError, match="no range of image"):
        eight_bit(product(np.ones((3, 2), np.float32)), {"picture": 1.0})
