"""A whole bundle of tiny networks: real ONNX, real sessions, weights that can be checked by hand.

The encoder averages 14 x 14 patches, so that a token is the colour of its patch and both class tokens are the picture's mean colour.
The classifier has three classes, one a colour channel.
"""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper

from edge_runtime.models.bundle import Bundle, BundleFile, Manifest, Naming, Text, Vision, load_bundle
from edge_runtime.models.hub import sha256_of
from export.manifest_toml import manifest_toml

VISION = Vision(
    file="vision.onnx",
    input_px=224,
    patch_px=14,
    mean=(0.0, 0.0, 0.0),
    scale=(255.0, 255.0, 255.0),
    blocks=(9, 10),
    token_block=5,
    token_rows=8,
    token_columns=8,
    token_dim=3,
    vector="raw",
    vector_dim=3,
)
NAMING = Naming(file="naming.onnx", names="names.txt", input_px=224, mean=0.0, scale=25.5)


def _save(folder: Path, name: str, nodes: list[onnx.NodeProto], outputs: dict[str, list[int]], **constants: list[int]) -> None:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "tiny",
        [value("image", TensorProto.FLOAT, [1, 3, "h", "w"])],
        [value(output, TensorProto.FLOAT, shape) for output, shape in outputs.items()],
        [helper.make_tensor(key, TensorProto.INT64, [len(items)], items) for key, items in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    (folder / name).write_bytes(model.SerializeToString())


def write_vision(folder: Path) -> None:
    nodes = [
        helper.make_node("AveragePool", ["image"], ["cells"], kernel_shape=[14, 14], strides=[14, 14]),
        helper.make_node("Reshape", ["cells", "flat"], ["columns"]),
        helper.make_node("Transpose", ["columns"], ["patches"], perm=[0, 2, 1]),
        helper.make_node("ReduceMean", ["patches"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Concat", ["mean", "mean"], ["cls"], axis=1),
    ]
    _save(folder, VISION.file, nodes, {"cls": [1, 2, 3], "patches": [1, 256, 3]}, flat=[1, 3, -1])


def write_naming(folder: Path) -> None:
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Softmax", ["mean"], ["probabilities"], axis=1),
    ]
    _save(folder, NAMING.file, nodes, {"probabilities": [1, 3]})
    (folder / NAMING.names).write_text("tomato\nlettuce\nsea\n", encoding="utf-8")


def write_whitening(folder: Path, matrix: np.ndarray, mean: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, mean=mean.astype(np.float32), matrix=matrix.astype(np.float16))
    (folder / "whitening.npz").write_bytes(buffer.getvalue())


def seal(
    folder: Path, *, vision: Vision | None = None, naming: Naming | None = None, text: Text | None = None, name: str = "tiny"
) -> Manifest:
    """Write ``bundle.toml`` for what lies in the folder."""
    files = tuple(
        BundleFile(path.name, sha256_of(path), path.stat().st_size, "CC0-1.0", "made for a test")
        for path in sorted(folder.iterdir())
        if path.name != "bundle.toml"
    )
    manifest = Manifest(
        format=1, name=name, version="3", summary="for tests", files=files, vision=vision, naming=naming, text=text, gates={"auc": 0.5}
    )
    (folder / "bundle.toml").write_text(manifest_toml(manifest), encoding="utf-8")
    return manifest


def tiny_bundle(folder: Path) -> Bundle:
    """A bundle that encodes and names, and cannot read."""
    folder.mkdir(parents=True, exist_ok=True)
    write_vision(folder)
    write_naming(folder)
    seal(folder, vision=VISION, naming=NAMING)
    return load_bundle(folder)


def whitened_bundle(folder: Path, matrix: np.ndarray, mean: np.ndarray) -> Bundle:
    """A bundle that whitens; the matrix is [2,3,K]."""
    folder.mkdir(parents=True, exist_ok=True)
    write_vision(folder)
    write_whitening(folder, matrix, mean)
    seal(folder, vision=msgspec.structs.replace(VISION, vector="whitened", vector_dim=2 * matrix.shape[2], whitening="whitening.npz"))
    return load_bundle(folder)
