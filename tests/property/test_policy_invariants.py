"""What always holds of every token policy, whatever it is offered: its bytes, its account of tokens, and a clean forgetting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.config import S
from edge_runtime.protocol import Looked
from edge_runtime.records import RetrievalCue
from edge_runtime.remember.policies.named import make_policy
from edge_runtime.types import WHOLE, Box, LookedRegion, RegionKind, Tokens
from tests.token_looks import EVERY_POLICY, EVERYTHING, dropped, kept, look, offered, region, same, told_tokens

Step = tuple[int, list[LookedRegion], bool] | tuple[int, int] | str
"""A look so many seconds later, gazed at or not; a forgetting, from when and for how long in seconds; or a save and a load."""

KINDS: st.SearchStrategy[RegionKind] = st.sampled_from(["overview", "overview", "foveal"])
GRIDS = st.sampled_from([(1, 1), (1, 5), (4, 4), (3, 2), (8, 8), (20, 20)])
BOXES = st.sampled_from([Box(0.0, 0.0, 0.4, 0.4), Box(0.3, 0.3, 0.7, 0.7), Box(0.6, 0.1, 1.0, 0.5)])
FAULTS = st.sampled_from(["", "", "", "", "nan", "infinite", "zero", "flat", "absent", "wide", "none"])


@st.composite
def regions(draw: st.DrawFn) -> LookedRegion:
    hw, fault, scene = draw(GRIDS), draw(FAULTS), draw(st.integers(0, 3))
    kind = draw(KINDS)
    place = draw(BOXES) if kind == "foveal" else WHOLE
    rows = hw[0] * hw[1]
    if fault == "absent":
        return LookedRegion(kind, place, tokens=Tokens(hw, 6))
    if fault == "none":
        return LookedRegion(kind, place)
    emb = np.random.default_rng(scene).normal(size=(rows, 9 if fault == "wide" else 6))
    emb += draw(st.sampled_from([0.0, 0.1, 1.0])) * np.random.default_rng(draw(st.integers(0, 99))).normal(size=emb.shape)
    at = draw(st.integers(0, rows - 1))
    with np.errstate(over="ignore"):
        if fault == "flat":
            emb[:] = emb[0]
        elif fault:
            emb[at] = {"nan": np.nan, "infinite": 1e6, "zero": 0.0}.get(fault, emb[at])
        return region(emb, hw, kind, place)


LOOKS = st.tuples(st.sampled_from([0, 1, 1, 1, 3, 60]), st.lists(regions(), max_size=2), st.booleans())
STEPS = st.one_of(LOOKS, LOOKS, LOOKS, LOOKS, st.just("reload"), st.tuples(st.integers(0, 40), st.integers(0, 10)))
STREAMS: st.SearchStrategy[list[Step]] = st.lists(STEPS, min_size=5, max_size=40)
BUDGETS = st.sampled_from([0, 2500, 12_000, 60_000])


def asked(number: int) -> tuple[RetrievalCue | None, ...]:
    """Nothing asked, and by some picture and token."""
    vector = np.random.default_rng(number).normal(size=6).astype(np.float32)
    vector /= np.linalg.norm(vector)
    return None, RetrievalCue(vector, vector[None].astype(np.float16), t_now_ns=10**12)


def live(name: str, budget_bytes: int, stream: list[Step]) -> None:
    """Live through a stream and hold every term after every step."""
    policy = make_policy(name, budget_bytes, 3)
    seq = t_s = gone = given_tokens = 0
    for step in stream:
        if isinstance(step, str):
            other = make_policy(name, budget_bytes, 3)
            other.load(policy.state())
            assert same(other.view(EVERYTHING), policy.view(EVERYTHING)) and other.state() == policy.state()
            policy = other
        elif len(step) == 2:
            span = (max(0, t_s - step[0]) * S, max(0, t_s - step[0] + step[1]) * S)
            gone += dropped(policy.forget((span,)))
            for cue in asked(seq):
                left = policy.view(EVERYTHING, cue)
                ends = np.concatenate([left.t_ns, left.t_end_ns])
                assert not ((span[0] <= ends) & (ends <= span[1])).any()
        else:
            wait_s, found, gazed = step
            seq, t_s = seq + 1, t_s + wait_s
            one: Looked = look(seq, *found, t_ns=t_s * S)
            given_tokens += offered([one])
            gone += dropped(policy.insert(one, (Box(0.3, 0.3, 0.6, 0.6),) if gazed else ()))
        assert 0 <= policy.nbytes() <= budget_bytes
        assert kept(policy, make_policy(name, budget_bytes, 3)) + gone == given_tokens
        for cue in asked(seq):
            for most in (0, 5, 50):
                slab = policy.view(most, cue)
                assert told_tokens(slab) <= most and (np.diff(slab.t_ns) >= 0).all()


@pytest.mark.parametrize("name", EVERY_POLICY)
@settings(max_examples=10)
@given(BUDGETS, STREAMS)
def test_every_term_holds_after_every_step(name: str, budget_bytes: int, stream: list[Step]) -> None:
    live(name, budget_bytes, stream)
