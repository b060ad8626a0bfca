"""Precisions of a vision tower. Each is an ONNX file of its own, strongly typed: no builder flag changes it afterwards.

=============  =====================================================================================================================
fp16           weights and arithmetic float16; pictures in and tokens out stay float32
int8           for TensorRT: products of activations with weights 8-bit, by QuantizeLinear and DequantizeLinear; all else float16
dynamic-int8   for processors: the same products 8-bit, activations scaled as they come; all else float32
fp8            not written: see :func:`refuse_fp8`
=============  =====================================================================================================================

Only products with a weight matrix are quantised. Attention's products of two activations, softmax, normalisation and the patch embedding
stay as they are, and so do biases: with those in 8 bits the error of a vision transformer doubles, and TensorRT reads no quantised bias.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, get_args

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import ModelError
from edge_runtime.models.onnx_session import open_session
from export.onnx_graph import make_model, onnx_package, quantise_products, weights_of

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Precision = Literal["fp16", "int8", "dynamic-int8", "fp8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

Weights = Mapping[str, npt.NDArray[Any]]
Images = Iterable[npt.NDArray[np.float32]]
"""Pictures as a tower takes them, float32 [1,3,S,S] each."""

LEAST_CALIBRATION = 32
"""Pictures; with fewer, the largest activations have not been seen."""
FP8_LEAST_SM = 89
"""Ada. Orin is 87, Thor 110."""

_LEVELS = 127
"""Of each sign: symmetric, so that zero is zero."""
_SMALLEST_SCALE = np.float32(2.0**-14)
"""Smallest float16 of full precision."""


class UnsupportedPrecision(ModelError):
    """A precision that the board does not have, or that has not been written."""


def half(model: ModelProto) -> ModelProto:
    """Turn a float32 graph into a float16 one. Input and outputs stay float32.

    Raises:
        MissingExtra: ``onnx`` is not installed.
        ModelError: A weight is larger than float16 holds.
    """
    nodes = list(model.graph.node)
    return _halved(model, nodes, weights_of(model, nodes))


def eight_bit(model: ModelProto, ranges: Mapping[str, float]) -> ModelProto:
    """Quantise the products with weights, statically and symmetrically: one scale a weight column, one a whole activation.

    Scales are rounded to float16 before anything is quantised with them, so that what the graph multiplies back with is exact.

    Args:
        model: float32.
        ranges: Largest magnitude of each activation that enters such a product, as :func:`ranges_of` gives it.

    Raises:
        MissingExtra: ``onnx`` is not installed.
        ModelError: An activation has no range, or a weight is larger than float16 holds.
    """
    make = onnx_package().helper.make_node
    weights = weights_of(model, model.graph.node)
    linears = {node.output[0] for node in _linears(model.graph.node, weights)}
    nodes: list[NodeProto] = []
    quantised: set[str] = set()
    weights["zero_i8"] = np.zeros((), np.int8)
    for node in model.graph.node:
        if node.output[0] not in linears:
            nodes.append(node)
            continue
        source, matrix = node.input
        if source not in quantised:
            quantised.add(source)
            weights[f"{source}_scale"] = _scale(np.float32(_range(ranges, source)))
            nodes.append(make("QuantizeLinear", [source, f"{source}_scale", "zero_i8"], [f"{source}_i8"]))
            nodes.append(make("DequantizeLinear", [f"{source}_i8", f"{source}_scale", "zero_i8"], [f"{source}_dq"]))
        if matrix not in quantised:
            quantised.add(matrix)
            values = weights.pop(matrix)
            scale = _scale(np.abs(values).max(axis=0))
            weights[f"{matrix}_i8"] = np.clip(np.rint(values / scale), -_LEVELS, _LEVELS).astype(np.int8)
            weights[f"{matrix}_scale"] = scale
            weights[f"{matrix}_zero"] = np.zeros(scale.shape, np.int8)
            inputs = [f"{matrix}_i8", f"{matrix}_scale", f"{matrix}_zero"]
            nodes.append(make("DequantizeLinear", inputs, [f"{matrix}_dq"], axis=1))
        nodes.append(make("MatMul", [f"{source}_dq", f"{matrix}_dq"], [node.output[0]]))
    return _halved(model, nodes, weights)


def dynamic_eight_bit(model: ModelProto) -> ModelProto:
    """Quantise the products with weights for a processor; see :func:`export.onnx_graph.quantise_products`.

    Raises:
        MissingExtra: ``onnx`` is not installed.
    """
    nodes, weights = quantise_products(model.graph.node, weights_of(model, model.graph.node))
    return make_model(nodes, weights, model.graph.input, model.graph.output, _opset(model))


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
    probe = make_model(nodes, weights, model.graph.input, outputs, _opset(model))
    largest, seen = np.zeros(len(sources), np.float32), 0
    with tempfile.TemporaryDirectory() as work:
        file = Path(work) / "probe.onnx"
        file.write_bytes(probe.SerializeToString())
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


def refuse_fp8(sm: int | None) -> NoReturn:
    """Say why there is no FP8 file.

    Args:
        sm: Of the board the file is for, such as 87; ``None`` if none was named.

    Raises:
        UnsupportedPrecision: Always: below SM 89 the board has no FP8, and from there on nothing here could measure its gates.
    """
    if sm is not None and sm < FP8_LEAST_SM:
        raise UnsupportedPrecision(f"FP8 needs SM {FP8_LEAST_SM} or later, and the board has SM {sm}", hint="use int8 or fp16")
    message = "FP8 is not written: no runtime at hand executes it, so what it costs in accuracy could not be measured"
    raise UnsupportedPrecision(message, hint="use fp16, or int8")


def _linears(nodes: Iterable[NodeProto], weights: Weights) -> list[NodeProto]:
    """The products of an activation with a weight matrix."""
    return [node for node in nodes if node.op_type == "MatMul" and node.input[1] in weights and weights[node.input[1]].ndim == 2]


def _range(ranges: Mapping[str, float], name: str) -> float:
    try:
        return ranges[name]
    except KeyError as error:
        raise ModelError(f"the calibration has no range of {name}", hint="calibrate with the graph that is quantised") from error


def _scale(largest: Any) -> npt.NDArray[np.float32]:
    """What one of 127 levels stands for: float32, and exact in float16."""
    steps: npt.NDArray[np.float32] = np.maximum(largest / _LEVELS, _SMALLEST_SCALE).astype(np.float16).astype(np.float32)
    return steps


def _halved(model: ModelProto, nodes: Sequence[NodeProto], weights: Weights) -> ModelProto:
    """Float16 throughout, with a cast behind the input and before each output."""
    onnx = onnx_package()
    make, kind = onnx.helper.make_node, onnx.TensorProto
    (image,) = [item.name for item in model.graph.input]
    tokens = {item.name for item in model.graph.output}
    result = [make("Cast", [image], [f"{image}_half"], to=kind.FLOAT16)]
    for node in nodes:
        changed = deepcopy(node)
        changed.input[:] = [_inner(name, {image}, tokens) for name in node.input]
        changed.output[:] = [_inner(name, {image}, tokens) for name in node.output]
        result.append(changed)
    result += [make("Cast", [f"{name}_half"], [name], to=kind.FLOAT) for name in sorted(tokens)]
    halves = {name: _half_weight(name, array) for name, array in weights.items()}
    return make_model(result, halves, model.graph.input, model.graph.output, _opset(model))


def _inner(name: str, inputs: set[str], outputs: set[str]) -> str:
    return f"{name}_half" if name in inputs | outputs else name


def _half_weight(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.dtype != np.float32:
        return array
    with np.errstate(over="ignore"):
        result = array.astype(np.float16)
    if not np.isfinite(result).all():
        raise ModelError(f"{name} has a weight of {np.abs(array).max():.0f}, and float16 ends at 65504", hint="use dynamic-int8")
    return result


def _opset(model: ModelProto) -> int:
    return int(next(item.version for item in model.opset_import if not item.domain))
