"""Whole checkpoints of random weights, about 1 MB each, as published ones are: weights, tokenizer, configuration.

One of each family that is exported. Every number is drawn by numpy from a fixed seed, so that a model is the same whatever version of
torch makes it. Needs the extra ``export-vlm``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from export.families import FAMILIES, Family

SEED = 7
VOCABULARY = 512
TEXT = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 1024,
}
"""Of every language model."""
VISION = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
"""Of every tower."""
QWEN_ROPE = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e6}
TEXTS = (
    "The red cup is on the table, and the keys are beside it.",
    "What is on the table? A cup, a book and a pair of glasses.",
    "User: Where did I leave the keys?\n\nAssistant: On the table in the kitchen, two minutes ago.\n",
    "The train leaves at 10:45 from platform 3; the taxi waits in front of the station.",
    "It says EXIT over the door, and nobody has gone through it since this morning.",
    # Two line feeds are one token in the published tokenizer, and prompts rely on it.
    "\n\n",
)
"""What tokenizers are trained on."""
QWEN_PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"  # as published
)
SMOLVLM_CHAT = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}:{% else %}: {% endif %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}PICTURE{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"  # as published
)

Grid = tuple[int, int, int]
"""Side of a tile and of a patch, in pixels, and patches along each side that become one token."""
Tokens = Mapping[str, int]
"""Numbers of a tokenizer's tokens."""


class Recipe(NamedTuple):
    """What one family has of its own.

    Attributes:
        model: Its name in ``transformers``.
        grid: Of its small tower.
        tokens: Special ones, in the order of their numbers.
        ends: Which of them begin and end a text.
        chat: Its chat template.
        pixels: Mean and deviation of its pixels, R, G, B in 0..1.
        config: Makes the keys of its configuration from its grid and its tokens.
    """

    model: str
    grid: Grid
    tokens: tuple[str, ...]
    ends: Mapping[str, str]
    chat: str
    pixels: tuple[list[float], list[float]]
    config: Callable[[Grid, Tokens], dict[str, Any]]


def _smolvlm2(grid: Grid, tokens: Tokens) -> dict[str, Any]:
    tile_px, patch_px, merge = grid
    ends = {f"{name}_id": tokens[text] for name, text in RECIPES["SmolVLM2"].ends.items()}
    return {
        "text_config": {"model_type": "llama", **TEXT, **ends},
        "vision_config": {**VISION, "image_size": tile_px, "patch_size": patch_px},
        "scale_factor": merge,
        "image_token_id": tokens["<image>"],
        **ends,
    }


def _internvl3(grid: Grid, tokens: Tokens) -> dict[str, Any]:
    tile_px, patch_px, merge = grid
    return {
        "text_config": {"model_type": "qwen2", **TEXT},
        "vision_config": {**VISION, "image_size": [tile_px] * 2, "patch_size": [patch_px] * 2, "attention_bias": True},
        "downsample_ratio": 1 / merge,
        "image_token_id": tokens["<IMG_CONTEXT>"],
    }


def _llava_onevision(grid: Grid, tokens: Tokens) -> dict[str, Any]:
    tile_px, patch_px, _ = grid
    tower = {"model_type": "siglip_vision_model", "vision_use_head": False, "image_size": tile_px, "patch_size": patch_px}
    return {
        "text_config": {"model_type": "qwen2", **TEXT},
        "vision_config": {**VISION, **tower},
        "image_grid_pinpoints": [[tile_px, tile_px]],
        "image_token_index": tokens["<image>"],
        "video_token_index": tokens["<video>"],
    }


def _qwen25vl(grid: Grid, tokens: Tokens) -> dict[str, Any]:
    _, patch_px, merge = grid
    sizes = {"hidden_size": 48, "intermediate_size": 96, "depth": 2, "num_heads": 3, "out_hidden_size": TEXT["hidden_size"]}
    windows = {"window_size": 8 * patch_px, "fullatt_block_indexes": [1]}
    return {
        "text_config": {**TEXT, "rope_parameters": QWEN_ROPE},
        "vision_config": {**sizes, **windows, "patch_size": patch_px, "spatial_merge_size": merge},
        **{f"{name}_token_id": tokens[f"<|{name}|>"] for name in ("vision_start", "vision_end")},
        **{f"{name}_token_id": tokens[f"<|{name}_pad|>"] for name in ("image", "video")},
    }


_HALF = ([0.5] * 3, [0.5] * 3)
_IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
_CLIP = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
_CHATML_ENDS = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
_CHATML_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

