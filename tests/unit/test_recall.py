"""What a question to the memory finds."""

from __future__ import annotations

import pytest

from edge_runtime.config import S
from edge_runtime.records import Evidence, Query, Sighting, SightingKind, What
from edge_runtime.remember.recall import answer
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
