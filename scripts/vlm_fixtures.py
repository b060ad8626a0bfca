"""Makes a SmolVLM of random weights, about 1 MB, and what the original says of it.

    python -m scripts.vlm_fixtures checkpoint FOLDER   a whole checkpoint, as published ones are: weights, tokenizer, configuration
    python -m scripts.vlm_fixtures golden              tests/golden/vlm anew, for tests that have no torch

Every number is drawn by numpy from a fixed seed, so that the model is the same whatever version of torch makes it. Needs the extra
``export-vlm``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden" / "vlm"
GRID = (64, 16, 2)
"""Side of a tile and of a patch, in pixels, and patches along each side that become one token."""
WIDTH, INNER, LAYERS, HEADS, KEY_HEADS = 64, 128, 2, 4, 2
VOCABULARY = 512
SEED = 7
SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<fake_token_around_image>",
    "<image>",
    "<global-img>",
    "<row_1_col_1>",
    "<end_of_utterance>",
)
ENDS = {"bos_token": "<|im_start|>", "eos_token": "<end_of_utterance>", "pad_token": "<|im_end|>"}
QUESTION = "What is on the table?<end_of_utterance>\nAssistant:"
PROMPT = "<|im_start|>User:<fake_token_around_image><global-img>{image}<fake_token_around_image>" + QUESTION
CHAT = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}: "
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
TEXTS = (
    "The red cup is on the table, and the keys are beside it.",
    "What is on the table? A cup, a book and a pair of glasses.",
    "User: Where did I leave the keys?\n\nAssistant: On the table in the kitchen, two minutes ago.\n",
    "The train leaves at 10:45 from platform 3; the taxi waits in front of the station.",
    "It says EXIT over the door, and nobody has gone through it since this morning.",
    # Two line feeds are one token in the published tokenizer, and prompts rely on it.
    "\n\n",
)


def write_checkpoint(folder: Path, grid: tuple[int, int, int] = GRID) -> None:
    """Write the checkpoint into a folder: ``config.json``, ``model.safetensors``, ``tokenizer.json`` and their companions.

    Args:
        folder: Made if it is not there.
        grid: As :data:`GRID`.
    """
    import torch
    from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration

    folder.mkdir(parents=True, exist_ok=True)
    tile_px, patch_px, merge = grid
    tokens = _write_tokenizer(folder)
    ends = {f"{name}_id": tokens[text] for name, text in ENDS.items()}
    text = {
        "model_type": "llama",
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_HEADS,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 1024,
        **ends,
    }
    vision = {
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "image_size": tile_px,
        "patch_size": patch_px,
    }
    model = SmolVLMForConditionalGeneration(
        SmolVLMConfig(scale_factor=merge, image_token_id=tokens["<image>"], text_config=text, vision_config=vision, **ends)
    )
    weights = sorted(model.state_dict().items())
    model.load_state_dict(
        {name: torch.from_numpy(_drawn(name, tuple(value.shape), number)) for number, (name, value) in enumerate(weights)}
    )
    model.save_pretrained(folder)
    _amend(folder / "config.json", "text_config", {"architectures": ["VLlama3ForCausalLM"]})
    preprocessor = {"do_normalize": True, "do_rescale": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "rescale_factor": 1 / 255}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor, indent=2) + "\n", encoding="utf-8")


def write_golden(folder: Path) -> None:
    """Write what tests compare with: the tower as ONNX, ``config.json``, ``tokenizer.json`` and ``reference.npz``.

    The reference holds ``pictures`` uint8 BGR [2,64,64,3], their ``tokens`` float32 [2,4,64], the prompt's ``ids`` int64 [2,T] with each
    picture in it, and the ``logits`` float32 [2,V] behind it, all from the original.
    """
    import torch
    from transformers import PreTrainedTokenizerFast, SmolVLMForConditionalGeneration

    from edge_runtime.pixels import planes
    from export.spec import pixel_scale_of
    from export.vision import export_tower

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        checkpoint = Path(work)
        write_checkpoint(checkpoint)
        done = export_tower(checkpoint, folder / "tower.onnx")
        scale = pixel_scale_of(json.loads((checkpoint / "preprocessor_config.json").read_text(encoding="utf-8")))
        model = SmolVLMForConditionalGeneration.from_pretrained(checkpoint, attn_implementation="eager").eval()
        tokenizer = PreTrainedTokenizerFast.from_pretrained(checkpoint)
        ids = torch.tensor([tokenizer(PROMPT.format(image="<image>" * done.spec.tokens_per_tile)).input_ids] * 2)
        pictures = np.stack([_picture(seed) for seed in range(2)])
        images = torch.from_numpy(np.concatenate([planes(picture, scale.mean, scale.scale) for picture in pictures]))[:, None]
        with torch.no_grad():
            tokens = torch.stack(list(model.model.get_image_features(images).pooler_output))
            logits = model(input_ids=ids, pixel_values=images).logits[:, -1]
        np.savez_compressed(folder / "reference.npz", pictures=pictures, tokens=tokens.numpy(), ids=ids.numpy(), logits=logits.numpy())
        for name in ("config.json", "tokenizer.json"):
            shutil.copyfile(checkpoint / name, folder / name)


def _write_tokenizer(folder: Path) -> dict[str, int]:
    """Train a byte-level tokenizer that cuts text as the published one does; returns its tokens with their numbers."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    trained = Tokenizer(models.BPE())
    pieces = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    trained.pre_tokenizer = pre_tokenizers.Sequence(pieces)
    trained.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trained.train_from_iterator(
        TEXTS * 2,
        trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False),
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained, chat_template=CHAT, **ENDS)
    tokenizer.save_pretrained(folder)
    vocabulary: dict[str, int] = trained.get_vocab()
    return vocabulary


