"""The families of vision-language models that are known, as data; those that are refused say why.

How a turn is written follows the chat template that each family was published with, for one turn of the user with one picture.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from edge_runtime.models.bundle import PromptShape

Positions = Literal["rope1d", "mrope", "mrope_interleaved"]
"""One position a token; or three (time, row, column), in sections one behind the other or taken in turns."""

ImageAttention = Literal["causal", "block_bidirectional"]
"""Whether an image token sees only those before it, or all of its image."""

NO_PROMPT = PromptShape(before="", after="", stop=())
"""Of a family that is refused."""


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
        prompt: How one turn is written.
        text_architecture: What llama.cpp's converter goes by: ``architectures`` of the language model's own configuration. Published
            checkpoints state it, those that ``transformers`` 5 writes do not.
        pretokenizer: What llama.cpp calls the rule that cuts text before it is tokenised.
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
    prompt: PromptShape = NO_PROMPT
    text_architecture: str = ""
    pretokenizer: str = ""
    refusal: str = ""


_CHATML = ("<|im_start|>", "<|im_end|>")
_QWEN_VISION = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
_CHATML_USER = "<|im_start|>user\n"
_CHATML_ASSISTANT = "<|im_end|>\n<|im_start|>assistant\n"
_SMOLVLM_FAKE = "<fake_token_around_image>"

FAMILIES = (
    Family(
        name="SmolVLM2",
        architectures=("SmolVLMForConditionalGeneration",),
        language_model="llama",
        language_arch="llama",
        tile_px="vision_config.image_size",
        patch_px="vision_config.patch_size",
        merge="scale_factor",
        special_tokens=("<|im_start|>", "<image>", _SMOLVLM_FAKE, "<global-img>", "<end_of_utterance>", "\n\n", "\n"),
        prompt=PromptShape(
            before="<|im_start|>User:",
            picture_before=f"{_SMOLVLM_FAKE}<global-img>",
            picture_after=_SMOLVLM_FAKE,
            after="<end_of_utterance>\nAssistant:",
            stop=("<end_of_utterance>",),
        ),
        text_architecture="VLlama3ForCausalLM",
        pretokenizer="smollm",
    ),
    Family(
        name="InternVL3",
        architectures=("InternVLForConditionalGeneration",),
        language_model="qwen2",
        language_arch="qwen2",
        tile_px="vision_config.image_size",
        patch_px="vision_config.patch_size",
        merge="downsample_ratio",
        special_tokens=(*_CHATML, "<img>", "</img>", "<IMG_CONTEXT>"),
        prompt=PromptShape(
            before=_CHATML_USER, picture_before="<img>", picture_after="</img>\n", after=_CHATML_ASSISTANT, stop=("<|im_end|>",)
        ),
        text_architecture="Qwen2ForCausalLM",
        pretokenizer="qwen2",
    ),
    Family(
        name="LLaVA-OneVision",
        architectures=("LlavaOnevisionForConditionalGeneration",),
        language_model="qwen2",
        language_arch="qwen2",
        tile_px="vision_config.image_size",
        patch_px="vision_config.patch_size",
        merge=1,
        special_tokens=(*_CHATML, "<image>"),
        prompt=PromptShape(before=_CHATML_USER, picture_after="\n", after=_CHATML_ASSISTANT, stop=("<|im_end|>",)),
        text_architecture="Qwen2ForCausalLM",
        pretokenizer="qwen2",
    ),
    Family(
        name="Qwen2.5-VL",
        architectures=("Qwen2_5_VLForConditionalGeneration",),
        language_model="qwen2_5_vl",
        language_arch="qwen2vl",
        tile_px=448,
        patch_px="vision_config.patch_size",
        merge="vision_config.spatial_merge_size",
        special_tokens=(*_CHATML, *_QWEN_VISION),
        positions="mrope",
        prompt=PromptShape(
            # A conversation that brings no system turn of its own is given this one.
            before=f"<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{_CHATML_USER}",
            picture_before="<|vision_start|>",
            picture_after="<|vision_end|>",
            after=_CHATML_ASSISTANT,
            stop=("<|im_end|>",),
        ),
        text_architecture="Qwen2_5_VLForConditionalGeneration",
        pretokenizer="qwen2",
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
