"""At any moment of the sample: the head moves as heads do, gaze stays on its thing, and what is projected is what is warped."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from devices.gallery.camera import HEIGHT_PX, WIDTH_PX, Pose, floor_homography, project, turn, wall_homography
from devices.gallery.gaze import fixations, looked_at
from devices.gallery.motion import track
from devices.gallery.view import light_at
from devices.gallery.walk import DURATION_NS
from edge_runtime.config import MS, S

MOMENTS = st.integers(0, DURATION_NS)
SEEDS = st.sampled_from([1, 7])
ANGLES = st.floats(-40.0, 40.0)
POSES = st.builds(
    Pose, st.floats(-1.0, 20.0), st.floats(1.3, 1.8), st.floats(1.1, 2.4), ANGLES, st.floats(-30.0, 30.0), st.floats(-10.0, 10.0)
)


@given(MOMENTS, SEEDS)
def test_the_head_walks_and_turns_no_faster_than_a_person(t_ns: int, seed: int) -> None:
    step_s = 0.02
    here, soon = track(seed).pose(t_ns), track(seed).pose(t_ns + round(step_s * S))

    assert np.hypot(soon.x_m - here.x_m, soon.z_m - here.z_m) / step_s < 1.8
    assert abs(soon.y_m - here.y_m) / step_s < 0.4
    assert np.hypot(soon.yaw_deg - here.yaw_deg, soon.pitch_deg - here.pitch_deg) / step_s < 150.0
    assert abs(soon.roll_deg - here.roll_deg) / step_s < 25.0


@given(MOMENTS, SEEDS)
def test_a_person_of_one_height_stays_in_the_room_and_holds_the_head_upright(t_ns: int, seed: int) -> None:
    pose = track(seed).pose(t_ns)

    assert 1.5 < pose.y_m < 1.66
    assert 1.15 < pose.z_m < 2.4
    assert abs(pose.roll_deg) < 10.0


@given(MOMENTS, SEEDS)
def test_gaze_is_in_the_picture_or_just_below_it_and_moves_without_a_jump(t_ns: int, seed: int) -> None:
    x_norm, y_norm = track(seed).gaze_norm(t_ns)
    (x0, y0), (x1, y1) = looked_at(t_ns, seed), looked_at(t_ns + MS, seed)

    assert 0.02 < x_norm < 0.98
    assert 0.02 < y_norm < 1.15
    assert np.hypot(x1 - x0, y1 - y0) < 0.06  # metres in a millisecond: half a thousand degrees a second


@given(st.integers(0, 180), st.floats(0.0, 1.0), SEEDS)
def test_gaze_stays_on_its_point_of_the_wall_while_the_head_moves(number: int, share: float, seed: int) -> None:
    path = fixations(seed)
    fixation = path[number % len(path)]
    t_ns = round(fixation.start_ns + share * (fixation.end_ns - fixation.start_ns))
    (expected,) = project(track(seed).pose(t_ns), [(fixation.x_m, fixation.y_m, 0.0)])

    assert np.allclose(track(seed).gaze_norm(t_ns), expected)


@given(POSES)
def test_a_turned_head_is_turned_and_nothing_else(pose: Pose) -> None:
    rotation = turn(pose)

    assert np.allclose(rotation @ rotation.T, np.eye(3))
    assert np.isclose(np.linalg.det(rotation), 1.0)


@given(POSES, st.floats(-2.0, 2.0), st.floats(0.1, 3.0))
def test_the_wall_is_warped_to_where_its_points_are_projected(pose: Pose, beside_m: float, y_m: float) -> None:
    x_m, left_m, top_m, ppm = pose.x_m + beside_m, -3.0, 3.2, 360.0
    (expected,) = project(pose, [(x_m, y_m, 0.0)])
    u, v, w = wall_homography(pose, left_m=left_m, top_m=top_m, ppm=ppm) @ [(x_m - left_m) * ppm, (top_m - y_m) * ppm, 1.0]

    assert w < 0.05 if np.isnan(expected[0]) else np.allclose([(u / w + 0.5) / WIDTH_PX, (v / w + 0.5) / HEIGHT_PX], expected)


@given(POSES, st.floats(-2.0, 2.0), st.floats(0.0, 1.0))
def test_the_floor_is_warped_to_where_its_points_are_projected(pose: Pose, beside_m: float, out_m: float) -> None:
    x_m, left_m, ppm = pose.x_m + beside_m, -3.0, 160.0
    (expected,) = project(pose, [(x_m, 0.0, out_m)])
    u, v, w = floor_homography(pose, left_m=left_m, ppm=ppm) @ [(x_m - left_m) * ppm, out_m * ppm, 1.0]

    assert w < 0.05 if np.isnan(expected[0]) else np.allclose([(u / w + 0.5) / WIDTH_PX, (v / w + 0.5) / HEIGHT_PX], expected)


@given(MOMENTS)
def test_the_light_changes_slowly(t_ns: int) -> None:
    assert 0.7 < light_at(t_ns) < 1.05
    assert abs(light_at(t_ns + 100 * MS) - light_at(t_ns)) < 0.03


def test_turning_right_moves_the_wall_left_and_looking_up_moves_it_down() -> None:
    point = [(5.0, 1.5, 0.0)]
    ahead, right, up, leaning = (
        project(Pose(5.0, 1.5, 1.5, yaw, pitch, roll), [*point, (5.3, 1.5, 0.0)])
        for yaw, pitch, roll in ((0.0, 0.0, 0.0), (10.0, 0.0, 0.0), (0.0, 10.0, 0.0), (0.0, 0.0, 5.0))
    )

    assert np.allclose(ahead[0], [0.5, 0.5])
    assert right[0, 0] < 0.5
    assert up[0, 1] > 0.5
    assert leaning[1, 1] < 0.5  # the head leans clockwise, so what is on the right rises in the picture


def test_what_is_behind_the_camera_is_nowhere_in_the_picture() -> None:
    assert np.isnan(project(Pose(5.0, 1.5, 1.5, 0.0, 0.0, 0.0), [(5.0, 0.0, 2.0)])).all()
