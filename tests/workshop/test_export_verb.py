"""``edge-runtime export``: from a checkpoint to a bundle that answers; what falls short is not written; what is killed is gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from apps.main import main
from edge_runtime.models.bundle import Bundle, load_bundle
from edge_runtime.models.hub import sha256_of
from edge_runtime.pixels import jpeg_encode
from export.families import FAMILIES
from export.gguf_source import CONVERTER
from export.pictures import LEAST_PICTURES
from scripts.vlm_checkpoints import write_checkpoint
from tests.isolation import REAL_CACHE

pytest.importorskip("torch", reason="torch absent")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
EXPORTED = [family.name for family in FAMILIES if not family.refusal]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, and a checkpoint of SmolVLM2 with its licence."""
    folder = tmp_path_factory.mktemp("workshop")
    (folder / "pictures").mkdir()
    rng = np.random.default_rng(3)
    for number in range(LEAST_PICTURES):
        cells = rng.integers(0, 256, (2 + number % 7, 3 + number % 5, 3), dtype=np.uint8)
        picture = np.kron(cells, np.ones((24, 24, 1), np.uint8))
        (folder / "pictures" / f"{number:02}.jpg").write_bytes(jpeg_encode(picture, 95, 256))
    write_checkpoint(folder / "SmolVLM2")
    (folder / "SmolVLM2" / "README.md").write_text("---\nlicense: apache-2.0\n---\n", encoding="utf-8")
    (folder / "SmolVLM2" / "LICENSE").write_text("Apache License\nVersion 2.0\n", encoding="utf-8")
    return folder


def arguments(workshop: Path, family: str, out: Path, *more: str) -> list[str]:
    converter = REAL_CACHE / "sources" / CONVERTER.file_name
    if not converter.is_file():
        pytest.skip("converter absent")
    means = ["--pictures", os.fspath(workshop / "pictures"), "--converter", os.fspath(converter)]
    # Random weights bear no fewer bits than these.
    kind = [] if "--language" in more else ["--language", "f16"]
    return ["export", "vlm", os.fspath(workshop / family), "-o", os.fspath(out), *means, *kind, *more]


def hashes(bundle: Bundle) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in bundle.folder.iterdir()}


@pytest.fixture(scope="module")
def made(workshop: Path) -> Bundle:
    assert main(arguments(workshop, "SmolVLM2", workshop / "made" / "tiny")) == 0
    return load_bundle(workshop / "made" / "tiny")


def test_a_bundle_says_what_it_is_and_where_it_is_from(made: Bundle) -> None:
    manifest = made.manifest
    assert (manifest.name, manifest.failed, len(manifest.version)) == ("tiny", (), 12)
    assert manifest.tower is not None and manifest.language is not None
    assert (manifest.tower.precision, manifest.tower.rows, manifest.tower.columns, manifest.tower.dim) == ("dynamic-int8", 2, 2, 64)
    assert (manifest.language.architecture, manifest.language.quantisation, manifest.language.context_rows) == ("llama", "f16", 1024)
    assert {file.path: file.licence for file in manifest.files} == dict.fromkeys(("tower.onnx", "language.gguf", "LICENSE"), "Apache-2.0")
    assert all(file.source.startswith("SmolVLM2, sha256 ") for file in manifest.files)
    assert {"edge-runtime", "torch", "transformers", "onnx", "llama-cpp-python"} <= set(manifest.made_with)
    assert manifest.gates["vision_fp32_max_abs"] <= 1e-4
    assert manifest.gates["vision_dynamic_int8_cosine_min"] >= 0.99
    assert manifest.gates["language_f32_picture_max_abs"] <= 1e-4
    assert made.capabilities.language
    assert [path.name for path in made.folder.parent.iterdir()] == ["tiny"]


