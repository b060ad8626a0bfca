"""Whatever is read, in whatever order: votes stay bounded, repeatable and fair."""

from __future__ import annotations

from itertools import permutations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.remember.text_votes import MAX_LINES, MAX_STRINGS, Reading, best, merge
from edge_runtime.types import Box, TextLine

confidence = st.integers(1, 100).map(lambda percent: percent / 100)
word = st.text(alphabet="abEX1T 7é字", min_size=1, max_size=8)


@st.composite
def box(draw: st.DrawFn) -> Box:
    x, y = draw(st.integers(0, 16)) / 20, draw(st.integers(0, 18)) / 20
    return Box(x, y, x + 0.2, y + 0.05)


line = st.builds(TextLine, text=word, confidence=confidence, box=box())
look = st.lists(line, max_size=30, unique_by=lambda each: (each.text, each.box))
looks = st.lists(st.lists(line, max_size=16), max_size=8)


def read(all_looks: list[list[TextLine]]) -> Reading:
    reading = Reading()
    for each in all_looks:
        reading = merge(reading, each)
    return reading


@given(look)
def test_reading_the_same_lines_twice_changes_no_string(lines: list[TextLine]) -> None:
    once = read([lines])
    twice = merge(once, lines)
    assert [each.text for each in best(twice, 0.0)] == [each.text for each in best(once, 0.0)]


@given(looks)
def test_a_reading_never_outgrows_its_bounds(all_looks: list[list[TextLine]]) -> None:
    reading = read(all_looks)
    assert len(reading.lines) <= MAX_LINES
    assert all(1 <= len(each.strings) <= MAX_STRINGS for each in reading.lines)
    assert reading.looks == len(all_looks)


@given(looks)
def test_nothing_is_said_that_was_not_read(all_looks: list[list[TextLine]]) -> None:
    read_ever = {each.text for lines in all_looks for each in lines}
    said = best(read(all_looks), 0.0)
    assert {each.text for each in said} <= read_ever
    assert all(0.0 <= each.confidence <= 1.0 for each in said)


@given(looks, st.floats(0.0, 1.0))
def test_a_higher_gate_lets_through_only_surer_lines(all_looks: list[list[TextLine]], accept: float) -> None:
    assert all(each.confidence >= accept for each in best(read(all_looks), accept))


@given(st.lists(st.tuples(st.sampled_from(["7", "1", "l", "I"]), confidence), min_size=1, max_size=4))
def test_the_order_of_the_looks_does_not_decide_a_vote(readings: list[tuple[str, float]]) -> None:
    place = Box(0.4, 0.4, 0.6, 0.5)
    votes: dict[str, tuple[int, int]] = {}
    for text, sure in readings:
        total, count = votes.get(text, (0, 0))
        votes[text] = (total + round(sure * 10_000), count + 1)
    # The stated rule: most votes, then surest on average, then first in the alphabet.
    expected = min(votes, key=lambda text: (-votes[text][0], votes[text][1], text))
    for order in permutations(readings):
        said = best(read([[TextLine(text, sure, place)] for text, sure in order]), 0.0)
        assert [each.text for each in said] == [expected]


@given(looks)
def test_the_state_survives_being_written_down(all_looks: list[list[TextLine]]) -> None:
    reading = read(all_looks)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(reading), type=Reading) == reading
