"""The head of a GGUF file: what it says, and files that are not whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.errors import BundleError
from edge_runtime.models.language_llama_gguf import read_head
from scripts.language_fixtures import gguf
from tests.tiny_language import NAMES, tiny_path

LLAMA = tiny_path("llama").read_bytes()
HEAD: dict[str, Any] = {"general.architecture": "llama", "llama.block_count": 2}
WEIGHTS = {"a.weight": np.zeros((4, 32), np.float32)}


def written(folder: Path, data: bytes) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_what_a_head_says(name: str) -> None:
    head = read_head(tiny_path(name))
    assert head.architecture == name
    assert head.vocabulary == 320
    assert head.numbers("context_length") == (1024,)
    assert head.numbers("no such thing", 3) == (3,)
    assert tiny_path(name).stat().st_size - head.weight_bytes < 12_000


def test_every_model_has_a_fingerprint_of_its_own(tmp_path: Path) -> None:
    other = written(tmp_path, LLAMA[:-4] + b"\0\0\0\1")
    assert len({read_head(path).fingerprint for path in (*map(tiny_path, NAMES), other)}) == 4


def test_the_cache_by_its_shape(tmp_path: Path) -> None:
    """Keys and values of two heads of eight numbers, in two layers, two bytes each."""
    assert read_head(tiny_path("llama")).cache_bytes(100, 2.0) == 100 * 2 * (2 * (8 + 8)) * 2


def test_heads_that_differ_by_layer(tmp_path: Path) -> None:
    own = {"attention.head_count": 4, "attention.head_count_kv": [2, 0, 1], "embedding_length": 32, "block_count": 3}
    head = HEAD | {f"llama.{key}": value for key, value in own.items()}
    assert read_head(written(tmp_path, gguf(head, WEIGHTS))).cache_bytes(1, 1.0) == (2 + 0 + 1) * (8 + 8)


def test_a_file_that_is_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    # the last tensor ends at a multiple of 32 bytes by itself
    for size in (*range(0, len(LLAMA), 997), len(LLAMA) - 1):
        with pytest.raises(BundleError, match=r"is cut off|is no GGUF file") as refused:
            read_head(written(tmp_path, LLAMA[:size]))
        assert "sha256" in refused.value.hint


def test_how_much_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=f"is cut off: 1000 of its {len(LLAMA)} bytes are missing"):
        read_head(written(tmp_path, LLAMA[:-1000]))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\3\4" + bytes(64), "is no GGUF file"),
        (b"GGUF\x09" + bytes(64), "is GGUF version 9"),
        (gguf({"llama.block_count": 2}, WEIGHTS), "does not say what family"),
        (gguf(HEAD | {"general.alignment": 0}, WEIGHTS), "tensors aligned to 0"),
        (gguf(HEAD | {"tokenizer.ggml.tokens": ["a", "b", "a"]}, WEIGHTS), "has 1 of its 3 tokens twice"),
        (b"GGUF\3" + bytes(3) + (1).to_bytes(8, "little") * 2 + (1 << 40).to_bytes(8, "little"), "a text of 1099511627776 bytes"),
        (b"GGUF\3" + bytes(3) + (1 << 40).to_bytes(8, "little") * 2, "1099511627776 items"),
    ],
    ids=("another kind", "version", "family", "alignment", "twice", "text", "items"),
)
def test_what_is_wrong_is_said(data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=words):
        read_head(written(tmp_path, data))


@pytest.mark.parametrize("value", ["two", -1.5], ids=str)
def test_a_size_that_is_no_number_is_refused(value: object, tmp_path: Path) -> None:
    head = read_head(written(tmp_path, gguf(HEAD | {"llama.embedding_length": value}, WEIGHTS)))
    with pytest.raises(BundleError, match="its embedding_length is"):
        head.cache_bytes(1, 1.0)


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.gguf", tmp_path):
        with pytest.raises(BundleError, match="cannot be read"):
            read_head(path)


@given(place=st.integers(0, len(LLAMA) - 1), byte=st.integers(0, 255))
def test_a_byte_that_was_changed_is_read_or_refused(place: int, byte: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A hash tells; but nothing worse than an error may come of a file without one."""
    changed = bytearray(LLAMA)
    changed[place] = byte
    path = written(tmp_path_factory.getbasetemp(), bytes(changed))
    try:
        read_head(path).cache_bytes(10, 2.0)
    except BundleError as error:
        assert error.hint
