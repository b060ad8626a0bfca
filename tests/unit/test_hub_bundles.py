"""Bundles come into the cache whole and right, or not at all; they are verified file by file, and removed."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from edge_runtime.errors import BundleError, DeviceError, HashMismatch, Unreachable, UsageError
from edge_runtime.models.bundle import FORMAT, BundleFile, Language, Manifest, PromptShape, Tower, bundles_folder, load_bundle
from edge_runtime.models.hub import sha256_of
from edge_runtime.models.hub_bundles import install_bundle, making, pull, remove_bundle
from edge_runtime.models.hub_checkpoint import checkpoints_folder
from edge_runtime.models.hub_verify import verify_bundle
from export.manifest_toml import manifest_toml
from tests.hub_stand_in import HubStandIn
from tests.tiny_language import tiny_path

PROMPT = PromptShape(before="", after="", stop=())
LANGUAGE = Language("language.gguf", "llama", "f32", 64, (), PROMPT)


def make(folder: Path, *, name: str = "tiny", version: str = "1", language: Language = LANGUAGE, tower_dim: int = 0) -> Manifest:
    """A bundle with a real language model of random weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / language.file).write_bytes(tiny_path("llama").read_bytes())
    (folder / "vision.onnx").write_bytes(b"network")
    tower = Tower("vision.onnx", "fp16", 8, (0, 0, 0), (1, 1, 1), 1, 1, tower_dim) if tower_dim else None
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".gguf", ".onnx"))
    files = tuple(BundleFile(path.name, sha256_of(path), path.stat().st_size, "CC0-1.0", "made for a test") for path in paths)
    manifest = Manifest(FORMAT, name, version, "for tests", files, tower=tower, language=language)
    (folder / "bundle.toml").write_text(manifest_toml(manifest), encoding="utf-8")
    return manifest


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """A bundle's folder somewhere else."""
    folder = tmp_path / "stick" / "some folder"
    make(folder)
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_a_bundle_is_copied_with_its_size_and_licence_said_first(stick: Path, cache: Path) -> None:
    said: list[str] = []
    place = pull(f"file:{stick}", cache=cache, say=said.append)
    assert place == bundles_folder(cache) / "tiny"
    assert contents(place) == contents(stick)
    assert load_bundle("tiny", cache=cache).capabilities.rewording
    assert said[0].startswith("bundle tiny 1: 2 files, ") and said[0].endswith("licence CC0-1.0")
    assert said[-1] == f"bundle tiny 1 is ready: {place}"


def test_what_is_beside_its_files_stays_where_it_is(stick: Path, cache: Path) -> None:
    (stick / "notes.txt").write_text("mine", encoding="utf-8")
    assert "notes.txt" not in contents(pull(str(stick), cache=cache))


@pytest.mark.parametrize("damage", [b"", b"short", None], ids=["empty", "truncated", "one bit"])
def test_a_damaged_file_is_refused_and_nothing_is_kept(damage: bytes | None, stick: Path, cache: Path) -> None:
    path = stick / "language.gguf"
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:] if damage is None else damage)
    with pytest.raises(HashMismatch, match=r"language\.gguf: expected sha256") as caught:
        install_bundle(stick, cache=cache)
    assert "copy the bundle's folder anew" in caught.value.hint
    assert list(bundles_folder(cache).iterdir()) == []


def test_a_file_that_is_missing_is_named_and_nothing_is_kept(stick: Path, cache: Path) -> None:
    (stick / "vision.onnx").unlink()
    with pytest.raises(BundleError, match=r"vision\.onnx cannot be read: No such file") as caught:
        install_bundle(stick, cache=cache)
    assert "copy the bundle's folder anew" in caught.value.hint
    assert list(bundles_folder(cache).iterdir()) == []


def test_a_bundle_that_is_there_is_left_alone_and_a_damaged_one_is_replaced(stick: Path, cache: Path) -> None:
    place = install_bundle(stick, cache=cache)
    before = (place / "language.gguf").stat().st_ino
    install_bundle(stick, cache=cache)
    assert (place / "language.gguf").stat().st_ino == before
    (place / "language.gguf").write_bytes(b"damage")
    install_bundle(stick, cache=cache)
    assert contents(place) == contents(stick)


