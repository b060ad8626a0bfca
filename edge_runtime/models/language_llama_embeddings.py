"""The rows of numbers that a model reads its tokens as, out of its own file: so that words can be read in one call with pictures.

llama.cpp decodes tokens or rows in a call, never both. A prompt over a memory is made of short words and small pictures in turn, and a
call over ten rows costs nearly as much as one over fifty.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_runtime.models.language_llama_gguf import BLOCKS, GgufHead, GgufTensor
from edge_runtime.models.language_llama_library import Library
from edge_runtime.models.language_picture import Rows

_TABLE = "token_embd.weight"
_AS_THEY_ARE = frozenset({"llama", "qwen2"})
"""Families whose first layer gets these rows as they are, and that count positions on a line."""
_TO_FLOAT = {
    **{1: "ggml_fp16_to_fp32_row", 30: "ggml_bf16_to_fp32_row"},
    **{2: "dequantize_row_q4_0", 3: "dequantize_row_q4_1", 6: "dequantize_row_q5_0", 7: "dequantize_row_q5_1", 8: "dequantize_row_q8_0"},
    **{10: "dequantize_row_q2_K", 11: "dequantize_row_q3_K", 12: "dequantize_row_q4_K", 13: "dequantize_row_q5_K"},
    **{14: "dequantize_row_q6_K", 20: "dequantize_row_iq4_nl", 23: "dequantize_row_iq4_xs"},
}
"""ggml's own functions, by its number of the type: what the engine makes of a row, to the last bit."""
_FLOAT32 = 0


class TokenRows:
    """Looks up the rows of tokens.

    Args:
        head: Of the model's file, which is mapped, not read.
        table: The tensor that has them.
        to_float: Makes numbers of a row's bytes; ``None`` where they are float32.
    """

    def __init__(self, head: GgufHead, table: GgufTensor, to_float: Any) -> None:
        self._width, count = table.shape
        numbers, size = BLOCKS[table.kind]
        self._bytes = np.memmap(head.path, np.uint8, "r", table.offset, (count, self._width // numbers * size))
        self._to_float = to_float

    def of(self, tokens: Sequence[int]) -> Rows:
        """The rows of some tokens, each below the number of tokens: float32 [n, width]."""
        taken = np.ascontiguousarray(self._bytes[list(tokens)])
        if self._to_float is None:
            return taken.view(np.float32)
        rows = np.empty((len(taken), self._width), np.float32)
        self._to_float(taken.ctypes.data, rows.ctypes.data, rows.size)
        return rows


def token_rows(loaded: Library, head: GgufHead) -> TokenRows | None:
    """What looks up a model's rows; ``None`` where words and pictures are better read apart: this is never needed, it only is faster."""
    table = next((tensor for tensor in head.tensors if tensor.name == _TABLE), None)
    scaled = f"{head.architecture}.embedding_scale" in head.values
    if table is None or scaled or head.architecture not in _AS_THEY_ARE or len(table.shape) != 2 or not math.prod(table.shape):
        return None
    if table.kind == _FLOAT32:
        return TokenRows(head, table, None)
    to_float = loaded.function(_TO_FLOAT.get(table.kind, ""))
    if to_float is None or table.shape[0] % BLOCKS[table.kind][0]:
        return None
    to_float.argtypes, to_float.restype = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64), None
    return TokenRows(head, table, to_float)
