"""What a checkpoint is, and what it would become on each board: looked at without loading a weight."""

from __future__ import annotations

from pathlib import Path

import msgspec

from export.checkpoint import Checkpoint, name_of, read_checkpoint
from export.gguf_quant import Kind
from export.licence import licence_of
from export.precision import Precision
from export.sizes import memory_bytes
from export.spec import family_of
from export.targets import TARGETS, Target, language_kind_for, precision_for, short_of_memory
from export.vision import read_json


class Prospect(msgspec.Struct, frozen=True):
    """What a checkpoint becomes for a board, where nothing else is asked for.

    Attributes:
        target: The board.
        vision: Precision of the tower.
        language: Kind of the language model.
        memory_bytes: That it takes when it runs, about.
        short: Why the board has no room for it; ``""`` if it has, or if its memory is open.
    """

    target: str
    vision: Precision
    language: Kind
    memory_bytes: int
    short: str


class Anatomy(msgspec.Struct, frozen=True):
    """What is inside a checkpoint that can be exported.

    Attributes:
        language_arch: What llama.cpp calls the language model.
        positions: How image tokens are numbered.
        image_attention: What image tokens attend to.
        tile_px: Side of the picture that the tower takes.
        tokens_per_picture: That one picture becomes.
        width: Of a token, as the language model reads it.
        row_widths: Row lengths of the language model's matrices.
        k_quants: Whether all of them fill the blocks of K-quants; otherwise q8_0 is the honest choice.
        tower_weights: Numbers in the tower, projection included.
        language_weights: Numbers in the language model.
    """

    language_arch: str
    positions: str
    image_attention: str
    tile_px: int
    tokens_per_picture: int
    width: int
    row_widths: tuple[int, ...]
    k_quants: bool
    tower_weights: int
    language_weights: int


class Inspection(msgspec.Struct, frozen=True):
    """What a checkpoint is.

    Attributes:
        name: As it was published, or its folder's name.
        family: As people call it.
        licence: As its files state it.
        refusal: Why it is not exported; ``""`` if it is.
        anatomy: What is inside; ``None`` if it is refused.
        prospects: For each board; none if it is refused.
    """

    name: str
    family: str
    licence: str
    refusal: str = ""
    anatomy: Anatomy | None = None
    prospects: tuple[Prospect, ...] = ()


def inspect_checkpoint(folder: Path) -> Inspection:
    """Look at a checkpoint.

    Raises:
        UnsupportedModel: It is of no known family, or incomplete in a way that its family's prompts do not bear.
        BundleError: The folder lacks a file, or one of them cannot be read.
    """
    family = family_of(read_json(folder / "config.json"))
    if family.refusal:
        return Inspection(name_of(folder), family.name, licence_of(folder), family.refusal)
    checkpoint = read_checkpoint(folder)
    spec = checkpoint.spec
    anatomy = Anatomy(
        language_arch=family.language_arch,
        positions=family.positions,
        image_attention=family.image_attention,
        tile_px=spec.tile_px,
        tokens_per_picture=spec.tokens_per_tile,
        width=spec.width,
        row_widths=spec.row_widths,
        k_quants=spec.k_quants,
        tower_weights=checkpoint.tower_weights,
        language_weights=checkpoint.language_weights,
    )
    prospects = tuple(_prospect(checkpoint, target) for target in TARGETS.values())
    return Inspection(checkpoint.name, family.name, checkpoint.licence, "", anatomy, prospects)


def _prospect(checkpoint: Checkpoint, target: Target) -> Prospect:
    vision, language = precision_for(target, None), language_kind_for(checkpoint.spec, None)
    needed = memory_bytes(checkpoint, vision, language)
    return Prospect(target.name, vision, language, needed, short_of_memory(target, needed))
