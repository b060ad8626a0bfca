"""Quantising through llama.cpp: what is written is what was asked for, or it is refused in words; and what counts is found out."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.errors import BundleError, ModelError
from edge_runtime.models.language_llama_gguf import read_head
from edge_runtime.models.language_llama_open import LlamaSettings, open_llama
from edge_runtime.models.language_picture import Picture
from edge_runtime.pixels import planes
from export.gguf_quant import Kind, UnsupportedQuantisation, quantise
from export.importance import collect, own_passages
from export.parity_quantised import quantised_parity
from export.parity_texts import READINGS
from export.spec import spec_of
from scripts.language_fixtures import gguf, metadata, random_weights, tokenizer
from scripts.language_oracle import EPSILON, Shape
from tests.tiny_language import needs_llama, tiny_path, write_wide
from tests.tiny_vlm import FOLDERS, reference
from tests.weights_of import matrix

pytestmark = needs_llama
TEXT = [list(range(40, 72)), list(range(10, 60)), list(range(200, 250))]


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose rows fill blocks of 256."""
    return write_wide(tmp_path_factory.mktemp("wide"))


@pytest.mark.parametrize(("kind", "most"), [("q8_0", "q8_0"), ("q4_0", "q4_0"), ("iq4_nl", "iq4_nl"), ("f16", "f16")])
def test_the_types_that_were_written_are_read_back(kind: Kind, most: str, tmp_path: Path) -> None:
    said: list[str] = []
    done = quantise(tiny_path("llama"), tmp_path / "it.gguf", kind, say=said.append)
    assert Counter(done.types).most_common(1)[0][0] == most
    assert sum(done.types.values()) == len(read_head(tiny_path("llama")).tensors)
    assert (done.unfit, done.size_bytes) == ((), (tmp_path / "it.gguf").stat().st_size)
    assert most in said[-1]
    with open_llama(tmp_path / "it.gguf", LlamaSettings(context_rows=64, threads=1)) as model:
        model.extend(0, TEXT[0])
        assert np.isfinite(model.logits(0)).all()


def test_what_rows_do_not_fill_is_refused_and_the_hint_says_what_would_do(tmp_path: Path) -> None:
    with pytest.raises(
        UnsupportedQuantisation, match=r"q4_k_m packs rows in blocks of 256, and 15 matrices have rows of 32, 64"
    ) as refused:
        quantise(tiny_path("llama"), tmp_path / "it.gguf", "q4_k_m")
    assert "q8_0" in refused.value.hint
    with pytest.raises(UnsupportedQuantisation, match="q6_k packs rows"):
        quantise(tiny_path("llama"), tmp_path / "it.gguf", "q8_0", overrides={"ffn_down": "q6_k"})
    assert list(tmp_path.iterdir()) == []


def test_k_quants_where_rows_fill_them(wide: Path, tmp_path: Path) -> None:
    done = quantise(wide, tmp_path / "it.gguf", "q4_k_m")
    assert done.types["q4_k"] >= 5
    assert set(done.types) <= {"q4_k", "q6_k", "f32"}


def test_single_matrices_are_given_other_types(tmp_path: Path) -> None:
    quantise(tiny_path("llama"), tmp_path / "it.gguf", "q4_0", overrides={"ffn_down": "q8_0", r"attn_v\.weight": "f16"})
    kinds = {tensor.name: tensor.kind for tensor in read_head(tmp_path / "it.gguf").tensors}
    assert [kinds[f"blk.{layer}.{name}.weight"] for layer in (0, 1) for name in ("ffn_down", "attn_v", "ffn_up")] == [8, 1, 2] * 2


def test_rows_that_fill_no_block_at_all_stay_whole_and_are_named(tmp_path: Path) -> None:
    pieces, merges = tokenizer()
    odd = Shape("llama", width=32, layers=1, heads=4, kv_heads=2, head_width=8, inner=48, rope_base=1e4)
    (tmp_path / "odd.gguf").write_bytes(gguf(metadata(odd, pieces, merges), random_weights(odd, len(pieces), 3)))
    done = quantise(tmp_path / "odd.gguf", tmp_path / "it.gguf", "q8_0")
    assert done.unfit == ("blk.0.ffn_down.weight",)
    assert "blk.0.ffn_down.weight" in str(done)


