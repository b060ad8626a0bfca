"""Single matrices out of GGUF files in float32."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_runtime.models.language_llama_gguf import read_head


def matrix(path: Path, name: str) -> npt.NDArray[np.float32]:
    """A tensor of a file whose tensors are all float32: float32 [..., row]."""
    head = read_head(path)
    offset = path.stat().st_size - head.weight_bytes
    for tensor in head.tensors:
        if tensor.name == name:
            return np.fromfile(path, np.float32, math.prod(tensor.shape), offset=offset).reshape(tensor.shape[::-1])
        # each begins at a multiple of 32 bytes
        offset += -(-4 * math.prod(tensor.shape) // 32) * 32
    raise KeyError(name)
