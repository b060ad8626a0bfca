"""Makes vision-language models of random weights, about 1 MB each, and what the originals say of them.

    python -m scripts.vlm_fixtures checkpoint FOLDER [FAMILY]   a whole checkpoint, as published ones are (SmolVLM2)
    python -m scripts.vlm_fixtures golden                       tests/golden/vlm and tests/golden/vlm_qwen anew, for tests without torch

Needs the extra ``export-vlm``.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scripts.vlm_checkpoints import RECIPES, SEED, family_called, write_checkpoint

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden"
FOLDERS = {"SmolVLM2": GOLDEN / "vlm", "Qwen2.5-VL": GOLDEN / "vlm_qwen"}
QUESTION = "What is on the table?"
PATTERN_PX = 64
"""Side of a pattern before its pixels are made larger."""


def write_golden(folder: Path, family: str = "SmolVLM2") -> None:
    """Write what tests compare with: the tower as ONNX, the checkpoint's small files and ``reference.npz``.

    The reference holds ``pictures`` uint8 BGR [2,S,S,3], their ``tokens`` float32 [2,T,D], the prompt's ``ids`` int64 [2,L] with each
    picture in it, and the ``logits`` float32 [2,V] behind it, all from the original. Where tokens have three positions, also
    ``positions`` int64 [3,L], and the same question without a picture: ``text_ids`` int64 [M] and ``text_logits`` float32 [V].
    """
    import torch
    from transformers import AutoModelForImageTextToText, PreTrainedTokenizerFast

    from edge_runtime.pixels import planes
    from export.spec import pixel_scale_of
    from export.vision import export_tower
    from export.vision_wrappers import WRAPPERS, film_patches

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        checkpoint = Path(work)
        write_checkpoint(checkpoint, family)
        done = export_tower(checkpoint, folder / "tower.onnx")
        scale = pixel_scale_of(json.loads((checkpoint / "preprocessor_config.json").read_text(encoding="utf-8")))
        model = AutoModelForImageTextToText.from_pretrained(checkpoint, attn_implementation="eager").eval()
        tokenizer = PreTrainedTokenizerFast.from_pretrained(checkpoint)
        ids = torch.tensor([tokenizer(_prompt(family, done.spec.tokens_per_tile)).input_ids] * 2)
        pictures = np.stack([_picture(seed, done.spec.tile_px) for seed in range(2)])
        images = torch.from_numpy(np.concatenate([planes(picture, scale.mean, scale.scale) for picture in pictures]))
        saved: dict[str, Any] = {"pictures": pictures, "ids": ids}
        with torch.no_grad():
            saved["tokens"] = WRAPPERS[family](model, done.spec)[0](images)
            shown: dict[str, Any] = {"pixel_values": images[:, None]}
            if family == "Qwen2.5-VL":
                grid = torch.tensor([[1, *[done.spec.tile_px // done.spec.patch_px] * 2]] * 2)
                where = {"image_grid_thw": grid, "mm_token_type_ids": (ids == model.config.image_token_id).int()}
                shown = {"pixel_values": film_patches(images, done.spec), **where}
                saved["positions"] = model.model.get_rope_index(ids, **where)[0][:, 0]
                saved["text_ids"] = torch.tensor(tokenizer(_prompt(family, 0)).input_ids)
                saved["text_logits"] = model(input_ids=saved["text_ids"][None]).logits[0, -1]
            saved["logits"] = model(input_ids=ids, **shown).logits[:, -1]
        _save(folder / "reference.npz", {name: np.asarray(array) for name, array in saved.items()})
        for name in ("config.json", "preprocessor_config.json", "tokenizer.json"):
            shutil.copyfile(checkpoint / name, folder / name)


def _save(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """As numpy does, but for the time of day that it writes beside each array."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue(), zipfile.ZIP_DEFLATED)


def _prompt(family: str, tokens: int) -> str:
    """A question, behind a picture if it has tokens."""
    shape = family_called(family).prompt
    picture = f"{shape.picture_before}{_PICTURE_TOKEN[family] * tokens}{shape.picture_after}" if tokens else ""
    return f"{shape.before}{picture}{QUESTION}{shape.after}"


_PICTURE_TOKEN = {"SmolVLM2": "<image>", "Qwen2.5-VL": "<|image_pad|>"}


def _picture(seed: int, side_px: int) -> npt.NDArray[np.uint8]:
    """A smooth coloured pattern, uint8 BGR [S,S,3]."""
    down, across = np.meshgrid(np.linspace(0, 1, PATTERN_PX), np.linspace(0, 1, PATTERN_PX), indexing="ij")
    waves = np.random.default_rng((SEED, seed)).uniform(1, 6, (3, 3))
    values = [np.sin(a * down + b * across + c) for a, b, c in waves]
    pattern = np.rint(127.5 + 120 * np.stack(values, axis=-1)).astype(np.uint8)
    return pattern.repeat(side_px // PATTERN_PX, axis=0).repeat(side_px // PATTERN_PX, axis=1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: write a checkpoint, or the golden files."""
    parser = argparse.ArgumentParser(prog="python -m scripts.vlm_fixtures", description="make small models of random weights")
    verbs = parser.add_subparsers(dest="verb", required=True)
    whole = verbs.add_parser("checkpoint", help="a whole checkpoint")
    whole.add_argument("folder", type=Path)
    whole.add_argument("family", nargs="?", choices=sorted(RECIPES), default="SmolVLM2")
    verbs.add_parser("golden", help="the golden files anew")
    options = parser.parse_args(arguments)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    if options.verb == "checkpoint":
        write_checkpoint(options.folder, options.family)
        written = [options.folder]
    else:
        for family, folder in FOLDERS.items():
            write_golden(folder, family)
        written = list(FOLDERS.values())
    for path in sorted(path for folder in written for path in folder.iterdir()):
        sys.stdout.write(f"{path.relative_to(path.parents[1])}: {path.stat().st_size} bytes\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
