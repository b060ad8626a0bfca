"""What an export refuses before it starts, and the towers that were exported, which need no torch."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import BundleError, MissingExtra
from edge_runtime.models.onnx_session import open_session
from edge_runtime.pixels import planes
from export.onnx_graph import load
from export.spec import pixel_scale_of, spec_of
from export.vision import MAX_ABS, OPSET, export_tower, read_json

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "vlm"
QWEN = GOLDEN.with_name("vlm_qwen")
TOWERS = (GOLDEN, QWEN)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder that has nothing of a checkpoint but its configuration."""
    (tmp_path / "config.json").write_bytes((GOLDEN / "config.json").read_bytes())
    return tmp_path


@pytest.mark.parametrize("folder", TOWERS, ids=lambda folder: folder.name)
def test_the_exported_tower_gives_the_originals_tokens_for_any_number_of_pictures(folder: Path) -> None:
    scale = pixel_scale_of(read_json(folder / "preprocessor_config.json"))
    with np.load(folder / "reference.npz") as reference:
        pictures, wanted = reference["pictures"], reference["tokens"]
    images = np.concatenate([planes(picture, scale.mean, scale.scale) for picture in pictures])
    with open_session(folder / "tower.onnx", threads=1) as session:
        assert np.abs(session.run(images) - wanted).max() <= MAX_ABS
        assert np.abs(session.run(images[1:]) - wanted[1:]).max() <= MAX_ABS
        assert session.run(np.concatenate([images] * 2)).shape == (4, *wanted.shape[1:])


@pytest.mark.parametrize(
    ("folder", "tile_px", "tokens", "operators"),
    [
        # Normalisation, activation and softmax are one operator each where there is one, so that a runtime may compute in float32 inside.
        (GOLDEN, 64, 4, {"LayerNormalization": 5, "Gelu": 2, "Softmax": 2, "Conv": 1}),
        (QWEN, 448, 256, {"Pow": 5, "Gelu": 1, "Sigmoid": 2, "Softmax": 2, "Conv": 1}),
    ],
    ids=["SmolVLM2", "Qwen2.5-VL"],
)
def test_the_exported_graph_is_static_but_for_the_number_of_pictures(
    folder: Path, tile_px: int, tokens: int, operators: dict[str, int]
) -> None:
    model = load(folder / "tower.onnx")
    assert [(item.domain, item.version) for item in model.opset_import] == [("", OPSET)]
    kinds = Counter(node.op_type for node in model.graph.node)
    assert not {"Shape", "Slice", "Gather", "Expand", "ScatterND", "If", "Constant", "Cast"} & set(kinds)
    assert {kind: kinds[kind] for kind in operators} == operators
    (image,), (given,) = model.graph.input, model.graph.output
    assert [dim.dim_param or dim.dim_value for dim in image.type.tensor_type.shape.dim] == ["batch", 3, tile_px, tile_px]
    assert [dim.dim_param or dim.dim_value for dim in given.type.tensor_type.shape.dim] == ["batch", tokens, 64]


@pytest.mark.parametrize("folder", TOWERS, ids=lambda folder: folder.name)
def test_the_exported_file_does_not_say_where_it_was_made(folder: Path) -> None:
    data = (folder / "tower.onnx").read_bytes()
    assert not [word for word in (b"site-packages", b"stack_trace", b"/lib/python", b"/home/", b"/tmp/") if word in data]


@pytest.mark.parametrize("folder", TOWERS, ids=lambda folder: folder.name)
def test_the_reference_holds_a_prompt_with_the_picture_in_it(folder: Path) -> None:
    config = read_json(folder / "config.json")
    with np.load(folder / "reference.npz") as reference:
        ids, logits = reference["ids"], reference["logits"]
    assert [int((row == config["image_token_id"]).sum()) for row in ids] == [spec_of(config).tokens_per_tile] * 2
    assert logits.shape == (2, config["text_config"]["vocab_size"])
    assert not np.array_equal(logits[0], logits[1]), "the picture makes a difference"


def test_a_picture_is_numbered_by_row_and_column_where_tokens_have_three_positions() -> None:
    with np.load(QWEN / "reference.npz") as reference:
        ids, positions = reference["ids"][0], reference["positions"]
    (picture,) = np.nonzero(ids == read_json(QWEN / "config.json")["image_token_id"])
    first, rows = int(picture[0]), 16
    time, down, across = positions[:, picture] - first
    assert not time.any()
    assert np.array_equal(down, np.repeat(np.arange(rows), rows))
    assert np.array_equal(across, np.tile(np.arange(rows), rows))
    assert positions[:, picture[-1] + 1].tolist() == [first + rows] * 3, "text goes on behind the larger side"


@pytest.mark.parametrize("absent", ["torch", "transformers", "onnxscript"])
def test_without_the_extra_the_hint_names_it(checkpoint: Path, absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torch", "transformers", "onnxscript"):
        monkeypatch.setitem(sys.modules, name, None if name == absent else sys)
    with pytest.raises(MissingExtra, match=f"package {absent}") as caught:
        export_tower(checkpoint, checkpoint / "vision.onnx")
    assert "export-vlm" in caught.value.hint


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff", b"[]"])
def test_a_folder_without_a_configuration(checkpoint: Path, content: bytes | None) -> None:
    (checkpoint / "config.json").unlink()
    if content is not None:
        (checkpoint / "config.json").write_bytes(content)
    with pytest.raises(BundleError, match=r"config\.json (cannot be read|holds no JSON object)"):
        export_tower(checkpoint, checkpoint / "vision.onnx")
