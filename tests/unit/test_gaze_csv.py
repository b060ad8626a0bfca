"""Gaze files: what is read, what is left out and counted, and what is refused with a way on."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from devices.gaze_csv import GazeFile, read_gaze_csv
from edge_runtime.errors import GazeFileError

MS = 1_000_000


def write(folder: Path, text: str) -> Path:
    path = folder / "gaze.csv"
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, text: str) -> GazeFile:
    return read_gaze_csv(write(folder, text))


def refusal(folder: Path, text: str) -> tuple[str, str]:
    """Message and hint."""
    with pytest.raises(GazeFileError) as caught:
        read(folder, text)
    assert caught.value.exit_code == 3
    return str(caught.value), caught.value.hint


def test_the_short_form(tmp_path: Path) -> None:
    gaze = read(tmp_path, "t_s,x_norm,y_norm\n0.000,0.25,0.5\n0.005,0.26,0.5\n")
    assert [(s.t_ns, s.x_norm, s.y_norm) for s in gaze.samples] == [(0, 0.25, 0.5), (5 * MS, 0.26, 0.5)]
    assert gaze.dropped == {} and gaze.without_gaze == 0 and gaze.reordered == 0
    assert gaze.note == "2 gaze samples over 0.0 s"


def test_confidence_and_worn_in_any_order_of_columns(tmp_path: Path) -> None:
    gaze = read(tmp_path, "worn,x_norm,y_norm,confidence,t_s\n1,0.1,0.2,0.9,0\n0,0.1,0.2,0.4,0.01\ntrue,0.1,0.2,1,0.02\n")
    assert [(s.confidence, s.worn) for s in gaze.samples] == [(0.9, True), (0.4, False), (1.0, True)]


def test_degrees_are_turned_into_places_in_the_picture(tmp_path: Path) -> None:
    path = write(tmp_path, "t_s,x_deg,y_deg,valid\n0,-45,0,1\n0.01,45,0,1\n0.02,0,0,1\n0.03,5,5,0\n")
    gaze = read_gaze_csv(path, hfov_deg=90.0, aspect=4 / 3)
    assert [s.x_norm for s in gaze.samples] == [pytest.approx(0.0), pytest.approx(1.0), pytest.approx(0.5), None]
    assert gaze.without_gaze == 1


def test_degrees_need_the_field_of_view(tmp_path: Path) -> None:
    path = write(tmp_path, "t_s,x_deg,y_deg,valid\n0,30,0,1\n")
    assert read_gaze_csv(path, hfov_deg=60.0).samples[0].x_norm == pytest.approx(1.0)


def test_a_dash_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"t_s,x_norm,y_norm\n0,0.5,0.5\n")))
    assert len(read_gaze_csv("-").samples) == 1


def test_notes_blank_lines_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "gaze.csv"
    path.write_bytes(b"\xef\xbb\xbf# a note\r\n\r\nt_s, x_norm, y_norm\r\n0, 0.5, 0.5\r\n# another\r\n0.01, 0.5, 0.5\r\n")
    assert len(read_gaze_csv(path).samples) == 2


def test_a_column_that_is_not_needed_is_named_and_left_alone(tmp_path: Path) -> None:
    gaze = read(tmp_path, "t_s,x_norm,y_norm,pupil_mm\n0,0.5,0.5,3.1\n")
    assert gaze.ignored_columns == ("pupil_mm",)
    assert "columns not used: pupil_mm" in gaze.note


@pytest.mark.parametrize("cells", ["nan,0.5", "0.5,", ",", "inf,0.5", "0.5,NaN"])
def test_a_cell_without_a_number_is_no_gaze_at_that_time(tmp_path: Path, cells: str) -> None:
    gaze = read(tmp_path, f"t_s,x_norm,y_norm\n0,0.5,0.5\n0.005,{cells}\n0.010,0.5,0.5\n")
    assert [s.valid for s in gaze.samples] == [True, False, True]
    assert gaze.without_gaze == 1 and gaze.dropped == {}
    assert "1 of them without gaze" in gaze.note


def test_a_confidence_that_is_missing_is_no_gaze(tmp_path: Path) -> None:
    gaze = read(tmp_path, "t_s,x_norm,y_norm,confidence\n0,0.5,0.5,1\n0.005,0.5,0.5,\n")
    assert [s.valid for s in gaze.samples] == [True, False]


def test_an_angle_behind_the_camera_is_no_gaze(tmp_path: Path) -> None:
    gaze = read(tmp_path, "t_s,x_deg,y_deg,valid\n0,1,1,1\n0.005,100,1,1\n0.010,2,1,1\n")
    assert [s.valid for s in gaze.samples] == [True, False, True]


def test_times_out_of_order_are_sorted_counted_and_said(tmp_path: Path) -> None:
    gaze = read(tmp_path, "t_s,x_norm,y_norm\n0.00,0.1,0.5\n0.02,0.3,0.5\n0.01,0.2,0.5\n0.03,0.4,0.5\n")
    assert [s.x_norm for s in gaze.samples] == [0.1, 0.2, 0.3, 0.4]
    assert gaze.reordered == 1
    assert "1 rows were out of order and have been sorted by time" in gaze.note


def test_of_two_rows_at_one_time_the_first_is_kept_and_the_other_counted(tmp_path: Path) -> None:
    gaze = read(tmp_path, "t_s,x_norm,y_norm\n0.00,0.1,0.5\n0.01,0.2,0.5\n0.01,0.9,0.9\n0.02,0.3,0.5\n")
    assert [s.x_norm for s in gaze.samples] == [0.1, 0.2, 0.3]
    assert gaze.dropped == {"duplicate": 1}
    assert "1 rows left out (duplicate)" in gaze.note


def test_rows_that_cannot_be_read_are_left_out_and_counted(tmp_path: Path) -> None:
    gaze = read(tmp_path, 't_s,x_norm,y_norm\n0,0.1,0.5\n0.01,0.2\n0.02,left,0.5\n,0.2,0.5\n0.03,"0.4,0.5\n0.04,0.5,0.5\n')
    assert [s.x_norm for s in gaze.samples] == [0.1, 0.4, 0.5]
    assert gaze.dropped == {"unreadable": 2, "no_time": 1}


def test_every_row_is_a_sample_or_counted(tmp_path: Path) -> None:
    rows = ["0,0.1,0.5", "0.01,0.2", "0.01,nan,0.5", "0.01,0.3,0.5", ",0.2,0.5", "0.005,0.4,0.5"]
    gaze = read(tmp_path, "\n".join(["t_s,x_norm,y_norm", *rows]))
    assert len(gaze.samples) + sum(gaze.dropped.values()) == len(rows)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GazeFileError, match=r"there is no gaze file .*none\.csv") as caught:
        read_gaze_csv(tmp_path / "none.csv")
    assert "check the path" in caught.value.hint


def test_a_folder_is_not_a_gaze_file(tmp_path: Path) -> None:
    with pytest.raises(GazeFileError, match="cannot read the gaze file") as caught:
        read_gaze_csv(tmp_path)
    assert "readable file" in caught.value.hint


@pytest.mark.parametrize("text", ["", " \n\n", "# only a note\n"])
def test_an_empty_file(tmp_path: Path, text: str) -> None:
    message, hint = refusal(tmp_path, text)
    assert "is empty" in message
    assert "t_s,x_norm,y_norm" in hint and "t_s,x_deg,y_deg" in hint


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "gaze.csv"
    path.write_bytes(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(GazeFileError, match="is not a text file") as caught:
        read_gaze_csv(path)
    assert "CSV in UTF-8" in caught.value.hint


def test_an_unknown_header_is_quoted_and_the_nearest_names_suggested(tmp_path: Path) -> None:
    message, hint = refusal(tmp_path, "time,xnorm,y_norm\n0,0.5,0.5\n")
    assert "'time,xnorm,y_norm'" in message and "not understood: time, xnorm" in message
    assert "did you mean x_norm where it says xnorm?" in hint
    assert "t_s,x_norm,y_norm[,confidence,worn] or t_s,x_deg,y_deg,valid" in hint


def test_a_header_that_lacks_a_column(tmp_path: Path) -> None:
    message, hint = refusal(tmp_path, "t_s,x_norm\n0,0.5\n")
    assert "a column is missing" in message and "known:" in hint


def test_a_file_without_a_header(tmp_path: Path) -> None:
    message, hint = refusal(tmp_path, "0.0,0.5,0.5\n0.1,0.5,0.5\n")
    assert "has no header: its first line is '0.0,0.5,0.5'" in message
    assert hint == "name the columns: t_s,x_norm,y_norm[,confidence,worn] or t_s,x_deg,y_deg,valid"


def test_a_slip_in_an_optional_column_is_not_passed_over(tmp_path: Path) -> None:
    message, hint = refusal(tmp_path, "t_s,x_norm,y_norm,confidance\n0,0.5,0.5,0.1\n")
    assert "misspelt: confidance" in message
    assert hint == "did you mean confidence where it says confidance?"


def test_both_forms_at_once_are_one_too_many(tmp_path: Path) -> None:
    message, hint = refusal(tmp_path, "t_s,x_norm,y_norm,x_deg,y_deg\n0,0.5,0.5,0,0\n")
    assert "positions twice" in message and "keep one" in hint


def test_a_column_named_twice(tmp_path: Path) -> None:
    message, hint = refusal(tmp_path, "t_s,x_norm,y_norm,y_norm\n0,0.5,0.5,0.6\n")
    assert "a column twice: y_norm" in message and "once" in hint


def test_a_header_and_nothing_else(tmp_path: Path) -> None:
    message, hint = refusal(tmp_path, "t_s,x_norm,y_norm\n")
    assert "no usable rows" in message and "t_s,x_norm,y_norm" in hint


def test_rows_none_of_which_can_be_read(tmp_path: Path) -> None:
    message, hint = refusal(tmp_path, "t_s,x_norm,y_norm\na,b,c\n,0.5,0.5\n")
    assert "1 unreadable, 1 no_time" in message and "numbers" in hint


def test_rows_none_of_which_has_gaze(tmp_path: Path) -> None:
    message, hint = refusal(tmp_path, "t_s,x_norm,y_norm\n0,nan,nan\n0.01,,\n")
    assert "none of the 2 rows" in message and "valid=0" in hint


@pytest.mark.parametrize(
    ("step", "unit", "factor"), [(5, "milliseconds", "1000"), (5_000, "microseconds", "1000000"), (5_000_000, "nanoseconds", "1000000000")]
)
def test_time_in_another_unit(tmp_path: Path, step: int, unit: str, factor: str) -> None:
    rows = "\n".join(f"{1_700_000_000 + k * step},0.5,0.5" for k in range(20))
    message, hint = refusal(tmp_path, f"t_s,x_norm,y_norm\n{rows}\n")
    assert f"looks like {unit}" in message
    assert f"divide it by {factor}" in hint


def test_seconds_since_the_epoch_are_seconds(tmp_path: Path) -> None:
    rows = "\n".join(f"{1_700_000_000 + k / 200},0.5,0.5" for k in range(20))
    gaze = read(tmp_path, f"t_s,x_norm,y_norm\n{rows}\n")
    assert gaze.samples[1].t_ns - gaze.samples[0].t_ns == pytest.approx(5 * MS, abs=1000)


@pytest.mark.parametrize("columns", ["x_norm,y_norm", "x_deg,y_deg"])
def test_places_in_pixels(tmp_path: Path, columns: str) -> None:
    rows = "\n".join(f"{k / 200},{600 + k},{340 - k}" for k in range(20))
    message, hint = refusal(tmp_path, f"t_s,{columns}\n{rows}\n")
    assert "look like pixels" in message
    assert "divide x by the picture's width" in hint


def test_degrees_under_the_name_of_normalised_places(tmp_path: Path) -> None:
    rows = "\n".join(f"{k / 200},{10 - k},{k / 2}" for k in range(20))
    message, hint = refusal(tmp_path, f"t_s,x_norm,y_norm\n{rows}\n")
    assert "look like degrees or pixels" in message
    assert "call the columns x_deg, y_deg" in hint


def test_gaze_beside_the_picture_is_not_another_unit(tmp_path: Path) -> None:
    assert len(read(tmp_path, "t_s,x_norm,y_norm\n0,1.4,-0.6\n0.01,1.5,-0.7\n0.02,900,0.5\n").samples) == 3


@pytest.mark.parametrize("confidence", ["87", "-1"])
def test_a_confidence_in_another_unit(tmp_path: Path, confidence: str) -> None:
    message, hint = refusal(tmp_path, f"t_s,x_norm,y_norm,confidence\n0,0.5,0.5,{confidence}\n")
    assert f"confidence in {tmp_path / 'gaze.csv'} is {confidence}" in message
    assert "from 0 to 1" in hint
