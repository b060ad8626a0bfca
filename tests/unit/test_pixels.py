"""Crops, sizes, JPEG, and what is measured on every frame."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime import pixels
from edge_runtime.errors import InputError
from edge_runtime.pixels import Picture
from edge_runtime.types import WHOLE, Box


def flat(value: int, height: int = 72, width: int = 128) -> Picture:
    return np.full((height, width, 3), value, np.uint8)


def stripes(period_px: int) -> Picture:
    columns = np.arange(320) // period_px % 2 * 255
    return np.repeat(np.tile(columns, (180, 1))[:, :, None], 3, axis=2).astype(np.uint8)


def test_a_crop_is_the_part_of_the_picture_that_the_box_covers() -> None:
    image = np.arange(4 * 8 * 3, dtype=np.uint8).reshape(4, 8, 3)
    assert np.array_equal(pixels.crop(image, Box(0.25, 0.5, 0.75, 1.0)), image[2:4, 2:6])
    assert np.array_equal(pixels.crop(image, WHOLE), image)


@pytest.mark.parametrize("box", [Box(0.0, 0.0, 1e-6, 1e-6), Box(1 - 1e-6, 1 - 1e-6, 1.0, 1.0), Box(0.4999, 0.0, 0.5001, 1.0)])
def test_a_crop_has_at_least_one_pixel(box: Box) -> None:
    height, width = pixels.crop(flat(9), box).shape[:2]
    assert height >= 1
    assert width >= 1


def test_resizing_gives_exactly_the_size_asked_for() -> None:
    assert pixels.resize(flat(7), 33, 11).shape == (11, 33, 3)
    assert pixels.resize(flat(7), 500, 300).shape == (300, 500, 3)
    assert (pixels.resize(flat(7), 33, 11) == 7).all()


def test_a_side_limit_keeps_the_shape_and_never_enlarges() -> None:
    assert pixels.limit_side(flat(7, 100, 200), 50).shape == (25, 50, 3)
    assert pixels.limit_side(flat(7, 1, 1000), 50).shape == (1, 50, 3)
    small = flat(7, 10, 20)
    assert pixels.limit_side(small, 50) is small


def test_planes_are_rgb_and_normalised() -> None:
    image = np.zeros((2, 3, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = 10, 20, 30  # blue, green, red
    value = pixels.planes(image, (10.0, 20.0, 5.0), (2.0, 1.0, 5.0))
    assert value.shape == (1, 3, 2, 3)
    assert value.dtype == np.float32
    assert value[0, :, 0, 0].tolist() == pytest.approx([10.0, 0.0, 1.0])


def test_jpeg_there_and_back() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, :100] = (200, 30, 60)
    data = pixels.jpeg_encode(image, quality=90, max_side=160)
    back = pixels.jpeg_decode(data)
    assert data.startswith(b"\xff\xd8")
    assert back.shape == (80, 160, 3)
    assert np.abs(back[40, 20].astype(int) - (200, 30, 60)).max() < 8
    assert len(pixels.jpeg_encode(image, quality=20, max_side=160)) < len(data)


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\xff\xd8\xff\xe0 cut off"])
def test_bytes_that_are_no_picture(data: bytes) -> None:
    with pytest.raises(InputError, match="no readable picture") as caught:
        pixels.jpeg_decode(data)
    assert caught.value.hint


def test_motion_is_nothing_on_the_same_frame_and_everything_from_black_to_white() -> None:
    first, luma = pixels.signals(flat(0), None)
    assert first.motion == 0.0
    assert pixels.signals(flat(0), luma)[0].motion == 0.0
    assert pixels.signals(flat(255), luma)[0].motion == pytest.approx(1.0)
    assert pixels.signals(flat(51), luma)[0].motion == pytest.approx(0.2)


def test_light_is_the_mean_luma() -> None:
    assert pixels.signals(flat(0), None)[0].light == 0.0
    assert pixels.signals(flat(102), None)[0].light == pytest.approx(0.4)
    assert pixels.signals(flat(255), None)[0].light == 1.0


def test_blur_grows_as_detail_goes_and_does_not_depend_on_the_resolution() -> None:
    sharp, coarse, empty = (pixels.signals(image, None)[0].blur for image in (stripes(4), stripes(40), flat(120)))
    assert 0.0 <= sharp < coarse < empty == 1.0
    large = np.repeat(np.repeat(stripes(4), 4, axis=0), 4, axis=1)
    assert pixels.signals(large, None)[0].blur == pytest.approx(sharp, abs=0.01)


def test_the_glimpse_is_an_eight_by_four_grid_row_by_row() -> None:
    image = flat(0, 144, 256)
    image[:36, :32] = 255  # the first of 8 columns and 4 rows
    image[108:, 224:] = 100  # the last
    glimpse = pixels.signals(image, None)[0].glimpse
    assert len(glimpse) == 32
    assert (glimpse[0], glimpse[1], glimpse[8], glimpse[31]) == (255, 0, 0, 100)


def test_the_luma_that_is_handed_on_is_64_by_36() -> None:
    for height, width in ((1080, 1920), (480, 640), (20, 30), (640, 480)):
        luma = pixels.signals(flat(80, height, width), None)[1]
        assert luma.shape == (36, 64)
        assert luma.dtype == np.uint8
        assert (luma == 80).all()
