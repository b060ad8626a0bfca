"""Picture coordinates, visual angles and the region seen sharply."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaze.geometry import angle_deg, deg_to_norm, norm_to_deg, norm_to_ray, perifovea_box_norm, perifovea_px, ray_angle_deg, ray_to_norm

CAMERA = {"hfov_deg": 90.0, "aspect": 16 / 9}


def test_the_centre_of_the_picture_is_straight_ahead() -> None:
    x, y = norm_to_deg(0.5, 0.5, **CAMERA)
    assert (float(x), float(y)) == (0.0, 0.0)
    assert norm_to_ray(0.5, 0.5, **CAMERA) == pytest.approx([0.0, 0.0, 1.0])


def test_the_edges_are_half_a_field_of_view_away() -> None:
    x, y = norm_to_deg([0.0, 1.0], [0.5, 0.5], **CAMERA)
    assert x == pytest.approx([-45.0, 45.0])
    assert y == pytest.approx([0.0, 0.0])


def test_pixels_are_square() -> None:
    """A 16:9 picture of 90 degrees is 2 * atan(9 / 16) high."""
    _, y = norm_to_deg(0.5, 1.0, **CAMERA)
    assert float(y) == pytest.approx(np.degrees(np.arctan(9 / 16)))


def test_degrees_and_back_is_the_same_place() -> None:
    grid = np.linspace(-0.3, 1.3, 17)
    x, y = np.meshgrid(grid, grid)
    back = deg_to_norm(*norm_to_deg(x, y, hfov_deg=110.0, aspect=1.0), hfov_deg=110.0, aspect=1.0)
    assert np.allclose(back, (x, y), atol=1e-12)


def test_an_angle_no_picture_can_hold_is_not_a_number() -> None:
    x, y = deg_to_norm([90.0, -120.0, 10.0], [0.0, 0.0, 95.0], **CAMERA)
    assert np.isnan(x).all() and np.isnan(y).all()


def test_the_angle_between_two_points_is_exact_at_the_edge_too() -> None:
    """Both edges of a 90 degree picture are 90 degrees apart; away from the axis the same step in the picture is less."""
    assert float(angle_deg(0.0, 0.5, 1.0, 0.5, **CAMERA)) == pytest.approx(90.0)
    middle, edge = angle_deg([0.5, 0.99], 0.5, [0.51, 1.0], 0.5, **CAMERA)
    assert middle == pytest.approx(2 * edge, rel=0.02)


def test_a_tiny_angle_keeps_its_digits() -> None:
    assert float(angle_deg(0.5, 0.5, 0.5 + 1e-9, 0.5, **CAMERA)) == pytest.approx(np.degrees(2e-9), rel=1e-6)


@pytest.mark.parametrize(
    "camera", [{"hfov_deg": 0.0, "aspect": 1.0}, {"hfov_deg": 180.0, "aspect": 1.0}, {"hfov_deg": 90.0, "aspect": 0.0}]
)
def test_an_impossible_camera_is_refused(camera: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"field of view|aspect"):
        norm_to_deg(0.5, 0.5, **camera)


def test_the_perifovea_follows_the_linear_rule() -> None:
    assert perifovea_px(640, 90.0) == 92
    assert perifovea_px(1920, 60.0, radius_deg=5.0) == 160


def test_a_perifovea_is_never_empty() -> None:
    assert perifovea_px(3, 90.0, radius_deg=1.0) == 1


def test_an_impossible_perifovea_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        perifovea_px(0, 90.0)


def test_the_box_is_a_square_around_the_gaze() -> None:
    x0, y0, x1, y1 = perifovea_box_norm(0.5, 0.5, 640, 360, 90.0) or (0, 0, 0, 0)
    assert ((x1 - x0) * 640, (y1 - y0) * 360) == pytest.approx((184.0, 184.0))
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (1.0, 0.5), (-0.1, 0.5), (1.14, 1.2)])
def test_a_box_at_the_edge_stays_in_the_picture_and_worth_looking_at(x: float, y: float) -> None:
    x0, y0, x1, y1 = perifovea_box_norm(x, y, 640, 360, 90.0) or (0, 0, 0, 0)
    assert 0.0 <= x0 < x1 <= 1.0 and 0.0 <= y0 < y1 <= 1.0
    assert (x1 - x0) * 640 >= 92 - 1e-9 and (y1 - y0) * 360 >= 92 - 1e-9


@pytest.mark.parametrize(("x", "y"), [(-0.15, 0.5), (1.15, 0.5), (0.5, -0.26), (0.5, 1.26)])
def test_gaze_far_outside_has_no_box(x: float, y: float) -> None:
    assert perifovea_box_norm(x, y, 640, 360, 90.0) is None


@given(st.floats(-1, 2), st.floats(-1, 2), st.floats(20, 150), st.floats(0.01, 100))
def test_a_direction_of_any_length_leads_back_to_its_place(x: float, y: float, hfov_deg: float, length: float) -> None:
    ray = length * norm_to_ray(x, y, hfov_deg=hfov_deg, aspect=1.5)
    back = ray_to_norm(ray, hfov_deg=hfov_deg, aspect=1.5)
    assert (float(back[0]), float(back[1])) == pytest.approx((x, y), abs=1e-9)


def test_a_direction_that_does_not_lie_ahead_has_no_place() -> None:
    x, y = ray_to_norm([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], **CAMERA)
    assert np.isnan(x).tolist() == np.isnan(y).tolist() == [True, True, False]


def test_the_angle_between_directions_needs_no_lengths() -> None:
    assert float(ray_angle_deg([0.0, 0.0, 5.0], [2.0, 0.0, 2.0])) == pytest.approx(45.0)
    assert float(ray_angle_deg([0.0, 0.0, 1.0], [0.0, 0.0, -1.0])) == 180.0
    assert ray_angle_deg([[0.0, 0.0, 1.0], [0.0, 3.0, 0.0]], [0.0, 1.0, 0.0]) == pytest.approx([90.0, 0.0])
