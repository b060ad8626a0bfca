"""A bundle is believed only when its manifest can be read and every file is the one that was prepared."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.errors import BundleError
from edge_runtime.models.bundle import PREPARABLE, Manifest, bundles_folder, list_bundles, load_bundle
from edge_runtime.types import Capabilities
from tests.tiny_bundle import NAMING, VISION, seal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = bundles_folder(tmp_path) / "tiny"
    folder.mkdir(parents=True)
    (folder / "vision.onnx").write_bytes(b"network")
    (folder / "names.txt").write_text("cup\n", encoding="utf-8")
    seal(folder, vision=VISION)
    return folder


def refused(tmp_path: Path, what: str) -> None:
    with pytest.raises(BundleError, match=what) as caught:
        load_bundle("tiny", cache=tmp_path)
    assert caught.value.hint == "run: edge-runtime models remove tiny, and bring it again with models pull or export"


def test_it_is_found_by_name_and_by_folder(folder: Path, tmp_path: Path) -> None:
    by_name, by_folder = load_bundle("tiny", cache=tmp_path), load_bundle(folder)
    assert by_name == by_folder
    assert by_name.folder == folder
    assert by_name.file("vision.onnx").read_bytes() == b"network"
    assert by_name.nbytes == len(b"network") + len("cup\n")


def test_it_says_what_it_can_do(folder: Path) -> None:
    assert load_bundle(folder).capabilities == Capabilities(bundle="tiny 3", vector=True, tokens=True, vector_dim=3)
    (folder / "vision.onnx").rename(folder / "naming.onnx")
    seal(folder, naming=NAMING)
    assert load_bundle(folder).capabilities == Capabilities(bundle="tiny 3", labels=True)


def test_the_manifest_comes_back_as_it_was_written(folder: Path) -> None:
    (folder / "naming.onnx").write_bytes(b"network")
    manifest = seal(folder, vision=VISION, naming=NAMING)
    assert load_bundle(folder).manifest == manifest


def test_a_bundle_that_was_never_prepared(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no model bundle called tiny") as caught:
        load_bundle("tiny", cache=tmp_path)
    assert "edge-runtime models pull hf:owner/name or file:/folder" in caught.value.hint


@pytest.mark.parametrize("name", PREPARABLE)
def test_a_bundle_that_can_be_prepared_says_how(name: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=f"no model bundle called {name}") as caught:
        load_bundle(name, cache=tmp_path)
    assert caught.value.hint == f"run: edge-runtime models prepare {name}"


@pytest.mark.parametrize(("typed", "meant"), [("tinny", "tiny"), ("poket", "pocket")])
def test_a_name_that_is_nearly_one(typed: str, meant: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError) as caught:
        load_bundle(typed, cache=tmp_path)
    assert caught.value.hint.startswith(f"did you mean {meant}? If not, bring it: ")


def test_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no bundle\.toml in") as caught:
        load_bundle(tmp_path / "nowhere")
    assert "folder" in caught.value.hint


def test_a_file_that_is_missing(folder: Path, tmp_path: Path) -> None:
    (folder / "names.txt").unlink()
    refused(tmp_path, r"names\.txt of bundle tiny is missing")


@pytest.mark.parametrize("data", [b"networK", b"network and more", b""], ids=["altered", "longer", "empty"])
def test_a_file_that_is_another(data: bytes, folder: Path, tmp_path: Path) -> None:
    (folder / "vision.onnx").write_bytes(data)
    refused(tmp_path, r"vision\.onnx of bundle tiny is not the file that was prepared")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("format = 1", "format = 0"),
        ("format = 1", "form = 1"),
        ("summary =", "surprise = 1\nsummary ="),
        ("input_px = 224", "input_px = 0"),
    ],
    ids=["another format", "a key missing", "an unknown key", "out of range"],
)
def test_a_manifest_of_another_version(old: str, new: str, folder: Path, tmp_path: Path) -> None:
    path = folder / "bundle.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    refused(tmp_path, r"format 0, this version reads 1|bundle\.toml cannot be read")


def test_a_manifest_of_a_newer_format_is_told_from_a_broken_one(folder: Path, tmp_path: Path) -> None:
    # What else is new in it does not matter.
    path = folder / "bundle.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("format = 1", 'format = 2\nnew = "?"'), encoding="utf-8")
    with pytest.raises(BundleError, match="bundle tiny has format 2, this version reads 1") as caught:
        load_bundle("tiny", cache=tmp_path)
    assert caught.value.hint == "it needs a newer edge-runtime"


@pytest.mark.parametrize("path", ["../names.txt", "/etc/passwd", "a/../../names.txt", ""])
def test_a_file_outside_the_folder_is_no_part_of_a_bundle(path: str, folder: Path, tmp_path: Path) -> None:
    manifest = folder / "bundle.toml"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace('path = "names.txt"', f'path = "{path}"'), encoding="utf-8")
    refused(tmp_path, "does not lie in its folder")


def test_a_file_without_a_hash_is_not_used(folder: Path, tmp_path: Path) -> None:
    seal(folder, vision=VISION, naming=NAMING)
    refused(tmp_path, r"cannot be used: naming\.onnx is used and not listed among its files")


def test_a_bundle_that_missed_a_gate_loads_and_says_so(folder: Path) -> None:
    path = folder / "bundle.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("failed = []", 'failed = ["auc 0.5, at least 0.9 is wanted"]'), encoding="utf-8"
    )
    assert load_bundle(folder).manifest.failed == ("auc 0.5, at least 0.9 is wanted",)


@pytest.mark.parametrize("data", [b"", b"= broken", b"\xff\xfe"], ids=["empty", "no TOML", "no text"])
def test_a_manifest_that_cannot_be_read(data: bytes, folder: Path, tmp_path: Path) -> None:
    (folder / "bundle.toml").write_bytes(data)
    refused(tmp_path, r"bundle\.toml cannot be read")


def test_prepared_bundles_are_listed_and_half_made_ones_are_not(folder: Path, tmp_path: Path) -> None:
    half = bundles_folder(tmp_path) / ".tiny-abc"
    half.mkdir()
    (half / "bundle.toml").write_bytes(b"")
    other = bundles_folder(tmp_path) / "another"
    other.mkdir()
    seal(other, name="another")
    listed: list[Manifest] = list_bundles(cache=tmp_path)
    assert [manifest.name for manifest in listed] == ["another", "tiny"]
    assert list_bundles(cache=tmp_path / "empty") == []
