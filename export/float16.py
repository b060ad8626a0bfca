"""A float32 graph in float16, all but what float16 does not hold.

RMS normalisation divides by the root of a mean of squares, and the square of 256 is beyond float16; towers have values of thousands.
From ``Pow`` to the quotient that its input is multiplied with, the graph stays float32. Layer normalisation is one operator, which
runtimes compute in float32 inside.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import ModelError
from export.onnx_graph import make_model, onnx_package, opset_of

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Weights = Mapping[str, npt.NDArray[Any]]

_MEAN_OF_SQUARES = frozenset({"ReduceMean", "Add", "Sqrt", "Reciprocal"})
"""What may follow on ``Pow`` in float32."""


def halved(model: ModelProto, nodes: Sequence[NodeProto], weights: Weights) -> ModelProto:
    """Write a graph anew in float16, with a cast behind the input and before each output, and around what stays float32.

    Args:
        model: Whose input and outputs are kept as they are, float32.
        nodes: Of the new graph, in order.
        weights: Of the new graph; what is not float32 is kept.

    Raises:
        MissingExtra: ``onnx`` is not installed.
        ModelError: A weight is larger than float16 holds.
    """
    onnx = onnx_package()
    make, half, single = onnx.helper.make_node, onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    ends = {item.name for item in (*model.graph.input, *model.graph.output)}
    wide = _wide(nodes, weights)
    kept: dict[str, npt.NDArray[Any]] = {}
    result = [make("Cast", [item.name], [f"{item.name}_half"], to=half) for item in model.graph.input]
    cast: set[str] = set()
    for node in nodes:
        changed = deepcopy(node)
        stays = node.output[0] in wide
        for place, name in enumerate(node.input):
            if name in weights:
                changed.input[place] = f"{name}_single" if stays else name
                kept[changed.input[place]] = weights[name] if stays else _half_weight(name, weights[name])
                continue
            here = f"{name}_half" if name in ends else name
            if (name in wide) != stays:
                changed.input[place] = f"{here}_single" if stays else f"{here}_half"
                if changed.input[place] not in cast:
                    cast.add(changed.input[place])
                    result.append(make("Cast", [here], [changed.input[place]], to=single if stays else half))
            else:
                changed.input[place] = here
        changed.output[:] = [f"{name}_half" if name in ends else name for name in node.output]
        result.append(changed)
    result += [make("Cast", [f"{item.name}_half"], [item.name], to=single) for item in model.graph.output]
    return make_model(result, kept, model.graph.input, model.graph.output, opset_of(model))


def _wide(nodes: Iterable[NodeProto], weights: Container[str]) -> set[str]:
    """Names of the values that stay float32."""
    wide: set[str] = set()
    for node in nodes:
        values = [name for name in node.input if name not in weights]
        follows = node.op_type in _MEAN_OF_SQUARES and wide.issuperset(values)
        if node.op_type == "Pow" or follows:
            wide.update(node.output)
    return wide


def _half_weight(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.dtype != np.float32:
        return array
    with np.errstate(over="ignore"):
        result = array.astype(np.float16)
    if not np.isfinite(result).all():
        raise ModelError(f"{name} has a weight of {np.abs(array).max():.0f}, and float16 ends at 65504", hint="use dynamic-int8")
    return result
