"""The picture encoder, cut out of a published saliency network.

The network is a DINOv2 ViT-S/14 whose last blocks were bent towards saliency, with a decoder behind it. What tells things apart is in
the class tokens of the blocks before, and what says where things are in the patch tokens of the middle; so the network is cut there,
takes any picture whose sides are multiples of 14, and its products with weights are made 8-bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from export.onnx_graph import load, make_model, needed_nodes, onnx_package, quantise_products, weights_of

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

OPSET = 14
DIM = 384


def cut(source: Path, *, blocks: Sequence[int], token_block: int, eight_bit: bool) -> ModelProto:
    """Cut the encoder out.

    Args:
        source: The published network, ONNX.
        blocks: Whose class tokens are given out, ascending; the last one is also the last that is computed.
        token_block: Whose patch tokens are given out; not after the last of ``blocks``.
        eight_bit: Whether to quantise the products with weights.

    Returns:
        ``image`` float32 [1,3,H,W] to ``cls`` float32 [1,L,384] and ``patches`` float32 [1,(H/14)*(W/14),384].

    Raises:
        BundleError: It is another network.
        MissingExtra: ``onnx`` is not installed.
    """
    model = load(source)
    wanted = [_block_output(number) for number in (*blocks, token_block)]
    nodes = needed_nodes(model, wanted)
    weights = weights_of(model, nodes)
    image = model.graph.input[0].name
    for node in nodes:
        _rename(node.input, image, "image")
    make = onnx_package().helper.make_node
    weights |= {
        "edge_first": np.array([0], np.int64),
        "edge_second": np.array([1], np.int64),
        "edge_end": np.array([np.iinfo(np.int64).max], np.int64),
    }
    nodes = _class_token_only(nodes, blocks[-1], make)
    if eight_bit:
        nodes, weights = quantise_products(nodes, weights)
    for number in blocks[:-1]:
        nodes.append(_first_token(make, _block_output(number), f"edge_cls_{number}"))
    nodes.append(make("Concat", [*(f"edge_cls_{number}" for number in blocks[:-1]), _block_output(blocks[-1])], ["cls"], axis=1))
    nodes.append(make("Slice", [_block_output(token_block), "edge_second", "edge_end", "edge_second"], ["patches"]))
    return make_model(nodes, weights, *_ends(len(blocks)), OPSET)


def _block_output(number: int) -> str:
    return f"/backbone/encoder/layer.{number}/Add_1_output_0"


def _first_token(make: Any, source: str, result: str) -> NodeProto:
    """The class token of a value [1,T,D], as [1,1,D]."""
    node: NodeProto = make("Slice", [source, "edge_first", "edge_second", "edge_second"], [result])
    return node


def _class_token_only(nodes: Sequence[NodeProto], number: int, make: Any) -> list[NodeProto]:
    """Compute the last block for its class token alone: same numbers, a twelfth of the work less.

    Only keys and values need every token; the query and what is added to the block's input need one.
    """
    block = f"/backbone/encoder/layer.{number}"
    before, normed = _block_output(number - 1), f"{block}/norm1/Add_1_output_0"
    result: list[NodeProto] = []
    for node in nodes:
        if node.output[0] == f"{block}/attention/attention/query/MatMul_output_0":
            result.append(_first_token(make, normed, "edge_query"))
            _rename(node.input, normed, "edge_query")
        elif node.output[0] == f"{block}/Add_output_0":
            result.append(_first_token(make, before, "edge_residual"))
            _rename(node.input, before, "edge_residual")
        result.append(node)
    return result


def _rename(names: Any, old: str, new: str) -> None:
    for index, name in enumerate(names):
        if name == old:
            names[index] = new


def _ends(count: int) -> tuple[list[Any], list[Any]]:
    onnx = onnx_package()
    value, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    image = value("image", kind, [1, 3, "height", "width"])
    return [image], [value("cls", kind, [1, count, DIM]), value("patches", kind, [1, "patches", DIM])]


def same_direction(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    """Smallest cosine between matching rows of two arrays float32 [L,D]."""
    return float(np.min(np.sum(a * b, axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))))
