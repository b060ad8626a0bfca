"""A text reader small enough to check by hand: real ONNX, real sessions. Its letters are bars of colour on white paper.

The detector takes everything darker than paper for text. The recogniser reads a red bar as ``r``, a green one as ``g``, a blue one
as ``b``, whatever their width, and paper as nothing.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

ALPHABET = "r\ng\nb"
INK = {"r": (0, 0, 255), "g": (0, 255, 0), "b": (255, 0, 0)}
BAR_WIDTH_PX, BAR_HEIGHT_PX, GAP_PX = 24, 40, 10


def paper(width_px: int, height_px: int) -> npt.NDArray[np.uint8]:
    """An empty page, uint8 BGR [H,W,3]."""
    return np.full((height_px, width_px, 3), 255, dtype=np.uint8)


def write(page: npt.NDArray[np.uint8], text: str, x: int, y: int, gap_px: int = GAP_PX) -> None:
    """Write bars, their upper left corner at ``x, y``."""
    for letter in text:
        cv2.rectangle(page, (x, y), (x + BAR_WIDTH_PX - 1, y + BAR_HEIGHT_PX - 1), INK[letter], -1)
        x += BAR_WIDTH_PX + gap_px


def write_networks(folder: Path, *, alphabet: str | None = ALPHABET) -> tuple[Path, Path]:
    """Write the detector and the recogniser; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    det, rec = folder / "det.onnx", folder / "rec.onnx"
    darkness = [
        helper.make_node("ReduceMean", ["x"], ["light"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["light", "minus_half"], ["turned"]),
        helper.make_node("Add", ["turned", "half"], ["map"]),
    ]
    _save(det, darkness, ["n", 3, "h", "w"], ["n", 1, "h", "w"], "map", {"minus_half": np.array([-0.5]), "half": np.array([0.5])})
    # BGR in -1..1 to the classes blank, r, g, b, space. A bar is lit in its own colour only; blank wins where nothing is clear.
    weights = 5.0 * np.array([[0, -1, -1, 1, 0], [0, -1, 1, -1, 0], [0, 1, -1, -1, 0]])
    bias = np.array([5.0, 0.0, 0.0, 0.0, -20.0])
    colours = [
        helper.make_node("ReduceMin", ["x"], ["columns"], axes=[2], keepdims=0),
        helper.make_node("AveragePool", ["columns"], ["steps"], kernel_shape=[4], strides=[4]),
        helper.make_node("Transpose", ["steps"], ["rows"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["rows", "weights"], ["scores"]),
        helper.make_node("Add", ["scores", "bias"], ["biased"]),
        helper.make_node("Softmax", ["biased"], ["map"], axis=2),
    ]
    _save(rec, colours, ["n", 3, 48, "w"], ["n", "t", 5], "map", {"weights": weights, "bias": bias}, alphabet)
    return det, rec


def _save(
    path: Path,
    nodes: list[onnx.NodeProto],
    shape_in: list[int | str],
    shape_out: list[int | str],
    output: str,
    constants: dict[str, npt.NDArray[np.float64]],
    alphabet: str | None = None,
) -> None:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "tiny",
        [value("x", TensorProto.FLOAT, shape_in)],
        [value(output, TensorProto.FLOAT, shape_out)],
        [onnx.numpy_helper.from_array(array.astype(np.float32), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    if alphabet is not None:
        helper.set_model_props(model, {"character": alphabet})
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
