from __future__ import annotations

import pytest

from edge_runtime.config import S
from edge_runtime.speak import phrasing
from tests.speaking import ns


@pytest.mark.parametrize(("t_s", "written"), [(0, "0:00"), (31, "0:31"), (59.99, "0:59"), (725, "12:05"), (3723, "1:02:03"), (-3, "0:00")])
def test_a_moment_is_written_as_the_stream_s_clock_shows_it(t_s: float, written: str) -> None:
    assert phrasing.clock(ns(t_s)) == written


@pytest.mark.parametrize(
    ("span_s", "written"),
    [
        (0.3, "less than a second"),
        (0.5, "1 s"),
        (4.2, "4 s"),
        (74, "74 s"),
        (119.4, "119 s"),
        (180, "3 min"),
        (7500, "2 h 5 min"),
        (7200, "2 h"),
        (-1, "less than a second"),
    ],
)
def test_a_length_of_time_is_written_in_the_unit_one_would_say(span_s: float, written: str) -> None:
    assert phrasing.duration(ns(span_s)) == written


@pytest.mark.parametrize(
    ("span_s", "written"),
    [(20, "20 seconds"), (1, "1 second"), (60, "1 minute"), (90, "90 seconds"), (300, "5 minutes"), (3600, "1 hour"), (0, "1 second")],
)
def test_a_length_of_time_in_full(span_s: float, written: str) -> None:
    assert phrasing.duration_in_words(ns(span_s)) == written


def test_a_moment_is_said_both_ways() -> None:
    assert phrasing.moment(31 * S, now_ns=43 * S, origin_ns=0) == "12 s ago, at 0:31"
    assert phrasing.moment(131 * S, now_ns=143 * S, origin_ns=100 * S) == "12 s ago, at 0:31"
    assert phrasing.moment(43 * S, now_ns=43 * S, origin_ns=0) == "just now, at 0:43"


@pytest.mark.parametrize(
    ("noun", "said"),
    [
        ("theremin", "a theremin"),
        ("umbrella", "an umbrella"),
        ("orange", "an orange"),
        ("hour", "an hour"),
        ("unicorn", "a unicorn"),
        ("unknown thing", "an unknown thing"),
        ("euro", "a euro"),
        ("usher", "an usher"),
        ("LED", "an LED"),
        ("USB stick", "a USB stick"),
        ("x-ray", "an x-ray"),
        ("stairs", "stairs"),
        ("sunflowers", "sunflowers"),
        ("glass", "a glass"),
        ("bus", "a bus"),
        ("scissors", "scissors"),
    ],
)
def test_the_article_follows_the_sound_and_plurals_have_none(noun: str, said: str) -> None:
    assert phrasing.indefinite(noun) == said


@pytest.mark.parametrize(
    ("one", "many"), [("mug", "mugs"), ("glass", "glasses"), ("battery", "batteries"), ("toy", "toys"), ("box", "boxes"), ("man", "men")]
)
def test_plurals_are_regular(one: str, many: str) -> None:
    assert phrasing.plural(one) == many


def test_lists_end_with_and() -> None:
    assert phrasing.listing([]) == ""
    assert phrasing.listing(["a"]) == "a"
    assert phrasing.listing(["a", "b", "c"]) == "a, b and c"


def test_read_text_is_quoted_verbatim_on_one_line() -> None:
    assert phrasing.quoted("ROOM 204\nQUIET PLEASE") == '"ROOM 204, QUIET PLEASE"'
    assert phrasing.quoted('the "best" café') == "\"the 'best' café\""


@pytest.mark.parametrize(
    ("read", "wanted", "there"),
    [
        ("TAXI", "taxi", True),
        ("a Taxi!", "TAXI", True),
        ("taxidermy", "taxi", False),
        ("ROOM204", "room 204", True),
        ("ROOM\n204", "room 204", True),
        ("room 2045", "room 204", False),
        ("QUIET ROOM 204", "room quiet", False),
        ("don't walk", "dont walk", True),
        ("anything", "", False),
        ("", "taxi", False),
    ],
)
def test_words_are_found_whole_and_side_by_side_however_the_spaces_were_read(read: str, wanted: str, there: bool) -> None:
    assert phrasing.holds(read, wanted) is there
