"""A scene camera with a lens: there and back, beside OpenCV, and honest about what cannot be inverted."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaze.camera import Camera, NotOnPicture
from gaze.geometry import norm_to_deg, norm_to_ray

SIZE = (1088, 1080)
MATRIX = [[758.0, 0.0, 528.0], [0.0, 757.0, 533.0], [0.0, 0.0, 1.0]]
LENSES = {
    "none": [],
    "barrel": [-0.32, 0.11, 0.0006, -0.0009],
    "five": [-0.28, 0.09, -0.0004, 0.0007, -0.012],
    "rational": [-0.13, 0.10, 0.0004, 0.0009, 0.017, 0.20, 0.011, 0.062],
    "pincushion": [0.18, 0.02, 0.001, 0.001],
}


def camera(lens: str) -> Camera:
    return Camera.of_matrix(MATRIX, LENSES[lens], *SIZE)


def grid() -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    x, y = np.meshgrid(np.linspace(0, SIZE[0], 13), np.linspace(0, SIZE[1], 11))
    return x.ravel(), y.ravel()


@pytest.mark.parametrize("lens", sorted(LENSES))
def test_undistorting_is_what_opencv_says(lens: str) -> None:
    x_px, y_px = grid()
    points = np.stack([x_px, y_px], axis=-1)[:, None]
    until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 500, 1e-14)
    want = cv2.undistortPointsIter(points, np.array(MATRIX), np.array(LENSES[lens] or [0.0] * 4), np.eye(3), np.eye(3), until)[:, 0]
    x, y = camera(lens).px_to_plane(x_px, y_px)
    assert np.stack([x, y], axis=-1) == pytest.approx(want, abs=1e-8)


@pytest.mark.parametrize("lens", sorted(LENSES))
def test_distorting_is_what_opencv_says(lens: str) -> None:
    rays = np.array([[x, y, 1.0] for x in (-0.5, 0.0, 0.3) for y in (-0.4, 0.0, 0.5)])
    want = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), np.array(MATRIX), np.array(LENSES[lens] or [0.0] * 4))[0][:, 0]
    x_px, y_px = camera(lens).ray_to_px(3.0 * rays)
    assert np.stack([x_px, y_px], axis=-1) == pytest.approx(want, abs=1e-9)


@given(st.sampled_from(sorted(LENSES)), st.floats(0, SIZE[0]), st.floats(0, SIZE[1]))
def test_every_pixel_comes_back(lens: str, x_px: float, y_px: float) -> None:
    lensed = camera(lens)
    for there, back in ((lensed.px_to_deg, lensed.deg_to_px), (lensed.px_to_plane, lensed.plane_to_px)):
        x, y = back(*there(x_px, y_px))
        assert (float(x), float(y)) == pytest.approx((x_px, y_px), abs=1e-6)
    x, y = lensed.ray_to_px(lensed.px_to_ray(x_px, y_px))
    assert (float(x), float(y)) == pytest.approx((x_px, y_px), abs=1e-6)
    x, y = lensed.norm_to_px(*lensed.px_to_norm(x_px, y_px))
    assert (float(x), float(y)) == pytest.approx((x_px, y_px), abs=1e-9)


@given(
    st.floats(-0.4, 0.4), st.floats(-0.2, 0.2), st.floats(-0.005, 0.005), st.floats(-0.005, 0.005), st.floats(-0.05, 0.05),
    st.floats(-0.1, 0.3), st.floats(-1.2, 1.2), st.floats(-1.2, 1.2),
)  # fmt: skip
def test_whatever_the_lens_a_direction_comes_back_or_is_refused(
    k1: float, k2: float, p1: float, p2: float, k3: float, k4: float, x: float, y: float
) -> None:
    """No third possibility: a wrong direction never comes back."""
    lensed = Camera(640, 480, 500.0, 500.0, 320.0, 240.0, (k1, k2, p1, p2, k3, k4))
    px = lensed.plane_to_px(x, y, strict=False)
    if np.isnan(px[0]):
        with pytest.raises(NotOnPicture):
            lensed.plane_to_px(x, y)
        return
    back = lensed.px_to_plane(*px, strict=False)
    if not np.isnan(back[0]):
        again = lensed.plane_to_px(*back)
        assert (float(again[0]), float(again[1])) == pytest.approx((float(px[0]), float(px[1])), abs=1e-3)


def test_without_a_lens_it_is_the_pinhole_of_the_geometry() -> None:
    pinhole = Camera.pinhole(640, 360, 90.0)
    assert pinhole.hfov_deg == pytest.approx(90.0)
    x_px, y_px = np.array([0.0, 100.0, 320.0, 640.0]), np.array([0.0, 300.0, 180.0, 360.0])
    want = norm_to_deg(x_px / 640, y_px / 360, hfov_deg=90.0, aspect=16 / 9)
    assert np.stack(pinhole.px_to_deg(x_px, y_px)) == pytest.approx(np.stack(want))
    assert pinhole.px_to_ray(x_px, y_px) == pytest.approx(norm_to_ray(x_px / 640, y_px / 360, hfov_deg=90.0, aspect=16 / 9))


def test_a_pixel_beyond_where_the_lens_turns_back_is_refused() -> None:
    """1 - 0.4 r^2 is largest at r = 0.913, where it pictures 0.609: nothing is ever pictured farther out."""
    turning = Camera(640, 480, 400.0, 400.0, 320.0, 240.0, (-0.4,))
    inside, outside = 320.0 + 0.60 * 400.0, 320.0 + 0.62 * 400.0
    x, _ = turning.px_to_plane(inside, 240.0)
    assert 0.6 < float(x) < 0.913 and float(x) - 0.4 * float(x) ** 3 == pytest.approx(0.60)
    with pytest.raises(NotOnPicture, match=r"1 of 2 .*\(568, 240\).*strict=False"):
        turning.px_to_plane([inside, outside], [240.0, 240.0])
    x, y = turning.px_to_plane([inside, outside], [240.0, 240.0], strict=False)
    assert np.isnan(x).tolist() == np.isnan(y).tolist() == [False, True]


def test_a_direction_beyond_where_the_lens_turns_back_is_refused() -> None:
    """Else a thing far to the side would appear in the middle of the picture."""
    turning = Camera(640, 480, 400.0, 400.0, 320.0, 240.0, (-0.4,))
    with pytest.raises(NotOnPicture, match="place"):
        turning.plane_to_px(1.5, 0.0)
    assert np.isnan(turning.plane_to_px(1.5, 0.0, strict=False)[0])


def test_what_does_not_lie_ahead_is_refused() -> None:
    pinhole = Camera.pinhole(640, 360, 90.0)
    with pytest.raises(NotOnPicture, match=r"2 of 3.*direction"):
        pinhole.ray_to_px([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
    with pytest.raises(NotOnPicture, match="angle"):
        pinhole.deg_to_px(90.0, 0.0)
    assert np.isnan(pinhole.ray_to_px([0.0, 0.0, -1.0], strict=False)[0])


def test_a_lost_sample_stays_lost_and_is_no_error() -> None:
    x, y = camera("rational").px_to_deg([np.nan, 528.0], [np.nan, 533.0])
    assert np.isnan([x[0], y[0]]).all() and (x[1], y[1]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Camera(0, 480, 400.0, 400.0, 320.0, 240.0), "width_px"),
        (lambda: Camera(640, 480, float("nan"), 400.0, 320.0, 240.0), "fx_px"),
        (lambda: Camera(640, 480, 400.0, 400.0, float("inf"), 240.0), "finite place"),
        (lambda: Camera(640, 480, 400.0, 400.0, 320.0, 240.0, (float("nan"),)), "finite"),
        (lambda: Camera(640, 480, 400.0, 400.0, 320.0, 240.0, (0.0,) * 8 + (0.1,)), "thin prism"),
        (lambda: Camera.of_matrix(np.eye(2), [], 640, 480), "camera matrix"),
        (lambda: Camera.of_matrix([[400, 5, 320], [0, 400, 240], [0, 0, 1]], [], 640, 480), "camera matrix"),
        (lambda: Camera.pinhole(640, 480, 180.0), "field of view"),
    ],
)
def test_an_impossible_camera_is_refused(made: object, said: str) -> None:
    assert callable(made)
    with pytest.raises(ValueError, match=said):
        made()


def test_a_makers_angles_are_found_again(shared_data: Path) -> None:
    """Pupil Invisible writes gaze in pixels and in degrees: azimuth, right positive, and elevation, up positive."""
    folder = shared_data / "ego" / "pupil_invisible"
    published = json.loads((folder / "scene_camera.json").read_text(encoding="utf-8"))
    scene = Camera.of_matrix(published["camera_matrix"], published["dist_coefs"][0], *SIZE)
    rows = np.genfromtxt(folder / "gaze.csv", delimiter=",", skip_header=1, usecols=(3, 4, 8, 9))
    ray = scene.px_to_ray(rows[:, 0], rows[:, 1])
    azimuth, elevation = np.degrees(np.arctan2(ray[:, 0], ray[:, 2])), -np.degrees(np.arcsin(ray[:, 1]))
    assert len(rows) > 3000
    assert np.abs(azimuth - rows[:, 2]).max() < 0.01 and np.abs(elevation - rows[:, 3]).max() < 0.01
