"""Words and pictures in one call: words as the rows that the engine would look up itself, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_runtime.models.language_llama_batch import Part, runs
from edge_runtime.models.language_llama_embeddings import TokenRows, token_rows
from edge_runtime.models.language_llama_gguf import read_head
from edge_runtime.models.language_llama_library import Library, library
from edge_runtime.models.language_llama_open import LlamaSettings, open_llama
from edge_runtime.models.language_picture import Picture
from export.gguf_quant import quantise
from scripts.language_fixtures import SHAPES, random_weights, tokenizer
from tests.tiny_language import NAMES, needs_llama, tiny, tiny_path, write_wide

TEXT = [3, 50, 50, 299, 0, 117, 200, 31]
KINDS = {"f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "q2_k": 10, "q3_k": 11, "q4_k": 12, "q5_k": 13, "q6_k": 14}


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose rows fill blocks of 256."""
    return write_wide(tmp_path_factory.mktemp("wide"))


def rows_of(path: Path) -> TokenRows:
    found = token_rows(library(), read_head(path))
    assert found is not None
    return found


def picture(count: int, *, causal: bool = True) -> Picture:
    return Picture(np.random.default_rng(count).standard_normal((count, 32)).astype(np.float32), causal=causal)


@needs_llama
@pytest.mark.parametrize("kind", KINDS)
def test_the_rows_of_words_are_those_that_the_engine_reads(kind: str, wide: Path, tmp_path: Path) -> None:
    path = tmp_path / "it.gguf"
    quantise(wide, path, "q8_0", overrides={"token_embd": kind})
    (table,) = (tensor for tensor in read_head(path).tensors if tensor.name == "token_embd.weight")
    assert table.kind == KINDS[kind]
    rows = rows_of(path).of(TEXT)
    assert rows.shape == (len(TEXT), 256) and rows.dtype == np.float32 and np.isfinite(rows).all() and rows.any(axis=1).all()
    with open_llama(path, LlamaSettings(context_rows=64, threads=1)) as model:
        model.extend(0, TEXT)
        model.extend(1, Picture(rows))
        np.testing.assert_array_equal(model.logits(1), model.logits(0))


@needs_llama
def test_rows_that_are_float32_are_taken_as_they_are() -> None:
    weights = random_weights(SHAPES["llama"], len(tokenizer()[0]), 0)
    np.testing.assert_array_equal(rows_of(tiny_path("llama")).of(TEXT), weights["token_embd.weight"][TEXT])


@needs_llama
def test_given_together_they_are_read_as_one_after_the_other() -> None:
    with tiny("llama", block_rows=64) as model:
        assert model.capabilities.can_mix
        parts: list[Part] = [TEXT[:3], picture(5), TEXT[3:5], picture(1), TEXT[5:]]
        for part in parts:
            model.extend(0, part)
        model.extend(1, *parts)
        assert model.end(1) == model.end(0) == 14
        np.testing.assert_allclose(model.logits(1), model.logits(0), atol=1e-5)
        assert model.common(1, TEXT) == 3
        for sequence in (0, 1):  # what is noted of it is the same, too
            model.evict(sequence, 4, 6)
            model.rollback(sequence, 9)
            model.extend(sequence, TEXT)
        np.testing.assert_allclose(model.logits(1), model.logits(0), atol=1e-5)


@needs_llama
@pytest.mark.parametrize("name", [name for name in NAMES if name != "llama"])
def test_where_positions_lie_in_the_plane_or_rows_are_scaled_first_they_are_read_apart(name: str) -> None:
    with tiny(name) as model:
        assert not model.capabilities.can_mix
        assert token_rows(library(), read_head(tiny_path(name))) is None


@needs_llama
def test_a_type_that_is_not_known_is_read_apart(monkeypatch: pytest.MonkeyPatch, wide: Path, tmp_path: Path) -> None:
    """Nothing is lost by it but time."""
    quantise(wide, tmp_path / "it.gguf", "q8_0")
    monkeypatch.setattr(Library, "function", lambda self, name: None)
    with open_llama(tmp_path / "it.gguf", LlamaSettings(context_rows=64, threads=1)) as model:
        assert not model.capabilities.can_mix
        model.extend(0, TEXT, Picture(np.ones((2, 256), np.float32)), TEXT)
        assert model.end(0) == 2 * len(TEXT) + 2


def test_no_call_is_longer_than_it_may_be_and_words_need_no_picture_to_be_put_together() -> None:
    whole, seeing = picture(4), picture(4, causal=False)
    assert list(runs([TEXT, whole, TEXT, whole], 16)) == [[TEXT, whole], [TEXT, whole]]
    assert list(runs([TEXT, whole, TEXT, whole], 24)) == [[TEXT, whole, TEXT, whole]]
    assert list(runs([TEXT, TEXT, whole], 12)) == [[TEXT, TEXT], [whole]]
    assert list(runs([TEXT, TEXT, whole, TEXT], 0)) == [[TEXT, TEXT], [whole], [TEXT]]
    assert list(runs([TEXT, seeing, TEXT], 64)) == [[TEXT], [seeing], [TEXT]]
    assert list(runs([], 64)) == []
