"""Lines read over several looks are put together by vote."""

from __future__ import annotations

import msgspec
import pytest

from edge_runtime.remember.text_votes import MAX_CHARS, MAX_LINES, MAX_STRINGS, Reading, best, merge
from edge_runtime.types import Box, TextLine

ACCEPT = 0.8


def line(text: str, confidence: float = 0.9, *, row: float = 4, x: float = 0.3, dx: float = 0.0, dy: float = 0.0) -> TextLine:
    """A line of text in one of ten rows."""
    top = row / 10 + dy
    return TextLine(text, confidence, Box(x + dx, top, x + dx + 0.3, top + 0.06))


def read(*looks: list[TextLine]) -> Reading:
    reading = Reading()
    for look in looks:
        reading = merge(reading, look)
    return reading


def texts(reading: Reading, accept: float = ACCEPT) -> list[str]:
    return [each.text for each in best(reading, accept)]


def test_a_fresh_reading_says_nothing() -> None:
    assert best(Reading(), 0.0) == ()


def test_one_look_is_enough_to_say_what_it_read_and_where() -> None:
    seen = [line("TEA", 0.95, row=1), line("1.20", 0.85, row=2)]
    said = best(read(seen), ACCEPT)
    assert [each.text for each in said] == ["TEA", "1.20"]
    assert [each.box for each in said] == [each.box for each in seen]
    assert said[0].confidence == pytest.approx(0.95)


def test_a_letter_misread_once_is_outvoted() -> None:
    reading = read([line("EX1T", 0.9)], [line("EXIT", 0.85)], [line("EXIT", 0.87)])
    assert texts(reading) == ["EXIT"]
    assert best(reading, ACCEPT)[0].confidence == pytest.approx(0.86)


def test_a_sure_reading_outvotes_two_doubtful_ones() -> None:
    assert texts(read([line("EX1T", 0.4)], [line("EX1T", 0.5)], [line("EXIT", 0.95)])) == ["EXIT"]


def test_capitals_do_not_make_another_line_and_the_spelling_that_won_is_kept() -> None:
    reading = read([line("Exit", 0.9)], [line("EXIT", 0.9)], [line("EXIT", 0.9)])
    assert len(reading.lines) == 1
    assert texts(reading) == ["EXIT"]


def test_equal_votes_go_to_the_surer_string_then_to_the_alphabet_whatever_came_first() -> None:
    twice, once = [line("EX1T", 0.4)], [line("EXIT", 0.8)]
    assert texts(read(twice, twice, once), 0.0) == texts(read(once, twice, twice), 0.0) == ["EXIT"]
    one, other = [line("OPEN", 0.9)], [line("0PEN", 0.9)]
    assert texts(read(one, other)) == texts(read(other, one)) == ["0PEN"]


def test_lines_below_the_gate_are_not_said() -> None:
    reading = read([line("SALT", 0.79), line("PEPPER", 0.81, row=6)])
    assert texts(reading) == ["PEPPER"]
    assert texts(reading, 0.7) == ["SALT", "PEPPER"]


def test_the_head_may_move_between_looks() -> None:
    first = [line("Platform 1", row=2), line("Platform 2", row=3), line("to London", row=4)]
    moved = [line("Platform 1", row=2, dy=0.1), line("Platform 2", row=3, dy=0.1), line("to Londen", 0.5, row=4, dy=0.1)]
    reading = read(first, moved)
    assert texts(reading) == ["Platform 1", "Platform 2", "to London"]
    assert [len(each.strings) for each in reading.lines] == [1, 1, 2]


def test_numbers_that_look_alike_keep_their_places() -> None:
    reading = read([line("Line 1", row=2), line("Line 2", row=3)], [line("Line 2", row=3)], [line("Line 1", row=2)])
    assert texts(reading) == ["Line 1", "Line 2"]
    assert [each.strings[0].looks for each in reading.lines] == [2, 2]


def test_one_sign_that_moved_is_still_one_line() -> None:
    reading = read([line("Emergency", 0.9)], [line("Emergency", 0.9, dx=0.2, dy=0.2)], [line("Emergencv", 0.9, dx=0.1, dy=-0.2)])
    assert texts(reading) == ["Emergency"]
    assert len(reading.lines) == 1


