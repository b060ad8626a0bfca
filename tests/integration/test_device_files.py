"""Recordings of real devices, read whole. What a file says twice must agree with itself; nothing of the files is repeated here."""

from __future__ import annotations

import csv
import importlib.util
import itertools
import json
import math
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from devices.recordings import Recorded, open_gaze
from devices.recordings.aria import read_directions
from edge_runtime.errors import MissingExtra
from gaze.geometry import norm_to_deg
from gaze.track import EyeEvents

REAL = (
    ("aria_gen1/mps_sample/eye_gaze/eyegaze.csv", "Aria gen 1", 10.0),
    ("aria_gen1/mps_sample/eye_gaze/generalized_eye_gaze.csv", "Aria gen 1", 10.0),
    ("aria_gen1/mps_sample/eye_gaze_vergence/generalized_gaze.csv", "Aria gen 1", 10.0),
    ("aria_gen1/aria_everyday_activities_test_data", "Aria gen 1", 10.0),
    ("aria_gen2/mps_sample/eye_gaze/general_eye_gaze.csv", "Aria gen 2", 90.0),
    ("aria_gen2/mps_sample", "Aria gen 2", 90.0),
    ("neon_native", "Pupil Neon", 200.0),
    ("pupil_invisible", "Pupil Invisible", 200.0),
    ("tobii_g2", "Tobii Pro Glasses 2", 50.0),
)


@pytest.fixture
def ego(shared_data: Path) -> Path:
    return shared_data / "ego"


def column(path: Path, name: str) -> list[float]:
    with path.open(encoding="utf-8") as opened:
        return [float(row[name]) for row in csv.DictReader(opened)]


def places(recorded: Recorded) -> tuple[list[float], list[float]]:
    points = [(s.x_norm, s.y_norm) for s in recorded.samples if s.x_norm is not None and s.y_norm is not None]
    return [x for x, _ in points], [y for _, y in points]


@pytest.mark.parametrize(("place", "device", "hz"), REAL)
def test_every_real_recording_is_read_whole(ego: Path, place: str, device: str, hz: float) -> None:
    recorded = open_gaze(ego / place)
    assert recorded.device == device and recorded.verified
    assert recorded.rate_hz == pytest.approx(hz, rel=0.01)
    assert recorded.dropped == {} and recorded.not_understood == ()
    assert recorded.samples[0].t_ns == 0 and all(a.t_ns < b.t_ns for a, b in itertools.pairwise(recorded.samples))
    xs, ys = places(recorded)
    assert len(xs) > 0.9 * len(recorded.samples)
    assert -0.5 < median(xs) < 1.5 and -0.5 < median(ys) < 1.5


@pytest.mark.parametrize(("place", "device", "hz"), [row for row in REAL if not row[1].startswith("Aria")])
def test_eye_events_can_be_told_from_every_recording_of_seconds(ego: Path, place: str, device: str, hz: float) -> None:
    recorded = open_gaze(ego / place)
    assert recorded.hfov_deg is not None and recorded.width_px is not None and recorded.height_px is not None
    eyes = EyeEvents(recorded.hfov_deg, recorded.width_px / recorded.height_px)
    events = [*eyes.feed(recorded.samples), *eyes.advance(recorded.samples[-1].t_ns + 2_000_000_000)]
    fixations = [event for event in events if event.stage == "final" and event.kind == "fixation"]
    # people make one to five fixations a second
    assert 0.5 < len(fixations) / (recorded.samples[-1].t_ns * 1e-9) < 6.0
    assert eyes.dropped == {"clock": 0, "duplicate": 0}


# ------------------------------------------------------------ Aria


def test_two_aria_schemas_of_one_recording_say_the_same(ego: Path) -> None:
    folder = ego / "aria_gen1" / "mps_sample" / "eye_gaze"
    a, b = open_gaze(folder / "eyegaze.csv"), open_gaze(folder / "generalized_eye_gaze.csv")
    assert [s.t_ns for s in a.samples] == [s.t_ns for s in b.samples]
    np.testing.assert_allclose(places(a), places(b), atol=1e-5)


def test_aria_angles_come_back_through_the_assumed_camera(ego: Path) -> None:
    path = ego / "aria_gen1" / "mps_sample" / "eye_gaze" / "eyegaze.csv"
    recorded = open_gaze(path)
    x_deg, y_deg = norm_to_deg(*places(recorded), hfov_deg=recorded.hfov_deg or 0.0, aspect=1.0)
    np.testing.assert_allclose(x_deg, [-math.degrees(yaw) for yaw in column(path, "yaw_rads_cpf")], atol=1e-9)
    np.testing.assert_allclose(y_deg, [-math.degrees(pitch) for pitch in column(path, "pitch_rads_cpf")], atol=1e-9)


def test_the_crossing_of_both_rays_lies_as_far_away_as_the_file_says(ego: Path) -> None:
    path = ego / "aria_gen1" / "mps_sample" / "eye_gaze_vergence" / "generalized_gaze.csv"
    left, right, depth = (column(path, name) for name in ("left_yaw_rads_cpf", "right_yaw_rads_cpf", "depth_m"))
    eye = column(path, "tx_left_eye_cpf")
    for direction, left_rad, right_rad, said_m, eye_m in zip(read_directions(path).found, left, right, depth, eye, strict=True):
        assert min(left_rad, right_rad) <= direction.yaw_rad <= max(left_rad, right_rad)
        if said_m >= 4.0:  # where the file ends its scale
            continue
        # the triangle of the left eye, the middle and the crossing
        across_m = abs(eye_m * math.cos(left_rad) / math.sin(direction.yaw_rad - left_rad))
        steepness = math.tan(direction.pitch_rad) * math.cos(direction.yaw_rad)
        assert across_m * math.hypot(1.0, steepness) == pytest.approx(said_m, rel=0.001)


