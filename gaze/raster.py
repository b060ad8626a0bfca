"""Discs and rings on the pixel grid, the very pixels that OpenCV's ``circle`` sets, with numpy alone.

Models are shown gaze as drawings (:mod:`gaze.regions`), and they were trained and tested on drawings made by OpenCV. A filled circle
there is the plain disc ``dx^2 + dy^2 <= r^2``. A thick one is not an annulus: it is a polygon of 5, 18, 30 or 90 degrees a side, each
side a rotated rectangle in 16-bit fixed point with a round cap, so it comes out wider than asked for and not quite symmetrical. The
rules are those of ``modules/imgproc/src/drawing.cpp`` of OpenCV 4 (Apache-2.0), restated here for circles with a whole-pixel centre.
Where a ring is cut off by the picture's edge OpenCV cuts its lines before it draws them, which moves a pixel here and there (up to a
dozen); here the whole ring is drawn and then cut.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Mask: TypeAlias = npt.NDArray[np.bool_]
_Point: TypeAlias = tuple[int, int]

_SHIFT = 16
_ONE = 1 << _SHIFT
_HALF = _ONE >> 1


@lru_cache(maxsize=64)
def disc(radius_px: int) -> Mask:
    """A filled circle.

    Returns:
        bool [2 r + 1, 2 r + 1], read-only, its centre in the middle.

    Raises:
        ValueError: A negative radius.
    """
    if radius_px < 0:
        raise ValueError(f"a radius is not negative, got {radius_px}")
    along = np.arange(-radius_px, radius_px + 1)
    mask: Mask = along[:, None] ** 2 + along[None, :] ** 2 <= radius_px**2
    mask.flags.writeable = False
    return mask


@lru_cache(maxsize=64)
def ring(radius_px: int, thickness_px: int) -> Mask:
    """The outline of a circle, as thick as OpenCV makes it when asked for ``thickness_px``.

    Args:
        radius_px: Of the middle of the line.
        thickness_px: 2 or more; OpenCV follows another rule for lines one pixel wide.

    Returns:
        bool [2 n + 1, 2 n + 1] with n = radius + thickness, read-only, its centre in the middle.

    Raises:
        ValueError: A radius that is not positive or a line thinner than two pixels.
    """
    if radius_px < 1 or thickness_px < 2:
        raise ValueError(f"a ring has a radius of 1 and a thickness of 2 or more, got {radius_px} and {thickness_px}")
    reach = radius_px + thickness_px
    mask = np.zeros((2 * reach + 1, 2 * reach + 1), np.bool_)
    cap = disc((thickness_px * _HALF + _HALF) >> _SHIFT)
    corners = _polygon(radius_px, reach)
    for start, end in itertools.pairwise(corners):
        _fill(mask, _side(start, end, thickness_px))
        x, y = (end[0] + _HALF) >> _SHIFT, (end[1] + _HALF) >> _SHIFT
        r = len(cap) // 2
        mask[y - r : y + r + 1, x - r : x + r + 1] |= cap
    mask.flags.writeable = False
    return mask


def _polygon(radius_px: int, centre_px: int) -> list[_Point]:
    """Corners of the circle, fixed point, closed."""
    step = 90 if radius_px < 3 else 30 if radius_px < 10 else 18 if radius_px < 15 else 5
    corners: list[_Point] = []
    for angle in range(0, 360 + step, step):
        turn = math.radians(min(angle, 360))
        # the table of sines that OpenCV looks up has seven decimals
        across, down = round(math.cos(turn), 7), round(math.sin(turn), 7)
        corner = (round((centre_px + radius_px * across) * _ONE), round((centre_px + radius_px * down) * _ONE))
        if not corners or corner != corners[-1]:
            corners.append(corner)
    return corners


def _side(start: _Point, end: _Point, thickness_px: int) -> list[_Point]:
    """The rectangle around one side; an odd thickness is made half a pixel wider on each flank."""
    dx, dy = (start[0] - end[0]) / _ONE, (end[1] - start[1]) / _ONE
    half = (thickness_px * _HALF + (thickness_px & 1) * _ONE * 0.5) / math.hypot(dx, dy)
    ox, oy = round(dy * half), round(dx * half)
    return [(start[0] + ox, start[1] + oy), (start[0] - ox, start[1] - oy), (end[0] - ox, end[1] - oy), (end[0] + ox, end[1] + oy)]


def _fill(mask: Mask, corners: list[_Point]) -> None:
    """Fill a convex polygon: its outline, and on every row what lies between the two edges."""
    for start, end in zip([corners[-1], *corners[:-1]], corners, strict=True):
        _line(mask, start, end)
    rows = [(y + _HALF) >> _SHIFT for _, y in corners]
    top = min(range(4), key=lambda k: corners[k][1])
    at, until, x, slope = [top, top], [rows[top], rows[top]], [0, 0], [0, 0]
    left = 4
    for y in range(rows[top], max(rows) + 1):
        for side, way in ((0, 1), (1, 3)):
            if y < until[side]:
                continue
            here, there = at[side], (at[side] + way) % 4
            while left > 0:
                left -= 1
                if rows[there] > y:
                    span = rows[there] - y
                    slope[side] = _quotient((corners[there][0] - corners[here][0]) * 2 + span, 2 * span)
                    x[side], until[side], at[side] = corners[here][0], rows[there], there
                    break
                here, there = there, (there + way) % 4
            else:
                left -= 1
        if left < 0:
            break
        first, last = sorted(x)
        mask[y, (first + _HALF) >> _SHIFT : ((last + _HALF) >> _SHIFT) + 1] = True
        x = [x[0] + slope[0], x[1] + slope[1]]


def _line(mask: Mask, start: _Point, end: _Point) -> None:
    """A line one pixel wide, stepping along its longer direction."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    flat = abs(dx) > abs(dy)
    if (dx if flat else dy) < 0:
        start, end, dx, dy = end, start, -dx, -dy
    mask[(end[1] + _HALF) >> _SHIFT, (end[0] + _HALF) >> _SHIFT] = True
    long, short = (0, 1) if flat else (1, 0)
    slope = _quotient((dy if flat else dx) * _ONE, (dx if flat else dy) | 1)
    count = (end[long] - start[long]) >> _SHIFT
    a, b = (start[long] + _HALF) >> _SHIFT, start[short] + _HALF
    for k in range(count + 1):
        across = (b + k * slope) >> _SHIFT
        mask[(across, a + k) if flat else (a + k, across)] = True


def _quotient(a: int, b: int) -> int:
    """Division that rounds towards zero, for positive ``b``."""
    return a // b if a >= 0 else -(-a // b)
