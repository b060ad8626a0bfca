"""Converted vision-language models against their originals, by the numbers that were saved: text, a picture, text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from edge_runtime.models.language_llama import LlamaModel
from edge_runtime.models.language_llama_open import LlamaSettings, open_llama
from edge_runtime.models.language_picture import Picture
from edge_runtime.models.onnx_session import open_session
from edge_runtime.pixels import planes
from export.families import Family
from export.parity import FLOOR_FACTOR, MAX_ABS, PLANE_MAX_ABS, Reading, absent_tokens, answers, in_line, prompt_tokens
from export.spec import pixel_scale_of, spec_of
from tests.tiny_language import needs_llama
from tests.tiny_vlm import FOLDERS, reference
from tests.weights_of import matrix

pytestmark = needs_llama
QUESTION = "What is on the table?"


class Saved:
    """A golden model: its converted form, and what the original said."""

    def __init__(self, family: str) -> None:
        self.folder, self.reference = FOLDERS[family], reference(family)
        self.config: dict[str, Any] = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        self.spec = spec_of(self.config)
        self.family: Family = self.spec.family

    def prompt(self, number: int, rows: Any) -> list[Reading]:
        """The prompt in three: before the picture, the picture, behind it."""
        ids: list[int] = self.reference["ids"][number].tolist()
        first, length, side = ids.index(self.config["image_token_id"]), len(rows), round(len(rows) ** 0.5)
        return [(ids[:first],), (Picture(rows, grid=(side, side)),), (ids[first + length :],)]

    def open(self) -> LlamaModel:
        special = (*self.family.special_tokens, *self.family.prompt.stop)
        settings = LlamaSettings(context_rows=512, sequences=2, threads=1, cache="f32", special=special)
        return open_llama(self.folder / "language.gguf", settings)


SMOLVLM, QWEN = Saved("SmolVLM2"), Saved("Qwen2.5-VL")


@pytest.fixture(scope="module")
def smolvlm() -> Iterator[LlamaModel]:
    with SMOLVLM.open() as model:
        yield model


@pytest.fixture(scope="module")
def qwen() -> Iterator[LlamaModel]:
    with QWEN.open() as model:
        yield model


def difference(model: LlamaModel, readings: list[Reading], wanted: Any) -> float:
    return float(np.abs(answers(model, readings)[-1] - wanted).max())


@pytest.mark.parametrize("number", [0, 1])
def test_a_picture_by_the_originals_own_rows(number: int, smolvlm: LlamaModel) -> None:
    prompt = SMOLVLM.prompt(number, SMOLVLM.reference["tokens"][number])
    assert difference(smolvlm, prompt, SMOLVLM.reference["logits"][number]) <= MAX_ABS


@pytest.mark.parametrize("number", [0, 1])
def test_from_pixels_to_the_next_word(number: int, smolvlm: LlamaModel) -> None:
    """The whole chain as it runs on the glasses: the exported tower, and its rows injected."""
    scale = pixel_scale_of(json.loads((SMOLVLM.folder / "preprocessor_config.json").read_text(encoding="utf-8")))
    with open_session(SMOLVLM.folder / "tower.onnx", threads=1) as tower:
        (rows,) = tower.run(planes(SMOLVLM.reference["pictures"][number], scale.mean, scale.scale))
    assert difference(smolvlm, SMOLVLM.prompt(number, rows), SMOLVLM.reference["logits"][number]) <= MAX_ABS


def test_another_picture_is_another_answer(smolvlm: LlamaModel) -> None:
    prompt = SMOLVLM.prompt(0, SMOLVLM.reference["tokens"][1])
    assert difference(smolvlm, prompt, SMOLVLM.reference["logits"][0]) > 100 * MAX_ABS


def test_rows_are_read_as_tokens_are_to_the_last_bit(smolvlm: LlamaModel) -> None:
    """Tokens given by the rows that stand for them, between tokens: equal splits, equal numbers."""
    ids: list[int] = SMOLVLM.reference["ids"][0].tolist()
    rows = matrix(SMOLVLM.folder / "language.gguf", "token_embd.weight")[ids[6:14]]
    as_tokens = answers(smolvlm, [(ids[:6],), (ids[6:14],), (ids[14:],)])
    as_rows = answers(smolvlm, [(ids[:6],), (Picture(rows, grid=(1, 8)),), (ids[14:],)])
    np.testing.assert_array_equal(as_rows, as_tokens)


def test_rows_of_a_picture_lie_in_the_plane(qwen: LlamaModel) -> None:
    """At most twice as far off as text is; numbered like text they are far off, so the right numbers are needed."""
    floor = difference(qwen, [(QWEN.reference["text_ids"].tolist(),)], QWEN.reference["text_logits"])
    assert floor <= PLANE_MAX_ABS
    for number in (0, 1):
        prompt = QWEN.prompt(number, QWEN.reference["tokens"][number])
        limit = max(MAX_ABS, FLOOR_FACTOR * floor)
        assert difference(qwen, prompt, QWEN.reference["logits"][number]) <= limit
        misplaced = [in_line(reading) for reading in prompt]
        assert difference(qwen, misplaced, QWEN.reference["logits"][number]) > 10 * limit


@pytest.mark.parametrize("saved", [SMOLVLM, QWEN], ids=["SmolVLM2", "Qwen2.5-VL"])
def test_our_prompt_is_the_one_the_original_was_asked(saved: Saved) -> None:
    with saved.open() as model:
        picture = [saved.config["image_token_id"]] * saved.spec.tokens_per_tile
        assert prompt_tokens(model, saved.family.prompt, QUESTION, picture) == tuple(saved.reference["ids"][0].tolist())


@pytest.mark.parametrize("saved", [SMOLVLM, QWEN], ids=["SmolVLM2", "Qwen2.5-VL"])
def test_special_tokens_are_one_token_each(saved: Saved) -> None:
    with saved.open() as model:
        assert absent_tokens(model, (*saved.family.special_tokens, *saved.family.prompt.stop)) == ()
        assert absent_tokens(model, ("<no such token>", saved.family.special_tokens[0])) == ("<no such token>",)
