"""What the eye sees sharply, cut out of the picture, blacked out of it, or drawn on it.

The regions and the drawing are those that StreamGaze (2025) shows to models, to the pixel: the centre is
``(int(x_norm * width), int(y_norm * height))``, the radius ``int(13 degrees * width / hfov)`` (:func:`gaze.geometry.perifovea_px`).
Pictures are uint8, BGR like everywhere in the runtime; nothing here writes into the picture it was given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gaze.geometry import perifovea_px
from gaze.raster import Mask, disc, ring
from gaze.types import GazeSample

Picture: TypeAlias = npt.NDArray[np.uint8]
Color: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class PromptStyle:
    """How gaze is drawn for a model; the defaults are StreamGaze's. Drawn in this order.

    Attributes:
        fov_px: Thickness of the circle around what is seen sharply.
        fov_bgr: Its colour: red.
        outline_radius_px: Of the ring around the gaze point.
        outline_px: Its thickness.
        outline_bgr: Its colour: black.
        dot_radius_px: Of the filled dot at the gaze point.
        dot_bgr: Its colour: green.
    """

    fov_px: int = 3
    fov_bgr: Color = (0, 0, 255)
    outline_radius_px: int = 10
    outline_px: int = 2
    outline_bgr: Color = (0, 0, 0)
    dot_radius_px: int = 8
    dot_bgr: Color = (0, 255, 0)


STYLE = PromptStyle()


def centre_px(x_norm: float, y_norm: float, width_px: int, height_px: int) -> tuple[int, int] | None:
    """The pixel that gaze falls on, cut off to whole numbers like in the released code; ``None`` outside the picture.

    Cutting off means that gaze less than one pixel beyond the left or upper edge still counts as on it.
    """
    if not (math.isfinite(x_norm) and math.isfinite(y_norm)):
        return None
    x, y = int(x_norm * width_px), int(y_norm * height_px)
    return (x, y) if 0 <= x < width_px and 0 <= y < height_px else None


def fov_box_px(x_norm: float, y_norm: float, width_px: int, height_px: int, radius_px: int) -> tuple[int, int, int, int] | None:
    """The square around the gaze point, clipped to the picture.

    Returns:
        ``(x0, y0, x1, y1)``, ends excluded; ``None`` with gaze outside the picture.

    Raises:
        ValueError: A radius that is not positive.
    """
    if radius_px < 1:
        raise ValueError(f"a region has a radius of 1 pixel or more, got {radius_px}")
    at = centre_px(x_norm, y_norm, width_px, height_px)
    if at is None:
        return None
    x, y = at
    return max(0, x - radius_px), max(0, y - radius_px), min(width_px, x + radius_px), min(height_px, y + radius_px)


def foveal_crop(image: Picture, x_norm: float, y_norm: float, radius_px: int) -> Picture | None:
    """What is seen sharply: the square around the gaze point.

    Args:
        image: uint8 [H, W] or [H, W, C].
        x_norm: Gaze, 0 left to 1 right.
        y_norm: Gaze, 0 top to 1 bottom.
        radius_px: Half the side.

    Returns:
        A copy, up to [2 r, 2 r, ...], or ``None`` with gaze outside the picture.
    """
    height_px, width_px = image.shape[:2]
    box = fov_box_px(x_norm, y_norm, width_px, height_px, radius_px)
    if box is None:
        return None
    crop: Picture = image[box[1] : box[3], box[0] : box[2]].copy()
    return crop


def outside_view(image: Picture, x_norm: float, y_norm: float, radius_px: int) -> Picture:
    """What is not seen sharply: the picture with a black disc over the gaze point.

    Returns:
        A copy; unchanged where the disc does not reach, and everywhere with gaze outside the picture.
    """
    out: Picture = image.copy()
    at = centre_px(x_norm, y_norm, image.shape[1], image.shape[0])
    if at is not None:
        _stamp(out, disc(radius_px), at, 0)
    return out


def draw_prompt(
    image: Picture, sample: GazeSample, hfov_deg: float, *, radius_px: int | None = None, style: PromptStyle = STYLE
) -> Picture:
    """The gaze prompt: a red circle around what is seen sharply, and a green dot with a black outline on the gaze point.

    Args:
        image: uint8 BGR [H, W, 3].
        sample: Gaze at the time of the picture. One without gaze, not worn, or outside the picture leaves no mark.
        hfov_deg: Horizontal field of view of the picture, degrees.
        radius_px: Of the red circle, where it is not to follow from the field of view.
        style: Sizes and colours.

    Returns:
        A copy, byte for byte the picture given if nothing is drawn.

    Raises:
        ValueError: Not such a picture, or an impossible field of view.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"the gaze prompt is drawn on uint8 [H, W, 3], got {image.dtype} {list(image.shape)}")
    radius = perifovea_px(image.shape[1], hfov_deg) if radius_px is None else radius_px
    out: Picture = image.copy()
    if not sample.valid or sample.x_norm is None or sample.y_norm is None:
        return out
    at = centre_px(sample.x_norm, sample.y_norm, image.shape[1], image.shape[0])
    if at is not None:
        _stamp(out, ring(radius, style.fov_px), at, style.fov_bgr)
        _stamp(out, ring(style.outline_radius_px, style.outline_px), at, style.outline_bgr)
        _stamp(out, disc(style.dot_radius_px), at, style.dot_bgr)
    return out


def _stamp(image: Picture, mask: Mask, at: tuple[int, int], color: Color | int) -> None:
    """Colour the pixels of a mask centred at a pixel, as far as they lie on the picture."""
    reach = len(mask) // 2
    x, y = at[0] - reach, at[1] - reach
    x0, y0, x1, y1 = max(0, x), max(0, y), min(image.shape[1], x + len(mask)), min(image.shape[0], y + len(mask))
    image[y0:y1, x0:x1][mask[y0 - y : y1 - y, x0 - x : x1 - x]] = color
