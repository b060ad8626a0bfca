"""Aria gaze: radians in the central pupil frame, three schemas, a camera that is assumed and said, and the VRS file that knows it."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.recordings import open_gaze
from devices.recordings.aria import combined_yaw
from edge_runtime.errors import GazeFileError, MissingExtra
from gaze.geometry import norm_to_deg

LEFT, RIGHT = (0.0315, 0.0), (-0.0315, 0.0)
COMBINED = "tracking_timestamp_us,yaw_rads_cpf,pitch_rads_cpf,depth_m,yaw_low_rads_cpf,pitch_low_rads_cpf\n"
REORDERED = "tracking_timestamp_us,pitch_rads_cpf,yaw_low_rads_cpf,yaw_rads_cpf,session_uid\n"
VERGENCE = (
    "tracking_timestamp_us,left_yaw_rads_cpf,right_yaw_rads_cpf,pitch_rads_cpf,depth_m,"
    "tx_left_eye_cpf,ty_left_eye_cpf,tz_left_eye_cpf,tx_right_eye_cpf,ty_right_eye_cpf,tz_right_eye_cpf\n"
)


def write(folder: Path, text: str, name: str = "general_eye_gaze.csv") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_left_and_up_become_left_and_up_in_the_picture(tmp_path: Path) -> None:
    recorded = open_gaze(write(tmp_path, COMBINED + "1000000,0.3,0.2,,,\n1100000,-0.3,-0.2,,,\n1200000,0,0,,,\n"))
    first, second, ahead = recorded.samples
    assert first.x_norm is not None and first.y_norm is not None and first.x_norm < 0.5 and first.y_norm < 0.5
    assert second.x_norm is not None and second.y_norm is not None and second.x_norm > 0.5 and second.y_norm > 0.5
    assert (ahead.x_norm, ahead.y_norm) == (0.5, 0.5)
    x_deg, y_deg = norm_to_deg(first.x_norm, first.y_norm, hfov_deg=recorded.hfov_deg or 0.0, aspect=1.0)
    assert (float(x_deg), float(y_deg)) == pytest.approx((-math.degrees(0.3), -math.degrees(0.2)))


def test_the_assumed_camera_is_said_and_may_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path, COMBINED + f"0,{math.radians(-45.0)},0,,,\n100000,0,0,,,\n")
    usual, chosen = open_gaze(path), open_gaze(path, hfov_deg=90.0)
    assert "camera assumed, not known: a pinhole at the central pupil looking straight ahead, 110 degrees wide" in usual.note
    assert "90 degrees wide" in chosen.note and chosen.hfov_deg == 90.0
    assert chosen.samples[0].x_norm == pytest.approx(1.0)
    with pytest.raises(ValueError, match="between 0 and 180"):
        open_gaze(path, hfov_deg=180.0)


def test_columns_may_stand_in_any_order_and_unknown_ones_are_named(tmp_path: Path) -> None:
    recorded = open_gaze(write(tmp_path, REORDERED.replace("session_uid", "mood") + "0,0.1,9,0.2,x\n100000,0.1,9,0.2,x\n"))
    straight = open_gaze(write(tmp_path, COMBINED + "0,0.2,0.1,,,\n100000,0.2,0.1,,,\n"))
    assert recorded.samples == straight.samples
    assert recorded.not_understood == ("mood",) and straight.not_understood == ()


def test_both_eyes_without_a_combined_yaw_are_crossed(tmp_path: Path) -> None:
    x, z = 0.4, 2.0
    left, right = math.atan((x - LEFT[0]) / z), math.atan((x - RIGHT[0]) / z)
    row = f"{left},{right},0.1,2.0,{LEFT[0]},0,0,{RIGHT[0]},0,0\n"
    recorded = open_gaze(write(tmp_path, VERGENCE + f"0,{row}100000,{row}"))
    crossed = open_gaze(write(tmp_path, COMBINED + f"0,{math.atan(x / z)},0.1,,,\n100000,0,0,,,\n")).samples[0]
    assert recorded.samples[0].x_norm == pytest.approx(crossed.x_norm)
    assert recorded.samples[0].y_norm == pytest.approx(crossed.y_norm)
    assert "part instead in 0 of 2 rows" in recorded.note


@given(st.floats(-2.0, 2.0), st.floats(0.1, 10.0), st.floats(-0.02, 0.02), st.floats(-0.02, 0.02))
def test_the_combined_yaw_points_at_what_both_eyes_look_at(x: float, z: float, left_z: float, right_z: float) -> None:
    left_m, right_m = (LEFT[0], left_z), (RIGHT[0], right_z)
    left, right = (math.atan((x - eye[0]) / (z - eye[1])) for eye in (left_m, right_m))
    yaw, meet = combined_yaw(left, right, left_m, right_m)
    assert meet and yaw == pytest.approx(math.atan(x / z), abs=1e-6)


def test_rays_that_part_or_run_side_by_side_still_have_a_direction() -> None:
    yaw, meet = combined_yaw(0.80, 0.77, LEFT, RIGHT)
    assert not meet and 0.77 < yaw < 0.80
    yaw, meet = combined_yaw(0.2, 0.2, LEFT, RIGHT)
    assert meet and yaw == pytest.approx(0.2)
    assert math.isnan(combined_yaw(math.nan, 0.2, LEFT, RIGHT)[0]) and math.isnan(combined_yaw(math.inf, 0.2, LEFT, RIGHT)[0])


def test_degrees_where_radians_should_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GazeFileError, match="exceed a quarter turn in radians"):
        open_gaze(write(tmp_path, COMBINED + "".join(f"{n * 100_000},-12.5,4.0,,,\n" for n in range(5))))


def test_nanoseconds_where_microseconds_should_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GazeFileError, match="1000 times smaller"):
        open_gaze(write(tmp_path, COMBINED + "".join(f"{n * 100_000_000},0.1,0.1,,,\n" for n in range(5))))


def test_rows_without_time_and_broken_rows_are_counted(tmp_path: Path) -> None:
    text = COMBINED + "0,0.1,0.1,,,\n,0.1,0.1,,,\n100000,left,0.1,,,\n200000\n300000,0.1,0.1,,,\n400000,,,,,\n"
    recorded = open_gaze(write(tmp_path, text))
    assert recorded.dropped == {"no_time": 1, "unreadable": 2}
    assert [s.x_norm is None for s in recorded.samples] == [False, False, True]


def test_of_several_versions_in_a_folder_the_personalised_is_read_and_the_others_named(tmp_path: Path) -> None:
    rows = "0,{0},0,,,\n100000,{0},0,,,\n"
    write(tmp_path, COMBINED + rows.format(0.1), "mps/eye_gaze/general_eye_gaze.csv")
    write(tmp_path, COMBINED + rows.format(-0.1), "mps/eye_gaze/personalized_eye_gaze.csv")
    recorded = open_gaze(tmp_path)
    assert (recorded.samples[0].x_norm or 0.0) > 0.5
    assert "passed over: general_eye_gaze.csv" in recorded.note
    assert recorded.name == tmp_path.name


# ------------------------------------------------------------ VRS


class PretendCamera:
    """A pinhole of 1000 px focal length in a picture of 800 x 600 that lies on its side: its x runs down, its y runs left."""

    def get_image_size(self) -> Any:
        return np.array([800, 600])

    def get_focal_lengths(self) -> Any:
        return np.array([1000.0, 1000.0])

    def get_transform_device_camera(self) -> Any:
        # axes of the camera in the device: x down, y left (the central pupil frame has x left, y up)
        return SimpleNamespace(to_matrix=lambda: np.array([[0.0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))

    def project(self, point: Any) -> Any:
        if point[2] <= 0:
            return None
        px = np.array([400.0 + 1000.0 * point[0] / point[2], 300.0 + 1000.0 * point[1] / point[2]])
        return px if 0 <= px[0] < 800 and 0 <= px[1] < 600 else None


class PretendProvider:
    """A VRS file of the first generation: a colour camera, and no gaze of its own unless given."""

    def __init__(self, gaze: list[Any] | None = None) -> None:
        self.gaze = gaze

    def get_device_calibration(self) -> Any:
        upright = SimpleNamespace(to_matrix=lambda: np.eye(4))
        return SimpleNamespace(get_camera_calib=lambda label: PretendCamera(), get_transform_device_cpf=lambda: upright)

    def get_stream_id_from_label(self, label: str) -> Any:
        return label if self.gaze is not None else None

    def get_num_data(self, stream: Any) -> int:
        return len(self.gaze or ())

    def get_eye_gaze_data_by_index(self, stream: Any, n: int) -> Any:
        return (self.gaze or [])[n]

    def get_device_version(self) -> str:
        return "DeviceVersion.Gen1"


def pretend_tools(monkeypatch: pytest.MonkeyPatch, provider: Any) -> None:
    module = ModuleType("projectaria_tools.core.data_provider")
    module.create_vrs_data_provider = lambda path: provider  # type: ignore[attr-defined]
    for name in ("projectaria_tools", "projectaria_tools.core"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)


def vrs(folder: Path) -> Path:
    path = folder / "recording.vrs"
    path.write_bytes(b"VRS")
    return path


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "projectaria_tools.core.data_provider", None)
    with pytest.raises(MissingExtra, match="projectaria-tools") as caught:
        open_gaze(vrs(tmp_path))
    assert "edge-runtime[aria]" in caught.value.hint


def test_the_calibration_of_the_vrs_file_places_gaze_in_the_upright_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_tools(monkeypatch, PretendProvider())
    write(
        tmp_path,
        COMBINED + f"0,{math.atan(0.1)},0,,,\n100000,0,{math.atan(0.2)},,,\n200000,1.5,0,,,\n",
        "mps/eye_gaze/general_eye_gaze.csv",
    )
    recorded = open_gaze(vrs(tmp_path))
    assert (recorded.width_px, recorded.height_px) == (600, 800), "turned upright"
    left, up, aside = recorded.samples
    # upright columns count from the other side: pixel 400 of 600 rows as taken is column 199
    assert left.x_norm == pytest.approx((600 - 1 - 400) / 600) and left.y_norm == pytest.approx(0.5)
    assert up.x_norm == pytest.approx((600 - 1 - 300) / 600) and up.y_norm == pytest.approx((400 - 200) / 800)
    assert aside.x_norm is None and "1 rows look past the camera's picture" in recorded.note
    assert recorded.hfov_deg == pytest.approx(math.degrees(2 * math.atan(0.3)))
    assert recorded.verified and recorded.device == "Aria gen 1" and recorded.name == tmp_path.name


def test_gaze_computed_on_the_device_comes_first_and_is_marked_untried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = (SimpleNamespace(total_seconds=lambda n=n: 5.0 + n / 30) for n in range(3))
    gaze = [SimpleNamespace(tracking_timestamp=t, yaw=0.0, pitch=0.0, depth=0.5, combined_gaze_valid=n != 1) for n, t in enumerate(times)]
    pretend_tools(monkeypatch, PretendProvider(gaze))
    recorded = open_gaze(vrs(tmp_path))
    assert recorded.t_origin_ns == 5_000_000_000 and not recorded.verified
    assert [s.x_norm is None for s in recorded.samples] == [False, True, False]


def test_a_vrs_file_without_gaze_anywhere_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_tools(monkeypatch, PretendProvider())
    with pytest.raises(GazeFileError, match="no gaze CSV lies beside it") as caught:
        open_gaze(vrs(tmp_path))
    assert "eye_gaze folder" in caught.value.hint


def test_a_file_that_is_no_vrs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_tools(monkeypatch, None)
    with pytest.raises(GazeFileError, match="cannot open"):
        open_gaze(vrs(tmp_path))
