"""Small steps on ONNX graphs: load, cut at outputs, quantise matrix products, save. The door to the ``onnx`` package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import BundleError, MissingExtra
from edge_runtime.models.hub import write_atomic, writing

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

IR_VERSION = 8
"""Old enough for every ONNX Runtime in use."""
LARGEST_MESSAGE_BYTES = 2_000_000_000
"""A protobuf message ends at 2 GiB. What is larger is saved with its weights in a file beside it."""


def onnx_package() -> Any:
    """The ``onnx`` package.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        hint = "install the extra export: scripts/install cpu,export"
        raise MissingExtra("preparing models needs the package onnx, which is not installed", hint=hint) from error
    return onnx


def load(path: Path) -> ModelProto:
    """Read a model whose hash has been checked, with the weights beside it if there are any.

    Raises:
        MissingExtra: ``onnx`` is not installed.
    """
    model: ModelProto = onnx_package().load_model(path)
    return model


def save(model: ModelProto, path: Path) -> None:
    """Write a model; weights of more than :data:`LARGEST_MESSAGE_BYTES` go into ``NAME.data`` beside it, and out of ``model``.

    Raises:
        MissingExtra: ``onnx`` is not installed.
        DeviceError: The file cannot be written.
    """
    onnx = onnx_package()
    if _small(model):
        write_atomic(path, [model.SerializeToString()])
        return
    beside = _beside(path)
    with writing(path):
        # What is there already would be written on.
        beside.unlink(missing_ok=True)
        onnx.save_model(model, path, save_as_external_data=True, location=beside.name)
    onnx.checker.check_model(path)


def saved_bytes(path: Path) -> int:
    """Size of a model on disk, with the weights beside it if there are any."""
    return sum(file.stat().st_size for file in (path, _beside(path)) if file.is_file())


def make_model(
    nodes: Sequence[NodeProto], weights: Mapping[str, npt.NDArray[Any]], inputs: Sequence[Any], outputs: Sequence[Any], opset: int
) -> ModelProto:
    """Put a model together and check it; one that is too large for that is checked when it is saved.

    Raises:
        MissingExtra: ``onnx`` is not installed.
    """
    onnx = onnx_package()
    initialisers = [onnx.numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in weights.items()]
    graph = onnx.helper.make_graph(list(nodes), "edge_runtime", list(inputs), list(outputs), initialisers)
    model: ModelProto = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=IR_VERSION, producer_name="edge_runtime"
    )
    if _small(model):
        onnx.checker.check_model(model)
    return model


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.data")


def _small(model: ModelProto) -> bool:
    return sum(len(item.raw_data) for item in model.graph.initializer) < LARGEST_MESSAGE_BYTES


def needed_nodes(model: ModelProto, outputs: Sequence[str]) -> list[NodeProto]:
    """The nodes that ``outputs`` depend on, in the order they stand in the graph.

    Raises:
        BundleError: The graph has no such output.
    """
    makers = {output: index for index, node in enumerate(model.graph.node) for output in node.output}
    absent = [name for name in outputs if name not in makers]
    if absent:
        raise BundleError(f"the network has no {absent[0]}", hint="use the release of the weights that the bundle names")
    kept: set[int] = set()
    todo = list(outputs)
    while todo:
        index = makers.get(todo.pop())
        if index is not None and index not in kept:
            kept.add(index)
            todo.extend(model.graph.node[index].input)
    return [model.graph.node[index] for index in sorted(kept)]


def weights_of(model: ModelProto, nodes: Sequence[NodeProto]) -> dict[str, npt.NDArray[Any]]:
    """The initialisers that ``nodes`` use, by name."""
    onnx = onnx_package()
    used = {name for node in nodes for name in node.input}
    return {item.name: onnx.numpy_helper.to_array(item) for item in model.graph.initializer if item.name in used}


def opset_of(model: ModelProto) -> int:
    """The version of the standard operators that a model uses."""
    return int(next(item.version for item in model.opset_import if not item.domain))


def quantise_products(
    nodes: Sequence[NodeProto], weights: Mapping[str, npt.NDArray[Any]]
) -> tuple[list[NodeProto], dict[str, npt.NDArray[Any]]]:
    """Turn every product with a weight matrix into an 8-bit one, its activations quantised as they come (dynamic quantisation).

    Weights are symmetric, with one scale per output column, and use 7 of the 8 bits: the instruction that x86 processors without VNNI
    have for this saturates with full-range weights. ONNX Runtime fuses the four nodes into one.

    Args:
        nodes: Of the graph, in order.
        weights: Initialisers by name; matrices are float32 [K, N].

    Returns:
        The new nodes and the new initialisers.
    """
    make = onnx_package().helper.make_node
    kept = dict(weights)
    result: list[NodeProto] = []
    quantised: set[str] = set()
    for node in nodes:
        if node.op_type != "MatMul" or kept.get(node.input[1], np.empty(0)).ndim != 2:
            result.append(node)
            continue
        (source, matrix), (product,) = node.input, node.output
        if source not in quantised:
            quantised.add(source)
            result.append(make("DynamicQuantizeLinear", [source], [f"{source}_u8", f"{source}_scale", f"{source}_zero"]))
        values = kept.pop(matrix)
        scale = np.maximum(np.abs(values).max(axis=0), np.finfo(np.float32).tiny) / 63.0
        kept[f"{matrix}_i8"] = np.rint(values / scale).astype(np.int8)
        kept[f"{matrix}_scale"] = scale.astype(np.float32)
        kept[f"{matrix}_zero"] = np.zeros(scale.shape, np.int8)
        result += [
            make("MatMulInteger", [f"{source}_u8", f"{matrix}_i8", f"{source}_zero", f"{matrix}_zero"], [f"{product}_i32"]),
            make("Cast", [f"{product}_i32"], [f"{product}_f32"], to=1),
            make("Mul", [f"{source}_scale", f"{matrix}_scale"], [f"{product}_scale"]),
            make("Mul", [f"{product}_f32", f"{product}_scale"], [product]),
        ]
    return result, kept
