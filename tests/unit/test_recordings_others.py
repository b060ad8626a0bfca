"""Tobii Glasses 2 and 3, EGTEA Gaze+, Ego4D, the generic CSV, and how a format is told. Files here are written after the layouts."""

from __future__ import annotations

import gzip
import io
import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest

from devices.recordings import open_gaze
from edge_runtime.errors import GazeFileError

S = 1_000_000_000


def packed(path: Path, items: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(json.dumps(item) + "\n" for item in items).encode()))
    return path


# ------------------------------------------------------------ Tobii Glasses 2


def glasses2(count: int = 40, *, up: float = 1.0) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for n in range(count):
        x, y = 0.4 + 0.005 * (n % 40), 0.3 + 0.01 * (n % 40)
        items.append({"ts": 84_000_000 + 20_000 * n, "s": 0, "gidx": n, "pd": 3.4, "eye": "left"})
        items.append({"ts": 84_000_000 + 20_000 * n, "s": 0, "gidx": n, "l": 6, "gp": [x, y]})
        items.append({"ts": 84_000_000 + 20_000 * n, "s": 0, "gidx": n, "gp3": [(0.5 - x) * 1700, up * (0.5 - y) * 950, 1000.0]})
    return items


def test_glasses2_from_a_card_a_segment_or_the_file(tmp_path: Path) -> None:
    file = packed(tmp_path / "segments" / "1" / "livedata.json.gz", glasses2())
    (tmp_path / "recording.json").write_text(json.dumps({"rec_info": {"Name": "a walk"}}))
    recorded = open_gaze(tmp_path)
    assert recorded == open_gaze(file.parent) == open_gaze(file)
    assert (recorded.samples[0].x_norm, recorded.samples[0].y_norm) == (0.4, 0.3)
    assert recorded.rate_hz == pytest.approx(50.0) and recorded.t_origin_ns == 84 * S
    assert recorded.name == "a walk" and recorded.verified and recorded.hfov_deg is None


def test_glasses2_samples_of_bad_status_have_no_point(tmp_path: Path) -> None:
    items = glasses2()
    items[4] = {"ts": 84_020_000, "s": 1, "gidx": 1, "gp": [0.0, 0.0]}
    recorded = open_gaze(packed(tmp_path / "livedata.json.gz", items))
    assert [k for k, s in enumerate(recorded.samples) if s.x_norm is None] == [1]


def test_glasses2_counts_what_it_cannot_use_and_names_what_it_does_not_know(tmp_path: Path) -> None:
    items: list[Any] = [*glasses2(), {"ts": 85, "s": 0, "gp": "left"}, {"s": 0, "gp": [0.5, 0.5]}, [1], {"ts": 1, "s": 0, "mood": 1}]
    recorded = open_gaze(packed(tmp_path / "livedata.json.gz", items))
    assert recorded.dropped == {"unreadable": 2, "no_time": 1}
    assert recorded.not_understood == ("mood",)


def test_glasses2_says_where_the_video_begins(tmp_path: Path) -> None:
    recorded = open_gaze(packed(tmp_path / "livedata.json.gz", [*glasses2(), {"ts": 84_500_000, "s": 0, "vts": 0}]))
    assert "the scene video begins 0.500 s after the first sample" in recorded.note


def test_glasses2_turned_upside_down_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GazeFileError, match=r"top to bottom, in .* run against each other"):
        open_gaze(packed(tmp_path / "livedata.json.gz", glasses2(up=-1.0)))


def tslv(kind: int, payload: bytes) -> bytes:
    return struct.pack("<hhi", kind, 0, len(payload)) + payload + bytes(-len(payload) % 4)


def test_glasses2_camera_is_in_the_eye_tracking_stream(tmp_path: Path) -> None:
    file = packed(tmp_path / "livedata.json.gz", glasses2())
    camera = struct.pack("<bb2x", 0, 1) + struct.pack("<12f", *[0.0] * 12)
    camera += struct.pack("<11f", 1135.0, 1134.0, 0.0, 936.0, 547.0, 0.1, -0.37, 0.355, -0.001, 0.0005, 0.0) + struct.pack(
        "<2h", 1920, 1080
    )
    (tmp_path / "et.tslv.gz").write_bytes(gzip.compress(tslv(21332, b"TSLV1") + tslv(300, camera) + tslv(2, b"xyz")))
    recorded = open_gaze(file)
    assert (recorded.width_px, recorded.height_px) == (1920, 1080)
    assert recorded.hfov_deg == pytest.approx(math.degrees(2 * math.atan(960 / 1135)))
    assert recorded.camera is not None
    assert recorded.camera.distortion == pytest.approx((0.1, -0.37, -0.001, 0.0005, 0.355)), "k1, k2, p1, p2, k3"
    (tmp_path / "et.tslv.gz").write_bytes(gzip.compress(tslv(2, b"xyz")))
    assert "no scene camera in et.tslv.gz" in open_gaze(file).note


