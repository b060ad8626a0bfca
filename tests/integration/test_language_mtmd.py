"""Our eyes against llama.cpp's own, on the same tiny SmolVLM: the same prompt is read, and nearly the same tokens are seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import BundleError, ModelError
from edge_runtime.models.language_llama import LlamaModel
from edge_runtime.models.language_llama_open import LlamaSettings, open_llama
from edge_runtime.models.language_picture import Picture
from edge_runtime.models.mtmd_reference import MARKER, MtmdReference
from tests.tiny_language import chances, needs_llama, tiny_path
from tests.tiny_vlm import FOLDERS, reference

pytestmark = needs_llama

SAVED = reference()
PICTURE = SAVED["pictures"][0]
TOWER_GGUF = FOLDERS["SmolVLM2"] / "mmproj.gguf"
PROMPT = f"<|im_start|>User:{MARKER}What is on the table?<end_of_utterance>\nAssistant:"
HALF = 5e-3
"""The tower in GGUF works in half precision."""


@pytest.fixture
def model() -> Iterator[LlamaModel]:
    settings = LlamaSettings(context_rows=256, threads=1, cache="f32")
    with open_llama(FOLDERS["SmolVLM2"] / "language.gguf", settings) as opened:
        yield opened


@pytest.fixture
def mtmd(model: LlamaModel) -> Iterator[MtmdReference]:
    with MtmdReference(model, TOWER_GGUF) as opened:
        yield opened


def test_it_sees_what_the_original_sees(mtmd: MtmdReference) -> None:
    """The one tile of a small picture, and the whole view beside it, which is the same."""
    tiles = [part for part in mtmd.parts(PROMPT, [PICTURE]) if not isinstance(part, tuple)]
    assert len(tiles) == 2
    for rows in tiles:
        np.testing.assert_allclose(rows, SAVED["tokens"][0], atol=HALF)


def test_injected_tokens_are_read_as_its_own(model: LlamaModel, mtmd: MtmdReference) -> None:
    """Bit for bit, where the parts are the same."""
    mtmd.read(0, PROMPT, [PICTURE])
    end, theirs = model.end(0), chances(model)
    model.clear(0)
    for part in mtmd.parts(PROMPT, [PICTURE]):
        model.extend(0, part if isinstance(part, tuple) else Picture(part))
    assert model.end(0) == end
    np.testing.assert_array_equal(chances(model), theirs)


def test_tokens_of_our_tower_are_read_nearly_as_its_own(model: LlamaModel, mtmd: MtmdReference) -> None:
    mtmd.read(0, PROMPT, [PICTURE])
    for part in mtmd.parts(PROMPT, [PICTURE]):
        model.extend(1, part if isinstance(part, tuple) else Picture(SAVED["tokens"][0]))
    np.testing.assert_allclose(chances(model, 0), chances(model, 1), atol=1e-3)
    mtmd.read(2, PROMPT, [SAVED["pictures"][1]])
    assert np.abs(chances(model, 0) - chances(model, 2)).max() > 5e-3


def test_what_it_read_is_gone_on_with(model: LlamaModel, mtmd: MtmdReference) -> None:
    mtmd.read(0, PROMPT, [PICTURE])
    end = model.end(0)
    model.extend(0, [5, 6])
    assert model.end(0) == end + 2
    model.rollback(0, end)


def test_a_prompt_without_a_place_for_its_picture(mtmd: MtmdReference, model: LlamaModel) -> None:
    with pytest.raises(ModelError, match="could not read the prompt") as refused:
        mtmd.read(0, "What is on the table?", [PICTURE])
    assert MARKER in refused.value.hint
    assert model.end(0) == 0


@pytest.mark.parametrize("file", [tiny_path("llama"), Path("absent.gguf")], ids=["another kind of file", "absent"])
def test_a_file_that_is_no_tower(model: LlamaModel, file: Path) -> None:
    with pytest.raises(BundleError, match="cannot be opened"):
        MtmdReference(model, file)


def test_a_reference_that_is_closed(model: LlamaModel) -> None:
    mtmd = MtmdReference(model, TOWER_GGUF)
    mtmd.close()
    mtmd.close()
    with pytest.raises(ModelError, match="closed"):
        mtmd.read(0, PROMPT, [PICTURE])
