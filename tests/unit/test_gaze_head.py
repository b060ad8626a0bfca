"""Gaze with the head's rotation added: signs, the reflex that holds gaze, gyroscopes, and wearers who walked."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaze.camera import Camera
from gaze.geometry import deg_to_norm, norm_to_ray, ray_to_norm
from gaze.gyroscope import Gyroscope
from gaze.head import HeadCompensator, HeadRotation, WorldGaze, combine, difference, rotation_of_points
from gaze.types import GazeSample

MS = 1_000_000
HFOV_DEG, ASPECT = 90.0, 16 / 9
CAMERA = {"hfov_deg": HFOV_DEG, "aspect": ASPECT}
STILL = HeadRotation(0.0, 0.0, 0.0)
turns = st.builds(HeadRotation, st.floats(-20, 20), st.floats(-20, 20), st.floats(-20, 20))

Array = npt.NDArray[np.float64]


def look(t_ms: float, x_deg: float, y_deg: float) -> GazeSample:
    """A sample at field angles."""
    x_norm, y_norm = deg_to_norm(x_deg, y_deg, **CAMERA)
    return GazeSample(round(t_ms * MS), float(x_norm), float(y_norm))


def seen(t_ms: float, world: Array, head: Array) -> GazeSample:
    """A sample of eyes that look at a far point of the world, from a head of this orientation (camera to world)."""
    x_norm, y_norm = ray_to_norm(head.T @ world, **CAMERA)
    return GazeSample(round(t_ms * MS), float(x_norm), float(y_norm))


def matrix(rotation: HeadRotation) -> Array:
    """Rodrigues' formula, written out once more."""
    w = np.radians([rotation.pitch_deg, rotation.yaw_deg, rotation.roll_deg])
    angle = float(np.linalg.norm(w))
    k = np.array([[0.0, -w[2], w[1]], [w[2], 0.0, -w[0]], [-w[1], w[0], 0.0]])
    if angle == 0.0:
        return np.eye(3)
    return np.asarray(np.eye(3) + math.sin(angle) / angle * k + (1.0 - math.cos(angle)) / angle**2 * k @ k, np.float64)


def answered(gaze: WorldGaze | None) -> WorldGaze:
    assert gaze is not None
    return gaze


@pytest.mark.parametrize(
    ("turn", "world"),
    [
        (HeadRotation(10.0, 0.0), (10.0, 0.0)),  # to the right
        (HeadRotation(0.0, 10.0), (0.0, -10.0)),  # up; y points down
    ],
)
def test_eyes_that_stay_in_the_picture_while_the_head_turns_move_in_the_world(turn: HeadRotation, world: tuple[float, float]) -> None:
    head = HeadCompensator(**CAMERA)
    head.feed(look(0, 0, 0), None)
    moved = answered(head.feed(look(5, 0, 0), turn))
    assert (moved.x_deg, moved.y_deg) == pytest.approx(world)


def test_a_head_that_tilts_clockwise_carries_what_is_on_its_right_down() -> None:
    head = HeadCompensator(**CAMERA)
    head.feed(look(0, 30, 0), None)
    tilted = answered(head.feed(look(5, 30, 0), HeadRotation(0.0, 0.0, 90.0)))
    assert (tilted.x_deg, tilted.y_deg) == pytest.approx((0.0, 30.0))


def test_the_first_sample_says_where_the_world_lies() -> None:
    first = answered(HeadCompensator(**CAMERA).feed(look(0, 7, -4), HeadRotation(50.0, 0.0)))
    assert first.x_deg == pytest.approx(7.0) and first.compensated
    assert first.ray == pytest.approx(tuple(norm_to_ray(*deg_to_norm(7.0, -4.0, **CAMERA), **CAMERA)))


