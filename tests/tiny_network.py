"""The smallest networks that engines are tried with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def write_product(
    path: Path, *, factor: float = 2.0, inputs: tuple[str, ...] = ("image",), kind: int = TensorProto.FLOAT, outputs: int = 1
) -> Path:
    """``tokens = image * factor`` for ``image`` [N,4]; with more inputs, their sum is multiplied."""
    nodes = [helper.make_node("Sum", list(inputs), ["sum"])]
    names = ["tokens", *(f"more_{number}" for number in range(1, outputs))]
    nodes += [helper.make_node("Mul", ["sum", "factor"], [name]) for name in names]
    weight = numpy_helper.from_array(np.array(factor, helper.tensor_dtype_to_np_dtype(kind)), "factor")
    ends = [[helper.make_tensor_value_info(name, kind, ["n", 4]) for name in side] for side in (inputs, names)]
    graph = helper.make_graph(nodes, "tiny", ends[0], ends[1], [weight])
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=8).SerializeToString())
    return path