def _drawn(name: str, shape: tuple[int, ...], number: int) -> npt.NDArray[np.float32]:
    """One weight, such that values keep their size from layer to layer; on a coarse grid, so that the files compress well."""
    rng = np.random.default_rng((SEED, number))
    if len(shape) == 1:
        middle, spread = (1.0 if "norm" in name and name.endswith("weight") else 0.0), 0.1
    else:
        middle, spread = 0.0, float(np.prod(shape[1:])) ** -0.5
    steps = 2.0 ** np.ceil(np.log2(4 / spread))
    values: npt.NDArray[np.float64] = middle + np.round(rng.normal(0, spread, shape) * steps) / steps
    return values.astype(np.float32)


def _picture(seed: int) -> npt.NDArray[np.uint8]:
    """A smooth coloured pattern, uint8 BGR [64,64,3]."""
    down, across = np.meshgrid(np.linspace(0, 1, GRID[0]), np.linspace(0, 1, GRID[0]), indexing="ij")
    waves = np.random.default_rng((SEED, seed)).uniform(1, 6, (3, 3))
    values = [np.sin(a * down + b * across + c) for a, b, c in waves]
    return np.rint(127.5 + 120 * np.stack(values, axis=-1)).astype(np.uint8)


def _amend(path: Path, section: str, values: dict[str, Any]) -> None:
    """Put keys back that published files have and ``transformers`` leaves out."""
    whole = json.loads(path.read_text(encoding="utf-8"))
    whole[section] |= values
    path.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: write a checkpoint, or the golden files."""
    parser = argparse.ArgumentParser(prog="python -m scripts.vlm_fixtures", description="make a small SmolVLM of random weights")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("checkpoint", help="a whole checkpoint").add_argument("folder", type=Path)
    verbs.add_parser("golden", help="tests/golden/vlm anew")
    options = parser.parse_args(arguments)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    folder = options.folder if options.verb == "checkpoint" else GOLDEN
    (write_checkpoint if options.verb == "checkpoint" else write_golden)(folder)
    for path in sorted(folder.iterdir()):
        sys.stdout.write(f"{path.name}: {path.stat().st_size} bytes\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
