"""A checkpoint is looked at before anything is done with it: what it is, how large, which state of it, and what it lacks."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime.errors import BundleError
from export.checkpoint import digests_of, read_checkpoint, revision_of
from export.inspect_vlm import inspect_checkpoint
from export.spec import UnsupportedModel
from export.targets import TARGETS
from tests.checkpoint_sample import LANGUAGE_WEIGHTS, TENSORS, TOWER_WEIGHTS, write_head, write_sample


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_sample(tmp_path / "tiny")


def test_it_is_known_by_its_own_files(folder: Path) -> None:
    found = read_checkpoint(folder)
    assert (found.name, found.spec.family.name, found.licence) == ("tiny", "SmolVLM2", "Apache-2.0")
    assert (found.tower_weights, found.language_weights) == (TOWER_WEIGHTS, LANGUAGE_WEIGHTS)
    # keys and values, 2 layers, 2 heads of 16
    assert found.row_cache_weights == 2 * 2 * 2 * 16


def test_weights_in_several_files_are_added_up(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    for number, (name, shape) in enumerate(TENSORS.items()):
        write_head(folder / f"model-{number}.safetensors", {name: shape})
    found = read_checkpoint(folder)
    assert (found.tower_weights, found.language_weights) == (TOWER_WEIGHTS, LANGUAGE_WEIGHTS)


def test_its_state_is_told_by_its_files(folder: Path) -> None:
    before = revision_of(folder, digests_of(folder))
    assert before == revision_of(folder, digests_of(folder))
    (folder / "README.md").write_text("another card", encoding="utf-8")
    assert revision_of(folder, digests_of(folder)) != before


def test_brought_from_the_hub_its_state_is_the_commit(folder: Path) -> None:
    pulled = {"repository": "owner/name", "revision": "main", "commit": "a" * 40, "licence": "mit", "files": []}
    (folder / "pulled.json").write_text(json.dumps(pulled), encoding="utf-8")
    digests = digests_of(folder)
    assert read_checkpoint(folder).name == "owner/name"
    assert revision_of(folder, digests) == f"commit {'a' * 40}"
    assert "pulled.json" not in digests


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda folder: (folder / "config.json").unlink(), "config.json cannot be read"),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "preprocessor_config.json cannot be read"),
        (lambda folder: (folder / "tokenizer.json").write_text("[]", encoding="utf-8"), "holds no JSON object"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}", encoding="utf-8"), "lists no tokens"),
        (lambda folder: (folder / "model.safetensors").unlink(), "holds no weights"),
        (lambda folder: write_head(folder / "model.safetensors", {"lm_head.weight": (2, 2)}), "holds no vision tower"),
        (lambda folder: write_head(folder / "model.safetensors", {"model.connector.proj.weight": (2, 2)}), "holds no language model"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\x08"), "model.safetensors cannot be read"),
        (lambda folder: (folder / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 40)), "a head of 1099511627776 bytes"),
        (lambda folder: (folder / "model.safetensors").write_bytes(struct.pack("<Q", 4) + b"\xff\xfe\x00{"), "cannot be read"),
    ],
)
def test_what_is_missing_or_damaged_is_said(folder: Path, damage: Callable[[Path], object], what: str) -> None:
    damage(folder)
    with pytest.raises(BundleError, match=what):
        read_checkpoint(folder)


def test_a_tokenizer_without_a_special_token_is_refused(folder: Path) -> None:
    tokenizer = (folder / "tokenizer.json").read_text(encoding="utf-8")
    (folder / "tokenizer.json").write_text(tokenizer.replace("<global-img>", "<somewhere>"), encoding="utf-8")
    with pytest.raises(UnsupportedModel, match="no token for '<global-img>'"):
        read_checkpoint(folder)


def test_looking_says_what_it_becomes_on_every_board(folder: Path) -> None:
    found = inspect_checkpoint(folder)
    assert found.anatomy is not None
    assert (found.anatomy.tokens_per_picture, found.anatomy.width, found.anatomy.k_quants) == (4, 64, False)
    assert [prospect.target for prospect in found.prospects] == list(TARGETS)
    assert {prospect.language for prospect in found.prospects} == {"q8_0"}
    assert [prospect.vision for prospect in found.prospects] == ["dynamic-int8", *["fp16"] * 4]
    assert not any(prospect.short for prospect in found.prospects)


def test_looking_at_a_refused_family_says_why(tmp_path: Path) -> None:
    found = inspect_checkpoint(write_sample(tmp_path / "gemma", {"architectures": ["Gemma3ForConditionalGeneration"]}))
    assert found.family == "Gemma3"
    assert "nobody has compared" in found.refusal
    assert found.anatomy is None


def test_looking_at_something_unknown_says_what_is_known(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match="unknown architecture: SomethingElse") as refusal:
        inspect_checkpoint(write_sample(tmp_path / "else", {"architectures": ["SomethingElse"]}))
    assert "SmolVLM2" in refusal.value.hint