def test_a_second_generation_file_has_its_own_combined_yaw_between_the_eyes(ego: Path) -> None:
    path = ego / "aria_gen2" / "mps_sample" / "eye_gaze" / "general_eye_gaze.csv"
    found = read_directions(path).found
    means = [(a + b) / 2 for a, b in zip(column(path, "left_yaw_rads_cpf"), column(path, "right_yaw_rads_cpf"), strict=True)]
    assert [d.yaw_rad for d in found] == pytest.approx(means, abs=1e-5)


def test_the_vrs_file_places_gaze_by_its_own_camera_where_its_reader_is_installed(ego: Path) -> None:
    folder = ego / "aria_gen1" / "aria_everyday_activities_test_data"
    if importlib.util.find_spec("projectaria_tools") is None:
        with pytest.raises(MissingExtra):
            open_gaze(folder / "recording.vrs")
        return
    seen, assumed = open_gaze(folder / "recording.vrs"), open_gaze(folder)
    assert (seen.width_px, seen.height_px, seen.t_origin_ns) == (1408, 1408, assumed.t_origin_ns)
    # the same gaze through another camera: as far from left to right, within its tilt and offset
    np.testing.assert_allclose(np.diff(places(seen)[0]), np.diff(places(assumed)[0]), atol=0.03)
    np.testing.assert_allclose(places(seen)[0], places(assumed)[0], atol=0.06)


# ------------------------------------------------------------ Pupil Labs


def test_neon_native_gaze_is_that_of_the_vendors_fixations_and_has_the_wearers_offset_in_it(ego: Path) -> None:
    folder = ego / "neon_native"
    recorded = open_gaze(folder)
    layout = np.dtype([("event", "<i4"), ("start", "<i8"), ("end", "<i8"), ("rest", "<f4", 4), ("mean", "<f4", 2), ("more", "<f4", 4)])
    apart_px = []
    for event in np.fromfile(folder / "fixations ps1.raw", layout):
        start_ns, end_ns = (int(event[name]) - recorded.t_origin_ns for name in ("start", "end"))
        inside = [(s.x_norm, s.y_norm) for s in recorded.samples if start_ns <= s.t_ns <= end_ns and s.x_norm is not None]
        if event["event"] == 1 and len(inside) >= 10:
            apart_px.append(np.mean(np.array(inside, np.float64), axis=0) * (1600, 1200) - event["mean"])
    assert len(apart_px) >= 10
    # the device tells fixations before it adds the offset that the wearer set in the app
    offset_px = json.loads((folder / "info.json").read_text())["gaze_offset"]
    np.testing.assert_allclose(np.median(apart_px, axis=0), offset_px, atol=1.0)
    assert "offset of 27, 7 px" in recorded.note


def test_neon_native_has_its_camera_and_its_blinks(ego: Path) -> None:
    recorded = open_gaze(ego / "neon_native")
    assert recorded.name == json.loads((ego / "neon_native" / "info.json").read_text())["template_data"]["recording_name"]
    assert recorded.camera is not None and 80.0 < (recorded.hfov_deg or 0.0) < 88.0
    assert "2 blinks that the device found" in recorded.note
    assert all(sample.worn for sample in recorded.samples)


def test_invisible_positions_are_the_files_own_angles_through_its_own_camera(ego: Path) -> None:
    path = ego / "pupil_invisible" / "gaze.csv"
    recorded = open_gaze(path.parent)
    assert recorded.camera is not None
    x, y = (np.array(column(path, f"gaze {axis} [px]")) for axis in "xy")
    ray = recorded.camera.px_to_ray(x, y)
    np.testing.assert_allclose(np.degrees(np.arctan2(ray[:, 0], ray[:, 2])), column(path, "azimuth [deg]"), atol=0.001)
    np.testing.assert_allclose(-np.degrees(np.arcsin(ray[:, 1])), column(path, "elevation [deg]"), atol=0.001)
    there = [n for n, s in enumerate(recorded.samples) if s.x_norm is not None]
    np.testing.assert_allclose(places(recorded)[0], x[there] / 1088)


def test_invisible_steps_unevenly_and_its_rate_is_still_two_hundred(ego: Path) -> None:
    recorded = open_gaze(ego / "pupil_invisible")
    steps = [b.t_ns - a.t_ns for a, b in itertools.pairwise(recorded.samples)]
    assert median(steps) < 4_500_000 and recorded.rate_hz == pytest.approx(200.0, rel=0.005)


# ------------------------------------------------------------ Tobii


def test_tobii_counts_its_valid_samples_as_the_device_did(ego: Path) -> None:
    recorded = open_gaze(ego / "tobii_g2")
    told = json.loads((ego / "tobii_g2" / "recording.json").read_text())
    assert len(recorded.samples) == told["rec_et_samples"]
    assert len(places(recorded)[0]) == told["rec_et_valid_samples"]
    assert recorded.name == told["rec_info"]["Name"]
    assert (recorded.width_px, recorded.height_px) == (1920, 1080), "of the camera in the eye tracking stream"


def test_tobii_from_the_folder_the_segment_and_the_file(ego: Path) -> None:
    segment = ego / "tobii_g2" / "segments" / "1"
    assert open_gaze(ego / "tobii_g2") == open_gaze(segment) == open_gaze(segment / "livedata.json.gz")


# ------------------------------------------------------------ generic


def test_the_benchmark_files_are_generic_csv(shared_data: Path) -> None:
    path = min((shared_data / "gaze" / "lookatpoint").glob("*.csv"))
    recorded = open_gaze(path)
    assert recorded.device == "unknown (CSV)" and recorded.rate_hz == pytest.approx(1000.0, rel=0.01)
    assert "camera assumed" in recorded.note
