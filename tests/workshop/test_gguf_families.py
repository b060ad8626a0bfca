"""Language models of every family that is exported, converted by llama.cpp's own converter: as the original, by every measure."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.errors import ModelError
from edge_runtime.models.language_llama_gguf import read_head
from edge_runtime.models.language_llama_open import LlamaSettings, open_llama
from export.families import FAMILIES
from export.gguf_quant import quantise
from export.gguf_source import CONVERTER, converter_archive, unpacked
from export.gguf_text import TOWERS_OF_LLAMA, convert_language
from export.parity import MAX_ABS, Parity, answers, exact_parity
from export.parity_original import Original
from export.parity_quantised import quantised_parity
from export.parity_texts import PASSAGES
from export.vision import export_tower, read_json
from scripts.vlm_checkpoints import write_checkpoint
from scripts.vlm_gguf_fixtures import WITH_TOWER, write_gguf
from tests.isolation import REAL_CACHE

pytest.importorskip("torch", reason="torch absent")

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
EXPORTED = [family.name for family in FAMILIES if not family.refusal]
RNG = np.random.default_rng(3)
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


class Converted:
    """A checkpoint, its language model as GGUF in float32, and its tower."""

    def __init__(self, folder: Path, family: str, converter: Path) -> None:
        self.checkpoint, self.language, self.tower = folder / family, folder / "language.gguf", folder / "tower.onnx"
        write_checkpoint(self.checkpoint, family)
        convert_language(self.checkpoint, self.language, converter=converter)
        self.spec = export_tower(self.checkpoint, self.tower).spec

    def parity(self, **changed: Path) -> Parity:
        images = [RNG.uniform(-1, 1, (1, 3, self.spec.tile_px, self.spec.tile_px)).astype(np.float32)]
        parts = {"checkpoint": self.checkpoint, "language": self.language, "tower": self.tower, **changed}
        return exact_parity(parts["checkpoint"], parts["language"], parts["tower"], images, threads=1)

    def reworded(self, folder: Path, file: str, **values: Any) -> Path:
        """The checkpoint with some keys of one of its files changed."""
        copy = shutil.copytree(self.checkpoint, folder / "changed")
        (copy / file).write_text(json.dumps({**read_json(self.checkpoint / file), **values}), encoding="utf-8")
        return copy


@pytest.fixture(scope="module")
def converter() -> Iterator[Path]:
    archive = REAL_CACHE / "sources" / CONVERTER.file_name
    if not archive.is_file():
        pytest.skip("converter absent")
    with unpacked(converter_archive(file=archive)) as folder:
        yield folder


@pytest.fixture(scope="module", params=EXPORTED)
def converted(request: pytest.FixtureRequest, converter: Path, tmp_path_factory: pytest.TempPathFactory) -> Converted:
    return Converted(tmp_path_factory.mktemp("family"), request.param, converter)


@pytest.fixture(scope="module")
def smolvlm(converter: Path, tmp_path_factory: pytest.TempPathFactory) -> Converted:
    return Converted(tmp_path_factory.mktemp("smolvlm"), "SmolVLM2", converter)


@pytest.mark.slow
def test_a_converted_model_is_the_original(converted: Converted) -> None:
    found = converted.parity()
    assert found.failures == ()
    if converted.spec.family.positions == "rope1d":
        assert max(found.text, found.picture) <= 2e-5
    assert read_head(converted.language).architecture == converted.spec.family.language_arch


@pytest.mark.slow
def test_the_floor_in_the_plane_is_the_epsilon_that_the_engine_leaves_out(converter: Path, tmp_path: Path) -> None:
    """Without it in its norms, the original says what the engine says."""
    qwen = Converted(tmp_path, "Qwen2.5-VL", converter)
    original = Original(qwen.checkpoint)
    pieces = [original.ids(PASSAGES[0])]
    with_epsilon = original.answers(pieces)
    for part in original.model.model.language_model.modules():
        if hasattr(part, "variance_epsilon"):
            part.variance_epsilon = 0.0
    with open_llama(qwen.language, LlamaSettings(context_rows=512, threads=1, cache="f32")) as model:
        said = answers(model, [pieces])
    assert np.abs(said - original.answers(pieces)).max() <= 2e-5
    assert np.abs(said - with_epsilon).max() > MAX_ABS


@pytest.mark.slow
@pytest.mark.parametrize("file", ["chat_template.jinja", "chat_template.json"])
def test_what_prompts_are_made_of_is_compared_with_the_checkpoint(file: str, smolvlm: Converted, tmp_path: Path) -> None:
    """As it is written today, and as it was in older checkpoints, beside which a language model's own template may lie."""
    template = (smolvlm.checkpoint / "chat_template.jinja").read_text(encoding="utf-8").replace("Assistant:", "Assistant: ")
    checkpoint = smolvlm.reworded(tmp_path, "config.json")
    written = json.dumps({"chat_template": template}) if file.endswith("json") else template
    (checkpoint / file).write_text(written, encoding="utf-8")
    (failure,) = smolvlm.parity(checkpoint=checkpoint).failures
    assert failure.startswith("language: the prompt has")


@pytest.mark.slow
def test_a_tokenizer_that_cuts_by_another_rule_is_told(smolvlm: Converted, tmp_path: Path) -> None:
    other = smolvlm.reworded(tmp_path, "tokenizer.json", pre_tokenizer={**BYTE_LEVEL, "add_prefix_space": True})
    found = smolvlm.parity(checkpoint=other)
    assert PASSAGES[0] in found.miscut
    assert f"language: {PASSAGES[0]!r} is cut into other tokens than by the original" in found.failures


@pytest.mark.slow
def test_a_tokenizer_whose_rule_nobody_knows_is_left_to_the_converter_to_refuse(
    smolvlm: Converted, converter: Path, tmp_path: Path
) -> None:
    other = smolvlm.reworded(tmp_path, "tokenizer.json", pre_tokenizer=BYTE_LEVEL)
    with pytest.raises(ModelError, match="BPE pre-tokenizer was not recognized"):
        convert_language(other, tmp_path / "it.gguf", converter=converter)


@pytest.mark.slow
def test_weights_that_are_not_the_checkpoints_are_told(smolvlm: Converted, tmp_path: Path) -> None:
    data = bytearray(smolvlm.language.read_bytes())
    # one number in the last matrix
    data[-64:-60] = np.float32(3.0).tobytes()
    (tmp_path / "it.gguf").write_bytes(data)
    assert smolvlm.parity(language=tmp_path / "it.gguf").failures[0].startswith("language f32: logits on text differ by")


@pytest.mark.slow
def test_fewer_bits_keep_what_they_have_to(smolvlm: Converted, tmp_path: Path) -> None:
    quantise(smolvlm.language, tmp_path / "it.gguf", "q8_0")
    found = quantised_parity(smolvlm.language, tmp_path / "it.gguf", "q8_0", threads=1)
    # Random weights have no word that is likeliest by far.
    assert found.top1 > 0.9
    assert found.perplexity_ratio == pytest.approx(1.0, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "family"), [("vlm", "SmolVLM2"), ("vlm_qwen", "Qwen2.5-VL")])
def test_the_golden_files_are_what_the_script_writes(folder: str, family: str, converter: Path, tmp_path: Path) -> None:
    for path in write_gguf(tmp_path, family, converter):
        assert path.read_bytes() == (GOLDEN / folder / path.name).read_bytes()


def test_the_golden_tower_is_of_a_family_whose_tower_llama_reads() -> None:
    assert WITH_TOWER in TOWERS_OF_LLAMA <= set(EXPORTED)
