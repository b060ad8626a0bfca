"""The models of the language bench: real ones where they were fetched, and one of random weights, with eyes in SmolVLM2-256M's shape."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edge_runtime.models.hub import cache_folder
from scripts.language_fixtures import SPECIAL, gguf, metadata, random_weights, tokenizer
from scripts.language_oracle import Shape, Weights
from tests.language_weights import places

RANDOM = "random, in SmolLM2's shape"
SMOLLM2 = Shape("llama", width=576, layers=30, heads=9, kv_heads=3, head_width=64, inner=1536, rope_base=1e5)
VOCABULARY, CONTEXT_ROWS = 49_152, 8192
PICTURE_PIECES = ("ĊĊ", "<fake_token_around_image>", "<global-img>")
"""What llama.cpp puts around the pictures of SmolVLM."""
PICTURE_PX, PATCH_PX, SHUFFLE = 512, 16, 4
"""A picture of so many pixels squared becomes 32 x 32 patches, and these 8 x 8 tokens."""
TOKENS_SIDE = PICTURE_PX // PATCH_PX // SHUFFLE
_EYE_WIDTH, _EYE_INNER, _EYE_LAYERS, _EYE_HEADS = 768, 3072, 12, 12
_NAMED, _PLAIN = 3, 1


def models(folder: Path, *, quick: bool) -> Iterator[tuple[str, Path]]:
    """Which there are, by name."""
    yield RANDOM, random_model(folder)
    if not quick:
        yield from ((name, path) for name, path in places(cache_folder()).items() if path.is_file())


def random_model(folder: Path) -> Path:
    """A model as large as SmolLM2-135M with weights that mean nothing, in eight bits."""
    pieces, merges = tokenizer()
    own = [piece for piece in pieces if piece not in SPECIAL]
    unused = [f"<unused{k}>" for k in range(VOCABULARY - len(pieces) - len(PICTURE_PIECES))]
    pieces = [*own, *unused, *PICTURE_PIECES, *SPECIAL]
    head = metadata(SMOLLM2, pieces, merges, context=CONTEXT_ROWS)
    head["tokenizer.ggml.token_type"] = [_NAMED if piece in (*PICTURE_PIECES[1:], *SPECIAL) else _PLAIN for piece in pieces]
    path = folder / "random.gguf"
    path.write_bytes(gguf(head, random_weights(SMOLLM2, len(pieces), 0), as_q8=True))
    return path


def random_tower(folder: Path, width: int) -> Path:
    """SmolVLM2-256M's tower for a model of this width as llama.cpp reads it (SigLIP, 93 M weights that mean nothing), in eight bits."""
    head = {
        "general.architecture": "clip",
        "general.type": "mmproj",
        "general.name": "random tower",
        "clip.has_vision_encoder": True,
        "clip.projector_type": "idefics3",
        "clip.use_gelu": True,
        "clip.vision.projection_dim": width,
        "clip.vision.image_size": PICTURE_PX,
        "clip.vision.preproc_image_size": PICTURE_PX,
        "clip.vision.patch_size": PATCH_PX,
        "clip.vision.projector.scale_factor": SHUFFLE,
        "clip.vision.embedding_length": _EYE_WIDTH,
        "clip.vision.feed_forward_length": _EYE_INNER,
        "clip.vision.block_count": _EYE_LAYERS,
        "clip.vision.attention.head_count": _EYE_HEADS,
        "clip.vision.attention.layer_norm_epsilon": 1e-6,
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.5, 0.5, 0.5],
    }
    path = folder / "tower.gguf"
    path.write_bytes(gguf(head, _eye_weights(width), as_q8=True))
    return path


def _eye_weights(width: int) -> Weights:
    draw = np.random.default_rng(0)

    def drawn(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return np.asarray(draw.standard_normal(shape) / np.sqrt(shape[-1]), np.float32)

    patches = (PICTURE_PX // PATCH_PX) ** 2
    weights: Weights = {
        "mm.model.fc.weight": drawn(width, _EYE_WIDTH * SHUFFLE**2),
        "v.patch_embd.weight": drawn(_EYE_WIDTH, 3, PATCH_PX, PATCH_PX),
        "v.patch_embd.bias": drawn(_EYE_WIDTH),
        # not in eight bits, as every tensor of three axes
        "v.position_embd.weight": drawn(1, patches, _EYE_WIDTH),
        "v.post_ln.weight": np.ones(_EYE_WIDTH, np.float32),
        "v.post_ln.bias": drawn(_EYE_WIDTH),
    }
    for layer in range(_EYE_LAYERS):
        of = f"v.blk.{layer}."
        for norm in ("ln1", "ln2"):
            weights |= {f"{of}{norm}.weight": np.ones(_EYE_WIDTH, np.float32), f"{of}{norm}.bias": drawn(_EYE_WIDTH)}
        for part in ("attn_q", "attn_k", "attn_v", "attn_out"):
            weights |= {f"{of}{part}.weight": drawn(_EYE_WIDTH, _EYE_WIDTH), f"{of}{part}.bias": drawn(_EYE_WIDTH)}
        weights |= {f"{of}ffn_up.weight": drawn(_EYE_INNER, _EYE_WIDTH), f"{of}ffn_up.bias": drawn(_EYE_INNER)}
        weights |= {f"{of}ffn_down.weight": drawn(_EYE_WIDTH, _EYE_INNER), f"{of}ffn_down.bias": drawn(_EYE_WIDTH)}
    return weights
