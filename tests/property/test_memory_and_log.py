"""Memory and log together: whatever happens, once the log has caught up both know the same, and forget the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings

from edge_runtime.records import Query, Scope, Sighting
from edge_runtime.store import Store, open_store
from tests.property.test_memory_budget import DAYS, NAMES, Step, live
from tests.wearer import Wearer

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