@given(st.lists(turns, min_size=1, max_size=12), st.floats(-15, 15), st.floats(-10, 10))
def test_the_reflex_that_holds_gaze_leaves_no_residual(steps: list[HeadRotation], x_deg: float, y_deg: float) -> None:
    """Vestibulo-ocular reflex: the eyes turn back exactly as the head turns, so gaze stays where it is in the world."""
    world = norm_to_ray(*deg_to_norm(x_deg, y_deg, **CAMERA), **CAMERA)
    head, orientation = HeadCompensator(**CAMERA), np.eye(3)
    start = answered(head.feed(seen(0, world, orientation), None))
    for k, step in enumerate(steps, 1):
        turned = orientation @ matrix(step)
        if (turned.T @ world)[2] < 0.1:
            # the eyes cannot follow out of the picture; the head turns on without them
            assert head.feed(GazeSample(k * 5 * MS, None, None), step) is None
        else:
            held = answered(head.feed(seen(5 * k, world, turned), step))
            assert held.ray == pytest.approx(start.ray, abs=1e-9)
            assert held.x_deg == pytest.approx(start.x_deg, abs=1e-6) and held.y_deg == pytest.approx(start.y_deg, abs=1e-6)
        orientation = turned


def test_a_saccade_during_a_head_turn_keeps_its_size() -> None:
    head = HeadCompensator(**CAMERA)
    places = []
    for k in range(40):
        eye_deg = -0.5 * k + (8.0 if k >= 20 else 0.0)
        places.append(answered(head.feed(look(5 * k, eye_deg, 0.0), HeadRotation(0.5, 0.0))).x_deg)
    assert places == pytest.approx([0.0] * 20 + [8.0] * 20, abs=1e-9)


def test_a_whole_turn_to_the_right_ends_at_360_degrees() -> None:
    head = HeadCompensator(**CAMERA)
    places = [answered(head.feed(look(5 * k, 0, 0), HeadRotation(4.0, 0.0))).x_deg for k in range(91)]
    assert places == pytest.approx([4.0 * k for k in range(91)], abs=1e-9)


def test_a_day_of_small_turns_does_not_bend_directions() -> None:
    head = HeadCompensator(**CAMERA)
    for k in range(20_000):
        last = answered(head.feed(look(5 * k, 3, 2), HeadRotation(0.7 * (-1) ** k, 0.3, -0.2)))
    assert math.hypot(*last.ray) == pytest.approx(1.0, abs=1e-12)


def test_a_rotation_that_is_not_known_is_said_and_counted() -> None:
    head = HeadCompensator(**CAMERA)
    head.feed(look(0, 1, 0), None)
    raw = answered(head.feed(look(5, 2, 0), None))
    assert raw.x_deg == pytest.approx(2.0)
    assert (raw.compensated, head.without_rotation) == (False, 1)
    assert answered(head.feed(look(10, 2, 0), STILL)).compensated


def test_the_head_turns_on_while_the_eyes_are_closed() -> None:
    head = HeadCompensator(**CAMERA)
    head.feed(look(0, 0, 0), None)
    assert head.feed(GazeSample(5 * MS, None, None), HeadRotation(6.0, 0.0)) is None
    assert head.feed(GazeSample(8 * MS, 0.5, 0.5, worn=False), HeadRotation(1.0, 0.0)) is None
    assert answered(head.feed(look(10, 0, 0), HeadRotation(4.0, 0.0))).x_deg == pytest.approx(11.0)


def test_time_that_does_not_go_forward_is_counted_and_turns_nothing() -> None:
    head = HeadCompensator(**CAMERA)
    head.feed(look(10, 0, 0), None)
    assert head.feed(look(10, 0, 0), HeadRotation(5.0, 0.0)) is None
    assert head.feed(look(5, 0, 0), HeadRotation(5.0, 0.0)) is None
    assert head.dropped == {"clock": 1, "duplicate": 1}
    assert answered(head.feed(look(15, 0, 0), STILL)).x_deg == 0.0


def test_a_rotation_that_is_not_finite_is_refused() -> None:
    head = HeadCompensator(**CAMERA)
    head.feed(look(0, 0, 0), None)
    with pytest.raises(ValueError, match="finite"):
        head.feed(look(5, 0, 0), HeadRotation(float("nan"), 0.0))


@given(turns, turns)
def test_the_difference_of_orientations_undoes_their_combination(a: HeadRotation, b: HeadRotation) -> None:
    assert difference(a, combine(a, b)) == pytest.approx(b, abs=1e-9)
    assert matrix(combine(a, b)) == pytest.approx(matrix(a) @ matrix(b), abs=1e-12)