def test_another_bundle_of_the_same_name_is_not_overwritten(stick: Path, cache: Path) -> None:
    place = install_bundle(stick, cache=cache)
    make(stick, version="2")
    with pytest.raises(BundleError, match="another bundle goes by the name tiny: version 1") as caught:
        install_bundle(stick, cache=cache)
    assert caught.value.hint == "run: edge-runtime models remove tiny, then this again"
    assert load_bundle(place).manifest.version == "1"


@pytest.mark.parametrize("name", ["../outside", "..", ".hidden", "a/b", "", "a b"])
def test_a_name_that_cannot_be_a_folders(name: str, stick: Path, cache: Path) -> None:
    make(stick, name=name)
    with pytest.raises(BundleError, match="cannot be a bundle's name"):
        install_bundle(stick, cache=cache)
    assert not bundles_folder(cache).exists()


def test_a_checkpoint_is_no_bundle_and_the_next_command_is_named(tmp_path: Path, cache: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(BundleError, match="is a checkpoint, not a bundle") as caught:
        pull(f"file:{tmp_path}", cache=cache)
    assert caught.value.hint == f"run: edge-runtime export vlm {tmp_path} -o BUNDLE"


def test_too_little_space_is_said_before_copying(stick: Path, cache: Path) -> None:
    manifest = make(stick)
    files = (msgspec.structs.replace(manifest.files[0], size_bytes=10**16), *manifest.files[1:])
    (stick / "bundle.toml").write_text(manifest_toml(msgspec.structs.replace(manifest, files=files)), encoding="utf-8")
    with pytest.raises(DeviceError, match="are needed"):
        install_bundle(stick, cache=cache)
    assert not bundles_folder(cache).exists()


def test_a_published_bundle_is_pulled_once(hub: HubStandIn, stick: Path, cache: Path) -> None:
    hub.publish("maker/tiny", {**contents(stick), "README.md": b"about"}, license="cc0-1.0")
    place = pull("hf:maker/tiny", cache=cache)
    assert place == bundles_folder(cache) / "tiny"
    assert load_bundle("tiny", cache=cache).manifest == load_bundle(stick).manifest
    assert (place / "README.md").read_bytes() == b"about"
    assert list(checkpoints_folder(cache).iterdir()) == []
    said: list[str] = []
    hub.requests.clear()
    assert pull("maker/tiny", cache=cache, say=said.append) == place
    assert said == [f"hf:maker/tiny is here, as bundle tiny: {place}"]
    assert (hub.listed, hub.requests) == (1, [])


def test_a_published_bundle_that_was_damaged_here_is_pulled_again(hub: HubStandIn, stick: Path, cache: Path) -> None:
    hub.publish("maker/tiny", contents(stick))
    place = pull("hf:maker/tiny", cache=cache)
    (place / "language.gguf").write_bytes(b"damage")
    assert pull("hf:maker/tiny", cache=cache) == place
    assert verify_bundle("tiny", cache=cache).faults == ()


def test_a_bundle_that_was_published_with_a_fault_is_not_put_in_place(hub: HubStandIn, stick: Path, cache: Path) -> None:
    hub.publish("maker/tiny", {**contents(stick), "vision.onnx": b"another"})
    with pytest.raises(BundleError, match=r"published with a fault: vision\.onnx is not the file that was prepared"):
        pull("hf:maker/tiny", cache=cache)
    assert not bundles_folder(cache).exists()


def test_a_published_checkpoint_is_kept_and_the_next_command_is_said(hub: HubStandIn, cache: Path) -> None:
    hub.publish("maker/model", {"config.json": b"{}", "model.safetensors": b"weights"})
    said: list[str] = []
    assert pull("hf:maker/model", cache=cache, say=said.append) == checkpoints_folder(cache) / "maker--model"
    assert said[-1] == "a checkpoint; make a bundle of it: edge-runtime export vlm hf:maker/model -o BUNDLE"


def test_verifying_names_every_fault(stick: Path) -> None:
    assert verify_bundle(stick).faults == ()
    (stick / "language.gguf").write_bytes(b"GGUF")
    (stick / "vision.onnx").unlink()
    language, vision = verify_bundle(stick).faults
    assert language.startswith("language.gguf is not the file that was prepared: 4 bytes instead of ")
    assert vision == "vision.onnx is missing"


def test_verifying_compares_the_language_model_with_what_is_said_of_it(stick: Path) -> None:
    make(stick, language=msgspec.structs.replace(LANGUAGE, architecture="qwen2vl"))
    assert verify_bundle(stick).faults == ("language.gguf is of the family llama, and bundle.toml says qwen2vl",)
    make(stick, tower_dim=960)
    (fault,) = verify_bundle(stick).faults
    assert fault.startswith("the tower gives rows of 960 numbers, and language.gguf reads ")


def test_verifying_reads_the_head_of_the_language_model(stick: Path) -> None:
    manifest = make(stick)
    path = stick / "language.gguf"
    path.write_bytes(b"GGUF" + bytes(40))
    file = BundleFile(path.name, sha256_of(path), path.stat().st_size, "", "")
    manifest = msgspec.structs.replace(manifest, files=(file, *manifest.files[1:]))
    (stick / "bundle.toml").write_text(manifest_toml(manifest), encoding="utf-8")
    (fault,) = verify_bundle(stick).faults
    assert "language.gguf" in fault


def test_removing_says_what_is_free_again(stick: Path, cache: Path) -> None:
    place = install_bundle(stick, cache=cache)
    whole = sum(path.stat().st_size for path in place.iterdir())
    linked = (place / "vision.onnx").stat().st_size
    os.link(place / "vision.onnx", cache / "the same elsewhere")
    gained = remove_bundle("tiny", cache=cache)
    assert (gained.freed_bytes, gained.kept_bytes) == (whole - linked, linked)
    assert list(bundles_folder(cache).iterdir()) == []


def test_a_bundle_whose_manifest_cannot_be_read_can_be_removed(stick: Path, cache: Path) -> None:
    (install_bundle(stick, cache=cache) / "bundle.toml").write_bytes(b"= broken")
    remove_bundle("tiny", cache=cache)
    assert list(bundles_folder(cache).iterdir()) == []


def test_a_checkpoint_is_removed_whole_or_half(hub: HubStandIn, cache: Path) -> None:
    repository = hub.publish("maker/model", {"config.json": b"{}", "model.safetensors": b"weights"})
    repository.cut_at["model.safetensors"] = [3, -1]
    with pytest.raises(Unreachable):
        pull("hf:maker/model", cache=cache)
    assert remove_bundle("hf:maker/model", cache=cache).freed_bytes == len(b"{}") + 3
    assert list(checkpoints_folder(cache).iterdir()) == []


@pytest.mark.parametrize("name", ["..", "../bundles/tiny", "/", "", ".", ".tiny", "hf:..", "hf:../../x", "hf:tiny"])
def test_nothing_but_a_bundle_of_the_cache_is_removed(name: str, stick: Path, cache: Path) -> None:
    place = install_bundle(stick, cache=cache)
    before = contents(cache)
    with pytest.raises(UsageError):
        remove_bundle(name, cache=cache)
    assert contents(cache) == before
    assert place.is_dir()


def test_a_folder_that_is_no_bundle_and_a_link_are_not_removed(stick: Path, cache: Path) -> None:
    bundles_folder(cache).mkdir(parents=True)
    (bundles_folder(cache) / "notes").mkdir()
    (bundles_folder(cache) / "linked").symlink_to(stick)
    for name in ("notes", "linked", "absent", "hf:maker/absent"):
        with pytest.raises(BundleError, match=r"is here|is not here") as caught:
            remove_bundle(name, cache=cache)
        assert caught.value.hint == "see what is: edge-runtime models list"
    assert (stick / "bundle.toml").is_file()


def test_a_folder_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "made"
    with making(place) as work:
        (work / "file").write_bytes(b"first")
    (tmp_path / ".made-killed").mkdir()
    with pytest.raises(BundleError), making(place) as work:
        (work / "file").write_bytes(b"second")
        raise BundleError("does not come out", hint="")
    assert contents(tmp_path) == {"made/file": b"first"}
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
    with making(place) as work:
        (work / "other").write_bytes(b"third")
    assert contents(tmp_path) == {"made/other": b"third"}
