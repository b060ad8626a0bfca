"""Regions around the gaze and the drawing that models are shown, to the pixel."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaze.geometry import perifovea_px
from gaze.raster import disc, ring
from gaze.regions import centre_px, draw_prompt, fov_box_px, foveal_crop, outside_view
from gaze.types import GazeSample

GREEN, RED, BLACK = (0, 255, 0), (0, 0, 255), (0, 0, 0)
Picture = npt.NDArray[np.uint8]


def street(height: int = 480, width: int = 640) -> Picture:
    return np.random.default_rng(3).integers(1, 255, (height, width, 3), dtype=np.uint8)


def middle(t_ns: int = 0) -> GazeSample:
    return GazeSample(t_ns, 0.5, 0.5)


def distances(height: int = 480, width: int = 640, at: tuple[int, int] = (320, 240)) -> npt.NDArray[np.float64]:
    y, x = np.mgrid[:height, :width]
    return np.asarray(np.hypot(x - at[0], y - at[1]), np.float64)


def by_opencv(image: Picture, at: tuple[int, int], radius: int) -> Picture:
    out: Picture = image.copy()
    cv2.circle(out, at, radius, RED, 3)
    cv2.circle(out, at, 10, BLACK, 2)
    cv2.circle(out, at, 8, GREEN, -1)
    return out


def test_640_pixels_and_90_degrees_make_92() -> None:
    assert perifovea_px(640, 90.0) == 92


def test_the_prompt_has_a_green_dot_a_black_ring_and_a_red_circle() -> None:
    drawn, away = draw_prompt(street(), middle(), 90.0), distances()
    assert drawn[240, 320].tolist() == list(GREEN)
    assert (drawn[away <= 8] == GREEN).all()
    assert (drawn[(away > 9.5) & (away < 10.5)] == BLACK).all()
    assert (drawn[np.abs(away - 92) <= 1] == RED).all()


def test_the_prompt_touches_nothing_else() -> None:
    image, away = street(), distances()
    untouched = ((away > 12) & (away < 89)) | (away > 95)
    assert (draw_prompt(image, middle(), 90.0)[untouched] == image[untouched]).all()


def test_the_picture_that_was_given_stays_as_it_was() -> None:
    image = street()
    before = image.copy()
    draw_prompt(image, middle(), 90.0)
    outside_view(image, 0.5, 0.5, 92)
    crop = foveal_crop(image, 0.5, 0.5, 92)
    assert crop is not None
    crop[:] = 0
    assert image.tobytes() == before.tobytes()


@pytest.mark.parametrize(
    "sample",
    [
        GazeSample(0, None, None),
        GazeSample(0, 0.5, 0.5, worn=False),
        GazeSample(0, 1.0, 0.5),
        GazeSample(0, 0.5, -0.01),
        GazeSample(0, 7.0, 0.5),
    ],
)
def test_untracked_gaze_leaves_the_frame_byte_for_byte(sample: GazeSample) -> None:
    image = street()
    assert draw_prompt(image, sample, 90.0).tobytes() == image.tobytes()


@given(st.floats(0.25, 0.75), st.floats(0.3, 0.7), st.integers(60, 110))
@settings(max_examples=30)
def test_the_prompt_is_opencvs_to_the_pixel(x_norm: float, y_norm: float, hfov_deg: int) -> None:
    image = street()
    want = by_opencv(image, (int(x_norm * 640), int(y_norm * 480)), perifovea_px(640, hfov_deg))
    assert draw_prompt(image, GazeSample(0, x_norm, y_norm), hfov_deg).tobytes() == want.tobytes()


@given(st.floats(0.0, 0.999), st.floats(0.0, 0.999))
@settings(max_examples=40)
def test_cut_off_by_the_edge_it_differs_from_opencvs_in_a_few_pixels_of_the_circle(x_norm: float, y_norm: float) -> None:
    image, at = street(), (int(x_norm * 640), int(y_norm * 480))
    differs = (draw_prompt(image, GazeSample(0, x_norm, y_norm), 90.0) != by_opencv(image, at, 92)).any(axis=-1)
    away = distances(at=at)[differs]
    assert len(away) <= 12
    assert ((np.abs(away - 92) < 3.5) | (np.abs(away - 10) < 2.5)).all()


@pytest.mark.parametrize("thickness", [2, 3, 4, 7])
def test_rings_are_opencvs_at_every_size(thickness: int) -> None:
    for radius in (1, 2, 3, 9, 10, 14, 15, 40, 92, 156, 250):
        mask = ring(radius, thickness)
        canvas = np.zeros((len(mask) + 20, len(mask) + 20), np.uint8)
        cv2.circle(canvas, (len(canvas) // 2, len(canvas) // 2), radius, 1, thickness)
        assert (canvas[10:-10, 10:-10] == mask).all() and canvas.sum() == mask.sum(), radius


@pytest.mark.parametrize("radius", [0, 1, 3, 8, 15, 92, 250])
def test_discs_are_opencvs_at_every_size(radius: int) -> None:
    canvas = np.zeros((2 * radius + 1, 2 * radius + 1), np.uint8)
    cv2.circle(canvas, (radius, radius), radius, 1, -1)
    assert (canvas == disc(radius)).all()


def test_the_outside_view_is_black_within_the_radius_and_unchanged_beyond() -> None:
    image, away = street(), distances()
    hidden = outside_view(image, 0.5, 0.5, 92)
    assert (hidden[away <= 92] == 0).all()
    assert (hidden[away > 92] == image[away > 92]).all()


def test_the_outside_view_of_a_grey_picture() -> None:
    grey = street()[:, :, 0]
    assert outside_view(grey, 0.5, 0.5, 20)[240, 320] == 0


def test_gaze_outside_hides_nothing_and_crops_nothing() -> None:
    image = street()
    assert outside_view(image, 1.2, 0.5, 92).tobytes() == image.tobytes()
    assert foveal_crop(image, 1.2, 0.5, 92) is None


def test_the_crop_is_the_square_around_the_gaze() -> None:
    image = street()
    crop = foveal_crop(image, 0.5, 0.5, 92)
    assert crop is not None and crop.shape == (184, 184, 3)
    assert (crop == image[148:332, 228:412]).all()


def test_the_crop_is_clipped_at_the_edge() -> None:
    assert fov_box_px(0.0, 0.999, 640, 480, 92) == (0, 387, 92, 480)


@given(st.floats(-2, 3), st.floats(-2, 3), st.integers(1, 400))
def test_a_box_lies_in_the_picture_and_holds_the_gaze(x_norm: float, y_norm: float, radius: int) -> None:
    at, box = centre_px(x_norm, y_norm, 640, 480), fov_box_px(x_norm, y_norm, 640, 480, radius)
    assert (at is None) == (box is None)
    if at is not None and box is not None:
        assert 0 <= box[0] <= at[0] < box[2] <= 640 and 0 <= box[1] <= at[1] < box[3] <= 480


def test_places_are_cut_off_to_whole_pixels() -> None:
    """Like in the released code, which takes gaze just beyond the left edge for the edge."""
    assert centre_px(0.9999, 0.0, 640, 480) == (639, 0)
    assert centre_px(-0.001, 0.5, 640, 480) == (0, 240)
    assert centre_px(float("nan"), 0.5, 640, 480) is None


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8)])
def test_a_picture_of_another_kind_is_refused(image: Picture) -> None:
    with pytest.raises(ValueError, match="uint8"):
        draw_prompt(image, middle(), 90.0)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="radius"):
        fov_box_px(0.5, 0.5, 640, 480, 0)
    with pytest.raises(ValueError, match="radius"):
        disc(-1)
    with pytest.raises(ValueError, match="thickness"):
        ring(92, 1)
