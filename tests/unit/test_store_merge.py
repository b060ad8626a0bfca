"""Old sightings of one thing become one row that says so before any is erased, and are forgotten as if they had not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_runtime.config import S
from edge_runtime.records import Evidence, Query, Row, Scope, Sighting, SightingKind, What
from edge_runtime.store import LOG_NAME, Store, open_store
from edge_runtime.store_keys import key_of
from edge_runtime.store_merge import as_one, merge_next
from edge_runtime.types import WHOLE, Box, Thumb

MIB = 1024 * 1024
CORNER = Box(0.1, 0.1, 0.2, 0.2)


def row(number: int, name: str = "mug", kind: SightingKind = "concept", *, t_s: float = 0, place_id: int = 1, best: float = 0.5) -> Row:
    """Seen for two seconds in two looks; confidence is ``best``, and so is the direction of the vector."""
    t_ns = round(t_s * S)
    looks = (Evidence(number, t_ns, CORNER, f"{number}-0"), Evidence(number + 1000, t_ns + 2 * S, WHOLE))
    vector = np.array([best, 1, -1], np.float32)
    sighting = Sighting(number, What(kind, name), place_id, CORNER, t_ns, t_ns + 2 * S, best, 3, number % 2 == 0, S, looks, vector)
    return Row(sighting, f"at place {place_id}", (Thumb(f"{number}-0", 4, b"%04d" % number),))


def merge(store: Store) -> None:
    """Merge all that may be, as a full log does."""
    with store._transaction():
        while store._merge():
            pass


def found(store: Store, query: Query | None = None) -> list[Sighting]:
    return list(store.search(query or Query(newest_first=False, limit=1000))[0])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path, log_bytes=64 * MIB) as opened:
        yield opened


LATER = row(900, "keys", "concept", t_s=3 * 3600)
"""Something that ends two hours: they are written no more."""


def test_an_hour_of_one_thing_is_one_row_that_says_so(store: Store) -> None:
    store.append([row(1, t_s=10, best=0.4), row(2, t_s=700, best=0.9), row(3, t_s=3000, best=0.6), LATER])
    merge(store)
    mug, keys = found(store)
    assert (mug.id, mug.what, mug.place_id, mug.merged) == (3, What("concept", "mug"), 1, 3)
    assert (mug.t_start_ns, mug.t_end_ns, mug.looks, mug.gaze_ns, mug.gazed) == (10 * S, 3002 * S, 9, 3 * S, True)
    assert (mug.confidence, mug.box) == (0.9, CORNER) and mug.vector is not None and np.allclose(mug.vector, [0.9, 1, -1], atol=1e-3)
    assert [look.frame_seq for look in mug.evidence] == [2, 3, 1, 1002], "the best look of each, then the second of the best"
    assert [store.thumb(f"{number}-0") for number in (1, 2, 3)] == [b"0001", b"0002", b"0003"]
    assert keys.merged == 1 and sum(one.merged for one in found(store)) == 4, "how often still adds up"
    assert [(drop.what, drop.reason, drop.count) for drop in store.dropped] == [("sighting", "merged", 2)]


def test_another_thing_place_or_hour_stays_apart(store: Store) -> None:
    store.append([row(1), row(2, "cup"), row(3, kind="label"), row(4, place_id=2), row(5, t_s=3600), row(6, t_s=3599), LATER])
    merge(store)
    assert [one.merged for one in found(store)] == [1] * 7, "the sixth lies in no one hour"


def test_the_hour_that_is_still_written_is_left_alone(store: Store) -> None:
    store.append([row(1, t_s=10), row(2, t_s=20)])
    merge(store)
    assert len(found(store)) == 2
    store.append([row(3, t_s=3700)])
    merge(store)
    assert [one.merged for one in found(store)] == [2, 1]


def test_former_sessions_are_merged_first_and_each_by_itself(tmp_path: Path) -> None:
    with open_store(tmp_path, log_bytes=MIB) as store:
        store.append([row(1, t_s=10), row(2, t_s=20)])
    with open_store(tmp_path, log_bytes=MIB) as store:
        store.append([row(1, t_s=10), row(2, t_s=20), LATER])
        assert [merged.session for _ in range(2) if (merged := merge_next(store._db, store.session))] == [1, 2]
    with closing(sqlite3.connect(tmp_path / LOG_NAME)) as db:
        assert db.execute("SELECT session, id, merged FROM sightings").fetchall() == [(1, 2, 2), (2, 2, 2), (2, 900, 1)]


def test_what_is_merged_is_found_by_what_it_looks_like(store: Store) -> None:
    store.append([row(1, best=0.2), row(2, best=0.9), LATER])
    merge(store)
    key = np.array([0.9, 1, -1], np.float32)
    assert [one.id for one in found(store, Query(key=key))] == [2, 900]
    with closing(store._db.execute("SELECT sighting, key FROM likeness ORDER BY sighting")) as rows:
        wanted = key_of(key)
        assert wanted is not None
        assert (number := rows.fetchone())[0] == 2 and number[1] == wanted.tobytes()
        assert rows.fetchone()[0] == 900 and rows.fetchone() is None


def test_rows_that_stand_for_several_can_be_made_one_again() -> None:
    first, second = (as_one([row(n, t_s=n).sighting, row(n + 1, t_s=n + 1).sighting]) for n in (1, 3))
    both = as_one([first, second])
    assert (both.id, both.merged, both.looks, both.gaze_ns) == (4, 4, 12, 4 * S)


def test_a_full_log_merges_before_it_erases_and_counts_both(tmp_path: Path) -> None:
    with open_store(tmp_path, log_bytes=262144) as store:
        for number in range(1, 1200):
            store.append([row(number, f"vase {number % 5}", "label", t_s=60 * number)])
            assert store.nbytes() <= 262144
        rows = found(store)
        drops = {(drop.what, drop.reason): drop.count for drop in store.dropped}
        stands_for = sum(one.merged for one in rows)
    assert max(one.merged for one in rows) == 12 and rows[-1].merged == 1, "the old in part, the new not at all"
    assert drops["sighting", "merged"] > 0 and len(rows) < stands_for
    assert stands_for + drops.get(("sighting", "log_bytes"), 0) == 1199, "every sighting is there, stood for, or counted"


def test_what_is_told_anew_undoes_the_merge_and_what_goes_is_counted(store: Store) -> None:
    """The old row must not answer for it under a name that it has no more."""
    store.append([row(number, "thing 7", "thing", t_s=number) for number in (1, 2, 3)] + [LATER])
    merge(store)
    store.append([row(2, "mug", t_s=2)])
    assert [(one.id, one.what.name, one.merged) for one in found(store)] == [(2, "mug", 1), (900, "keys", 1)]
    assert ("sighting", "log_bytes", 2) in [(drop.what, drop.reason, drop.count) for drop in store.dropped]


# ---------------------------------------------------------------- forgotten


@pytest.mark.parametrize("number", [1, 2, 3])
def test_forgetting_a_sighting_forgets_the_row_that_stands_for_it(store: Store, tmp_path: Path, number: int) -> None:
    store.append([row(n, "PASSPORT", "label", t_s=n) for n in (1, 2, 3)] + [LATER])
    merge(store)
    assert store.erase(Scope("place", place_id=77), [number]).rows == 1
    assert [one.id for one in found(store)] == [900]
    assert b"PASSPORT" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert store._db.execute("SELECT count(*) FROM absorbed").fetchone() == (0,)


def test_another_name_of_looks_that_no_row_shows_any_more_is_forgotten_too(store: Store) -> None:
    """Of ten sightings four looks are kept, of the mug and of its label not the same ones."""
    mugs = [row(n, t_s=n, best=n / 20) for n in range(1, 11)]
    labels = [row(n + 20, "coffee mug", "label", t_s=n, best=1 - n / 20) for n in range(1, 11)]
    for mug, label in zip(mugs, labels, strict=True):
        store.append([mug, Row(msgspec.structs.replace(label.sighting, evidence=mug.sighting.evidence), "")])
    store.append([row(50, "cup", "label", t_s=5), LATER])
    merge(store)
    one, other, _, _ = found(store)
    assert not set(one.evidence) & set(other.evidence)
    store.erase(Scope("thing", name="mug"))
    assert [one.what.name for one in found(store)] == ["cup", "keys"]
    assert all(store.thumb(f"{n}-0") is None for n in range(1, 11))


def test_only_pictures_of_its_own_moments_go_with_a_merged_thing(store: Store) -> None:
    store.append([row(1, t_s=10), row(2, t_s=3000), row(3, "tree", "label", t_s=1000), LATER])
    merge(store)
    store.erase(Scope("thing", name="mug"))
    assert [store.thumb(f"{number}-0") for number in (1, 2, 3)] == [None, None, b"0003"]


def test_forgetting_everything_forgets_how_far_it_was_merged(store: Store) -> None:
    store.append([row(1), row(2), LATER])
    merge(store)
    store.erase(Scope("all"))
    assert store._db.execute("SELECT * FROM totals").fetchall() == [(0, 0, 0)]
    assert all(store._db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,) for table in ("absorbed", "likeness"))  # noqa: S608