@given(turns, st.integers(0, 1000))
def test_the_rotation_is_found_from_points_that_stood_still(turn: HeadRotation, seed: int) -> None:
    after = np.random.default_rng(seed).normal(size=(12, 3)) * 0.3 + [0.0, 0.0, 1.0]
    found, rest_deg = rotation_of_points(after @ matrix(turn).T, after)
    assert found == pytest.approx(turn, abs=1e-6)
    assert rest_deg < 1e-6


def test_a_head_turn_to_the_right_moves_the_picture_to_the_left() -> None:
    before, after = norm_to_ray([0.5, 0.6], [0.5, 0.4], **CAMERA), norm_to_ray([0.4, 0.5], [0.5, 0.4], **CAMERA)
    rotation, rest_deg = rotation_of_points(before, after)
    assert rotation.yaw_deg == pytest.approx(11.0, abs=0.5) and rest_deg < 0.5


def test_one_point_shows_the_shortest_rotation() -> None:
    before, after = norm_to_ray(0.5, 0.5, **CAMERA), norm_to_ray(*deg_to_norm(-6.0, 0.0, **CAMERA), **CAMERA)
    rotation, rest_deg = rotation_of_points(before, after)
    assert rotation == pytest.approx((6.0, 0.0, 0.0), abs=1e-9) and rest_deg < 1e-9
    assert rotation_of_points(before, before)[0] == STILL


def test_things_that_move_by_themselves_show_as_a_rest() -> None:
    before = norm_to_ray([0.3, 0.5, 0.7], [0.4, 0.5, 0.6], **CAMERA)
    after = norm_to_ray([0.3, 0.5, 0.8], [0.4, 0.5, 0.6], **CAMERA)
    assert rotation_of_points(before, after)[1] > 1.0


@pytest.mark.parametrize(
    ("before", "after"), [([], []), ([[0, 0, 1]], [[0, 0, 1], [0, 0, 1]]), ([[0, 0, 0]], [[0, 0, 1]]), ([[0, 0, math.nan]], [[0, 0, 1]])]
)
def test_points_that_make_no_sense_are_refused(before: list[list[float]], after: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="direction"):
        rotation_of_points(before, after)


# ------------------------------------------------------------ gyroscope


def test_a_steady_rate_adds_up() -> None:
    gyro = Gyroscope()
    for k in range(101):
        gyro.feed(k * 5 * MS, 10.0, 40.0, -20.0)  # about x: up; about y: to the right; about z: clockwise
    assert gyro.between(0, 500 * MS) == pytest.approx(HeadRotation(20.0, 5.0, -10.0), abs=1e-9)
    assert gyro.between(102 * MS, 103 * MS) == pytest.approx(HeadRotation(0.04, 0.01, -0.02), abs=1e-9)


def test_a_changing_rate_is_integrated() -> None:
    """A turn of 30 degrees that starts and stops smoothly."""
    gyro = Gyroscope()
    for k in range(201):
        gyro.feed(k * 5 * MS, 0.0, 30.0 * (1.0 - math.cos(2 * math.pi * k / 200)), 0.0)
    assert gyro.between(0, 1000 * MS) == pytest.approx(HeadRotation(30.0, 0.0), abs=1e-6)


def test_a_sensor_may_sit_another_way_round() -> None:
    """x forward, y to the left, z up: the usual frame of a body."""
    gyro = Gyroscope(axes=((0.0, -1.0, 0.0), (0.0, 0.0, -1.0), (1.0, 0.0, 0.0)), bias_dps=(0.0, 0.0, 1.0))
    for k in range(21):
        gyro.feed(k * 5 * MS, 3.0, -20.0, -9.0)
    assert gyro.between(0, 100 * MS) == pytest.approx(combine(STILL, HeadRotation(1.0, 2.0, 0.3)), abs=1e-9)


@pytest.mark.parametrize("axes", [((1, 0, 0), (0, 1, 0)), ((1, 0, 0), (0, 1, 0), (0, 0, -1)), ((2, 0, 0), (0, 1, 0), (0, 0, 0.5))])
def test_axes_that_are_no_rotation_are_refused(axes: tuple[tuple[float, ...], ...]) -> None:
    with pytest.raises(ValueError, match="axes"):
        Gyroscope(axes)


