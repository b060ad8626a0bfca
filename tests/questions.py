"""Questions to a vision-language model for tests, with what they bring along: looks and memory tokens in order of time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_runtime.config import S
from edge_runtime.models.bundle import Language, PromptShape, Tower
from edge_runtime.protocol import Generate
from edge_runtime.records import Note, Slab
from edge_runtime.types import WHOLE, LookedRegion, RegionKind, Tokens

FAR_NS = 10**18
NOW_NS = 1000 * S
SHAPE = PromptShape(before="<s>User:", after="<e>A:", stop=("<e>",), picture_before="<i>", picture_after="</i>")


def tower(rows: int = 2, columns: int = 2, dim: int = 4) -> Tower:
    """The geometry of a small tower."""
    half = (127.5, 127.5, 127.5)
    return Tower("tower.onnx", "fp32", 8, half, half, rows, columns, dim)


def language(prompt: PromptShape = SHAPE) -> Language:
    """A language model that reads it."""
    return Language("language.gguf", "llama", "f32", 1024, (), prompt)


def tokens(of: Tower, seed: int = 0) -> Tokens:
    """The tokens of one picture."""
    emb = np.random.default_rng(seed).standard_normal((of.rows * of.columns, of.dim)).astype(np.float16)
    return Tokens((of.rows, of.columns), of.dim, emb)


def looked(kind: RegionKind, of: Tower, seed: int = 0) -> LookedRegion:
    """A region with tokens."""
    return LookedRegion(kind, WHOLE, tokens=tokens(of, seed))


def memory(times_s: Sequence[float], of: Tower, notes: Sequence[Note] = ()) -> Slab:
    """Memory tokens at these times, each of the frame of its second; what a token is, and where, follows from its time alone."""
    count = len(times_s)
    t_ns = np.array([round(time_s * S) for time_s in times_s], np.int64)
    frame = (t_ns // S).astype(np.int32)
    pos = np.stack([frame, frame // of.columns % of.rows, frame % of.columns], axis=1)
    emb = np.stack([np.random.default_rng(int(t)).standard_normal(of.dim) for t in t_ns]) if count else np.empty((0, of.dim))
    ones = np.ones(count, np.float32)
    return Slab(emb.astype(np.float16), pos, t_ns, t_ns, ones, ones, tuple(notes))


def question(
    prompt: str = "what is this?",
    *,
    looks: Sequence[LookedRegion] = (),
    slab: Slab | None = None,
    asked_ns: int = NOW_NS,
    look_ns: int = NOW_NS,
    max_tokens: int = 8,
) -> Generate:
    """A question, asked now."""
    return Generate(
        id=1,
        deadline_ns=FAR_NS,
        prompt=prompt,
        max_tokens=max_tokens,
        question="q",
        t_asked_ns=asked_ns,
        looks=tuple(looks),
        t_look_ns=look_ns,
        slab=slab,
    )
