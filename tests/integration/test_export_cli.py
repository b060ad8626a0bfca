"""The verb ``export`` without the workshop's packages: it looks into checkpoints and bundles, and refuses in words what cannot be."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from apps.main import main
from edge_runtime.errors import DeviceError, InputError, UsageError
from edge_runtime.models.bundle import Bundle
from export.bundle_vlm import export_vlm
from export.manifest_toml import manifest_toml
from export.pictures import LEAST_GATE, LEAST_PICTURES, pictures_in
from export.targets import TARGETS, Target
from export.vlm_plan import Order
from tests.checkpoint_sample import write_sample
from tests.tiny_vlm import write_vlm

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return write_sample(tmp_path / "tiny")


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return write_vlm(tmp_path / "vlm")


def test_a_checkpoint_is_looked_into(checkpoint: Path, capsys: Capture) -> None:
    assert main(["export", "inspect", str(checkpoint)]) == 0
    said = capsys.readouterr().out
    assert "tiny: SmolVLM2, licence Apache-2.0" in said
    assert "64 px to 4 tokens of 64, numbered rope1d, attention causal" in said
    assert "rows of 64, 128: not all multiples of 256: no K-quants" in said
    assert "orin-nano: tower fp16, language model q8_0, about 4" in said


def test_the_same_as_json(checkpoint: Path, capsys: Capture) -> None:
    assert main(["export", "inspect", str(checkpoint), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["family"], said["anatomy"]["tokens_per_picture"], said["prospects"][0]["target"]) == ("SmolVLM2", 4, "pc")


def test_of_a_refused_family_the_reason_is_said(tmp_path: Path, capsys: Capture) -> None:
    folder = write_sample(tmp_path / "moon", {"architectures": ["HfMoondream"]})
    assert main(["export", "inspect", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "moon: Moondream2" in said and "not exported: it needs code that comes with the checkpoint" in said
    assert "these are: SmolVLM2, InternVL3, LLaVA-OneVision, Qwen2.5-VL" in said


def test_a_bundle_is_looked_into_with_what_it_missed(bundle: Bundle, capsys: Capture) -> None:
    forced = msgspec.structs.replace(bundle.manifest, gates={"vision_int8_cosine_min": 0.5}, failed=("vision int8: too far off",))
    (bundle.folder / "bundle.toml").write_text(manifest_toml(forced), encoding="utf-8")
    assert main(["export", "inspect", str(bundle.folder)]) == 0
    said = capsys.readouterr().out
    assert "tower fp32: 64 px to 2 x 2 tokens of 64" in said and "language model llama in f32" in said
    assert "vision_int8_cosine_min = 0.5" in said and "missed: vision int8: too far off" in said
    assert main(["export", "inspect", str(bundle.folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["failed"] == ["vision int8: too far off"]


def test_an_altered_bundle_is_not_taken_for_a_checkpoint(bundle: Bundle, capsys: Capture) -> None:
    (bundle.folder / "tower.onnx").write_bytes(b"another tower")
    for action in ("inspect", "verify"):
        assert main(["export", action, str(bundle.folder)]) == 4
        assert "tower.onnx of bundle tiny-vlm is not the file that was prepared" in capsys.readouterr().err


def test_without_torch_it_says_how_to_get_it(checkpoint: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["export", "vlm", str(checkpoint), "-o", str(tmp_path / "out")]) == 4
    said = capsys.readouterr().err
    assert "exporting needs the package torch, which is not installed here" in said
    assert "scripts/export_env" in said and ".venv-export/bin/edge-runtime export" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "code", "what"),
    [
        (["--target", "orin-nano", "--vision", "fp8"], 4, "FP8 needs SM 89 or later, and orin-nano has SM 87"),
        (["--target", "orin-nano", "--vision", "dynamic-int8"], 4, "dynamic-int8 is for processors"),
        (["--target", "moon-nano"], 2, "there is no profile of a board called moon-nano"),
        (["--vision", "int4"], 2, "invalid choice: 'int4'"),
        (["--language", "iq2_xs"], 2, "invalid choice: 'iq2_xs'"),
    ],
)
def test_what_a_board_cannot_have_is_refused_first(
    flags: list[str], code: int, what: str, checkpoint: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert main(["export", "vlm", str(checkpoint), "-o", str(tmp_path / "out"), *flags]) == code
    assert what in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def order(checkpoint: Path, folder: Path, target: Target) -> Order:
    """An order that can be settled; the pictures are never opened."""
    folder.mkdir()
    for number in range(LEAST_PICTURES):
        (folder / f"{number}.png").write_bytes(bytes([number]))
    return Order(checkpoint, folder, target)


def test_a_folder_of_something_else_is_left_alone(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mother.txt").write_text("Dear mother", encoding="utf-8")
    wanted = order(checkpoint, tmp_path / "pictures", TARGETS["pc"])
    for folder in (tmp_path / "letters", tmp_path / "letters" / "mother.txt"):
        with pytest.raises(UsageError, match="is there and is no bundle"):
            export_vlm(wanted, folder)


def test_a_model_that_the_board_has_no_room_for_is_refused_with_both_figures(checkpoint: Path, tmp_path: Path) -> None:
    small = replace(TARGETS["orin-nano"], memory_bytes=100 << 20)
    said: list[str] = []
    with pytest.raises(DeviceError, match=r"memory: about 4\d\d.\d MB are needed, and orin-nano has 73.4 MB to give"):
        export_vlm(order(checkpoint, tmp_path / "pictures", small), tmp_path / "out", say=said.append)
    assert "for orin-nano: tower fp16, language model q8_0" in said[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pictures", "tiny"]


def test_too_few_pictures_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    wanted = order(checkpoint, tmp_path / "pictures", TARGETS["pc"])
    (tmp_path / "pictures" / "0.png").unlink()
    with pytest.raises(InputError, match="holds 51 different pictures, at least 52 are needed"):
        export_vlm(wanted, tmp_path / "out")


def test_pictures_are_parted_so_that_none_serves_both(tmp_path: Path) -> None:
    for number in range(90):
        (tmp_path / f"{number:02}.JPG").write_bytes(bytes([number]))
    (tmp_path / "again.png").write_bytes(bytes([0]))
    (tmp_path / "notes.txt").write_bytes(b"no picture")
    found = pictures_in(tmp_path)
    assert [path.name for path in found.gate.values()] == [f"{number:02}.JPG" for number in range(60, 90)]
    assert [path.name for path in found.calibration.values()] == [f"{number:02}.JPG" for number in range(60)]
    assert found.copies == 1


def test_the_fewest_pictures_are_enough_for_both(tmp_path: Path) -> None:
    for number in range(LEAST_PICTURES):
        (tmp_path / f"{number:02}.png").write_bytes(bytes([number]))
    found = pictures_in(tmp_path)
    assert (len(found.calibration), len(found.gate)) == (LEAST_PICTURES - LEAST_GATE, LEAST_GATE)
