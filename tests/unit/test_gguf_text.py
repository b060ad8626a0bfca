"""What llama.cpp's converter is given, and what comes of a converter that gives up. The converter itself: tests/workshop."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.errors import BundleError, MissingExtra, ModelError
from export.gguf_text import convert_language, convert_mmproj, states_rule
from export.spec import UnsupportedModel
from tests.checkpoint_sample import write_sample

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def tokenizer(folder: str) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads((GOLDEN / folder / "tokenizer.json").read_text(encoding="utf-8"))
    return whole


def converter(folder: Path, script: str) -> Path:
    """A converter of the test's own; it is run as the real one is."""
    (folder / "conversion").mkdir(parents=True)
    base = "class TextModel:\n    def get_vocab_base_pre(self, tokenizer): raise NotImplementedError\n"
    (folder / "conversion" / "base.py").write_text(base, encoding="utf-8")
    (folder / "convert_hf_to_gguf.py").write_text(script, encoding="utf-8")
    return folder


def test_a_rule_is_known_by_what_the_tokenizer_states() -> None:
    assert states_rule(tokenizer("vlm"), "smollm")
    assert states_rule(tokenizer("vlm_qwen"), "qwen2")
    assert not states_rule(tokenizer("vlm"), "qwen2")
    assert not states_rule(tokenizer("vlm"), "no such rule")


@pytest.mark.parametrize("change", [{"individual_digits": False}, {"type": "Whitespace"}], ids=["digits in threes", "another step"])
def test_a_rule_that_is_not_the_same_is_not_taken_for_it(change: dict[str, Any]) -> None:
    whole = tokenizer("vlm")
    whole["pre_tokenizer"]["pretokenizers"][0] |= change
    assert not states_rule(whole, "smollm")
    assert not states_rule({"pre_tokenizer": None}, "smollm")


def test_what_the_converter_gets_to_see(tmp_path: Path) -> None:
    """The published configuration with the language model's architecture put back, the weights, the rule's name: and no code."""
    text = json.loads((GOLDEN / "vlm" / "config.json").read_text(encoding="utf-8"))["text_config"]
    del text["architectures"]
    sample = write_sample(tmp_path / "sample", {"text_config": text})
    (sample / "modeling.py").write_text("raise SystemExit('the code of a checkpoint was run')", encoding="utf-8")
    (sample / "pytorch_model.bin").write_bytes(b"pickled")
    seen = tmp_path / "seen.json"
    script = f"""
import json, pathlib, sys
from conversion.base import TextModel
folder = pathlib.Path(sys.argv[-1])
config = json.loads((folder / "config.json").read_text())
known = [TextModel().get_vocab_base_pre(None), config["text_config"]["architectures"], sorted(path.name for path in folder.iterdir())]
pathlib.Path({str(seen)!r}).write_text(json.dumps([sys.argv[1:-2], *known]))
"""
    with pytest.raises(ModelError, match="wrote nothing into it"):
        convert_language(sample, tmp_path / "it.gguf", converter=converter(tmp_path / "converter", script))
    options, rule, architectures, files = json.loads(seen.read_text(encoding="utf-8"))
    assert options == ["--outtype", "f32", "--outfile"]
    assert (rule, architectures) == ("smollm", ["VLlama3ForCausalLM"])
    assert files == ["config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"]


@pytest.mark.parametrize(
    ("script", "error", "what"),
    [
        ("import no_such_package_at_all", MissingExtra, "needs the package no_such_package_at_all"),
        ("raise ValueError('no such tensor')", ModelError, "the converter gave up: ValueError: no such tensor"),
        ("raise SystemExit(3)", ModelError, "it ended with 3"),
    ],
    ids=["a package is missing", "an exception", "no reason"],
)
def test_a_converter_that_gives_up_leaves_what_was_there(script: str, error: type[ModelError], what: str, tmp_path: Path) -> None:
    sample, target = write_sample(tmp_path / "sample"), tmp_path / "it.gguf"
    target.write_bytes(b"of yesterday")
    with pytest.raises(error, match=what):
        convert_language(sample, target, converter=converter(tmp_path / "converter", script), python=sys.executable)
    assert target.read_bytes() == b"of yesterday"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["converter", "it.gguf", "sample"]


def test_progress_is_passed_on(tmp_path: Path) -> None:
    script = "import sys\nfor n in range(0, 101, 5): sys.stderr.write(f'\\rWriting: {n:3}%|### | 1.0M/2.0M')"
    said: list[str] = []
    with pytest.raises(ModelError):
        convert_language(
            write_sample(tmp_path / "sample"), tmp_path / "it.gguf", converter=converter(tmp_path / "c", script), say=said.append
        )
    assert said[1:] == ["  25 % written", "  50 % written", "  75 % written", "  100 % written"]


def test_what_is_not_converted_at_all(tmp_path: Path) -> None:
    sample = write_sample(tmp_path / "sample")
    (sample / "model.safetensors").unlink()
    with pytest.raises(BundleError, match="no weights as safetensors"):
        convert_language(sample, tmp_path / "it.gguf", converter=tmp_path)
    refused = write_sample(tmp_path / "refused", {"architectures": ["Gemma3ForConditionalGeneration"]})
    with pytest.raises(UnsupportedModel, match="Gemma3 is not exported"):
        convert_language(refused, tmp_path / "it.gguf", converter=tmp_path)
    text = {"model_type": "qwen2", "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4}
    blind = write_sample(tmp_path / "blind", {"architectures": ["LlavaOnevisionForConditionalGeneration"], "text_config": text})
    with pytest.raises(UnsupportedModel, match="cannot read the vision tower of LLaVA-OneVision"):
        convert_mmproj(blind, tmp_path / "it.gguf", converter=tmp_path)