@given(st.integers(1, 12), st.integers(0, 100))
def test_gaze_between_two_readings_is_held_by_the_reflex(gaze_ms: int, seed: int) -> None:
    """Gyroscope and gaze on clocks of their own: the residual is what the trapezoid rule leaves."""
    rng = np.random.default_rng(seed)
    speed_hz, size_dps = rng.uniform(0.5, 2.0), rng.uniform(20.0, 100.0)
    gyro, head = Gyroscope(), HeadCompensator(**CAMERA)
    at_ms = 0
    for t_ms in range(3, 600, gaze_ms):
        while at_ms <= t_ms + 5:
            gyro.feed(at_ms * MS, 0.0, size_dps * math.sin(2 * math.pi * speed_hz * at_ms / 1000), 0.0)
            at_ms += 5
        yaw_deg = size_dps * (1 - math.cos(2 * math.pi * speed_hz * t_ms / 1000)) / (2 * math.pi * speed_hz)
        start_deg = size_dps * (1 - math.cos(2 * math.pi * speed_hz * 3 / 1000)) / (2 * math.pi * speed_hz)
        held = answered(head.feed(look(t_ms, -(yaw_deg - start_deg), 0.0), gyro.turned(t_ms * MS)))
        assert held.x_deg == pytest.approx(0.0, abs=0.02)
    assert head.without_rotation == 0


def test_a_late_reading_is_made_good() -> None:
    """The last rate is held, and the next answer corrects what that got wrong: nothing adds up."""
    gyro = Gyroscope()
    gyro.feed(0, 0.0, 0.0, 0.0)
    assert gyro.turned(0) is None
    assert gyro.turned(10 * MS) == pytest.approx(STILL)
    gyro.feed(10 * MS, 0.0, 40.0, 0.0)
    gyro.feed(20 * MS, 0.0, 40.0, 0.0)
    assert gyro.turned(20 * MS) == pytest.approx(HeadRotation(0.6, 0.0), abs=1e-9)


def test_what_the_readings_do_not_cover_is_not_known() -> None:
    gyro = Gyroscope()
    assert gyro.turned(0) is None
    for t_ms in (10, 15, 20, 300, 305):
        gyro.feed(t_ms * MS, 0.0, 10.0, 0.0)
    assert gyro.between(5 * MS, 15 * MS) is None
    assert gyro.between(12 * MS, 18 * MS) is not None
    assert gyro.between(15 * MS, 302 * MS) is None
    assert gyro.between(100 * MS, 302 * MS) is None
    assert gyro.between(305 * MS, 326 * MS) is None
    assert gyro.between(300 * MS, 320 * MS) is not None
    with pytest.raises(ValueError, match="forward"):
        gyro.between(20 * MS, 10 * MS)


def test_readings_that_make_no_sense_are_counted() -> None:
    gyro = Gyroscope()
    for t_ms, rate in ((5, 1.0), (5, 1.0), (3, 1.0), (10, math.inf)):
        gyro.feed(t_ms * MS, rate, 0.0, 0.0)
    assert gyro.dropped == {"clock": 1, "duplicate": 1, "value": 1}


def test_an_hour_of_readings_takes_no_more_room_than_a_second() -> None:
    gyro = Gyroscope(kept_ns=1000 * MS)
    for k in range(5000):
        gyro.feed(k * 5 * MS, 0.0, 1.0, 0.0)
    assert len(gyro._knots) <= 202
    assert gyro.between(4900 * 5 * MS, 4999 * 5 * MS) is not None
    assert gyro.between(4000 * 5 * MS, 4999 * 5 * MS) is None


# ------------------------------------------------------------ recordings


def speed_dps(t_s: Array, rays: Array) -> float:
    """Median speed of gaze."""
    return float(np.median(np.degrees(np.linalg.norm(np.diff(rays, axis=0), axis=1)) / np.diff(t_s)))


