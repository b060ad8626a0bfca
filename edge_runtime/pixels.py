"""The one place of the runtime that works on pixels: crop, resize, JPEG, and the signals of a frame.

Pictures are uint8 BGR [H,W,3].
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edge_runtime.errors import InputError
from edge_runtime.types import Box, Signals

Picture = npt.NDArray[np.uint8]
"""uint8 BGR [H,W,3]."""
Luma = npt.NDArray[np.uint8]
"""uint8 [36,64], rows first."""
Rgb = tuple[float, float, float]

LUMA_WIDTH_PX, LUMA_HEIGHT_PX = 64, 36
GLIMPSE_COLUMNS, GLIMPSE_ROWS = 8, 4
BLUR_WIDTH_PX = 320
_HALF_SHARP = 60.0
"""Laplacian variance at :data:`BLUR_WIDTH_PX` at which half of the sharpness counts as lost."""


def crop(image: Picture, box: Box) -> Picture:
    """Cut a box out of a picture: a view, not a copy, of at least one pixel.

    Args:
        image: uint8 BGR [H,W,3].
        box: Where, normalised to the picture.
    """
    height, width = image.shape[:2]
    x0, x1 = _span(box.x0, box.x1, width)
    y0, y1 = _span(box.y0, box.y1, height)
    return image[y0:y1, x0:x1]


def resize(image: Picture, width_px: int, height_px: int) -> Picture:
    """Resize to exactly ``width_px`` x ``height_px``: by area when it gets smaller, cubic when it grows."""
    height, width = image.shape[:2]
    if (width, height) == (width_px, height_px):
        return image
    how = cv2.INTER_AREA if width_px * height_px < width * height else cv2.INTER_CUBIC
    return _picture(cv2.resize(image, (width_px, height_px), interpolation=how))


def limit_side(image: Picture, max_side_px: int) -> Picture:
    """Shrink so that the longest side is at most ``max_side_px``, keeping the shape; never enlarges."""
    height, width = image.shape[:2]
    longest = max(height, width)
    if longest <= max_side_px:
        return image
    scale = max_side_px / longest
    return resize(image, max(1, round(width * scale)), max(1, round(height * scale)))


def planes(image: Picture, mean: Rgb, scale: Rgb) -> npt.NDArray[np.float32]:
    """Turn a picture into what a network takes: float32 [1,3,H,W], RGB, ``(x - mean) / scale``.

    Args:
        image: uint8 BGR [H,W,3].
        mean: Per channel R, G, B, on the scale 0..255.
        scale: Per channel R, G, B, on the scale 0..255.
    """
    height, width = image.shape[:2]
    result = np.empty((1, 3, height, width), np.float32)
    for channel in range(3):
        np.multiply(image[:, :, 2 - channel], np.float32(1 / scale[channel]), out=result[0, channel], dtype=np.float32)
        result[0, channel] -= np.float32(mean[channel] / scale[channel])
    return result


def jpeg_encode(image: Picture, quality: int, max_side: int) -> bytes:
    """Encode as JPEG.

    Args:
        image: uint8 BGR [H,W,3].
        quality: 1 to 100.
        max_side: Longest side of the result at most, pixels.
    """
    _, data = cv2.imencode(".jpg", limit_side(image, max_side), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()


def jpeg_decode(data: bytes) -> Picture:
    """Decode a picture (JPEG, or whatever else the picture library knows) to uint8 BGR [H,W,3].

    Raises:
        InputError: The bytes are no picture.
    """
    raw = np.frombuffer(data, dtype=np.uint8)
    image = cv2.imdecode(raw, cv2.IMREAD_COLOR) if raw.size else None
    if image is None:
        raise InputError(f"{len(data)} bytes that are no readable picture", hint="give a JPEG or PNG file that opens in a viewer")
    return _picture(image)


def signals(image: Picture, previous_luma: Luma | None) -> tuple[Signals, Luma]:
    """Measure a frame without a model: motion, blur, light and the 32-byte glimpse.

    Blur is taken from the variance of the Laplacian (Pech-Pacheco et al., ICPR 2000) at a width of 320 px, so that it does not
    depend on the camera's resolution, and mapped to 0 (sharp) .. 1 (no detail).

    Args:
        image: uint8 BGR [H,W,3].
        previous_luma: What this returned for the frame before, or ``None`` at the start (motion is then 0).

    Returns:
        The signals, and the luma uint8 [36,64] to hand in with the next frame.
    """
    height, width = image.shape[:2]
    small = image
    if width > BLUR_WIDTH_PX:
        # Area averaging in one step; everything below works on this small picture.
        small = resize(image, BLUR_WIDTH_PX, max(GLIMPSE_ROWS, round(height * BLUR_WIDTH_PX / width)))
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    luma: Luma = cv2.resize(grey, (LUMA_WIDTH_PX, LUMA_HEIGHT_PX), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    glimpse = cv2.resize(luma, (GLIMPSE_COLUMNS, GLIMPSE_ROWS), interpolation=cv2.INTER_AREA)
    motion = 0.0 if previous_luma is None else float(cv2.norm(luma, previous_luma, cv2.NORM_L1)) / (luma.size * 255.0)
    _, deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    variance = float(deviation[0, 0]) ** 2
    return (
        Signals(
            motion=motion,
            blur=_HALF_SHARP / (_HALF_SHARP + variance),
            light=float(cv2.mean(luma)[0]) / 255.0,
            glimpse=glimpse.tobytes(),
        ),
        luma,
    )


def _span(start_norm: float, end_norm: float, size_px: int) -> tuple[int, int]:
    start = min(int(start_norm * size_px), size_px - 1)
    return start, max(start + 1, min(size_px, round(end_norm * size_px)))


def _picture(image: npt.NDArray[np.generic]) -> Picture:
    return image.astype(np.uint8, copy=False)
