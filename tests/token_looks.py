"""Looks with tokens for tests of token policies, and what a policy holds, found by walking it."""

from __future__ import annotations

import gc
import sys
import types
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.config import S
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies import MemoryPolicy
from edge_runtime.remember.policies.named import PRODUCT, PUBLISHED
from edge_runtime.types import WHOLE, Box, LabelHint, LookedRegion, RegionKind, TokenArray, Tokens, Vector

DIM = 16
GAZE = Box(0.4, 0.4, 0.6, 0.6)
EVERYTHING = 2**40
"""More tokens than any policy holds."""
EVER_NS = 2**62
"""Later than anything."""
EVERY_POLICY = (*(pytest.param(name) for name in PRODUCT), *(pytest.param(name, marks=pytest.mark.slow) for name in PUBLISHED))
"""Names of all token policies; the published ones are many, and left to the whole gate."""
_SHARED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.CodeType)
"""Code and classes: no part of what one policy holds."""


def tokens_of(emb: npt.NDArray[Any], hw: tuple[int, int]) -> Tokens:
    """Rows [P,D] as the tokens of a region."""
    return Tokens(hw, int(emb.shape[1]), emb.astype(np.float16))


def region(emb: npt.NDArray[Any], hw: tuple[int, int], kind: RegionKind = "overview", box: Box = WHOLE, label: str = "cup") -> LookedRegion:
    """A region of a look that gives these tokens, their mean as its vector, and a name."""
    sound = np.nan_to_num(emb.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    mean = sound.mean(axis=0)
    norm = float(np.linalg.norm(mean))
    return LookedRegion(kind, box, vector=mean / norm if norm else None, tokens=tokens_of(emb, hw), labels=(LabelHint(label, 0.9),))


def look(seq: int, *regions: LookedRegion, t_ns: int | None = None) -> Looked:
    """A look of frame ``seq``, captured ``seq`` thirds of a second after the start unless said otherwise."""
    at_ns = seq * S // 3 if t_ns is None else t_ns
    return Looked(t_ns=at_ns, answers=seq, frame_seq=seq, t_capture_ns=at_ns, regions=regions)


def lively(count: int, *, seed: int = 0, hw: tuple[int, int] = (4, 4), dim: int = DIM) -> list[Looked]:
    """A walk past ten scenes: overviews that drift and change, and now and then a foveal look whose box moves."""
    rng = np.random.default_rng(seed)
    scenes = rng.normal(size=(10, hw[0] * hw[1], dim))
    looks = []
    for seq in range(count):
        scene = scenes[seq // 7 % 10]
        regions = [region(scene + 0.15 * rng.normal(size=scene.shape), hw, label=f"scene {seq // 7 % 10}")]
        if seq % 3 == 1:
            x, y = rng.uniform(0.0, 0.6, 2).tolist()
            crop = scene[: 4 * 2] * 0.7 + 0.6 * rng.normal(size=(8, dim))
            regions.append(region(crop, (4, 2), "foveal", Box(x, y, x + 0.4, y + 0.4)))
        looks.append(look(seq, *regions))
    return looks


def named(one: Looked, label: str) -> Looked:
    """The same look with another name for everything in it."""
    regions = (msgspec.structs.replace(part, labels=(LabelHint(label, 0.9),)) for part in one.regions)
    return msgspec.structs.replace(one, regions=tuple(regions))


def cues(looks: Sequence[Looked]) -> list[RetrievalCue | None]:
    """Nothing asked, asked without terms, by picture, by tokens, and by both."""
    part = looks[len(looks) // 2].regions[0]
    assert part.tokens is not None and part.tokens.emb is not None
    now_ns = looks[-1].t_capture_ns
    tokens = part.tokens.emb[:3]
    return [
        None,
        RetrievalCue(t_now_ns=now_ns),
        RetrievalCue(vector=part.vector, t_now_ns=now_ns),
        RetrievalCue(tokens=tokens, t_now_ns=now_ns),
        RetrievalCue(part.vector, tokens, now_ns),
    ]


def insert_all(policy: MemoryPolicy, looks: Iterable[Looked], protect: Sequence[Box] = (GAZE,)) -> int:
    """Insert looks one after the other; returns how many tokens were dropped."""
    return sum(dropped(policy.insert(one, protect)) for one in looks)


def offered(looks: Iterable[Looked]) -> int:
    """Tokens that looks claim to have."""
    return sum(part.tokens.hw[0] * part.tokens.hw[1] for one in looks for part in one.regions if part.tokens is not None)


def dropped(drops: Sequence[Dropped]) -> int:
    """Tokens that went, all reasons together; other things that went, such as notes, are no tokens."""
    assert all(drop.count > 0 for drop in drops), drops
    return sum(drop.count for drop in drops if drop.what == "token")


def check_shapes(slab: Slab) -> None:
    """Hold a slab to what :class:`Slab` says of its arrays."""
    count = len(slab.t_ns)
    assert slab.emb.dtype == np.float16 and slab.emb.ndim == 2 and len(slab.emb) == count
    assert slab.pos.dtype == np.int32 and slab.pos.shape == (count, 3)
    assert slab.t_ns.dtype == np.int64 and slab.t_end_ns.dtype == np.int64 and slab.t_end_ns.shape == (count,)
    assert 0 <= slab.standing <= count
    assert slab.weight.dtype == np.float32 and slab.weight.shape == (count,)
    assert slab.salience.dtype == np.float32 and slab.salience.shape == (count,)
    assert np.isfinite(slab.emb).all() and np.isfinite(slab.weight).all() and np.isfinite(slab.salience).all()


def same(one: Slab, other: Slab) -> bool:
    """Whether two slabs are equal to the last bit."""
    return slab_bits(one) == slab_bits(other)


def slab_bits(slab: Slab) -> tuple[object, ...]:
    """All that a slab holds, comparable."""
    arrays = (slab.emb, slab.pos, slab.t_ns, slab.t_end_ns, slab.weight, slab.salience)
    return (*((array.dtype.str, array.shape, array.tobytes()) for array in arrays), slab.notes, slab.standing)


def told_tokens(slab: Slab) -> int:
    """What a slab takes of a model's context: its tokens, and one for every four characters of its notes."""
    return len(slab.t_ns) + sum(-(-len(note.text) // 4) for note in slab.notes)


def walk(root: object) -> Iterator[object]:
    """Every object reachable from one, each once; classes, code and modules aside."""
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, _SHARED):
            continue
        seen[id(one)] = one
        yield one
        # An array is not asked by the collector for the array it is a view of.
        base = _lender(one)
        waiting.extend(gc.get_referents(one) if base is None else [base])


def kept(policy: MemoryPolicy, spare: MemoryPolicy) -> int:
    """Tokens as offered that everything a policy keeps stands for, shown or not: what a copy of it loses by forgetting all."""
    spare.load(policy.state())
    gone = dropped(spare.forget(((-EVER_NS, EVER_NS),)))
    assert spare.view(EVERYTHING).weight.size == 0
    shown = float(policy.view(EVERYTHING).weight.sum(dtype=np.float64))
    assert abs(shown - round(shown)) < 1e-3 and round(shown) <= gone, "nothing is shown that is not kept"
    return gone


def held_bytes(policy: object) -> tuple[int, int]:
    """Bytes of the numbers a policy keeps alive, and of everything it keeps, those included."""
    found = list(walk(policy))
    owned = sum(one.nbytes for one in found if isinstance(one, np.ndarray) and one.base is None)
    lent = {id(base): len(base) for base in map(_lender, found) if isinstance(base, bytes)}
    return owned + sum(lent.values()), sum(map(sys.getsizeof, found))


def _lender(one: object) -> object:
    """Whose bytes an array shows; of a loaded one that is a bytes object."""
    return one.base if isinstance(one, np.ndarray) else None


def traces(emb: TokenArray | Vector) -> list[bytes]:
    """The raw bytes in which rows [P,D] may have been kept: as given, in float32, and of unit length."""
    rows = emb.astype(np.float32)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    forms = (emb, rows, unit, unit.astype(np.float16))
    return [row.tobytes() for form in forms for row in form]