def test_head_and_eye_add_up_to_gaze(shared_data: Path) -> None:
    """Recordings of large gaze shifts hold eye, head and their sum, right positive: the sign that they use is ours."""
    for file in sorted((shared_data / "gaze" / "eyehead").glob("*.csv")):
        rows = np.genfromtxt(file, delimiter=",", skip_header=1)[:6000]
        t_s, eye_deg, head_deg, gaze_deg = rows[np.isfinite(rows).all(axis=1)].T
        head = HeadCompensator(**CAMERA)
        turned = np.diff(head_deg, prepend=head_deg[0])
        world = [head.feed(look(1000 * t, eye, 0.0), HeadRotation(turn, 0.0)) for t, eye, turn in zip(t_s, eye_deg, turned, strict=True)]
        got = np.array([answered(gaze).x_deg for gaze in world])
        assert got - got[0] == pytest.approx(gaze_deg - gaze_deg[0], abs=0.01)
        assert np.ptp(head_deg) > 20.0


def test_with_the_targets_track_as_oracle_a_walkers_gaze_is_steadier(shared_data: Path) -> None:
    """Wearers kept looking at one target. Its track in the picture is the head's motion as an oracle knows it; no device measures it."""
    before: dict[str, list[float]] = {}
    after: dict[str, list[float]] = {}
    for file in sorted((shared_data / "gaze" / "headmotion").glob("*.csv")):
        rows = np.genfromtxt(file, delimiter=",", skip_header=1)
        rows = rows[np.isfinite(rows).all(axis=1)]
        raw, still = (norm_to_ray(*deg_to_norm(rows[:, c], rows[:, c + 1], **CAMERA), **CAMERA) for c in (1, 3))
        head = HeadCompensator(**CAMERA)
        world = []
        for k, row in enumerate(rows):
            rotation = rotation_of_points(still[k - 1], still[k])[0] if k else None
            world.append(answered(head.feed(look(1000 * row[0], row[1], row[2]), rotation)).ray)
        task = file.stem.split("_")[-1]
        before.setdefault(task, []).append(speed_dps(rows[:, 0], raw))
        after.setdefault(task, []).append(speed_dps(rows[:, 0], np.array(world)))
    gain = {task: float(np.mean(after[task]) / np.mean(before[task])) for task in before}
    assert gain["walk"] < 0.65 and gain["skip"] < 0.65 and gain["jump"] < 0.75
    assert 0.9 < gain["fixate"] < 1.1


def test_a_real_gyroscope_steadies_gaze_and_only_the_right_way_round(shared_data: Path) -> None:
    """Neon: the sensor's x points right, y forward and z up. Turned over, the same readings make gaze wilder than it was.

    The camera matrix is not in the recording; its usual focal length of 885 px stands in.
    """
    folder = shared_data / "ego" / "neon_native"
    names = ("gx", "gy", "gz", "ax", "ay", "az", "qw", "qx", "qy", "qz")
    imu = np.fromfile(folder / "imu ps1.raw", np.dtype([("t_ns", "<i8"), *((name, "<f4") for name in names)]))
    t_ns = np.fromfile(folder / "gaze ps1.time", "<i8")
    rays = Camera(1600, 1200, 885.0, 885.0, 800.0, 600.0).px_to_ray(*np.fromfile(folder / "gaze ps1.raw", "<f4").reshape(-1, 2).T)
    x_norm, y_norm = ray_to_norm(rays, **CAMERA)
    speeds: dict[int, float] = {}
    for side in (0, 1, -1):
        gyro, head = Gyroscope(((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0))), HeadCompensator(**CAMERA)
        readings = iter(imu.tolist())
        reading = next(readings)
        world = []
        for t, x, y in zip(t_ns.tolist(), x_norm.tolist(), y_norm.tolist(), strict=True):
            while reading is not None and reading[0] <= t:
                gyro.feed(reading[0], *(side * rate for rate in reading[1:4]))
                reading = next(readings, None)
            world.append(answered(head.feed(GazeSample(t, x, y), gyro.turned(t))).ray)
        assert head.without_rotation == 0 and sum(gyro.dropped.values()) == 0
        # over 30 ms, so that the tracker's noise does not hide the movement
        speeds[side] = speed_dps(t_ns[::6] * 1e-9, np.array(world)[::6])
    assert speeds[1] < 0.93 * speeds[0] < speeds[0] < 0.85 * speeds[-1]
