"""How much memory a model will take, and how much disk its export: estimates, made before anything large is done."""

from __future__ import annotations

from collections.abc import Mapping

from edge_runtime.config import ModelsConfig
from export.checkpoint import Checkpoint
from export.gguf_quant import Kind
from export.precision import Precision

TOWER_BYTES: Mapping[Precision, float] = {"fp16": 2.0, "int8": 1.1, "dynamic-int8": 1.1, "fp8": 1.1}
"""Of one weight. With 8 bits, a tenth is taken to stay as it was."""
LANGUAGE_BITS: Mapping[Kind, float] = {
    "f16": 16.0,
    "bf16": 16.0,
    "q8_0": 8.5,
    "q6_k": 6.6,
    "q5_k_m": 5.7,
    "q4_1": 5.0,
    "q4_k_m": 4.9,
    "q4_0": 4.5,
    "iq4_nl": 4.5,
    "q3_k_m": 4.0,
}
"""Of one weight, with the scales of its block; what mixes types, as those that end in ``_m`` do, is taken a little high. These are the
kinds that a bundle may have: those of fewer bits need an importance matrix."""
K_KINDS: frozenset[Kind] = frozenset({"q6_k", "q5_k_m", "q4_k_m", "q3_k_m"})
"""Those that pack rows in blocks of :data:`export.spec.K_QUANT_ROW`."""
ENGINE_BYTES = 400 << 20
"""Both engines, and what they work out at once; assumed."""

_CACHE_BYTES = 2
_FLOAT_BYTES = 4


def memory_bytes(checkpoint: Checkpoint, vision: Precision, language: Kind, *, context_rows: int | None = None) -> int:
    """Memory that the model will take when it runs: its weights, what it holds of what it has read, and the engines.

    Args:
        checkpoint: What is exported.
        vision: Precision of the tower.
        language: Kind of the language model.
        context_rows: Rows that are held at once; as the settings have them by default if not given.
    """
    rows = ModelsConfig().context_rows if context_rows is None else context_rows
    held = rows * checkpoint.row_cache_weights * _CACHE_BYTES
    return round(_bundle_bytes(checkpoint, vision, language) + held + ENGINE_BYTES)


def disk_bytes(checkpoint: Checkpoint, vision: Precision, language: Kind, *, mmproj: bool) -> int:
    """Disk that an export takes until it is done: everything in float32 once, and what the bundle holds."""
    exact = _FLOAT_BYTES * (checkpoint.tower_weights + checkpoint.language_weights)
    # In float16 first, then 8-bit.
    again = 3 * checkpoint.tower_weights if mmproj else 0
    return round(exact + _bundle_bytes(checkpoint, vision, language) + again)


def _bundle_bytes(checkpoint: Checkpoint, vision: Precision, language: Kind) -> float:
    return checkpoint.tower_weights * TOWER_BYTES[vision] + checkpoint.language_weights * LANGUAGE_BITS[language] / 8