def test_a_torn_file_is_read_to_the_tear_and_an_empty_one_refused(tmp_path: Path) -> None:
    file = packed(tmp_path / "livedata.json.gz", glasses2(2000))
    file.write_bytes(file.read_bytes()[:-400])
    recorded = open_gaze(file)
    assert 0 < len(recorded.samples) < 2000 and "the file is torn" in recorded.note
    file.write_bytes(b"")
    with pytest.raises(GazeFileError, match="is empty"):
        open_gaze(file)
    packed(file, [])
    with pytest.raises(GazeFileError, match=r"livedata\.json\.gz"):
        open_gaze(file)


def test_several_segments_are_not_chosen_between(tmp_path: Path) -> None:
    for n in (1, 2):
        packed(tmp_path / "segments" / str(n) / "livedata.json.gz", glasses2())
    with pytest.raises(GazeFileError, match=r"several gaze recordings: segments/1/livedata\.json\.gz .*, segments/2/livedata\.json\.gz"):
        open_gaze(tmp_path)


# ------------------------------------------------------------ Tobii Glasses 3


def glasses3(count: int = 40) -> list[dict[str, Any]]:
    def data(n: int) -> dict[str, Any]:
        x, y = 0.4 + 0.005 * n, 0.3 + 0.01 * n
        return {"gaze2d": [x, y], "gaze3d": [(0.5 - x) * 1700, (0.5 - y) * 950, 1000.0], "eyeleft": {"pupildiameter": 3.0}}

    return [{"type": "gaze", "timestamp": 0.5 + 0.02 * n, "data": data(n)} for n in range(count)]


def test_glasses3_is_untried_and_lost_gaze_has_empty_data(tmp_path: Path) -> None:
    items = glasses3()
    items[7]["data"] = {}
    items += [{"type": "mood", "timestamp": 2.0, "data": {}}, {"type": "gaze", "timestamp": None, "data": {"gaze2d": [0.5, 0.5]}}]
    packed(tmp_path / "gazedata.gz", items)
    recorded = open_gaze(tmp_path)
    assert not recorded.verified and recorded.device == "Tobii Pro Glasses 3"
    assert (recorded.samples[0].x_norm, recorded.samples[0].y_norm, recorded.samples[7].x_norm) == (0.4, 0.3, None)
    assert recorded.t_origin_ns == S // 2 and recorded.rate_hz == pytest.approx(50.0)
    assert recorded.dropped == {"no_time": 1} and recorded.not_understood == ("type mood",)


def test_glasses3_camera_is_in_the_recordings_description(tmp_path: Path) -> None:
    packed(tmp_path / "gazedata.gz", glasses3())
    camera = {
        "focal-length": [918.0, 918.0],
        "principal-point": [960.0, 540.0],
        "radial-distortion": [-0.05, 0.05, 0.0],
        "tangential-distortion": [0.0, 0.0],
        "resolution": [1920, 1080],
    }
    (tmp_path / "recording.g3").write_text(json.dumps({"name": "a walk", "scenecamera": {"camera-calibration": camera}}))
    recorded = open_gaze(tmp_path)
    assert recorded.name == "a walk" and (recorded.width_px, recorded.height_px) == (1920, 1080)
    assert recorded.hfov_deg == pytest.approx(math.degrees(2 * math.atan(960 / 918)))
    del camera["focal-length"]
    (tmp_path / "recording.g3").write_text(json.dumps({"scenecamera": {"camera-calibration": camera}}))
    with pytest.raises(GazeFileError, match="not complete"):
        open_gaze(tmp_path)


# ------------------------------------------------------------ EGTEA Gaze+


def begaze(folder: Path, rows: list[list[str]]) -> Path:
    head = ["## [BeGaze]", "## Date:\t01.02.2016", "## Number of Samples:\t99", "## ", "Time\tType\tTrial\tL POR X [px]\tL POR Y [px]"]
    path = folder / "OP01-R01-PastaSalad.txt"
    path.write_text("\n".join([*head, *("\t".join(row) for row in rows)]) + "\n")
    return path


def short(frame: int, x: float, y: float, kind: str = "Fixation") -> list[str]:
    return ["12345", "SMP", "1", str(x), str(y), str(frame), kind]


def long(clock: str, x: float, y: float, kind: str = "Fixation") -> list[str]:
    return ["12345", "SMP", "1", "0", "0", str(x), str(y), *["0"] * 17, clock, kind]


def test_egtea_with_seven_columns(tmp_path: Path) -> None:
    rows = [short(0, 640, 480), short(0, 660, 500), short(1, 320, 240, "Saccade"), short(2, 0, 0, "-"), short(3, 9, 9, "Blink")]
    recorded = open_gaze(begaze(tmp_path, rows))
    assert [(s.x_norm, s.y_norm) for s in recorded.samples] == [(650 / 1280, 490 / 960), (0.25, 0.25), (None, None), (None, None)]
    assert [s.t_ns for s in recorded.samples] == [n * S // 24 for n in range(4)]
    assert not recorded.verified and (recorded.width_px, recorded.height_px, recorded.hfov_deg) == (1280, 960, None)
    assert "1 of 4 frames, averaged" in recorded.note and recorded.name == "OP01-R01-PastaSalad"


def test_egtea_with_twenty_six_columns_and_frames_as_a_clock(tmp_path: Path) -> None:
    rows = [long("00:01:00:22", 320, 240), long("00:01:00:23", 320, 240), long("00:01:01:00", 640, 480), short(9, 1, 1)]
    recorded = open_gaze(begaze(tmp_path, rows))
    assert recorded.t_origin_ns == (60 * 24 + 22) * S // 24
    assert [s.x_norm for s in recorded.samples] == [0.25, 0.25, 0.5]
    assert recorded.dropped == {"unreadable": 1}


def test_egtea_rows_that_fit_neither_version_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GazeFileError, match="no rows of 7 or 26 columns") as caught:
        open_gaze(begaze(tmp_path, [["1", "2", "3"]]))
    assert "[3]" in caught.value.hint


