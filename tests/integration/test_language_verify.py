"""``export verify``: a bundle is run once by what the runtime itself uses; what is not as promised is said, and the exit code tells."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from apps.main import main
from edge_runtime.errors import BundleError
from edge_runtime.models.bundle import Bundle, load_bundle
from edge_runtime.models.tower import ScriptedTower
from edge_runtime.models.tower_onnx import open_onnx_tower
from export.manifest_toml import manifest_toml
from export.verify_vlm import Check, verify_vlm
from tests.tiny_language import needs_llama
from tests.tiny_vlm import FOLDERS, write_vlm

pytestmark = needs_llama

PICTURE = np.full((48, 64, 3), 90, np.uint8)


def looked_at(bundle: Bundle) -> list[Check]:
    with open_onnx_tower(bundle, threads=1) as tower:
        return list(verify_vlm(bundle, tower, PICTURE))


@pytest.mark.parametrize("family", list(FOLDERS))
def test_a_bundle_that_sees_and_answers(tmp_path: Path, family: str) -> None:
    checks = looked_at(write_vlm(tmp_path / "tiny", family))
    assert [(check.name, check.passed) for check in checks] == [
        ("tower", True),
        ("language model", True),
        ("picture and question", True),
        ("answer", True),
    ]
    assert "on CPUExecutionProvider" in checks[0].detail
    assert all(value > 0 for check in checks for value in check.figures.values())


def test_a_special_token_that_is_none_ends_it(tmp_path: Path) -> None:
    checks = looked_at(write_vlm(tmp_path / "tiny", special=("<nothing>",)))
    assert [check.passed for check in checks] == [True, False]
    assert "has no token '<nothing>'" in checks[-1].detail and checks[-1].hint


def test_a_tower_of_another_width_ends_it(tmp_path: Path) -> None:
    bundle = write_vlm(tmp_path / "tiny")
    assert bundle.manifest.tower is not None
    narrow = msgspec.structs.replace(bundle.manifest.tower, dim=32)
    checks = list(verify_vlm(bundle, ScriptedTower(narrow), PICTURE))
    assert [check.passed for check in checks] == [True, True, False]
    assert checks[-1].name == "picture and question"


def test_without_a_language_model_there_is_nothing_to_verify(tmp_path: Path) -> None:
    bundle = write_vlm(tmp_path / "tiny")
    mute = Bundle(bundle.folder, msgspec.structs.replace(bundle.manifest, language=None))
    with open_onnx_tower(mute, threads=1) as tower, pytest.raises(BundleError, match="has no language model"):
        list(verify_vlm(mute, tower, PICTURE))


def test_the_verb_says_it_and_json_describes_the_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_vlm(tmp_path / "tiny").folder
    assert main(["export", "verify", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "ok     files: 2, every hash right" in said and "ok     answer: What is in the picture?" in said
    assert main(["export", "verify", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["passed"] and found["bundle"] == "tiny-tiny 1"
    assert {"cpu", "cores", "gpu"} <= set(found["machine"]) and found["versions"]["llama-cpp-python"]
    assert str(tmp_path) not in json.dumps(found)


def test_what_fails_is_said_and_told_by_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_vlm(tmp_path / "tiny", special=("<nothing>",)).folder
    forced = msgspec.structs.replace(load_bundle(folder).manifest, failed=("vision int8: too far off",))
    (folder / "bundle.toml").write_text(manifest_toml(forced), encoding="utf-8")
    assert main(["export", "verify", str(folder)]) == 4
    said = capsys.readouterr().out
    assert "FAILED language model: the model has no token '<nothing>'" in said and "hint: " in said
    assert "written by force, it missed: vision int8: too far off" in said
    assert main(["export", "verify", str(folder), "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["passed"] is False
