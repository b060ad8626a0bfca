"""Precisions of a vision tower. Each is an ONNX file of its own, strongly typed: no builder flag changes it afterwards.

=============  =====================================================================================================================
fp16           weights and arithmetic float16; pictures in and tokens out stay float32
int8           for TensorRT: products of activations with weights 8-bit, by QuantizeLinear and DequantizeLinear; all else float16
dynamic-int8   for processors: the same products 8-bit, activations scaled as they come; all else float32
fp8            as int8, with float8 (e4m3fn) in the place of whole numbers; for boards from SM 89 on
=============  =====================================================================================================================

Only products with a weight matrix are quantised. Attention's products of two activations, softmax, normalisation and the patch embedding
stay as they are, and so do biases: with those in 8 bits the error of a vision transformer doubles, and TensorRT reads no quantised bias.

ONNX Runtime runs all of them on a processor, ``int8`` and ``fp8`` by rounding to the 8-bit numbers and multiplying in float: what the
rounding costs is measured on the very file, what a GPU's own arithmetic adds is not.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import ModelError
from edge_runtime.models.onnx_session import open_session
from export.float16 import Weights, halved
from export.onnx_graph import make_model, onnx_package, opset_of, quantise_products, save, weights_of

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Precision = Literal["fp16", "int8", "dynamic-int8", "fp8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

Images = Iterable[npt.NDArray[np.float32]]
"""Pictures as a tower takes them, float32 [1,3,S,S] each."""

LEAST_CALIBRATION = 32
"""Pictures; with fewer, the largest activations have not been seen."""
FP8_LEAST_SM = 89
"""Ada. Orin is 87, Thor 110."""

_SMALLEST_SCALE = np.float32(2.0**-14)
"""Smallest float16 of full precision."""


class UnsupportedPrecision(ModelError):
    """A precision that the board does not have."""


def half(model: ModelProto) -> ModelProto:
    """Turn a float32 graph into a float16 one; see :mod:`export.float16`. Input and outputs stay float32.

    Raises:
        MissingExtra: ``onnx`` is not installed.
        ModelError: A weight is larger than float16 holds.
    """
    nodes = list(model.graph.node)
    return halved(model, nodes, weights_of(model, nodes))


def eight_bit(model: ModelProto, ranges: Mapping[str, float], form: Literal["int8", "fp8"] = "int8") -> ModelProto:
    """Quantise the products with weights, statically and symmetrically: one scale a weight column, one a whole activation.

    Scales are rounded to float16 before anything is quantised with them, so that what the graph multiplies back with is exact.

    Args:
        model: float32.
        ranges: Largest magnitude of each activation that enters such a product, as :func:`ranges_of` gives it.
        form: Whole numbers of -127..127, or float8 (e4m3fn) of -448..448.

    Raises:
        MissingExtra: ``onnx`` is not installed.
        ModelError: An activation has no range, or a weight is larger than float16 holds.
    """
    make, number = onnx_package().helper.make_node, _number(form)
    weights = weights_of(model, model.graph.node)
    linears = {node.output[0] for node in _linears(model.graph.node, weights)}
    nodes: list[NodeProto] = []
    quantised: set[str] = set()
    weights["zero"] = np.zeros((), number.kind)
    for node in model.graph.node:
        if node.output[0] not in linears:
            nodes.append(node)
            continue
        source, matrix = node.input
        if source not in quantised:
            quantised.add(source)
            weights[f"{source}_scale"] = _scale(np.float32(_range(ranges, source)), number)
            nodes.append(make("QuantizeLinear", [source, f"{source}_scale", "zero"], [f"{source}_q"]))
            nodes.append(make("DequantizeLinear", [f"{source}_q", f"{source}_scale", "zero"], [f"{source}_dq"]))
        if matrix not in quantised:
            quantised.add(matrix)
            values = weights.pop(matrix)
            scale = _scale(np.abs(values).max(axis=0), number)
            weights[f"{matrix}_q"] = _rounded(values / scale, number)
            weights[f"{matrix}_scale"] = scale
            weights[f"{matrix}_zero"] = np.zeros(scale.shape, number.kind)
            inputs = [f"{matrix}_q", f"{matrix}_scale", f"{matrix}_zero"]
            nodes.append(make("DequantizeLinear", inputs, [f"{matrix}_dq"], axis=1))
        nodes.append(make("MatMul", [f"{source}_dq", f"{matrix}_dq"], [node.output[0]]))
    return halved(model, nodes, weights)


def dynamic_eight_bit(model: ModelProto) -> ModelProto:
    """Quantise the products with weights for a processor; see :func:`export.onnx_graph.quantise_products`.

    Raises:
        MissingExtra: ``onnx`` is not installed.
    """
    nodes, weights = quantise_products(model.graph.node, weights_of(model, model.graph.node))
    return make_model(nodes, weights, model.graph.input, model.graph.output, opset_of(model))


def ranges_of(model: ModelProto, images: Images) -> dict[str, float]:
    """Measure the largest magnitude of every activation that enters a product with a weight.

    The maximum, not a percentile: which products are quantised matters more than how their range is found. Only that one number leaves
    the graph for each activation, so that pictures cost no memory.

    Args:
        model: float32.
        images: At least :data:`LEAST_CALIBRATION` real pictures, none of those that the gates are measured on.

    Raises:
        MissingExtra: ``onnx`` or ``onnxruntime`` is not installed.
        ModelError: There are too few pictures, or an activation is not finite.
    """
    onnx = onnx_package()
    weights = weights_of(model, model.graph.node)
    sources = list(dict.fromkeys(node.input[0] for node in _linears(model.graph.node, weights)))
    nodes = list(model.graph.node)
    for source in sources:
        nodes.append(onnx.helper.make_node("Abs", [source], [f"{source}_abs"]))
        nodes.append(onnx.helper.make_node("ReduceMax", [f"{source}_abs"], [f"{source}_largest"], keepdims=0))
    outputs = [onnx.helper.make_tensor_value_info(f"{source}_largest", onnx.TensorProto.FLOAT, []) for source in sources]
    probe = make_model(nodes, weights, model.graph.input, outputs, opset_of(model))
    largest, seen = np.zeros(len(sources), np.float32), 0
    with tempfile.TemporaryDirectory() as work:
        file = Path(work) / "probe.onnx"
        save(probe, file)
        with open_session(file, threads=1) as session:
            for image in images:
                largest = np.maximum(largest, session.run_all(image))
                seen += 1
    if seen < LEAST_CALIBRATION:
        hint = "give more pictures, such as the wearer sees"
        raise ModelError(f"calibration needs at least {LEAST_CALIBRATION} pictures, there are {seen}", hint=hint)
    if not np.isfinite(largest).all():
        raise ModelError("the tower gives numbers that are not finite", hint="check the checkpoint and its preprocessor_config.json")
    return dict(zip(sources, largest.tolist(), strict=True))


def _linears(nodes: Iterable[NodeProto], weights: Weights) -> list[NodeProto]:
    """The products of an activation with a weight matrix."""
    return [node for node in nodes if node.op_type == "MatMul" and node.input[1] in weights and weights[node.input[1]].ndim == 2]


def _range(ranges: Mapping[str, float], name: str) -> float:
    try:
        return ranges[name]
    except KeyError as error:
        raise ModelError(f"the calibration has no range of {name}", hint="calibrate with the graph that is quantised") from error


class _Number(NamedTuple):
    """An 8-bit number: its type, and the largest of each sign. Symmetric, so that zero is zero."""

    kind: npt.DTypeLike
    largest: int


def _number(form: Literal["int8", "fp8"]) -> _Number:
    onnx = onnx_package()
    return _Number(np.int8, 127) if form == "int8" else _Number(onnx.helper.tensor_dtype_to_np_dtype(onnx.TensorProto.FLOAT8E4M3FN), 448)


def _rounded(values: npt.NDArray[Any], number: _Number) -> npt.NDArray[Any]:
    whole = np.rint(values) if number.kind is np.int8 else values
    result: npt.NDArray[Any] = np.clip(whole, -number.largest, number.largest).astype(number.kind)
    return result


def _scale(largest: Any, number: _Number) -> npt.NDArray[np.float32]:
    """What an 8-bit one stands for: float32, and exact in float16."""
    steps: npt.NDArray[np.float32] = np.maximum(largest / number.largest, _SMALLEST_SCALE).astype(np.float16).astype(np.float32)
    return steps