RECIPES: Mapping[str, Recipe] = {
    "SmolVLM2": Recipe(
        "SmolVLMForConditionalGeneration",
        (64, 16, 2),
        (*_CHATML_TOKENS, "<fake_token_around_image>", "<image>", "<global-img>", "<row_1_col_1>", "<end_of_utterance>"),
        {"bos_token": "<|im_start|>", "eos_token": "<end_of_utterance>", "pad_token": "<|im_end|>"},
        SMOLVLM_CHAT,
        _HALF,
        _smolvlm2,
    ),
    "InternVL3": Recipe(
        "InternVLForConditionalGeneration",
        (64, 16, 2),
        (*_CHATML_TOKENS, "<img>", "</img>", "<IMG_CONTEXT>"),
        _CHATML_ENDS,
        CHATML.replace("PICTURE", "<IMG_CONTEXT>\n"),
        _IMAGENET,
        _internvl3,
    ),
    "LLaVA-OneVision": Recipe(
        "LlavaOnevisionForConditionalGeneration",
        (64, 14, 1),
        (*_CHATML_TOKENS, "<image>", "<video>"),
        _CHATML_ENDS,
        CHATML.replace("PICTURE", "<image>\n"),
        _HALF,
        _llava_onevision,
    ),
    "Qwen2.5-VL": Recipe(
        "Qwen2_5_VLForConditionalGeneration",
        (448, 14, 2),
        (*_CHATML_TOKENS, "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"),
        _CHATML_ENDS,
        QWEN_SYSTEM + CHATML.replace("PICTURE", "<|vision_start|><|image_pad|><|vision_end|>"),
        _CLIP,
        _qwen25vl,
    ),
}
"""By the name of the family."""


def family_called(name: str) -> Family:
    """The family of a name."""
    (family,) = [family for family in FAMILIES if family.name == name]
    return family


def write_checkpoint(folder: Path, family: str = "SmolVLM2", *, grid: Grid | None = None) -> None:
    """Write a checkpoint into a folder: ``config.json``, ``model.safetensors``, ``tokenizer.json`` and their companions.

    Args:
        folder: Made if it is not there.
        family: Name of one that is exported.
        grid: Another than the family's small one.
    """
    import torch
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    recipe = RECIPES[family]
    kind = getattr(transformers, recipe.model)
    tokens = _write_tokenizer(folder, family)
    model = kind(kind.config_class(**recipe.config(grid or recipe.grid, tokens)))
    weights = sorted(model.state_dict().items())
    model.load_state_dict(
        {name: torch.from_numpy(_drawn(name, tuple(value.shape), number)) for number, (name, value) in enumerate(weights)}
    )
    model.save_pretrained(folder)
    _amend(folder / "config.json", "text_config", {"architectures": [family_called(family).text_architecture]})
    mean, deviation = recipe.pixels
    preprocessor = {"do_normalize": True, "do_rescale": True, "image_mean": mean, "image_std": deviation, "rescale_factor": 1 / 255}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor, indent=2) + "\n", encoding="utf-8")


def _write_tokenizer(folder: Path, family: str) -> Tokens:
    """Train a byte-level tokenizer that cuts text as the published one does."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    recipe, trained = RECIPES[family], Tokenizer(models.BPE())
    if family_called(family).pretokenizer == "smollm":
        pieces = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    else:
        trained.normalizer = normalizers.NFC()
        by_kind = pre_tokenizers.Split(Regex(QWEN_PIECES), behavior="isolated")
        pieces = [by_kind, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    trained.pre_tokenizer = pre_tokenizers.Sequence(pieces)
    trained.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trained.train_from_iterator(
        TEXTS * 2,
        trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=list(recipe.tokens), initial_alphabet=alphabet, show_progress=False),
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained, chat_template=recipe.chat, **recipe.ends)
    tokenizer.save_pretrained(folder)
    vocabulary: dict[str, int] = trained.get_vocab()
    return vocabulary


def _drawn(name: str, shape: tuple[int, ...], number: int) -> npt.NDArray[np.float32]:
    """One weight, such that values keep their size from layer to layer; on a coarse grid, so that the files compress well."""
    rng = np.random.default_rng((SEED, number))
    if len(shape) == 1:
        gain = "lambda" in name or (name.endswith("weight") and ("norm" in name or "ln_q" in name))
        middle, spread = float(gain), 0.1
    else:
        middle, spread = 0.0, float(np.prod(shape[1:])) ** -0.5
    steps = 2.0 ** np.ceil(np.log2(4 / spread))
    values: npt.NDArray[np.float64] = middle + np.round(rng.normal(0, spread, shape) * steps) / steps
    return values.astype(np.float32)


def _amend(path: Path, section: str, values: dict[str, Any]) -> None:
    """Put keys back that published files have and ``transformers`` leaves out."""
    whole = json.loads(path.read_text(encoding="utf-8"))
    whole[section] |= values
    path.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