def test_a_single_digit_is_known_by_its_place() -> None:
    reading = read([line("7", 0.9)], [line("1", 0.85)], [line("7", 0.9)])
    assert texts(reading) == ["7"]


def test_a_garbled_line_is_known_by_its_neighbours() -> None:
    good = [line("Fire exit", row=2), line("KEEP CLEAR", row=3)]
    reading = read(good, [line("Fire exit", row=2), line("llll", 0.6, row=3)], good)
    assert texts(reading, 0.0) == ["Fire exit", "KEEP CLEAR"]


def test_a_different_sign_at_the_same_place_takes_its_turn() -> None:
    reading = read([line("PUSH")], [line("PUSH")], [line("DOGS")])
    assert texts(reading) == ["DOGS"]


def test_garbage_at_the_same_place_does_not_hide_what_was_read() -> None:
    reading = read([line("PUSH")], [line("PUSH")], [line("oioo", 0.5)])
    assert texts(reading) == ["PUSH"]


def test_a_line_seen_later_goes_between_its_neighbours() -> None:
    reading = read(
        [line("one apple", row=2), line("three pears", row=6)],
        [line("one apple", row=2), line("two figs", row=4), line("three pears", row=6), line("four plums", row=8)],
        [line("none", row=1), line("one apple", row=2)],
    )
    assert texts(reading) == ["none", "one apple", "two figs", "three pears", "four plums"]


def test_a_look_with_nothing_in_common_is_placed_by_height() -> None:
    reading = read([line("three pears", row=6)], [line("one apple", row=1)], [line("five nuts", row=8)])
    assert texts(reading) == ["one apple", "three pears", "five nuts"]


def test_two_columns_stay_in_the_order_they_were_read_in() -> None:
    row = [line("Soup", row=2, x=0.1), line("4.50", row=2, x=0.6)]
    reading = read(row, row)
    assert texts(reading) == ["Soup", "4.50"]


def test_a_look_without_text_changes_nothing_but_the_count() -> None:
    before = read([line("TEA")])
    after = merge(before, [])
    assert (after.lines, after.looks) == (before.lines, 2)
    assert merge(before, [line("  ")]).lines == before.lines


def test_many_lines_are_bounded_and_those_no_longer_seen_go_first() -> None:
    wall = [TextLine(f"{chr(97 + i) * 6}", 0.9, Box(0.1, i / 20, 0.4, i / 20 + 0.03)) for i in range(MAX_LINES)]
    reading = read(wall, wall[1:], [TextLine("new one", 0.9, Box(0.1, 0.9, 0.4, 0.95)), *wall[1:6]])
    assert len(reading.lines) == MAX_LINES
    assert reading.dropped == 1
    assert "aaaaaa" not in texts(reading)
    assert "new one" in texts(reading)


def test_many_spellings_are_bounded_and_the_best_one_stays() -> None:
    reading = read([line("Emergency")], [line("Emergency")], *[[line(f"Emergenc{i}", 0.5)] for i in range(9)])
    assert len(reading.lines) == 1
    assert len(reading.lines[0].strings) == MAX_STRINGS
    assert reading.dropped == 10 - MAX_STRINGS
    assert texts(reading) == ["Emergency"]


def test_a_string_that_comes_late_can_still_win() -> None:
    noise = [[line(f"Emergenc{i}", 0.5)] for i in range(MAX_STRINGS)]
    assert texts(read(*noise, *[[line("Emergency", 0.9)]] * 2)) == ["Emergency"]


def test_an_endless_line_is_dropped_and_counted() -> None:
    reading = read([line("x" * (MAX_CHARS + 1)), line("TEA", row=6)])
    assert texts(reading) == ["TEA"]
    assert reading.dropped == 1


def test_a_reading_survives_being_written_down() -> None:
    reading = read([line("Fire exit", row=2), line("TEA")], [line("Fire exlt", row=2), line("TEA")])
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(reading), type=Reading) == reading