def test_egtea_broken_rows_are_counted(tmp_path: Path) -> None:
    rows = [short(0, 640, 480), short(1, 640, 480), short(-1, 640, 480), ["x", "SMP", "1", "left", "0", "3", "-"], long("0:0", 1, 1)]
    assert open_gaze(begaze(tmp_path, rows)).dropped == {"no_time": 1, "unreadable": 2}


# ------------------------------------------------------------ Ego4D


def test_ego4d_is_untried_and_says_that_y_is_taken_to_run_up(tmp_path: Path) -> None:
    rows = [f"0,{n / 30:.9f},{n / 30:.9f},0.8,x,0.25,0.9,{n}" for n in range(30)]
    path = tmp_path / "d18ef16d.csv"
    header = "component_idx,canonical_timestamp_s,component_timestamp_s,confidence,mood,norm_pos_x,norm_pos_y,world_index"
    path.write_text("\n".join([header, *rows]) + "\n")
    recorded = open_gaze(path)
    assert not recorded.verified and "norm_pos_y taken to run up" in recorded.note
    first = recorded.samples[0]
    assert (first.x_norm, first.confidence) == (0.25, 0.8) and first.y_norm == pytest.approx(0.1)
    assert recorded.rate_hz == pytest.approx(30.0) and recorded.not_understood == ("mood",)


# ------------------------------------------------------------ generic, and telling formats apart


def test_the_generic_csv_starts_its_clock_at_zero_too(tmp_path: Path) -> None:
    path = tmp_path / "desk.csv"
    path.write_text("t_s,x_norm,y_norm,mood\n5.0,0.5,0.5,1\n5.01,0.5,0.5,1\n5.01,0.6,0.5,1\n")
    recorded = open_gaze(path)
    assert [s.t_ns for s in recorded.samples] == [0, 10_000_000] and recorded.t_origin_ns == 5 * S
    assert recorded.dropped == {"duplicate": 1} and recorded.not_understood == ("mood",)
    assert (recorded.hfov_deg, recorded.width_px, recorded.height_px) == (None, None, None)


def test_degrees_in_the_generic_csv_need_a_camera_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "desk.csv"
    path.write_text("t_s,x_deg,y_deg\n0,30,0\n0.01,30,0\n")
    recorded = open_gaze(path, hfov_deg=60.0)
    assert recorded.samples[0].x_norm == pytest.approx(1.0) and recorded.hfov_deg == 60.0
    assert "camera assumed, not known: a pinhole 60 degrees wide" in recorded.note
    assert "90 degrees wide" in open_gaze(path).note


def test_standard_input_is_a_generic_csv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"t_s,x_norm,y_norm\n1,0.5,0.5\n1.01,0.5,0.5\n")))
    recorded = open_gaze(Path("-"))
    assert len(recorded.samples) == 2 and recorded.name == "standard input"


def test_a_folder_with_nothing_known_lists_what_it_holds_and_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "holiday.txt").write_text("sea and sand\n")
    with pytest.raises(GazeFileError, match=r"which holds: holiday\.txt") as caught:
        open_gaze(tmp_path)
    for format_ in ("Aria", "Neon", "Core", "Tobii Glasses 2", "Tobii Glasses 3", "EGTEA", "Ego4D", "gaze CSV"):
        assert format_ in caught.value.hint
    with pytest.raises(GazeFileError, match="no gaze recording is recognised"):
        open_gaze(tmp_path / "holiday.txt")


def test_two_formats_in_one_folder_are_not_chosen_between(tmp_path: Path) -> None:
    (tmp_path / "gaze.csv").write_text("t_s,x_norm,y_norm\n0,0.5,0.5\n0.01,0.5,0.5\n")
    packed(tmp_path / "gazedata.gz", glasses3())
    with pytest.raises(GazeFileError, match=r"gazedata\.gz \(Tobii Glasses 3\), gaze\.csv \(gaze CSV\)"):
        open_gaze(tmp_path)
    assert open_gaze(tmp_path / "gaze.csv").device == "unknown (CSV)"


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 100, b"name,age\n1,2\n", b"\n\n\n"])
def test_a_file_that_is_nothing_known_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(GazeFileError):
        open_gaze(path)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GazeFileError, match="there is no"):
        open_gaze(tmp_path / "nowhere")
