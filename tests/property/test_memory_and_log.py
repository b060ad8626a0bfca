"""Memory and log together: whatever happens, once the log has caught up both know the same, and forget the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.config import S
from edge_runtime.records import Query, Scope, Sighting, SightingKind
from edge_runtime.remember.recall import alike
from edge_runtime.store import Store, open_store
from tests.property.test_memory_budget import DAYS, NAMES, Step, live
from tests.wearer import Wearer, direction, like

KINDS: tuple[SightingKind, ...] = ("concept", "text", "label", "thing")
QUERIES = st.builds(
    Query,
    names=st.sampled_from([(), ("mug",), ("thing 1", "keys"), ("cup",)]),
    kinds=st.sampled_from([(), *((kind,) for kind in KINDS), ("concept", "thing")]),
    text=st.sampled_from(["", "", "exit", "level 2", "12"]),
    t_from_ns=st.integers(0, 120).map(lambda t_s: t_s * S),
    t_to_ns=st.one_of(st.integers(0, 200).map(lambda t_s: t_s * S), st.just(2**62)),
    key=st.one_of(
        st.none(), st.builds(lambda thing, cosine: like(direction(thing), cosine, 5), st.integers(1, 6), st.sampled_from([0.5, 1.0]))
    ),
    newest_first=st.booleans(),
    limit=st.just(10_000),
)
EVERYTHING = Query(limit=10_000, newest_first=False)


def same(one: Sighting, other: Sighting) -> bool:
    fields = [name for name in Sighting.__struct_fields__ if name != "vector"]
    vectors = (one.vector is None) == (other.vector is None)
    if one.vector is not None and other.vector is not None:
        vectors = bool(np.allclose(one.vector, other.vector, atol=1e-3))
    return vectors and all(getattr(one, name) == getattr(other, name) for name in fields)


def agree(wearer: Wearer, store: Store) -> bool:
    memory, (log, places) = wearer.memory.recall(EVERYTHING), store.search(EVERYTHING)
    named = all(place == "" for row, place in zip(log, places, strict=True) if row.place_id is None)
    return named and len(memory) == len(log) and all(same(one, other) for one, other in zip(memory, log, strict=True))


@settings(max_examples=25)
@given(DAYS)
def test_the_log_catches_up_with_memory(day: list[tuple[float, Step]]) -> None:
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder), log_bytes=1 << 26) as store:
        wearer = Wearer(store=store)
        wearer.catch_up(live(wearer, day))
        assert agree(wearer, store)
        cited = [look.thumb_id for sighting in wearer.memory.recall(EVERYTHING) for look in sighting.evidence if look.thumb_id is not None]
        for thumb in [wearer.memory.thumb(thumb_id) for thumb_id in cited]:
            assert thumb is not None and store.thumb(thumb.id) == thumb.data


@settings(max_examples=25)
@given(DAYS, NAMES)
def test_both_forget_down_to_the_files(day: list[tuple[float, Step]], name: str) -> None:
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder), log_bytes=1 << 26) as store:
        wearer = Wearer(store=store)
        t_s = live(wearer, day)
        wearer.forget(t_s, Scope("thing", name=name))
        data = wearer.memory.snapshot() + b"".join(file.read_bytes() for file in Path(folder).iterdir())
        assert name.encode() not in data.lower()
        wearer.catch_up(t_s)
        assert agree(wearer, store)


@pytest.mark.slow
@settings(max_examples=25)
@given(DAYS, st.lists(QUERIES, min_size=5, max_size=5))
def test_a_question_means_the_same_to_both(day: list[tuple[float, Step]], queries: list[Query]) -> None:
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder), log_bytes=1 << 26) as store:
        wearer = Wearer(store=store)
        wearer.catch_up(live(wearer, day))
        for query in queries:
            memory, (log, _) = wearer.memory.recall(query), store.search(query)
            assert [row.id for row in memory] == [row.id for row in log]
            if query.key is not None:
                assert [alike(row, query.key) for row in memory] == [alike(row, query.key) for row in log], "to the last digit"
