"""Which views of a lesson agree: the cosine of each with the mean of the others is at least the floor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.remember.lessons import MOST_SEEN, Lesson, agreeing
from edge_runtime.types import Vector
from tests.wearer import direction, like

MUG, WALL, KEYS = direction(1), direction(2), direction(3)
FLOOR = 0.45


def views(pattern: str) -> list[Vector]:
    """One view a letter: of the mug, the wall, the keys, each a little different from the others of its kind."""
    things = {"m": MUG, "w": WALL, "k": KEYS}
    return [like(things[letter], 0.9, seed) for seed, letter in enumerate(pattern)]


def cosine_with_others(chosen: list[Vector], one: int) -> float:
    mean = np.sum([view for index, view in enumerate(chosen) if index != one], axis=0, dtype=np.float64)
    return float(chosen[one].astype(np.float64) @ mean / np.linalg.norm(mean))


@pytest.mark.parametrize(
    ("pattern", "agree"),
    [
        ("", ()),
        ("m", (0,)),
        ("mm", (0, 1)),
        ("mmm", (0, 1, 2)),
        ("mmw", (0, 1)),
        ("mwmm", (0, 2, 3)),
        ("wmm", (1, 2)),
        ("wmmm", (1, 2, 3)),
        ("wmwmm", (1, 3, 4)),
        ("wkm", (2,)),
        ("wwmkmm", (2, 4, 5)),
        ("mmmmm", (2, 3, 4)),
    ],
)
def test_the_larger_part_counts_and_the_odd_ones_are_left_out_wherever_they_stand(pattern: str, agree: tuple[int, ...]) -> None:
    assert agreeing(views(pattern), 3, FLOOR) == agree


def test_a_view_between_two_things_does_not_make_them_one() -> None:
    between = ((MUG + WALL) / np.linalg.norm(MUG + WALL)).astype(np.float32)
    assert len(agreeing([MUG, between, WALL], 3, 0.6)) == 2


def test_views_of_another_dimension_agree_with_nothing() -> None:
    assert agreeing([MUG, MUG[:8], like(MUG, 0.9)], 3, FLOOR) == (0, 2)


@settings(max_examples=100)
@given(st.text("mwk", max_size=MOST_SEEN), st.integers(1, 5), st.floats(0.0, 0.95), st.integers(0, 1000))
def test_whatever_is_found_agrees_and_nothing_that_is_wanted_is_more(pattern: str, wanted: int, floor: float, seed: int) -> None:
    things = {"m": MUG, "w": WALL, "k": KEYS}
    seen = [like(things[letter], 0.5 + ((seed + 7 * n) % 50) / 100, seed + n) for n, letter in enumerate(pattern)]
    found = agreeing(seen, wanted, floor)
    assert len(found) <= wanted
    assert bool(found) == bool(seen)
    assert list(found) == sorted(set(found))
    chosen = [seen[index] for index in found]
    if len(chosen) > 1:
        assert all(cosine_with_others(chosen, one) >= floor - 1e-4 for one in range(len(chosen)))


def test_a_lesson_that_finds_no_two_views_alike_stays_bounded_and_says_what_it_let_go() -> None:
    lesson = Lesson("mug", 0)
    gone = sum(lesson.take(direction(100 + n), n, 3, FLOOR) for n in range(MOST_SEEN + 5))
    assert (gone, len(lesson.views)) == (5, MOST_SEEN)
    assert lesson.view_ns[-1] == MOST_SEEN + 4


def test_to_make_room_a_lesson_lets_go_of_what_agrees_with_nothing() -> None:
    lesson = Lesson("mug", 0)
    for n, view in enumerate([MUG, like(MUG, 0.9, 1), *(direction(100 + n) for n in range(MOST_SEEN))]):
        lesson.take(view, n, 3, FLOOR)
    assert lesson.view_ns[:2] == (0, 1)
