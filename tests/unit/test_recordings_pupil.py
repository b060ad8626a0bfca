"""Pupil Labs: Neon's native parts, Cloud exports of both devices, and Pupil Core's export. Files here are written after the layouts."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

import msgspec
import numpy as np
import pytest

from devices.recordings import open_gaze
from edge_runtime.errors import GazeFileError
from gaze.camera import Camera

MS = 1_000_000
START_NS = 1_760_676_790_000_000_000
CLOUD = "section id,recording id,timestamp [ns],gaze x [px],gaze y [px],worn,fixation id,blink id,azimuth [deg],elevation [deg]"
NEON_LENS = (-0.13, 0.108, 0.0, 0.0, 0.0, 0.17, 0.052, 0.025)


# ------------------------------------------------------------ Neon, native


def part(folder: Path, n: int, start_ns: int, count: int, *, x_px: float = 800.0) -> None:
    times = start_ns + 5 * MS * np.arange(count, dtype="<i8")
    xy = np.full((count, 2), (x_px, 300.0), "<f4")
    (folder / f"gaze ps{n}.raw").write_bytes(xy.tobytes())
    (folder / f"gaze ps{n}.time").write_bytes(times.tobytes())


def test_neon_parts_are_joined_in_their_order(tmp_path: Path) -> None:
    for n in (1, 2, 10):
        part(tmp_path, n, START_NS + n * 1_000 * MS, 20, x_px=100.0 * n)
    recorded = open_gaze(tmp_path)
    assert recorded.t_origin_ns == START_NS + 1_000 * MS
    assert [recorded.samples[k].x_norm for k in (0, 20, 40)] == [pytest.approx(100.0 * n / 1600) for n in (1, 2, 10)]
    assert recorded.samples[0].y_norm == pytest.approx(0.25)
    assert recorded.rate_hz == pytest.approx(200.0) and "longest gap 7.9" in recorded.note
    assert (recorded.width_px, recorded.height_px, recorded.hfov_deg) == (1600, 1200, None), "nothing says the camera's field of view"
    assert recorded.verified and recorded.device == "Pupil Neon"


def test_neon_gaze_computed_afterwards_is_taken_before_the_phones(tmp_path: Path) -> None:
    part(tmp_path, 1, START_NS, 20, x_px=100.0)
    part(tmp_path, 2, START_NS, 20, x_px=400.0)
    (tmp_path / "gaze ps2.raw").rename(tmp_path / "gaze_200hz.raw")
    (tmp_path / "gaze ps2.time").rename(tmp_path / "gaze_200hz.time")
    recorded = open_gaze(tmp_path)
    assert recorded.samples[0].x_norm == pytest.approx(0.25) and len(recorded.samples) == 20
    assert "gaze_200hz.raw" in recorded.note


def test_neon_worn_and_blinks(tmp_path: Path) -> None:
    part(tmp_path, 1, START_NS, 40)
    (tmp_path / "worn ps1.raw").write_bytes(bytes([255] * 30 + [0] * 10))
    (tmp_path / "blinks ps1.raw").write_bytes(struct.pack("<iqq", 4, START_NS + 50 * MS, START_NS + 70 * MS))
    recorded = open_gaze(tmp_path)
    assert [k for k, s in enumerate(recorded.samples) if s.x_norm is None] == [10, 11, 12, 13, 14]
    assert [s.worn for s in recorded.samples] == [True] * 30 + [False] * 10
    assert "5 samples in 1 blinks" in recorded.note and "10 samples while the device was not worn" in recorded.note


def test_neon_layout_is_that_of_the_dtype_file(tmp_path: Path) -> None:
    (tmp_path / "gaze.dtype").write_text('[\n("x", "float64"),\n("y", "float64"),\n("sure", "float32"),\n]\n')
    values = np.zeros(20, [("x", "<f8"), ("y", "<f8"), ("sure", "<f4")])
    values["x"], values["y"] = 400.0, 600.0
    (tmp_path / "gaze ps1.raw").write_bytes(values.tobytes())
    (tmp_path / "gaze ps1.time").write_bytes((START_NS + 5 * MS * np.arange(20, dtype="<i8")).tobytes())
    (tmp_path / "mood ps1.raw").write_bytes(b"?")
    recorded = open_gaze(tmp_path)
    assert (recorded.samples[0].x_norm, recorded.samples[0].y_norm) == (0.25, 0.5)
    assert recorded.not_understood == ("mood ps1.raw", "gaze.sure")


@pytest.mark.parametrize("layout", ["open('x')", '[("x", "object"), ("y", "float32")]', '[("a", "float32"), ("b", "float32")]', "["])
def test_a_layout_that_is_none_is_refused(tmp_path: Path, layout: str) -> None:
    part(tmp_path, 1, START_NS, 20)
    (tmp_path / "gaze.dtype").write_text(layout)
    with pytest.raises(GazeFileError, match=r"gaze\.dtype"):
        open_gaze(tmp_path)


def test_a_torn_neon_file_is_read_to_the_tear(tmp_path: Path) -> None:
    part(tmp_path, 1, START_NS, 20)
    raw = tmp_path / "gaze ps1.raw"
    raw.write_bytes(raw.read_bytes()[:-3])
    recorded = open_gaze(tmp_path)
    assert len(recorded.samples) == 19
    assert recorded.dropped == {"torn": 1, "unreadable": 1}, "a cut point, and the time that went with it"


def test_neon_gaze_without_times_is_refused(tmp_path: Path) -> None:
    part(tmp_path, 1, START_NS, 20)
    (tmp_path / "gaze ps1.time").unlink()
    with pytest.raises(GazeFileError, match=r"there is no .*gaze ps1\.time"):
        open_gaze(tmp_path)


def test_neon_calibration_gives_the_scene_camera(tmp_path: Path) -> None:
    part(tmp_path, 1, START_NS, 20)
    matrix = [888.0, 0, 805.0, 0, 888.0, 618.0, 0, 0, 1]
    (tmp_path / "calibration.bin").write_bytes(b"\x01" + b"578846" + struct.pack("<17d", *matrix, *NEON_LENS) + bytes(660))
    recorded = open_gaze(tmp_path)
    assert recorded.camera == Camera(1600, 1200, 888.0, 888.0, 805.0, 618.0, NEON_LENS)
    assert recorded.hfov_deg == pytest.approx(math.degrees(2 * math.atan(800 / 888)))
    assert "pinhole of the same focal length" in recorded.note
    (tmp_path / "calibration.bin").write_bytes(b"\x01578846")
    with pytest.raises(GazeFileError, match="too short"):
        open_gaze(tmp_path)


# ------------------------------------------------------------ Cloud


def cloud(folder: Path, *, info: object = None, scene: object = None, rows: list[str] | None = None, header: str = CLOUD) -> Path:
    if rows is None:
        rows = [cloud_row(n) for n in range(40)]
    (folder / "gaze.csv").write_text("\n".join([header, *rows]) + "\n")
    if info is not None:
        (folder / "info.json").write_text(json.dumps(info))
    if scene is not None:
        (folder / "scene_camera.json").write_text(json.dumps(scene))
    return folder


def place(n: int) -> tuple[float, float]:
    return 600.0 + 10.0 * n, 500.0 + 5.0 * n


def cloud_row(n: int, *, worn: str = "1", blink: str = "", angles: str = ",") -> str:
    x, y = place(n)
    return f"s,r,{START_NS + 5 * MS * n},{x},{y},{worn},,{blink},{angles}"


NEON = {"module_serial_number": "1", "template_data": {"recording_name": "a walk"}}
SCENE = {"camera_matrix": [[888, 0, 805], [0, 888, 618], [0, 0, 1]], "distortion_coefficients": [*NEON_LENS], "serial_number": "1"}
CAMERA = Camera(1600, 1200, 888.0, 888.0, 805.0, 618.0, NEON_LENS)


def angled_rows(*, turned: bool = False, shift_deg: float = 0.0) -> list[str]:
    rows = []
    for n in range(40):
        x_deg, y_deg = (float(v) for v in CAMERA.px_to_deg(*place(n)))
        up_deg = y_deg if turned else -y_deg
        rows.append(cloud_row(n, angles=f"{x_deg + shift_deg},{up_deg}"))
    return rows


def test_a_neon_cloud_export_is_untried_and_in_pixels_of_its_larger_picture(tmp_path: Path) -> None:
    recorded = open_gaze(cloud(tmp_path, info=NEON, scene=SCENE, rows=angled_rows()))
    assert not recorded.verified and recorded.device == "Pupil Neon" and recorded.name == "a walk"
    assert (recorded.samples[0].x_norm, recorded.samples[0].y_norm) == (600 / 1600, 500 / 1200)
    assert recorded.t_origin_ns == START_NS
    assert recorded.camera == CAMERA
    assert "agree with the file's own angles to 0.00 degrees" in recorded.note


@pytest.mark.parametrize(
    ("info", "device"),
    [
        ({"glasses_serial_number": "x"}, "Pupil Invisible"),
        ({"module_serial_number": "x"}, "Pupil Neon"),
        ({"frame_name": "x"}, "Pupil Neon"),
    ],
)
def test_the_device_is_told_by_info_json(tmp_path: Path, info: object, device: str) -> None:
    recorded = open_gaze(cloud(tmp_path, info=info))
    assert recorded.device == device and recorded.verified == (device == "Pupil Invisible") and recorded.hfov_deg is None


@pytest.mark.parametrize(("centre", "device"), [(540.0, "Pupil Invisible"), (805.0, "Pupil Neon")])
def test_or_by_the_camera(tmp_path: Path, centre: float, device: str) -> None:
    scene = {"camera_matrix": [[760, 0, centre], [0, 760, 540], [0, 0, 1]], "dist_coefs": [[0.0] * 8]}
    recorded = open_gaze(cloud(tmp_path, scene=scene))
    assert recorded.device == device and "principal point" in recorded.note


def test_without_anything_to_tell_the_picture_it_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(GazeFileError, match="Neon or Invisible"):
        open_gaze(cloud(tmp_path))


def test_columns_are_matched_by_how_they_begin(tmp_path: Path) -> None:
    header = "timestamp [ns],gaze x [pixel],gaze y [pixel],worn [bool],mood"
    rows = [f"{START_NS + 5 * MS * n},800,300,1,x" for n in range(20)]
    recorded = open_gaze(cloud(tmp_path, info=NEON, header=header, rows=rows))
    assert recorded.samples[0].x_norm == 0.5 and recorded.not_understood == ("mood",)


def test_blinks_have_no_point_and_worn_is_kept(tmp_path: Path) -> None:
    rows = [cloud_row(n, blink="1" if n in (3, 4) else "", worn="0" if n == 9 else "1.0") for n in range(20)]
    recorded = open_gaze(cloud(tmp_path, info=NEON, rows=rows))
    assert [k for k, s in enumerate(recorded.samples) if s.x_norm is None] == [3, 4]
    assert [k for k, s in enumerate(recorded.samples) if not s.worn] == [9]
    assert "2 samples in blinks" in recorded.note


def test_elevation_that_runs_down_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GazeFileError, match=r"gaze y and elevation in .* run against each other"):
        open_gaze(cloud(tmp_path, info=NEON, scene=SCENE, rows=angled_rows(turned=True)))


def test_positions_that_do_not_go_with_their_own_angles_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GazeFileError, match="10 degrees apart"):
        open_gaze(cloud(tmp_path, info=NEON, scene=SCENE, rows=angled_rows(shift_deg=10.0)))


def test_degrees_in_the_pixel_columns_are_refused(tmp_path: Path) -> None:
    rows = [f"s,r,{START_NS + 5 * MS * n},{n / 4},{-n / 8},1,,,," for n in range(40)]
    with pytest.raises(GazeFileError, match="corner"):
        open_gaze(cloud(tmp_path, info=NEON, rows=rows))


def test_microseconds_in_the_nanosecond_column_are_refused(tmp_path: Path) -> None:
    rows = [f"s,r,{START_NS // 1000 + 5000 * n},800,300,1,,,," for n in range(40)]
    with pytest.raises(GazeFileError, match="1000 times larger"):
        open_gaze(cloud(tmp_path, info=NEON, rows=rows))


@pytest.mark.parametrize("text", ["[]", "{", "7"])
def test_a_broken_info_json_is_named(tmp_path: Path, text: str) -> None:
    cloud(tmp_path)
    (tmp_path / "info.json").write_text(text)
    with pytest.raises(GazeFileError, match=r"info\.json"):
        open_gaze(tmp_path)


@pytest.mark.parametrize(
    "scene", [{"camera_matrix": [[1, 2], [3, 4]]}, {"camera_matrix": [[-5, 0, 800], [0, 5, 600], [0, 0, 1]]}, {"mood": 1}]
)
def test_a_camera_that_is_none_is_refused(tmp_path: Path, scene: object) -> None:
    with pytest.raises(GazeFileError, match=r"camera in .*scene_camera"):
        open_gaze(cloud(tmp_path, info=NEON, scene=scene))


# ------------------------------------------------------------ Core

CORE = "gaze_timestamp,world_index,confidence,norm_pos_x,norm_pos_y,base_data,gaze_point_3d_x,gaze_point_3d_y,gaze_point_3d_z"


def core_row(n: int, *, t_s: float | None = None, up: float = 1.0) -> str:
    y_norm = 0.3 + 0.01 * n  # up
    deep_y = up * (0.5 - y_norm) * 400  # down, as in the camera
    return f"{100.0 + 0.008 * n if t_s is None else t_s},{n},0.9,0.25,{y_norm},1.5-0 1.5-1,0,{deep_y},400"


def core(folder: Path, rows: list[str]) -> Path:
    place = folder / "exports" / "000"
    place.mkdir(parents=True)
    (place / "gaze_positions.csv").write_text("\n".join([CORE, *rows]) + "\n")
    return folder


def test_core_has_y_up_and_is_untried(tmp_path: Path) -> None:
    recorded = open_gaze(core(tmp_path, [core_row(n) for n in range(40)]))
    assert recorded.samples[0].x_norm == 0.25 and recorded.samples[0].y_norm == pytest.approx(0.7)
    assert recorded.samples[0].confidence == 0.9
    assert recorded.rate_hz == pytest.approx(125.0) and recorded.t_origin_ns == 100_000_000_000
    assert not recorded.verified and recorded.name == tmp_path.name and recorded.not_understood == ()


def test_core_rows_of_both_eye_cameras_are_sorted(tmp_path: Path) -> None:
    rows = [core_row(n) for n in range(40)]
    rows[10], rows[11] = rows[11], rows[10]
    recorded = open_gaze(core(tmp_path, rows))
    assert len(recorded.samples) == 40 and recorded.dropped == {} and "moved 2 rows" in recorded.note


def test_core_with_y_down_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GazeFileError, match="norm_pos_y"):
        open_gaze(core(tmp_path, [core_row(n, up=-1.0) for n in range(40)]))


def test_core_intrinsics_of_the_recording_give_the_camera(tmp_path: Path) -> None:
    camera = {
        "camera_matrix": [[794, 0, 633], [0, 795, 355], [0, 0, 1]],
        "dist_coefs": [[-0.37, 0.16, 0.0, 0.0, 0.0]],
        "cam_type": "radial",
        "resolution": [1280, 720],
    }
    core(tmp_path, [core_row(n) for n in range(40)])
    (tmp_path / "world.intrinsics").write_bytes(msgspec.msgpack.encode({"version": 1, "(1280, 720)": camera}))
    recorded = open_gaze(tmp_path)
    assert (recorded.width_px, recorded.height_px) == (1280, 720)
    assert recorded.hfov_deg == pytest.approx(math.degrees(2 * math.atan(640 / 794)))
    (tmp_path / "world.intrinsics").write_bytes(b"\xc1")
    with pytest.raises(GazeFileError, match=r"world\.intrinsics is no camera"):
        open_gaze(tmp_path)
