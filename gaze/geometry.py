"""Picture coordinates and visual angles of a pinhole scene camera.

A point of the picture is a direction: the ray from the camera through it (gnomonic projection). The camera looks along +z, x points
right, y points down; ``aspect`` is width over height, pixels are square, the principal point is the centre.

``x_deg`` and ``y_deg`` are field angles: how far a ray turns from the optical axis, seen from above and seen from the side. They are
the angles of eye-tracker files; the angle *between* two points is :func:`angle_deg`, which is exact.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Values: TypeAlias = float | npt.ArrayLike


def tangent_scale(hfov_deg: float, aspect: float) -> tuple[float, float]:
    """Width and height of the picture in a plane one unit in front of the camera.

    Raises:
        ValueError: A field of view outside 0..180 degrees (both exclusive), or an aspect that is not positive.
    """
    if not 0.0 < hfov_deg < 180.0:
        raise ValueError(f"a pinhole camera's horizontal field of view lies between 0 and 180 degrees, got {hfov_deg}")
    if not (aspect > 0.0 and math.isfinite(aspect)):
        raise ValueError(f"aspect is width over height and positive, got {aspect}")
    width = 2.0 * math.tan(math.radians(hfov_deg) / 2.0)
    return width, width / aspect


def norm_to_deg(x_norm: Values, y_norm: Values, *, hfov_deg: float, aspect: float) -> tuple[Array, Array]:
    """Field angles of picture points.

    Args:
        x_norm: [...] float, 0 left to 1 right.
        y_norm: [...] float, 0 top to 1 bottom.
        hfov_deg: Horizontal field of view of the picture, degrees.
        aspect: Width over height.

    Returns:
        ``(x_deg, y_deg)``, float64 [...], right and down positive, within -90..90.
    """
    width, height = tangent_scale(hfov_deg, aspect)
    x, y = np.asarray(x_norm, np.float64), np.asarray(y_norm, np.float64)
    return np.degrees(np.arctan((x - 0.5) * width)), np.degrees(np.arctan((y - 0.5) * height))


def deg_to_norm(x_deg: Values, y_deg: Values, *, hfov_deg: float, aspect: float) -> tuple[Array, Array]:
    """Picture points of field angles, the inverse of :func:`norm_to_deg`.

    Args:
        x_deg: [...] float, right positive.
        y_deg: [...] float, down positive.
        hfov_deg: Horizontal field of view of the picture, degrees.
        aspect: Width over height.

    Returns:
        ``(x_norm, y_norm)``, float64 [...]; NaN in both where an angle reaches 90 degrees, which no picture plane can hold.
    """
    width, height = tangent_scale(hfov_deg, aspect)
    x, y = np.asarray(x_deg, np.float64), np.asarray(y_deg, np.float64)
    ahead = (np.abs(x) < 90.0) & (np.abs(y) < 90.0)
    x_norm = np.tan(np.radians(np.where(ahead, x, np.nan))) / width + 0.5
    y_norm = np.tan(np.radians(np.where(ahead, y, np.nan))) / height + 0.5
    return x_norm, y_norm


def norm_to_ray(x_norm: Values, y_norm: Values, *, hfov_deg: float, aspect: float) -> Array:
    """Unit directions of picture points.

    Returns:
        float64 [..., 3]: x right, y down, z forward, camera frame.
    """
    width, height = tangent_scale(hfov_deg, aspect)
    x, y = np.broadcast_arrays(np.asarray(x_norm, np.float64), np.asarray(y_norm, np.float64))
    ray = np.stack([(x - 0.5) * width, (y - 0.5) * height, np.ones_like(x)], axis=-1)
    unit: Array = ray / np.linalg.norm(ray, axis=-1, keepdims=True)
    return unit


def ray_to_norm(ray: npt.ArrayLike, *, hfov_deg: float, aspect: float) -> tuple[Array, Array]:
    """Picture points of directions, the inverse of :func:`norm_to_ray`.

    Args:
        ray: float [..., 3], of any length: x right, y down, z forward, camera frame.
        hfov_deg: Horizontal field of view of the picture, degrees.
        aspect: Width over height.

    Returns:
        ``(x_norm, y_norm)``, float64 [...]; NaN in both for a direction to the side of the camera or behind it.
    """
    width, height = tangent_scale(hfov_deg, aspect)
    given = np.asarray(ray, np.float64)
    depth = np.where(given[..., 2] > 0.0, given[..., 2], np.nan)
    return given[..., 0] / depth / width + 0.5, given[..., 1] / depth / height + 0.5


def angle_deg(x0_norm: Values, y0_norm: Values, x1_norm: Values, y1_norm: Values, *, hfov_deg: float, aspect: float) -> Array:
    """Angular distance between picture points, exact at every size and place.

    Returns:
        float64 [...], degrees, 0..180.
    """
    a = norm_to_ray(x0_norm, y0_norm, hfov_deg=hfov_deg, aspect=aspect)
    b = norm_to_ray(x1_norm, y1_norm, hfov_deg=hfov_deg, aspect=aspect)
    return ray_angle_deg(a, b)


def ray_angle_deg(a: npt.ArrayLike, b: npt.ArrayLike) -> Array:
    """Angle between directions of any length, exact at every size.

    Args:
        a: float [..., 3].
        b: float [..., 3], broadcast against ``a``.

    Returns:
        float64 [...], degrees, 0..180; NaN where a direction is.
    """
    u, v = np.asarray(a, np.float64), np.asarray(b, np.float64)
    # the arc tangent of cross over dot keeps its digits where the arc cosine loses them, near zero
    across = np.linalg.norm(np.cross(u, v), axis=-1)
    return np.asarray(np.degrees(np.arctan2(across, np.sum(u * v, axis=-1))), np.float64)


def perifovea_px(width_px: int, hfov_deg: float, radius_deg: float = 13.0) -> int:
    """Radius in pixels of the region seen sharply around the gaze, by the linear rule ``int(radius * width / hfov)``.

    The rule takes every pixel as the same angle, as StreamGaze (2025) does; 92 px for 640 px and 90 degrees.

    Raises:
        ValueError: An argument is not positive.
    """
    if width_px <= 0 or not hfov_deg > 0.0 or not radius_deg > 0.0:
        raise ValueError(f"width, field of view and radius are positive, got {width_px}, {hfov_deg}, {radius_deg}")
    return max(1, int(radius_deg * width_px / hfov_deg))


def perifovea_box_norm(
    x_norm: float, y_norm: float, width_px: int, height_px: int, hfov_deg: float, radius_deg: float = 13.0
) -> tuple[float, float, float, float] | None:
    """Square around the gaze, clipped to the picture.

    Gaze just outside the picture is moved to its edge first, so that the box is never thinner than the radius (or the picture).

    Args:
        x_norm: Gaze, 0 left to 1 right.
        y_norm: Gaze, 0 top to 1 bottom.
        width_px: Of the picture.
        height_px: Of the picture.
        hfov_deg: Horizontal field of view of the picture, degrees.
        radius_deg: Half the side of the square, degrees, by :func:`perifovea_px`.

    Returns:
        ``(x0, y0, x1, y1)`` normalised, or ``None`` where gaze left the picture by more than the radius.
    """
    radius_px = perifovea_px(width_px, hfov_deg, radius_deg)
    rx, ry = radius_px / width_px, radius_px / height_px
    if not (-rx <= x_norm <= 1.0 + rx and -ry <= y_norm <= 1.0 + ry):
        return None
    x, y = min(max(x_norm, 0.0), 1.0), min(max(y_norm, 0.0), 1.0)
    return max(0.0, x - rx), max(0.0, y - ry), min(1.0, x + rx), min(1.0, y + ry)
