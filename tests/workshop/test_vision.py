"""From a checkpoint to a proved tower: SmolVLM2, whose whole checkpoint is the sample of the tests that have no torch."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.errors import BundleError, ModelError
from edge_runtime.models.onnx_session import open_session
from edge_runtime.pixels import planes
from export.onnx_graph import load
from export.precision import half
from export.spec import pixel_scale_of
from export.vision import MAX_ABS, export_tower, read_json
from scripts.vlm_checkpoints import write_checkpoint

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "vlm"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    pytest.importorskip("torch", reason="torch absent")
    folder = tmp_path_factory.mktemp("checkpoint")
    write_checkpoint(folder)
    yield folder


@pytest.mark.slow
def test_the_tower_gives_the_numbers_of_the_original(checkpoint: Path, tmp_path: Path) -> None:
    said: list[str] = []
    done = export_tower(checkpoint, tmp_path / "vision.onnx", say=said.append)
    assert done.max_abs <= MAX_ABS
    assert (done.file, done.nodes) == (tmp_path / "vision.onnx", len(load(done.file).graph.node))
    assert [path.name for path in tmp_path.iterdir()] == ["vision.onnx"]
    assert any("64 px to 4 tokens of 64" in line for line in said)
    # The weights are drawn by numpy, so that another version of torch must come to the same tower.
    scale = pixel_scale_of(read_json(checkpoint / "preprocessor_config.json"))
    with np.load(GOLDEN / "reference.npz") as reference, open_session(done.file, threads=1) as session:
        images = np.concatenate([planes(picture, scale.mean, scale.scale) for picture in reference["pictures"]])
        assert np.abs(session.run(images) - reference["tokens"]).max() <= MAX_ABS
    for name in ("tokenizer.json", "config.json"):
        assert set(read_json(checkpoint / name)) == set(read_json(GOLDEN / name))


@pytest.mark.slow
def test_a_grid_that_leaves_pixels_over_as_the_largest_size_has_it(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch absent")
    write_checkpoint(tmp_path / "checkpoint", grid=(384, 14, 3))
    done = export_tower(tmp_path / "checkpoint", tmp_path / "vision.onnx")
    assert done.spec.tokens_per_tile == 81
    assert done.max_abs <= MAX_ABS


@pytest.mark.slow
def test_a_tower_too_large_for_one_message_has_its_weights_beside_it(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.onnx_graph.LARGEST_MESSAGE_BYTES", 1000)
    done = export_tower(checkpoint, tmp_path / "vision.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["vision.onnx", "vision.onnx.data"]
    assert done.max_abs <= MAX_ABS
    assert half(load(done.file)).SerializeToString() == half(load(GOLDEN / "tower.onnx")).SerializeToString()


PROJECTION = "model.connector.modality_projection.proj.weight"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "error", "what"),
    [
        (lambda weights: weights[PROJECTION].fill_(float("nan")), ModelError, "does not give the numbers of the original"),
        (lambda weights: weights.pop(PROJECTION), BundleError, f"lacks 1 weights, {PROJECTION} among them"),
        (lambda weights: weights.clear(), BundleError, "lacks"),
    ],
    ids=["not a number", "one missing", "all missing"],
)
def test_what_cannot_be_proved_replaces_nothing(
    damage: Callable[[dict[str, Any]], object], error: type[ModelError], what: str, checkpoint: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    target = tmp_path / "vision.onnx"
    target.write_bytes(b"the tower of yesterday")
    broken = tmp_path / "broken"
    shutil.copytree(checkpoint, broken)
    weights = load_file(broken / "model.safetensors")
    damage(weights)
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(error, match=what):
        export_tower(broken, target)
    assert target.read_bytes() == b"the tower of yesterday"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "vision.onnx"]


@pytest.mark.slow
@pytest.mark.parametrize("content", [None, b"", b"\x08\0\0\0\0\0\0\0not JSON"], ids=["no file", "empty", "garbage"])
def test_weights_that_cannot_be_read(content: bytes | None, checkpoint: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(checkpoint, broken)
    (broken / "model.safetensors").unlink()
    if content is not None:
        (broken / "model.safetensors").write_bytes(content)
    with pytest.raises(BundleError, match="cannot be loaded"):
        export_tower(broken, tmp_path / "vision.onnx")
