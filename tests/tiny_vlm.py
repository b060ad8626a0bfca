"""Bundles of the tiny vision-language models of the tests: random weights, real formats (:mod:`scripts.vlm_fixtures`)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.models.bundle import FORMAT, Bundle, BundleFile, Language, Manifest, Tower, load_bundle
from edge_runtime.models.hub import sha256_of
from export.families import FAMILIES
from export.manifest_toml import manifest_toml
from export.spec import pixel_scale_of

GOLDEN = Path(__file__).resolve().parent / "golden"
FOLDERS = {"SmolVLM2": GOLDEN / "vlm", "Qwen2.5-VL": GOLDEN / "vlm_qwen"}
CONTEXT_ROWS = 1024


def reference(family: str = "SmolVLM2") -> dict[str, npt.NDArray[Any]]:
    """Pictures, tokens, token ids and logits of the original."""
    with np.load(FOLDERS[family] / "reference.npz") as file:
        return {name: file[name] for name in file.files}


def write_vlm(folder: Path, family: str = "SmolVLM2", *, eyes: bool = True, special: tuple[str, ...] = ()) -> Bundle:
    """Write a bundle into a folder and open it.

    Args:
        folder: Made if it is not there.
        family: Of the model.
        eyes: Whether the tower belongs to it; without, it only puts into other words.
        special: Texts that must be one token beside those of the family.
    """
    golden, described = FOLDERS[family], next(each for each in FAMILIES if each.name == family)
    folder.mkdir(parents=True, exist_ok=True)
    saved = reference(family)
    side, dim = saved["pictures"].shape[1], saved["tokens"].shape[2]
    grid = round(saved["tokens"].shape[1] ** 0.5)
    scale = pixel_scale_of(json.loads((golden / "preprocessor_config.json").read_text(encoding="utf-8")))
    names = ("tower.onnx", "language.gguf") if eyes else ("language.gguf",)
    for name in names:
        shutil.copyfile(golden / name, folder / name)
    tower = Tower("tower.onnx", "fp32", side, scale.mean, scale.scale, grid, grid, dim)
    manifest = Manifest(
        format=FORMAT,
        name=f"tiny-{folder.name}",
        version="1",
        summary="Random weights.",
        files=tuple(BundleFile(name, sha256_of(folder / name), (folder / name).stat().st_size, "none", "drawn") for name in names),
        tower=tower if eyes else None,
        language=Language(
            "language.gguf", described.language_arch, "f32", CONTEXT_ROWS, (*described.special_tokens, *special), described.prompt
        ),
    )
    (folder / "bundle.toml").write_text(manifest_toml(manifest), encoding="utf-8")
    return load_bundle(folder)
