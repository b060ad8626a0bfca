"""What an export refuses before it starts, and the tower that was exported, which needs no torch."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import BundleError, MissingExtra
from edge_runtime.models.onnx_session import open_session
from edge_runtime.pixels import planes
from export.onnx_graph import load
from export.spec import UnsupportedModel, spec_of
from export.vision import MAX_ABS, OPSET, export_tower, read_json

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "vlm"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder that has nothing of a checkpoint but its configuration."""
    (tmp_path / "config.json").write_bytes((GOLDEN / "config.json").read_bytes())
    return tmp_path


def test_the_exported_tower_gives_the_originals_tokens_for_any_number_of_pictures() -> None:
    with np.load(GOLDEN / "reference.npz") as reference:
        pictures, wanted = reference["pictures"], reference["tokens"]
    images = np.concatenate([planes(picture, (127.5,) * 3, (127.5,) * 3) for picture in pictures])
    with open_session(GOLDEN / "tower.onnx", threads=1) as session:
        assert np.abs(session.run(images) - wanted).max() <= MAX_ABS
        assert np.abs(session.run(images[1:]) - wanted[1:]).max() <= MAX_ABS
        assert session.run(np.concatenate([images] * 4)).shape == (8, 4, 64)


def test_the_exported_graph_is_static_but_for_the_number_of_pictures() -> None:
    model = load(GOLDEN / "tower.onnx")
    assert [(item.domain, item.version) for item in model.opset_import] == [("", OPSET)]
    kinds = [node.op_type for node in model.graph.node]
    assert not {"Shape", "Slice", "Concat", "ScatterND", "If", "Constant", "Cast"} & set(kinds)
    # One operator each, so that a runtime may compute them in float32 inside.
    assert (kinds.count("LayerNormalization"), kinds.count("Gelu"), kinds.count("Softmax")) == (5, 2, 2)
    (image,), (tokens,) = model.graph.input, model.graph.output
    assert [dim.dim_param or dim.dim_value for dim in image.type.tensor_type.shape.dim] == ["batch", 3, 64, 64]
    assert [dim.dim_param or dim.dim_value for dim in tokens.type.tensor_type.shape.dim] == ["batch", 4, 64]


def test_the_exported_file_does_not_say_where_it_was_made() -> None:
    data = (GOLDEN / "tower.onnx").read_bytes()
    assert not [word for word in (b"site-packages", b"stack_trace", b"/lib/python", b"/home/", b"/tmp/") if word in data]


def test_the_reference_holds_a_prompt_with_the_picture_in_it() -> None:
    config = read_json(GOLDEN / "config.json")
    with np.load(GOLDEN / "reference.npz") as reference:
        ids, logits = reference["ids"], reference["logits"]
    assert [int((row == config["image_token_id"]).sum()) for row in ids] == [spec_of(config).tokens_per_tile] * 2
    assert logits.shape == (2, config["text_config"]["vocab_size"])
    assert not np.array_equal(logits[0], logits[1]), "the picture makes a difference"


@pytest.mark.parametrize("absent", ["torch", "transformers", "onnxslim", "onnxscript"])
def test_without_the_extra_the_hint_names_it(checkpoint: Path, absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torch", "transformers", "onnxslim", "onnxscript"):
        monkeypatch.setitem(sys.modules, name, None if name == absent else sys)
    with pytest.raises(MissingExtra, match=f"package {absent}") as caught:
        export_tower(checkpoint, checkpoint / "vision.onnx")
    assert "export-vlm" in caught.value.hint


def test_a_tower_that_nobody_has_written_is_refused(checkpoint: Path) -> None:
    text = {"model_type": "qwen2", "hidden_size": 896, "num_attention_heads": 14, "intermediate_size": 4864}
    vision = {"image_size": 384, "patch_size": 14}
    config = {"architectures": ["LlavaOnevisionForConditionalGeneration"], "text_config": text, "vision_config": vision}
    (checkpoint / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(UnsupportedModel, match="vision tower of LLaVA-OneVision") as caught:
        export_tower(checkpoint, checkpoint / "vision.onnx")
    assert caught.value.hint == "these have one: SmolVLM2"


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff", b"[]"])
def test_a_folder_without_a_configuration(checkpoint: Path, content: bytes | None) -> None:
    (checkpoint / "config.json").unlink()
    if content is not None:
        (checkpoint / "config.json").write_bytes(content)
    with pytest.raises(BundleError, match=r"config\.json (cannot be read|holds no JSON object)"):
        export_tower(checkpoint, checkpoint / "vision.onnx")
