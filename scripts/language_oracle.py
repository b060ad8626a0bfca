"""Three transformers in plain numpy, written from their papers: what the language backend is compared with.

``llama`` (rotary positions in neighbouring pairs), ``qwen2vl`` (rotary positions in halves, in sections for time, row and column, as in
Qwen2-VL, arXiv:2409.12191) and ``gemma3`` (norms on both sides of a layer, layers that see only a window, arXiv:2503.19786). No cache,
no batch: one sequence at once, float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Sees = npt.NDArray[np.bool_]
Weights = dict[str, npt.NDArray[np.float32]]
EPSILON = 1e-6


@dataclass(frozen=True)
class Shape:
    """The sizes of a transformer.

    Attributes:
        architecture: ``"llama"``, ``"qwen2vl"`` or ``"gemma3"``.
        width: Of the residual stream.
        layers: Count.
        heads: Of the queries.
        kv_heads: Of keys and values.
        head_width: Of one head.
        inner: Width of the feed-forward part.
        rope_base: Of the rotary positions.
        sections: Rotary pairs for time, row and column; ``()`` with plain positions.
        window: Rows that layers 0, 2, 4 see; 0 where all see everything.
    """

    architecture: str
    width: int
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    inner: int
    rope_base: float
    sections: tuple[int, ...] = ()
    window: int = 0


def embed(shape: Shape, weights: Weights, tokens: list[int]) -> Array:
    """Tokens as the rows that the first layer takes: float64 [n, width]."""
    rows = weights["token_embd.weight"][tokens].astype(np.float64)
    return rows * np.sqrt(shape.width) if shape.architecture == "gemma3" else rows


def causal(count: int, blocks: tuple[range, ...] = ()) -> Sees:
    """Every row sees those before it and itself; the rows of a block see one another whole. bool [n, n], seer first."""
    order = np.arange(count)
    sees = order[:, None] >= order[None, :]
    for block in blocks:
        sees[block.start : block.stop, block.start : block.stop] = True
    return np.asarray(sees)


def forward(shape: Shape, weights: Weights, rows: Array, positions: npt.NDArray[np.int64], sees: Sees) -> Array:
    """Logits at every row.

    Args:
        shape: The transformer.
        weights: Its matrices, [out, in], by the names they have in GGUF.
        rows: float64 [n, width], as :func:`embed` gives them.
        positions: [3, n]: time, row and column; the first alone counts with plain positions.
        sees: Which rows see which, as :func:`causal` gives it; windows are taken off it here.

    Returns:
        float64 [n, vocabulary].
    """
    at = positions[0]
    gemma = shape.architecture == "gemma3"
    for layer in range(shape.layers):

        def w(name: str, layer: int = layer) -> npt.NDArray[np.float32]:
            return weights[f"blk.{layer}.{name}"]

        windowed = shape.window > 0 and layer % 2 == 0
        visible = sees & (at[:, None] - at[None, :] < shape.window) if windowed else sees
        out = _attention(shape, w, _norm(rows, w("attn_norm.weight")), positions, visible)
        rows = rows + (_norm(out, w("post_attention_norm.weight")) if gemma else out)
        x = _norm(rows, w("ffn_norm.weight"))
        gate = x @ w("ffn_gate.weight").T
        out = ((_gelu(gate) if gemma else _silu(gate)) * (x @ w("ffn_up.weight").T)) @ w("ffn_down.weight").T
        rows = rows + (_norm(out, w("post_ffw_norm.weight")) if gemma else out)
    return np.asarray(_norm(rows, weights["output_norm.weight"]) @ weights["token_embd.weight"].T.astype(np.float64))


def _attention(shape: Shape, w, x: Array, positions: npt.NDArray[np.int64], visible: npt.NDArray[np.bool_]) -> Array:  # type: ignore[no-untyped-def]
    n = len(x)
    q, k, v = (x @ w(f"attn_{part}.weight").T for part in "qkv")
    if shape.architecture == "qwen2vl":
        q, k, v = (rows + w(f"attn_{part}.bias") for part, rows in zip("qkv", (q, k, v), strict=True))
    q = q.reshape(n, shape.heads, shape.head_width)
    k, v = (part.reshape(n, shape.kv_heads, shape.head_width) for part in (k, v))
    if shape.architecture == "gemma3":
        q, k = _norm(q, w("attn_q_norm.weight")), _norm(k, w("attn_k_norm.weight"))
    q, k = (_rotate(shape, part, positions) for part in (q, k))
    k, v = (np.repeat(part, shape.heads // shape.kv_heads, axis=1) for part in (k, v))
    scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(shape.head_width)
    scores = np.where(visible, scores, -np.inf)
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    scores /= scores.sum(axis=-1, keepdims=True)
    return np.asarray(np.einsum("hqk,khd->qhd", scores, v).reshape(n, -1) @ w("attn_output.weight").T)


def _rotate(shape: Shape, x: Array, positions: npt.NDArray[np.int64]) -> Array:
    """Turn pairs of numbers by angles that grow with the position (RoFormer, arXiv:2104.09864)."""
    half = shape.head_width // 2
    section = np.repeat(np.arange(len(shape.sections)), shape.sections) if shape.sections else np.zeros(half, int)
    angle = positions[section].T * shape.rope_base ** (-2.0 * np.arange(half) / shape.head_width)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    # llama pairs neighbours, the others pair the two halves
    one, two = (x[..., 0::2], x[..., 1::2]) if shape.architecture == "llama" else (x[..., :half], x[..., half:])
    out = np.empty_like(x)
    turned = one * cos - two * sin, one * sin + two * cos
    if shape.architecture == "llama":
        out[..., 0::2], out[..., 1::2] = turned
    else:
        out[..., :half], out[..., half:] = turned
    return out


def _norm(x: Array, weight: npt.NDArray[np.float32]) -> Array:
    return np.asarray(x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + EPSILON) * weight)


def _silu(x: Array) -> Array:
    return np.asarray(x / (1.0 + np.exp(-x)))


def _gelu(x: Array) -> Array:
    return np.asarray(0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3))))
