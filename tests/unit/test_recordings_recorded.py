"""Rows of a device's file become a recording: one clock from 0, everything left out counted, impossible units refused."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.recordings.checks import check_direction
from devices.recordings.recorded import Recorded, Rows, Source, finish, rate_hz
from edge_runtime.errors import GazeFileError

MS = 1_000_000
S = 1_000_000_000


def source(**more: object) -> Source:
    known: dict[str, object] = {"path": "a.csv", "name": "a", "device": "Glasses", "notes": ["a test"], "verified": True}
    return Source(**{**known, **more})  # type: ignore[arg-type]


def rows_at(*times_ns: int | None, x: float = 0.5, y: float = 0.5) -> Rows:
    rows = Rows()
    for t_ns in times_ns:
        rows.add(t_ns, x, y)
    return rows


def refusal(rows: Rows, **more: object) -> str:
    with pytest.raises(GazeFileError) as caught:
        finish(rows, source(**more))
    assert caught.value.hint
    return str(caught.value)


def test_time_starts_at_zero_and_the_devices_own_time_is_kept() -> None:
    recorded = finish(rows_at(7 * S, 7 * S + 5 * MS), source())
    assert [s.t_ns for s in recorded.samples] == [0, 5 * MS]
    assert recorded.t_origin_ns == 7 * S


def test_the_note_says_what_it_was_taken_for_and_how_much_there_is() -> None:
    assert finish(rows_at(0, 5 * MS), source()).note == "taken for a test; 2 gaze samples over 0.0 s"


def test_an_untried_format_says_so() -> None:
    assert "not been tried on a real file" in finish(rows_at(0, 5 * MS), source(verified=False)).note


def test_duplicate_backward_and_missing_times_are_left_out_and_counted() -> None:
    times = [n * 5 * MS for n in range(40)]
    rows = rows_at(*times[:20], times[19], times[10], None, *times[20:])
    recorded = finish(rows, source())
    assert recorded.dropped == {"no_time": 1, "duplicate": 1, "backward": 1}
    assert [s.t_ns for s in recorded.samples] == times
    assert "1 rows left out (backward)" in recorded.note


def test_a_file_that_often_goes_back_in_time_is_refused() -> None:
    assert "out of order in time" in refusal(rows_at(*(n * 5 * MS for n in (0, 1, 2, 3, 1, 2, 3, 4))))


def test_one_wrong_time_far_ahead_costs_its_own_row_only() -> None:
    times = [n * 5 * MS for n in range(40)]
    recorded = finish(rows_at(3600 * S, *times[:20], 3600 * S, *times[20:]), source())
    assert recorded.dropped == {"backward": 2} and [s.t_ns for s in recorded.samples] == times


def test_the_first_of_two_rows_with_one_time_is_kept() -> None:
    rows = rows_at(0, x=0.1)
    rows.add(0, 0.9, 0.9)
    rows.add(5 * MS, 0.2, 0.2)
    assert [s.x_norm for s in finish(rows, source()).samples] == [0.1, 0.2]


def test_a_missing_number_is_a_moment_without_gaze_not_a_missing_sample() -> None:
    rows = rows_at(0)
    rows.add(5 * MS, math.nan, 0.5)
    rows.add(10 * MS, math.inf, 0.5)
    recorded = finish(rows, source())
    assert [s.x_norm for s in recorded.samples] == [0.5, None, None]
    assert [s.confidence for s in recorded.samples] == [1.0, 0.0, 0.0]
    assert "2 of them without gaze" in recorded.note


def test_no_rows_and_no_gaze_are_refused() -> None:
    assert "no usable gaze rows" in refusal(rows_at(None, None))
    assert "none of the 2 rows" in refusal(rows_at(0, 5 * MS, x=math.nan))


@pytest.mark.parametrize(
    ("step_ns", "said"),
    [
        (5 * MS // 1000, "1000 times larger"),
        (5 * MS * 1000, "1000 times smaller"),
        (5, "1000000 times larger"),
        (S * S, "samples a second"),
    ],
)
def test_micro_and_nanoseconds_mixed_up_are_refused(step_ns: int, said: str) -> None:
    assert said in refusal(rows_at(*(n * step_ns for n in range(10))))


def test_positions_far_outside_the_picture_are_refused() -> None:
    assert "pictures or more away" in refusal(rows_at(0, 5 * MS, x=640.0))


def test_degrees_given_as_pixels_are_refused() -> None:
    assert "corner" in refusal(rows_at(*(n * 5 * MS for n in range(30)), x=12.0 / 1600, y=-4.0 / 1200), in_pixels=True)


def test_gaze_in_the_corner_is_believed_where_the_file_gives_no_pixels() -> None:
    assert len(finish(rows_at(*(n * 5 * MS for n in range(30)), x=0.01, y=0.01), source()).samples) == 30


def test_a_confidence_above_one_is_refused() -> None:
    rows = rows_at(0)
    rows.add(5 * MS, 0.5, 0.5, 60.0)
    assert "confidence" in refusal(rows)


def test_the_rate_is_the_mean_without_gaps() -> None:
    steps = [4 * MS, 4 * MS, 4 * MS, 8 * MS] * 20
    assert rate_hz(steps) == pytest.approx(200.0)
    assert rate_hz([*steps, 3 * S]) == pytest.approx(200.0)
    assert rate_hz([]) is None
    assert "longest gap 3.00 s" in finish(rows_at(0, 5 * MS, 10 * MS, 3 * S + 10 * MS), source()).note


def test_an_axis_that_is_turned_over_is_refused() -> None:
    down = [0.01 * n for n in range(50)]
    check_direction(down, down, "a.csv", "y and elevation")
    with pytest.raises(GazeFileError, match=r"y and elevation in a\.csv run against each other"):
        check_direction(down, [-value for value in down], "a.csv", "y and elevation")


def test_gaze_that_hardly_moves_says_nothing_about_its_axes() -> None:
    check_direction([0.5] * 50, [0.01 * n for n in range(50)], "a.csv", "y and elevation")
    check_direction([0.1, 0.2, 0.3], [0.3, 0.2, 0.1], "a.csv", "y and elevation")


@given(
    st.lists(
        st.tuples(st.one_of(st.none(), st.integers(0, 2**64)), st.floats(), st.floats(), st.floats(0.0, 1.0), st.booleans()), max_size=40
    )
)
def test_every_row_is_a_sample_or_counted(given_rows: list[tuple[int | None, float, float, float, bool]]) -> None:
    rows = Rows()
    for row in given_rows:
        rows.add(*row)
    try:
        recorded: Recorded = finish(rows, source())
    except GazeFileError:
        return
    assert len(recorded.samples) + sum(recorded.dropped.values()) == len(given_rows)
    times = [s.t_ns for s in recorded.samples]
    assert times[0] == 0 and all(a < b for a, b in itertools.pairwise(times))
