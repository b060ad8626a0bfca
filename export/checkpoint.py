"""A checkpoint's folder: what it is, how large its parts are, and where it comes from. Read without loading a weight."""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runtime.errors import BundleError
from edge_runtime.models.hub import sha256_of
from edge_runtime.models.hub_hf import RECORD, read_pulled
from export.licence import licence_of
from export.spec import Config, ModelSpec, PixelScale, UnsupportedModel, absent_tokens, pixel_scale_of, spec_of
from export.vision import read_json

_OF_THE_TOWER = re.compile(r"(^|\.)(vision_\w+|visual|connector|multi_modal_projector|image_newline)(\.|$)")
_MOST_HEADER_BYTES = 1 << 27
_TAKEN = (".json", ".safetensors", ".txt", ".model", ".jinja", ".md")
_WHOLE = "give the folder of a whole checkpoint, with its weights as safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that can be exported.

    Attributes:
        folder: Where it lies.
        name: As it was published, or its folder's name.
        spec: What matters of its architecture.
        scale: How its pixels are scaled.
        licence: As its files state it.
        tower_weights: Numbers in the vision tower, projection included.
        language_weights: Numbers in the language model.
        row_cache_weights: Numbers that the language model keeps of each row it has read.
    """

    folder: Path
    name: str
    spec: ModelSpec
    scale: PixelScale
    licence: str
    tower_weights: int
    language_weights: int
    row_cache_weights: int


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read what has to be known before anything is exported.

    Raises:
        BundleError: The folder lacks a file, or one of them cannot be read.
        UnsupportedModel: The model is unknown or refused, or its tokenizer lacks a special token that its prompts need.
    """
    config = read_json(folder / "config.json")
    spec = spec_of(config)
    scale = pixel_scale_of(read_json(folder / "preprocessor_config.json"))
    if absent := absent_tokens(spec, vocabulary_of(folder)):
        message = f"the tokenizer has no token for {', '.join(map(repr, absent))}, which prompts of {spec.family.name} need"
        raise UnsupportedModel(message, hint="take the checkpoint as its makers published it")
    tower, language = weights_of(folder)
    return Checkpoint(folder, name_of(folder), spec, scale, licence_of(folder), tower, language, _row_cache_weights(config))


def name_of(folder: Path) -> str:
    """What a checkpoint is called: as on the Hub where it was brought here from there, else as its folder."""
    pulled = read_pulled(folder)
    return pulled.repository if pulled else folder.resolve().name


def revision_of(folder: Path, digests: Mapping[str, str]) -> str:
    """Which state of a checkpoint it is: the commit where it was brought here from the Hub, else a digest of its files.

    Args:
        folder: Of the checkpoint.
        digests: As :func:`digests_of` gives them.
    """
    pulled = read_pulled(folder)
    whole = hashlib.sha256(json.dumps(sorted(digests.items())).encode()).hexdigest()
    return f"commit {pulled.commit}" if pulled else f"sha256 {whole} of its files"


def digests_of(folder: Path) -> dict[str, str]:
    """The sha256 of each file that an export may read, by name."""
    return {path.name: sha256_of(path) for path in sorted(folder.iterdir()) if path.suffix in _TAKEN and path.name != RECORD}


def vocabulary_of(folder: Path) -> frozenset[str]:
    """The texts of all tokens, as ``tokenizer.json`` writes them.

    Raises:
        BundleError: The file is not there, or has another form.
    """
    tokenizer = read_json(folder / "tokenizer.json")
    try:
        return frozenset(tokenizer["model"]["vocab"]) | {token["content"] for token in tokenizer.get("added_tokens", ())}
    except (KeyError, TypeError) as error:
        raise BundleError(f"{folder / 'tokenizer.json'} lists no tokens: {error!r}", hint=_WHOLE) from error


def weights_of(folder: Path) -> tuple[int, int]:
    """Count the numbers in the vision tower and in the language model, by the heads of the weight files.

    Raises:
        BundleError: There are no weights, or a head cannot be read.
    """
    tower = language = 0
    files = sorted(folder.glob("*.safetensors"))
    for path in files:
        for name, shape in _tensors(path):
            if _OF_THE_TOWER.search(name):
                tower += math.prod(shape)
            else:
                language += math.prod(shape)
    if not tower or not language:
        missing = "weights" if not files else "vision tower" if not tower else "language model"
        raise BundleError(f"{folder} holds no {missing}", hint=_WHOLE)
    return tower, language


def _row_cache_weights(config: Config) -> int:
    """Keys and values of one row, in all layers."""
    text = config.get("text_config", config)
    try:
        heads = int(text["num_attention_heads"])
        head_width = int(text.get("head_dim") or text["hidden_size"] // heads)
        return 2 * int(text["num_hidden_layers"]) * int(text.get("num_key_value_heads") or heads) * head_width
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise BundleError(f"config.json does not say how large the language model is: {error!r}", hint=_WHOLE) from error


def _tensors(path: Path) -> list[tuple[str, list[int]]]:
    try:
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            if size > _MOST_HEADER_BYTES:
                raise ValueError(f"a head of {size} bytes")
            head: Mapping[str, Any] = json.loads(file.read(size))
        return [(name, entry["shape"]) for name, entry in head.items() if name != "__metadata__"]
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise BundleError(f"{path} cannot be read: {error}", hint=_WHOLE) from error
