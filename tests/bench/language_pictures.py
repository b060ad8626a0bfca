"""A question about pictures: their tokens as memory keeps them, against llama.cpp's own eyes (mtmd), which see them anew every time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge_runtime.models.language_llama import LlamaModel
from edge_runtime.models.language_llama_open import LlamaSettings, open_llama
from edge_runtime.models.language_picture import Picture, Rows
from edge_runtime.models.mtmd_reference import MARKER, MtmdReference
from tests.bench.language_models import PICTURE_PX, TOKENS_SIDE

PICTURES = 2
QUESTION = "what was on the table?"
_CHANCE = range(1)


def injection(path: Path, tower: Path, threads: int, questions: int) -> dict[str, float]:
    """Both ways in turn, from the question to the chances of the first token; the rows and the words are the same."""
    settings = LlamaSettings(sequences=2, threads=threads, block_rows=max(256, TOKENS_SIDE**2))
    images = list(np.random.default_rng(0).integers(0, 256, (PICTURES, PICTURE_PX, PICTURE_PX, 3), np.uint8))
    with open_llama(path, settings) as model, MtmdReference(model, tower, threads=threads) as eyes:
        parts = eyes.parts(MARKER * PICTURES + QUESTION, images)
        seen, kept = [], []
        for _ in range(questions):
            seen.append(_cpu_s(lambda: _see(model, eyes, images)))
            kept.append(_cpu_s(lambda: _inject(model, parts)))
    rows = sum(len(part) for part in parts)
    return {
        "injection against seeing anew, times": statistics.median(a / b for a, b in zip(seen, kept, strict=True)),
        "seeing anew, first token, CPU s": statistics.median(seen),
        "injection, first token, CPU s": statistics.median(kept),
        "rows of pictures and words": rows,
    }


def _see(model: LlamaModel, eyes: MtmdReference, images: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]) -> None:
    model.clear(0)
    eyes.read(0, MARKER * PICTURES + QUESTION, images)
    model.probs(0, _CHANCE)


def _inject(model: LlamaModel, parts: list[tuple[int, ...] | Rows]) -> None:
    model.clear(1)
    for part in parts:
        model.extend(1, part if isinstance(part, tuple) else Picture(part))
    model.probs(1, _CHANCE)


def _cpu_s(work: Callable[[], None]) -> float:
    start_s = time.process_time()
    work()
    return time.process_time() - start_s
