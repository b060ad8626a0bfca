"""The vision tower of every family that is exported: as the original, to the last bit, and in every precision."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from edge_runtime.models.onnx_session import open_session
from edge_runtime.pixels import jpeg_decode
from export.families import FAMILIES
from export.gates import cosines, judge, tower_input
from export.onnx_graph import load
from export.precision import LEAST_CALIBRATION, Precision, dynamic_eight_bit, eight_bit, half, ranges_of
from export.spec import UnsupportedModel, pixel_scale_of
from export.vision import MAX_ABS, ExportedTower, export_tower, read_json
from scripts.vlm_checkpoints import write_checkpoint

pytest.importorskip("torch", reason="torch absent")

EXPORTED = [family.name for family in FAMILIES if not family.refusal]
TOKENS = {"SmolVLM2": 4, "InternVL3": 4, "LLaVA-OneVision": 16, "Qwen2.5-VL": 256}

Exported = tuple[Path, ExportedTower]


@pytest.fixture(scope="module", params=EXPORTED)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A checkpoint, and its tower."""
    folder = tmp_path_factory.mktemp("checkpoint")
    write_checkpoint(folder, request.param)
    return folder, export_tower(folder, folder / "tower.onnx")


def test_every_family_that_is_exported_has_a_wrapper() -> None:
    from export.vision_wrappers import WRAPPERS

    assert list(WRAPPERS) == EXPORTED


@pytest.mark.slow
def test_a_tower_gives_the_numbers_of_the_original(exported: Exported) -> None:
    _, done = exported
    # That the wrapper equals the original to the last bit is part of the export; this is the graph in ONNX Runtime.
    assert done.max_abs <= MAX_ABS
    assert done.spec.tokens_per_tile == TOKENS[done.spec.family.name]
    with open_session(done.file, threads=1) as session:
        pictures = np.zeros((3, 3, done.spec.tile_px, done.spec.tile_px), np.float32)
        assert session.run(pictures).shape == (3, done.spec.tokens_per_tile, done.spec.width)


@pytest.mark.slow
def test_nothing_of_a_graph_is_found_out_at_every_call(exported: Exported) -> None:
    _, done = exported
    kinds = [node.op_type for node in load(done.file).graph.node]
    assert not {"Shape", "Gather", "Expand", "ScatterND", "If", "Loop", "Range", "Where", "Cast", "Gemm"} & set(kinds)
    # Attention in windows is not taken apart: one softmax a layer.
    assert kinds.count("Softmax") == 2
    assert kinds.count("Conv") == 1


@pytest.mark.slow
def test_the_gates_on_photographs(exported: Exported, shared_data: Path, tmp_path: Path) -> None:
    folder, done = exported
    scale = pixel_scale_of(read_json(folder / "preprocessor_config.json"))
    photographs = sorted((shared_data / "concepts").glob("*/*.jpg"))[: LEAST_CALIBRATION + 20]
    images = [tower_input(jpeg_decode(path.read_bytes()), done.spec, scale) for path in photographs]
    tower = load(done.file)
    ranges = ranges_of(tower, images[:LEAST_CALIBRATION])
    written: dict[Precision, onnx.ModelProto] = {
        "fp16": half(tower),
        "int8": eight_bit(tower, ranges),
        "dynamic-int8": dynamic_eight_bit(tower),
    }
    for precision, model in written.items():
        file = tmp_path / f"{precision}.onnx"
        file.write_bytes(model.SerializeToString())
        assert judge(precision, cosines(done.file, file, images[LEAST_CALIBRATION:])).failures == ()


def set_to(section: str, key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        (config[section] if section else config)[key] = value

    return change


@pytest.mark.parametrize(
    ("family", "change", "what"),
    [
        pytest.param(
            "LLaVA-OneVision", set_to("", "vision_feature_layer", -2), r"those of layer -2 \(full\)", id="features of another layer"
        ),
        pytest.param(
            "InternVL3",
            set_to("", "vision_feature_select_strategy", "full"),
            r"those of layer -1 \(full\)",
            id="the class token among the tokens",
        ),
        pytest.param(
            "Qwen2.5-VL",
            set_to("vision_config", "window_size", 168),
            "16 tokens a side do not make whole windows of 6",
            id="windows that are cut off",
        ),
    ],
)
def test_a_tower_that_nobody_has_compared_is_refused(
    family: str, change: Callable[[dict[str, Any]], None], what: str, tmp_path: Path
) -> None:
    whole, other = tmp_path / "whole", tmp_path / "other"
    write_checkpoint(whole, family)
    shutil.copytree(whole, other)
    config = read_json(whole / "config.json")
    change(config)
    (other / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(UnsupportedModel, match=what):
        export_tower(other, tmp_path / "tower.onnx")
    assert not (tmp_path / "tower.onnx").exists()
