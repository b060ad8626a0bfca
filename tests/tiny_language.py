"""The tiny language models of the tests, and what they must answer; ``python -m scripts.language_fixtures`` makes them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.models.language_llama import LlamaModel
from edge_runtime.models.language_llama_open import LlamaSettings, open_llama
from scripts.language_fixtures import gguf, metadata, random_weights, tokenizer
from scripts.language_oracle import Shape

FOLDER = Path(__file__).resolve().parent / "golden" / "language"
_WIDE = Shape("llama", width=256, layers=1, heads=4, kv_heads=2, head_width=64, inner=512, rope_base=1e4)
NAMES = ("llama", "qwen2vl", "gemma3")
needs_llama = pytest.mark.skipif(importlib.util.find_spec("llama_cpp") is None, reason="llama-cpp-python absent")


def tiny_path(name: str) -> Path:
    """The file of a tiny model: ``"llama"``, ``"qwen2vl"`` (positions in the plane) or ``"gemma3"`` (a window of 16 rows)."""
    return FOLDER / f"{name}.gguf"


def tiny(name: str = "llama", **settings: Any) -> LlamaModel:
    """Open a tiny model, in single precision unless told otherwise."""
    return open_llama(tiny_path(name), LlamaSettings(**{"context_rows": 256, "threads": 1, "gpu_layers": 0, "cache": "f32", **settings}))


def reference() -> dict[str, npt.NDArray[Any]]:
    """Inputs, and logits by numpy: see :mod:`scripts.language_fixtures`."""
    with np.load(FOLDER / "reference.npz") as file:
        return {name: file[name] for name in file.files}


def chances(model: LlamaModel, sequence: int = 0) -> npt.NDArray[np.float64]:
    """The chance of every token to be next: float64 [vocabulary]."""
    return model.probs(sequence, range(model.capabilities.vocabulary))


def write_wide(folder: Path) -> Path:
    """Write a llama of one layer whose rows fill blocks of 256, as K-quants want them."""
    pieces, merges = tokenizer()
    path = folder / "wide.gguf"
    path.write_bytes(gguf(metadata(_WIDE, pieces, merges), random_weights(_WIDE, len(pieces), 3)))
    return path
