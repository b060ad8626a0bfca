"""A checkpoint's folder of small files, and weight files that are heads without numbers: all that is read before an export begins."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).resolve().parent / "golden" / "vlm"
TENSORS = {
    "model.vision_model.embeddings.patch_embedding.weight": (64, 3, 16, 16),
    "model.connector.modality_projection.proj.weight": (64, 256),
    "model.text_model.embed_tokens.weight": (512, 64),
    "lm_head.weight": (512, 64),
}
TOWER_WEIGHTS, LANGUAGE_WEIGHTS = 64 * 3 * 256 + 64 * 256, 2 * 512 * 64
PREPROCESSOR = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "rescale_factor": 1 / 255}


def write_sample(folder: Path, config: Mapping[str, Any] | None = None) -> Path:
    """Write the tiny SmolVLM's small files and a weight file that says what it would hold; ``config`` is written over its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(GOLDEN / "tokenizer.json", folder / "tokenizer.json")
    whole = json.loads((GOLDEN / "config.json").read_text(encoding="utf-8")) | dict(config or {})
    (folder / "config.json").write_text(json.dumps(whole), encoding="utf-8")
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR), encoding="utf-8")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n", encoding="utf-8")
    write_head(folder / "model.safetensors", TENSORS)
    return folder


def write_head(path: Path, tensors: Mapping[str, Sequence[int]]) -> None:
    """Write the head of a safetensors file."""
    head = json.dumps({name: {"dtype": "F32", "shape": list(shape), "data_offsets": [0, 0]} for name, shape in tensors.items()})
    path.write_bytes(struct.pack("<Q", len(head)) + head.encode())
