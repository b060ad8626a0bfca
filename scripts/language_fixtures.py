"""Makes the tiny language models of the tests, and what they must answer: python -m scripts.language_fixtures.

Three GGUF files of random weights under ``tests/golden/language``, with a byte-level tokenizer trained here on a few lines, and
``reference.npz``: logits by :mod:`scripts.language_oracle`, which is numpy and knows nothing of llama.cpp. So the tests need neither
torch nor a download. The files are the same bytes every time.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from scripts.language_oracle import EPSILON, Shape, Weights, causal, embed, forward

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "golden" / "language"
CONTEXT = 1024
WINDOW = 16
SPECIAL = ("<s>", "</s>", "<turn>", "<image>")
SHAPES = {
    "llama": Shape("llama", width=32, layers=2, heads=4, kv_heads=2, head_width=8, inner=64, rope_base=1e4),
    "qwen2vl": Shape("qwen2vl", width=32, layers=2, heads=4, kv_heads=2, head_width=8, inner=64, rope_base=1e4, sections=(2, 1, 1)),
    "gemma3": Shape("gemma3", width=32, layers=2, heads=4, kv_heads=2, head_width=8, inner=64, rope_base=1e4, window=WINDOW),
}
GRID = (3, 4)
"""Rows and columns of the picture that the references hold."""
EVICTED = (10, 40)
"""How many rows are taken out, and after how many were read."""
_LINES = """the red cup is on the table near the window. you saw the cup on the table two minutes ago. where is the cup?
the sign says that the train leaves from the other platform. what did the sign say? the keys are in the box by the door."""
_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9
_F32, _Q8_0 = 0, 8


def tokenizer(merges: int = 60) -> tuple[list[str], list[str]]:
    """A byte-level tokenizer (GPT-2), trained on a few lines: its pieces in the order of their ids, and its merges."""
    letters = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    shown = {byte: chr(byte) if byte in letters else chr(next(spare)) for byte in range(256)}
    words = Counter(tuple(shown[byte] for byte in f" {word}".encode()) for word in _LINES.split())
    pieces, found = list(shown.values()), []
    for _ in range(merges):
        pairs: Counter[tuple[str, str]] = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                pairs[pair] += count
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        words = Counter({_merged(word, best): count for word, count in words.items()})
        found.append(" ".join(best))
        pieces.append("".join(best))
    return [*pieces, *SPECIAL], found


def _merged(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    out: list[str] = []
    for piece in word:
        if out and (out[-1], piece) == pair:
            out[-1] += piece
        else:
            out.append(piece)
    return tuple(out)


def random_weights(shape: Shape, vocabulary: int, seed: int) -> Weights:
    """Weights of a model that has learned nothing, by the names they have in GGUF."""
    draw = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        return np.asarray(draw.standard_normal((rows, columns)) * 1.5 / np.sqrt(columns), np.float32)

    def gain(size: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        return np.asarray(1.0 + 0.2 * draw.standard_normal(size), np.float32)

    q, kv = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    weights: Weights = {"token_embd.weight": matrix(vocabulary, shape.width) * 2, "output_norm.weight": gain(shape.width)}
    for layer in range(shape.layers):
        of = f"blk.{layer}."
        for part, size in (("q", q), ("k", kv), ("v", kv)):
            weights[f"{of}attn_{part}.weight"] = matrix(size, shape.width)
            if shape.architecture == "qwen2vl":
                weights[f"{of}attn_{part}.bias"] = gain(size) - 1.0
        weights[f"{of}attn_output.weight"] = matrix(shape.width, q)
        weights[f"{of}ffn_gate.weight"] = matrix(shape.inner, shape.width)
        weights[f"{of}ffn_up.weight"] = matrix(shape.inner, shape.width)
        weights[f"{of}ffn_down.weight"] = matrix(shape.width, shape.inner)
        norms = {"attn_norm": shape.width, "ffn_norm": shape.width}
        if shape.architecture == "gemma3":
            norms |= {"post_attention_norm": shape.width, "post_ffw_norm": shape.width}
            norms |= {"attn_q_norm": shape.head_width, "attn_k_norm": shape.head_width}
        weights |= {f"{of}{name}.weight": gain(size) for name, size in norms.items()}
    return weights


def metadata(shape: Shape, pieces: list[str], merges: list[str], context: int = CONTEXT) -> dict[str, Any]:
    """What the head of the GGUF file says."""
    own: dict[str, Any] = {
        "block_count": shape.layers,
        "context_length": context,
        "embedding_length": shape.width,
        "feed_forward_length": shape.inner,
        "attention.head_count": shape.heads,
        "attention.head_count_kv": shape.kv_heads,
        "attention.key_length": shape.head_width,
        "attention.value_length": shape.head_width,
        "attention.layer_norm_rms_epsilon": EPSILON,
        "rope.dimension_count": shape.head_width,
        "rope.freq_base": shape.rope_base,
        "vocab_size": len(pieces),
    }
    if shape.sections:
        own["rope.dimension_sections"] = [*shape.sections, 0]
    if shape.window:
        own |= {"attention.sliding_window": shape.window, "attention.sliding_window_pattern": 2, "rope.freq_base_swa": shape.rope_base}
    start, end = len(pieces) - len(SPECIAL), len(pieces) - len(SPECIAL) + 1
    return {
        "general.architecture": shape.architecture,
        "general.name": f"random {shape.architecture}",
        **{f"{shape.architecture}.{key}": value for key, value in own.items()},
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": pieces,
        "tokenizer.ggml.token_type": [3 if piece in SPECIAL else 1 for piece in pieces],
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.bos_token_id": start,
        "tokenizer.ggml.eos_token_id": end,
        "tokenizer.ggml.add_bos_token": False,
    }


def gguf(head: Mapping[str, Any], weights: Mapping[str, np.ndarray[Any, Any]], *, as_q8: bool = False) -> bytes:
    """A GGUF file of version 3: head, table of tensors, tensors at multiples of 32 bytes.

    Args:
        head: Metadata; numbers, strings, truths, and lists of one kind.
        weights: Tensors by name, float32.
        as_q8: Write matrices in blocks of 32 signed bytes with one half-precision scale each (Q8_0).
    """
    table, data, offset = io.BytesIO(), io.BytesIO(), 0
    for name, array in weights.items():
        packed = as_q8 and array.ndim == 2
        body = _q8(array) if packed else np.ascontiguousarray(array, "<f4").tobytes()
        table.write(_text(name) + struct.pack("<I", array.ndim) + struct.pack(f"<{array.ndim}Q", *array.shape[::-1]))
        table.write(struct.pack("<IQ", _Q8_0 if packed else _F32, offset))
        data.write(body + bytes(-len(body) % 32))
        offset = data.tell()
    values = b"".join(_text(key) + _value(value) for key, value in head.items())
    front = b"GGUF" + struct.pack("<IQQ", 3, len(weights), len(head)) + values + table.getvalue()
    return front + bytes(-len(front) % 32) + data.getvalue()


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: Any) -> bytes:
    kind = _kind(value)
    if kind == _ARRAY:
        # numbers in lists are signed
        item = _INT32 if isinstance(value[0], int) else _kind(value[0])
        return struct.pack("<IIQ", kind, item, len(value)) + b"".join(_bare(item) for item in value)
    return struct.pack("<I", kind) + _bare(value)


def _kind(value: Any) -> int:
    return {bool: _BOOL, int: _UINT32, float: _FLOAT32, str: _STRING, list: _ARRAY}[type(value)]


def _bare(value: Any) -> bytes:
    if isinstance(value, str):
        return _text(value)
    return struct.pack({bool: "<?", int: "<I", float: "<f"}[type(value)], value)


def _q8(array: np.ndarray[Any, Any]) -> bytes:
    blocks = array.reshape(-1, 32)
    scale = (np.abs(blocks).max(axis=1, keepdims=True) / 127.0).astype("<f2")
    out = np.empty(len(blocks), np.dtype([("scale", "<f2"), ("values", "i1", 32)]))
    out["scale"] = scale[:, 0]
    out["values"] = np.rint(blocks / np.maximum(scale.astype(np.float32), 1e-8))
    return out.tobytes()


def plain(count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Positions of text: [3, count]."""
    return np.tile(np.arange(count), (3, 1))


