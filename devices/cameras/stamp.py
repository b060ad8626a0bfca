"""A counter and a time painted into a picture, to be read back from its pixels wherever it has come to.

Blocks of one bit each, black or white, in a band at the top and once more in one at the bottom: 7 rows of 16, first bit top left. They hold
the counter (32 bits), the time (64 bits, nanoseconds) and a check sum over both (CRC-16-CCITT). A picture put together from two has two
bands that differ. The bands scale with the picture, and their middles survive JPEG.
"""

from __future__ import annotations

import binascii
import struct
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge_runtime.pixels import Picture

_FIELDS = struct.Struct(">IQ")
_CHECKED = struct.Struct(">IQH")
_ROWS, _COLUMNS = 7, 16
_BAND = 0.25
"""Height of a band over that of the picture."""
LEAST_WIDTH_PX, LEAST_HEIGHT_PX = 4 * _COLUMNS, round(4 * _ROWS / _BAND)
"""The smallest picture that can be stamped: blocks of four pixels."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is painted.

    Attributes:
        count: Counts pictures, from 0; below 2 to the 32nd.
        t_ns: When it was taken, nanoseconds; not negative.
    """

    count: int
    t_ns: int


def paint_stamp(image: Picture, stamp: Stamp) -> None:
    """Paint a stamp into a picture.

    Args:
        image: uint8 BGR [H, W, 3]; it is changed.
        stamp: What to paint.

    Raises:
        ValueError: The picture is too small.
    """
    height, width = image.shape[:2]
    if width < LEAST_WIDTH_PX or height < LEAST_HEIGHT_PX:
        raise ValueError(f"a stamp needs {LEAST_WIDTH_PX} x {LEAST_HEIGHT_PX} pixels, got {width} x {height}")
    fields = _FIELDS.pack(stamp.count, stamp.t_ns)
    data = np.frombuffer(fields + struct.pack(">H", binascii.crc_hqx(fields, 0xFFFF)), np.uint8)
    bits = np.unpackbits(data).reshape(_ROWS, _COLUMNS) * np.uint8(255)
    band_px = round(height * _BAND)
    band = cv2.resize(bits, (width, band_px), interpolation=cv2.INTER_NEAREST)[..., None]
    image[:band_px] = band
    image[height - band_px :] = band


def read_stamp(image: Picture) -> Stamp | None:
    """Read the stamp of a picture that may have been compressed or scaled.

    Args:
        image: uint8 BGR [H, W, 3].

    Returns:
        ``None`` where there is none, where it cannot be read for certain, or where top and bottom are of two pictures.
    """
    if image.shape[0] < 4 * _ROWS or image.shape[1] < 2 * _COLUMNS:
        return None
    luma = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    band_px = luma.shape[0] * _BAND
    top, bottom = _read(luma, 0.0, band_px), _read(luma, luma.shape[0] - band_px, band_px)
    return top if top == bottom else None


def _read(luma: npt.NDArray[np.generic], top_px: float, band_px: float) -> Stamp | None:
    height_px, width_px = band_px / _ROWS, luma.shape[1] / _COLUMNS
    bits = [
        _middle(luma, top_px + (row + 0.5) * height_px, (column + 0.5) * width_px, height_px, width_px) > 127.5
        for row in range(_ROWS)
        for column in range(_COLUMNS)
    ]
    data = np.packbits(bits).tobytes()
    count, t_ns, checked = _CHECKED.unpack(data)
    return Stamp(count, t_ns) if binascii.crc_hqx(data[: _FIELDS.size], 0xFFFF) == checked else None


def _middle(luma: npt.NDArray[np.generic], y_px: float, x_px: float, height_px: float, width_px: float) -> float:
    """Mean brightness of the middle half of a block."""
    y0, y1 = int(y_px - height_px / 4), int(y_px + height_px / 4) + 1
    x0, x1 = int(x_px - width_px / 4), int(x_px + width_px / 4) + 1
    return float(luma[y0:y1, x0:x1].mean())
