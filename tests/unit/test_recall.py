"""What a question to the memory finds."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from edge_runtime.config import S
from edge_runtime.records import Evidence, Query, Sighting, SightingKind, What
from edge_runtime.remember.recall import alike, answer, spread
from edge_runtime.remember.words import fold, holds, needles
from edge_runtime.types import WHOLE


def sighting(number: int, kind: SightingKind, name: str, start_s: int, end_s: int) -> Sighting:
    return Sighting(number, What(kind, name), None, WHOLE, start_s * S, end_s * S, 0.9, 1, True, 0, (Evidence(number, start_s * S, WHOLE),))


DAY = (
    sighting(1, "concept", "mug", 0, 10),
    sighting(2, "label", "coffee mug", 0, 9),
    sighting(3, "text", "No. 7\nEXIT", 5, 20),
    sighting(4, "concept", "keys", 15, 16),
    sighting(5, "concept", "mug", 30, 31),
    sighting(6, "text", "OUTOFORDER", 40, 41),
)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(), [6, 5, 3, 4, 1, 2]),
        (Query(newest_first=False), [1, 2, 3, 4, 5, 6]),
        (Query(limit=2), [6, 5]),
        (Query(limit=0), []),
        (Query(names=("mug",)), [5, 1]),
        (Query(names=("MUG", "coffee-mug"), newest_first=False), [1, 2, 5]),
        (Query(kinds=("text",)), [6, 3]),
        (Query(names=("mug",), kinds=("text",)), []),
        (Query(t_from_ns=10 * S, t_to_ns=15 * S), [3, 4, 1]),
        (Query(text="exit"), [3]),
        (Query(text="exit 7"), [3]),
        (Query(text="exit 8"), []),
        (Query(text="order"), [6]),
        (Query(text="?!"), []),
    ],
)
def test_every_condition_holds_at_once(query: Query, found: list[int]) -> None:
    assert [row.id for row in answer(DAY, query)] == found


def shaped(number: int, start_s: int, end_s: int, *cosines: float) -> Sighting:
    """A nameless thing at these cosines from the axes."""
    vector = np.array([*cosines, np.sqrt(max(0.0, 1 - sum(cosine**2 for cosine in cosines)))], np.float32)
    return replace(sighting(number, "thing", f"thing {number}", start_s, end_s), vector=vector)


SHAPES = (shaped(1, 0, 1, 0.9, 0.1), shaped(2, 5, 6, 0.2, 0.9), shaped(3, 10, 11, 0.5, 0.5), shaped(4, 20, 21, 0.9, 0.1), *DAY)
AXIS = np.array([1, 0, 0], np.float32)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(key=AXIS), [4, 1, 3, 2]),
        (Query(key=AXIS, newest_first=False), [1, 4, 3, 2]),
        (Query(key=AXIS, limit=1), [4]),
        (Query(key=AXIS, t_to_ns=12 * S), [1, 3, 2]),
        (Query(key=AXIS, t_from_ns=2 * S, t_to_ns=12 * S), [3, 2]),
        (Query(key=AXIS, kinds=("concept",)), []),
        (Query(key=AXIS, names=("thing 2", "mug")), [2]),
        (Query(key=AXIS[:2]), []),
        (Query(key=np.zeros(3, np.float32)), []),
    ],
)
def test_a_vector_is_one_more_condition_and_the_most_alike_come_first(query: Query, found: list[int]) -> None:
    assert [row.id for row in answer(SHAPES, query)] == found


def test_a_score_is_the_same_of_the_vector_as_the_log_keeps_it() -> None:
    row = shaped(1, 0, 1, 0.123456, 0.654321)
    assert row.vector is not None
    kept = replace(row, vector=row.vector.astype(np.float16).astype(np.float32))
    assert alike(row, AXIS) == alike(kept, AXIS)


def test_many_are_scored_as_one_is_to_the_last_digit() -> None:
    made = np.random.default_rng(3).standard_normal((3000, 384)).astype(np.float32)
    made[::7] = made[7]  # equals keep the order asked for
    rows = [replace(sighting(n, "thing", "thing 1", n, n + 1), vector=vector) for n, vector in enumerate(made)]
    one_by_one = sorted(rows, key=lambda row: (-alike(row, made[0]), -row.t_end_ns))
    assert [row.id for row in answer(rows, Query(key=made[0], limit=3000))] == [row.id for row in one_by_one]


def test_those_that_stand_for_many_cover_the_time_and_hold_the_best() -> None:
    busy = [shaped(n, 1000 + n, 1001 + n, 0.9, 0.1) for n in range(3, 40)]
    rows = [shaped(1, 0, 1, 0.8, 0.1), shaped(2, 500, 501, 0.8, 0.1), *busy, shaped(99, 1100, 1101, 0.99, 0.0)]
    chosen = [row.id for row in spread(rows, AXIS, 4)]
    assert {1, 2, 99} <= set(chosen) and len(chosen) == 4
    assert [row.t_end_ns for row in spread(rows, AXIS, 4)] == sorted(row.t_end_ns for row in rows if row.id in chosen)
    assert spread([], AXIS, 4) == ()


def test_a_trend_over_time_decides_nothing_between_equals() -> None:
    rising = [shaped(n, 10 * n, 10 * n + 1, 0.5 + 0.008 * n, 0.0) for n in range(40)]
    odd = replace(rising[4], id=99, vector=shaped(99, 0, 1, 0.5 + 0.008 * 4 + 0.1, 0.0).vector)
    rows = [odd if row.id == 4 else row for row in rising]
    assert 99 in [row.id for row in spread(rows, AXIS, 4)], "it stands out of its time, though later ones score higher"


@pytest.mark.parametrize(
    ("text", "words", "held"),
    [
        ("Pull the DOOR", "door", True),
        ("TAXI", "tax", False),  # three letters are a word of their own or nothing
        ("TAXIS", "taxi", True),
        ("\uff25\uff58\uff49\uff54", "exit", True),
        ("Straße", "STRASSE", True),
        ("出口在左边", "出口", True),
        ("exit", "", False),
        ("jack-o'-lantern", "jack o lantern", True),
    ],
)
def test_words_are_found_as_people_mean_them(text: str, words: str, held: bool) -> None:
    assert holds(fold(text), needles(words)) is held


@pytest.mark.parametrize("text", ["EXIT", "exit 7", " two  words ", "tab\tbetween", "a_b", "no. 7", ""])
def test_plain_names_take_a_short_way_to_the_same_end(text: str) -> None:
    assert fold(f"{text} \u00e9") == f"{fold(text).rstrip()} \u00e9 "
