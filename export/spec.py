"""What has to be known of a vision-language model before it can be turned into a bundle, as data.

A *family* is what all sizes of a model share; a *spec* adds what one checkpoint's ``config.json`` says. Nothing is read off a name: a
family is known by the architecture that the checkpoint states, and its language model has to be the one expected.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, Literal

import msgspec

from edge_runtime.errors import ModelError

Config = Mapping[str, Any]
"""A JSON object as it was read."""

Positions = Literal["rope1d", "mrope", "mrope_interleaved"]
"""One position a token; or three (time, row, column), in sections one behind the other or taken in turns."""

ImageAttention = Literal["causal", "block_bidirectional"]
"""Whether an image token sees only those before it, or all of its image."""

K_QUANT_ROW = 256
"""K-quants of llama.cpp pack rows in blocks of so many weights; a row that is no multiple falls back to another kind, unasked."""


class UnsupportedModel(ModelError):
    """A checkpoint of a model that is unknown, or that nobody has verified yet."""


class Family(msgspec.Struct, frozen=True):
    """What all sizes of a model share.

    Attributes:
        name: As people call it.
        architectures: What ``architectures`` of a checkpoint's ``config.json`` may say.
        language_model: ``model_type`` of the language model inside.
        language_arch: The same in llama.cpp.
        positions: How image tokens are numbered.
        image_attention: What image tokens attend to.
        deepstack: Further feature maps of the tower that are added behind the first layers of the language model.
        tile_px: Side of a tile; a key of ``config.json`` with dots, or the side that is taken where the tower takes any.
        patch_px: Side of a patch, likewise.
        merge: Patches along each side that become one token, likewise; a key may also hold the inverse, as a fraction.
        special_tokens: Texts that must each be one token, or a prompt falls apart without a word.
        refusal: Why nothing of it is exported; ``""`` if it is.
    """

    name: str
    architectures: tuple[str, ...]
    language_model: str
    language_arch: str
    tile_px: int | str
    patch_px: int | str
    merge: int | str
    special_tokens: tuple[str, ...]
    positions: Positions = "rope1d"
    image_attention: ImageAttention = "causal"
    deepstack: int = 0
    refusal: str = ""


class ModelSpec(msgspec.Struct, frozen=True):
    """One checkpoint.

    Attributes:
        family: What it shares with its other sizes.
        tile_px: Side of the square picture that the tower takes.
        patch_px: Side of a patch.
        merge: Patches along each side that become one token.
        width: Of a token where it enters the language model, without deepstack.
        row_widths: Row lengths of the language model's matrices, ascending.
    """

    family: Family
    tile_px: int
    patch_px: int
    merge: int
    width: int
    row_widths: tuple[int, ...]

    @property
    def tokens_per_tile(self) -> int:
        """Tokens that one tile becomes."""
        return (self.tile_px // self.patch_px // self.merge) ** 2

    @property
    def injected_width(self) -> int:
        """Width of the rows that are injected: the token and its deepstack features side by side."""
        return self.width * (1 + self.family.deepstack)

    @property
    def k_quants(self) -> bool:
        """Whether every matrix of the language model can be a K-quant; otherwise q8_0 is the honest choice."""
        return all(width % K_QUANT_ROW == 0 for width in self.row_widths)


class PixelScale(msgspec.Struct, frozen=True):
    """How pixels 0..255 become what the tower takes: ``(x - mean) / scale``, each R, G, B."""

    mean: tuple[float, float, float]
    scale: tuple[float, float, float]


_QWEN_VISION = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>")

FAMILIES = (
    Family(
        name="SmolVLM2",
        architectures=("SmolVLMForConditionalGeneration",),
        language_model="llama",
        language_arch="llama",
        tile_px="vision_config.image_size",
        patch_px="vision_config.patch_size",
        merge="scale_factor",
        special_tokens=("<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>", "\n\n", "\n"),
    ),
    Family(
        name="InternVL3",
        architectures=("InternVLForConditionalGeneration",),
        language_model="qwen2",
        language_arch="qwen2",
        tile_px="vision_config.image_size",
        patch_px="vision_config.patch_size",
        merge="downsample_ratio",
        special_tokens=("<img>", "</img>", "<IMG_CONTEXT>"),
    ),
    Family(
        name="LLaVA-OneVision",
        architectures=("LlavaOnevisionForConditionalGeneration",),
        language_model="qwen2",
        language_arch="qwen2",
        tile_px="vision_config.image_size",
        patch_px="vision_config.patch_size",
        merge=1,
        special_tokens=("<image>",),
    ),
    Family(
        name="Qwen2.5-VL",
        architectures=("Qwen2_5_VLForConditionalGeneration",),
        language_model="qwen2_5_vl",
        language_arch="qwen2vl",
        tile_px=448,
        patch_px="vision_config.patch_size",
        merge="vision_config.spatial_merge_size",
        special_tokens=_QWEN_VISION,
        positions="mrope",
    ),
    Family(
        name="InternVL3 in its first form",
        architectures=("InternVLChatModel",),
        language_model="qwen2",
        language_arch="qwen2",
        tile_px=448,
        patch_px=14,
        merge=2,
        special_tokens=("<img>", "</img>", "<IMG_CONTEXT>"),
        refusal="it needs code that comes with the checkpoint, which is never run here; take the checkpoint whose name ends in -hf",
    ),
    Family(
        name="Qwen3-VL",
        architectures=("Qwen3VLForConditionalGeneration",),
        language_model="qwen3_vl",
        language_arch="qwen3vl",
        tile_px=512,
        patch_px=16,
        merge=2,
        special_tokens=_QWEN_VISION,
        positions="mrope_interleaved",
        deepstack=3,
        refusal="its deepstack features have to be injected beside each token, and nobody has compared that with the original yet",
    ),
    Family(
        name="Gemma3",
        architectures=("Gemma3ForConditionalGeneration",),
        language_model="gemma3_text",
        language_arch="gemma3",
        tile_px=896,
        patch_px=14,
        merge=4,
        special_tokens=("<start_of_image>", "<end_of_image>"),
        image_attention="block_bidirectional",
        refusal="its image tokens attend both ways in a block of their own, and nobody has compared that with the original yet",
    ),
    Family(
        name="FastVLM",
        architectures=("LlavaQwen2ForCausalLM", "FastVlmForConditionalGeneration"),
        language_model="qwen2",
        language_arch="qwen2",
        tile_px=1024,
        patch_px=64,
        merge=1,
        special_tokens=(),
        refusal="its tower is a convolutional hybrid that nobody has exported and compared yet",
    ),
    Family(
        name="Moondream2",
        architectures=("HfMoondream", "Moondream"),
        language_model="phi",
        language_arch="phi2",
        tile_px=378,
        patch_px=14,
        merge=1,
        special_tokens=(),
        image_attention="block_bidirectional",
        refusal="it needs code that comes with the checkpoint, and how its image prefix attends has not been verified",
    ),
)
"""Every model that is known, the refused ones too."""


def family_of(config: Config) -> Family:
    """Find the family of a checkpoint, refused or not.

    Args:
        config: Its ``config.json``.

    Raises:
        UnsupportedModel: It is of none.
    """
    stated = config.get("architectures")
    names = [str(name) for name in stated] if isinstance(stated, list) else []
    for family in FAMILIES:
        if set(names) & set(family.architectures):
            return family
    raise UnsupportedModel(f"unknown architecture: {', '.join(names) or 'config.json states none'}", hint=_others())


def spec_of(config: Config) -> ModelSpec:
    """Read what has to be known of a checkpoint.

    Args:
        config: Its ``config.json``.

    Raises:
        UnsupportedModel: It is of no known family, of one that is refused, has another language model inside than its family, or its
            ``config.json`` lacks something.
    """
    family = family_of(config)
    if family.refusal:
        raise UnsupportedModel(f"{family.name} is not exported: {family.refusal}", hint=_others())
    # Qwen2.5-VL was published with its language model's keys at the top.
    text = _value(config, "text_config") if "text_config" in config else config
    inside = _value(text, "model_type")
    if inside not in (family.language_model, f"{family.language_model}_text"):
        message = f"the language model is {inside}, and {family.name} has {family.language_model}"
        raise UnsupportedModel(message, hint="take another size of the model")
    width, heads = _number(text, "hidden_size"), _number(text, "num_attention_heads")
    head_width = _number(text, "head_dim") if text.get("head_dim") else width // heads
    spec = ModelSpec(
        family=family,
        tile_px=_number(config, family.tile_px),
        patch_px=_number(config, family.patch_px),
        merge=_number(config, family.merge),
        width=width,
        row_widths=tuple(sorted({width, heads * head_width, _number(text, "intermediate_size")})),
    )
    if spec.tokens_per_tile < 1 or spec.tile_px // spec.patch_px % spec.merge:
        message = f"a tile of {spec.tile_px} px has no whole tokens of {spec.merge} x {spec.merge} patches of {spec.patch_px} px"
        raise UnsupportedModel(message, hint=_HINT)
    return spec


def pixel_scale_of(preprocessor: Config) -> PixelScale:
    """Read how pixels are scaled.

    Args:
        preprocessor: The checkpoint's ``preprocessor_config.json``.

    Raises:
        UnsupportedModel: It does not say.
    """
    try:
        factor = float(preprocessor.get("rescale_factor", 1 / 255))
        mean, std = ([float(value) / factor for value in preprocessor[key]] for key in ("image_mean", "image_std"))
        return msgspec.convert({"mean": mean, "scale": std}, PixelScale)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise UnsupportedModel(f"preprocessor_config.json does not say how pixels are scaled: {error}", hint=_HINT) from error


def absent_tokens(spec: ModelSpec, vocabulary: Container[str]) -> tuple[str, ...]:
    """The special tokens that a tokenizer does not have as one token.

    llama.cpp looks some of them up by their text and puts token -1 in the prompt where there is none.

    Args:
        spec: Of the checkpoint.
        vocabulary: Texts of all tokens, added ones too, as ``tokenizer.json`` writes them: byte-level, a line feed is ``Ċ``.
    """
    return tuple(text for text in spec.family.special_tokens if text.replace("\n", "Ċ") not in vocabulary)


_HINT = "take the checkpoint as its makers published it"


def _others() -> str:
    return "these can be exported: " + ", ".join(family.name for family in FAMILIES if not family.refusal)


def _value(config: Config, key: str) -> Any:
    found: Any = config
    for part in key.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise UnsupportedModel(f"config.json has no {key}", hint=_HINT)
        found = found[part]
    return found


def _number(config: Config, stated: int | str) -> int:
    """A number that is fixed, or that stands under a key."""
    if isinstance(stated, int):
        return stated
    found = _value(config, stated)
    # Sides may be written as height and width, a merge as the share of each side that is left.
    if isinstance(found, list) and len(found) == 2 and found[0] == found[1]:
        found = found[0]
    if isinstance(found, float) and 0 < found < 1:
        found = round(1 / found)
    if type(found) is not int or found < 1:
        raise UnsupportedModel(f"{stated} of config.json is {found!r}, not a whole number of at least 1", hint=_HINT)
    return found
