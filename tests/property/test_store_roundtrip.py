"""What goes into the log comes out of it, means the same there as in memory, and is gone when it is erased."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.records import Evidence, Query, Row, Scope, Sighting, What
from edge_runtime.remember import scopes as rules
from edge_runtime.remember.recall import answer
from edge_runtime.store import open_store
from edge_runtime.types import Box, Thumb

MIB = 1024 * 1024
TIMES = st.integers(0, 2**62)
NAMES = st.one_of(st.sampled_from(["mug", "EXIT", "exit 7", "jack-o'-lantern", "出口", "Straße", "%_", "OUTOFORDER"]), st.text(max_size=12))
FRACTIONS = st.integers(0, 999).map(lambda n: n / 1000)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x0, y0 = draw(FRACTIONS), draw(FRACTIONS)
    return Box(x0, y0, draw(st.floats(x0 + 5e-4, 1.0)), draw(st.floats(y0 + 5e-4, 1.0)))


@st.composite
def sightings(draw: st.DrawFn) -> Sighting:
    start_ns, end_ns = sorted((draw(TIMES), draw(TIMES)))
    number = draw(st.integers(1, 2**40))
    looks = [Evidence(draw(st.integers(0, 50)), draw(st.integers(start_ns, end_ns)), draw(boxes())) for _ in range(draw(st.integers(1, 4)))]
    vector = draw(
        st.one_of(st.none(), st.integers(0, 99).map(lambda seed: np.random.default_rng(seed).standard_normal(8).astype(np.float16)))
    )
    return Sighting(
        id=number,
        what=What(draw(st.sampled_from(["concept", "text", "label", "thing"])), draw(NAMES)),
        place_id=draw(st.one_of(st.none(), st.integers(1, 3))),
        box=draw(boxes()),
        t_start_ns=start_ns,
        t_end_ns=end_ns,
        confidence=draw(st.floats(0, 1)),
        looks=draw(st.integers(1, 10**6)),
        gazed=draw(st.booleans()),
        gaze_ns=draw(TIMES),
        evidence=tuple(looks),
        vector=None if vector is None else vector.astype(np.float32),
    )


def pictured(rows: Sequence[Sighting]) -> list[Row]:
    """Each with a picture of its own."""
    made = []
    for sighting in rows:
        first = msgspec.structs.replace(sighting.evidence[0], thumb_id=f"{sighting.id}-0")
        whole = msgspec.structs.replace(sighting, evidence=(first, *sighting.evidence[1:]))
        made.append(Row(whole, f"at place {sighting.place_id}", (Thumb(f"{sighting.id}-0", 3, str(sighting.id).encode()),)))
    return made


DAYS = st.lists(sightings(), max_size=12, unique_by=lambda sighting: sighting.id).map(pictured)
QUERIES = st.builds(
    Query,
    names=st.lists(NAMES, max_size=2).map(tuple),
    kinds=st.lists(st.sampled_from(["concept", "text", "label", "thing"]), max_size=2).map(tuple),
    text=st.one_of(st.just(""), NAMES),
    t_from_ns=st.one_of(st.just(0), TIMES),
    t_to_ns=st.one_of(st.just(2**62), TIMES),
    newest_first=st.booleans(),
    limit=st.integers(0, 20),
    key=st.one_of(st.none(), st.integers(0, 99).map(lambda seed: np.random.default_rng(seed).standard_normal(8).astype(np.float32))),
)
SCOPES = st.one_of(
    st.just(Scope("all")),
    st.builds(Scope, kind=st.just("since"), t_from_ns=TIMES),
    st.builds(Scope, kind=st.just("place"), place_id=st.integers(1, 4)),
    st.builds(Scope, kind=st.just("thing"), name=NAMES),
)


def plain(sighting: Sighting) -> tuple[object, ...]:
    """A sighting as comparable values; the vectors here are such that float16 holds them."""
    vector = None if sighting.vector is None else tuple(sighting.vector.tolist())
    return (*(getattr(sighting, name) for name in Sighting.__struct_fields__ if name != "vector"), vector)


@settings(max_examples=40)
@given(DAYS, QUERIES)
def test_the_log_answers_as_memory_would(rows: list[Row], query: Query) -> None:
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder), log_bytes=4 * MIB) as store:
        receipt = store.append(rows)
        found, places = store.search(query)
        want = answer([row.sighting for row in rows], query)
        assert [plain(sighting) for sighting in found] == [plain(sighting) for sighting in want]
        assert places == tuple("" if sighting.place_id is None else f"at place {sighting.place_id}" for sighting in want)
        assert receipt.rows == receipt.thumbs == len(rows)
        assert all(store.thumb(f"{sighting.id}-0") == str(sighting.id).encode() for sighting in found)


@settings(max_examples=40)
@given(DAYS, DAYS)
def test_appending_again_replaces(rows: list[Row], more: list[Row]) -> None:
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder), log_bytes=4 * MIB) as store:
        for batch in (rows, more, rows):
            store.append(batch)
        want = {row.sighting.id: row.sighting for batch in (more, rows) for row in batch}
        found, _ = store.search(Query(limit=100))
        assert {sighting.id: plain(sighting) for sighting in found} == {number: plain(sighting) for number, sighting in want.items()}


@settings(max_examples=40)
@given(DAYS, SCOPES, st.data())
def test_what_is_erased_is_gone_and_the_rest_is_not(rows: list[Row], scope: Scope, data: st.DataObject) -> None:
    ids = [row.sighting.id for row in rows]
    also = data.draw(st.lists(st.sampled_from(ids), max_size=2)) if ids else []
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder), log_bytes=4 * MIB) as store:
        store.append(rows)
        receipt = store.erase(scope, also)
        left = {sighting.id for sighting in store.search(Query(limit=100))[0]}
        must_go = {row.sighting.id for row in rows if rules.chosen(row.sighting, scope) or row.sighting.id in also}
        may_go = {row.sighting.id for row in rows if row.sighting.what.kind in ("label", "thing")} if scope.kind == "thing" else set()
        assert not left & must_go and set(ids) - must_go - may_go <= left
        assert receipt.rows == len(ids) - len(left)
        assert all(store.thumb(f"{number}-0") is None for number in must_go)