@pytest.mark.parametrize(
    ("options", "error", "what"),
    [
        ({"kind": "iq2_xs"}, UnsupportedQuantisation, "iq2_xs needs an importance matrix"),
        ({"kind": "q8_0", "overrides": {"ffn": "q7_x"}}, UnsupportedQuantisation, "llama.cpp has no type q7_x"),
        ({"kind": "q8_0", "importance": {"output.weight": np.full(32, np.nan, np.float32)}}, ModelError, "non-finite"),
    ],
    ids=["no importance", "no such type", "importance that is none"],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    options: dict[str, Any], error: type[ModelError], what: str, tmp_path: Path
) -> None:
    target = tmp_path / "it.gguf"
    target.write_bytes(b"of yesterday")
    with pytest.raises(error, match=what):
        quantise(tiny_path("llama"), target, **options)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("it.gguf", b"of yesterday")]


def test_a_file_is_quantised_once(tmp_path: Path) -> None:
    quantise(tiny_path("llama"), tmp_path / "once.gguf", "q8_0")
    with pytest.raises(BundleError, match="in fewer bits already"):
        quantise(tmp_path / "once.gguf", tmp_path / "twice.gguf", "q4_0")


def test_importance_is_the_mean_square_of_what_a_matrix_is_multiplied_with() -> None:
    """Of the first layer it can be worked out by hand: normed embeddings."""
    found = collect(tiny_path("llama"), [[tokens] for tokens in TEXT], threads=1)
    rows = np.concatenate([matrix(tiny_path("llama"), "token_embd.weight")[tokens] for tokens in TEXT]).astype(np.float64)
    normed = rows / np.sqrt(np.mean(rows * rows, axis=1, keepdims=True) + EPSILON) * matrix(tiny_path("llama"), "blk.0.attn_norm.weight")
    for name in "qkv":
        np.testing.assert_allclose(found[f"blk.0.attn_{name}.weight"], np.mean(normed * normed, axis=0), rtol=1e-4)
    assert len(found) == 15
    assert found["blk.1.ffn_down.weight"].shape == (64,)


@pytest.mark.parametrize("name", ["llama", "qwen2vl"])
def test_a_picture_counts_as_text_does(name: str) -> None:
    rows = matrix(tiny_path(name), "token_embd.weight")[TEXT[1][:6]]
    as_picture = collect(tiny_path(name), [[Picture(rows, grid=(1, 6))]], threads=1)
    as_text = collect(tiny_path(name), [[TEXT[1][:6]]], threads=1)
    np.testing.assert_allclose(as_picture["blk.0.attn_q.weight"], as_text["blk.0.attn_q.weight"], rtol=1e-4)


def test_a_model_is_read_what_it_reads_at_work() -> None:
    folder, saved = FOLDERS["SmolVLM2"], reference()
    spec = spec_of(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    images = [planes(picture, (127.5,) * 3, (127.5,) * 3) for picture in saved["pictures"]]
    passages = list(own_passages(folder / "language.gguf", spec, folder / "tower.onnx", images))
    assert [len(passage) for passage in passages] == [1] * len(READINGS) + [3] * len(images)
    for passage, tokens in zip(passages[len(READINGS) :], saved["tokens"], strict=True):
        assert isinstance(passage[1], Picture)
        np.testing.assert_allclose(passage[1].rows, tokens, atol=1e-4)
    found = collect(folder / "language.gguf", passages, threads=1)
    assert len(found) == 15
    assert all((values >= 0).all() and values.any() for values in found.values())


def test_importance_of_nothing_and_of_too_much() -> None:
    with pytest.raises(ModelError, match="nothing to read"):
        collect(tiny_path("llama"), [])
    with pytest.raises(ModelError, match="65 rows"):
        collect(tiny_path("llama"), [[list(range(65))]], context_rows=64)
    with pytest.raises(BundleError, match="cannot be read"):
        collect(Path("no such file"), [[TEXT[0]]])


@pytest.mark.slow
def test_two_bits_with_importance(wide: Path, tmp_path: Path) -> None:
    done = quantise(wide, tmp_path / "it.gguf", "iq2_xs", importance=collect(wide, [[tokens] for tokens in TEXT], threads=1))
    assert done.types["iq2_xs"] >= 2


def test_a_file_compared_with_itself_has_lost_nothing() -> None:
    found = quantised_parity(tiny_path("llama"), tiny_path("llama"), "q8_0", texts=["the red cup is on the table"], threads=1)
    assert (found.top1, found.perplexity_ratio, found.failures) == (1.0, 1.0, ())
    assert found.figures()["language_q8_0_tokens"] == found.tokens > 5


def test_a_file_of_another_model_falls_short() -> None:
    found = quantised_parity(tiny_path("qwen2vl"), tiny_path("llama"), "q8_0", threads=1)
    assert len(found.failures) == 2
    assert found.failures[0].startswith("language q8_0: 0.0")
    with pytest.raises(ModelError, match="no text"):
        quantised_parity(tiny_path("llama"), tiny_path("llama"), "q8_0", texts=[])
