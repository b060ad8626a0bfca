"""What is known of a vision-language model is read off its configuration, and what is not known is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.errors import ModelError
from export.families import FAMILIES, Family
from export.spec import PixelScale, UnsupportedModel, absent_tokens, family_of, pixel_scale_of, spec_of

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "vlm"


def config(architecture: str, inside: str, vision: dict[str, Any], widths: tuple[int, int, int], **more: Any) -> dict[str, Any]:
    hidden, heads, inner = widths
    text = {"model_type": inside, "hidden_size": hidden, "num_attention_heads": heads, "intermediate_size": inner}
    return {"architectures": [architecture], "text_config": text, "vision_config": vision, **more}


def smolvlm(**more: Any) -> dict[str, Any]:
    vision = {"image_size": 512, "patch_size": 16}
    return config("SmolVLMForConditionalGeneration", "llama", vision, (576, 9, 1536), scale_factor=4) | more


SIGLIP = {"image_size": 384, "patch_size": 14}
INTERNVIT = {"image_size": [448, 448], "patch_size": [14, 14]}
QWEN_VISION = {"patch_size": 14, "spatial_merge_size": 2}
SMOLVLM_500M = config("SmolVLMForConditionalGeneration", "llama", {"image_size": 512, "patch_size": 16}, (960, 15, 2560), scale_factor=4)
SMOLVLM_2B = config("SmolVLMForConditionalGeneration", "llama", SIGLIP, (2048, 32, 8192), scale_factor=3)
INTERNVL_1B = config("InternVLForConditionalGeneration", "qwen2", INTERNVIT, (896, 14, 4864), downsample_ratio=0.5)
INTERNVL_2B = config("InternVLForConditionalGeneration", "qwen2", INTERNVIT, (1536, 12, 8960), downsample_ratio=0.5)
ONEVISION = config("LlavaOnevisionForConditionalGeneration", "qwen2", SIGLIP, (896, 14, 4864))
QWEN_3B = config("Qwen2_5_VLForConditionalGeneration", "qwen2_5_vl_text", QWEN_VISION, (2048, 16, 11008))


@pytest.mark.parametrize(
    ("checkpoint", "arch", "positions", "tokens", "width", "k_quants"),
    [
        pytest.param(smolvlm(), "llama", "rope1d", 64, 576, False, id="SmolVLM2-256M"),
        pytest.param(SMOLVLM_500M, "llama", "rope1d", 64, 960, False, id="SmolVLM2-500M"),
        pytest.param(SMOLVLM_2B, "llama", "rope1d", 81, 2048, True, id="SmolVLM2-2.2B"),
        pytest.param(INTERNVL_1B, "qwen2", "rope1d", 256, 896, False, id="InternVL3-1B"),
        pytest.param(INTERNVL_2B, "qwen2", "rope1d", 256, 1536, True, id="InternVL3-2B"),
        pytest.param(ONEVISION, "qwen2", "rope1d", 729, 896, False, id="LLaVA-OneVision-0.5B"),
        pytest.param(QWEN_3B, "qwen2vl", "mrope", 256, 2048, True, id="Qwen2.5-VL-3B"),
    ],
)
def test_a_published_checkpoint(checkpoint: dict[str, Any], arch: str, positions: str, tokens: int, width: int, k_quants: bool) -> None:
    spec = spec_of(checkpoint)
    assert (spec.family.language_arch, spec.family.positions, spec.family.image_attention) == (arch, positions, "causal")
    assert (spec.tokens_per_tile, spec.width, spec.injected_width) == (tokens, width, width)
    assert spec.k_quants == k_quants


def test_the_language_models_keys_may_stand_at_the_top() -> None:
    flat = {"architectures": QWEN_3B["architectures"], "vision_config": QWEN_VISION, **QWEN_3B["text_config"], "model_type": "qwen2_5_vl"}
    assert spec_of(flat) == spec_of(QWEN_3B)


def test_heads_of_a_width_of_their_own_count_as_a_row() -> None:
    wide = smolvlm()
    wide["text_config"] |= {"hidden_size": 512, "head_dim": 100}
    assert spec_of(wide).row_widths == (512, 900, 1536)
    assert not spec_of(wide).k_quants


EXPORTED = [family for family in FAMILIES if not family.refusal]
REFUSED = [family for family in FAMILIES if family.refusal]


@pytest.mark.parametrize("family", EXPORTED, ids=lambda family: family.name)
def test_a_prompt_names_only_tokens_that_the_tokenizer_must_have(family: Family) -> None:
    shape = family.prompt
    written = "".join((shape.before, shape.picture_before, shape.picture_after, shape.after, *shape.stop))
    assert set(re.findall(r"<[^<>]+>", written)) <= set(family.special_tokens)
    # A turn ends with what the model ends its own with, and then it is the model's turn.
    assert shape.after.startswith(shape.stop)
    assert "assistant" in shape.after.lower()


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        (
            "SmolVLM2",
            "<|im_start|>User:<fake_token_around_image><global-img>{rows}<fake_token_around_image>"
            "What is it?<end_of_utterance>\nAssistant:",
        ),
        ("InternVL3", "<|im_start|>user\n<img>{rows}</img>\nWhat is it?<|im_end|>\n<|im_start|>assistant\n"),
        ("LLaVA-OneVision", "<|im_start|>user\n{rows}\nWhat is it?<|im_end|>\n<|im_start|>assistant\n"),
        (
            "Qwen2.5-VL",
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
            "<|im_start|>user\n<|vision_start|>{rows}<|vision_end|>What is it?<|im_end|>\n<|im_start|>assistant\n",
        ),
    ],
)
def test_one_turn_with_a_picture_reads_as_the_published_template_writes_it(name: str, prompt: str) -> None:
    (shape,) = [family.prompt for family in FAMILIES if family.name == name]
    assert f"{shape.before}{shape.picture_before}{{rows}}{shape.picture_after}What is it?{shape.after}" == prompt


@pytest.mark.parametrize("family", EXPORTED, ids=lambda family: family.name)
def test_the_converter_of_the_language_model_is_told_what_it_goes_by(family: Family) -> None:
    assert family.text_architecture
    assert family.pretokenizer


@pytest.mark.parametrize("family", REFUSED, ids=lambda family: family.name)
def test_a_described_model_that_nobody_has_verified_is_refused_with_the_reason(family: Family) -> None:
    checkpoint = {"architectures": [family.architectures[0]]}
    assert family_of(checkpoint) == family
    with pytest.raises(UnsupportedModel) as caught:
        spec_of(checkpoint)
    assert family.name in str(caught.value)
    assert family.refusal in str(caught.value)


def test_the_refused_models_are_described() -> None:
    described = {family.name: family for family in FAMILIES}
    assert described["Qwen3-VL"].positions == "mrope_interleaved"
    assert described["Qwen3-VL"].deepstack == 3
    assert described["Gemma3"].image_attention == "block_bidirectional"
    assert {"FastVLM", "Moondream2"} <= set(described)


def test_no_architecture_belongs_to_two_families() -> None:
    names = [name for family in FAMILIES for name in family.architectures]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("stated", [None, [], ["LlamaForCausalLM"], "SmolVLMForConditionalGeneration"])
def test_an_unknown_architecture_is_a_model_error_that_names_what_can_be_exported(stated: Any) -> None:
    with pytest.raises(ModelError, match="unknown architecture") as caught:
        spec_of({"architectures": stated})
    assert caught.value.hint == "these can be exported: SmolVLM2, InternVL3, LLaVA-OneVision, Qwen2.5-VL"
    assert caught.value.exit_code == 4


def test_another_language_model_inside_is_refused() -> None:
    other = smolvlm()
    other["text_config"]["model_type"] = "qwen3"
    with pytest.raises(UnsupportedModel, match="the language model is qwen3, and SmolVLM2 has llama"):
        spec_of(other)


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        ({"scale_factor": 5}, "no whole tokens"),
        ({"scale_factor": 64}, "no whole tokens"),
        ({"scale_factor": 0}, r"scale_factor of config\.json is 0"),
        ({"scale_factor": True}, r"scale_factor of config\.json is True"),
        ({"vision_config": {"image_size": [512, 384], "patch_size": 16}}, r"image_size of config\.json is \[512, 384\]"),
        ({"vision_config": {"image_size": 512}}, r"has no vision_config\.patch_size"),
        ({"vision_config": None}, r"has no vision_config\.image_size"),
        ({"text_config": None}, "has no model_type"),
        ({"text_config": {"model_type": "llama"}}, "has no hidden_size"),
    ],
)
def test_a_configuration_that_says_too_little_or_nonsense(broken: dict[str, Any], what: str) -> None:
    with pytest.raises(UnsupportedModel, match=what):
        spec_of(smolvlm(**broken))


def test_pixels_are_scaled_as_the_preprocessor_says() -> None:
    half = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.25, 1.0], "rescale_factor": 1 / 255}
    assert pixel_scale_of(half) == PixelScale((127.5, 127.5, 127.5), (127.5, 63.75, 255.0))
    assert pixel_scale_of({key: value for key, value in half.items() if key != "rescale_factor"}) == pixel_scale_of(half)


@pytest.mark.parametrize("broken", [{}, {"image_mean": [0.5] * 3}, {"image_mean": 0.5, "image_std": 0.5}, {"rescale_factor": 0}])
def test_a_preprocessor_that_does_not_say(broken: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedModel, match="does not say how pixels are scaled"):
        pixel_scale_of(broken)


def test_a_tokenizer_has_every_special_token_or_says_which_it_lacks() -> None:
    spec = spec_of(json.loads((GOLDEN / "config.json").read_text(encoding="utf-8")))
    tokenizer = json.loads((GOLDEN / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = set(tokenizer["model"]["vocab"]) | {token["content"] for token in tokenizer["added_tokens"]}
    assert absent_tokens(spec, vocabulary) == ()
    assert absent_tokens(spec, vocabulary - {"ĊĊ", "<global-img>"}) == ("<global-img>", "\n\n")
