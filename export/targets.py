"""What a bundle is made for: the precisions that a board's engine takes, and the memory it has.

What is published of the boards; nothing here was measured on one. Which precision is the default is a choice: float16 where a GPU runs
the tower, because it is as good as exact and needs no pictures to be calibrated with; 8-bit products where a processor does, because
nothing else is faster there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edge_runtime.boards import board
from edge_runtime.models.hub import megabytes
from export.gguf_quant import Kind, UnsupportedQuantisation
from export.precision import FP8_LEAST_SM, Precision, UnsupportedPrecision
from export.sizes import K_KINDS, LANGUAGE_BITS
from export.spec import K_QUANT_ROW, ModelSpec

LEFT_TO_OTHERS = 0.3
"""Share of a board's memory that the system, the cameras and the rest of the runtime are left with; it is one memory for all."""

_GIB = 1 << 30


@dataclass(frozen=True)
class Target:
    """What matters of a board here.

    Attributes:
        name: As in ``boards.toml``.
        precisions: That its engine takes, the default first.
        sm: Version of its GPU's architecture; ``None`` where that is open.
        memory_bytes: Of the whole board; ``None`` where that is open.
    """

    name: str
    precisions: tuple[Precision, ...]
    sm: int | None = None
    memory_bytes: int | None = None

    @property
    def room_bytes(self) -> int | None:
        """Memory that models may take."""
        return None if self.memory_bytes is None else int(self.memory_bytes * (1 - LEFT_TO_OTHERS))


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        target.name: target
        for target in (
            Target("pc", ("dynamic-int8", "fp16", "int8", "fp8")),
            Target("orin-nano", ("fp16", "int8"), sm=87, memory_bytes=8 * _GIB),
            Target("orin-nx", ("fp16", "int8"), sm=87, memory_bytes=16 * _GIB),
            Target("agx-orin", ("fp16", "int8"), sm=87, memory_bytes=64 * _GIB),
            Target("thor", ("fp16", "int8", "fp8"), sm=110, memory_bytes=128 * _GIB),
        )
    }
)
"""By the names of ``boards.toml``."""


def target_named(name: str) -> Target:
    """The target of that name.

    Raises:
        UsageError: There is no such board; the hint names the nearest.
    """
    return TARGETS[board(name).name]


def precision_for(target: Target, wanted: Precision | None) -> Precision:
    """The precision that a tower for this board gets: the one that is wanted, else the board's default.

    Raises:
        UnsupportedPrecision: The board's engine does not take it.
    """
    if wanted is None:
        return target.precisions[0]
    if wanted in target.precisions:
        return wanted
    hint = f"use {' or '.join(target.precisions)}"
    if wanted == "fp8":
        raise UnsupportedPrecision(f"FP8 needs SM {FP8_LEAST_SM} or later, and {target.name} has SM {target.sm}", hint=hint)
    raise UnsupportedPrecision(f"{wanted} is for processors; the tower runs on the GPU of {target.name}, which does not take it", hint=hint)


def language_kind_for(spec: ModelSpec, wanted: Kind | None) -> Kind:
    """The kind that a language model is quantised to: the one that is wanted, else the best that its widths allow.

    Raises:
        UnsupportedQuantisation: It is a K-quant, and the model's matrices do not fill its blocks; or it needs an importance matrix.
    """
    if wanted is None:
        return "q4_k_m" if spec.k_quants else "q8_0"
    if wanted in K_KINDS and not spec.k_quants:
        widths = ", ".join(str(width) for width in spec.row_widths)
        message = f"{wanted} packs rows in blocks of {K_QUANT_ROW}, and this model's rows are of {widths}"
        raise UnsupportedQuantisation(message, hint="take q8_0, or q4_0 where memory is short: they pack blocks of 32")
    if wanted not in LANGUAGE_BITS:
        hint = f"one of: {', '.join(LANGUAGE_BITS)}"
        raise UnsupportedQuantisation(f"no bundle is made with a language model in {wanted}", hint=hint)
    return wanted


def short_of_memory(target: Target, needed_bytes: int) -> str:
    """Say by how much models are too large for a board; ``""`` if they are not, or if its memory is open."""
    room = target.room_bytes
    if room is None or needed_bytes <= room:
        return ""
    return f"memory: about {megabytes(needed_bytes)} are needed, and {target.name} has {megabytes(room)} to give"
