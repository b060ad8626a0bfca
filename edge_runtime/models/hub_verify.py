"""Look at a bundle closely: every file by its hash, and whether its parts fit together. No model is opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.errors import BundleError
from edge_runtime.models.bundle import Manifest, find_bundle, read_manifest
from edge_runtime.models.language_llama_gguf import read_head


@dataclass(frozen=True)
class Verified:
    """What was found when a bundle was looked at closely.

    Attributes:
        folder: Where it lies.
        manifest: What its ``bundle.toml`` says.
        faults: What is wrong with it, in words; empty if nothing is.
    """

    folder: Path
    manifest: Manifest
    faults: tuple[str, ...]


def verify_bundle(name_or_folder: str | Path, *, cache: Path | None = None) -> Verified:
    """Look at every file of a bundle, and whether its parts fit together.

    Raises:
        BundleError: There is no such bundle, or its ``bundle.toml`` cannot be read.
    """
    folder = find_bundle(name_or_folder, cache=cache)
    manifest = read_manifest(folder)
    faults = [f"{file.path} {fault}" for file in manifest.files if (fault := file.fault(folder))]
    return Verified(folder, manifest, tuple(faults or _misfits(folder, manifest)))


def _misfits(folder: Path, manifest: Manifest) -> Iterator[str]:
    """What does not fit together in a bundle whose files are right."""
    language, tower = manifest.language, manifest.tower
    if language is None:
        return
    try:
        head = read_head(folder / language.file)
        width = max(head.numbers("embedding_length"))
    except BundleError as error:
        yield str(error)
        return
    if head.architecture != language.architecture:
        yield f"{language.file} is of the family {head.architecture}, and bundle.toml says {language.architecture}"
    if tower is not None and tower.dim != width:
        yield f"the tower gives rows of {tower.dim} numbers, and {language.file} reads {width}"
