"""Puts things up on the painted wall of the sample: frames, mats, prints, cards and sheets, each with its shadow."""

from __future__ import annotations

import cv2
import numpy as np

from devices.gallery.layout import Mount
from edge_runtime.pixels import Picture

Colour = tuple[int, int, int]
"""BGR, 0..255."""

_FRAMES: dict[Mount, Colour] = {"black": (44, 44, 46), "oak": (92, 134, 172), "gilt": (86, 156, 196)}
_FRAME_M, _MAT_M = 0.034, 0.042
PRINT_EDGE_M = 0.018
"""White edge of a photographic print."""
_MAT: Colour = (232, 238, 240)


def hang(wall: Picture, image: Picture, mount: Mount, top: int, left: int, ppm: float) -> None:
    """Put something up, in place.

    Args:
        wall: uint8 BGR [H,W,3], changed.
        image: uint8 BGR [h,w,3], at its size on the wall.
        mount: How.
        top: Row of the picture's upper edge.
        left: Column of the picture's left edge.
        ppm: Pixels a metre of the wall.
    """
    height, width = image.shape[:2]
    box = (left, top, left + width, top + height)
    if mount in _FRAMES:
        mat, frame = round(_MAT_M * ppm), round(_FRAME_M * ppm)
        inner, outer = _grown(box, mat), _grown(box, mat + frame)
        _shadow(wall, outer, ppm, 0.022, 0.55)
        _frame(wall, inner, outer, _FRAMES[mount])
        cv2.rectangle(wall, inner[:2], (inner[2] - 1, inner[3] - 1), _MAT, -1)
        # The frame stands proud of the mat: its upper edge throws a thin shadow on it.
        wall[inner[1] : inner[1] + 4, inner[0] : inner[2]] = (178, 184, 187)
        wall[inner[1] : inner[3], inner[0] : inner[0] + 3] = (196, 202, 205)
        cv2.rectangle(wall, (left - 2, top - 2), (left + width + 1, top + height + 1), (150, 158, 162), 1)
    elif mount == "print":
        paper = _grown(box, round(PRINT_EDGE_M * ppm))
        _shadow(wall, paper, ppm, 0.016, 0.5)
        cv2.rectangle(wall, paper[:2], (paper[2] - 1, paper[3] - 1), (242, 245, 246), -1)
    else:
        _shadow(wall, box, ppm, 0.008, 0.5)
    wall[top : top + height, left : left + width] = image
    if mount == "pinned":
        for x in (left + round(0.03 * ppm), left + width - round(0.03 * ppm)):
            cv2.circle(wall, (x + 2, top + round(0.03 * ppm) + 3), round(0.012 * ppm), (120, 124, 126), -1, cv2.LINE_AA)
            cv2.circle(wall, (x, top + round(0.03 * ppm)), round(0.011 * ppm), (40, 40, 190), -1, cv2.LINE_AA)
            cv2.circle(wall, (x - 1, top + round(0.03 * ppm) - 1), 1, (210, 210, 250), -1, cv2.LINE_AA)


def _grown(box: tuple[int, int, int, int], by: int) -> tuple[int, int, int, int]:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def _frame(wall: Picture, inner: tuple[int, int, int, int], outer: tuple[int, int, int, int], colour: Colour) -> None:
    """Four mitred sides, lit from above: the top is bright, the bottom dark, with a groove along the middle."""
    (a, b, c, d), (e, f, g, h) = outer, inner
    middle = _grown(inner, (e - a) // 2)
    sides = (
        (((a, b), (c, b), (g, f), (e, f)), 1.18),
        (((a, b), (e, f), (e, h), (a, d)), 0.94),
        (((c, b), (c, d), (g, h), (g, f)), 1.04),
        (((a, d), (e, h), (g, h), (c, d)), 0.78),
    )
    for corners, gain in sides:
        shade = tuple(min(255.0, part * gain) for part in colour)
        cv2.fillPoly(wall, [np.array(corners, np.int32)], shade, cv2.LINE_AA)
    cv2.rectangle(wall, middle[:2], (middle[2] - 1, middle[3] - 1), tuple(part * 0.66 for part in colour), 1)
    cv2.rectangle(wall, (a, b), (c - 1, d - 1), tuple(part * 0.5 for part in colour), 1)


def _shadow(wall: Picture, box: tuple[int, int, int, int], ppm: float, drop_m: float, depth: float) -> None:
    """Darken the wall below and beside a box, softly."""
    drop = max(2, round(drop_m * ppm))
    room = 4 * drop
    left, top, right, bottom = _grown(box, room)
    mask = np.zeros((bottom - top, right - left), np.float32)
    mask[room + drop : -room + drop, room + drop // 2 : -room + drop // 2] = depth
    mask = cv2.GaussianBlur(mask, (0, 0), drop * 0.7).astype(np.float32, copy=False)
    region = wall[max(0, top) : bottom, max(0, left) : right]
    mask = mask[mask.shape[0] - region.shape[0] :, mask.shape[1] - region.shape[1] :][: region.shape[0], : region.shape[1]]
    region[:] = (region * (1.0 - mask[..., None])).astype(np.uint8)