def test_made_of_the_same_it_is_left_alone(workshop: Path, made: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    before = hashes(made)
    # As a run leaves it that is killed when the bundle is in its place.
    (made.folder.parent / "tiny.unfinished" / "tower").mkdir(parents=True)
    assert main(arguments(workshop, "SmolVLM2", made.folder)) == 0
    assert "is ready: it was made of just this" in capsys.readouterr().out
    assert hashes(load_bundle(made.folder)) == before
    assert [path.name for path in made.folder.parent.iterdir()] == ["tiny"]


def test_verified_it_sees_and_answers_and_holds_against_its_checkpoint(
    workshop: Path, made: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    means = arguments(workshop, "SmolVLM2", made.folder)[5:9]
    against = ["--against", os.fspath(workshop / "SmolVLM2"), *means]
    assert main(["export", "verify", os.fspath(made.folder), "--json", *against]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["passed"] and said["failed"] == []
    assert [check["name"] for check in said["checks"]] == [
        *("tower", "language model", "picture and question", "answer"),
        *("tower in float32", "tower in dynamic-int8", "language model in float32", "language model in f16"),
    ]
    assert all(check["passed"] for check in said["checks"])
    assert "4 tokens" not in said["checks"][0]["detail"] and "2 x 2 tokens of 64 on CPU" in said["checks"][0]["detail"]
    assert said["machine"]["cores"] and said["versions"]["torch"]
    assert os.fspath(workshop) not in json.dumps(said)


def test_held_against_another_model_it_falls_through(workshop: Path, made: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    other = workshop / "other"
    write_checkpoint(other)
    from safetensors.torch import load_file, save_file

    weights = {name: value.flip(0).contiguous() for name, value in load_file(other / "model.safetensors").items()}
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    means = arguments(workshop, "SmolVLM2", made.folder)[5:9]
    assert main(["export", "verify", os.fspath(made.folder), "--against", os.fspath(other), *means]) == 4
    assert "FAILED tower in dynamic-int8: vision dynamic-int8: mean cosine" in capsys.readouterr().out


def test_what_misses_a_gate_is_written_only_by_force_and_says_so_for_ever(workshop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint, out = workshop / "turned", workshop / "missed"
    write_checkpoint(checkpoint)
    template = checkpoint / "chat_template.jinja"
    # Trained on turns that are written otherwise, it would answer ours badly, and nothing else would tell.
    template.write_text(template.read_text(encoding="utf-8").replace("Assistant:", "It said:"), encoding="utf-8")
    command = arguments(workshop, checkpoint.name, out)
    assert main(command) == 4
    said = capsys.readouterr()
    assert "missed: language: the prompt has" in said.out and "the bundle is not written" in said.err
    assert not out.exists()
    assert main([*command, "--force"]) == 0
    said = capsys.readouterr()
    assert said.out.count("taken up from an earlier run") == 7
    assert ": begun" not in said.out
    (failure,) = load_bundle(out).manifest.failed
    assert failure.startswith("language: the prompt has")
    for action in ("inspect", "verify"):
        assert main(["export", action, os.fspath(out)]) == 0
        assert failure in capsys.readouterr().out


@pytest.mark.parametrize("family", [name for name in EXPORTED if name != "SmolVLM2"])
def test_every_family_becomes_a_bundle_that_answers(workshop: Path, family: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_checkpoint(workshop / family, family)
    out = workshop / f"{family}-bundle"
    assert main(arguments(workshop, family, out)) == 0
    assert main(["export", "verify", os.fspath(out)]) == 0
    assert "all chances finite" in capsys.readouterr().out


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_tower_for_a_board(workshop: Path, precision: str) -> None:
    out = workshop / f"orin-{precision}"
    assert main(arguments(workshop, "SmolVLM2", out, "--target", "orin-nano", "--vision", precision)) == 0
    manifest = load_bundle(out).manifest
    assert manifest.tower is not None and manifest.tower.precision == precision
    assert manifest.gates[f"vision_{precision}_pictures"] == 20


def test_with_few_bits_what_each_column_counts_is_measured_first(workshop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = workshop / "few-bits"
    assert main(arguments(workshop, "SmolVLM2", out, "--language", "q4_0", "--force")) == 0
    manifest = load_bundle(out).manifest
    # Seven matrices in each of two layers, and the one that the chances come from.
    assert manifest.gates["language_matrices_weighed"] == 15
    assert manifest.gates["language_tensors_q4_0"] > 0


def test_a_tower_in_float8_is_held_to_the_gate_of_whole_numbers(workshop: Path) -> None:
    out = workshop / "thor-fp8"
    # Three bits of mantissa are few for random weights: whether they do is measured, not promised.
    assert main(arguments(workshop, "SmolVLM2", out, "--target", "thor", "--vision", "fp8", "--force")) == 0
    manifest = load_bundle(out).manifest
    assert manifest.tower is not None and manifest.tower.precision == "fp8"
    reached = manifest.gates["vision_fp8_cosine_mean"] >= 0.998 and manifest.gates["vision_fp8_cosine_min"] >= 0.99
    assert (manifest.failed == ()) is reached
    assert manifest.gates["vision_fp8_cosine_mean"] > 0.99


KILLED_AT = ("tower in float32: done", "gate of the tower in dynamic-int8: begun", "language model in f16: begun")


def test_killed_again_and_again_it_comes_to_the_same_bundle(workshop: Path, made: Bundle) -> None:
    out = workshop / "again" / "tiny"
    command = arguments(workshop, "SmolVLM2", out)
    said: list[str] = []
    for line in KILLED_AT:
        lines = run_until(command, line)
        assert lines[-1] == line
        said += lines
        assert not out.exists()
    said += run_until(command, "")
    assert said.count("tower in float32: begun") == 1
    assert said.count("tower in float32: taken up from an earlier run") == len(KILLED_AT)
    assert said.count("language model in float32: begun") == 1
    assert hashes(load_bundle(out)) == hashes(made)
    assert [path.name for path in out.parent.iterdir()] == ["tiny"]


def run_until(command: Sequence[str], line: str) -> list[str]:
    """Run the verb in a process of its own, with all that it starts, until it says a line; then kill it. Returns what it said."""
    environment = {**os.environ, "PYTHONPATH": os.fspath(ROOT)}
    whole = [sys.executable, "-m", "apps.main", *command]
    said = []
    with subprocess.Popen(  # noqa: S603
        whole, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        for text in process.stdout:
            said.append(text.rstrip("\n"))
            if said[-1] == line:
                os.killpg(process.pid, signal.SIGKILL)
                break
    assert process.returncode == (-signal.SIGKILL if line else 0)
    return said