def with_picture(before: int, after: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Positions of text, a picture on :data:`GRID`, and text (Qwen2-VL): [3, n]."""
    height, width = GRID
    rows, columns = np.divmod(np.arange(height * width), width)
    picture = before + np.stack([np.zeros_like(rows), rows, columns])
    behind = before + max(GRID) + plain(after)
    return np.concatenate([plain(before), picture, behind], axis=1)


def references(vocabulary: int) -> tuple[dict[str, Weights], dict[str, np.ndarray[Any, Any]]]:
    """The weights of every model, and what they answer."""
    draw = np.random.default_rng(7)
    weights = {name: random_weights(shape, vocabulary, seed) for seed, (name, shape) in enumerate(SHAPES.items())}
    text = draw.integers(0, 256, 3 * WINDOW)
    picture = draw.standard_normal((GRID[0] * GRID[1], 32)).astype(np.float32)
    before, after = text[:5], text[5:9]
    saved: dict[str, np.ndarray[Any, Any]] = {"text": text, "picture": picture, "before": before, "after": after}
    for name, shape in SHAPES.items():
        own = weights[name]
        rows = embed(shape, own, list(text))
        saved[f"{name}.text"] = forward(shape, own, rows, plain(len(text)), causal(len(text)))[:: WINDOW // 4]
        rows = np.concatenate([embed(shape, own, list(before)), picture.astype(np.float64), embed(shape, own, list(after))])
        blocks = (range(5, 5 + len(picture)),) if name == "gemma3" else ()
        positions = with_picture(5, 4) if name == "qwen2vl" else plain(len(rows))
        saved[f"{name}.picture"] = forward(shape, own, rows, positions, causal(len(rows), blocks))[-4:]
    # What was read has seen all there was; what is read after the first ten rows were taken out no longer sees those.
    sees = causal(len(text))
    sees[EVICTED[1] :, : EVICTED[0]] = False
    rows = embed(SHAPES["llama"], weights["llama"], list(text))
    saved["llama.evicted"] = forward(SHAPES["llama"], weights["llama"], rows, plain(len(text)), sees)[EVICTED[1] :]
    return weights, {name: value.astype(np.float32) if value.dtype == np.float64 else value for name, value in saved.items()}


def main() -> None:
    """Write the files."""
    pieces, merges = tokenizer()
    weights, saved = references(len(pieces))
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, shape in SHAPES.items():
        (FOLDER / f"{name}.gguf").write_bytes(gguf(metadata(shape, pieces, merges), weights[name]))
    # not np.savez, which writes the time of day
    with zipfile.ZipFile(FOLDER / "reference.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in saved.items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue(), zipfile.ZIP_DEFLATED)
    for path in sorted(FOLDER.iterdir()):
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
