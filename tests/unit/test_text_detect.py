"""From a probability map to lines: found, grown, joined, ordered, cut out straight."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.models.text_detect import GIANT, Rect, find_cores, find_text, grow, join_lines, reading_order, straighten


def rect(cx: float, cy: float, w: float = 60, h: float = 20, deg: float = 0.0) -> Rect:
    return Rect(cx, cy, w, h, deg, 0.9)


def painted(*rects: Rect, value: float = 0.9, size: tuple[int, int] = (320, 320)) -> npt.NDArray[np.float32]:
    """A probability map with filled rectangles."""
    canvas = np.zeros(size, dtype=np.float32)
    for each in rects:
        cv2.fillPoly(canvas, [np.round(each.quad()).astype(np.int32)], value)
    return canvas


# ---------------------------------------------------------------- cores


@pytest.mark.parametrize("deg", [-40.0, -12.0, 0.0, 12.0, 40.0])
def test_a_core_is_found_with_its_place_size_and_direction(deg: float) -> None:
    (core,) = find_cores(painted(rect(150, 160, 120, 24, deg)))
    assert [core.cx, core.cy] == pytest.approx([150, 160], abs=1.5)
    assert [core.w, core.h] == pytest.approx([120, 24], abs=3)
    assert core.deg == pytest.approx(deg, abs=1.5)
    assert core.score == pytest.approx(0.9, abs=0.05)


def test_a_core_on_its_end_is_higher_than_wide() -> None:
    (core,) = find_cores(painted(rect(150, 160, 20, 140, 8.0)))
    assert core.h == pytest.approx(140, abs=3)
    assert core.deg == pytest.approx(8.0, abs=1.5)


def test_about_one_letter_has_no_direction_of_its_own() -> None:
    cross = np.zeros((100, 100), dtype=np.float32)
    for ends in (((30, 30), (70, 70)), ((70, 30), (30, 70))):
        cv2.line(cross, *ends, 0.99, 16)
    (core,) = find_cores(cross)
    assert core.deg == 0.0
    assert [core.cx, core.cy] == pytest.approx([50, 50], abs=1)


@pytest.mark.parametrize(
    "nothing",
    [
        np.zeros((64, 64), dtype=np.float32),
        painted(rect(100, 100), value=0.25),
        painted(rect(100, 100), value=0.45),
        painted(rect(100, 100, 60, 2)),
    ],
    ids=["empty", "below the threshold", "unsure", "thin as a hair"],
)
def test_what_is_faint_or_thin_is_no_core(nothing: npt.NDArray[np.float32]) -> None:
    assert find_cores(nothing) == []


def test_the_hole_in_a_frame_is_not_text_but_what_stands_in_it_is() -> None:
    framed = painted(rect(160, 160, 280, 280))
    framed[40:280, 40:280] = 0.0
    framed[150:170, 100:220] = 0.9
    cores = find_cores(framed)
    assert [(round(core.cx), round(core.cy)) for core in cores] == [(160, 160)]
    assert cores[0].w == pytest.approx(119, abs=2)


# ---------------------------------------------------------------- growing


def test_a_core_grows_by_the_vatti_distance_on_every_side() -> None:
    core = rect(100, 100, 80, 20)
    grown = grow(core)
    distance = 80 * 20 * 1.6 / (2 * (80 + 20))
    assert [grown.w, grown.h] == pytest.approx([80 + 2 * distance, 20 + 2 * distance])
    assert (grown.cx, grown.cy, grown.deg) == (core.cx, core.cy, core.deg)


def test_a_shape_that_fills_the_picture_is_no_line() -> None:
    side = 300
    assert find_text(painted(rect(150, 150, 140, 140), size=(side, side))) == []
    # A long line in a flat picture may be as high as the picture is.
    (line,) = find_text(painted(rect(150, 25, 240, 26), size=(50, side)))
    assert line.h < GIANT * side


# ---------------------------------------------------------------- joining


def test_fragments_of_one_line_are_joined() -> None:
    (line,) = join_lines([rect(100, 100, 60, 20), rect(160, 102, 40, 22), rect(215, 98, 50, 20)])
    assert line.w == pytest.approx(170)
    assert line.cx == pytest.approx(155)
    assert 20 <= line.h <= 28


def test_a_chain_is_joined_in_whatever_order_it_is_given() -> None:
    chain = [rect(100 + 65 * i, 100) for i in range(4)]
    for order in itertools.permutations(chain):
        (line,) = join_lines(order)
        assert [line.cx, line.w] == pytest.approx([197.5, 255])


def test_a_tilted_line_is_joined_along_its_direction() -> None:
    step = 66 * np.array([np.cos(np.deg2rad(20)), np.sin(np.deg2rad(20))])
    (line,) = join_lines([rect(100, 100, deg=20), rect(100 + step[0], 100 + step[1], deg=20)])
    assert [line.w, line.h, line.deg] == pytest.approx([126, 20, 20], abs=0.1)


@pytest.mark.parametrize(
    "other",
    [rect(180, 100), rect(165, 112), rect(165, 100, 60, 44), rect(165, 100, 60, 20, 25.0), rect(100, 124), rect(165, 100, 10, 60)],
    ids=["a gutter away", "a row lower", "twice as high", "in another direction", "below", "on its end"],
)
def test_what_is_not_one_line_is_not_joined(other: Rect) -> None:
    assert len(join_lines([rect(100, 100), other])) == 2


# ---------------------------------------------------------------- order


def test_rows_from_top_to_bottom_and_in_a_row_from_left_to_right() -> None:
    page = [rect(60, 20), rect(200, 24), rect(60, 60), rect(140, 57), rect(220, 63), rect(60, 100)]
    for order in itertools.permutations(page):
        assert reading_order(order) == page


@pytest.mark.parametrize("deg", [-20.0, -12.0, 12.0, 20.0])
def test_a_tilted_page_is_levelled_before_it_is_ordered(deg: float) -> None:
    c, s = np.cos(np.deg2rad(deg)), np.sin(np.deg2rad(deg))
    level = [(x, y) for y in (0, 30, 60) for x in (0, 100, 200)]
    page = [rect(200 + x * c - y * s, 200 + x * s + y * c, deg=deg) for x, y in level]
    assert reading_order(page[::-1]) == page


def test_single_letters_do_not_tilt_the_page() -> None:
    row = [rect(60, 100, 20, 20, 40.0), rect(160, 100), rect(260, 100, 20, 20, -40.0)]
    assert reading_order(row[::-1]) == row
    assert reading_order([]) == []


# ---------------------------------------------------------------- cutting out


def test_a_turned_line_is_cut_out_straight() -> None:
    stripe = rect(160, 160, 160, 40, 25.0)
    page = np.zeros((320, 320, 3), dtype=np.uint8)
    cv2.fillPoly(page, [np.round(stripe.quad()).astype(np.int32)], (0, 0, 255))
    head = Rect(160 - 60 * np.cos(np.deg2rad(25)), 160 - 60 * np.sin(np.deg2rad(25)), 40, 40, 25.0, 1.0)
    cv2.fillPoly(page, [np.round(head.quad()).astype(np.int32)], (255, 0, 0))
    strip = straighten(page, stripe.quad(), 48, 1600)
    assert strip.shape == (48, 192, 3)
    assert strip.dtype == np.uint8
    left, right = strip[6:-6, 6:40].reshape(-1, 3).mean(axis=0), strip[6:-6, 60:-6].reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(left, (255, 0, 0), atol=3)
    np.testing.assert_allclose(right, (0, 0, 255), atol=3)


def test_an_endless_line_is_squeezed() -> None:
    page = np.zeros((20, 2000, 3), dtype=np.uint8)
    assert straighten(page, rect(1000, 10, 2000, 20).quad(), 48, 1600).shape == (48, 1600, 3)


def test_a_rectangle_moves_with_its_picture() -> None:
    small = rect(10, 20, 30, 8, 12.0)
    np.testing.assert_allclose(small.scaled(2.5).quad(), small.quad() * 2.5, rtol=1e-5)
