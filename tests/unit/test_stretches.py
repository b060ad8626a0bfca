"""Memory in stretches: none of the tokens is lost, edges stay where they are, and ages are told in few words."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from edge_runtime.config import S
from edge_runtime.models.stretches import Stretch, age, ages, stretches

MIN, H = 60 * S, 3600 * S


def cut(times_s: list[float], now_s: float, most: int = 64) -> list[list[float]]:
    """The times of each stretch."""
    t_ns = np.array([round(time * S) for time in times_s], np.int64)
    return [times_s[stretch.start : stretch.stop] for stretch in stretches(t_ns, round(now_s * S), most)]


@pytest.mark.parametrize(
    ("past_ns", "words"),
    [
        (-5 * S, "now"),
        (S // 2 - 1, "now"),
        (S // 2, "1 s ago"),
        (S, "1 s ago"),
        (12 * S, "10 s ago"),
        (52 * S, "45 s ago"),
        (MIN, "1 min ago"),
        (6 * MIN, "5 min ago"),
        (55 * MIN, "1 h ago"),
        (10 * H, "10 h ago"),
        (500 * H, "48 h ago"),
    ],
)
def test_the_words_for_an_age(past_ns: int, words: str) -> None:
    assert age(past_ns) == words


def test_a_stretch_says_from_when_to_when() -> None:
    assert ages(0, MIN, 4 * MIN) == "from 4 min ago to 3 min ago"
    assert ages(0, 2 * S, 12 * S) == "10 s ago"


def test_nothing_is_cut_into_nothing() -> None:
    assert stretches(np.empty(0, np.int64), 0, 4) == []


def test_a_stretch_holds_no_more_than_fits_a_picture() -> None:
    assert cut([1, 1, 1, 1, 1], 1000, most=2) == [[1, 1], [1, 1], [1]]


def test_a_stretch_is_no_longer_than_it_is_long_ago() -> None:
    found = cut([float(time) for time in range(0, 1000, 7)], 1000)
    for times in found:
        # beside bins of ten seconds, which may be as young as they like
        assert times[-1] - times[0] <= max(10, 1000 - times[-1])
    assert len(found[0]) > len(found[-1])


def test_hours_ago_and_seconds_ago_are_not_told_together() -> None:
    assert cut([0, 36000], 36005) == [[0], [36000]]


def test_what_comes_later_does_not_move_the_edges_before_it() -> None:
    times = [float(time) for time in range(0, 4000, 5)]
    before = cut(times, 4000, most=16)
    after = cut([*times, 4001, 4002, 4003], 4004, most=16)
    assert after[: len(before) - 3] == before[:-3]


def test_what_is_forgotten_at_the_front_does_not_move_the_edges_behind_it() -> None:
    times = [float(time) for time in range(0, 4000, 5)]
    whole, rest = cut(times, 4000, most=16), cut(times[200:], 4000, most=16)
    assert rest[2:] == whole[len(whole) - len(rest) + 2 :]


def test_far_apart_and_before_zero() -> None:
    t_ns = np.array([-5 * S, -S, 0, 10**17, 10**18], np.int64)
    found = stretches(t_ns, 10**18, 8)
    assert found[0].start == 0
    assert found[-1] == Stretch(4, 5)
    assert all(a.stop == b.start for a, b in pairwise(found))
