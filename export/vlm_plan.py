"""What an export is to make, settled before anything large is done: the model, the board, precisions, pictures, memory."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_runtime import __version__
from edge_runtime.models.hub import Say, megabytes, quiet, sha256_of
from export.checkpoint import Checkpoint, digests_of, read_checkpoint
from export.gguf_quant import Kind
from export.pictures import PictureSet, pictures_in
from export.precision import Precision
from export.sizes import memory_bytes
from export.targets import Target, language_kind_for, precision_for, short_of_memory

PACKAGES = ("torch", "transformers", "onnx", "onnxscript", "onnxruntime", "llama-cpp-python")
"""What takes part in an export; their versions are kept in the bundle."""


@dataclass(frozen=True)
class Order:
    """What is wanted.

    Attributes:
        checkpoint: Folder of a published checkpoint.
        pictures: Folder of the pictures that the tower is calibrated with and judged by.
        target: The board it is for.
        vision: Precision of the tower; the board's default if ``None``.
        language: Kind of the language model; the best that its widths allow if ``None``.
        mmproj: Whether the tower is kept as llama.cpp reads it, too.
        force: Whether a bundle is written that misses a gate, or that the board has no room for.
        converter: Archive with llama.cpp's converter; fetched if ``None``.
    """

    checkpoint: Path
    pictures: Path
    target: Target
    vision: Precision | None = None
    language: Kind | None = None
    mmproj: bool = False
    force: bool = False
    converter: Path | None = None


@dataclass(frozen=True)
class Plan:
    """An order of which nothing is left to be chosen.

    Attributes:
        checkpoint: What is exported.
        digests: sha256 of its files.
        pictures: As they were parted.
        vision: Precision of the tower.
        language: Kind of the language model.
        mmproj: As in the order.
        inputs: Digests of all that the bundle depends on.
        short: Why the board has no room for it; ``""`` if it has.
    """

    checkpoint: Checkpoint
    digests: Mapping[str, str]
    pictures: PictureSet
    vision: Precision
    language: Kind
    mmproj: bool
    inputs: Mapping[str, str]
    short: str

    @property
    def version(self) -> str:
        """Of the bundle: another one where it would be another bundle."""
        return _digest(f"{key}={value}" for key, value in self.inputs.items())[:12]


def settle(order: Order, *, say: Say = quiet) -> Plan:
    """Choose what the order leaves open, and check all that can be checked beforehand.

    Raises:
        UnsupportedModel: The model is unknown or refused, or its tokenizer lacks a special token.
        UnsupportedPrecision: The board cannot have that precision.
        UnsupportedQuantisation: The language model cannot be had in that kind.
        InputError: There are too few pictures.
        BundleError: The checkpoint is incomplete or damaged.
    """
    checkpoint = read_checkpoint(order.checkpoint)
    spec = checkpoint.spec
    vision = precision_for(order.target, order.vision)
    language = language_kind_for(spec, order.language)
    say(f"{checkpoint.name}: {spec.family.name}, {spec.tokens_per_tile} tokens of {spec.width} a picture, licence {checkpoint.licence}")
    needed = memory_bytes(checkpoint, vision, language)
    say(f"for {order.target.name}: tower {vision}, language model {language}, about {megabytes(needed)} of memory when it runs")
    pictures = pictures_in(order.pictures)
    say(f"{len(pictures.calibration)} pictures to calibrate with, {len(pictures.gate)} to judge by, {pictures.copies} copies left out")
    digests = digests_of(checkpoint.folder)
    short = short_of_memory(order.target, needed)
    inputs = {
        "checkpoint": _digest(f"{name}={sha256}" for name, sha256 in digests.items()),
        "made with": _digest([*(f"{name}={version}" for name, version in versions().items()), *_own_code()]),
        "calibration": _digest(pictures.calibration),
        "gate": _digest(pictures.gate),
        "vision": vision,
        "language": language,
        "mmproj": str(order.mmproj),
        "short": short,
    }
    return Plan(checkpoint, digests, pictures, vision, language, order.mmproj, inputs, short)


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Of this project, of Python and of packages, by name; what is not installed is left out."""
    found = {"edge-runtime": __version__, "python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _own_code() -> list[str]:
    """Digests of this package's files: what another state of it made is not taken up."""
    return [sha256_of(path) for path in sorted(Path(__file__).parent.glob("*.py"))]


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
