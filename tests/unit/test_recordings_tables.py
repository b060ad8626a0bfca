"""Tables and packed lines: columns by the beginning of their names, cells to the last digit, torn files read to the tear."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.recordings.recorded import Rows
from devices.recordings.tables import Table, json_lines, number, read_table, time_ns, unpack
from edge_runtime.errors import GazeFileError


def table(*columns: str) -> Table:
    return Table(Path("a.csv"), columns, [])


def lines(count: int) -> bytes:
    return b"".join(json.dumps({"ts": n, "noise": f"{n * n * 7919:x}"}).encode() + b"\n" for n in range(count))


def test_a_column_is_found_by_how_it_begins_whatever_its_unit_is_called() -> None:
    assert table("timestamp [ns]", "acceleration x [G]").need("acceleration x") == 1
    assert table("timestamp [ns]", "Acceleration x [g]").need("acceleration x") == 1


def test_an_exact_name_wins_over_longer_ones() -> None:
    assert table("confidence 3d", "confidence").find("confidence") == 1


def test_two_candidates_are_refused() -> None:
    with pytest.raises(GazeFileError, match=r"several columns for 'gaze x': gaze x \[px\], gaze x \[deg\]"):
        table("gaze x [px]", "gaze x [deg]").find("gaze x")


def test_a_missing_column_is_named_and_the_others_listed() -> None:
    with pytest.raises(GazeFileError, match="no column 'gaze y'") as caught:
        table("timestamp [ns]", "gaze x [px]").need("gaze y")
    assert caught.value.hint == "its columns are: timestamp [ns], gaze x [px]"


def test_columns_that_are_not_understood_are_named() -> None:
    assert table("timestamp [ns]", "gaze x [px]", "mood").unknown(("timestamp", "gaze")) == ("mood",)


def test_short_rows_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,c\n1,2,3\n4\n5,6,7\n")
    rows = Rows()
    assert list(read_table(path).cells(rows, [0, 2])) == [["1", "3"], ["5", "7"]]
    assert rows.dropped == {"unreadable": 1}


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"\xff\xfe\x00\x01 binary"])
def test_no_table(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(GazeFileError):
        read_table(path)


def test_a_spoilt_byte_spoils_its_cell_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b,c\n1,2,3\n4,\xff,6\n7,8,9\n" + b"7,8,9\n" * 20)
    assert [cells[0] for cells in read_table(path).cells(Rows(), [0, 2])][:3] == ["1", "4", "7"]


def test_times_keep_every_digit() -> None:
    assert time_ns("1685088813175076015", 1) == 1685088813175076015
    assert time_ns("12.345678901", 1_000_000_000) == 12345678901
    assert time_ns("", 1) is None and time_ns("nan", 1) is None
    assert time_ns("1e999999", 1) is None and time_ns("inf", 1) is None, "no time that any clock shows"
    for word in ("soon", "snan", "12:30"):
        with pytest.raises(ValueError):
            time_ns(word, 1)


@given(st.integers(0, 2**62))
def test_any_time_in_nanoseconds_comes_back(t_ns: int) -> None:
    assert time_ns(f"{t_ns // 10**9}.{t_ns % 10**9:09d}", 10**9) == t_ns
    assert time_ns(str(t_ns), 1) == t_ns


def test_an_empty_cell_is_no_number_and_a_word_is_an_error() -> None:
    assert number(" ") != number(" ") and number('"1.5"') == 1.5
    with pytest.raises(ValueError):
        number("left")


def test_a_whole_packed_file_and_one_that_was_unpacked_already(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.json", tmp_path / "a.json.gz"
    plain.write_bytes(lines(50))
    packed.write_bytes(gzip.compress(lines(50)))
    for path in (plain, packed):
        rows = Rows()
        found, torn = json_lines(path, rows)
        assert [item["ts"] for item in found] == list(range(50)) and not torn and rows.dropped == {}


def test_several_packed_files_in_one(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"one ") + gzip.compress(b"two"))
    assert unpack(path) == (b"one two", False)


def test_a_torn_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    whole = gzip.compress(lines(2000))
    path.write_bytes(whole[: len(whole) // 2])
    rows = Rows()
    found, torn = json_lines(path, rows)
    assert torn and 0 < len(found) < 2000
    assert [item["ts"] for item in found] == list(range(len(found)))
    assert rows.dropped == {"torn": 1}


def test_a_line_that_is_no_object_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{"ts": 1}\nwhat\n[2]\n{"ts": 3}\n')
    rows = Rows()
    assert len(json_lines(path, rows)[0]) == 2 and rows.dropped == {"unreadable": 2}


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", gzip.compress(lines(2000), mtime=0)[:10]])
def test_nothing_to_unpack(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(content)
    with pytest.raises(GazeFileError):
        unpack(path)


@given(st.binary(max_size=200), st.integers(0, 400))
def test_any_cut_gives_a_beginning_or_an_error(tmp_path_factory: pytest.TempPathFactory, content: bytes, cut: int) -> None:
    path = tmp_path_factory.mktemp("cut") / "a.gz"
    whole = gzip.compress(content)
    path.write_bytes(whole[: min(cut, len(whole))])
    try:
        got, torn = unpack(path)
    except GazeFileError:
        return
    assert content.startswith(got) and torn == (cut < len(whole))
